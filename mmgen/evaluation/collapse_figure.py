"""The figure of the metrics of collapse: share of the collapsed dimensions over ε."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from .collapse_curve import Curve
from .drawing import COLOURS
from .evaluation import Evaluation
from .grids import data_caption


@dataclass(frozen=True)
class Panel:
    """A curve, and what stands around it.

    Attributes:
        title: Above it.
        dimensions: What is collapsed.
        level: What ε is.
        epsilon: The ε that is reported.
        curve: The shares.
    """

    title: str
    dimensions: str
    level: str
    epsilon: float
    curve: Curve


def collapse_figure(evaluation: Evaluation, panels: Sequence[Panel]) -> Figure:
    """A panel for each pair of distributions and each modality whose scale is fitted."""
    columns = min(3, len(panels))
    lines = -(-len(panels) // columns)
    figure = Figure(figsize=(max(3.3 * columns, 5.2), 2.6 * lines + 0.5), layout="constrained")
    places = figure.subplots(lines, columns, squeeze=False).ravel()
    for axes, panel in zip(places, panels, strict=False):
        _draw(axes, panel)
    for axes in places[len(panels) :]:
        axes.set_visible(False)
    figure.suptitle(f"Share of collapsed dimensions, {data_caption(evaluation)}", fontsize=10)
    return figure


def _draw(axes: Axes, panel: Panel) -> None:
    curve, epsilon, title = panel.curve, panel.epsilon, panel.title
    axes.plot(curve.levels, curve.shares, color=COLOURS[0], linewidth=1.6)
    axes.axvline(epsilon, color="grey", linewidth=0.8, linestyle=":", label=f"ε = {epsilon:g}: {curve.reported:.2f}")
    axes.legend(fontsize=7, loc="best", framealpha=0.8)
    axes.set_ylim(-0.03, 1.03)
    axes.set_title(title.replace(" ‖ ", "\n‖ ") if len(title) > 36 else title, fontsize=9)
    axes.set_xlabel(panel.level, fontsize=8)
    axes.set_ylabel(f"collapsed {panel.dimensions}", fontsize=8)
    axes.tick_params(labelsize=7)
