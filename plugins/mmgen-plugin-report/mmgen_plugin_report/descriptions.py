"""What a report and a model card say in words: the data, the objective, and what limits the numbers."""

from __future__ import annotations

import inspect
import re
from collections.abc import Mapping
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
class DataInWords:
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


def data_in_words(config: Mapping[str, Any], environment: Mapping[str, Any]) -> DataInWords:
    """From a run's configuration and environment; local paths are shortened to their last parts."""
    data = hidden(environment.get("data", {}))
    provenance, rows = data.get("provenance", {}), data.get("rows", {})
    kind = provenance.get("kind", "unknown")
    meaning = KINDS.get(kind, "The run does not say where its data come from.")
    said = {"train": "training", "val": "validation", "test": "test"}
    counts = ", ".join(f"{rows[name]:,} {words}" for name, words in said.items() if name in rows)
    facts = (
        ("Source", provenance.get("source", "")),
        ("Licence", data.get("licence", "")),
        ("Citation", data.get("citation", "")),
    )
    return DataInWords(
        config["dataset"]["name"],
        kind,
        meaning,
        provenance.get("summary", "").rstrip(".") + "." if provenance.get("summary") else "",
        f"{counts} rows" if counts else "",
        tuple((name, value) for name, value in facts if value),
    )


@dataclass(frozen=True)
class ObjectiveInWords:
    """What was maximised: the first line of the objective's documentation, and where its equation is published."""

    name: str
    summary: str
    source: str
    bound: str
    installed: bool


def objective_in_words(name: str) -> ObjectiveInWords:
    """From the docstring of an objective; a sentence that says so where it is not installed here."""
    try:
        kind = load("objectives", name)
    except PluginError:
        return ObjectiveInWords(
            name, f"The objective {name!r} is not installed here, so its description is missing.", "", "", False
        )
    text = inspect.getdoc(kind) or ""
    source = next((part for part in text.split("\n\n") if part.startswith("Source:")), "")
    bounds = {
        "joint": "a lower bound of log p(X) at β = 1 and weights 1",
        "own": "a lower bound of Σ log p(xₘ) at β = 1 and weights 1",
    }
    return ObjectiveInWords(
        name, _plain(brief(text)), _plain(source.removeprefix("Source:")), bounds.get(kind.bound, ""), True
    )


def _plain(text: str) -> str:
    """Documentation without the markup of reStructuredText, on one line."""
    text = re.sub(r":\w+(?::\w+)?:`~?([^`]*)`", r"\1", text)
    return " ".join(text.replace("``", "").replace("`", "").split())
