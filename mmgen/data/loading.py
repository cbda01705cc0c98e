"""``load_dataset``: a dataset by name, with its splits opened and everything that belongs to it in one object."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import torch

from ..errors import DataError, MmgenError, listed
from ..options import validated
from ..registry import load_component, name_of
from .cache import cached_splits, prepared_splits
from .dataset import Dataset, Provenance, Splits
from .describing import ALL, change_modalities
from .missing import withhold
from .modality import Modality
from .schema import Schema
from .table import Table


@dataclass(frozen=True)
class Data:
    """A dataset that is ready to train on: what :func:`load_dataset` returns.

    Attributes:
        name: What it is called in runs.
        dataset: The dataset and its options.
        modalities: Name to modality, in order.
        train, val, test: The rows of each side; ``train`` and ``val`` lack what ``dataset.missing_rate`` withholds.
        labels: Classes of every label, in the order of their codes.
        provenance: Where the data come from.
        fingerprint: Of the rows and of what their values mean: two that are equal hold the same.
        complete: Side to rows as they were before anything was withheld, for the classifiers that judge.
        facts: What the dataset says of itself, as JSON.
        notes: Sentences about what was left out, changed or guessed.
        new: Where a run opened the data: rows that were on none of its sides. None where there are none.
    """

    name: str
    dataset: Dataset
    modalities: Mapping[str, Modality]
    train: Table
    val: Table
    test: Table
    labels: Mapping[str, tuple[str, ...]]
    provenance: Provenance
    fingerprint: str
    complete: Mapping[str, Table] = field(default_factory=dict)
    facts: Mapping[str, Any] = field(default_factory=dict)
    notes: tuple[str, ...] = ()
    new: Table | None = None

    def split(self, name: str) -> Table:
        """One split by name; ``all`` is every row, in the order of the source.

        Raises:
            MmgenError: Another name, or ``new`` where no row is.
        """
        if name == "all":
            table = Table.concatenate([self.train, self.val, self.test, *([] if self.new is None else [self.new])])
            return table if table.rows is None else table.select(table.rows.argsort(stable=True))
        if name == "new":
            if self.new is None:
                raise MmgenError(
                    "There are no new rows: each of these was a training, validation or test row of the run."
                )
            return self.new
        if name not in ("train", "val", "test"):
            raise MmgenError(f"There is no split {name!r}; there are train, val, test, new and all.")
        return getattr(self, name)


def load_dataset(dataset: str | type[Dataset] | Dataset, **options: Any) -> Data:
    """Load a dataset: one that is installed, by its name (``mmgen list datasets``), a class, or a dataset as it is.

    Args:
        dataset: A name, a subclass of :class:`mmgen.Dataset`, or an instance of one.
        **options: Fields of the dataset's configuration (``mmgen info NAME``); none with an instance, which has its
            own.

    Raises:
        MmgenError: An unknown name or option, or files that are missing or damaged: one sentence that says which.

    >>> import mmgen
    >>> data = mmgen.load_dataset("mfeat")
    >>> list(data.modalities)
    ['fou', 'fac', 'kar', 'pix', 'zer', 'mor']
    """
    return open_dataset(name_of_dataset(dataset), make_dataset(dataset, options))


def make_dataset(dataset: str | type[Dataset] | Dataset, options: Mapping[str, Any]) -> Dataset:
    """A dataset with its options checked; nothing is read yet."""
    if isinstance(dataset, Dataset):
        if options:
            raise MmgenError(
                f"The dataset {name_of_dataset(dataset)!r} has its options already; leave out {listed(options)}, or "
                "give its class."
            )
        return dataset
    kind: type[Dataset] = load_component("datasets", dataset)
    return kind(validated(kind.Config, options, "dataset"))


def name_of_dataset(dataset: str | type[Dataset] | Dataset) -> str:
    """What it is called in runs."""
    return name_of("datasets", type(dataset) if isinstance(dataset, Dataset) else dataset)


def open_dataset(
    name: str,
    dataset: Dataset,
    modalities: Mapping[str, Mapping[str, Any]] | None = None,
    *,
    schema: Schema | None = None,
    fingerprint: str = "",
) -> Data:
    """Prepare a dataset, or open what was prepared earlier.

    Args:
        name: What it is called in runs and in the cache.
        dataset: The dataset.
        modalities: Changes to its modalities: name to fields, such as ``{"scan": {"hidden": [64]}}``.
        schema: What a run knows of it: the data are then read as the run reads them, and have its modalities.
        fingerprint: Of the data of that run; what is new or gone since then is among the notes.

    Raises:
        MmgenError: Data that cannot be read, that have no training rows, or that a run cannot read.
    """
    splits, found = (
        cached_splits(name, dataset) if schema is None else _splits_of_run(name, dataset, schema, fingerprint)
    )
    if schema is None:
        declared = dict(splits.modalities) or dataset.modalities()
        _check_names(declared)
        known = change_modalities(declared, modalities or {})
        if len(splits.train) == 0:
            raise DataError(
                f"The dataset {name!r} has no training rows; lower the shares held out for testing and validation."
            )
    else:
        known = dict(schema.modalities)
    complete = {side: getattr(splits, side) for side in ("train", "val", "test")}
    lacking, what = withhold(splits, dataset.config)
    provenance = splits.provenance
    if what:
        provenance = replace(provenance, summary=f"{provenance.summary.rstrip('.')}; {what}")
    return Data(
        name,
        dataset,
        known,
        **{**complete, **lacking},
        labels=splits.labels,
        provenance=provenance,
        fingerprint=found,
        complete=complete,
        facts=splits.facts,
        notes=splits.notes,
        new=splits.new,
    )


def _check_names(modalities: Mapping[str, Modality]) -> None:
    for modality in modalities:
        if not re.fullmatch(r"[A-Za-z0-9_][\w-]*", modality):
            raise DataError(f"A modality's name is made of letters, digits, '-' and '_', unlike {modality!r}.")
        if modality == ALL:
            raise DataError(f"A modality cannot be called {ALL!r}, which stands for every modality; rename it.")


def _splits_of_run(name: str, dataset: Dataset, schema: Schema, fingerprint: str) -> tuple[Splits, str]:
    """The splits as a run reads them, and their fingerprint: what it was trained on where that is prepared, else by its
    schema.
    """
    ready = prepared_splits(name, dataset)
    if ready is not None and ready[1] == fingerprint:
        return ready
    obeys = type(dataset).reads_by_schema
    if obeys:
        dataset.schema = schema
    splits, found = cached_splits(name, dataset)
    if not obeys:
        schema.check(dict(splits.modalities) or dataset.modalities(), name)
        splits = _with_codes_of(schema, splits)
    if not fingerprint or found == fingerprint:
        return splits, found
    if obeys and schema.sides is None:
        note = "The run does not know which of these rows it was trained on, so all of them count as new (split new)."
        nothing = splits.train.select(torch.zeros(0, dtype=torch.int64))
        together = Table.concatenate([splits.train, splits.val, splits.test])
        splits = replace(splits, train=nothing, val=nothing, test=nothing, new=together, notes=(*splits.notes, note))
    if len(splits.train) or not splits.notes:  # a file of other rows says so itself
        splits = replace(
            splits, notes=(f"The data {name!r} are not as they were when the run was trained.", *splits.notes)
        )
    return splits, found


def _with_codes_of(schema: Schema, splits: Splits) -> Splits:
    """The same rows with the label codes of a run, by the names of the classes; −1 for a class that it does not
    know.
    """
    moved = {label: classes for label, classes in schema.labels.items() if splits.labels.get(label, classes) != classes}
    if not moved:
        return splits

    def recoded(table: Table) -> Table:
        labels = dict(table.labels)
        for label, classes in moved.items():
            if labels[label].dim() > 1:
                raise DataError(
                    f"The answers of the label {label!r} are {listed(splits.labels[label])}, and those of the run "
                    f"{listed(classes)}."
                )
            code = {word: i for i, word in enumerate(classes)}
            new = torch.tensor(
                [*(code.get(word, -1) for word in splits.labels[label]), -1]
            )  # the last one is of code −1
            labels[label] = new[labels[label]]
        return replace(table, labels=labels)

    train, val, test = (recoded(getattr(splits, side)) for side in ("train", "val", "test"))
    return replace(splits, train=train, val=val, test=test, labels={**splits.labels, **moved})
