"""Texts and categories of one's own table."""

from __future__ import annotations

from typing import cast

import numpy as np

from ...errors import DataError, listed
from ..modalities import LabelsModality, TextModality
from .class_names import parse_class_names, sort_names
from .notes import note_missing
from .request import Request, Values
from .source import Source

_FORGIVE = "; dataset.unknown=missing takes such a value for a missing one."


def read_text(request: Request, source: Source) -> Values:
    """One string per row; the alphabet is what occurs, after the blank (or, for words, the nothing) that pads."""
    if len(request.names) != 1:
        raise DataError(
            f"{request.where}: text is one column, and these are {len(request.names)}; make a modality of each."
        )
    cells = source.cells(request.names[0])
    missing = np.array([source.missing.is_missing_text(cell) for cell in cells])
    if request.known is None:
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
    return Values(modality, np.array([modality.encode_text(text) for text in texts], dtype=np.int32), available)


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
                f"{request.where}: {request.describe_origin(source)} holds {text[:50]!r} in {source.place(row)}, and "
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


def read_categories(request: Request, source: Source) -> Values:
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
        [parse_class_names(source, cells, origin) for cells, origin in zip(columns, origins)], dtype=object
    ).T
    if request.known is None:
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
            f"{source.place(row)}, which is not one of {listed(code)}"
            + (_FORGIVE if request.known is not None else ".")
        )
    available = available & ~foreign.any(1)
    _note_unknown(request, source, int(foreign.any(1).sum()), "rows with categories")
    codes = np.array([[code.get(name, 0) for name in row] for row in names], dtype=np.int32) * available[:, None]
    return Values(modality, codes.reshape(-1, *shape), available)
