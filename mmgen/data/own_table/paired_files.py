"""Recordings that have no samples in common, such as those of two animals: rows of one class paired at random."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass

import numpy as np

from ...errors import DataError, listed
from ..sides import SIDES
from .class_names import parse_class_names, sort_names
from .drawn_sides import draw_sides
from .joined_files import JoinedFiles, JoinedPart, titles_of
from .known_rows import name_word
from .role_columns import read_group_names, read_side_codes
from .row_options import RowOptions
from .source import Source

WHERE = "dataset.pair_by"


@dataclass(frozen=True)
class Recording:
    """The rows of one file.

    Attributes:
        source: The file.
        title: Its name.
        classes: Of every row, None where it has none.
        side: The place of every row's side in :data:`SIDES`, ``Int[N]``; −1 without a class.
    """

    source: Source
    title: str
    classes: list[str | None]
    side: np.ndarray

    def rows(self, side: int, name: str) -> np.ndarray:
        """The numbers of the rows of a class on a side."""
        return np.flatnonzero((self.side == side) & np.array([each == name for each in self.classes]))


def pair_files(
    sources: Mapping[str, Source], shared: Collection[str], places: Mapping[str, str], config: RowOptions, pair_by: str
) -> JoinedFiles:
    """Several files as one source of pairs: one row of each file, all of one class.

    The rows of each file are split first, by its own groups and classes; then those of one side and one class are put
    in a random order and paired with those of the other files there. So no row is on two sides, and none is in two
    pairs: of a class there are as many pairs on a side as the file with the fewest of its rows there has.

    Args:
        sources: Path of each file to what it holds.
        shared: The paths that the option ``path`` names.
        places: Modality to the path of its own file.
        config: The options: shares, seed, and the columns that name groups, sides and rows of each file.
        pair_by: The column of the class, which every file has.

    Raises:
        DataError: A single file, one without the column, or files without a common class.
    """
    if len(sources) < 2:
        raise DataError(f"{WHERE}: there is one file, and rows of several are paired; give each modality its own path.")
    recordings = _read(sources, config, pair_by)
    names = sort_names({name for each in recordings.values() for name in each.classes if name is not None})
    common = [name for name in names if all(name in each.classes for each in recordings.values())]
    if not common:
        held = "; ".join(
            f"{each.title} holds {listed(sort_names({name for name in each.classes if name is not None})[:5])}"
            for each in recordings.values()
        )
        raise DataError(f"{WHERE}: no class of {pair_by!r} is in every file: {held}.")
    draw = np.random.default_rng(config.seed)
    chosen: dict[str, list[np.ndarray]] = {path: [] for path in recordings}
    side_codes, pairs = [], dict.fromkeys(common, 0)
    for side in range(len(SIDES)):
        for name in common:
            candidates = {path: draw.permutation(each.rows(side, name)) for path, each in recordings.items()}
            count = min(map(len, candidates.values()))
            for path, drawn in candidates.items():
                chosen[path].append(drawn[:count])
            side_codes.append(np.full(count, side))
            pairs[name] += count
    rows = {path: np.concatenate(numbers) for path, numbers in chosen.items()}
    found = _source(recordings, rows, shared, places, config)
    found.sides = np.concatenate(side_codes)
    found.notes.extend(_notes(recordings, rows, pairs, pair_by))
    return found


def unpaired_files(
    sources: Mapping[str, Source], shared: Collection[str], places: Mapping[str, str], config: RowOptions
) -> JoinedFiles:
    """The rows of all files one after the other, each with the modalities of its own file alone."""
    recordings = {
        path: Recording(source, titles_of(sources)[path], [], np.zeros(_length(source), dtype=np.int64))
        for path, source in sources.items()
    }
    lengths = [len(each.side) for each in recordings.values()]
    rows = {}
    for number, path in enumerate(recordings):
        rows[path] = np.full(sum(lengths), -1)
        start = sum(lengths[:number])
        rows[path][start : start + lengths[number]] = np.arange(lengths[number])
    found = _source(recordings, rows, shared, places, config)
    found.sides = np.zeros(sum(lengths), dtype=np.int64)
    if len(recordings) > 1:
        found.notes.append("The rows of these files are read unpaired, each with the modalities of its own file.")
    return found


def _read(sources: Mapping[str, Source], config: RowOptions, pair_by: str) -> dict[str, Recording]:
    titles, recordings = titles_of(sources), {}
    for role, name in (("group", config.group), ("split", config.split)):
        if name is not None and not any(name in source.position for source in sources.values()):
            raise DataError(f"dataset.{role}: none of {listed(titles.values())} has a column {name!r}.")
    for path, source in sources.items():
        source.require(pair_by, WHERE)
        classes = parse_class_names(source, source.cells(pair_by), f"{WHERE}: {pair_by!r} of {titles[path]}")
        has = np.flatnonzero([name is not None for name in classes])
        strata = np.unique([str(classes[row]) for row in has], return_inverse=True)[1]
        groups = codes = None
        if config.group is not None and config.group in source.position:
            groups = np.unique(read_group_names(config.group, source), return_inverse=True)[1]
        if config.split is not None and config.split in source.position:
            codes = read_side_codes(config.split, source, groups)[has]
        drawn = draw_sides(config, strata, None if groups is None else groups[has], codes)
        side = np.full(len(classes), -1)
        for code, name in enumerate(SIDES):
            side[has[drawn[name]]] = code
        recordings[path] = Recording(source, titles[path], classes, side)
    return recordings


def _source(
    recordings: Mapping[str, Recording],
    rows: Mapping[str, np.ndarray],
    shared: Collection[str],
    places: Mapping[str, str],
    config: RowOptions,
) -> JoinedFiles:
    """Rows of the files side by side; each is called by its place in every file, or by its ids there."""
    parts, ids = {}, {}
    for path, each in recordings.items():
        parts[path] = JoinedPart(each.source, each.title, rows[path])
        prefix = next((modality for modality, place in places.items() if place == path), each.title)
        columns = [name for name in config.id if name in each.source.position]
        for name in columns:
            ids[f"{prefix}_{name}"] = [name_word(cell) for cell in parts[path].cells(name)]
        if not columns:
            ids[f"{prefix}_row"] = ["" if row < 0 else str(row) for row in rows[path].tolist()]
    found = JoinedFiles(parts, ids, shared, places)
    found.are_names_of_rows = False
    for each in recordings.values():
        found.notes.extend(each.source.notes)
    return found


def _length(source: Source) -> int:
    """How many rows a file has; of arrays that is known when one is read."""
    if not source.count:
        source.array(source.names[0])
    return source.count


def _notes(
    recordings: Mapping[str, Recording], rows: Mapping[str, np.ndarray], pairs: Mapping[str, int], pair_by: str
) -> list[str]:
    files = listed(f"{each.title} ({len(each.side)} rows)" for each in recordings.values())
    counts = ", ".join(f"{name} {count}" for name, count in pairs.items())
    what = "pairs" if len(recordings) == 2 else "tuples"
    notes = [f"{files} are paired at random by {pair_by}: {sum(pairs.values())} {what} ({counts}), each row once."]
    without = {each.title: int((each.side < 0).sum()) for each in recordings.values()}
    left = {each.title: len(each.side) - without[each.title] - len(rows[path]) for path, each in recordings.items()}
    if any(left.values()):
        unused = listed(f"{count} of {title}" for title, count in left.items() if count)
        notes.append(f"Rows that are left over, since another file has fewer of their class on their side: {unused}.")
    if any(without.values()):
        unused = listed(f"{count} of {title}" for title, count in without.items() if count)
        notes.append(f"Rows without {pair_by!r} are left out: {unused}.")
    return notes
