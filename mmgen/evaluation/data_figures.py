"""Figures that show data: what rows lack, and what was measured against what the model predicts."""

from __future__ import annotations

import numpy as np
import torch
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from .drawing import COLOURS
from .evaluation import Evaluation
from .expected_columns import ExpectedColumns
from .grids import data_caption
from .learned_drawing import shortened
from .predictions import Predictions, is_accuracy, predictions, score

PANELS = 12  # modalities that are predicted in the figure
ROWS, DRAWS = 500, 10  # of the predictions: those of the metric modality-gain
POINTS = 3000  # drawn one by one; more are counted in a raster
MOST_CATEGORIES = 20  # of a confusion matrix
MAP_ROWS = 2000  # of the map of what is missing
MAP_COLUMNS = 120  # with lines of their own, of all modalities together


def missingness_figure(evaluation: Evaluation) -> Figure | None:
    """What training rows lack: rows, sorted by what they have, and modalities; the columns of a modality of which rows
    lack cells. None where nothing is missing.
    """
    train = evaluation.data.train
    places = evaluation.draw(len(train), MAP_ROWS)
    parts, names, kinds = [], [], []
    for m, name in enumerate(evaluation.names):
        has = train.available[places, m]
        cells = has[:, None]
        if name in train.observed:
            cells = train.observed[name][places].flatten(1) & has[:, None]
        if cells.shape[1] > max(MAP_COLUMNS // len(evaluation.names), 1):
            cells = cells.double().mean(1, keepdim=True)
        columns = evaluation.model.modalities[name].value_names(name) if cells.shape[1] > 1 else [name]
        parts.append(cells.double())
        names += columns if len(columns) == cells.shape[1] else [name]
        kinds += [m] * cells.shape[1]
    there = torch.cat(parts, 1).numpy()
    if not len(there) or there.min() >= 1:
        return None
    return _draw_map(evaluation, there[_by_pattern(there)], names, np.array(kinds), len(train))


def _by_pattern(there: np.ndarray) -> np.ndarray:
    """Places of rows: those that have most first, and equal ones together."""
    keys = [-there[:, column] for column in reversed(range(there.shape[1]))]
    return np.lexsort([*keys, -there.sum(1).round(9)])


def _draw_map(evaluation: Evaluation, there: np.ndarray, names: list[str], kinds: np.ndarray, rows: int) -> Figure:
    count = there.shape[1]
    figure = Figure(figsize=(min(max(0.34 * count, 4.4), 15) + 1.2, 5.2), layout="constrained")
    share, axes = figure.subplots(2, 1, sharex=True, height_ratios=[1, 4])
    colours = np.array([COLOURS[kind % len(COLOURS)][:3] for kind in kinds])
    picture = 1 - there[..., None] * (1 - colours[None])  # white where something is missing
    axes.imshow(picture, aspect="auto", interpolation="nearest")
    axes.set_ylabel(f"training rows ({len(there):,} of {rows:,})" if len(there) < rows else f"{rows:,} training rows")
    axes.set_yticks([])
    size = 8 if count <= 40 else 5
    axes.set_xticks(range(count), [shortened(name, 20) for name in names], fontsize=size, rotation=60, ha="right")
    for label in axes.get_xticklabels():
        label.set_rotation_mode("anchor")
    share.bar(range(count), 100 * there.mean(0), color=colours, width=0.9)
    share.set_ylim(0, 100)
    share.set_ylabel("% there", fontsize=8)
    share.tick_params(labelsize=7, bottom=False)
    share.spines[["top", "right"]].set_visible(False)
    for edge in np.flatnonzero(np.diff(kinds)) + 0.5:
        axes.axvline(edge, color="#555", linewidth=0.6)
    figure.suptitle(
        f"What is missing (white), rows sorted by what they have\n{evaluation.data.name} (training rows, "
        f"{evaluation.data.provenance.kind} data)",
        fontsize=10,
    )
    return figure


def predicted_figure(evaluation: Evaluation) -> Figure | None:
    """Each modality as it was measured, and as it is predicted from all others: numbers as points or a raster, in
    standard deviations from the training mean, categories as a confusion matrix. None where nothing is predicted.
    """
    found: list[tuple[str, Predictions]] = []
    for target in evaluation.targets:
        others = tuple(name for name in evaluation.names if name != target)
        if others and evaluation.model.infers(others):
            made = predictions(evaluation, others, target, ROWS, DRAWS)
            if made is not None and made.columns is not None:
                found.append((target, made))
    if not found:
        return None
    left_out, found = len(found[PANELS:]), found[:PANELS]
    columns = min(len(found), min((4, 3), key=lambda count: -len(found) % count))  # few empty places
    lines = -(-len(found) // columns)
    figure = Figure(figsize=(max(3.2 * columns, 4.6), 3.1 * lines + 0.7), layout="constrained")
    panels = figure.subplots(lines, columns, squeeze=False).ravel()
    for axes, (target, made) in zip(panels, found, strict=False):
        assert made.columns is not None
        if is_accuracy(made):
            _confusion(axes, target, made, made.columns)
        else:
            _numbers(axes, target, made, made.columns, evaluation.seed)
    for axes in panels[len(found) :]:
        axes.set_visible(False)
    more = f"; {left_out} more modalities are not drawn" if left_out else ""
    figure.suptitle(
        f"Predicted from all other modalities, against what was measured\n{data_caption(evaluation)}{more}", fontsize=10
    )
    return figure


def _numbers(axes: Axes, target: str, made: Predictions, columns: ExpectedColumns, seed: int) -> None:
    """Numbers, counts and answers in standard deviations from their training means, all columns together."""
    numbers = ((columns.category < 0) & columns.deviation.isfinite()).nonzero().squeeze(1)
    scale, mean = columns.deviation[numbers], columns.mean[numbers]
    there = made.there[:, numbers]
    x, y = (((each[:, numbers] - mean) / scale)[there].numpy() for each in (made.truth, made.predicted))
    found = score(made)
    value = "" if found is None else f", R² = {found:.2f}".replace("-", "−")
    axes.set_title(f"{shortened(target)}{value}", fontsize=9)
    axes.set_xlabel("measured (sd from the mean)", fontsize=8)
    axes.set_ylabel("predicted", fontsize=8)
    axes.tick_params(labelsize=7)
    if not len(x):
        return
    low, high = (float(q) for q in np.quantile(np.concatenate([x, y]), [0.001, 0.999]))
    margin = 0.05 * (high - low) or 1.0
    limits = (low - margin, high + margin)
    if len(x) > POINTS:
        axes.hexbin(x, y, gridsize=45, bins="log", cmap="Blues", extent=(*limits, *limits), mincnt=1, linewidths=0.1)
    else:
        axes.scatter(x, y, s=7, alpha=0.5, linewidths=0, color=COLOURS[0])
    axes.plot(limits, limits, color="grey", linewidth=0.8, linestyle=":")
    axes.set_xlim(limits)
    axes.set_ylim(limits)


def _confusion(axes: Axes, target: str, made: Predictions, columns: ExpectedColumns) -> None:
    """The first column of categories: shares of each real one; the most frequent 20 of many."""
    first = (columns.cell == columns.cell[0]).nonzero().squeeze(1)
    known = made.there[:, first[0]]
    truth, predicted = (each[known][:, first].argmax(1).numpy() for each in (made.truth, made.predicted))
    counts = np.zeros((len(first), len(first)))
    np.add.at(counts, (truth, predicted), 1)
    kept = np.sort(np.argsort(-counts.sum(1), kind="stable")[:MOST_CATEGORIES])
    shares = counts[np.ix_(kept, kept)] / np.maximum(counts[kept].sum(1, keepdims=True), 1)
    names = [columns.names()[i].partition("=")[2] for i in first.tolist()]
    axes.imshow(shares, cmap="Blues", vmin=0, vmax=1, interpolation="nearest")
    labels = [shortened(names[i], 18) for i in kept]
    axes.set_xticks(range(len(kept)), labels, fontsize=7, rotation=60, ha="right", rotation_mode="anchor")
    axes.set_yticks(range(len(kept)), labels, fontsize=7)
    for line, column in np.argwhere(shares >= 0.005).tolist() if len(kept) <= 10 else ():
        share = shares[line, column]
        axes.text(
            column, line, f"{share:.2f}", ha="center", va="center", fontsize=6, color="white" if share > 0.6 else "#222"
        )
    found = score(made)
    axes.set_title(f"{shortened(target)}{'' if found is None else f', accuracy = {found:.2f}'}", fontsize=9)
    axes.set_xlabel("predicted", fontsize=8)
    axes.set_ylabel("measured", fontsize=8)
