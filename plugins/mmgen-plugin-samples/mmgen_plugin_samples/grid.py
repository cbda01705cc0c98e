"""A grid of real and generated values: the originals of a modality above what is generated from the others.

It has a column per row of the data. All values of a line share one pair of axes: a grid is drawn while a model trains,
and a figure with axes for each value takes several times as long.
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
    """Draw what a model generates now, the same rows and draws each time.

    The training's random numbers stay as they are.

    Args:
        model: That is trained.
        data: Of the training.
        path: The PNG file.
        title: What to say of the model.

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
        pair = lines[n - n % 2 : n - n % 2 + 2]  # originals and generated values on one scale
        bottom = (height - TOP - HIGH * (n + 1)) / height
        axes = figure.add_axes((LEFT / width, bottom, 1 - LEFT / width, 0.9 * HIGH / height))
        draw_line(axes, label, cells, limits_of([cell for _, line in pair for cell in line]))
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
    """For every modality the originals, and what is generated from all others.

    It is generated from everything where the objective cannot infer from the others alone.

    Raises:
        MmgenError: A model that generates nothing.
    """
    names = list(model.modalities)
    lines: list[Line] = []
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
        lines.append((f"{name}\noriginal", real))
        source = "the rest" if given is others else "all"
        lines.append((f"{name}\nfrom {source}", [modality.render(x.numpy()) for x in values]))
    if not lines:
        raise MmgenError("there is nothing to draw, since the model generates no modality")
    return lines[: 2 * MODALITIES]


def limits_of(cells: list[Rendering | None]) -> tuple[float, float]:
    """The range of bars, with 0 in it."""
    numbers = [float(x) for cell in cells if cell is not None and cell.kind == "bars" for x in cell.content]
    return min([*numbers, 0.0]), max([*numbers, 1e-9])


def draw_line(axes: Axes, label: str, cells: list[Rendering | None], limits: tuple[float, float]) -> None:
    """All values of a line in one pair of axes, the n-th from n to n + 1; None is a missing one, and stays empty.

    Args:
        axes: Where they are drawn.
        label: Left of them.
        cells: The values.
        limits: The range of bars.
    """
    for n, cell in enumerate(cells):
        if cell is not None:
            draw_value(axes, n, cell, limits)
    axes.set(xlim=(0, len(cells)), ylim=(0, 1))
    axes.axis("off")
    axes.text(-0.05, 0.5, label, ha="right", va="center", fontsize=8)


def draw_value(axes: Axes, n: int, cell: Rendering, limits: tuple[float, float]) -> None:
    """The n-th value of a line."""
    left, right = n + 0.05, n + 0.95
    extent = (left, right, 0.0, 1.0)
    if cell.kind == "picture":
        axes.imshow(cell.content, cmap="gray", vmin=0, vmax=1, extent=extent, aspect="auto", interpolation="nearest")
    elif cell.kind == "raster":
        axes.imshow(cell.content, cmap="viridis", extent=extent, aspect="auto", interpolation="nearest")
    elif cell.kind == "bars":
        low, high = limits
        heights = (np.array(cell.content, dtype=float) - low) / (high - low)
        edges = np.linspace(left, right, len(heights) + 1)
        axes.stairs(heights, edges, baseline=-low / (high - low), fill=True, color="C0")
    else:
        text = "\n".join(textwrap.wrap(cell.content, 16)[:5]).replace("$", r"\$")
        axes.text(n + 0.5, 0.5, text, ha="center", va="center", fontsize=7)
