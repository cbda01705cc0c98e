"""Pictures of a run: latents, learning curves, and all that an evaluation draws."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from sklearn.decomposition import PCA

from .drawing import COLOURS, save
from .evaluation import Evaluation
from .grids import generation_grid, prior_grid, said, subset_grid


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


def latent_scatter(evaluation: Evaluation) -> Figure:
    """Posterior means of single modalities, coloured by each label and by modality; by their first two principal components where there are more.

    Of all modalities where single ones tell a model nothing.
    """
    latents = evaluation.latents()
    alone = [s for s, given in enumerate(latents.subsets) if len(given) == 1] or [len(latents.subsets) - 1]
    of = ["+".join(latents.subsets[s]) for s in alone]
    keep = [latents.complete[s].numpy() for s in alone]
    points = np.concatenate([latents.means[s].numpy()[k] for s, k in zip(alone, keep, strict=True)])
    modality = np.repeat(np.arange(len(alone)), [int(k.sum()) for k in keep])
    axis = "z"
    if points.shape[1] > 2:
        points, axis = PCA(2, svd_solver="full").fit_transform(points), "principal component"
    elif points.shape[1] == 1:
        points = np.concatenate([points, np.zeros_like(points)], 1)
    labels = {label: codes for label, codes in evaluation.labels().items() if codes.ndim == 1}
    figure = Figure(figsize=(5.2 * (1 + len(labels)), 4.8), layout="constrained")
    panels = figure.subplots(1, 1 + len(labels), squeeze=False, sharex=True, sharey=True)[0]
    for axes, (label, codes) in zip(panels, labels.items(), strict=False):
        classes = evaluation.data.labels.get(label, ())
        by_row = np.concatenate([codes[k] for k in keep])
        _scatter(axes, points, by_row, classes[:20], f"by {label}", evaluation.seed)
    _scatter(panels[-1], points, modality, of[:20], "by what is given", evaluation.seed)
    for axes in panels:
        axes.set_xlabel(f"{axis} 1")
    panels[0].set_ylabel(f"{axis} 2")
    figure.suptitle(
        f"Latents given {'one modality' if len(latents.subsets[alone[0]]) == 1 else 'all modalities'}, {said(evaluation)}", fontsize=11
    )
    return figure


def learning_curves(history: list[dict[str, Any]]) -> Figure:
    """The loss, and each of its terms, over epochs, for training and validation; dotted lines are between stages."""
    names = list(dict.fromkeys(name for record in history for name in record["train"]))  # stages may have terms of their own
    names = ["loss", *(name for name in names if name != "loss")]
    columns = min(4, len(names))
    lines = -(-len(names) // columns)
    figure = Figure(figsize=(3.4 * columns, 2.6 * lines), layout="constrained")
    panels = figure.subplots(lines, columns, squeeze=False).ravel()
    for axes, name in zip(panels, names, strict=False):
        for part, style in (("train", "-"), ("val", "--")):
            points = [(record["epoch"], record[part][name]) for record in history if name in record.get(part, {})]
            if points:
                axes.plot(*zip(*points, strict=True), style, label="training" if part == "train" else "validation", linewidth=1.4)
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


def save_figures(evaluation: Evaluation, history: list[dict[str, Any]], folder: Path) -> list[Path]:
    """All figures of a run, into its ``figures`` folder."""
    made = [save(latent_scatter(evaluation), folder / "latents.png")]
    if evaluation.targets:
        made.append(save(generation_grid(evaluation), folder / "generations.png"))
    if len(evaluation.names) > 1:
        made += [save(subset_grid(evaluation, name), folder / f"subsets-{name}.png") for name in evaluation.targets[:10]]
    if evaluation.targets and evaluation.model.objective.infers(evaluation.model, ()):
        made.append(save(prior_grid(evaluation), folder / "prior.png"))
    if history:
        made.append(save(learning_curves(history), folder / "learning-curves.png"))
    return made
