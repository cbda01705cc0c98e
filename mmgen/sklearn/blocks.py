"""From what scikit-learn calls X to the blocks of several modalities, and back."""

from __future__ import annotations

import fnmatch
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
import pandas as pd
from scipy.sparse import issparse

from ..data.own_table.alignment import align, as_piece
from ..data.own_table.guessed_kinds import guess_kind
from ..errors import MmgenError, alternatives
from ..registry import load

Block: TypeAlias = pd.DataFrame | np.ndarray
WHOLE = "X"  # the one modality of all columns
PICTURE = 3  # dimensions of an array from which its values are no columns


@dataclass(frozen=True)
class Blocks:
    """The values of several modalities, of the same ``N`` rows.

    Attributes:
        values: Name of each modality to a frame, or to an array ``[N, …]``.
        index: Of the rows, where they came with one.
    """

    values: dict[str, Block]
    index: pd.Index | None = None

    def __len__(self) -> int:
        return len(next(iter(self.values.values())))

    def known(self) -> np.ndarray:
        """The rows that have any value, as numbers."""
        has = np.zeros(len(self), dtype=bool)
        for block in self.values.values():
            has |= ~gaps_of(block).reshape(len(block), -1).all(1)
        return np.flatnonzero(has)

    def take(self, rows: np.ndarray) -> dict[str, Block]:
        """Some of the rows, by their numbers, as :meth:`mmgen.Run.on` reads them."""
        return {
            name: block.iloc[rows].reset_index(drop=True) if isinstance(block, pd.DataFrame) else block[rows]
            for name, block in self.values.items()
        }


def gaps_of(block: Block) -> np.ndarray:
    """Which cells are missing, in the shape of the block."""
    return np.asarray(pd.isna(block))


def share_out(frame: pd.DataFrame, modalities: Mapping[str, Any] | None) -> tuple[dict[str, list[int]], dict[str, Any]]:
    """The places of every modality's columns, and its further options.

    Args:
        frame: What is fitted.
        modalities: Name of each to its columns, or to a mapping of ``columns`` and options; None: one of all columns.

    Raises:
        MmgenError: Columns that are not there, a modality without any, or a column that two of them have.
    """
    if modalities is None:
        return {WHOLE: list(range(frame.shape[1]))}, {WHOLE: {}}
    check_named(modalities)
    places: dict[str, list[int]] = {}
    options: dict[str, Any] = {}
    owner: dict[int, str] = {}
    for name, given in modalities.items():
        fields = dict(given) if isinstance(given, Mapping) else {"columns": given}
        if "columns" not in fields:
            raise MmgenError(f"modalities[{name!r}]: say its columns, such as {{'columns': 'g*', 'kind': 'counts'}}.")
        places[name] = list(dict.fromkeys(_places(fields.pop("columns"), frame, name)))
        if not places[name]:
            raise MmgenError(f"modalities[{name!r}] has no column.")
        for place in places[name]:
            if place in owner:
                column = frame.columns[place]
                raise MmgenError(
                    f"modalities: the column {column!r} is in {owner[place]!r} and in {name!r}; it belongs to one."
                )
            owner[place] = name
        options[name] = fields
    return places, options


def check_named(modalities: Any) -> None:
    """Refuse what is no mapping of names."""
    if not isinstance(modalities, Mapping) or not modalities:
        raise MmgenError(
            f"modalities={modalities!r}: give a mapping of names to columns, such as {{'genes': 'g*', 'labs': [0, 1]}}."
        )


def _places(columns: Any, frame: pd.DataFrame, name: str) -> Iterable[int]:
    """The places of columns: names, patterns, numbers, a slice of either, a mask, or a function of the frame."""
    where, names = f"modalities[{name!r}]", [str(column) for column in frame.columns]
    if callable(columns):
        columns = columns(frame)
    if isinstance(columns, slice):
        both = (columns.start, columns.stop)
        start, stop = (_place(end, names, where) if isinstance(end, str) else end for end in both)
        stop = stop + 1 if isinstance(columns.stop, str) else stop  # names include the last one, as in pandas
        return list(range(len(names)))[start : stop : columns.step]
    if isinstance(columns, str):
        return _matching(columns, names, where)
    if isinstance(columns, int | np.integer):
        return [_place(columns, names, where)]
    found = list(columns)
    if found and all(isinstance(each, bool | np.bool_) for each in found):
        if len(found) != len(names):
            raise MmgenError(f"{where} is a mask of {len(found)} columns, and X has {len(names)}.")
        return np.flatnonzero(found).tolist()
    places: list[int] = []
    for each in found:
        places += _matching(each, names, where) if isinstance(each, str) else [_place(each, names, where)]
    return places


def _matching(word: str, names: Sequence[str], where: str) -> list[int]:
    if word in names:
        return [names.index(word)]
    hits = [place for place, name in enumerate(names) if fnmatch.fnmatchcase(name, word)]
    if not hits:
        raise MmgenError(f"{where}: X has no column {word!r}; its columns are {alternatives(word, names)}")
    return hits


def _place(column: Any, names: Sequence[str], where: str) -> int:
    if isinstance(column, str):
        return _matching(column, names, where)[0]
    if not isinstance(column, int | np.integer) or not -len(names) <= column < len(names):
        raise MmgenError(f"{where}: X has no column {column!r}; it has {len(names)}, and the first is 0.")
    return int(column) % len(names)


def is_mapping(X: Any) -> bool:
    """Whether X is a mapping of blocks; a sparse matrix may be a dictionary, too."""
    return isinstance(X, Mapping) and not issparse(X)


def read_mapping(X: Mapping[str, Any]) -> Blocks:
    """A mapping of blocks with the same rows: frames and Series are joined by their index, all else goes by places."""
    if not X:
        raise MmgenError("X is an empty mapping; it needs a block of values for each modality.")
    values, index = align({str(name): as_piece(str(name), block) for name, block in X.items()})
    return Blocks(values, index)


def described(blocks: Mapping[str, Block], options: Mapping[str, Mapping[str, Any]]) -> dict[str, dict[str, Any]]:
    """Every modality's options, with its kind, and with single cells missing where the kind has such.

    Numbers are a vector whatever they look like, so that a kind depends on types and never on the values of a fold.
    """
    unknown = [name for name in options if name not in blocks]
    if unknown:
        raise MmgenError(f"modalities: X has no block {unknown[0]!r}; it has {alternatives(unknown[0], blocks)}")
    result = {}
    for name, block in blocks.items():
        fields = dict(options.get(name, {}))
        fields.setdefault("kind", "vector" if _is_numeric(block) else guess_kind(name, block))
        if load("modalities", fields["kind"]).takes_missing_cells:
            fields.setdefault("missing", "cell")
        result[name] = fields
    return result


def _is_numeric(block: Block) -> bool:
    if isinstance(block, np.ndarray):
        return block.ndim < PICTURE and block.dtype.kind in "iuf"
    return all(column.dtype.kind in "iuf" for _, column in block.items())


def filled(block: Block | None, columns: Mapping[str, np.ndarray], rows: np.ndarray, count: int) -> Block:
    """A block with its gaps filled in some rows: what was measured stays as it is, to the last digit.

    Args:
        block: What was given; None: nothing was.
        columns: The complete values of the rows, by column.
        rows: Their numbers.
        count: How many rows there are.
    """
    if isinstance(block, np.ndarray):
        result, gaps = block.copy(), gaps_of(block[rows])
        complete = np.stack(list(columns.values()), 1).astype(block.dtype).reshape(block[rows].shape)
        result[rows] = np.where(gaps, complete, block[rows])
        return result
    if block is None:
        frame = pd.DataFrame({name: pd.Series([None] * count, dtype=values.dtype) for name, values in columns.items()})
    else:
        frame = block.copy()
    names = [str(column) for column in frame.columns]
    for place, (name, complete) in enumerate(columns.items()):
        place = names.index(name) if name in names else place
        column = frame.iloc[:, place]
        gaps = column.isna().to_numpy()[rows]
        if gaps.any():
            whole = column.astype(object) if complete.dtype == object or column.dtype.kind != "f" else column.copy()
            whole.iloc[rows[gaps]] = complete[gaps]
            frame.isetitem(place, whole.infer_objects())
    return frame
