"""What is known of rows, column by column, to colour their latents by: groups, covariates, and values of modalities."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator
from typing import Any

import numpy as np

from mmgen.data import ImageModality, MixedModality, Modality, Table, TextModality
from mmgen.evaluation import Evaluation

MOST_COLUMNS = 60  # of one run
MOST_CELLS = 60_000  # of one run: rows times columns
MOST_CLASSES = 30  # a column of more categories, or groups, has no colours
CODES = ("categories", "ordered")


def row_columns(evaluation: Evaluation, table: Table) -> tuple[list[dict[str, Any]], int]:
    """Columns of the rows of a table, and how many more there are that have no room.

    Each has a ``name``, what it is ``of`` (a modality, or the rows), and either ``classes`` and ``codes`` (−1: unknown)
    or ``numbers`` (None: unknown), in units of the source. Groups and covariates come first, then the columns of the
    modalities by turns, so that each of them has some. Images and texts have no columns.
    """
    rounds = itertools.zip_longest(*(_of_modality(evaluation, table, name) for name in evaluation.names))
    turns = (column for columns in rounds for column in columns if column is not None)
    most = max(min(MOST_COLUMNS, MOST_CELLS // max(len(table), 1)), 1)
    columns = list(itertools.islice(itertools.chain(_of_rows(evaluation, table), turns), most))
    places = {name: place for place, name in enumerate(evaluation.names)}
    columns.sort(key=lambda column: places.get(column["of"], -1))
    return columns, _count(evaluation, table) - len(columns)


def _count(evaluation: Evaluation, table: Table) -> int:
    """How many there are altogether."""
    return sum(1 for _ in _of_rows(evaluation, table)) + sum(
        math.prod(modality.shape) for modality in evaluation.model.modalities.values() if _has_columns(modality)
    )


def _has_columns(modality: Modality) -> bool:
    return not isinstance(modality, ImageModality | TextModality)


def _of_rows(evaluation: Evaluation, table: Table) -> Iterator[dict[str, Any]]:
    """Covariates, and groups where rows share some."""
    if table.groups is not None:
        numbers, codes = table.groups.unique(return_inverse=True)
        if 1 < len(numbers) <= min(MOST_CLASSES, len(table) - 1):
            yield {"name": "group", "of": "", "classes": [str(n) for n in numbers.tolist()], "codes": codes.tolist()}
    for name, values in table.covariates.items():
        classes = evaluation.data.covariates.get(name, ())
        if not classes:
            yield {"name": name, "of": "", "numbers": _short(values.numpy())}
        elif len(classes) <= MOST_CLASSES:
            yield {"name": name, "of": "", "classes": list(classes), "codes": values.tolist()}


def _of_modality(evaluation: Evaluation, table: Table, name: str) -> Iterator[dict[str, Any]]:
    modality = evaluation.model.modalities[name]
    if not _has_columns(modality):
        return
    observed = table.observed_cells(name).flatten(1)
    values = table.data[name][:].flatten(1)
    supports = getattr(modality, "value_supports", None) or (modality.make_likelihood().support,)
    columns = modality.value_names(name)
    stored = values.double().numpy().reshape(len(table), *modality.shape)
    numbers = modality.in_source_units(stored).reshape(len(table), -1)
    for place, column in enumerate(columns):
        there = observed[:, place]
        if supports[place % len(supports)] in CODES:
            classes = _classes(modality, column)
            if 0 < len(classes) <= MOST_CLASSES:
                codes = np.where(there.numpy(), values[:, place].numpy().astype(np.int64), -1).tolist()
                yield {"name": column, "of": name, "classes": classes, "codes": codes}
            continue
        yield {"name": column, "of": name, "numbers": _short(np.where(there.numpy(), numbers[:, place], np.nan))}


def _classes(modality: Modality, column: str) -> list[str]:
    if isinstance(modality, MixedModality):
        return list(modality.categories[column])
    return list(getattr(modality, "categories", ()))


def _short(values: np.ndarray) -> list[float | None]:
    """With the digits that a colour can show."""
    return [float(f"{value:.3g}") if math.isfinite(value) else None for value in values.tolist()]
