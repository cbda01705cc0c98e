"""Errors as sentences and exit codes."""

from __future__ import annotations

import os
import sys
import warnings
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from ..processes import is_main_process

if TYPE_CHECKING:
    import typer


def run_guarded(app: typer.Typer, arguments: Sequence[str]) -> int:
    """Run the application and return the exit code: 0, 2 for what a user can put right, 130 and 143 after a signal."""
    import typer.main

    from ..errors import MmgenError

    words = [word for word in arguments if word != "--debug"]
    debug = len(words) < len(arguments)
    command: Any = typer.main.get_command(app)
    warnings.showwarning = _one_line
    try:
        result = command.main(args=words, prog_name="mmgen", standalone_mode=False)
        return result if isinstance(result, int) else 0
    except MmgenError as error:
        return _fail(error, debug, 2)
    except KeyboardInterrupt:
        return _fail("Stopped.", False, 130)
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except Exception as error:
        code = getattr(error, "exit_code", None)
        if code is not None:  # click: a bad option or argument, or an exit
            return code if not hasattr(error, "format_message") else _usage(error)
        if type(error).__name__ == "TrainingStopped":
            return _fail(error, False, error.code)  # type: ignore[attr-defined]
        if debug:
            raise
        return _fail(
            f"Something unforeseen went wrong: {type(error).__name__}: {error} (--debug shows where.)", debug, 1
        )


def say_namesakes() -> None:
    """Say on the error output that another distribution's files are mixed with these."""
    from ..registry.namesakes import namesakes

    if is_main_process():
        for sentence in namesakes():
            print(f"mmgen: {sentence}", file=sys.stderr)  # noqa: T201


def _usage(error: Any) -> int:
    """A bad option or argument: click's sentence, which names it, and where to read more."""
    context = getattr(error, "ctx", None)
    sentence = str(error.format_message()).strip()
    sentence = sentence if sentence.endswith((".", "?", "!")) else sentence + "."
    where = context.command_path if context is not None else "mmgen"
    return _fail(f"{sentence} See {where} --help.", False, 2)


def _fail(error: object, debug: bool, code: int) -> int:
    if debug and isinstance(error, BaseException):
        raise error
    if is_main_process():
        print(f"mmgen: {error}", file=sys.stderr)  # noqa: T201 - rich would wrap it, and scripts read it
    return code


def _one_line(
    message: Warning | str,
    category: type[Warning],
    filename: str,
    lineno: int,
    file: Any = None,
    line: str | None = None,
) -> None:
    """Warnings as a sentence, without the source line that caused them."""
    if is_main_process() and category.__module__.startswith("mmgen"):
        print(f"mmgen: {message}", file=sys.stderr)  # noqa: T201
