"""The dataset ``in-memory``: a mapping of modalities to arrays, DataFrames or tensors."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, ClassVar

import numpy as np
import pandas as pd
from pydantic import Field

from ...errors import DataError, alternatives, listed
from ...options import validated
from ...registry import name_of
from ..in_memory import IN_MEMORY
from ..schema import Schema
from .alignment import Entry, align, as_piece, row_names
from .dataset import OwnTable
from .guessed_kinds import guess_kind
from .memory_source import MemorySource
from .missing_words import MissingWords
from .opening import open_object
from .row_options import RowOptions
from .source import Source

ROLES = ("label", "group", "split", "id")
GONE = (
    "The data were arrays and frames in Python, which mmgen train --config cannot find again: give them to mmgen.train "
    "or to load_run(RUN, dataset={'rna': frame, …})."
)


class InMemoryConfig(RowOptions):
    """What the arrays and frames mean that were given in Python."""

    source: str = Field(GONE, description="Where the data are; a sentence, for whoever reads a configuration.")


class InMemory(OwnTable):
    """Data in memory: a mapping of modalities to NumPy arrays, pandas DataFrames or torch tensors, given in Python.

    ``mmgen.load_dataset({"rna": frame, "scans": array}, label=y)`` makes one. Frames are joined by their index, arrays
    go by the places of rows. They are prepared anew each time, so that nothing is stale.
    """

    Config: ClassVar[type[RowOptions]] = InMemoryConfig
    citation = "The user's own data."
    place = "memory"
    title = "the data in memory"

    def __init__(
        self,
        config: InMemoryConfig | None = None,
        modalities: Mapping[str, Entry] | None = None,
        roles: pd.DataFrame | None = None,
        notes: tuple[str, ...] = (),
        index: pd.Index | None = None,
        opened: Callable[[], Source] | None = None,
    ) -> None:
        if modalities is None or roles is None:
            raise DataError(f"dataset {IN_MEMORY!r}: {GONE[0].lower()}{GONE[1:]}")
        super().__init__(config)
        self._values, self._roles, self._notes, self._opened = modalities, roles, notes, opened
        self.index = index.rename("id") if index is not None and not any(index.names) and index.nlevels == 1 else index

    @classmethod
    def of(cls, data: Mapping[str, Any], options: Mapping[str, Any], schema: Schema | None = None) -> InMemory:
        """The dataset of a mapping.

        Args:
            data: Name of each modality to its values; also what options name, such as a label.
            options: Fields of the configuration. ``label``, ``group``, ``split`` and ``id`` are values, or names in
                ``data``; ``covariates`` a mapping of names to values, or names in ``data``.
            schema: What a run knows, where one reads them: kinds are then its own, and options that name what is not
                given do not count.

        Raises:
            DataError: Values that are none, or rows that cannot be brought together.
        """
        for name in data:
            if not isinstance(name, str):
                raise DataError(f"data[{name!r}]: the names of modalities are words.")
        if not data:
            raise DataError("There is no modality among the data; give a mapping such as {'rna': frame}.")
        entries, settings, roles = _sort_roles(data, options, known=schema is not None)
        values, index = align({name: as_piece(name, given) for name, given in entries.items()})
        columns = {name: _single_column(name, values.pop(name)) for name in roles}
        if "id" in settings or "id" in columns:
            index = None
        if index is not None:
            columns["id"], settings["id"] = pd.Series(row_names(index)), "id"
        if not values:
            raise DataError("There is no modality among the data; give a mapping such as {'rna': frame}.")
        count = next(iter(values.values())).shape[0]
        described, guessed = _described(values, settings.get("modalities", {}), schema)
        config = validated(InMemoryConfig, {**settings, "modalities": described}, "dataset")
        return cls(config, values, pd.DataFrame(columns, index=range(count)), _notes(guessed), index)

    @classmethod
    def of_object(cls, data: Any, options: Mapping[str, Any], schema: Schema | None = None) -> InMemory:
        """The dataset of an object that a format knows, such as AnnData; its own names are columns and arrays.

        Args:
            data: The object.
            options: Fields of the configuration, as of a file of that format.
            schema: What a run knows, where one reads it: columns that the object lacks then do not count.

        Raises:
            DataError: No installed format reads such an object.
        """
        source, settings = open_object(data), dict(options)
        if schema is not None and isinstance(settings.get("id"), str | list | tuple):
            ids = [settings["id"]] if isinstance(settings["id"], str) else settings["id"]
            settings |= {} if set(ids) <= set(source.position) else {"id": ()}
        config = validated(InMemoryConfig, settings, "dataset")
        return cls(config, {}, pd.DataFrame(), opened=lambda: open_object(data))

    @classmethod
    def of_frame(cls, frame: pd.DataFrame, options: Mapping[str, Any]) -> InMemory:
        """The dataset of one frame with the columns of a run's own table, which that run reads.

        Args:
            frame: A line per row; its index names the rows, where it is one and no column of ids is among the others.
            options: Fields of the configuration, whose modalities name columns.

        Raises:
            DataError: A frame without rows, or with a column or an entry of its index twice.
        """
        values, index = align({"frame": as_piece("frame", frame)})
        columns, settings = values["frame"], dict(options)
        assert isinstance(columns, pd.DataFrame)
        ids = settings.pop("id", ())
        ids = [ids] if isinstance(ids, str) else list(ids)
        if ids and set(ids) <= set(columns):
            settings["id"], index = ids, None
        elif index is not None:
            (name,) = ids if len(ids) == 1 else ("id",)
            while name in columns:
                name += "_"
            columns, settings["id"] = columns.assign(**{name: row_names(index)}), name
        return cls(validated(InMemoryConfig, settings, "dataset"), {}, columns, index=index)

    def sources(self) -> list[Any]:
        """None: there are no files."""
        return []

    def open(self, paired: bool = True) -> Source:
        """The entries, as columns and arrays; or those of an object."""
        if self._opened is not None:
            source = self._opened()
            source.missing = MissingWords.of(self.config.missing)
            return source
        source = MemorySource(self._roles, self._values, MissingWords.of(self.config.missing))
        source.notes.extend(self._notes if self.schema is None else ())
        return source

    @classmethod
    def toy(cls) -> InMemory:
        """Sixty rows of a vector, counts and a category, with missing cells, a label and a group."""
        draw, rows = np.random.default_rng(0), np.arange(60)
        ill = rows // 3 % 2
        genes = draw.normal(3 * ill[:, None], 1, (60, 3))
        genes[rows % 10 == 3, 1] = np.nan
        counts = draw.poisson(2 + 6 * ill[:, None], (60, 2)).astype(np.float64)
        counts[rows % 10 == 6] = np.nan
        proteins = pd.DataFrame(counts, columns=["p0", "p1"])
        tissue = pd.Series(np.where(ill == 1, "lung", "liver")).mask(rows % 10 == 9)
        hidden = {"genes": {"hidden": [16]}, "proteins": {"hidden": [16]}, "tissue": {"hidden": [8]}}
        return cls.of(
            {"genes": genes, "proteins": proteins, "tissue": tissue},
            {
                "label": np.where(ill == 1, "ill", "healthy"),
                "group": rows // 3,
                "modalities": hidden,
                "simulated": True,
            },
        )


def _sort_roles(
    data: Mapping[str, Any], options: Mapping[str, Any], known: bool
) -> tuple[dict[str, Any], dict[str, Any], list[str]]:
    """All entries with those that options hold, the options with names in their place, and which entries are no
    modality.
    """
    entries, settings, roles = dict(data), dict(options), list[str]()

    def named(role: str, name: str) -> bool:
        if name not in entries:
            if known:
                return False
            raise DataError(
                f"dataset.{role}: there is no {name!r} among the data; there are {alternatives(name, entries)}"
            )
        roles.append(name)
        return True

    def added(role: str, name: str, values: Any) -> None:
        if name in entries:
            raise DataError(f"dataset.{role}: the data have an entry {name!r} already; rename it.")
        entries[name] = values
        roles.append(name)

    for role in ROLES:
        given = settings.pop(role, None)
        if given is None or (isinstance(given, list | tuple) and not given):
            continue
        if role == "id" and isinstance(given, list | tuple) and (known or all(map(entries.__contains__, given))):
            found = [name for name in given if named(role, name)]
            settings |= {role: found} if len(found) == len(given) else {}
        elif not isinstance(given, str):
            added(role, role, given)
            settings[role] = role
        elif named(role, given) or role == "label":
            settings[role] = given
    kinds = {}
    covariates = settings.pop("covariates", ())
    for name in (covariates,) if isinstance(covariates, str) else covariates:
        given = covariates[name] if isinstance(covariates, Mapping) else None
        if given is None or isinstance(given, str):
            if name in roles or named("covariates", name):
                kinds[name] = given
        else:
            added("covariates", name, given)
            kinds[name] = None
    if kinds and all(kinds.values()):
        settings["covariates"] = kinds
    elif kinds:
        unsaid = [name for name, kind in kinds.items() if kind is None]
        if len(unsaid) < len(kinds):
            raise DataError(f"dataset.covariates: say of {listed(unsaid)} too what it is, category or number.")
        settings["covariates"] = unsaid
    return entries, settings, list(dict.fromkeys(roles))


def _single_column(name: str, values: Entry) -> pd.Series:
    if not isinstance(values, pd.DataFrame):
        if values.shape[1:] != (1,):
            raise DataError(f"{name!r} has the shape {list(values.shape)}, and a single value per row was wanted.")
        values = pd.DataFrame(values if isinstance(values, np.ndarray) else values.toarray())
    if values.shape[1] != 1:
        raise DataError(f"{name!r} has {values.shape[1]} values per row, and a single one was wanted.")
    return values.iloc[:, 0]


def _described(
    values: Mapping[str, Entry], options: Any, schema: Schema | None
) -> tuple[dict[str, Any], dict[str, str]]:
    """The options of each modality with its kind and columns, and the kinds that were guessed."""
    if not isinstance(options, Mapping):
        raise DataError(f"dataset.modalities: {options!r} is no mapping of modalities, such as {{'rna': …}}.")
    for name in options:
        if name not in values and schema is None:
            raise DataError(
                f"dataset.modalities: there is no {name!r} among the data; there are {alternatives(str(name), values)}"
            )
    described, guessed = {}, {}
    for name, entry in values.items():
        if schema is not None and name not in schema.modalities:
            raise DataError(f"data[{name!r}]: the run has no such modality; it has {listed(schema.modalities)}.")
        fields = options.get(name, {})
        if not isinstance(fields, Mapping):
            raise DataError(f"dataset.modalities.{name}: {fields!r} is no mapping, such as {{'kind': 'counts'}}.")
        place = {"columns": "*"} if isinstance(entry, pd.DataFrame) else {"array": name}
        if schema is not None:
            kind = name_of("modalities", type(schema.modalities[name]))
            fields = {key: value for key, value in fields.items() if key not in ("kind", "columns", "array")}
            described[name] = {"kind": kind, **place, **fields}
            continue
        if "kind" not in fields:
            guessed[name] = guess_kind(f"data[{name!r}]", entry)
        if isinstance(entry, pd.DataFrame) and "columns" in fields:
            place = {}
        described[name] = {"kind": guessed.get(name), **place, **fields}
    return described, guessed


def _notes(guessed: Mapping[str, str]) -> tuple[str, ...]:
    if not guessed:
        return ()
    kinds = ", ".join(f"{name} {kind}" for name, kind in guessed.items())
    first = next(iter(guessed))
    other = "counts" if guessed[first] == "vector" else "vector"
    return (
        f"Modalities are taken for what their values look like: {kinds}; where one is something else, say "
        f'modalities={{"{first}": {{"kind": "{other}"}}}}.',
    )
