"""Options checked by pydantic models, with errors that a person can act on."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import NoneType, UnionType
from typing import Annotated, Any, ClassVar, Literal, Self, TypeVar, Union, get_args, get_origin

from pydantic import BaseModel, ConfigDict, ValidationError, model_validator

from .errors import MmgenError, alternatives, ended, listed

Model = TypeVar("Model", bound=BaseModel)
EXPECTATION = "Input should be "  # begins the messages of pydantic that say what would be right
MOST = 2**63 - 1  # of what 64 bits hold, in which PyTorch and NumPy count
MOST_CHARACTERS = 60  # of a value in an error message


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
    """``model(**options)``; what does not fit first becomes one sentence that names the option, what was given and what
    would be right.
    """
    _check_numbers(options, where)
    try:
        return model.model_validate(dict(options))
    except ValidationError as error:
        raise MmgenError(_first_sentence(model, error.errors(), where)) from error


def _check_numbers(value: Any, where: str) -> None:
    """Refuse whole numbers that no tensor, seed or counter can be."""
    if isinstance(value, Mapping):
        for key, each in value.items():
            _check_numbers(each, f"{where}.{key}" if where else str(key))
    elif isinstance(value, list | tuple):
        for index, each in enumerate(value):
            _check_numbers(each, f"{where}.{index}")
    elif isinstance(value, int) and not -MOST <= value <= MOST:
        raise MmgenError(f"{where}: {_short(value)} is not right; it should be at most {MOST}.")


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
        return " | ".join(dict.fromkeys(type_in_words(part) for part in parts))
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return "mapping"
    if origin is not None:
        return (
            f"{type_in_words(origin)}[{', '.join('…' if part is Ellipsis else type_in_words(part) for part in parts)}]"
        )
    words = getattr(annotation, "words", None)  # a type may say itself what a user would call it
    known = words or {type(None): "none", Path: "path", Any: "any"}.get(annotation)
    return str(known or getattr(annotation, "__name__", annotation))


def _first_sentence(model: type[BaseModel], details: Sequence[Any], where: str) -> str:
    """What is wrong first.

    A misspelt name comes before all else, since it is also missing where it is required. An error inside a value comes
    before those of the value: a list of which an element is wrong is also too short, and a mapping is no number where
    either is right.
    """
    places = [_place(model, detail["loc"]) for detail in details]
    unknown = [i for i in range(len(details)) if details[i]["type"] == "extra_forbidden" and not places[i].is_known]
    first = (unknown or [i for i in range(len(details)) if details[i]["type"] != "extra_forbidden"] or [0])[0]
    for i, place in enumerate(places):
        if place.is_inside(places[first]):
            first = i
    same = [detail for detail, place in zip(details, places, strict=True) if place.path == places[first].path]
    return _sentence(details[first], places[first], same, where)


def _sentence(detail: Any, place: _Place, same: Sequence[Any], where: str) -> str:
    """About one error, with what other types of a union expect in the ``same`` place."""
    at = ".".join([where, *place.path] if where else place.path)
    if detail["type"] == "extra_forbidden":
        return f"{at}: there is no such option; there are {alternatives(place.path[-1], sorted(place.siblings))}"
    if detail["type"] == "missing":
        return f"{at}: this option must be given."
    message, given = str(detail["msg"]), _short(detail["input"])
    if detail["type"] == "value_error":
        return ended(f"{at}: {message.removeprefix('Value error, ')}")
    if not message.startswith(EXPECTATION):
        return ended(f"{at}: {given}: {message}")
    messages = [str(other["msg"]) for other in same if str(other["msg"]).startswith(EXPECTATION)]
    expected = dict.fromkeys(text.removeprefix(EXPECTATION).removeprefix("a valid ") for text in messages)
    return f"{at}: {given} is not right; it should be {' or '.join(expected)}."


def _short(value: Any) -> str:
    """A value as it was given, within a line."""
    text = repr(value) if not isinstance(value, int) or abs(value) <= MOST else "a number of more than 64 bits"
    return text if len(text) <= MOST_CHARACTERS else f"{text[:MOST_CHARACTERS]} …"


@dataclass(frozen=True)
class _Place:
    """Where an error is.

    Attributes:
        path: Names and numbers that lead there, as a user would write them.
        siblings: The options that there are beside the last of them.
    """

    path: list[str]
    siblings: set[str]

    @property
    def is_known(self) -> bool:
        """Whether there is such an option, as where another model of a union has it."""
        return bool(self.path) and self.path[-1] in self.siblings

    def is_inside(self, other: _Place) -> bool:
        """Whether this lies below the other one."""
        return len(self.path) > len(other.path) and self.path[: len(other.path)] == other.path


def _place(model: type[BaseModel], loc: Sequence[str | int]) -> _Place:
    """Where pydantic found an error: through models, sequences, mappings and unions, of which a user writes no tag."""
    path: list[str] = []
    siblings: set[str] = set()
    here: list[Any] = [model]
    for key in loc:
        members = [_members(annotation) for annotation in here]
        here = [member for each in members for member in each]
        if any(len(each) > 1 for each in members):
            continue  # the key is the tag by which pydantic tells the members of a union apart
        siblings = {name for annotation in here for name in getattr(annotation, "model_fields", {})}
        here = [inner for annotation in here for inner in _inside(annotation, key)]
        path.append(str(key))
    return _Place(path, siblings)


def _members(annotation: Any) -> list[Any]:
    """The types that a value may have, but None."""
    if get_origin(annotation) is Annotated:
        return _members(get_args(annotation)[0])
    if get_origin(annotation) in (Union, UnionType):
        return [member for part in get_args(annotation) if part is not NoneType for member in _members(part)]
    return [annotation]


def _inside(annotation: Any, key: str | int) -> list[Any]:
    """The type of what a value of some type has at a key: one, or none where that is not known."""
    fields = getattr(annotation, "model_fields", {})
    if key in fields:
        return [fields[key].annotation]
    origin, parts = get_origin(annotation), get_args(annotation)
    if not isinstance(origin, type) or not parts:
        return []
    if issubclass(origin, Mapping):
        return [parts[1]]
    if issubclass(origin, tuple) and parts[-1] is not Ellipsis:
        return [parts[key]] if isinstance(key, int) and key < len(parts) else []
    return [parts[0]] if issubclass(origin, Collection) else []


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
