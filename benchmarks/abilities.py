"""The table of docs/abilities.md: every installed objective with every ability of the core, tried out.

``python benchmarks/abilities.py`` writes the table between the marks of the page. A dot means that the objective, with
that ability alone, was trained for an epoch on a toy, evaluated, and held what the contract of objectives checks of it
(rows, what is missing, gradients; for private latents, covariates and empty cells their own checks). A number is the
sentence with which it is refused.
"""

from __future__ import annotations

import sys
import warnings
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import torch

import mmgen
from mmgen.errors import MmgenError
from mmgen.registry.components import entries, load
from mmgen.testing import toy_data
from mmgen.testing.contracts.abilities import check_covariates, check_empty_cells, check_private_latents

PAGE = Path(__file__).parents[1] / "docs" / "abilities.md"
START, END = "<!-- table -->", "<!-- end of the table -->"
KINDS = ("vector", "counts", "tags")
Check = Callable[[str, Any, Any], None]


def _of_aggregator(name: str) -> dict[str, Any]:
    return {"options": {"aggregator": name}}


ABILITIES: dict[str, dict[str, Any]] = {
    "private latents": {"options": {"private_dim": 2}, "check": check_private_latents, "rows": 24},
    "covariates": {"data": {"covariates": True}, "check": check_covariates},
    "empty cells": {"data": {"cells": 0.3}, "check": check_empty_cells},
    "Student-t": {"options": {"modalities": {"vector": {"likelihood": "student-t"}}}},
    "`weighted-poe`": _of_aggregator("weighted-poe"),
    "`barycentre`": _of_aggregator("barycentre"),
    "`moment-matched`": _of_aggregator("moment-matched"),
    "posterior `flow`": _of_aggregator("flow"),
    "prior `flow`": {"options": {"prior": "flow"}},
    "sampler `gmm`": {"sampler": {"name": "gmm", "components": 2}},
    "averaged weights": {"training": {"average": 0.9}},
}


def tried(objective: str, ability: Mapping[str, Any]) -> str | None:
    """None where an objective has an ability; the sentence with which it is refused otherwise.

    Raises:
        AssertionError: It is not refused, and does not hold what it promises.
    """
    kind = load("objectives", objective)
    names = KINDS[: kind.most_modalities]
    data = toy_data(names, **ability.get("data", {}))
    options = dict(ability.get("options", {}))
    if "modalities" in options:
        options["modalities"] = {name: change for name, change in options["modalities"].items() if name in names}
    try:
        model = mmgen.MultimodalVAE.create(objective, data, latent_dim=3, **options)
        run = mmgen.Trainer(epochs=1, **ability.get("training", {})).fit(model, data)
        if "sampler" in ability:
            run.generate(sampler=ability["sampler"], n=3)
    except MmgenError as refusal:
        return str(refusal)
    rows = run.measurements(metrics=["reconstruction", "latent-classification"], notify=lambda sentence: None)
    assert all(torch.tensor(row["value"]).isfinite() for row in rows), f"{objective}: a number is not finite"
    check: Check | None = ability.get("check")
    if check is not None:
        check(objective, model.double().eval(), data.train[: ability.get("rows", 12)])
    return None


def table(objectives: list[str]) -> list[str]:
    """Lines of Markdown: the table, and the sentences that its numbers stand for."""
    sentences: list[str] = []
    lines = [f"| objective | {' | '.join(ABILITIES)} |", "|---" * (len(ABILITIES) + 1) + "|"]
    for objective in objectives:
        cells = []
        for ability in ABILITIES.values():
            sentence = tried(objective, ability)
            general = sentence and sentence.replace(f"The objective {objective!r}", "This objective")
            for component in ability.get("options", {}).values():
                general = general and general.replace(f" {component!r};", " …;")
            if general and general not in sentences:
                sentences.append(general)
            cells.append("●" if general is None else f"{sentences.index(general) + 1}")
        lines.append(f"| `{objective}` | {' | '.join(cells)} |")
    return [*lines, "", *(f"{number}. {sentence}" for number, sentence in enumerate(sentences, 1))]


def main() -> None:
    """Write the table into the page."""
    warnings.simplefilter("ignore")
    torch.set_num_threads(1)
    names = sorted(entry.name for entry in entries("objectives"))
    text = PAGE.read_text(encoding="utf-8")
    before, after = text.split(START)[0], text.split(END)[1]
    PAGE.write_text("\n".join([before + START, "", *table(names), "", END + after]), encoding="utf-8")
    sys.stdout.write(f"{PAGE}\n")


if __name__ == "__main__":
    main()
