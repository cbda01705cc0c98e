"""The likelihoods of numbers in one's own table: their scales are learned, column by column."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, cast

from ...distributions.likelihoods import Support
from ...errors import MmgenError
from ...registry import load
from ..likelihood_choice import as_mapping

LEARNED = {"scale_kind": "learned", "least_scale": 0.03}
# 0.03 standard deviations: a thousandth of a column's variance may stay unexplained. A column without noise would
# otherwise have its scale fall for as long as the training lasts, and its gradients drown those of all others.


def with_learned_scale(choice: Any, default: str) -> Any:
    """A choice of a likelihood, ``default`` where it says none, with a learned scale unless it says something else;
    unchanged where its likelihood has none.
    """
    given = as_mapping({} if choice is None else choice)
    name = given.get("name", default) if isinstance(given, Mapping) else None
    if not isinstance(name, str):
        return choice
    try:
        has_scale = LEARNED.keys() <= load("likelihoods", name).Config.model_fields.keys()
    except MmgenError:
        return choice  # which is refused when the modality is made
    if not has_scale:
        return choice
    own = LEARNED if given.get("scale_kind", "learned") != "fixed" else {}
    return {"name": name, **own, **given}


def likelihood_support(fields: Mapping[str, Any]) -> Support:
    """What the values of a vector with these fields are; real numbers where its likelihood is none that there is."""
    choice = as_mapping(fields.get("likelihood", {}))
    name = choice.get("name", "normal") if isinstance(choice, Mapping) else "normal"
    try:
        return cast(Support, load("likelihoods", name).support)
    except MmgenError:
        return "real"
