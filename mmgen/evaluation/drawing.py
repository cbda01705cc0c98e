"""One value as people see it, and the frame of a picture that shows many."""

from __future__ import annotations

import io
import re
import textwrap
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Literal

import matplotlib as mpl
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from torch import Tensor

from ..data import Modality, Rendering
from ..files import write_atomically

COLOURS = mpl.colormaps["tab10"].colors  # type: ignore[attr-defined]
Limits = tuple[float, float]
MISSING = Rendering("text", "missing")
DOTS_PER_INCH = 130
SHORT = 16  # characters that fit into a small cell
WIDE = 28  # characters of a line in a large one
CELL = (112.0, 76.0)  # width and height of a large cell in points, without its border
MOST_BARS = 400  # in a cell


def save_figure(figure: Figure, path: Path) -> Path:
    """Write a figure as PNG, whole or not at all."""
    write_atomically(path, lambda temporary: figure.savefig(temporary, format="png", dpi=DOTS_PER_INCH))
    return path


def figure_png(figure: Figure) -> bytes:
    """A figure as PNG, as it is in the ``figures`` folder of a run."""
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", dpi=DOTS_PER_INCH)
    return buffer.getvalue()


def rendered(
    modality: Modality, values: Iterable[Tensor], available: Iterable[bool | Tensor] | None = None
) -> list[Rendering]:
    """Values as people see them: pictures, rasters, bars or text.

    Args:
        modality: Whose values.
        values: In data units, on the CPU, ``[N, *shape]``.
        available: Whether each is there, ``[N]``; all by default. In the place of others it says that they are missing.
    """
    if available is None:
        return [modality.render(value.numpy()) for value in values]
    return [
        modality.render(value.numpy()) if there else MISSING for value, there in zip(values, available, strict=True)
    ]


def common_limits(renderings: Sequence[Rendering]) -> Limits | None:
    """The range of several bar charts or rasters, so that they can be compared; None for what has no range."""
    numbers = [np.ravel(r.content) for r in renderings if r.kind in ("bars", "raster")]
    values = np.concatenate([*numbers, np.empty(0)]).astype(float)
    values = values[~np.isnan(values)]  # bars that are missing
    if not len(values):
        return None
    low, high = min(float(values.min()), 0.0), float(values.max())
    return low, high if high > low else low + 1


def draw_rendering(axes: Axes, rendering: Rendering, limits: Limits | None = None) -> None:
    """One value without axes around it; text is wrapped to the width of its cell.

    Args:
        axes: Where.
        rendering: What :meth:`mmgen.Modality.render` gives.
        limits: The range of bars or a raster; its own by default (:func:`common_limits` of several).
    """
    low, high = limits or common_limits([rendering]) or (0.0, 1.0)
    if rendering.kind == "picture":
        axes.imshow(rendering.content, cmap="gray", vmin=0, vmax=1, interpolation="nearest")
    elif rendering.kind == "raster":
        _draw_raster(axes, rendering.content, low, high)
    elif rendering.kind == "bars":
        _draw_bars(axes, np.asarray(rendering.content, dtype=float))
        if low < 0:
            axes.axhline(0, color="grey", linewidth=0.5)
        axes.set_ylim(low - 0.05 * (high - low), high + 0.05 * (high - low))
    else:
        _draw_text(axes, rendering.content)
    axes.set_xticks([])
    axes.set_yticks([])


def _draw_bars(axes: Axes, values: np.ndarray) -> None:
    """One outline for all bars; where they are narrower than a dot, the range of several in one."""
    parts = np.array_split(values, min(len(values), MOST_BARS))
    there = [part[~np.isnan(part)] for part in parts]
    low = np.array([part.min(initial=0.0) if len(part) else np.nan for part in there])
    high = np.array([part.max(initial=0.0) if len(part) else np.nan for part in there])
    edges = np.cumsum([0, *map(len, parts)]) - 0.5
    axes.stairs(high, edges, baseline=low, fill=True, color=COLOURS[0])
    axes.set_xlim(edges[0], edges[-1])


def _draw_raster(axes: Axes, values: np.ndarray, low: float, high: float) -> None:
    """A matrix; what is long and thin, and so no picture of something, is stretched to be seen at all."""
    rows, columns = values.shape
    aspect: Literal["equal", "auto"] = "equal" if 0.5 <= rows / columns <= 2 else "auto"
    axes.imshow(values, cmap="viridis", aspect=aspect, interpolation="nearest", vmin=low, vmax=high)


def _draw_text(axes: Axes, text: str) -> None:
    lines, size = _fitted(text)
    axes.text(
        0.5,
        0.5,
        lines.replace("$", r"\$"),
        ha="center",
        va="center",
        transform=axes.transAxes,
        fontsize=size,
        linespacing=1.1,
    )


def _fitted(text: str) -> tuple[str, float]:
    """Text in lines, and the size of letters (points) with which it fits into a cell; punctuation stays with the word
    before it.
    """
    if len(text) <= SHORT:
        return text, 8.0
    lines = textwrap.wrap(re.sub(r" ([,.;:!?])(?= |$)", r"\1", text), WIDE, break_long_words=True) or [""]
    return "\n".join(lines), min(8.0, CELL[0] / (0.56 * max(map(len, lines))), CELL[1] / (1.32 * len(lines)))


def label_line(axes: Axes, text: str, *, bold: bool = False) -> None:
    """What a row shows, at its left."""
    axes.set_ylabel(text, rotation=0, ha="right", va="center", fontsize=8, fontweight="bold" if bold else "normal")


def rendering_grid(
    lines: Sequence[tuple[str, bool]],
    cells: Sequence[Sequence[Rendering]],
    title: str,
    limits: Sequence[Limits | None],
    finish: Callable[[Axes, int], None] | None = None,
) -> Figure:
    """Lines of cells with a label each.

    Args:
        lines: What each line is called, and whether it is shown in bold (what is real, as against generated).
        cells: The values of each line, all of one number.
        title: Above everything.
        limits: The range of each line's bars or rasters.
        finish: Called with every cell and the number of its line, after it was drawn.
    """
    long = any(r.kind == "text" and len(r.content) > SHORT for line in cells for r in line)
    width, height = (1.75, 1.35) if long else (1.1, 1.1)
    figure = Figure(figsize=(width * len(cells[0]) + 1.5, height * len(lines) + 0.6), layout="constrained")
    panels = figure.subplots(len(lines), len(cells[0]), squeeze=False)
    for number, (axes, line, (name, bold), of_line) in enumerate(zip(panels, cells, lines, limits, strict=True)):
        for cell, rendering in zip(axes, line, strict=True):
            draw_rendering(cell, rendering, of_line)
            if finish is not None:
                finish(cell, number)
        label_line(axes[0], name, bold=bold)
    figure.suptitle(title, fontsize=10)
    return figure
