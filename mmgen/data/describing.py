"""Modalities as plain fields, as configurations have them, and back."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ..errors import MmgenError, listed, nearest
from ..options import validated, without_idle
from ..registry import load, name_of
from .modality import Modality
from .schema import brief, differing_vocabulary

ALL = "all"  # in changes to modalities: every one of them


def change_modalities(
    declared: Mapping[str, Modality], changes: Mapping[str, Mapping[str, Any]]
) -> dict[str, Modality]:
    """The declared modalities with some fields set anew.

    What is said of ``all`` holds for every modality on which it has an effect, unless something else is said by name.
    A change that names a ``kind`` may describe a modality in full, as a run's configuration does.

    Raises:
        MmgenError: An unknown modality or field, with what there is; a field that has no effect; or one that the data
            decide (sizes, names of columns, categories, alphabets) set to something else.
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
            raise MmgenError(
                f"{where}: there is no such modality; there are {listed(declared)}{nearest(name, declared)}."
            )
        cls = type(declared[name]) if kind is None else load("modalities", kind)
        same = name in declared and type(declared[name]) is cls
        before = declared[name].model_dump(exclude_unset=True) if same else {}
        chosen = without_idle(cls, {**before, **everywhere, **fields}, fields)
        changed[name] = validated(cls, chosen, where)
        used |= set(chosen)
        if name in declared:
            _check_vocabulary(declared[name], changed[name], where)
    for option in everywhere:
        if changed and option not in used:
            raise MmgenError(f"modalities.{ALL}.{option}: it has no effect on any modality, with their other options.")
    return changed


def _check_vocabulary(declared: Modality, changed: Modality, where: str) -> None:
    differs = differing_vocabulary(declared, changed)
    if differs is not None and differs != "kind":
        found, wanted = brief(getattr(declared, differs)), brief(getattr(changed, differs))
        raise MmgenError(f"{where}.{differs} comes from the data, which have {found}, and not {wanted}; leave it out.")


def described(modalities: Mapping[str, Mapping[str, Any]]) -> dict[str, Modality]:
    """The modalities that :func:`describe_modality` has described, by name."""
    return change_modalities({}, modalities)


def describe_modality(modality: Modality) -> dict[str, Any]:
    """A modality as its kind and all its fields: what a run keeps, and :func:`change_modalities` reads."""
    return {"kind": name_of("modalities", type(modality)), **modality.model_dump(mode="json")}
