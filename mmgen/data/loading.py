"""``load_dataset``: a dataset by name, with its splits opened and everything that belongs to it in one object."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any, cast

from ..errors import DataError, MmgenError, listed
from ..options import validated
from ..registry import load_component, name_of
from .cache import cached_splits
from .covariates import choose_covariates
from .dataset import Dataset, Splits
from .describing import ALL, change_modalities, in_words
from .heavy_tails import tail_notes
from .in_memory import IN_MEMORY, is_object
from .missing import with_missing_cells, withhold
from .modality import Modality
from .provenance import Provenance
from .run_splits import read_splits_of_run
from .schema import Schema
from .sides import SIDES
from .table import Table

DatasetLike = Any
# a name, a class, an instance; a mapping of modalities to arrays, frames or tensors; an object such as AnnData


@dataclass(frozen=True)
class Data:
    """A dataset that is ready to train on: what :func:`load_dataset` returns.

    Attributes:
        name: What it is called in runs.
        dataset: The dataset and its options.
        modalities: Name to modality, in order.
        train, val, test: The rows of each side; ``train`` and ``val`` lack what ``dataset.missing_rate`` and
            ``dataset.missing_cells`` withhold.
        labels: Classes of every label, in the order of their codes.
        provenance: Where the data come from.
        fingerprint: Of the rows and of what their values mean: two that are equal hold the same.
        complete: Side to rows as they were before anything was withheld, for the classifiers that judge.
        facts: What the dataset says of itself, as JSON.
        notes: Sentences about what was left out, changed or guessed.
        changes: Those about which rows are new or gone since the training of the run that opens them.
        covariates: Classes of every covariate, in the order of their codes; none of one that is a number.
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
    covariates: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    changes: tuple[str, ...] = ()

    def __repr__(self) -> str:
        """The name, how many rows are where, and each modality with its kind and shape."""
        rows = {name: len(self.split(name)) for name in SIDES} | ({} if self.new is None else {"new": len(self.new)})
        sides = ", ".join(f"{count:,} {name}" for name, count in rows.items())
        return f"Data({self.name}, {self.provenance.kind}; rows: {sides}; {in_words(self.modalities)})"

    def split(self, name: str) -> Table:
        """One split by name; ``all`` is every row, in the order of the source.

        Raises:
            MmgenError: Another name, or ``new`` where no row is.

        >>> import mmgen
        >>> data = mmgen.load_dataset("rats", simulated_trials=6, val_fraction=0.2)
        >>> [len(data.split(name)) for name in ("train", "val", "test", "all")]
        [208, 64, 64, 336]
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
        if name not in SIDES:
            raise MmgenError(f"There is no split {name!r}; there are train, val, test, new and all.")
        return getattr(self, name)


def load_dataset(dataset: DatasetLike, **options: Any) -> Data:
    """Load a dataset: one that is installed, by its name (``mmgen list datasets``), a class, a dataset as it is, or
    data in memory.

    Args:
        dataset: A name, a subclass of :class:`mmgen.Dataset`, an instance of one, a mapping of modalities to NumPy
            arrays, sparse matrices, pandas DataFrames or torch tensors, or an object that an installed format knows,
            such as AnnData and MuData with mmgen-plugin-scverse.
        **options: Fields of the dataset's configuration (``mmgen info NAME``); none with an instance, which has its
            own. Of data in memory, ``label``, ``group``, ``split``, ``id`` and ``covariates`` (by name) may be arrays.

    Raises:
        MmgenError: An unknown name or option, or files that are missing or damaged: one sentence that says which.

    Returns:
        The splits and everything that belongs to them; ``data.train`` is a :class:`mmgen.Table`.

    >>> import mmgen
    >>> data = mmgen.load_dataset("rats", simulated_trials=6, val_fraction=0.2)
    >>> {name: modality.shape for name, modality in data.modalities.items()}
    {'barat': (920,), 'buchanan': (790,), 'mitt': (1040,), 'stella': (490,), 'superchris': (460,)}
    >>> len(data.train), data.train[:3].data["stella"].shape
    (208, torch.Size([3, 490]))
    >>> data.labels, data.provenance.kind
    ({'odour': ('A', 'B', 'C', 'D')}, 'simulated')
    >>> import numpy as np
    >>> data = mmgen.load_dataset({"genes": np.random.randn(50, 3), "counts": np.random.poisson(3, (50, 2))})
    >>> {name: type(modality).__name__ for name, modality in data.modalities.items()}
    {'genes': 'VectorModality', 'counts': 'CountsModality'}
    """
    return open_dataset(name_of_dataset(dataset), make_dataset(dataset, options))


def make_dataset(dataset: DatasetLike, options: Mapping[str, Any], schema: Schema | None = None) -> Dataset:
    """A dataset with its options checked; nothing is read yet.

    Args:
        dataset: A name, a subclass of :class:`mmgen.Dataset`, an instance of one, or data in memory.
        options: Fields of its configuration; none with an instance.
        schema: What a run knows, where it reads data in memory.

    Raises:
        MmgenError: An unknown name or option, or options beside an instance.

    >>> from mmgen import make_dataset
    >>> make_dataset("rats", {"simulated_trials": 6}).config.simulated_trials
    6
    """
    if isinstance(dataset, Dataset):
        if options:
            raise MmgenError(
                f"The dataset {name_of_dataset(dataset)!r} has its options already; leave out {listed(options)}, or "
                "give its class."
            )
        return dataset
    in_memory = isinstance(dataset, Mapping) or is_object(dataset)
    kind: Any = load_component("datasets", IN_MEMORY if in_memory else dataset)
    if in_memory:
        make = kind.of if isinstance(dataset, Mapping) else kind.of_object
        return cast(Dataset, make(dataset, options, schema))
    return kind(validated(kind.Config, options, "dataset"))


def name_of_dataset(dataset: DatasetLike) -> str:
    """What it is called in runs."""
    if isinstance(dataset, Mapping) or is_object(dataset):
        return IN_MEMORY
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
    if schema is None:
        splits, current = cached_splits(name, dataset)
        known = _declared_modalities(name, dataset, splits, modalities or {})
    else:
        splits, current = read_splits_of_run(name, dataset, schema, fingerprint)
        known = dict(schema.modalities)
    splits = choose_covariates(splits, dataset.config, schema)
    complete = {side: getattr(splits, side) for side in SIDES}
    incomplete, remark = withhold(splits, known, dataset.config)
    tails: tuple[str, ...] = ()
    if schema is None:
        if splits.modalities:  # read from the user's own values, which nobody has looked at yet
            tails = tail_notes(known, splits.train, _said_transforms(dataset, modalities or {}))
        _check_cells(known, incomplete.get("train", splits.train), complete["train"])
    provenance = splits.provenance
    if remark:
        provenance = replace(provenance, summary=f"{provenance.summary.rstrip('.')}; {remark}")
    return Data(
        name,
        dataset,
        known,
        **{**complete, **incomplete},
        labels=splits.labels,
        provenance=provenance,
        fingerprint=current,
        complete=complete,
        facts=splits.facts,
        notes=(*splits.notes, *splits.changes, *tails),
        changes=splits.changes,
        new=splits.new,
        covariates=splits.covariates,
    )


def _said_transforms(dataset: Dataset, changes: Mapping[str, Mapping[str, Any]]) -> set[str]:
    """The modalities of which the dataset's options or changes to it say how they are transformed."""
    described = getattr(dataset.config, "modalities", {})
    of_all = "transform" in changes.get(ALL, {})
    return {
        name
        for name, description in described.items()
        if of_all or "transform" in description.fields or "transform" in changes.get(name, {})
    }


def _declared_modalities(
    name: str, dataset: Dataset, splits: Splits, changes: Mapping[str, Mapping[str, Any]]
) -> dict[str, Modality]:
    """The modalities of a dataset that is to be trained on, with ``changes``; without training rows it is an error."""
    declared = dict(splits.modalities) or dataset.modalities()
    _check_names(declared)
    declared = with_missing_cells(declared, dataset.config)
    modalities = change_modalities(declared, changes, splits.train)
    if len(splits.train) == 0:
        raise DataError(
            f"The dataset {name!r} has no training rows; lower the shares held out for testing and validation."
        )
    return modalities


def _check_cells(modalities: Mapping[str, Modality], train: Table, complete: Table) -> None:
    """Every cell of a modality that is in some training row is observed in one."""
    for m, name in enumerate(modalities):
        has = train.available[:, m]
        if name not in train.observed or not has.any():
            continue
        never = (~train.observed[name][has].any(0)).flatten().nonzero().flatten().tolist()
        if never:
            names = modalities[name].value_names(name)
            some = listed(repr(names[index]) for index in never)
            way_out = "leave it out" if len(never) == 1 else "leave them out"
            if complete.observed_cells(name).any(0).flatten()[never].any():
                way_out = "lower dataset.missing_cells"
            raise DataError(
                f"modalities.{name}: no training row has a value of {some}, of which nothing can be learned; {way_out}."
            )


def _check_names(modalities: Mapping[str, Modality]) -> None:
    for modality in modalities:
        if not re.fullmatch(r"[A-Za-z0-9_][\w-]*", modality):
            raise DataError(f"A modality's name is made of letters, digits, '-' and '_', unlike {modality!r}.")
        if modality == ALL:
            raise DataError(f"A modality cannot be called {ALL!r}, which stands for every modality; rename it.")
