"""Latents of a run as points of the plane, for a scatter that can be filtered by label and by what is given."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from sklearn.decomposition import PCA

from mmgen.data import Table
from mmgen.errors import MmgenError
from mmgen.evaluation import Evaluation

from .hub.layout import hide_paths
from .point_colours import AskedColumns, point_colours
from .runs import ReportedRun

SPLIT = "test"


@dataclass(frozen=True)
class LatentPoints:
    """Posterior means of some rows under some subsets of modalities.

    Attributes:
        content: What the page's script reads: ``x`` and ``y`` of every point, ``row`` (into the rows) and ``given``
            (into the subsets); ``givens``, the subsets' names; ``rows``, numbers and ids of the rows; ``labels``,
            name to ``classes`` and ``codes`` of the rows (−1: unknown); ``columns``, what else points can be coloured
            by (:func:`.point_colours.point_colours`); ``colour``, by what they are when the page opens, as its menu
            has it; ``axes``, two titles.
        description: What the points are, in sentences.
        centres: A row per class of the first label (or per subset where there is none): name, points, and means of x
            and y.
        grouping: What the rows of ``centres`` are.
    """

    content: dict[str, Any]
    description: str
    centres: list[tuple[str, int, float, float]]
    grouping: str


def open_evaluation(reported: ReportedRun, max_rows: int = 10_000) -> Evaluation | str:
    """An evaluation of the run's test rows on single modalities and on all; or why not, as the end of a sentence."""
    if not reported.finished:
        return "the training has not finished."
    try:
        model, data = reported.run.model, reported.run.data
        everything = tuple(model.modalities)
        subsets = [s for s in dict.fromkeys([*((name,) for name in everything), everything]) if model.infers(s)]
        if not len(data.split(SPLIT)):
            return "its data have no test rows."
        return Evaluation(
            model,
            data,
            split=SPLIT,
            seed=reported.seed,
            subsets=subsets,
            max_rows=max(max_rows // max(len(subsets), 1), 1),
        )
    except (MmgenError, OSError) as error:
        return f"the model or its data cannot be opened here: {hide_paths(str(error))}"


def latent_points(
    reported: ReportedRun, evaluation: Callable[[], Evaluation | str], asked: AskedColumns | None = None
) -> LatentPoints | str:
    """The points; or a sentence that says why there are none.

    Args:
        reported: The run.
        evaluation: Makes an evaluation, or the reason why there is none.
        asked: Columns that come first, and by the first of which points are coloured when the page opens.
    """
    opened = evaluation()
    if isinstance(opened, str):
        return f"There is no scatter of latents: {opened}"
    points, row, given = _points(opened)
    if not len(points):
        return "There is no scatter of latents: no test row has what one of the model's posteriors needs."
    plane, axes, projection = _plane(points)
    table = opened.latents().table
    subsets = _subset_names(opened)
    labels = _labels(opened)
    first = [] if asked is None else asked.of(opened, table)
    columns, more = point_colours(opened, table, [column for column in first if column.name not in labels])
    content = {
        "x": [_short(v) for v in plane[:, 0]],
        "y": [_short(v) for v in plane[:, 1]],
        "row": row.tolist(),
        "given": given.tolist(),
        "givens": subsets,
        "rows": _row_names(table),
        "labels": labels,
        "columns": columns,
        "colour": _colour(first[0].name, first[0].of, labels, columns) if first else "",
        "axes": axes,
    }
    description = _describe(reported, opened, projection, len(points), bool(labels))
    if more > 0:
        description += f" {more:,} more columns have no room on this page to colour points by."
    return LatentPoints(content, description, *_centres(plane, row, given, subsets, labels))


def _row_names(table: Table) -> list[int] | list[str]:
    """The number of each row in the data, and what it is called, where something calls it."""
    numbers: list[int] = table.rows.tolist() if table.rows is not None else list(range(len(table)))
    columns = {} if table.identity is None else dict(table.identity.id_columns)
    if not columns:
        return numbers
    words = zip(*(column.tolist() for column in columns.values()), strict=True)
    return [
        ", ".join([str(number), *(f"{name} {word}" for name, word in zip(columns, row, strict=True) if word)])
        for number, row in zip(numbers, words, strict=True)
    ]


def _points(evaluation: Evaluation) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Posterior means ``[N, D]`` under all subsets, and the row and the subset ``[N]`` of each."""
    latents = evaluation.latents()
    keep = [latents.complete[s].numpy() for s in range(len(latents.subsets))]
    points = np.concatenate([latents.means[s].numpy()[k] for s, k in enumerate(keep)]).astype(np.float64)
    row = np.concatenate([np.flatnonzero(k) for k in keep])
    return points, row, np.repeat(np.arange(len(keep)), [int(k.sum()) for k in keep])


def _subset_names(evaluation: Evaluation) -> list[str]:
    complete = len(evaluation.names)
    subsets = evaluation.latents().subsets
    return ["all modalities" if len(subset) == complete > 1 else "+".join(subset) for subset in subsets]


def _labels(evaluation: Evaluation) -> dict[str, Any]:
    """Labels with one class per row, with the codes of all test rows."""
    classes = evaluation.data.labels
    return {
        label: {"classes": list(classes.get(label, ())), "codes": codes.tolist()}
        for label, codes in evaluation.labels(SPLIT).items()
        if codes.ndim == 1 and classes.get(label)
    }


def _colour(name: str, of: str, labels: dict[str, Any], columns: list[dict[str, Any]]) -> str:
    """The value of the entry of the menu of colours that is of a column."""
    if not of and name in labels:
        return str(list(labels).index(name))
    return f"column-{[(column['name'], column['of']) for column in columns].index((name, of))}"


def _plane(points: np.ndarray) -> tuple[np.ndarray, list[str], str]:
    """Points ``[N, D]`` in two dimensions ``[N, 2]``, titles of the axes, and what was done."""
    dimensions = points.shape[1]
    if dimensions == 2:
        return points, ["z 1", "z 2"], "The latent space has two dimensions, which are drawn as they are."
    if dimensions == 1:
        return (
            np.concatenate([points, np.zeros_like(points)], 1),
            ["z", "(nothing)"],
            "The latent space has one dimension, drawn along a line.",
        )
    if len(points) < 2:
        return (
            points[:, :2],
            ["z 1", "z 2"],
            f"The first two of {dimensions} dimensions of the latent space: one point has no principal components.",
        )
    pca = PCA(2, svd_solver="full").fit(points)
    shares = [f"{100 * share:.1f} %" for share in np.nan_to_num(pca.explained_variance_ratio_)]
    axes = [f"principal component {i + 1} ({share})" for i, share in enumerate(shares)]
    projection = (
        f"The {dimensions} dimensions of the latent space are reduced to their first two principal components (PCA), "
        f"which explain {shares[0]} and {shares[1]} of the variance of these points."
    )
    return pca.transform(points), axes, projection


def _describe(reported: ReportedRun, evaluation: Evaluation, projection: str, points: int, labelled: bool) -> str:
    sentences = [
        f"Posterior means of {len(evaluation.latents().table):,} test rows given each modality alone and all of "
        f"them: {points:,} points. {projection}"
    ]
    if not evaluation.model.shares_latent:
        sentences.append("Each modality keeps its own latent; the points given all modalities are means over theirs.")
    if not labelled:
        sentences.append("The rows have no label with classes to colour or filter them by.")
    if evaluation.data.fingerprint != reported.environment.get("data", {}).get(
        "fingerprint", evaluation.data.fingerprint
    ):
        sentences.append("The data are not the same as when the model was trained: their content has changed since.")
    return " ".join(sentences)


def _centres(
    plane: np.ndarray, row: np.ndarray, given: np.ndarray, subsets: Sequence[str], labels: dict[str, Any]
) -> tuple[list[tuple[str, int, float, float]], str]:
    """Name, points and means of each class of the first label, or of each subset; and what they are."""
    if labels:
        name, first = next(iter(labels.items()))
        codes, names = np.array(first["codes"])[row], first["classes"]
    else:
        name, codes, names = "given", given, subsets
    present = [(str(names[c]), codes == c) for c in range(len(names)) if (codes == c).any()]
    return [
        (group, int(here.sum()), float(plane[here, 0].mean()), float(plane[here, 1].mean())) for group, here in present
    ], name


def _short(value: float) -> float | None:
    return float(f"{value:.4g}") if math.isfinite(value) else None
