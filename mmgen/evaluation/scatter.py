"""Latents of a model as points of the plane."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from .drawing import COLOURS
from .evaluation import Evaluation
from .grids import data_caption
from .learned_drawing import shortened
from .projection import VIEWS, check_view, project
from .row_columns import RowColumn, chosen_columns
from .subsets import joined

NAMED = 20  # classes and subsets, at most, that a legend names
ABREAST = (4, 3)  # panels, whichever leaves fewer places empty
UNKNOWN = (0.71, 0.71, 0.71)  # grey
NEIGHBOURS = 2000  # points, at most, of the views that compare each point with others


@dataclass(frozen=True)
class PosteriorMeans:
    """Posterior means of rows under some subsets, one after another.

    Attributes:
        points: ``[N, D]``.
        subset: Which of ``names`` each point is given, ``[N]``.
        row: Which row each point is of, ``[N]``.
        names: What the subsets are called.
    """

    points: np.ndarray
    subset: np.ndarray
    row: np.ndarray
    names: list[str]

    def select(self, places: np.ndarray) -> PosteriorMeans:
        """Some of the points."""
        return PosteriorMeans(self.points[places], self.subset[places], self.row[places], self.names)


def posterior_means(evaluation: Evaluation, subsets: Sequence[int]) -> PosteriorMeans:
    """Posterior means of the rows that have what the subsets need.

    Args:
        evaluation: Whose latents.
        subsets: Places in its subsets.
    """
    latents = evaluation.latents()
    complete = [latents.complete[s].numpy() for s in subsets]
    return PosteriorMeans(
        np.concatenate([latents.means[s].numpy()[keep] for s, keep in zip(subsets, complete, strict=True)]),
        np.repeat(np.arange(len(subsets)), [int(keep.sum()) for keep in complete]),
        np.concatenate([np.flatnonzero(keep) for keep in complete]),
        [joined(latents.subsets[s]) for s in subsets],
    )


def latent_scatter(evaluation: Evaluation, view: str = "pca", color_by: Sequence[str] = ()) -> Figure:
    """Posterior means of single modalities, coloured by each label, by the columns that are asked for, and by modality;
    where they have more than two dimensions, as ``view`` shows them.

    Of all modalities where single ones tell a model nothing. t-SNE and UMAP see 2,000 points at most, drawn at random.

    Args:
        evaluation: What is drawn.
        view: ``pca``, ``tsne`` or ``umap``.
        color_by: Names of columns (:func:`.row_columns.chosen_columns`); all labels have a panel without.

    Raises:
        MmgenError: A view or a column that there is not.
    """
    check_view(view)
    table = evaluation.latents().table
    columns = [
        RowColumn(label, "", codes, tuple(evaluation.data.labels.get(label, ())))
        for label, codes in evaluation.labels().items()
        if codes.ndim == 1
    ]
    labels = {column.name for column in columns}
    columns += [column for column in chosen_columns(evaluation, table, color_by) if column.name not in labels]
    subsets = evaluation.latents().subsets
    single = [s for s, given in enumerate(subsets) if len(given) == 1]
    means = posterior_means(evaluation, single or [len(subsets) - 1])
    if means.points.shape[1] > 2 and view != "pca" and len(means.points) > NEIGHBOURS:
        means = means.select(evaluation.draw(len(means.points), NEIGHBOURS).numpy())
    projection = project(means.points, view, evaluation.seed)
    axis = VIEWS[view] if means.points.shape[1] > 2 else "z"
    columns.append(RowColumn("what is given", "", means.subset, tuple(means.names)))
    abreast = min(len(columns), min(ABREAST, key=lambda count: -len(columns) % count))
    lines = -(-len(columns) // abreast)
    figure = Figure(figsize=(6.2 * abreast, 4.3 * lines + 0.5), layout="constrained")
    panels = figure.subplots(lines, abreast, squeeze=False, sharex=True, sharey=True).ravel()
    for axes, column in zip(panels, columns, strict=False):
        values = column.values if column is columns[-1] else column.values[means.row]
        title = f"by {shortened(column.name)}"
        if column.classes is None:
            _shaded(axes, projection.points, values, title, evaluation.seed)
        else:
            _scatter(axes, projection.points, values, column.classes, title, evaluation.seed)
        axes.set_xlabel(f"{axis} 1")
        axes.tick_params(labelbottom=True)
    for axes in panels[len(columns) :]:
        axes.set_visible(False)
    for axes in panels[::abreast]:
        axes.set_ylabel(f"{axis} 2")
    given = "one modality" if single else "all modalities"
    figure.suptitle(f"Latents given {given}, {data_caption(evaluation)}", fontsize=11)
    return figure


def _scatter(axes: Axes, points: np.ndarray, groups: np.ndarray, names: Sequence[str], title: str, seed: int) -> None:
    """Points in the colours of their groups, drawn in random order so that no group hides another; grey where a group
    is not known.
    """
    colours = np.array([UNKNOWN if group < 0 else _colour(int(group)) for group in groups])
    order = np.random.default_rng(seed).permutation(len(points))
    axes.scatter(points[order, 0], points[order, 1], c=colours[order], s=7, alpha=0.6, linewidths=0)
    handles = [axes.scatter([], [], color=_colour(i), s=18, label=name) for i, name in enumerate(names[:NAMED])]
    if len(names) > NAMED:
        handles.append(axes.scatter([], [], s=0, label=f"and {len(names) - NAMED} more"))
    if (groups < 0).any():
        handles.append(axes.scatter([], [], color=UNKNOWN, s=18, label="unknown"))
    axes.legend(  # beside the points, and not on them
        handles=handles, fontsize=8, markerscale=1.2, loc="upper left", bbox_to_anchor=(1.0, 1.0), frameon=False
    )
    axes.set_title(title, fontsize=10)


def _shaded(axes: Axes, points: np.ndarray, numbers: np.ndarray, title: str, seed: int) -> None:
    """Points in the shades of their numbers, from the second to the 98th percentile: a few extreme ones would leave all
    others in one shade; grey where a number is not known.
    """
    known = np.isfinite(numbers)
    axes.scatter(points[~known, 0], points[~known, 1], color=UNKNOWN, s=7, alpha=0.6, linewidths=0)
    order = np.random.default_rng(seed).permutation(np.flatnonzero(known))
    low, high = np.percentile(numbers[known], [2, 98]) if known.any() else (0.0, 1.0)
    shades = axes.scatter(
        points[order, 0], points[order, 1], c=numbers[order], vmin=low, vmax=high, s=7, alpha=0.8, linewidths=0
    )
    axes.figure.colorbar(shades, ax=axes, shrink=0.9, pad=0.02)
    unknown = f"; grey: unknown ({int((~known).sum())})" if not known.all() else ""
    axes.set_title(f"{title}{unknown}", fontsize=10)


def _colour(index: int) -> Any:
    return COLOURS[index % len(COLOURS)]
