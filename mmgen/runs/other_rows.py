"""Other rows than those of a run's own data: what may hold them, as a dataset that is read by the run's schema.

A mapping in memory has an entry per modality, and :func:`mmgen.data.make_dataset` knows what such an entry may be. A
DataFrame has the columns of the run's own table, and so has a file that a run without a file of its own is given.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..data import Dataset, Schema, Sides, make_dataset
from ..data.in_memory import IN_MEMORY, holds_data
from ..errors import MmgenError
from ..files import real_path
from ..registry import load, name_of

if TYPE_CHECKING:
    import pandas as pd

    OtherRows = Mapping[str, Any] | pd.DataFrame | str | Path

TABLE = "table"  # the dataset that reads files
ARRAYS = (".npz", ".safetensors")  # files that have an entry per modality


def is_frame(given: Any) -> bool:
    """Whether something is a DataFrame."""
    import pandas as pd

    return isinstance(given, pd.DataFrame)


def holds_rows(given: Any) -> bool:
    """Whether something holds rows, and does not say where they are."""
    return is_frame(given) or holds_data(given)


def checked_rows(given: Any, section: Mapping[str, Any]) -> Mapping[str, Any] | pd.DataFrame | Dataset:
    """What was given, a path as the option of the run's dataset that it is.

    Args:
        given: Rows in memory, a path, options of the dataset, or a dataset.
        section: The run's dataset and its options.

    Raises:
        MmgenError: A path to nothing, or something that cannot be read.
    """
    if isinstance(given, str | Path):
        return changes_of_path(given, section)
    if isinstance(given, Dataset | Mapping) or holds_rows(given):
        return given
    raise MmgenError(
        f"Rows are of the type {type(given).__name__}; give a DataFrame with the columns that the run was trained on, "
        "a mapping such as {'genes': array}, or the path of a file."
    )


def changes_of_path(given: str | Path, section: Mapping[str, Any]) -> dict[str, Any]:
    """A path as what it changes in the options of the run's dataset: where that has its files, or the ``path`` of a
    table.

    Raises:
        MmgenError: Nothing is there, or a folder for a dataset that is not read from files.
    """
    path = real_path(given)
    if not path.exists():
        raise MmgenError(f"There is no file or folder {str(given)!r}.")
    kind = load("datasets", section["name"])
    if path.is_file() and "path" not in kind.Config.model_fields:
        return {"path": str(path)}
    if not {"path", "root"} & {*kind.Config.model_fields}:
        raise MmgenError(
            f"{str(given)!r} is a folder, and the dataset {section['name']!r} of this run is not read from one; give a "
            "file."
        )
    changes: dict[str, Any] = kind.placed(section, path)
    return changes


def other_rows(
    given: Mapping[str, Any] | pd.DataFrame, section: Mapping[str, Any], schema: Schema
) -> tuple[Dataset, Schema]:
    """Rows in memory as a dataset, and the schema that reads it.

    Args:
        given: A mapping with an entry per modality, or a DataFrame.
        section: The run's dataset and its options.
        schema: What the run knows.
    """
    kind: Any = load("datasets", IN_MEMORY)
    options = _row_options(section, schema, given)
    if is_frame(given):
        dataset = kind.of_frame(given, {**options, "modalities": _by_column(section, schema)})
    else:
        dataset = make_dataset(given, options, schema)
    return dataset, _with_sides(schema)


def file_of_rows(
    changes: Mapping[str, Any], section: Mapping[str, Any], schema: Schema
) -> tuple[Dataset, Schema] | None:
    """The same of a file, where the run's own dataset reads none; None where it does, or where none is named.

    Args:
        changes: Options of a table: its ``path``, and others.
        section: The run's dataset and its options.
        schema: What the run knows.
    """
    if "path" not in changes or "path" in load("datasets", section["name"]).Config.model_fields:
        return None
    modalities = _by_column(section, schema)
    if Path(changes["path"]).suffix.lower() in ARRAYS:
        for name, modality in schema.modalities.items():
            if len(modality.value_names(name)) > 1:
                modalities[name] = {**modalities[name], "columns": (), "array": name}
    options = {**_row_options(section, schema), "modalities": modalities, **changes}
    options.pop("source", None)
    return make_dataset(TABLE, options), _with_sides(schema)


def _with_sides(schema: Schema) -> Schema:
    """A run that does not know its rows one by one knows none of these."""
    return schema if schema.sides is not None else replace(schema, sides=Sides.none())


def _row_options(section: Mapping[str, Any], schema: Schema, given: Any = ()) -> dict[str, Any]:
    """What a run's options of its dataset say of any rows; a label of the run is one here too, by its name."""
    known = load("datasets", IN_MEMORY).Config.model_fields
    names = given if isinstance(given, Mapping) or is_frame(given) else ()
    options = {name: value for name, value in section.items() if name in known}
    if not options.get("label"):
        options["label"] = next((name for name in schema.labels if name in names), next(iter(schema.labels), None))
    return options


def _by_column(section: Mapping[str, Any], schema: Schema) -> dict[str, dict[str, Any]]:
    """Each modality with its columns: those that the run's own table has, else by the names that its values have in
    what a run writes.
    """
    described = section.get("modalities", {})
    modalities = {}
    for name, modality in schema.modalities.items():
        fields = dict(described.get(name, {}))
        if section["name"] == IN_MEMORY or not fields.get("columns"):
            fields = {key: value for key, value in fields.items() if key != "array"}
            fields["columns"] = modality.value_names(name)
        modalities[name] = {**fields, "kind": name_of("modalities", type(modality))}
    return modalities
