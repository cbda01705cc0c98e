"""Texts, categories, labels, groups and sides of one's own table."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, cast

import numpy as np

from ...errors import DataError, listed
from ..modalities import LabelsModality, TextModality
from ..modality import Modality
from .notes import missing_names, note_missing
from .numerals import is_finite
from .request import Request
from .source import FIRST, Source

_FORGIVE = "; dataset.unknown=missing takes such a value for a missing one."
SIDES = {"train": 0, "training": 0, "val": 1, "valid": 1, "validation": 1, "dev": 1, "test": 2, "testing": 2}


def read_text(request: Request, source: Source) -> tuple[Modality, np.ndarray, np.ndarray]:
    """One string per row; the alphabet is what occurs, after the blank (or, for words, the nothing) that pads."""
    if len(request.names) != 1:
        raise DataError(
            f"{request.where}: text is one column, and these are {len(request.names)}; make a modality of each."
        )
    cells = source.cells(request.names[0])
    missing = np.array([source.missing.is_missing_text(cell) for cell in cells])
    note_missing(source, request.name, missing[:, None])
    available = request.find_available(source, ~missing)
    texts = [str(cell) if present else "" for cell, present in zip(cells, available)]
    joiner = str(request.fields.get("joiner", ""))
    symbols = [text.split(joiner) if joiner else list(text) for text in texts]
    if isinstance(request.known, TextModality):
        modality = request.known
        available = _find_readable_rows(request, source, modality, texts, symbols, available)
        texts = [text if present else "" for text, present in zip(texts, available)]
    else:
        pad = "" if joiner else " "
        alphabet = (pad, *sorted({symbol for text in symbols for symbol in text} - {pad}))
        length = request.fields.get("shape", max(map(len, symbols)))
        length = length if isinstance(length, list | tuple) else (length,)
        modality = cast(TextModality, request.make_modality(length, alphabet=alphabet))
        _note_cut(request, source, modality, symbols)
    return modality, np.array([modality.encode_text(text) for text in texts], dtype=np.int32), available


def _find_readable_rows(
    request: Request,
    source: Source,
    modality: TextModality,
    texts: list[str],
    symbols: list[list[str]],
    available: np.ndarray,
) -> np.ndarray:
    """The rows whose text a run can read: symbols outside its alphabet are an error, or make the text missing."""
    alphabet = {*modality.alphabet, ""} if modality.joiner else set(modality.alphabet)
    readable = available.copy()
    for row, (text, row_symbols) in enumerate(zip(texts, symbols)):
        foreign = next((symbol for symbol in row_symbols if symbol not in alphabet), None)
        if foreign is None or modality.unknown is not None or not available[row]:
            continue
        if not request.forgiving:
            raise DataError(
                f"{request.where}: {request.describe_origin(source)} holds {text[:50]!r} in row {row} ({FIRST}), and "
                f"the run does not know {foreign!r}; dataset.unknown=missing takes such a text for a missing one."
            )
        readable[row] = False
    _note_unknown(request, source, int((available & ~readable).sum()), "texts")
    _note_cut(request, source, modality, symbols)
    return readable


def _note_cut(request: Request, source: Source, modality: TextModality, symbols: list[list[str]]) -> None:
    longer = sum(len(row_symbols) > modality.shape[0] for row_symbols in symbols)
    if longer:
        source.notes.append(f"{request.name}: {longer} texts are longer than {modality.shape[0]} symbols, and are cut.")


def _note_unknown(request: Request, source: Source, count: int, unit: str) -> None:
    if count:
        source.notes.append(f"{request.name}: {count} {unit} that the run does not know count as missing.")


def read_categories(request: Request, source: Source) -> tuple[Modality, np.ndarray, np.ndarray]:
    """One category per column, or an array of them.

    The categories are what occurs in any of them, unless they are given.
    """
    if request.is_array:
        values = source.array(request.names[0])[0]
        shape, columns = values.shape[1:] or (1,), values.reshape(len(values), -1).T.tolist()
    else:
        shape, columns = (len(request.names),), [source.cells(name) for name in request.names]
    origins = [f"{request.where}: {request.describe_origin(source, i)}" for i in range(len(columns))]
    names = np.array(
        [_parse_class_names(source, cells, origin) for cells, origin in zip(columns, origins)], dtype=object
    ).T
    note_missing(source, request.name, np.array([[name is None for name in row] for row in names]))
    available = request.find_available(source, np.array([all(name is not None for name in row) for row in names]))
    categories = sort_names(names[available].ravel())
    if len(categories) < 2 and "categories" not in request.fields:
        raise DataError(
            f"{request.where}: {request.describe_origin(source)} has the one category {categories[0]!r}, from which "
            "nothing can be learned."
        )
    modality = cast(LabelsModality, request.make_modality(shape, categories=categories))
    code = {name: i for i, name in enumerate(modality.categories)}
    foreign = np.array([[name is not None and name not in code for name in row] for row in names], dtype=bool)
    foreign &= available[:, None]
    if foreign.any() and not request.forgiving:
        row, column = np.argwhere(foreign)[0]
        raise DataError(
            f"{request.where}.categories: {request.describe_origin(source, column)} holds {names[row, column]!r} in "
            f"row {row} ({FIRST}), which is not one of {listed(code)}"
            + (_FORGIVE if request.known is not None else ".")
        )
    available = available & ~foreign.any(1)
    _note_unknown(request, source, int(foreign.any(1).sum()), "rows with categories")
    codes = np.array([[code.get(name, 0) for name in row] for row in names], dtype=np.int32) * available[:, None]
    return modality, codes.reshape(-1, *shape), available


def read_label_codes(
    name: str, source: Source, known: Sequence[str] | None = None
) -> tuple[np.ndarray, tuple[str, ...]]:
    """The code of each row's class (−1 where it has none), and the classes.

    Numbers are in the order of their size and words in that of letters; a run has its own order.
    """
    names = _parse_class_names(source, source.cells(name), f"dataset.label: {name!r} of {source.title}")
    classes = sort_names(name for name in names if name is not None) if known is None else tuple(known)
    if not classes:
        raise DataError(
            f"dataset.label: {name!r} of {source.title} has no value at all; fill it, or leave the option out."
        )
    code = {word: i for i, word in enumerate(classes)}
    strange = sorted({word for word in names if word is not None and word not in code})
    if strange:
        source.notes.append(f"Labels that the run does not know count as unknown: {listed(strange)}.")
    return np.array([-1 if word is None else code.get(word, -1) for word in names], dtype=np.int64), classes


def read_group_names(name: str, source: Source) -> list[str]:
    """The name of each row's group after "group"; a row without one is a group of its own, "alone" and its number."""
    cells = source.cells(name)
    missing = missing_names(source, cells, f"dataset.group: {name!r} of {source.title}")
    return [
        f"alone {row}" if is_gap else f"group {_format_group(cell)}"
        for row, (cell, is_gap) in enumerate(zip(cells, missing))
    ]


def _format_group(cell: Any) -> str:
    return _format_whole(cell) if isinstance(cell, float) else str(cell)


def read_side_codes(name: str, source: Source, groups: np.ndarray | None) -> np.ndarray:
    """0, 1 or 2 for training, validation and testing; a group on two sides is an error."""
    cells = source.cells(name)
    for row, cell in enumerate(cells):
        if str(cell).strip().lower() not in SIDES:
            raise DataError(
                f"dataset.split: {name!r} of {source.title} holds {cell!r} in row {row} ({FIRST}), and not train, "
                "val or test."
            )
    sides = np.array([SIDES[str(cell).strip().lower()] for cell in cells])
    if groups is not None:
        smallest, largest = np.full(groups.max() + 1, 2), np.zeros(groups.max() + 1, dtype=int)
        np.minimum.at(smallest, groups, sides)
        np.maximum.at(largest, groups, sides)
        torn = np.flatnonzero((smallest != largest)[groups])
        if len(torn):
            raise DataError(
                f"dataset.split: {name!r} of {source.title} puts the group of row {torn[0]} ({FIRST}) on two sides; "
                "leave split or group out."
            )
    return sides


def sort_names(names: Iterable[str]) -> tuple[str, ...]:
    """Without repetition; numbers by size, anything else by letter."""
    distinct = set(names)
    return tuple(
        sorted(distinct, key=lambda name: (float(name), name)) if all(map(is_finite, distinct)) else sorted(distinct)
    )


def _parse_class_names(source: Source, cells: Sequence[Any], title: str) -> list[str | None]:
    """Names of classes: text or whole numbers; None where missing."""
    missing = missing_names(source, cells, title)
    words = [_format_whole(cell) if isinstance(cell, float) and cell == cell else str(cell).strip() for cell in cells]
    names = [None if is_gap else name for name, is_gap in zip(words, missing)]
    if all(name is None or is_finite(name) for name in names):
        names = [None if name is None else _format_whole(name) for name in names]  # 1.0 is 1, and 01 stays 01
        row = next((row for row, name in enumerate(names) if name is not None and not float(name).is_integer()), None)
        if row is not None:
            raise DataError(f"{title} holds {cells[row]!r} in row {row} ({FIRST}); classes are words or whole numbers.")
    return names


def _format_whole(value: float | str) -> str:
    number = float(value)
    return (
        str(int(number))
        if number.is_integer() and (isinstance(value, float) or not value.lstrip("+-").isdigit())
        else str(value)
    )
