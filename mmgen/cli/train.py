"""``mmgen train``."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from ..runs import RunFolder, layered
from ..runs.config import from_assignments, over
from ..runs.opening import located
from ..training.single import train_run
from .screen import console


def command(
    objective: str | None,
    dataset: str | None,
    recipe: str | None,
    config: Path | None,
    assignments: list[str],
    aggregator: str | None,
    prior: str | None,
    output: Path | None,
    resume: bool,
    training: dict[str, Any],
    model: dict[str, Any],
) -> None:
    """Resolve the configuration, train, and say where the run is."""
    screen = console()
    options: dict[str, Any] = {
        "training": {key: value for key, value in training.items() if value is not None},
        "model": {key: value for key, value in model.items() if value is not None},
    }
    options |= {
        key: {"name": value} for key, value in (("aggregator", aggregator), ("prior", prior)) if value is not None
    }
    options = {key: value for key, value in options.items() if value}
    begun = RunFolder(output) if resume and output is not None and RunFolder(output).holds_a_run else None
    if begun is not None and not any((objective, dataset, recipe, config)):
        written = begun.config()
        written["dataset"] = located(written["dataset"], begun)
        wanted = over(written, over(from_assignments(assignments), options))
    else:
        wanted = layered(
            objective=objective, dataset=dataset, recipe=recipe, config=config, assignments=assignments, options=options
        )
    folder = RunFolder(output if output is not None else _default_output(wanted, resume))
    run = train_run(wanted, folder, resume=resume, screen=screen)
    screen.print(f"Run: {run.path}", highlight=False)
    screen.print(f"Next: mmgen evaluate {run.path}", highlight=False)


def _default_output(config: dict[str, Any], resume: bool) -> Path:
    """``runs/DATASET-OBJECTIVE``, with a number where that is taken; the newest of them to resume."""
    short = [config[section]["name"].rpartition(":")[2] for section in ("dataset", "objective")]
    base = Path("runs") / "-".join(short)
    taken = [base] if base.exists() else []
    number = 2
    while (numbered := base.with_name(f"{base.name}-{number}")).exists():
        taken.append(numbered)
        number += 1
    if resume and taken:
        return taken[-1]
    return numbered if taken else base
