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
from .projection import VIEWS, check_view, project
from .subsets import joined

NAMED = 20  # classes and subsets, at most, that a legend names
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


def latent_scatter(evaluation: Evaluation, view: str = "pca") -> Figure:
    """Posterior means of single modalities, coloured by each label and by modality; where they have more than two
    dimensions, as ``view`` shows them.

    Of all modalities where single ones tell a model nothing. t-SNE and UMAP see 2,000 points at most, drawn at random.

    Args:
        evaluation: What is drawn.
        view: ``pca``, ``tsne`` or ``umap``.
    """
    check_view(view)
    subsets = evaluation.latents().subsets
    single = [s for s, given in enumerate(subsets) if len(given) == 1]
    means = posterior_means(evaluation, single or [len(subsets) - 1])
    if means.points.shape[1] > 2 and view != "pca" and len(means.points) > NEIGHBOURS:
        means = means.select(evaluation.draw(len(means.points), NEIGHBOURS).numpy())
    projection = project(means.points, view, evaluation.seed)
    axis = VIEWS[view] if means.points.shape[1] > 2 else "z"
    labels = {label: codes for label, codes in evaluation.labels().items() if codes.ndim == 1}
    figure = Figure(figsize=(6.2 * (1 + len(labels)), 4.8), layout="constrained")
    panels = figure.subplots(1, 1 + len(labels), squeeze=False, sharex=True, sharey=True)[0]
    for axes, (label, codes) in zip(panels, labels.items(), strict=False):
        classes = evaluation.data.labels.get(label, ())
        _scatter(axes, projection.points, codes[means.row], classes, f"by {label}", evaluation.seed)
    _scatter(panels[-1], projection.points, means.subset, means.names, "by what is given", evaluation.seed)
    for axes in panels:
        axes.set_xlabel(f"{axis} 1")
    panels[0].set_ylabel(f"{axis} 2")
    given = "one modality" if single else "all modalities"
    figure.suptitle(f"Latents given {given}, {data_caption(evaluation)}", fontsize=11)
    return figure


def _scatter(axes: Axes, points: np.ndarray, groups: np.ndarray, names: Sequence[str], title: str, seed: int) -> None:
    """Points in the colours of their groups, drawn in random order so that no group hides another."""
    colours = np.array([_colour(max(int(group), 0)) for group in groups])
    order = np.random.default_rng(seed).permutation(len(points))
    axes.scatter(points[order, 0], points[order, 1], c=colours[order], s=7, alpha=0.6, linewidths=0)
    handles = [axes.scatter([], [], color=_colour(i), s=18, label=name) for i, name in enumerate(names[:NAMED])]
    if len(names) > NAMED:
        handles.append(axes.scatter([], [], s=0, label=f"and {len(names) - NAMED} more"))
    axes.legend(  # beside the points, and not on them
        handles=handles, fontsize=8, markerscale=1.2, loc="upper left", bbox_to_anchor=(1.0, 1.0), frameon=False
    )
    axes.set_title(title, fontsize=10)


def _colour(index: int) -> Any:
    return COLOURS[index % len(COLOURS)]
