"""YAML with safe loading, and numbers as people write them."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import yaml

from .errors import MmgenError

_Base: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)  # the one in C, where it was built, is eight times as quick


class _Loader(_Base):
    """Safe loading, in which 1e-3 is a number (YAML 1.2) and not a string (YAML 1.1)."""


_Loader.add_implicit_resolver(
    "tag:yaml.org,2002:float",
    re.compile(r"^[-+]?(?:\d[\d_]*\.?[\d_]*|\.\d[\d_]*)(?:[eE][-+]?\d+)?$|^[-+]?\.(?:inf|Inf|INF)$|^\.(?:nan|NaN|NAN)$"),
    list("-+0123456789."),
)


def parse_yaml(text: str, where: str) -> Any:
    """The value that ``text`` describes; ``where`` names it in the error."""
    try:
        return yaml.load(text, Loader=_Loader)
    except (yaml.YAMLError, ValueError) as error:  # ValueError: a date that there is not
        mark = getattr(error, "problem_mark", None)
        at = f" in line {mark.line + 1}" if mark is not None else ""
        raise MmgenError(f"{where} is not valid YAML{at}: {getattr(error, 'problem', None) or error}.") from error


def read_mapping(path: Path, where: str = "") -> dict[str, Any]:
    """A YAML file that must hold a mapping; ``where`` is the option that named the file."""
    named = f"{where}: the file {str(path)!r}" if where else f"The file {str(path)!r}"
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        reason = getattr(error, "strerror", None) or "it is not UTF-8 text"
        raise MmgenError(f"{named} cannot be read: {reason}.") from error
    value = parse_yaml(text, named)
    if not isinstance(value, dict):
        raise MmgenError(f"{named} must hold keys with values, in lines such as 'key: value', and it does not.")
    return value


def dump_yaml(value: Any) -> str:
    """Readable YAML, keys in the given order, short lists on one line."""
    return yaml.dump(value, Dumper=_Dumper, sort_keys=False, allow_unicode=True, width=140)


class _Dumper(yaml.SafeDumper):
    """Block style for mappings, flow style for lists of plain values."""


def _list(dumper: yaml.SafeDumper, value: list[Any]) -> yaml.Node:
    plain = not any(isinstance(item, (dict, list)) for item in value)
    return dumper.represent_sequence("tag:yaml.org,2002:seq", value, flow_style=plain)


_Dumper.add_representer(list, _list)
