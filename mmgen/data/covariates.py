"""Covariates: what networks are told of a row beside its modalities, such as its site or age; an option of every
dataset.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace

import torch
from torch import Tensor

from ..errors import DataError, alternatives, listed
from .dataset import DatasetConfig, Splits
from .schema import Schema
from .table import Table

Read = Callable[[Table, str], Tensor]  # the values ``[N]`` of a covariate in a table


def choose_covariates(splits: Splits, config: DatasetConfig, schema: Schema | None = None) -> Splits:
    """The same rows with the covariates that the options name, or with those of a run, by its classes.

    A label of one class per row is a covariate where it is named as one, and stays a label. Where the options name
    none, there are those that the dataset itself has.

    Raises:
        DataError: A name that is neither a covariate nor a label of one class per row, one that no training row knows,
            or one that is a number here and a class in the run.
    """
    if schema is not None:
        return _of_run(splits, schema)
    names = tuple(config.covariates) or tuple(splits.covariates)
    classes = {name: _classes(splits, config, name) for name in names}
    chosen = _with_tables(splits, classes, lambda table, name: _stored(splits, table, name))
    notes = []
    for name, words in classes.items():
        values = chosen.train.covariates[name]
        known = (values >= 0) if words else ~values.isnan()
        if len(values) and not known.any():
            raise DataError(f"dataset.covariates: no training row has a known {name!r}; leave it out.")
        seen = set(values[known].tolist()) if words else set()
        unseen = [word for code, word in enumerate(words) if code not in seen]
        if unseen:
            notes.append(
                f"{len(unseen)} of the {len(words)} classes of the covariate {name!r} have no training row, and no "
                f"network can learn what they mean: {listed(unseen)}."
            )
        elif len(values) > 1 and len(values[known].unique()) == 1:
            notes.append(f"The covariate {name!r} has one value in all training rows, which tells networks nothing.")
    return replace(chosen, notes=(*splits.notes, *notes))


def _classes(splits: Splits, config: DatasetConfig, name: str) -> tuple[str, ...]:
    """The classes of a covariate, none of a number."""
    if name in splits.covariates:
        return splits.covariates[name]
    single = [label for label, codes in splits.train.labels.items() if codes.dim() == 1]
    if name not in single:
        if name in splits.train.labels:
            raise DataError(
                f"dataset.covariates: {name!r} has several answers per row, and a covariate has one class or number; "
                f"there are {listed([*splits.covariates, *single]) or 'no others'}."
            )
        raise DataError(
            f"dataset.covariates: there is no covariate, and no label of one class per row, {name!r}; there are "
            f"{alternatives(name, [*splits.covariates, *single])}"
        )
    if isinstance(config.covariates, Mapping) and config.covariates[name] == "number":
        raise DataError(f"dataset.covariates.{name}: it is a label, whose classes are no numbers; say category.")
    return splits.labels[name]


def _stored(splits: Splits, table: Table, name: str) -> Tensor:
    """Values of a covariate, ``[N]``, as the dataset has them."""
    return table.covariates[name] if name in splits.covariates else table.labels[name].long()


def _of_run(splits: Splits, schema: Schema) -> Splits:
    """The covariates of a run, by its classes; what is not there, and a class that it does not know, is unknown."""
    declared = {**splits.labels, **splits.covariates}
    single = {label for label, codes in splits.train.labels.items() if codes.dim() == 1}
    notes, foreign = list(splits.notes), dict[str, set[int]]()
    for name, classes in schema.covariates.items():
        if name not in single | set(splits.covariates):
            notes.append(f"The covariate {name!r} of the run is not among these data, and unknown in every row.")
        elif bool(declared[name]) != bool(classes):
            here, there = ("classes", "numbers") if declared[name] else ("numbers", "classes")
            raise DataError(
                f"The covariate {name!r} has {here} here, and the run was trained with {there}; open the data with the "
                "options that the run was trained with."
            )

    def read(table: Table, name: str) -> Tensor:
        classes = schema.covariates[name]
        if name not in single | set(splits.covariates):
            return torch.full((len(table),), -1 if classes else torch.nan, dtype=torch.int64 if classes else None)
        values = _stored(splits, table, name)
        if declared[name] == classes:
            return values
        recoded = recode(values, declared[name], classes)
        foreign.setdefault(name, set()).update(values[(values >= 0) & (recoded < 0)].tolist())
        return recoded

    chosen = _with_tables(splits, schema.covariates, read)
    for name, codes in foreign.items():
        if codes:
            words = listed(declared[name][code] for code in sorted(codes))
            notes.append(f"Classes of the covariate {name!r} that the run does not know count as unknown: {words}.")
    return replace(chosen, notes=tuple(notes))


def _with_tables(splits: Splits, covariates: Mapping[str, tuple[str, ...]], read: Read) -> Splits:
    """The splits with these covariates alone, of which ``read`` gives each table's values."""

    def told(table: Table) -> Table:
        return replace(table, covariates={name: read(table, name) for name in covariates})

    return replace(splits.with_tables(told), covariates=dict(covariates))


def recode(codes: Tensor, classes: Sequence[str], known: Sequence[str]) -> Tensor:
    """Codes ``[N]`` by ``classes`` as codes by ``known`` ones; −1 for a class that is not among them."""
    code = {word: i for i, word in enumerate(known)}
    return torch.tensor([*(code.get(word, -1) for word in classes), -1])[codes]  # the last one is of code −1
