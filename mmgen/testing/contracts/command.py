"""What every command must hold."""

from __future__ import annotations

import inspect
from contextlib import redirect_stderr
from io import StringIO
from typing import ClassVar

from ...cli.app import app
from ...cli.commands import built
from ...cli.guarded import run_guarded
from ...registry import brief, find, summary
from .contract import Contract, does_not_apply

LONGEST = 140  # letters of the line in the list of commands


class CommandContract(Contract):
    """Standard checks of a command: what the help shows of it, and what becomes of a wrong option."""

    kind: ClassVar[str] = "commands"

    def test_its_help_is_a_sentence(self) -> None:
        """The first line of the docstring is what the list of commands shows."""
        line = brief(inspect.getdoc(self.loaded()))
        assert line.endswith("."), f"{self.who}: the first line of its docstring, {line!r}, is no sentence"
        assert len(line) <= LONGEST, f"{self.who}: the first line of its docstring has more than {LONGEST} letters"

    def test_its_help_is_found_without_an_import(self) -> None:
        """The list of commands reads it from the source, so the function must be defined where its entry point says."""
        if not isinstance(self.component, str):
            does_not_apply("it is given as a function, without an entry point")
        line = brief(inspect.getdoc(self.loaded()))
        found = summary(find(self.kind, self.component))
        assert found == line, f"{self.who}: the list finds {found!r} in its source, and its docstring begins {line!r}"

    def test_every_option_is_described(self) -> None:
        """Options and arguments have a help."""
        for parameter in built(self.who, self.loaded()).params:
            assert getattr(parameter, "help", None), f"{self.who}: there is no help for {parameter.opts[0]}"

    def test_a_wrong_option_is_one_sentence(self) -> None:
        """Exit code 2, and a sentence that names it."""
        if not isinstance(self.component, str):
            does_not_apply("it is given as a function, without an entry point")
        said = StringIO()
        with redirect_stderr(said):
            code = run_guarded(app, [self.component, "--no-such-option"])
        assert code == 2, f"{self.who}: a wrong option ends with exit code {code}"
        sentence = said.getvalue()
        assert "--no-such-option" in sentence and sentence.count("\n") == 1, f"{self.who} says {sentence!r}"
