"""Which likelihood a modality has: a name, or a mapping of that and options, looked up among what is installed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar, cast

from pydantic import BaseModel, ConfigDict

from ..distributions import SUPPORTS, Likelihood
from ..distributions.likelihoods import ScaleConfig, Support
from ..errors import MmgenError
from ..options import validated, without_idle
from ..registry import load, name_of

KEPT = (*ScaleConfig.model_fields, "offset")  # options that are of the values rather than of one likelihood


class LikelihoodChoice(BaseModel):
    """The name of a likelihood, and all its options as further fields."""

    model_config = ConfigDict(frozen=True, extra="allow")
    words: ClassVar[str] = "name | mapping of name and options"  # what a user would call this type

    name: str

    @property
    def options(self) -> dict[str, Any]:
        """All its options."""
        return dict(self.model_extra or {})


def as_mapping(choice: Any) -> Any:
    """A choice as a mapping: of a name or a class, of that alone; anything else as it is."""
    if isinstance(choice, LikelihoodChoice):
        return choice.model_dump()
    if isinstance(choice, str | type):
        return {"name": name_of("likelihoods", choice)}
    return choice


def with_mappings(fields: Mapping[str, Any]) -> dict[str, Any]:
    """The fields of a modality with every likelihood as a mapping, so that options can be merged into it."""
    written = dict(fields)
    if "likelihood" in written:
        written["likelihood"] = as_mapping(written["likelihood"])
    if isinstance(written.get("likelihoods"), Mapping):
        written["likelihoods"] = {column: as_mapping(choice) for column, choice in written["likelihoods"].items()}
    return written


def replaced_choice(before: Any, given: Any) -> Any:
    """A choice (as a mapping) that takes the place of another one: what that says of its scale, or of the offset of
    counts, stays where the new likelihood has one too.
    """
    if not isinstance(before, Mapping) or not isinstance(given, Mapping):
        return given
    if given.get("name", before.get("name")) == before.get("name"):
        return given
    try:
        fields = load("likelihoods", str(given["name"])).Config.model_fields
    except MmgenError:
        return given  # which is refused when the modality is made
    kept = {key: before[key] for key in KEPT if key in before and key in fields}
    return {**kept, **given}


def without_idle_options(choice: Any, requested: Any) -> Any:
    """A choice (as a mapping) without the options that have no effect beside others, unless they were ``requested``."""
    if not isinstance(choice, Mapping) or not isinstance(choice.get("name"), str):
        return choice
    try:
        kind = cast(type[Likelihood], load("likelihoods", choice["name"]))
    except MmgenError:
        return choice  # which is refused when the modality is made
    options = {key: value for key, value in choice.items() if key != "name"}
    asked = requested if isinstance(requested, Mapping) else {}
    return {"name": choice["name"], **without_idle(kind.Config, options, asked)}


def resolve_choice(
    choice: Any,
    default: Any,
    own: Mapping[str, Mapping[str, Any]],
    supports: Sequence[Support],
    what: str,
) -> dict[str, Any]:
    """A choice with every option, checked.

    Args:
        choice: A name, a class, or a mapping of options, with ``name`` where it is not the default one.
        default: The name that is meant where there is none.
        own: Options by name of the likelihood that differ here from its own defaults.
        supports: What the values are.
        what: The kind of modality that has them, such as "vector".

    Raises:
        ValueError: A likelihood that is not there, or not for such values, or an option that it does not have.
    """
    given = as_mapping(choice)
    if not isinstance(given, Mapping):
        raise ValueError(f"{choice!r} is neither the name of a likelihood nor a mapping of name and options")
    name = given.get("name", default)
    if not isinstance(name, str):
        raise ValueError(f"{name!r} is not the name of a likelihood")
    try:
        kind = cast(type[Likelihood], load("likelihoods", name))
        if kind.support not in supports:
            held = [SUPPORTS[support].words for support in supports]
            held_words = held[0] if len(held) == 1 else f"{', '.join(held[:-1])} or {held[-1]}"
            raise ValueError(
                f"{name!r} is a likelihood of {kind.values_in_words()}, and the kind {what} of {held_words}; "
                "mmgen list likelihoods shows what there is"
            )
        options = {**own.get(name, {}), **{key: value for key, value in given.items() if key != "name"}}
        resolved = validated(kind.Config, options, "")
    except MmgenError as error:
        raise ValueError(str(error).removeprefix(": ").removesuffix(".")) from error
    return {"name": name, **resolved.model_dump(mode="json")}


def likelihood_class(choice: LikelihoodChoice) -> type[Likelihood]:
    """The class that a choice names."""
    return cast(type[Likelihood], load("likelihoods", choice.name))


def make_likelihood(
    choice: LikelihoodChoice | str, shape: tuple[int, ...], *, categories: int | None = None, **options: Any
) -> Likelihood:
    """The likelihood of a choice, or of a name and options, for data of ``shape``.

    >>> from mmgen.data import make_likelihood
    >>> make_likelihood("laplace", (3,), scale=0.75).outputs
    1
    """
    name, options = (choice, options) if isinstance(choice, str) else (choice.name, choice.options)
    kind: Any = load("likelihoods", name)
    config = validated(kind.Config, options, "likelihood")
    return kind(shape, config) if categories is None else kind(shape, config, categories=categories)
