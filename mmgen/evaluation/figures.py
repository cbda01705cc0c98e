"""Pictures of a run: latents, generations, and learning curves."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import matplotlib as mpl
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from sklearn.decomposition import PCA

from ..data import Rendering
from ..runs.folder import write_atomically
from .evaluation import Evaluation, Subset

COLOURS = mpl.colormaps["tab10"].colors  # type: ignore[attr-defined]


def save(figure: Figure, path: Path) -> Path:
    """Write a figure as PNG, whole or not at all."""
    write_atomically(path, lambda temporary: figure.savefig(temporary, format="png", dpi=130))
    return path


Limits = tuple[float, float]


def common_limits(renderings: Sequence[Rendering]) -> Limits | None:
    """The range of several bar charts or rasters, so that they can be compared; None for what has no range."""
    numbers = [np.ravel(r.content) for r in renderings if r.kind in ("bars", "raster")]
    if not numbers:
        return None
    values = np.concatenate(numbers).astype(float)
    low, high = min(float(values.min()), 0.0), float(values.max())
    return low, high if high > low else low + 1


def draw(axes: Axes, rendering: Rendering, limits: Limits | None = None) -> None:
    """One value as people see it, without axes around it."""
    low, high = limits or common_limits([rendering]) or (0.0, 1.0)
    if rendering.kind == "picture":
        axes.imshow(rendering.content, cmap="gray", vmin=0, vmax=1, interpolation="nearest")
    elif rendering.kind == "raster":
        rows, columns = rendering.content.shape
        square = 0.5 <= rows / columns <= 2  # a picture of something; what is long and thin is stretched to be seen at all
        axes.imshow(rendering.content, cmap="viridis", aspect="equal" if square else "auto", interpolation="nearest", vmin=low, vmax=high)
    elif rendering.kind == "bars":
        axes.bar(np.arange(len(rendering.content)), rendering.content, width=1.0, color=COLOURS[0])
        axes.set_ylim(low - 0.05 * (high - low), high + 0.05 * (high - low))
    else:
        axes.text(0.5, 0.5, rendering.content, ha="center", va="center", wrap=True, fontsize=8)
    axes.set_xticks([])
    axes.set_yticks([])


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
    """Posterior means of single modalities, coloured by each label and by modality; by their first two principal components where there are more."""
    latents = evaluation.latents()
    alone = [s for s, given in enumerate(latents.subsets) if len(given) == 1]
    keep = [latents.complete[s].numpy() for s in alone]
    points = np.concatenate([latents.means[s].numpy()[k] for s, k in zip(alone, keep, strict=True)])
    modality = np.repeat(np.arange(len(alone)), [int(k.sum()) for k in keep])
    axis = "z"
    if points.shape[1] > 2:
        points, axis = PCA(2, svd_solver="full").fit_transform(points), "principal component"
    elif points.shape[1] == 1:
        points = np.concatenate([points, np.zeros_like(points)], 1)
    labels = evaluation.labels()
    figure = Figure(figsize=(5.2 * (1 + len(labels)), 4.8), layout="constrained")
    panels = figure.subplots(1, 1 + len(labels), squeeze=False, sharex=True, sharey=True)[0]
    for axes, (label, codes) in zip(panels, labels.items(), strict=False):
        classes = evaluation.data.labels.get(label, ())
        by_row = np.concatenate([codes[k] for k in keep])
        _scatter(axes, points, by_row, classes[:20], f"by {label}", evaluation.seed)
    _scatter(panels[-1], points, modality, evaluation.names[:20], "by modality", evaluation.seed)
    for axes in panels:
        axes.set_xlabel(f"{axis} 1")
    panels[0].set_ylabel(f"{axis} 2")
    figure.suptitle(f"Latents of single modalities, {_said(evaluation)}", fontsize=11)
    return figure


def _said(evaluation: Evaluation) -> str:
    provenance = evaluation.data.provenance.kind
    return f"{evaluation.data.name} ({evaluation.split} rows, {provenance} data)"


def generation_grid(evaluation: Evaluation, items: int = 2, max_modalities: int = 8) -> Figure:
    """Originals above what is generated: a row per given modality, a column per target, one block per item; the items have different labels where there are any.

    Within a column bars have one scale; rasters have one for the originals and one for what is generated, since a mean of sparse counts is small.
    """
    names = evaluation.names[:max_modalities]
    everything: Subset = tuple(evaluation.names)
    chosen = _items(evaluation, items)
    sources: list[Subset] = [(name,) for name in names] + ([everything] if len(names) > 1 else [])
    block = len(sources) + 1
    figure = Figure(figsize=(max(1.9 * len(names) + 1.2, 5), 1.05 * len(chosen) * block + 1), layout="constrained")
    grid = figure.subplots(len(chosen) * block, len(names), squeeze=False)
    for column, target in enumerate(names):
        originals, generated = _column(evaluation, target, chosen, sources)
        bars = originals[0].kind == "bars" or generated[0][0].kind == "bars"
        flat = [rendering for each in generated for rendering in each]
        above, below = (common_limits([*originals, *flat]),) * 2 if bars else (common_limits(originals), common_limits(flat))
        for i in range(len(chosen)):
            draw(grid[i * block, column], originals[i], above)
            for r, rendering in enumerate(generated[i]):
                draw(grid[i * block + 1 + r, column], rendering, below)
        grid[0, column].set_title(target, fontsize=9)
    for i, item in enumerate(chosen):
        _label(grid[i * block, 0], f"original{_label_of(evaluation, item)}", bold=True)
        for r, given in enumerate(sources):
            _label(grid[i * block + 1 + r, 0], f"given {given[0] if len(given) == 1 else 'all'}")
    figure.suptitle(f"Generated modalities (columns) from given ones (rows)\n{_said(evaluation)}", fontsize=10)
    return figure


def _column(evaluation: Evaluation, target: str, chosen: list[int], sources: list[Subset]) -> tuple[list[Rendering], list[list[Rendering]]]:
    """The originals of the chosen rows, and what is generated for them from each source; a note where something is missing."""
    modality, latents, missing = evaluation.model.modalities[target], evaluation.latents(), Rendering("text", "missing")
    values = {given: evaluation.generated(given, target) for given in sources}
    originals, generated = [], []
    for item in chosen:
        has = bool(latents.table.available[item, evaluation.names.index(target)])
        originals.append(modality.render(latents.table.data[target][item].numpy()) if has else missing)
        known = [len(given) == len(evaluation.names) or bool(latents.complete[latents.index(given), item]) for given in sources]
        generated.append([modality.render(values[g][item].numpy()) if k else missing for g, k in zip(sources, known, strict=True)])
    return originals, generated


def _label(axes: Axes, text: str, *, bold: bool = False) -> None:
    axes.set_ylabel(text, rotation=0, ha="right", va="center", fontsize=8, fontweight="bold" if bold else "normal")


def _label_of(evaluation: Evaluation, item: int) -> str:
    said = []
    for label, codes in evaluation.labels().items():
        classes = evaluation.data.labels.get(label, ())
        if 0 <= codes[item] < len(classes):
            said.append(f"{label} {classes[codes[item]]}")
    return "\n" + ", ".join(said) if said else ""


def _items(evaluation: Evaluation, count: int) -> list[int]:
    """Rows that have every modality if possible, of different labels if possible."""
    table = evaluation.latents().table
    order = np.random.default_rng(evaluation.seed).permutation(len(table))
    order = order[np.argsort(~table.available.all(-1).numpy()[order], kind="stable")]
    labels = evaluation.labels()
    if labels:
        codes = next(iter(labels.values()))[order]
        first = np.unique(codes, return_index=True)[1]
        order = np.concatenate([order[np.sort(first)], np.delete(order, first)])
    return order[:count].tolist()


def learning_curves(history: list[dict[str, Any]]) -> Figure:
    """The loss, and each of its terms, over epochs, for training and validation."""
    names = list(history[0]["train"])
    names = ["loss", *(name for name in names if name != "loss")]
    columns = min(4, len(names))
    lines = -(-len(names) // columns)
    figure = Figure(figsize=(3.4 * columns, 2.6 * lines), layout="constrained")
    panels = figure.subplots(lines, columns, squeeze=False).ravel()
    for axes, name in zip(panels, names, strict=False):
        for part, style in (("train", "-"), ("val", "--")):
            points = [(record["epoch"], record[part][name]) for record in history if part in record]
            if points:
                axes.plot(*zip(*points, strict=True), style, label="training" if part == "train" else "validation", linewidth=1.4)
        axes.set_title(name.replace("_", "-"), fontsize=9)
        axes.tick_params(labelsize=7)
        axes.set_xlabel("epoch", fontsize=8)
    for axes in panels[len(names) :]:
        axes.set_visible(False)
    panels[0].legend(fontsize=8)
    return figure


def save_figures(evaluation: Evaluation, history: list[dict[str, Any]], folder: Path) -> list[Path]:
    """All figures of a run, into its ``figures`` folder."""
    made = [save(latent_scatter(evaluation), folder / "latents.png"), save(generation_grid(evaluation), folder / "generations.png")]
    if history:
        made.append(save(learning_curves(history), folder / "learning-curves.png"))
    return made
