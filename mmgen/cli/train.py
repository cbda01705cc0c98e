"""``mmgen train``."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from ..errors import MmgenError
from ..options import merge
from ..runs import Plan, RunFolder, layered
from ..training import Trainer
from .tables import console


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
    options |= {key: {"name": value} for key, value in (("aggregator", aggregator), ("prior", prior)) if value is not None}
    options = {key: value for key, value in options.items() if value}
    said = any((objective, dataset, recipe, config, assignments))
    if resume and output is not None and RunFolder(output).holds_a_run and not said:
        wanted = merge(RunFolder(output).config(), options)
    else:
        wanted = layered(objective=objective, dataset=dataset, recipe=recipe, config=config, assignments=assignments, options=options)
    folder = RunFolder(output if output is not None else _default_output(wanted, resume))
    going_on = resume and folder.holds_a_run
    if not going_on and folder.holds_a_run:
        folder.claim()  # refuses, before anything is loaded
    plan = Plan.of(wanted)
    if going_on:
        _same(folder.config(), plan.config)
    if plan.config.get("recipe"):
        screen.print(f"Recipe: {plan.config['recipe']} (mmgen info {plan.config['recipe']} shows it; --set changes it)", highlight=False)
    data = plan.data
    rows = ", ".join(f"{len(data.split(name))} {name}" for name in ("train", "val", "test"))
    screen.print(f"Data: {data.name}, {data.provenance.kind}: {data.provenance.summary} ({rows} rows)", highlight=False)
    if resume and not going_on:
        screen.print(f"There is no run in {folder.path} yet; this one starts from the beginning.", highlight=False)
    parameters = sum(p.numel() for p in plan.model.parameters())
    said_as = f"Model: {plan.config['objective']['name']}, latent_dim {plan.model.config.latent_dim}, beta {plan.model.config.beta:g}"
    screen.print(f"{said_as}, {parameters:,} parameters", highlight=False)
    run = Trainer(plan.training, console=screen).fit(
        plan.model, data, str(folder.path), resume=going_on, recipe=plan.config["recipe"], metrics=plan.config["metrics"]
    )
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


def _same(old: dict[str, Any], new: dict[str, Any], path: str = "") -> None:
    """What is resumed must be what was started; only the number of epochs may differ."""
    for key in {**old, **new}:
        here, there, where = old.get(key), new.get(key), f"{path}{key}"
        if isinstance(here, dict) and isinstance(there, dict):
            _same(here, there, f"{where}.")
        elif here != there and where not in ("training.epochs", "recipe") and not where.startswith("metrics"):
            raise MmgenError(
                f"--resume: the run was started with {where}={here!r}, and now it would be {there!r}; leave it out, or choose another --output."
            )
