"""A grid of real and generated values: a column per row of the data, the originals of a modality above what is
generated from the others.
"""

from __future__ import annotations

import textwrap
from pathlib import Path

import numpy as np
import torch
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from mmgen import Batch, Data, MmgenError, MultimodalVAE, Rendering

COLUMNS = 8  # rows of the data that are shown
MODALITIES = 8  # the first so many
WIDE, HIGH, LEFT, TOP = 1.1, 0.9, 1.4, 0.4  # inches: of a cell, and left of and above all cells
Line = tuple[str, list[Rendering | None]]


def draw_grid(model: MultimodalVAE, data: Data, path: Path, title: str) -> None:
    """Draw what a model generates now, the same rows and draws each time; the training's random numbers stay as they
    are.

    Raises:
        MmgenError: A model that generates nothing.
    """
    devices = [model.device] if model.device.type == "cuda" else []
    with torch.random.fork_rng(devices=devices):
        torch.manual_seed(0)
        lines = grid_lines(model, shown_rows(data))
    width, height = WIDE * len(lines[0][1]) + LEFT, HIGH * len(lines) + TOP
    figure = Figure(figsize=(width, height))
    for n, (label, cells) in enumerate(lines):
        both = [
            cell for _, line in lines[n - n % 2 : n - n % 2 + 2] for cell in line
        ]  # originals and generated values on one scale
        bottom = (height - TOP - HIGH * (n + 1)) / height
        axes = figure.add_axes((LEFT / width, bottom, 1 - LEFT / width, 0.9 * HIGH / height))
        draw_line(axes, label, cells, limits_of(both))
    figure.suptitle(f"{data.name}, {title} ({data.provenance.kind} data)", fontsize=10)
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(f".{path.name}.tmp")  # mmgen sweeps up such names after a process that was killed
    figure.savefig(partial, format="png", dpi=100)
    partial.replace(path)


def shown_rows(data: Data) -> Batch:
    """Rows at equal distances among the validation rows, or the training rows where there are none."""
    table = data.val if len(data.val) else data.train
    return table[torch.linspace(0, len(table) - 1, min(COLUMNS, len(table))).round().long()]


def grid_lines(model: MultimodalVAE, batch: Batch) -> list[Line]:
    """For every modality the originals, and what is generated from all others, or from everything where the objective
    cannot do that.
    """
    names = list(model.modalities)
    found: list[Line] = []
    for m, name in enumerate(names):
        if name not in model.decoder_sizes:
            continue
        others = [other for other in names if other != name]
        given = others if others and model.infers(others) else names
        if not model.infers(given):
            continue
        modality = model.modalities[name]
        values = model.generate(batch.to(model.device), given, [name])[name][0].cpu()
        real = [
            modality.render(x.numpy()) if there else None
            for x, there in zip(batch.data[name], batch.available[:, m], strict=True)
        ]
        found.append((f"{name}\noriginal", real))
        found.append(
            (f"{name}\nfrom {'the rest' if given is others else 'all'}", [modality.render(x.numpy()) for x in values])
        )
    if not found:
        raise MmgenError("there is nothing to draw, since the model generates no modality")
    return found[: 2 * MODALITIES]


def limits_of(cells: list[Rendering | None]) -> tuple[float, float]:
    """The range of bars, with 0 in it."""
    numbers = [float(x) for cell in cells if cell is not None and cell.kind == "bars" for x in cell.content]
    return min([*numbers, 0.0]), max([*numbers, 1e-9])


def draw_line(axes: Axes, label: str, cells: list[Rendering | None], limits: tuple[float, float]) -> None:
    """All values of a line in one pair of axes, the n-th from n to n + 1; None is a missing one, and stays empty."""
    low, high = limits
    for n, cell in enumerate(cells):
        if cell is None:
            continue
        left, right = n + 0.05, n + 0.95
        if cell.kind == "picture":
            axes.imshow(
                cell.content,
                cmap="gray",
                vmin=0,
                vmax=1,
                extent=(left, right, 0, 1),
                aspect="auto",
                interpolation="nearest",
            )
        elif cell.kind == "raster":
            axes.imshow(
                cell.content, cmap="viridis", extent=(left, right, 0, 1), aspect="auto", interpolation="nearest"
            )
        elif cell.kind == "bars":
            heights = (np.array(cell.content, dtype=float) - low) / (high - low)
            axes.stairs(
                heights, np.linspace(left, right, len(heights) + 1), baseline=-low / (high - low), fill=True, color="C0"
            )
        else:
            words = "\n".join(textwrap.wrap(cell.content, 16)[:5]).replace("$", r"\$")
            axes.text(n + 0.5, 0.5, words, ha="center", va="center", fontsize=7)
    axes.set(xlim=(0, len(cells)), ylim=(0, 1))
    axes.axis("off")
    axes.text(-0.05, 0.5, label, ha="right", va="center", fontsize=8)
