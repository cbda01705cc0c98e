"""YAML with safe loading, and numbers and names as people write them."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any, ClassVar

import yaml

from .errors import MmgenError

_Base: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)  # the one in C, where it was built, is eight times as quick
_SCALARS = (  # tag, what is written so, and the characters that it begins with
    ("bool", r"true|True|TRUE|false|False|FALSE", "tTfF"),
    ("int", r"[-+]?(?:0|[1-9][\d_]*)", "-+0123456789"),
    (
        "float",
        r"[-+]?(?:(?:0|[1-9][\d_]*)(?:\.[\d_]*)?|\.\d[\d_]*)(?:[eE][-+]?\d+)?|[-+]?\.(?:inf|Inf|INF)|\.(?:nan|NaN|NAN)",
        "-+0123456789.",
    ),
    ("null", r"~|null|Null|NULL|", ["~", "n", "N", ""]),
    ("merge", r"<<", "<"),
)
_NULL = "tag:yaml.org,2002:null"
_STRING = "tag:yaml.org,2002:str"
_LARGEST = 2**26  # bytes of a file
_MOST = 1_000_000  # values in a file, once its aliases are written out
_DEEPEST = 200  # levels of a file; the loader in C ends the process at some tens of thousands


class _Loader(_Base):
    """Safe loading by the scalars of YAML 1.2: 1e-3 is a number, and NO, on, 010, 12:30 and 2024-01-01 are strings."""

    yaml_implicit_resolvers: ClassVar[dict[str, list[Any]]] = {}


def _resolve(yaml_class: Any) -> None:
    """Let plain scalars be what :data:`_SCALARS` says, beside what else the class makes of them."""
    for tag, pattern, first in _SCALARS:
        yaml_class.add_implicit_resolver(f"tag:yaml.org,2002:{tag}", re.compile(rf"^(?:{pattern})$"), list(first))


_resolve(_Loader)


def parse_yaml(text: str, where: str, names: Sequence[tuple[str, ...]] = ()) -> Any:
    """The value that ``text`` describes.

    Args:
        text: One document.
        where: What it is, for the error.
        names: The keys that lead to names (``*`` is any key): scalars there, in lists there, and the keys of a mapping
            there are strings as they are written, whatever they look like.
    """
    try:
        _check_extent(text, where)
        loader = _Loader(text)
        try:
            node = loader.get_single_node()
            if node is None:
                return None
            if _size(node, {}) > _MOST:
                raise MmgenError(f"{where} has more than {_MOST} values once its aliases (*) are written out.")
            for path in names:
                _take_as_written(node, path)
            return loader.construct_document(node)
        finally:
            loader.dispose()
    except RecursionError as error:
        raise MmgenError(
            f"{where} is not valid YAML: a value holds itself, or aliases (*) are nested too deep."
        ) from error
    except (AttributeError, TypeError) as error:  # such as !!timestamp x
        raise MmgenError(f"{where} is not valid YAML: a value is not of the kind that its tag (!!) says.") from error
    except (yaml.YAMLError, ValueError) as error:  # ValueError: a number that there is not
        mark = getattr(error, "problem_mark", None)
        at = f" in line {mark.line + 1}" if mark is not None else ""
        raise MmgenError(f"{where} is not valid YAML{at}: {getattr(error, 'problem', None) or error}.") from error


def _check_extent(text: str, where: str) -> None:
    """Refuse too many levels or values, before anything is made of them; what is short cannot have them."""
    depth = count = 0
    for event in yaml.parse(text, Loader=_Loader) if len(text) > _DEEPEST else ():
        count += not isinstance(event, yaml.CollectionEndEvent)
        depth += isinstance(event, yaml.CollectionStartEvent) - isinstance(event, yaml.CollectionEndEvent)
        if depth > _DEEPEST:
            raise MmgenError(f"{where} has more than {_DEEPEST} levels, one within the other.")
        if count > _MOST:
            raise MmgenError(f"{where} has more than {_MOST} values.")


def _size(node: Any, seen: dict[int, int]) -> int:
    """How many values a node has, where each alias counts as what it stands for."""
    if id(node) not in seen:
        parts = [part for pair in node.value for part in pair] if isinstance(node, yaml.MappingNode) else node.value
        seen[id(node)] = 1 if isinstance(node, yaml.ScalarNode) else 1 + sum(_size(part, seen) for part in parts)
    return seen[id(node)]


def _take_as_written(node: Any, path: tuple[str, ...]) -> None:
    """Make the scalars that ``path`` leads to strings; what is empty, and a null that stands alone, stays nothing."""
    if path:
        for key, value in node.value if isinstance(node, yaml.MappingNode) else ():
            if path[0] in ("*", key.value):
                _take_as_written(value, path[1:])
        return
    alone = isinstance(node, yaml.ScalarNode)
    parts = [key for key, _ in node.value] if isinstance(node, yaml.MappingNode) else [node] if alone else node.value
    for part in parts:
        plain = isinstance(part, yaml.ScalarNode) and part.style not in ("'", '"', "|", ">")
        if plain and part.value and not (alone and part.tag == _NULL):
            part.tag = _STRING


def read_mapping(path: Path, where: str = "", names: Sequence[tuple[str, ...]] = ()) -> dict[str, Any]:
    """A YAML file that must hold a mapping; ``where`` is the option that named it, ``names`` is
    :func:`parse_yaml`'s.
    """
    named = f"{where}: the file {str(path)!r}" if where else f"The file {str(path)!r}"
    try:
        with path.open("rb") as file:
            content = file.read(_LARGEST + 1)  # of a device there is no end
        text = content.decode()
    except (OSError, UnicodeDecodeError) as error:
        reason = getattr(error, "strerror", None) or "it is not UTF-8 text"
        raise MmgenError(f"{named} cannot be read: {reason}.") from error
    if len(content) > _LARGEST:
        raise MmgenError(f"{named} is larger than {_LARGEST >> 20} MiB; what is read as YAML is not.")
    value = parse_yaml(text, named, names)
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
_resolve(_Dumper)  # beside those of YAML 1.1: the strings "1e3" and "NO" are both quoted, for readers of either
