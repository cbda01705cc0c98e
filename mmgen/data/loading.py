"""``load_dataset``: a dataset by name, with its splits opened and everything that belongs to it in one object."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from ..errors import DataError, MmgenError, PluginError, listed, nearest
from ..options import validated, without_idle
from ..registry import entries, load
from .cache import cached_splits
from .dataset import Dataset, Provenance
from .missing import withhold
from .modality import Modality
from .table import Table

ALL = "all"  # in changes to modalities: every one of them


@dataclass(frozen=True)
class Data:
    """A dataset that is ready to train on: what :func:`load_dataset` returns.

    Where ``dataset.missing_rate`` withholds modalities, ``train`` and ``val`` lack them, and ``complete`` has both as they were, for the classifiers that judge.
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

    def split(self, name: str) -> Table:
        """One split by name; ``all`` is the three of them in the order of the source's rows."""
        if name == "all":
            table = Table.concatenate([self.train, self.val, self.test])
            return table if table.rows is None else table.select(table.rows.argsort(stable=True))
        if name not in ("train", "val", "test"):
            raise MmgenError(f"There is no split {name!r}; there are train, val, test and all.")
        return getattr(self, name)


def load_dataset(name: str, **options: Any) -> Data:
    """Load a dataset by its name (``mmgen list datasets``).

    Args:
        name: Of an installed dataset.
        **options: Fields of the dataset's configuration (``mmgen info NAME``).

    Raises:
        MmgenError: An unknown name or option, or files that are missing or damaged: one sentence that says which.
    """
    return open_dataset(name, make_dataset(name, options))


def make_dataset(name: str, options: Mapping[str, Any]) -> Dataset:
    """The dataset called ``name`` with its options checked; nothing is read yet."""
    kind = load("datasets", name)
    return kind(validated(kind.Config, options, "dataset"))


def open_dataset(name: str, dataset: Dataset, modalities: Mapping[str, Mapping[str, Any]] | None = None) -> Data:
    """Prepare a dataset, or open what was prepared earlier.

    Args:
        name: What it is called in runs and in the cache.
        dataset: The dataset.
        modalities: Changes to its modalities: name to fields, such as ``{"scan": {"hidden": [64]}}``.
    """
    splits, fingerprint = cached_splits(name, dataset)
    declared = dataset.modalities()
    for modality in declared:
        if not re.fullmatch(r"[A-Za-z0-9_][\w-]*", modality):
            raise DataError(f"A modality's name is made of letters, digits, '-' and '_', unlike {modality!r}.")
        if modality == ALL:
            raise DataError(f"A modality cannot be called {ALL!r}, which stands for every modality; rename it.")
    if len(splits.train) == 0:
        raise DataError(f"The dataset {name!r} has no training rows; lower the shares held out for testing and validation.")
    complete = {side: getattr(splits, side) for side in ("train", "val", "test")}
    lacking, what = withhold(splits, dataset.config)
    provenance = replace(splits.provenance, summary=f"{splits.provenance.summary.rstrip('.')}; {what}") if what else splits.provenance
    changed = change_modalities(declared, modalities or {})
    return Data(
        name,
        dataset,
        changed,
        **{**complete, **lacking},
        labels=splits.labels,
        provenance=provenance,
        fingerprint=fingerprint,
        complete=complete,
    )


def change_modalities(declared: Mapping[str, Modality], changes: Mapping[str, Mapping[str, Any]]) -> dict[str, Modality]:
    """The declared modalities with some fields set anew.

    What is said of ``all`` holds for every modality on which it has an effect, unless something else is said by name.
    A change that names a ``kind`` may describe a modality in full, as a run's configuration does. An unknown modality
    or field is an error that says what there is, and so is a field that has no effect.
    """
    changed, used = dict(declared), set[str]()
    everywhere = dict(changes.get(ALL, {}))
    usual_kind = everywhere.pop("kind", None)
    named = {name: change for name, change in changes.items() if name != ALL}
    for name in [*declared, *(name for name in named if name not in declared)]:
        where, fields = f"modalities.{name}", dict(named.get(name, {}))
        kind = fields.pop("kind", usual_kind)
        if not fields and not everywhere and kind is None:
            continue
        if kind is None and name not in declared:
            raise MmgenError(f"{where}: there is no such modality; there are {listed(declared)}{nearest(name, declared)}.")
        cls = type(declared[name]) if kind is None else load("modalities", kind)
        same = name in declared and type(declared[name]) is cls
        before = declared[name].model_dump(exclude_unset=True) if same else {}
        chosen = without_idle(cls, {**before, **everywhere, **fields}, fields)
        changed[name] = validated(cls, chosen, where)
        used |= set(chosen)
    for option in everywhere:
        if changed and option not in used:
            raise MmgenError(f"modalities.{ALL}.{option}: it has no effect on any modality, with their other options.")
    return changed


def describe_modality(modality: Modality) -> dict[str, Any]:
    """A modality as its kind and all its fields: what a run keeps, and :func:`change_modalities` reads."""
    value = f"{type(modality).__module__}:{type(modality).__qualname__}"
    for entry in entries("modalities"):
        if entry.point.value == value:
            return {"kind": entry.name, **modality.model_dump(mode="json")}
    raise PluginError(
        f"The modality class {value} is not declared under the entry-point group mmgen.modalities of any installed distribution."
    )
