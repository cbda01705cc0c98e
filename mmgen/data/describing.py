"""Modalities as plain fields, as configurations have them, and back."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from ..errors import DataError, MmgenError, alternatives, listed
from ..options import merge, validated, without_idle
from ..registry import load, name_of
from .likelihood_choice import replaced_choice, with_mappings, without_idle_options
from .modalities.fully_connected import FullyConnected
from .modality import Modality
from .schema import abbreviate, differing_vocabulary
from .sparse import AT_ONCE, Sparse
from .table import Table

ALL = "all"  # in changes to modalities: every one of them


def in_words(modalities: Mapping[str, Modality]) -> str:
    """Name, class and shape of each modality, for people."""
    return listed(f"{name} {type(modality).__name__} {list(modality.shape)}" for name, modality in modalities.items())


def change_modalities(
    declared: Mapping[str, Modality], changes: Mapping[str, Mapping[str, Any]], train: Table | None = None
) -> dict[str, Modality]:
    """The declared modalities with some fields set anew.

    Options of a likelihood are set one by one; another likelihood comes with its own, but for the scale and the offset
    of counts, which stay.

    What is said of ``all`` holds for every modality on which it has an effect, unless something else is said by name.
    A change that names a ``kind`` may describe a modality in full, as a run's configuration does.

    Raises:
        MmgenError: An unknown modality or field, with what there is; a field that has no effect; or one that the data
            decide (sizes, names of columns, categories, alphabets) set to something else.
        DataError: A value of the rows ``train``, where they are given, that a likelihood or transform which is set
            anew does not take.
    """
    changed, used = dict(declared), set[str]()
    changes = {name: with_mappings(change) for name, change in changes.items()}
    common = dict(changes.get(ALL, {}))
    common_kind = common.pop("kind", None)
    by_name = {name: change for name, change in changes.items() if name != ALL}
    for name in [*declared, *(name for name in by_name if name not in declared)]:
        where, fields = f"modalities.{name}", dict(by_name.get(name, {}))
        kind = fields.pop("kind", common_kind)
        if not fields and not common and kind is None:
            continue
        if kind is None and name not in declared:
            raise MmgenError(f"{where}: there is no such modality; there are {alternatives(name, declared)}")
        cls = type(declared[name]) if kind is None else load("modalities", kind)
        same = name in declared and type(declared[name]) is cls
        before = declared[name].model_dump(exclude_unset=True) if same else {}
        if name in declared and declared[name].missing == "cell":
            before["missing"] = "cell"
        asked = merge(common, fields)
        if "likelihood" in asked:
            asked["likelihood"] = replaced_choice(before.get("likelihood"), asked["likelihood"])
        merged = without_idle(cls, merge(before, asked), fields)
        if "likelihood" in merged:
            merged["likelihood"] = without_idle_options(merged["likelihood"], asked.get("likelihood"))
        changed[name] = validated(cls, merged, where)
        used |= set(merged)
        if name in declared:
            _check_vocabulary(declared[name], changed[name], where)
    for option in common:
        if changed and option not in used:
            raise MmgenError(f"modalities.{ALL}.{option}: it has no effect on any modality, with their other options.")
    if train is not None:
        _check_values(declared, changed, train)
    return changed


def _check_values(declared: Mapping[str, Modality], changed: Mapping[str, Modality], train: Table) -> None:
    """Refuse training values that the likelihood or the transform of a changed modality does not take.

    Values that a dataset has under the likelihoods that it declares are its own matter.

    Raises:
        DataError: The first such value, with its modality and its row.
    """
    for m, (name, modality) in enumerate(changed.items()):
        before = declared.get(name)
        if not isinstance(modality, FullyConnected) or not isinstance(before, FullyConnected):
            continue
        option = "likelihood"
        if modality.value_supports == before.value_supports:
            if modality.value_transforms == before.value_transforms:
                continue
            option = "transform"
        having = train.available[:, m].nonzero().squeeze(1)
        rows = train.data[name]
        size = max(1, AT_ONCE // rows.shape[1:].numel()) if isinstance(rows, Sparse) else max(1, len(having))
        for some in having.split(size):
            values = modality.in_source_units(rows[some].double().numpy())
            wrong, reason = modality.refused(values)
            if name in train.observed:
                wrong = wrong & train.observed[name][some].numpy()
            if wrong.any():
                place = tuple(np.argwhere(wrong)[0])
                raise DataError(
                    f"modalities.{name}.{option}: {name!r} holds {values[place]:g} in training row "
                    f"{int(some[place[0]])} (the first row is 0), {reason}."
                )


def _check_vocabulary(declared: Modality, changed: Modality, where: str) -> None:
    field = differing_vocabulary(declared, changed)
    if field is not None and field != "kind":
        stored, requested = abbreviate(getattr(declared, field)), abbreviate(getattr(changed, field))
        raise MmgenError(
            f"{where}.{field} comes from the data, which have {stored}, and not {requested}; leave it out."
        )
    if declared.missing != changed.missing:
        raise MmgenError(
            f"{where}.missing comes from the data, which were read with {declared.missing}, and not {changed.missing}; "
            f"leave it out, or, of one's own table, say dataset.{where}.missing."
        )


def parse_modalities(modalities: Mapping[str, Mapping[str, Any]]) -> dict[str, Modality]:
    """The modalities that :func:`describe_modality` has described, by name."""
    return change_modalities({}, modalities)


def describe_modality(modality: Modality) -> dict[str, Any]:
    """A modality as its kind and all its fields: what a run keeps, and :func:`change_modalities` reads."""
    return {"kind": name_of("modalities", type(modality)), **modality.model_dump(mode="json")}
