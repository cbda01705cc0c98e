"""Sentences of a report and a model card: about the data, the objective, and the versions of a run."""

from __future__ import annotations

import inspect
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from mmgen.errors import PluginError
from mmgen.registry import brief, load

from .hub.layout import hidden

KINDS = {
    "real": "Real data, measured.",
    "simulated": "Simulated data, not measurements. The numbers say how methods compare on this simulation, and "
    "nothing about the world.",
    "stand-in": "A stand-in, made from other material in the layout of the published data. The numbers are not "
    "comparable with published ones.",
}


@dataclass(frozen=True)
class DataDescription:
    """The data of a run.

    Attributes:
        name: Of the dataset.
        kind: real, simulated or stand-in; 'unknown' where the run does not say.
        meaning: What that means for the numbers.
        summary: What they are, in a sentence.
        rows: How many, in words.
        facts: Source, licence and citation, where there are any.
    """

    name: str
    kind: str
    meaning: str
    summary: str
    rows: str
    facts: tuple[tuple[str, str], ...]


def describe_data(config: Mapping[str, Any], environment: Mapping[str, Any]) -> DataDescription:
    """From a run's configuration and environment; local paths are shortened to their last parts."""
    data = hidden(environment.get("data", {}))
    provenance, rows = data.get("provenance", {}), data.get("rows", {})
    kind = provenance.get("kind", "unknown")
    meaning = KINDS.get(kind, "The run does not say where its data come from.")
    splits = {"train": "training", "val": "validation", "test": "test"}
    counts = ", ".join(f"{rows[name]:,} {word}" for name, word in splits.items() if name in rows)
    facts = (
        ("Source", provenance.get("source", "")),
        ("Licence", data.get("licence", "")),
        ("Citation", data.get("citation", "")),
    )
    return DataDescription(
        config["dataset"]["name"],
        kind,
        meaning,
        provenance.get("summary", "").rstrip(".") + "." if provenance.get("summary") else "",
        f"{counts} rows" if counts else "",
        tuple((name, value) for name, value in facts if value),
    )


@dataclass(frozen=True)
class ObjectiveDescription:
    """What was maximised: the first line of the objective's documentation, and where its equation is published."""

    name: str
    summary: str
    source: str
    bound: str
    installed: bool


def describe_objective(name: str) -> ObjectiveDescription:
    """From the docstring of an objective; a sentence that says so where it is not installed here."""
    try:
        kind = load("objectives", name)
    except PluginError:
        return ObjectiveDescription(
            name, f"The objective {name!r} is not installed here, so its description is missing.", "", "", False
        )
    text = inspect.getdoc(kind) or ""
    source = next((part for part in text.split("\n\n") if part.startswith("Source:")), "")
    bounds = {
        "joint": "a lower bound of log p(X) at β = 1 and weights 1",
        "own": "a lower bound of Σ log p(xₘ) at β = 1 and weights 1",
    }
    return ObjectiveDescription(
        name, _plain(brief(text)), _plain(source.removeprefix("Source:")), bounds.get(kind.bound, ""), True
    )


def component_versions(environment: Mapping[str, Any]) -> dict[str, str]:
    """The version of each distribution that a run has components of."""
    components = environment.get("components", [])
    return {one["distribution"]: one["version"] for one in components if one.get("distribution")}


def enumerate_words(words: Sequence[str]) -> str:
    """``a, b and c``."""
    return " and ".join([", ".join(words[:-1]), words[-1]] if len(words) > 1 else words)


def _plain(text: str) -> str:
    """Documentation without the markup of reStructuredText, on one line."""
    text = re.sub(r":\w+(?::\w+)?:`~?([^`]*)`", r"\1", text)
    return " ".join(text.replace("``", "").replace("`", "").split())
