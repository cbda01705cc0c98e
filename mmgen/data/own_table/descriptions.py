"""What the modalities of one's own data are: as the options describe them, as a file describes itself, or both."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ...errors import DataError
from ...options import validated
from ..schema import Schema
from .row_options import RowOptions
from .source import Source
from .table_modality import TableModality


def find_descriptions(config: RowOptions, schema: Schema | None, source: Source) -> dict[str, TableModality]:
    """Every modality with its kind and its columns or array.

    Options that name both are taken as they are, and the others of the file are left out. One that names neither
    columns nor an array changes fields of a modality that the file describes, and its others stay.

    Raises:
        DataError: A modality that neither the options nor the file describe.
    """
    said = config.modalities
    if schema is not None:  # other data than those that the options describe may have their values elsewhere
        said = {name: each for name, each in said.items() if not each.has_place or _is_there(each, source)} or (
            {} if source.described() else said
        )
    if said and all(description.is_complete for description in said.values()):
        return dict(said)
    found = source.described()
    if not found and not said:
        raise DataError(f"dataset.modalities: {source.title} does not say which modalities it has; name them.")
    if not found:
        return dict(said)
    if schema is not None:
        found = _as_the_run_calls_them(found, schema, source)
    kinds = {fields.get("array"): fields["kind"] for fields in found.values()}
    partial = [name for name, description in said.items() if not description.has_place]
    described = dict(found) if partial or not said else {}
    for name, description in said.items():
        given = description.model_dump(exclude_unset=True)
        if description.has_place:
            described[name] = {"kind": kinds.get(description.array), **given}
        elif name in found:
            described[name] = {**found[name], **given}
        elif schema is None:
            known = ", ".join(found) or "none"
            raise DataError(
                f"dataset.modalities.{name}: {source.title} has no modality of this name; it has {known}; or give "
                "columns or array."
            )
    return {
        name: validated(TableModality, _checked(name, fields), f"dataset.modalities.{name}")
        for name, fields in described.items()
    }


def _is_there(description: TableModality, source: Source) -> bool:
    """Whether a source has the array, or one of the columns, that a description names."""
    names = (description.array,) if description.array is not None else description.columns
    return any(name in source.position or any(sign in name for sign in "*?[") for name in names)


def _checked(name: str, fields: Mapping[str, Any]) -> dict[str, Any]:
    if fields.get("kind") is None:
        raise DataError(f"dataset.modalities.{name}.kind is missing: say vector, counts, tags or another.")
    return dict(fields)


def _as_the_run_calls_them(
    found: Mapping[str, dict[str, Any]], schema: Schema, source: Source
) -> dict[str, dict[str, Any]]:
    """The modalities that a run has; one that it calls something else is known by the names of its values."""
    called = {}
    for name, fields in found.items():
        names = set(source.value_names(fields.get("array", "")))
        alike = [
            other
            for other, modality in schema.modalities.items()
            if other not in found and modality.columns and names.issuperset(modality.columns)
        ]
        if name in schema.modalities:
            called[name] = fields
        elif len(alike) == 1:
            called[alike[0]] = fields
        else:
            source.notes.append(f"{source.title} has {name}, which is none of the run's modalities and is passed over.")
    return called
