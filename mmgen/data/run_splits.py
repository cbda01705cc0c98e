"""The splits of a dataset as a run reads them: by its schema, with its codes, and with notes on what has changed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

import torch

from ..errors import DataError, listed
from .cache import cached_splits, prepared_splits
from .covariates import recode
from .dataset import Dataset, Splits
from .missing import without_partial_rows
from .schema import Schema
from .sides import SIDES
from .table import Table


def read_splits_of_run(name: str, dataset: Dataset, schema: Schema, fingerprint: str) -> tuple[Splits, str]:
    """The splits as a run reads them, and their fingerprint: those it was trained on where they are prepared.

    Args:
        name: Of the dataset.
        dataset: The dataset.
        schema: What the run knows of its data.
        fingerprint: Of the data that the run was trained on; empty where it is not known.
    """
    prepared = prepared_splits(name, dataset)
    if prepared is not None and prepared[1] == fingerprint:
        return prepared
    reads_by_schema = type(dataset).reads_by_schema
    if reads_by_schema:
        dataset.schema = schema
    splits, current = cached_splits(name, dataset)
    if not reads_by_schema:
        schema.check(dict(splits.modalities) or dataset.modalities(), name)
        splits = _take_whole(schema, _recode_labels(schema, splits))
    if not fingerprint or current == fingerprint:
        return splits, current
    if reads_by_schema and schema.sides is None:
        note = "The run does not know which rows it was trained on, so all of these count as new (split new)."
        empty = splits.train.select(torch.zeros(0, dtype=torch.int64))
        every_row = Table.concatenate([splits.train, splits.val, splits.test])
        splits = replace(splits, train=empty, val=empty, test=empty, new=every_row, changes=(*splits.changes, note))
    if len(splits.train) or not splits.changes:  # a file of other rows says so itself
        changed = f"The data {name!r} are not as they were when the run was trained."
        splits = replace(splits, changes=(changed, *splits.changes))
    return splits, current


def _take_whole(schema: Schema, splits: Splits) -> Splits:
    """The same rows, which lack a modality altogether where the run knows it whole and some of its cells are empty."""
    whole = {name for name, modality in schema.modalities.items() if modality.missing == "modality"}
    taken = splits.with_tables(lambda table: without_partial_rows(table, whole))
    notes = []
    for m, name in enumerate(splits.train.data):
        lost = sum(
            int((getattr(splits, side).available[:, m] & ~getattr(taken, side).available[:, m]).sum()) for side in SIDES
        )
        if lost:
            notes.append(f"{name}: {lost} rows lose it to empty cells, because the run knows it as a whole.")
    return replace(taken, notes=(*splits.notes, *notes))


def _recode_labels(schema: Schema, splits: Splits) -> Splits:
    """The same rows with the label codes of a run, by the names of the classes; −1 for one that it does not know."""
    changed = {
        label: classes for label, classes in schema.labels.items() if splits.labels.get(label, classes) != classes
    }
    if not changed:
        return splits
    recoded = splits.with_tables(lambda table: _recode_table(table, splits.labels, changed))
    return replace(recoded, labels={**splits.labels, **changed})


def _recode_table(table: Table, classes: Mapping[str, Sequence[str]], changed: Mapping[str, Sequence[str]]) -> Table:
    """The same rows with other codes of some labels.

    Args:
        table: Rows with codes by ``classes``.
        classes: Name of each label to its classes, in the order of their codes.
        changed: The same for the labels that are to be recoded.
    """
    labels = dict(table.labels)
    for label, names in changed.items():
        if labels[label].dim() > 1:
            raise DataError(
                f"The answers of the label {label!r} are {listed(classes[label])}, and those of the run "
                f"{listed(names)}."
            )
        labels[label] = recode(labels[label], classes[label], names)
    return replace(table, labels=labels)
