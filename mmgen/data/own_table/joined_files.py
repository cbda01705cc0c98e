"""Several files of one's own as one source: their rows joined by the ids of samples, as an outer join."""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
import scipy.sparse

from ...errors import DataError, alternatives, listed
from ..modality import Modality
from .joining import join_indices
from .known_rows import ROW_NAME_COLUMNS, name_word
from .source import FIRST, Source

SIGN = "\x1f"  # between the values of several id columns, where no text has it
SHOWN = 3  # ids that a sentence shows


class JoinedPart(Source):
    """One of the files, with the rows of all of them: those that it does not have are missing.

    Attributes:
        places: Of every joined row in the file, ``Int[N]``; −1 where the file does not have it.
    """

    def __init__(self, inner: Source, title: str, places: np.ndarray) -> None:
        super().__init__(title, inner.names)
        self.kind, self.missing, self.folder = inner.kind, inner.missing, inner.folder
        self.separator, self.decimal = inner.separator, inner.decimal
        self.by_name_only, self.guesses_kinds = inner.by_name_only, inner.guesses_kinds
        self.places, self.count = places, len(places)
        self._inner, self._has = inner, places >= 0

    def place(self, row: int) -> str:
        """Its place in the file."""
        return super().place(int(self.places[row]))

    def cells(self, name: str) -> list[Any]:
        """Those of the file, None in rows that it does not have."""
        cells = self._inner.cells(name)
        return [cells[place] if place >= 0 else None for place in self.places.tolist()]

    def array(self, name: str) -> tuple[np.ndarray, np.ndarray]:
        """Values of the file, anything in rows that it does not have, and which rows have some."""
        values, available = self._inner.array(name)
        return values[self.places], available[self.places] & self._has

    def numbers(self, names: Sequence[str], where: str, truths: bool = False) -> np.ndarray:
        """Those of the file, NaN in rows that it does not have."""
        values = self._inner.numbers(names, where, truths)[self.places]
        values[~self._has] = math.nan
        return values

    def value_names(self, name: str) -> tuple[str, ...]:
        """As in the file."""
        return self._inner.value_names(name)

    def sparse(self, name: str) -> tuple[Any, np.ndarray] | None:
        """The matrix of the file, with empty rows where it has none."""
        return self._spread(self._inner.sparse(name))

    def sparse_columns(self, names: Sequence[str]) -> tuple[Any, np.ndarray] | None:
        """The same of columns."""
        return self._spread(self._inner.sparse_columns(names))

    def described(self) -> dict[str, dict[str, Any]]:
        """What the file says of itself."""
        return self._inner.described()

    def fields(self, kind: type[Modality], names: Sequence[str]) -> dict[str, Any]:
        """What is usually right in the file."""
        return self._inner.fields(kind, names)

    def table_names(self) -> tuple[str, ...]:
        """As in the file."""
        return self._inner.table_names()

    def has_column(self, name: str) -> bool:
        """As in the file."""
        return self._inner.has_column(name)

    def typed(self, names: Sequence[str]) -> pd.DataFrame:
        """Columns of the file, empty in rows that it does not have."""
        return self._inner.typed(names).reindex(self.places).reset_index(drop=True)

    def written(self, names: Sequence[str], rows: np.ndarray) -> np.ndarray | None:
        """Texts of the file, "" in rows that it does not have."""
        places = self.places[rows]
        texts = self._inner.written(names, places)
        if texts is not None:
            texts[places < 0] = ""
        return texts

    def _spread(self, given: tuple[Any, np.ndarray] | None) -> tuple[Any, np.ndarray] | None:
        if given is None:
            return None
        matrix, available = given
        taken, lengths = matrix[self.places[self._has]], np.zeros(self.count, dtype=np.int64)
        lengths[self._has] = np.diff(taken.indptr)
        starts = np.concatenate([[0], lengths.cumsum()])
        spread = scipy.sparse.csr_array((taken.data, taken.indices, starts), shape=(self.count, matrix.shape[1]))
        return spread, available[self.places] & self._has


class MergedColumns(Source):
    """The columns of several files of the same rows; one that several files have says the same in all of them."""

    def __init__(self, parts: Sequence[JoinedPart], ids: Mapping[str, list[str]]) -> None:
        names = dict.fromkeys((*ids, *(name for part in parts for name in part.names)))
        super().__init__(listed(dict.fromkeys(part.title for part in parts)), list(names))
        self.kind = "arrays" if all(part.kind == "arrays" for part in parts) else "columns"
        self.missing, self.folder, self.count = parts[0].missing, parts[0].folder, parts[0].count
        self.by_name_only = {name for part in parts for name in part.by_name_only}
        self.guesses_kinds = any(part.guesses_kinds for part in parts)
        self.separator = ";" if all(part.decimal == "," for part in parts) else ","
        self.decimal = "," if self.separator == ";" else "."
        self._files, self._ids = parts, ids

    def cells(self, name: str) -> list[Any]:
        """What any of the files says of each row; ids as they are written."""
        if name in self._ids:
            return list(self._ids[name])
        return self._merged(name, [(part, part.cells(name)) for part in self._owners(name)])

    def array(self, name: str) -> tuple[np.ndarray, np.ndarray]:
        """The array of the one file that has it."""
        return self._owner(name).array(name)

    def value_names(self, name: str) -> tuple[str, ...]:
        """As the one file has them that has the array."""
        return self._owner(name).value_names(name)

    def sparse(self, name: str) -> tuple[Any, np.ndarray] | None:
        """The matrix of the one file that has it."""
        return self._owner(name).sparse(name)

    def sparse_columns(self, names: Sequence[str]) -> tuple[Any, np.ndarray] | None:
        """Columns of one file."""
        part = self._common_owner(names)
        return None if part is None else part.sparse_columns(names)

    def described(self) -> dict[str, dict[str, Any]]:
        """What any of the files says of itself."""
        found: dict[str, dict[str, Any]] = {}
        for part in self._files:
            for name, fields in part.described().items():
                if name in found:
                    raise DataError(
                        f"{self.title} have a modality {name!r} each; give each modality a file of its own, such as "
                        f"modalities: {{{name}: {{path: {part.title}}}}}."
                    )
                found[name] = fields
        return found

    def fields(self, kind: type[Modality], names: Sequence[str]) -> dict[str, Any]:
        """What is usually right in the one file that has these names."""
        part = self._common_owner(names)
        return {} if part is None else part.fields(kind, names)

    def numbers(self, names: Sequence[str], where: str, truths: bool = False) -> np.ndarray:
        """The numbers of every file, as many columns at once as it has alone."""
        values = np.empty((self.count, len(names)))
        owners = [self._owners(name) if name not in self._ids else [] for name in names]
        for part in self._files:
            mine = [i for i, owner in enumerate(owners) if len(owner) == 1 and owner[0] is part]
            if mine:
                values[:, mine] = part.numbers([names[i] for i in mine], where, truths)
        for i, owner in enumerate(owners):
            if len(owner) > 1:
                columns = [(part, part.numbers([names[i]], where, truths)[:, 0].tolist()) for part in owner]
                merged = self._merged(names[i], columns)
                values[:, i] = [math.nan if cell is None else cell for cell in merged]
            elif not owner:
                values[:, [i]] = super().numbers([names[i]], where, truths)
        return values

    def table_names(self) -> tuple[str, ...]:
        """Ids, and the columns of all files."""
        return tuple(dict.fromkeys((*self._ids, *(name for part in self._files for name in part.table_names()))))

    def holders(self, name: str) -> list[Source]:
        """The files that have a column; ids are of all of them."""
        return [self] if name in self._ids else list(self._owners(name))

    def owners(self, name: str) -> dict[str, Source]:
        """The one file that has a column; all of them where they say the same; each, where they do not."""
        parts = self._owners(name)
        if name in self._ids or not parts:
            return {name: self}
        if len(parts) == 1:
            return {name: parts[0]}
        try:
            self.cells(name)
        except DataError:
            return {f"{name} ({part.title})": part for part in parts}
        return {name: self}

    def place(self, row: int) -> str:
        """What the sample is called."""
        return f"the row of {self._row(row)}"

    def _owners(self, name: str) -> list[JoinedPart]:
        return [part for part in self._files if name in part.position]

    def _owner(self, name: str) -> JoinedPart:
        owner, *others = self._owners(name)
        if others:
            raise DataError(
                f"{owner.title} and {others[0].title} both have {name!r}; say which is meant, such as modalities: "
                f"{{{name}: {{path: {owner.title}}}}}."
            )
        return owner

    def _common_owner(self, names: Sequence[str]) -> JoinedPart | None:
        """The file that has all of these columns and shares none of them; None where there is none."""
        owners = [self._owners(name) if name not in self._ids else [] for name in names]
        alone = all(len(owner) == 1 and owner[0] is owners[0][0] for owner in owners)
        return owners[0][0] if owners and alone else None

    def _merged(self, name: str, columns: Sequence[tuple[JoinedPart, Sequence[Any]]]) -> list[Any]:
        """The one value that each row has; two of them are an error with its id."""
        (first, values), *others = columns
        merged, origin = list(values), [first] * self.count
        for part, cells in others:
            for row, cell in enumerate(cells):
                if part.missing.is_missing(cell):
                    continue
                if origin[row].missing.is_missing(merged[row]):
                    merged[row], origin[row] = cell, part
                elif name_word(cell) != name_word(merged[row]):
                    raise DataError(
                        f"{name!r} of {self._row(row)} is {name_word(merged[row])!r} in {origin[row].title} and "
                        f"{name_word(cell)!r} in {part.title}; correct one of them, or rename a column that means "
                        "something else."
                    )
        return merged

    def _row(self, row: int) -> str:
        return " and ".join(f"{name} {values[row]!r}" for name, values in self._ids.items())


class JoinedFiles(MergedColumns):
    """All files: what is no modality is looked for in any of them, a modality in its own file, or else in those that
    the option ``path`` names.
    """

    roles_in_parts = True

    def __init__(
        self,
        parts: Mapping[str, JoinedPart],
        ids: Mapping[str, list[str]],
        shared: Collection[str],
        places: Mapping[str, str],
    ) -> None:
        super().__init__(list(parts.values()), ids)
        self.id_columns = tuple(ids)
        self._own = {modality: parts[place] for modality, place in places.items()}
        self._shared = MergedColumns([parts[place] for place in shared], ids) if shared else None
        for part in (*parts.values(), *([self._shared] if self._shared else [])):
            part.notes = self.notes  # what one finds is said with the rest

    def part(self, modality: str) -> Source | None:
        """The file of a modality, or the files without a modality of their own; None where there is neither."""
        return self._own.get(modality, self._shared)

    def described(self) -> dict[str, dict[str, Any]]:
        """What the files without a modality of their own say."""
        return self._shared.described() if self._shared else {}


@dataclass(frozen=True)
class _Keys:
    """The ids of one file.

    Attributes:
        columns: The id columns that it has.
        index: An entry for every row, all different.
    """

    columns: tuple[str, ...]
    index: pd.Index


def join_files(
    sources: Mapping[str, Source],
    shared: Collection[str],
    places: Mapping[str, str],
    id_columns: Sequence[str],
    known: bool,
) -> JoinedFiles:
    """Several files as one source.

    A row is a sample that any file has which has all id columns; a file that has some of them, such as one of patients
    beside one of their visits, says the same of every row with these ids. Ids are compared as they are written.

    Args:
        sources: Path of each file to what it holds, those of the option ``path`` first.
        shared: The paths that the option names.
        places: Modality to the path of its own file.
        id_columns: Of the option ``id``; none: one that is called id in all files.
        known: Whether a run reads other data, of which nothing has to fit together.

    Raises:
        DataError: No ids, a column that no file has, an empty one, one that is there twice, or a table of labels of
            other samples.
    """
    titles = titles_of(sources)
    id_columns = tuple(id_columns) or _guess_id(sources, titles)
    every = dict.fromkeys(column for source in sources.values() for column in source.names)
    for name in id_columns:
        if name not in every:
            raise DataError(f"dataset.id: no file has {name!r}; columns are {alternatives(name, every)}")
    keys = {path: _read_keys(source, titles[path], id_columns) for path, source in sources.items()}
    whole = {path: key for path, key in keys.items() if key.columns == id_columns}
    if not whole:
        wanted = " and ".join(map(repr, id_columns))
        raise DataError(f"dataset.id: none of {listed(titles.values())} has all of the columns {wanted}.")
    joined = join_indices(key.index for key in whole.values())
    rows = [entry.split(SIGN) for entry in joined]
    ids = {name: [row[i] for row in rows] for i, name in enumerate(id_columns)}
    parts, notes = {}, []
    for path, key in keys.items():
        wanted_index = pd.Index([SIGN.join(row) for row in zip(*(ids[name] for name in key.columns), strict=True)])
        found = key.index.get_indexer(wanted_index)
        parts[path] = JoinedPart(sources[path], titles[path], found)
        if path not in whole:
            lost = len(key.index) - len(np.unique(found[found >= 0]))
            what = listed(key.columns)
            notes.append(
                f"{titles[path]} has one row for each {what}, which counts for every row of that {what}"
                + (f"; {lost} of its rows are in no other file." if lost else ".")
            )
    only_roles = [path for path in shared if set(places) and path not in places.values()] if not known else []
    result = JoinedFiles(parts, ids, shared, places)
    for source in sources.values():
        result.notes.extend(source.notes)
    result.notes.extend(notes)
    result.notes.extend(_overlap_notes(whole, titles, joined, id_columns, only_roles))
    return result


def titles_of(sources: Mapping[str, Source]) -> dict[str, str]:
    """The name of each file, with its folder where two files have the same name."""
    names = [source.title for source in sources.values()]
    return {
        path: f"{source.folder.name}/{source.title}" if names.count(source.title) > 1 else source.title
        for path, source in sources.items()
    }


def _guess_id(sources: Mapping[str, Source], titles: Mapping[str, str]) -> tuple[str, ...]:
    everywhere = [
        name for name in next(iter(sources.values())).names if all(name in s.position for s in sources.values())
    ]
    for name in ROW_NAME_COLUMNS:
        if name in everywhere:
            return (name,)
    example = everywhere[0] if everywhere else "patient_id"
    common = f"columns of all of them are {listed(everywhere)}" if everywhere else "no column is in all of them"
    raise DataError(
        f"dataset.id: {listed(titles.values())} are joined by the ids of their samples; say which column has them, "
        f"such as id: {example} ({common})."
    )


def _read_keys(source: Source, title: str, id_columns: Sequence[str]) -> _Keys:
    columns = tuple(name for name in id_columns if name in source.position)
    if not columns:
        unit, first_id = source.kind.removesuffix("s"), id_columns[0]
        raise DataError(
            f"dataset.id: {title} has no {unit} {first_id!r}, by which files are joined; its {source.kind} are "
            f"{alternatives(first_id, source.names)}"
        )
    words = [[name_word(cell) for cell in source.cells(name)] for name in columns]
    entries = [SIGN.join(row) for row in zip(*words, strict=True)]
    what, first = " and ".join(map(repr, columns)), dict[str, int]()
    for row, entry in enumerate(entries):
        if not all(entry.split(SIGN)):
            raise DataError(f"dataset.id: {what} of {title} is empty in row {row} ({FIRST}); every row needs an id.")
        if first.setdefault(entry, row) != row:
            shown = "/".join(entry.split(SIGN))
            raise DataError(
                f"dataset.id: {what} of {title} holds {shown!r} in rows {first[entry]} and {row} ({FIRST}); an id "
                f"names one row (where a subject has several, id is a list of columns, such as [{columns[0]}, visit])."
            )
    return _Keys(columns, pd.Index(entries, dtype=object))


def _overlap_notes(
    keys: Mapping[str, _Keys],
    titles: Mapping[str, str],
    joined: pd.Index,
    id_columns: Sequence[str],
    only_roles: Collection[str],
) -> list[str]:
    """How many samples the files share; a file that shares none is said, and an error where it has no modality."""
    if len(keys) < 2:
        return []
    notes = []
    for path, key in keys.items():
        others = {other: each.index for other, each in keys.items() if other != path}
        if any(key.index.isin(index).any() for index in others.values()):
            continue
        sentence = _apart(titles[path], key.index, {titles[other]: index for other, index in others.items()})
        if path in only_roles:
            raise DataError(f"dataset.id: {sentence}")
        notes.append(sentence)
    times = sum(joined.isin(key.index).astype(int) for key in keys.values())
    counts = listed(f"{titles[path]} ({len(key.index)} rows)" for path, key in keys.items())
    everywhere = "both" if len(keys) == 2 else f"all {len(keys)}"
    return [
        f"{counts} are joined by {listed(id_columns)}: {len(joined)} samples, of which "
        f"{int((times == len(keys)).sum())} are in {everywhere}.",
        *notes,
    ]


def _apart(title: str, index: pd.Index, others: Mapping[str, pd.Index]) -> str:
    def shown(entries: pd.Index) -> str:
        return ", ".join(repr(entry.replace(SIGN, "/")) for entry in entries[:SHOWN])

    other, theirs = next(iter(others.items()))
    elsewhere = "another file" if len(others) > 1 else other
    plain = {entry.lstrip("0") for each in others.values() for entry in each}
    hint = ""
    if any(entry.lstrip("0") in plain for entry in index):
        hint = "; ids are compared as they are written, and these differ in zeros at their beginning"
    return (
        f"no id of {title} is in {elsewhere}: its first ids are {shown(index)}, and those of {other} {shown(theirs)}"
        f"{hint}."
    )
