"""The hooks: grids of generated values while a model trains, and a section of reports.

Grids are drawn where the environment variable ``MMGEN_SAMPLES_EVERY`` is a number of epochs; without it nothing happens
during a training.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from mmgen import MmgenError, ReportSection, hookimpl

from .folder import VARIABLE, grids, samples_folder


@hookimpl
def mmgen_train_start(run: Any, model: Any, data: Any) -> None:
    """Refuse a wrong option before anything is trained, and draw what the untrained model generates."""
    folder = samples_folder(run)
    if every() and folder is not None and not grids(folder):  # a training that goes on has its first grid already
        _draw(model, data, folder, "epoch-00000", "before the first step")


@hookimpl
def mmgen_epoch_end(run: Any, model: Any, data: Any, record: dict) -> None:
    """Draw a grid after every so many epochs."""
    folder = samples_folder(run)
    if every() and folder is not None and record["epoch"] % every() == 0:
        _draw(model, data, folder, f"epoch-{record['epoch']:05}", f"after epoch {record['epoch']}")


@hookimpl
def mmgen_train_end(run: Any, model: Any, data: Any) -> None:
    """Draw a grid of the model that was kept, which need not be that of the last epoch."""
    folder = samples_folder(run)
    if every() and folder is not None:
        _draw(model, data, folder, "kept", "the model that was kept")


@hookimpl
def mmgen_report_section(run: Any) -> ReportSection | None:
    """The grids that a run has, with the losses of their epochs; nothing where it has none."""
    folder = samples_folder(run)
    losses = {
        record["epoch"]: [record.get(part, {}).get("loss", "") for part in ("train", "val")] for record in run.history
    }
    rows = []
    for path in [] if folder is None else grids(folder):
        epoch = int(path.stem.removeprefix("epoch-")) if path.stem != "kept" else None
        rows.append(["kept" if epoch is None else epoch, *losses.get(epoch, ["", ""]), f"figures/samples/{path.name}"])
    if not rows:
        return None
    text = "Grids of generated values that were drawn during the training. mmgen samples makes a film of them."
    return ReportSection(
        "Samples during the training", text, ("epoch", "training loss", "validation loss", "file"), rows
    )


def every() -> int:
    """The epochs from one grid to the next; 0: no grids."""
    text = os.environ.get(VARIABLE, "0").strip()
    if not text.isascii() or not text.isdigit():
        raise MmgenError(f"{VARIABLE} is {text!r}; it should be a number of epochs, such as 10, or 0 for no grids")
    return int(text)


def _draw(model: Any, data: Any, folder: Path, name: str, title: str) -> None:
    from .grid import draw_grid  # only where it is used: matplotlib takes a while

    draw_grid(model, data, folder / f"{name}.png", title)
