"""The losses of a training over its epochs."""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from typing import Any

from matplotlib.axes import Axes
from matplotlib.figure import Figure

Record = Mapping[str, Any]  # of an epoch, as in the history of a run


def learning_curves(history: Sequence[Record]) -> Figure:
    """The loss, and each of its terms, over epochs, for training and validation; dotted lines are between stages."""
    terms = dict.fromkeys(name for record in history for name in record["train"])  # stages may have terms of their own
    names = ["loss", *(name for name in terms if name != "loss")]
    columns = min(4, len(names))
    lines = -(-len(names) // columns)
    figure = Figure(figsize=(3.4 * columns, 2.6 * lines), layout="constrained")
    panels = figure.subplots(lines, columns, squeeze=False).ravel()
    for axes, name in zip(panels, names, strict=False):
        _draw(axes, name, history)
    for axes in panels[len(names) :]:
        axes.set_visible(False)
    panels[0].legend(fontsize=8)
    return figure


def _draw(axes: Axes, name: str, history: Sequence[Record]) -> None:
    """One term."""
    for part, called, style in (("train", "training", "-"), ("val", "validation", "--")):
        points = [(record["epoch"], record[part][name]) for record in history if name in record.get(part, {})]
        if points:
            axes.plot(*zip(*points, strict=True), style, label=called, linewidth=1.4)
    for one, two in itertools.pairwise(history):
        if one.get("stage") != two.get("stage"):
            axes.axvline(one["epoch"] + 0.5, color="grey", linewidth=0.8, linestyle=":")
    axes.set_title(name.replace("_", "-"), fontsize=9)
    axes.tick_params(labelsize=7)
    axes.set_xlabel("epoch", fontsize=8)
