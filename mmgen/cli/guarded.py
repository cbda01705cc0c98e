"""Errors as sentences and exit codes."""

from __future__ import annotations

import errno
import os
import sys
import warnings
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, TypeGuard

from ..errors import shortened
from ..processes import is_main_process

if TYPE_CHECKING:
    import typer

OF_THE_MACHINE = {  # what a user can put right: space, rights, places, names, what is open at once, shares and devices
    *(errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EFBIG, errno.EIO, errno.EACCES, errno.EPERM, errno.ENOENT),
    *(errno.ENOTDIR, errno.EISDIR, errno.ENAMETOOLONG, errno.ELOOP, errno.EMFILE, errno.ENFILE, errno.ESTALE),
    *(errno.EINTR, errno.EBUSY, errno.ETIMEDOUT, errno.ENOTCONN, errno.ENODEV, errno.ENXIO),
}


NO_MEMORY = (  # as PyTorch says it of its devices, and it and NumPy of more than there are addresses for
    *("can't allocate memory", "out of memory", "Storage size calculation overflowed"),
    *("array is too big", "Maximum allowed dimension exceeded"),
)


def run_guarded(app: typer.Typer, arguments: Sequence[str]) -> int:
    """Run the application and return the exit code: 0, 2 for what a user can put right, 130 and 143 after a signal."""
    import typer.main

    words = [word for word in arguments if word != "--debug"]
    debug = len(words) < len(arguments)
    command: Any = typer.main.get_command(app)
    warnings.showwarning = _one_line
    try:
        result = command.main(args=words, prog_name="mmgen", standalone_mode=False)
        return result if isinstance(result, int) else 0
    except KeyboardInterrupt:
        return _fail("Stopped.", False, 130)
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except SystemExit as error:
        return _exit(error, debug)
    except Exception as error:
        return _end(error, debug)


def _end(error: Exception, debug: bool) -> int:
    """Say what went wrong; the exit code."""
    from ..errors import MmgenError, first_line, reason_of
    from ..registry.blame import culprit_of, sentence_about

    if isinstance(error, MmgenError):
        return _fail(error, debug, 2)
    code = getattr(error, "exit_code", None)
    if code is not None:  # click: a bad option or argument, or an exit
        return code if not hasattr(error, "format_message") else _usage(error)
    if type(error).__name__ == "TrainingStopped":
        return _fail(error, False, error.code)  # type: ignore[attr-defined]
    if debug:
        raise error
    if lacks_memory(error):
        return _fail(f"There is not enough memory for this ({first_line(error)[:200]}); use less of it.", debug, 2)
    if _is_of_the_machine(error):
        place = f"{str(error.filename)!r} cannot be read or written" if error.filename else "Reading or writing failed"
        return _fail(f"{place}: {reason_of(error)}.", debug, 2)
    culprit = culprit_of(error)
    if culprit is not None:
        return _fail(f"{sentence_about(error, culprit)} (--debug shows where.)", debug, 2)
    what = f"{type(error).__name__}: {first_line(error)}"
    return _fail(f"Something unforeseen went wrong: {what} (--debug shows where.)", debug, 1)


def _exit(error: SystemExit, debug: bool) -> int:
    """Of a command that ends Python itself, which its distribution may; a component may not, least of all with 0."""
    from ..registry import entries
    from ..registry.blame import culprit_of

    culprit = culprit_of(error)
    if culprit is not None and culprit.distribution not in {entry.distribution for entry in entries("commands")}:
        sentence = f"{culprit} called sys.exit({error.code!r}) in {culprit.function}, which ended the command."
        return _fail(sentence, debug, 2)
    return error.code if isinstance(error.code, int) else int(error.code is not None)


def lacks_memory(error: BaseException) -> bool:
    """Whether an error says that there is not enough memory, for numpy, Python or PyTorch."""
    return isinstance(error, MemoryError) or (
        isinstance(error, RuntimeError | ValueError) and any(words in str(error) for words in NO_MEMORY)
    )


def is_sentence(error: BaseException) -> bool:
    """Whether the command line ends with one sentence and exit code 2 where this is raised."""
    from ..errors import MmgenError

    return isinstance(error, MmgenError) or lacks_memory(error) or _is_of_the_machine(error)


def _is_of_the_machine(error: BaseException) -> TypeGuard[OSError]:
    return isinstance(error, OSError) and error.errno in OF_THE_MACHINE


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
    alone = not is_main_process()
    if not alone or getattr(error, "everywhere", False):
        who = f" (process {os.environ['RANK']})" if alone else ""
        print(f"mmgen{who}: {shortened(str(error))}", file=sys.stderr)  # noqa: T201 - rich would wrap it, and scripts read it
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
