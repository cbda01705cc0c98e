"""Pictures of a run: latents, learning curves, and all that an evaluation draws."""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from sklearn.decomposition import PCA
from sklearn.manifold import TSNE
from threadpoolctl import threadpool_limits

from ..errors import MmgenError, listed
from ..options import validated
from .collapse import Collapse, PosteriorCollapse, VarianceCollapse
from .drawing import COLOURS, save
from .evaluation import Evaluation
from .grids import generation_grids, said, subset_grid

VIEWS = {
    "pca": "principal component",
    "tsne": "t-SNE",
    "umap": "UMAP",
}  # of latents with more than two dimensions, and what their axes are called
NEIGHBOURS = 2000  # points, at most, of the views that compare each point with others


def _colour(index: int) -> Any:
    return COLOURS[index % len(COLOURS)]


def _scatter(axes: Axes, points: np.ndarray, groups: np.ndarray, names: Sequence[str], title: str, seed: int) -> None:
    """Points in the colours of their groups, drawn in random order so that no group hides another."""
    colours = np.array([_colour(max(int(g), 0)) for g in groups])
    order = np.random.default_rng(seed).permutation(len(points))
    axes.scatter(points[order, 0], points[order, 1], c=colours[order], s=7, alpha=0.6, linewidths=0)
    handles = [axes.scatter([], [], color=_colour(i), s=18, label=name) for i, name in enumerate(names)]
    axes.legend(handles=handles, fontsize=8, markerscale=1.2, loc="best", framealpha=0.8)
    axes.set_title(title, fontsize=10)


def check_view(view: str) -> None:
    """Refuse a view of latents that there is not, or that is not installed."""
    if view not in VIEWS:
        raise MmgenError(f"There is no view {view!r} of latents; there are {listed(VIEWS)}.")
    if view == "umap" and find_spec("umap") is None:
        raise MmgenError("The view 'umap' of latents needs the package umap-learn: pip install 'mmgen-core[umap]'.")


def in_the_plane(points: np.ndarray, view: str, seed: int) -> np.ndarray:
    """Points ``[N, D]`` in two dimensions ``[N, 2]``: by principal components, t-SNE or UMAP; the same each time.

    One thread only. A single point has no principal components, and is where its first two dimensions say.
    """
    if len(points) < 2:
        return points[:, :2]
    if view == "pca" or len(points) < 4:  # too few to have neighbours
        return PCA(2, svd_solver="full").fit_transform(points)
    if view == "tsne":
        with threadpool_limits(1, user_api="openmp"):  # several threads add up in any order
            return TSNE(2, init="pca", perplexity=min(30, (len(points) - 1) / 3), random_state=seed).fit_transform(
                points
            )
    from umap import UMAP

    neighbours = min(15, len(points) - 1)
    return UMAP(n_components=2, n_neighbors=neighbours, init="pca", random_state=seed, n_jobs=1).fit_transform(points)


def latent_scatter(evaluation: Evaluation, view: str = "pca") -> Figure:
    """Posterior means of single modalities, coloured by each label and by modality; where they have more than two
    dimensions, as ``view`` shows them.

    Of all modalities where single ones tell a model nothing. t-SNE and UMAP see 2,000 points at most, drawn at random.

    Args:
        evaluation: What is drawn.
        view: ``pca``, ``tsne`` or ``umap``.
    """
    check_view(view)
    latents = evaluation.latents()
    alone = [s for s, given in enumerate(latents.subsets) if len(given) == 1] or [len(latents.subsets) - 1]
    of = ["+".join(latents.subsets[s]) for s in alone]
    keep = [latents.complete[s].numpy() for s in alone]
    points = np.concatenate([latents.means[s].numpy()[k] for s, k in zip(alone, keep, strict=True)])
    modality = np.repeat(np.arange(len(alone)), [int(k.sum()) for k in keep])
    rows = np.concatenate([np.flatnonzero(k) for k in keep])
    if points.shape[1] > 2 and view != "pca" and len(points) > NEIGHBOURS:
        drawn = evaluation.draw(len(points), NEIGHBOURS).numpy()
        points, modality, rows = points[drawn], modality[drawn], rows[drawn]
    axis = "z"
    if points.shape[1] > 2:
        points, axis = in_the_plane(points, view, evaluation.seed), VIEWS[view]
    elif points.shape[1] == 1:
        points = np.concatenate([points, np.zeros_like(points)], 1)
    labels = {label: codes for label, codes in evaluation.labels().items() if codes.ndim == 1}
    figure = Figure(figsize=(5.2 * (1 + len(labels)), 4.8), layout="constrained")
    panels = figure.subplots(1, 1 + len(labels), squeeze=False, sharex=True, sharey=True)[0]
    for axes, (label, codes) in zip(panels, labels.items(), strict=False):
        classes = evaluation.data.labels.get(label, ())
        _scatter(axes, points, codes[rows], classes[:20], f"by {label}", evaluation.seed)
    _scatter(panels[-1], points, modality, of[:20], "by what is given", evaluation.seed)
    for axes in panels:
        axes.set_xlabel(f"{axis} 1")
    panels[0].set_ylabel(f"{axis} 2")
    figure.suptitle(
        f"Latents given {'one modality' if len(latents.subsets[alone[0]]) == 1 else 'all modalities'}, "
        f"{said(evaluation)}",
        fontsize=11,
    )
    return figure


def collapse_curves(evaluation: Evaluation, metrics: Sequence[Collapse]) -> Figure | None:
    """Share of the collapsed dimensions over ε, a panel for each pair of distributions and each modality whose scale is
    fitted; None where there are neither.
    """
    axes_of = {PosteriorCollapse: ("dimensions of z", "ε (nats)"), VarianceCollapse: ("values", "ε (variance)")}
    curves = [
        (metric, curve) for metric in metrics if metric.lacks(evaluation) is None for curve in metric.curves(evaluation)
    ]
    if not curves:
        return None
    columns = min(3, len(curves))
    lines = -(-len(curves) // columns)
    figure = Figure(figsize=(max(3.3 * columns, 5.2), 2.6 * lines + 0.5), layout="constrained")
    panels = figure.subplots(lines, columns, squeeze=False).ravel()
    for axes, (metric, curve) in zip(panels, curves, strict=False):
        what, level = axes_of[type(metric)]
        axes.plot(curve.levels, curve.shares, color=COLOURS[0], linewidth=1.6)
        epsilon = metric.config.epsilon
        axes.axvline(epsilon, color="grey", linewidth=0.8, linestyle=":", label=f"ε = {epsilon:g}: {curve.named:.2f}")
        axes.legend(fontsize=7, loc="best", framealpha=0.8)
        axes.set_ylim(-0.03, 1.03)
        title = curve.name if isinstance(metric, PosteriorCollapse) else f"variance of {curve.name}"
        axes.set_title(title.replace(" ‖ ", "\n‖ ") if len(title) > 36 else title, fontsize=9)
        axes.set_xlabel(level, fontsize=8)
        axes.set_ylabel(f"collapsed {what}", fontsize=8)
        axes.tick_params(labelsize=7)
    for axes in panels[len(curves) :]:
        axes.set_visible(False)
    figure.suptitle(f"Share of collapsed dimensions, {said(evaluation)}", fontsize=10)
    return figure


def learning_curves(history: list[dict[str, Any]]) -> Figure:
    """The loss, and each of its terms, over epochs, for training and validation; dotted lines are between stages."""
    names = list(
        dict.fromkeys(name for record in history for name in record["train"])
    )  # stages may have terms of their own
    names = ["loss", *(name for name in names if name != "loss")]
    columns = min(4, len(names))
    lines = -(-len(names) // columns)
    figure = Figure(figsize=(3.4 * columns, 2.6 * lines), layout="constrained")
    panels = figure.subplots(lines, columns, squeeze=False).ravel()
    for axes, name in zip(panels, names, strict=False):
        for part, style in (("train", "-"), ("val", "--")):
            points = [(record["epoch"], record[part][name]) for record in history if name in record.get(part, {})]
            if points:
                axes.plot(
                    *zip(*points, strict=True),
                    style,
                    label="training" if part == "train" else "validation",
                    linewidth=1.4,
                )
        for one, two in itertools.pairwise(history):
            if one.get("stage") != two.get("stage"):
                axes.axvline(one["epoch"] + 0.5, color="grey", linewidth=0.8, linestyle=":")
        axes.set_title(name.replace("_", "-"), fontsize=9)
        axes.tick_params(labelsize=7)
        axes.set_xlabel("epoch", fontsize=8)
    for axes in panels[len(names) :]:
        axes.set_visible(False)
    panels[0].legend(fontsize=8)
    return figure


def save_figures(
    evaluation: Evaluation,
    history: list[dict[str, Any]],
    folder: Path,
    *,
    view: str = "pca",
    options: Mapping[str, Mapping[str, Any]] | None = None,
) -> list[Path]:
    """All figures of a run, into its ``figures`` folder.

    Args:
        evaluation: What is drawn.
        history: Of the run.
        folder: Where to.
        view: How latents of more than two dimensions are drawn: ``pca``, ``tsne`` or ``umap``.
        options: Of metrics, by name, for the figures that show one.
    """
    made = [save(latent_scatter(evaluation, view), folder / "latents.png")]
    made += [save(figure, folder / f"{name}.png") for name, figure in generation_grids(evaluation).items()]
    if len(evaluation.names) > 1:
        made += [
            save(subset_grid(evaluation, name), folder / f"subsets-{name}.png") for name in evaluation.targets[:10]
        ]
    rules = {"posterior-collapse": PosteriorCollapse, "variance-collapse": VarianceCollapse}
    metrics = [
        kind(validated(kind.Config, (options or {}).get(name, {}), f"metrics.{name}")) for name, kind in rules.items()
    ]
    collapse = collapse_curves(evaluation, metrics)
    if collapse is not None:
        made.append(save(collapse, folder / "collapse.png"))
    if history:
        made.append(save(learning_curves(history), folder / "learning-curves.png"))
    return made
