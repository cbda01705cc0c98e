"""The figure of a comparison: a metric against reconstruction along β."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from pathlib import Path

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.transforms import Bbox

from mmgen.evaluation.drawing import COLOURS
from mmgen.files import write_atomically

from .measures import Choice
from .member import format_beta
from .summary import chosen_betas, equal_sums, single_modalities

RECONSTRUCTION = Choice("reconstruction", "loss")
Label = tuple[float, float, str, str]  # x, y, text, colour


def tradeoff(results: pd.DataFrame, choice: Choice) -> pd.DataFrame:
    """Mean and deviation over seeds of the chosen measure and of the reconstruction loss given everything.

    Returns:
        One row per objective and β that has both on test rows, sums over the same targets: ``objective, beta, x,
        x_std, y, y_std``; sample deviations, 0 for a single seed.
    """
    y, x = (equal_sums(single_modalities(results, measure, "test")) for measure in (choice, RECONSTRUCTION))
    pairs = y.merge(x, on=["objective", "beta", "seed"], suffixes=("_y", "_x"))
    grouped = pairs.groupby(["objective", "beta"], sort=False)
    points = grouped.agg(
        x=("value_x", "mean"), x_std=("value_x", "std"), y=("value_y", "mean"), y_std=("value_y", "std")
    ).reset_index()
    return points.fillna({"x_std": 0.0, "y_std": 0.0}).dropna().sort_values(["objective", "beta"], kind="stable")


def tradeoff_figure(results: pd.DataFrame, choice: Choice, data: Sequence[str]) -> Figure | None:
    """A line per objective along β, with error bars over seeds in both directions and a ring around the chosen β.

    As Figure 5 of "Unity by Diversity" (Sutter et al. 2024): reconstruction loss −Σ_m w_m log p(x_m | z) given
    everything against a metric of single modalities.

    Args:
        results: As :func:`mmgen.compare` returns them.
        choice: The measure of the vertical axis, by which validation rows choose β.
        data: Sentences about the data, for the title.

    Returns:
        The figure; None without any point.
    """
    points = tradeoff(results, choice)
    if points.empty:
        return None
    figure = Figure(figsize=(6.4, 4.8), layout="constrained")
    axes = figure.subplots()
    chosen = chosen_betas(results, choice)
    labels: list[Label] = []
    for number, name in enumerate(dict.fromkeys(results.objective)):
        line = points[points.objective == name]
        if not line.empty:
            labels += _draw_line(axes, name, line, COLOURS[number % len(COLOURS)], chosen.get(name))
    axes.set_xlabel("reconstruction loss given all modalities (test rows; less is better)")
    axes.set_ylabel(f"{choice} (test rows; {'more' if choice.sign > 0 else 'less'} is better)")
    axes.legend(fontsize=8)
    axes.set_title("\n".join(data), fontsize=7, wrap=True)
    _write_labels(figure, axes, labels)
    return figure


def _draw_line(axes: Axes, name: str, line: pd.DataFrame, colour: str, chosen: float | None) -> list[Label]:
    """The points of one objective with their error bars, and a ring around the chosen β; what to write beside them."""
    axes.errorbar(
        line.x,
        line.y,
        xerr=line.x_std,
        yerr=line.y_std,
        color=colour,
        marker="o",
        markersize=4,
        capsize=2,
        linewidth=1.2,
        label=name,
    )
    best = line[line.beta == chosen]
    if len(line) > 1 and not best.empty:
        axes.scatter(best.x, best.y, s=90, facecolors="none", edgecolors=[colour], linewidths=1.2)
    return [(point.x, point.y, f"β={format_beta(point.beta)}", colour) for point in line.itertuples()]


def _write_labels(figure: Figure, axes: Axes, labels: Sequence[Label]) -> None:
    """Write each label beside its point where nothing else stands; one for which there is no room is left out, and the
    summary has its β.
    """
    figure.draw_without_rendering()  # only now is it known where points are on the page
    legend = axes.get_legend()
    taken = [legend.get_window_extent()] if legend is not None else []
    for x, y, _, _ in labels:
        across, up = axes.transData.transform((x, y))
        taken.append(Bbox.from_bounds(across - 3, up - 3, 6, 6))
    for x, y, text, colour in labels:
        for right, up, side in (
            (4, 4, "left"),
            (4, -10, "left"),
            (-4, 4, "right"),
            (-4, -10, "right"),
            (0, 10, "center"),
            (0, -16, "center"),
        ):
            label = axes.annotate(
                text, (x, y), (right, up), textcoords="offset points", fontsize=6, color=colour, ha=side
            )
            box = label.get_window_extent()
            if not any(box.overlaps(other) for other in taken) and axes.bbox.x0 < box.x0 and box.x1 < axes.bbox.x1:
                taken.append(box)
                break
            label.remove()


def save_figure(figure: Figure, folder: Path) -> list[Path]:
    """``figure.png`` and ``figure.pdf``, each whole or not at all, and the same bytes for the same numbers."""
    paths = {"png": folder / "figure.png", "pdf": folder / "figure.pdf"}
    for kind, path in paths.items():
        write_atomically(
            path,
            partial(figure.savefig, format=kind, dpi=150, metadata={"CreationDate": None} if kind == "pdf" else None),
        )
    return list(paths.values())
