"""Figures of what a model has learned: heat maps of variance explained and of gains, and bars of loadings."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from .drawing import COLOURS
from .empty_dimensions import empty_dimensions, empty_names
from .evaluation import Evaluation
from .grids import data_caption
from .loadings import Loadings

if TYPE_CHECKING:
    from .modality_gain import Gains
    from .variance_explained import Explained

MOST_NUMBERS = 240  # cells, at most, that have their number written into them
TOP = 10  # columns of a dimension that have bars
MOST_DIMENSIONS = 16  # of the figure of loadings
NEGATIVE = -0.005  # a share that is written as less than 0 %
LONG = 30  # characters of a name in a figure


def shortened(name: str, length: int = LONG) -> str:
    """A name that fits beside a bar, without what matplotlib would read as mathematics."""
    short = name if len(name) <= length else f"{name[: length - 9]}…{name[-8:]}"
    return short.replace("$", r"\$")


def variance_figure(evaluation: Evaluation, found: Sequence[Explained]) -> Figure:
    """A line per modality and a column per dimension, and the whole as bars beside it."""
    parts = list(dict.fromkeys(name for each in found for name in each.parts))
    parts.sort(key=lambda name: "zwc".index(name[0]))  # sorting is stable: z, private latents, all else
    values = np.array([[each.parts.get(name, np.nan) for name in parts] for each in found])
    names = [shortened(each.target) + (" (symbols)" if each.symbols else "") for each in found]
    width = min(max(0.42 * len(parts), 2.5), 16)
    figure = Figure(figsize=(width + 4.2, 0.42 * len(found) + 1.9), layout="constrained")
    heat, whole = figure.subplots(1, 2, sharey=True, width_ratios=[width, 1.8])
    image = _heat(heat, 100 * values, names, parts, "Blues", low=0.0, room=3)
    heat.set_xlabel("by one dimension alone", fontsize=9)
    figure.colorbar(image, ax=heat, label="% of variance", shrink=0.9, pad=0.01)
    totals = [100 * each.total for each in found]
    whole.barh(range(len(found)), np.clip(totals, 0, None), color=COLOURS[0], height=0.7)
    for line, total in enumerate(totals):
        whole.text(max(total, 0) + 2, line, f"{total:.0f}", va="center", fontsize=8)
    whole.set_xlim(0, max(110, 1.25 * max(totals)))
    whole.set_xlabel("by all, %", fontsize=9)
    whole.tick_params(labelsize=8)
    whole.spines[["top", "right"]].set_visible(False)
    said = [f"Variance explained, {data_caption(evaluation)}"]
    use = empty_dimensions(evaluation)
    if use is not None and use.empty:
        said.append(f"{use.in_words()}: the same for every row")
    if any(share <= NEGATIVE for each in found for share in (each.total, *each.parts.values())):
        said.append("below 0: what is decoded is further from these rows than their mean")
    figure.suptitle("\n".join(said), fontsize=10)
    return figure


def gain_figure(evaluation: Evaluation, found: Sequence[Gains]) -> Figure:
    """A line per predicted modality: the score given all others, and how much of it is lost without each."""
    sources = [name for name in evaluation.names if any(name in each.without or name == each.target for each in found)]
    values = np.array([[each.without.get(name, (np.nan, 0))[0] for name in sources] for each in found])
    names = [
        f"{shortened(each.target)}\n{'accuracy' if each.accuracy else 'R²'} {each.score:.2f}".replace("-", "−")
        for each in found
    ]
    width = max(0.75 * len(sources), 2.6)
    figure = Figure(figsize=(width + 3.4, 0.55 * len(found) + 1.9), layout="constrained")
    axes = figure.subplots()
    bound = max(0.05, float(np.nanmax(np.abs(values), initial=0.0)))
    image = _heat(
        axes, values, names, [shortened(name, 16) for name in sources], "RdBu", low=-bound, high=bound, room=8
    )
    axes.set_xlabel("left out", fontsize=9)
    axes.set_ylabel("predicted from all others", fontsize=9)
    figure.colorbar(image, ax=axes, label="lost without it", shrink=0.9, pad=0.02)
    figure.suptitle(f"Which modality adds what to which\n{data_caption(evaluation)}", fontsize=10)
    return figure


def loadings_figure(evaluation: Evaluation, found: Sequence[Loadings]) -> Figure:
    """A panel for each of the first 16 dimensions that are not empty: the ten columns with the largest loadings,
    coloured by modality. Where all are empty, they are drawn as they are.
    """
    every = list(dict.fromkeys(name for each in found for name in each.latents if name.startswith("z")))
    empty = empty_names(evaluation)
    latents = [name for name in every if name not in empty] or every
    without = len(every) - len(latents)
    left_out, latents = len(latents[MOST_DIMENSIONS:]), latents[:MOST_DIMENSIONS]
    columns = min(4 if len(latents) > 6 else 3, len(latents))
    lines = -(-len(latents) // columns)
    figure = Figure(figsize=(max(3.9 * columns, 5.2), 2.5 * lines + 1.1), layout="constrained")
    panels = figure.subplots(lines, columns, squeeze=False).ravel()
    limit = max((np.nanmax(np.abs(each.values), initial=0.0) for each in found), default=0.0) or 1.0
    for axes, latent in zip(panels, latents, strict=False):
        _bars(axes, latent, found, float(limit))
    for axes in panels[len(latents) :]:
        axes.set_visible(False)
    handles = [
        figure.axes[0].barh([0], [0], color=COLOURS[m % len(COLOURS)], label=shortened(each.modality))
        for m, each in enumerate(found)
    ]
    figure.legend(handles=handles, loc="outside lower center", ncols=min(len(found), 5), fontsize=8, frameon=False)
    more = f"; {left_out} more dimensions are in loadings.csv" if left_out else ""
    if without:
        more += f"\n{without} empty dimension{'s are' if without > 1 else ' is'} left out: the same for every row"
    elif empty:
        more += "\nall dimensions are empty: the same for every row"
    figure.suptitle(
        "Largest loadings of each dimension: standard deviations of the column per standard deviation of z\n"
        f"{data_caption(evaluation)}{more}",
        fontsize=10,
    )
    return figure


def _bars(axes: Axes, latent: str, found: Sequence[Loadings], limit: float) -> None:
    """The largest loadings of one dimension, signed."""
    entries = [
        (float(value), name if not each.is_image else f"{each.modality} {name}", m)
        for m, each in enumerate(found)
        if latent in each.latents
        for name, value in zip(each.columns, each.values[:, each.latents.index(latent)], strict=True)
        if np.isfinite(value)
    ]
    entries = sorted(entries, key=lambda entry: -abs(entry[0]))[:TOP]
    places = range(len(entries))
    axes.barh(places, [entry[0] for entry in entries], color=[COLOURS[entry[2] % len(COLOURS)] for entry in entries])
    axes.set_yticks(places, [shortened(entry[1], 22) for entry in entries], fontsize=7)
    axes.invert_yaxis()
    axes.axvline(0, color="grey", linewidth=0.8)
    axes.set_xlim(-1.05 * limit, 1.05 * limit)
    axes.set_title(latent, fontsize=9)
    axes.tick_params(axis="x", labelsize=7)
    axes.spines[["top", "right"]].set_visible(False)


def _heat(
    axes: Axes,
    values: np.ndarray,
    lines: Sequence[str],
    columns: Sequence[str],
    colours: str,
    *,
    low: float,
    high: float | None = None,
    room: int,
) -> Any:
    """A heat map with the numbers in its cells where there is room; grey where there is none. Names of columns are
    upright where none has more characters than a cell has ``room`` for.
    """
    largest = float(np.nanmax(values, initial=low)) if high is None else high
    largest = largest if largest > low else low + 1.0
    axes.set_facecolor("#e6e6e6")
    image = axes.imshow(values, cmap=colours, vmin=low, vmax=largest, aspect="auto", interpolation="nearest")
    if max(map(len, columns)) <= room:
        axes.set_xticks(range(len(columns)), columns, fontsize=8)
    else:
        axes.set_xticks(range(len(columns)), columns, fontsize=8, rotation=45, ha="right", rotation_mode="anchor")
    axes.set_yticks(range(len(lines)), lines, fontsize=8)
    if values.size <= MOST_NUMBERS:
        digits = 0 if largest >= 10 else max(2, 1 - math.floor(math.log10(largest)))
        for line, column in np.argwhere(np.isfinite(values)).tolist():
            value = values[line, column]
            strong = abs(value) > 0.6 * largest
            text = f"{round(value, digits) + 0.0:.{digits}f}".replace("-", "−")  # no negative zero
            axes.text(column, line, text, ha="center", va="center", fontsize=7, color="white" if strong else "#222")
    return image
