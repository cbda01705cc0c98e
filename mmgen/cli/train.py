"""``mmgen train``."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

from ..evaluation.prospects import prospects
from ..processes import is_main_process
from ..runs import RunFolder
from ..screen import console
from ..training.train import configured, train_run

LONG = 60.0  # seconds of training after which a few more say what the model can do


def command(
    objective: str | None,
    dataset: str | None,
    recipe: str | None,
    scale: str | None,
    config: Path | None,
    assignments: list[str],
    output: Path | None,
    resume: bool,
    quiet: bool,
    settings: dict[str, Any],
) -> None:
    """Resolve the configuration, train, and say where the run is; ``quiet`` says nothing but errors."""
    screen = console(quiet=quiet)
    resolved = configured(
        objective,
        dataset,
        recipe=recipe,
        scale=scale,
        config=config,
        resumed=RunFolder(output) if resume and output is not None else None,
        assignments=assignments,
        settings={name: value for name, value in settings.items() if value is not None},
    )
    folder = RunFolder(output if output is not None else _default_output(resolved, resume))
    began = time.monotonic()
    run = train_run(resolved, folder, resume=resume, screen=screen)
    long = time.monotonic() - began > LONG
    if long and not quiet and is_main_process() and (sentence := prospects(run)):
        screen.print(sentence, highlight=False)
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
