"""Columns of different types of one's own table: each one's type is said, known to the run, or seen in its values."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, cast

import numpy as np

from ...distributions import SUPPORTS
from ...distributions.likelihoods import CODES, Support
from ...errors import DataError, alternatives, listed
from ...registry import load
from ..likelihood_choice import as_mapping
from ..modalities import MixedModality
from ..modalities.mixed import NEGATIVE
from .centring import ColumnMoments, find_offset_and_factor
from .class_names import parse_class_names, sort_names
from .notes import note_missing
from .numerals import TRUTHS, parse_number
from .request import Request, Values
from .scales import with_learned_scale
from .source import Source

TYPES = {  # what is taken for a column, by what its values are
    "real": ("numbers", "normal"),
    "counts": ("counts", "negative-binomial"),
    "binary": ("yes/no answers", "bernoulli"),
    "categories": ("categories", "categorical"),
}
STRAY, LEAST_TO_STRAY = 0.01, 20  # a share of the values of a column that may be slips, of so many at least
MOST_NAMES = 50  # categories; more, in half of the rows or more, are texts or names of rows


@dataclass
class _Column:
    """One column as it is read: numbers or codes ``[N]``, NaN where missing, and the categories in their order."""

    values: np.ndarray
    categories: tuple[str, ...] = ()


def read_mixed(request: Request, source: Source) -> Values:
    """The modality, its values ``[N, C]`` as float32 (zeros where missing), and which rows and cells have it."""
    if request.is_array:
        raise DataError(f"{request.where}: kind mixed takes columns, which have names; write columns instead of array.")
    known = request.known if isinstance(request.known, MixedModality) else None
    said = _said_likelihoods(request)
    likelihoods: dict[str, Any] = {}
    columns: list[_Column] = []
    for index, name in enumerate(request.names):
        choice = known.choice(name).model_dump() if known is not None else said.get(name)
        support = _guess(request, source, index) if choice is None else _support_of(choice, request, name)
        likelihood = {"name": TYPES[support][1]} if choice is None else choice
        likelihoods[name] = choice if known is not None else with_learned_scale(likelihood, "normal")
        columns.append(_read_column(request, source, index, support, known))
    if known is None:
        _note_types(request, source, said, likelihoods)
        _note_strays(request, source, said, columns)
    values = np.stack([column.values for column in columns], 1)
    empty = np.isnan(values)
    partial = bool((empty.any(1) & ~empty.all(1)).any())
    by_cell = (request.known.missing if request.known is not None else request.fields.get("missing", "cell")) == "cell"
    by_cell = by_cell and (partial or request.known is not None)
    if request.known is None or (partial and not by_cell):
        note_missing(source, request.name, empty, by_cell=by_cell)
    available = request.find_available(source, ~(empty.all(1) if by_cell else empty.any(1)))
    fields: dict[str, Any] = {
        **({"missing": "cell"} if by_cell else {}),
        "likelihoods": likelihoods,
        "categories": {
            name: column.categories for name, column in zip(request.names, columns, strict=True) if column.categories
        },
    }
    rescaled, fields = _rescaled(request, known, values, columns, fields)
    stored = rescaled.astype(np.float32)
    if known is None:
        seen = np.where(empty, np.nan, stored.astype(np.float64))[available]
        deviations = np.nanstd(seen, 0) if available.any() else np.ones(len(columns))
        fields["deviations"] = tuple(np.where(deviations > 0, deviations, 1.0).tolist())
    given = {key: value for key, value in request.fields.items() if key not in ("likelihoods", "categories")}
    modality = cast(MixedModality, replace(request, fields=given).make_modality((len(columns),), **fields))
    _refuse(request, source, modality, values)
    stored[empty | ~available[:, None]] = 0
    return Values(modality, stored, available, ~empty & available[:, None] if by_cell and partial else None)


def _said_likelihoods(request: Request) -> dict[str, Any]:
    """What the user says of single columns."""
    said = request.fields.get("likelihoods", {})
    for key, value in (("likelihoods", said), ("categories", request.fields.get("categories", {}))):
        if not isinstance(value, Mapping):
            raise DataError(f"{request.where}.{key}: {value!r} is no mapping of columns, such as {{age: …}}.")
        for name in value:
            if str(name) not in request.names:
                raise DataError(
                    f"{request.where}.{key}: there is no column {str(name)!r} in it; there are "
                    f"{alternatives(str(name), request.names)}"
                )
    return {str(name): as_mapping(choice) for name, choice in said.items()}


def _support_of(choice: Any, request: Request, name: str) -> Support:
    """What the values of a column with this likelihood are."""
    if not isinstance(choice, Mapping):
        raise DataError(
            f"{request.where}.likelihoods.{name}: {choice!r} is neither the name of a likelihood nor a mapping."
        )
    return cast(Support, load("likelihoods", str(choice.get("name", "normal"))).support)


def _guess(request: Request, source: Source, index: int) -> Support:
    """Words are categories; 0 and 1, true and false are answers; whole numbers from 0 on, some of them 0, are counts;
    other numbers are numbers.
    """
    name = request.names[index]
    if name in request.fields.get("categories", {}):
        return "categories"
    cells = [cell for cell in source.cells(name) if not source.missing.is_missing(cell)]
    if not cells:
        raise DataError(
            f"{request.where}: {request.describe_origin(source, index)} has no value at all; fill it, or leave it out."
        )
    words = [cell for cell in cells if isinstance(cell, str) and not _is_number(cell)]
    if len(words) > len(cells) / 2:
        return "categories"
    remedy = f"likelihoods: {{{name}: categorical}}"
    try:
        values = source.numbers([name], request.where, True)[:, 0]
    except DataError as error:
        raise DataError(f"{str(error).removesuffix('.')}; where its values are categories, say {remedy}.") from error
    values = values[~np.isnan(values)]
    if np.isin(values, (0, 1)).all():
        return "binary"
    return "counts" if (values == np.floor(values)).all() and values.min() == 0 else "real"


def _is_number(cell: str) -> bool:
    return cell.strip() in TRUTHS or parse_number(cell.strip()) is not None


def _read_column(
    request: Request, source: Source, index: int, support: Support, known: MixedModality | None
) -> _Column:
    name = request.names[index]
    if support in CODES:
        return _read_codes(request, source, index, known)
    if known is None and name in request.fields.get("categories", {}):
        raise DataError(
            f"{request.where}.categories: {name!r} is said to have categories, and a likelihood of "
            f"{SUPPORTS[support].words}; leave one of the two out."
        )
    values = source.numbers([name], request.where, support == "binary")[:, 0]
    if known is None and np.isnan(values).all():
        raise DataError(
            f"{request.where}: {request.describe_origin(source, index)} has no value at all; fill it, or leave it out."
        )
    return _Column(values)


def _read_codes(request: Request, source: Source, index: int, known: MixedModality | None) -> _Column:
    """Codes of the categories that are given, the run's, or those that occur."""
    name = request.names[index]
    origin = f"{request.where}: {request.describe_origin(source, index)}"
    words = parse_class_names(source, source.cells(name), origin)
    present = [word for word in words if word is not None]
    own = request.fields.get("categories", {}).get(name)
    if known is not None:
        categories: tuple[str, ...] = known.categories[name]
    elif own is not None:
        categories = tuple(map(str, own))
    else:
        categories = sort_names(present)
        if len(categories) > MOST_NAMES and len(categories) > len(present) / 2:
            raise DataError(
                f"{origin} has {len(categories)} different values in {len(present)} rows, which are texts or names of "
                "rows rather than categories; leave it out."
            )
        if len(categories) < 2:
            raise DataError(f"{origin} has the one category {present[0]!r}, from which nothing can be learned.")
    code = {category: number for number, category in enumerate(categories)}
    foreign = np.array([word is not None and word not in code for word in words])
    if foreign.any() and not request.forgiving:
        row = int(np.flatnonzero(foreign)[0])
        way_out = "; dataset.unknown=missing takes such a value for a missing one." if known is not None else "."
        raise DataError(
            f"{origin} holds {words[row]!r} in {source.place(row)}, which is not one of {listed(code)}" + way_out
        )
    if foreign.any():
        source.notes.append(
            f"{request.name}: {int(foreign.sum())} categories of {name!r} that the run does not know count as missing."
        )
    values = np.array([np.nan if word is None or word not in code else code[word] for word in words], dtype=np.float64)
    return _Column(values, categories)


def _rescaled(
    request: Request, known: MixedModality | None, values: np.ndarray, columns: list[_Column], fields: dict[str, Any]
) -> tuple[np.ndarray, dict[str, Any]]:
    """The values less constants and over powers of ten where float32 would lose the differences of numbers."""
    if known is not None:
        offset = np.array(known.offset or [0.0] * len(columns))
        factor = np.array(known.factor or [1.0] * len(columns))
        return (values - offset) / factor, fields
    real = np.array([_support_of(choice, request, name) == "real" for name, choice in fields["likelihoods"].items()])
    offset, factor = find_offset_and_factor(ColumnMoments.of(values))
    offset, factor = np.where(real, offset, 0.0), np.where(real, factor, 1.0)
    found = {
        key: tuple(numbers.tolist())
        for key, numbers, plain in (("offset", offset, 0), ("factor", factor, 1))
        if (numbers != plain).any()
    }
    return (values - offset) / factor, {**fields, **found}


def _refuse(request: Request, source: Source, modality: MixedModality, values: np.ndarray) -> None:
    """The first number that the likelihood or the transform of its column does not take is an error."""
    for index, support in enumerate(modality.column_supports):
        if support in CODES:
            continue
        wrong, reason = np.zeros(values.shape, dtype=bool), SUPPORTS[support].required
        column = values[:, index]
        outside = ~SUPPORTS[support].contains(column)
        if support == "unit" and modality.squeeze:
            outside, reason = (column < 0) | (column > 1), "this likelihood is of numbers from 0 to 1"
        elif support == "real" and modality.column_transform(request.names[index]) == "log1p":
            outside, reason = outside | (column < 0), NEGATIVE
        wrong[:, index] = ~np.isnan(column) & outside
        request.refuse(source, values, wrong, f"and {reason}")


def _note_types(request: Request, source: Source, said: Mapping[str, Any], likelihoods: Mapping[str, Any]) -> None:
    """A sentence on what was taken for what."""
    guessed: dict[str, list[str]] = {}
    for name, choice in likelihoods.items():
        if name not in said:
            guessed.setdefault(choice["name"], []).append(name)
    if not guessed:
        return
    titles = {likelihood: title for title, likelihood in TYPES.values()}
    phrases = [f"{listed(names)} for {titles[likelihood]} ({likelihood})" for likelihood, names in guessed.items()]
    source.notes.append(
        f"{request.name}: by their values, {'; '.join(phrases)} are taken; where a column is something else, say so, "
        "such as likelihoods: {COLUMN: normal} (or poisson, bernoulli, categorical, …: mmgen list likelihoods)."
    )


def _note_strays(request: Request, source: Source, said: Mapping[str, Any], columns: Sequence[_Column]) -> None:
    """A sentence on columns of 0 and 1 with a few other numbers, which may be slips: they were taken for counts."""
    strays = []
    for name, column in zip(request.names, columns, strict=True):
        there = ~np.isnan(column.values)
        others = there & ~np.isin(column.values, (0, 1))
        few = 0 < others.sum() <= max(1, STRAY * there.sum()) and there.sum() >= LEAST_TO_STRAY
        if name in said or column.categories or not few or set(np.unique(column.values[there & ~others])) != {0, 1}:
            continue
        row = int(np.flatnonzero(others)[0])
        strays.append((name, f"{column.values[row]:g} in {source.place(row)}", int(others.sum())))
    if strays:
        name, first, count = strays[0]
        more = f", and so in {len(strays) - 1} more columns" if len(strays) > 1 else ""
        source.notes.append(
            f"{request.name}: {name!r} holds 0 and 1 but for {count} of its values ({first}){more}, and is no column "
            f"of yes and no for that; if these are slips, likelihoods: {{{name}: bernoulli}} refuses them."
        )
