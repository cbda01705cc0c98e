"""What the modalities of one's own data are: as the options describe them, as a file describes itself, or both."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ...errors import DataError, listed
from ...options import validated
from ..schema import Schema
from .file_modality import FileModality
from .row_options import RowOptions
from .source import Source
from .table_modality import TableModality


def find_descriptions(config: RowOptions, schema: Schema | None, source: Source) -> dict[str, TableModality]:
    """Every modality with its columns or array and its kind, as far as the options or the files say them.

    Options that name both are taken as they are, and the others of the file are left out. One that names neither
    columns nor an array nor a file changes fields of a modality that the file describes, and its others stay. One with
    a file of its own is the modality of that name there, or the only one.

    Raises:
        DataError: A modality that neither the options nor a file that describes itself describe.
    """
    said = config.modalities
    if schema is not None:  # other data than those that the options describe may have their values elsewhere
        said = {name: each for name, each in said.items() if not each.has_place or _is_there(name, each, source)} or (
            {} if source.described() else said
        )
    if said and all(description.is_complete for description in said.values()):
        return dict(said)
    own = {name: each for name, each in said.items() if isinstance(each, FileModality) and each.path is not None}
    common = {name: each for name, each in said.items() if name not in own}
    described = _in_common_files(common, schema, source) if common or not own else {}
    described |= {name: _in_own_file(name, each, schema, source) for name, each in own.items()}
    order = dict.fromkeys((*said, *described)) if own else described
    return {name: described[name] for name in order if name in described}


def _in_common_files(
    said: Mapping[str, TableModality], schema: Schema | None, source: Source
) -> dict[str, TableModality]:
    """The modalities without a file of their own."""
    found = source.described()
    if not found and not said:
        raise DataError(f"dataset.modalities: {source.title} does not say which modalities it has; name them.")
    if not found:
        return dict(said)
    if schema is not None:
        found = _as_the_run_calls_them(found, schema, source)
    kinds = {fields.get("array"): fields["kind"] for fields in found.values()}
    partial = [name for name, description in said.items() if not description.has_place]
    described = {name: _as_described(name, fields) for name, fields in found.items()} if partial or not said else {}
    for name, description in said.items():
        if description.has_place:
            known = {"kind": kinds[description.array]} if description.array in kinds else {}
            described[name] = _as_described(name, known, description)
        elif name in found:
            described[name] = _as_described(name, found[name], description)
        elif schema is None:
            known_names = ", ".join(found) or "none"
            raise DataError(
                f"dataset.modalities.{name}: {source.title} has no modality of this name; it has {known_names}; or "
                "give columns or array."
            )
    return described


def _in_own_file(name: str, description: TableModality, schema: Schema | None, source: Source) -> TableModality:
    """A modality with a file of its own, which may say what it is."""
    part = source.part(name)
    found = {} if part is None or description.is_complete else part.described()
    if part is None or not found:
        return description
    if description.has_place:
        kinds = {fields.get("array"): {"kind": fields["kind"]} for fields in found.values()}
        return _as_described(name, kinds.get(description.array, {}), description)
    if schema is not None:
        found = _as_the_run_calls_them(found, schema, part)
    if name in found or len(found) == 1:
        return _as_described(name, found.get(name, next(iter(found.values()))), description)
    raise DataError(
        f"dataset.modalities.{name}: {part.title} has {listed(found)}; say which is meant, such as array: "
        f"{next(iter(found.values()))['array']}."
    )


def _as_described(name: str, found: Mapping[str, Any], said: TableModality | None = None) -> TableModality:
    """What a file says of a modality, with what the options say."""
    of_files = set(FileModality.model_fields) - set(TableModality.model_fields)
    given = {} if said is None else said.model_dump(exclude_unset=True, exclude=of_files)
    given = {key: value for key, value in given.items() if value is not None or key not in TableModality.model_fields}
    return validated(TableModality, {**found, **given}, f"dataset.modalities.{name}")


def _is_there(name: str, description: TableModality, source: Source) -> bool:
    """Whether a source has the array, or one of the columns, that a description names."""
    part = source.part(name)
    names = (description.array,) if description.array is not None else description.columns
    return part is not None and any(
        each in part.position or any(sign in each for sign in "*?[") for each in names if each is not None
    )


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
