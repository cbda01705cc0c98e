"""One run, trained as ``mmgen train`` does it: what commands and comparisons share."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from rich.console import Console

from ..errors import MmgenError
from ..runs import Plan, Run, RunFolder
from .trainer import Trainer


def train_run(config: Mapping[str, Any], folder: RunFolder, *, resume: bool, screen: Console) -> Run:
    """Resolve a configuration, train in a folder or go on with the run that it holds, and say on what.

    Args:
        config: What :func:`mmgen.runs.layered` returns.
        folder: Of the run.
        resume: Whether to go on where the folder holds a run already.
        screen: Where sentences and progress go.

    Raises:
        MmgenError: What cannot be resolved or trained, a folder that cannot be used, or one that holds a run with other
            settings.
    """
    going_on = resume and folder.holds_a_run
    if not going_on and folder.holds_a_run:
        folder.claim()  # refuses, before anything is loaded
    plan = Plan.of(config)
    if going_on:
        _same(folder.config(), plan.config)
    if plan.config.get("recipe"):
        screen.print(
            f"Recipe: {plan.config['recipe']} (mmgen info {plan.config['recipe']} shows it; --set changes it)",
            highlight=False,
        )
    data = plan.data
    rows = ", ".join(f"{len(data.split(name))} {name}" for name in ("train", "val", "test"))
    screen.print(f"Data: {data.name}, {data.provenance.kind}: {data.provenance.summary} ({rows} rows)", highlight=False)
    if resume and not going_on:
        screen.print(f"There is no run in {folder.path} yet; this one starts from the beginning.", highlight=False)
    parameters = sum(p.numel() for p in plan.model.parameters())
    said_as = (
        f"Model: {plan.config['objective']['name']}, latent_dim {plan.model.config.latent_dim}, beta "
        f"{plan.model.config.beta:g}"
    )
    screen.print(f"{said_as}, {parameters:,} parameters", highlight=False)
    return Trainer(plan.training, console=screen).fit(
        plan.model,
        data,
        str(folder.path),
        resume=going_on,
        recipe=plan.config["recipe"],
        metrics=plan.config["metrics"],
    )


def differing(old: Mapping[str, Any], new: Mapping[str, Any], path: str = "") -> tuple[str, Any, Any] | None:
    """The first setting in which two configurations differ, as dotted path and both values; recipes' names do not
    count.
    """
    for key in {**old, **new}:
        here, there, where = old.get(key), new.get(key), f"{path}{key}"
        one, two = ({} if value is None else value for value in (here, there))
        if here != there and isinstance(one, Mapping) and isinstance(two, Mapping):
            found = differing(one, two, f"{where}.")
            if found is not None:
                return found
        elif here != there and where != "recipe":
            return where, here, there
    return None


def _same(old: Mapping[str, Any], new: Mapping[str, Any]) -> None:
    """What is resumed must be what was started; only the number of epochs, the metrics, and where the data are may
    differ.
    """
    found = differing(_essential(old), _essential(new))
    if found is not None:
        where, here, there = found
        raise MmgenError(
            f"--resume: the run was started with {where}={here!r}, and now it would be {there!r}; leave it out, or "
            "choose another --output."
        )


def _essential(config: Mapping[str, Any]) -> dict[str, Any]:
    training = {key: value for key, value in config.get("training", {}).items() if key != "epochs"}
    dataset = {
        key: value for key, value in config.get("dataset", {}).items() if not _is_place(value)
    }  # the fingerprint says which data
    return {
        **{key: value for key, value in config.items() if key != "metrics"},
        "training": training,
        "dataset": dataset,
    }


def _is_place(value: Any) -> bool:
    return isinstance(value, str | Path) and Path(value).is_absolute()
