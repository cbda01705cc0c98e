"""What a call does to the machine, told by Python's audit events, and which options of a configuration are paths."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Annotated, Any, get_args

from pydantic import BaseModel, TypeAdapter, ValidationError

from ...errors import MmgenError

CHANGES = {
    "os.mkdir": "makes the folder",
    "os.rename": "renames",
    "os.remove": "removes",
    "os.rmdir": "removes the folder",
    "os.link": "links",
    "os.symlink": "links",
    "os.truncate": "truncates",
}
OUTSIDE = (
    "socket.connect",
    "socket.getaddrinfo",
    "socket.gethostbyname",
    "socket.sendto",
    "subprocess.Popen",
    "os.system",
    "os.posix_spawn",
)
WRITING = os.O_WRONLY | os.O_RDWR | os.O_CREAT

_heard: list[list[str]] = []  # what is being listened to; an audit hook stays for the life of the process
_installed: list[bool] = []


def side_effects(call: Callable[[], object]) -> list[str]:
    """What ``call`` does beyond reading files, as phrases: what it writes or removes, and whether it reaches outside.

    It is not let start another program or reach the network.

    What imports write (bytecode, a library's first start) is theirs and does not count. Errors only end the call.
    """
    if not _installed:
        sys.addaudithook(_listen)
        _installed.append(True)
    _heard.append([])
    try:
        call()
    except Exception:  # the machine is looked at here, not what it answers
        pass
    finally:
        heard = _heard.pop()
    return list(dict.fromkeys(heard))


def _listen(event: str, arguments: tuple[Any, ...]) -> None:
    if not _heard:
        return
    phrase = _phrase(event, arguments)
    if phrase and not _within_an_import():
        _heard[-1].append(phrase)
        if event in OUTSIDE:
            raise OSError(f"{event} is not let here")


def _phrase(event: str, arguments: tuple[Any, ...]) -> str | None:
    if event in CHANGES:
        return f"{CHANGES[event]} {arguments[0]}"
    if event in OUTSIDE:
        return f"reaches outside ({event})"
    if event == "open" and arguments[0] != os.devnull:
        mode, flags = arguments[1] or "", arguments[2] or 0
        if any(letter in mode for letter in "wax+") or (not mode and flags & WRITING):
            return f"writes {arguments[0]}"
    return None


def _within_an_import() -> bool:
    """Whether an import is under way between the call and what it does."""
    frame = sys._getframe(2)
    while frame is not None and frame.f_code is not side_effects.__code__:
        if frame.f_code.co_filename.startswith("<frozen importlib"):
            return True
        frame = frame.f_back  # type: ignore[assignment]
    return False


def path_options(config: type[BaseModel]) -> list[str]:
    """Names of the options that are paths, or hold some."""
    return [name for name, field in config.model_fields.items() if _mentions_path(field.annotation)]


def _mentions_path(annotation: Any) -> bool:
    return annotation is Path or any(_mentions_path(part) for part in get_args(annotation))


def relative_paths(config: BaseModel, option: str) -> list[Path]:
    """Which paths of an option stay relative when given so: beside the other options, alone, or by type.

    None where it is refused: an option whose file is read on the spot names nothing later.
    """
    kind, field = type(config), type(config).model_fields[option]
    given = Path("some", "folder")
    for value in (given, [given], {"one": given}):
        for others in (config.model_dump(exclude_defaults=True), {}):
            try:
                made = kind.model_validate({**others, option: value})
            except ValidationError:
                continue
            except MmgenError:
                return []
            return [path for path in _paths(getattr(made, option)) if not path.is_absolute()]
        try:
            annotation: Any = Annotated[field.annotation, *field.metadata] if field.metadata else field.annotation
            alone: TypeAdapter[Any] = TypeAdapter(annotation)
            return [path for path in _paths(alone.validate_python(value)) if not path.is_absolute()]
        except ValidationError:
            continue
    return []


def _paths(value: Any) -> Iterator[Path]:
    if isinstance(value, Path):
        yield value
    elif isinstance(value, Mapping | list | tuple | set):
        for each in value.values() if isinstance(value, Mapping) else value:
            yield from _paths(each)
