"""Options checked by pydantic models, with errors that a person can act on."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import UnionType
from typing import Annotated, Any, ClassVar, Literal, Self, TypeVar, Union, get_args, get_origin

from pydantic import BaseModel, ConfigDict, ValidationError, model_validator

from .errors import MmgenError, alternatives, listed

Model = TypeVar("Model", bound=BaseModel)


@dataclass(frozen=True)
class Unless:
    """Any value of another option but this one."""

    value: Any

    def __contains__(self, value: Any) -> bool:
        return bool(value != self.value)


Condition = Mapping[str, tuple[Any, ...] | Unless]


def _describe_conditions(schema: dict[str, Any], model: type[Options]) -> None:
    for name in model.only_with:
        field = schema["properties"][name]
        field["description"] = f"{field['description']} {condition_in_words(model, name)}"


class Options(BaseModel):
    """Options of a component: frozen, without unknown ones, and without any that was set and does nothing.

    Attributes:
        only_with: Of options that have an effect beside certain values of others alone: those values, by option, such
            as ``{"bottleneck": {"network": ("conv",)}}``. Without any, an option that is inherited has no effect here
            at all. An option that has none must have its default, which says nothing.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", json_schema_extra=_describe_conditions)
    only_with: ClassVar[Mapping[str, Condition]] = {}

    @classmethod
    def __pydantic_init_subclass__(cls, **words: Any) -> None:
        super().__pydantic_init_subclass__(**words)
        for name, condition in cls.only_with.items():
            if unknown := {name, *condition} - set(cls.model_fields):
                raise TypeError(f"{cls.__name__}.only_with names {listed(sorted(unknown))}, which are no options of it")

    @model_validator(mode="after")
    def _every_option_has_an_effect(self) -> Self:
        for name, why in idle(type(self), vars(self)).items():
            if getattr(self, name) != default_of(type(self), name):
                raise ValueError(f"{name} {why}; leave it out")
        return self


def default_of(model: type[BaseModel], name: str) -> Any:
    """The default of an option."""
    return model.model_fields[name].get_default(call_default_factory=True)


def idle(model: type[BaseModel], values: Mapping[str, Any]) -> dict[str, str]:
    """The options that have no effect beside these values (defaults elsewhere), each with the end of a sentence:
    why.
    """
    reasons = {}
    for name, condition in getattr(model, "only_with", {}).items():
        if not condition:
            reasons[name] = "does nothing here"
        for option, effective in condition.items():
            actual = values[option] if option in values else default_of(model, option)
            if actual not in effective:
                reasons[name] = (
                    f"does nothing with {option}={_plain(actual)}, it is for {_condition(option, effective)}"
                )
    return reasons


def condition_in_words(model: type[BaseModel], name: str) -> str:
    """When an option has an effect, as a sentence; '' where that depends on no other."""
    only_with: Mapping[str, Condition] = getattr(model, "only_with", {})
    if name not in only_with:
        return ""
    conditions = " and ".join(_condition(option, values) for option, values in only_with[name].items())
    return f"Only with {conditions}." if conditions else "It does nothing here."


def _condition(option: str, values: tuple[Any, ...] | Unless) -> str:
    if isinstance(values, Unless):
        return f"{option} other than {_plain(values.value)}"
    return f"{option}={' or '.join(map(_plain, values))}"


def _plain(value: Any) -> str:
    return "none" if value is None else str(value).lower() if isinstance(value, bool) else str(value)


def without_idle(model: type[BaseModel], values: Mapping[str, Any], requested: Collection[str]) -> dict[str, Any]:
    """The values without those that have no effect, unless they were ``requested`` last: these are refused.

    So a choice takes the place of another one together with what only the other one has.
    """
    nothing = idle(model, values)
    return {name: value for name, value in values.items() if name in requested or name not in nothing}


def validated(model: type[Model], options: Mapping[str, Any], where: str) -> Model:
    """``model(**options)``; what does not fit becomes one sentence that names the option, what was given and what would
    be right.
    """
    try:
        return model.model_validate(dict(options))
    except ValidationError as error:
        raise MmgenError(
            " ".join(dict.fromkeys(_sentence(model, detail, where) for detail in error.errors()))
        ) from error


def type_in_words(annotation: Any) -> str:
    """The type of an option as a user would say it: without what checks it, and the values where there are only
    some.
    """
    origin, parts = get_origin(annotation), get_args(annotation)
    if origin is Annotated:
        return type_in_words(parts[0])
    if origin is Literal:
        return " | ".join(map(str, parts))
    if origin in (Union, UnionType):
        return " | ".join(type_in_words(part) for part in parts)
    if origin is not None:
        return (
            f"{type_in_words(origin)}[{', '.join('…' if part is Ellipsis else type_in_words(part) for part in parts)}]"
        )
    return str(
        {type(None): "none", Path: "path", Any: "any"}.get(annotation) or getattr(annotation, "__name__", annotation)
    )


def _sentence(model: type[BaseModel], detail: Any, where: str) -> str:
    path = [str(part) for part in detail["loc"]]
    at = ".".join([where, *path]) if where else ".".join(path)
    given = detail.get("input")
    kind = detail["type"]
    if kind == "extra_forbidden":
        known = _fields_at(model, path[:-1])
        return f"{at}: there is no such option; there are {alternatives(path[-1], sorted(known))}"
    if kind == "missing":
        return f"{at}: this option must be given."
    if kind == "value_error":
        return f"{at}: {str(detail['msg']).removeprefix('Value error, ')}."
    message = str(detail["msg"])
    if not message.startswith("Input should be "):
        return f"{at}: {given!r}: {message}."
    expected = message.removeprefix("Input should be ").removeprefix("a valid ")
    return f"{at}: {given!r} is not right; it should be {expected}."


def _fields_at(model: type[BaseModel], path: list[str]) -> list[str]:
    """Names of the fields of the model that lies at ``path`` inside ``model``."""
    current: Any = model
    for part in path:
        field = getattr(current, "model_fields", {}).get(part)
        current = field.annotation if field is not None else None
    return list(getattr(current, "model_fields", {}))


def merge(weak: Mapping[str, Any], strong: Mapping[str, Any]) -> dict[str, Any]:
    """``strong`` over ``weak``, mapping by mapping; options of a component go when another component takes its
    place.
    """
    merged = dict(weak)
    for key, value in strong.items():
        old = merged.get(key)
        if isinstance(value, Mapping) and isinstance(old, Mapping):
            replaced = "name" in value and "name" in old and value["name"] != old["name"]
            merged[key] = dict(value) if replaced else merge(old, value)
        else:
            merged[key] = value
    return merged
