"""Options checked by pydantic models, with errors that a person can act on."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from types import UnionType
from typing import Annotated, Any, Literal, TypeVar, Union, get_args, get_origin

from pydantic import BaseModel, ValidationError

from .errors import MmgenError, listed, nearest

Model = TypeVar("Model", bound=BaseModel)


def validated(model: type[Model], options: Mapping[str, Any], where: str) -> Model:
    """``model(**options)``; what does not fit becomes one sentence that names the option, what was given and what would be right."""
    try:
        return model.model_validate(dict(options))
    except ValidationError as error:
        raise MmgenError(" ".join(dict.fromkeys(_sentence(model, detail, where) for detail in error.errors()))) from error


def type_in_words(annotation: Any) -> str:
    """The type of an option as a user would say it: without what checks it, and the values where there are only some."""
    origin, parts = get_origin(annotation), get_args(annotation)
    if origin is Annotated:
        return type_in_words(parts[0])
    if origin is Literal:
        return " | ".join(map(str, parts))
    if origin in (Union, UnionType):
        return " | ".join(type_in_words(part) for part in parts)
    if origin is not None:
        return f"{type_in_words(origin)}[{', '.join('…' if part is Ellipsis else type_in_words(part) for part in parts)}]"
    return str({type(None): "none", Path: "path", Any: "any"}.get(annotation) or getattr(annotation, "__name__", annotation))


def _sentence(model: type[BaseModel], detail: Any, where: str) -> str:
    path = [str(part) for part in detail["loc"]]
    at = ".".join([where, *path]) if where else ".".join(path)
    given = detail.get("input")
    kind = detail["type"]
    if kind == "extra_forbidden":
        known = _fields_at(model, path[:-1])
        return f"{at}: there is no such option; there are {listed(sorted(known))}{nearest(path[-1], known)}."
    if kind == "missing":
        return f"{at}: this option must be given."
    if kind == "value_error":
        return f"{at}: {str(detail['msg']).removeprefix('Value error, ')}."
    message = str(detail["msg"])
    wanted = message.removeprefix("Input should be ").removeprefix("a valid ")
    return (
        f"{at}: {given!r} is not right; it should be {wanted}."
        if message.startswith("Input should be ")
        else f"{at}: {given!r}: {message}."
    )


def _fields_at(model: type[BaseModel], path: list[str]) -> list[str]:
    """Names of the fields of the model that lies at ``path`` inside ``model``."""
    current: Any = model
    for part in path:
        field = getattr(current, "model_fields", {}).get(part)
        current = field.annotation if field is not None else None
    return list(getattr(current, "model_fields", {}))


def merge(weak: Mapping[str, Any], strong: Mapping[str, Any]) -> dict[str, Any]:
    """``strong`` over ``weak``, mapping by mapping; options of a component go when another component takes its place."""
    merged = dict(weak)
    for key, value in strong.items():
        old = merged.get(key)
        if isinstance(value, Mapping) and isinstance(old, Mapping):
            replaced = "name" in value and "name" in old and value["name"] != old["name"]
            merged[key] = dict(value) if replaced else merge(old, value)
        else:
            merged[key] = value
    return merged
