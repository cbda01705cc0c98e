"""Covariates of one's own table: columns of classes or of numbers that networks are told."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np

from ...errors import DataError, listed
from ..schema import Schema
from .centring import ColumnMoments, find_offset_and_factor
from .role_columns import read_class_codes
from .row_options import RowOptions
from .source import Source

MANY = 20  # different whole numbers; more of them are amounts, such as an age in years, and not names of classes
WHERE = "dataset.covariates"


@dataclass
class Covariates:
    """Values of every covariate ``[N]`` (codes int64, −1 where unknown, or float32, NaN where unknown), and classes in
    the order of their codes, none for numbers.
    """

    values: dict[str, np.ndarray] = field(default_factory=dict)
    classes: dict[str, tuple[str, ...]] = field(default_factory=dict)


def covariate_columns(config: RowOptions, schema: Schema | None, source: Source) -> tuple[str, ...]:
    """The columns that are covariates, without the label; of a run, those that the file has.

    Raises:
        DataError: A column that is not there, or that names rows, groups or sides.
    """
    if schema is not None:
        return tuple(name for name in schema.covariates if name != config.label and name in source.position)
    roles = dict.fromkeys(config.id, "id")
    roles |= {name: role for role, name in (("group", config.group), ("split", config.split)) if name is not None}
    for name in config.covariates:
        source.require(name, WHERE)
        if name in roles:
            why = "and what is told of a row must be the same for rows on other sides, as a site or an age is"
            others = listed(other for other in source.names if other and other not in roles) or "no others"
            raise DataError(f"{WHERE}: {name!r} is the {roles[name]}, {why}; other columns are {others}.")
    return tuple(name for name in config.covariates if name != config.label)


def read_covariates(columns: tuple[str, ...], config: RowOptions, schema: Schema | None, source: Source) -> Covariates:
    """The values of the covariates in some columns, as a run or the options say, or as what they hold looks like."""
    found = Covariates()
    stated = config.covariates if isinstance(config.covariates, Mapping) else {}
    taken = []
    for name in columns:
        classes = None if schema is None else schema.covariates[name]
        numbers = _read_numbers(name, source, forced=stated.get(name) == "number" or classes == ())
        is_number = classes == () if classes is not None else stated.get(name, _kind(numbers)) == "number"
        if is_number:
            assert numbers is not None
            found.values[name], found.classes[name] = _stored(name, source, numbers, check=schema is None), ()
            taken.append(f"{name} a number")
        else:
            found.values[name], found.classes[name] = read_class_codes(name, source, WHERE, classes)
            taken.append(f"{name} a category of {len(found.classes[name])} classes")
    if taken and schema is None and not stated:
        amounts = {name for name, classes in found.classes.items() if not classes}
        kinds = ", ".join(f"{name}: {'number' if name in amounts else 'category'}" for name in config.covariates)
        source.notes.append(
            f"Covariates are taken for what they look like: {', '.join(taken)}; where one is the other, say "
            f"covariates: {{{kinds}}}."
        )
    return found


def _read_numbers(name: str, source: Source, forced: bool) -> np.ndarray | None:
    """A column as float64 ``[N]``, NaN where missing; None where it holds something else, unless it must not."""
    try:
        return source.numbers((name,), WHERE)[:, 0]
    except DataError:
        if forced:
            raise
        return None


def _kind(numbers: np.ndarray | None) -> str:
    """What a column looks like: numbers are amounts where they have fractions, or where there are many of them."""
    if numbers is None:
        return "category"
    known = numbers[~np.isnan(numbers)]
    whole = bool((known == np.floor(known)).all())
    return "category" if whole and len(np.unique(known)) <= MANY else "number"


def _stored(name: str, source: Source, numbers: np.ndarray, check: bool) -> np.ndarray:
    """As float32; in a first reading, what that cannot hold is an error."""
    known = ~np.isnan(numbers)
    origin = f"{WHERE}: {name!r} of {source.title}"
    if not known.any() and check:
        raise DataError(f"{origin} has no value at all; fill it, or leave it out.")
    infinite = np.flatnonzero(np.isinf(numbers))
    if len(infinite):
        row = infinite[0]
        raise DataError(f"{origin} holds {numbers[row]:g} in {source.place(row)}, which is not a finite number.")
    if check:
        offset, factor = find_offset_and_factor(ColumnMoments.of(numbers[:, None]))
        if offset[0] != 0 or factor[0] != 1:
            raise DataError(
                f"{origin} has differences that 32-bit numbers lose; subtract {offset[0]:g} from it and divide it by "
                f"{factor[0]:g} first."
            )
    with np.errstate(over="ignore"):
        return numbers.astype(np.float32)
