"""One modality as the options describe it, with its columns found in the source."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

from ...errors import DataError
from ...options import validated
from ..modality import Modality
from ..sparse import Sparse
from .source import Source


class Values(NamedTuple):
    """What a modality has in a file.

    Attributes:
        modality: With its shape, categories or alphabet.
        stored: ``[N, *shape]``, zeros where nothing is; sparse where its source is.
        available: Which rows have it, ``Bool[N]``.
        observed: Which cells are there, ``Bool[N, *shape]``; None where a row that has any has all.
    """

    modality: Modality
    stored: np.ndarray | Sparse
    available: np.ndarray
    observed: np.ndarray | None = None


@dataclass(frozen=True)
class Request:
    """What is wanted of the source.

    Attributes:
        name: Of the modality.
        kind: Its class.
        names: Columns, or one array where ``is_array``.
        is_array: Whether ``names`` is an array.
        fields: For the modality, as the user gave them, and what a run knows of it.
        known: The modality of the run that reads; None in a first reading.
        absent: Those of the names of which the source has no column: a run reads them as missing cells.
        forgiving: Whether a category or character that the run does not know makes the value missing; an error
            otherwise.
    """

    name: str
    kind: type[Modality]
    names: tuple[str, ...]
    is_array: bool
    fields: Mapping[str, Any]
    known: Modality | None = None
    forgiving: bool = False
    absent: tuple[str, ...] = ()

    @property
    def where(self) -> str:
        """The option, for messages."""
        return f"dataset.modalities.{self.name}"

    def describe_origin(self, source: Source, index: int = 0) -> str:
        """One of the columns (or the array), for messages."""
        if not self.is_array:
            return f"the column {self.names[index]!r} of {source.title}"
        names = self.value_names(source)
        value = f"{names[index]!r} in " if index < len(names) else ""
        return f"{value}the array {self.names[0]!r} of {source.title}"

    def value_names(self, source: Source) -> tuple[str, ...]:
        """What each value is called: the columns, or what a file calls the values of the array; none where it has no
        names for them.
        """
        if not self.is_array:
            return self.names
        known = () if self.known is None else self.known.columns  # values are then in the run's order
        return known or source.value_names(self.names[0])

    def make_modality(self, shape: Sequence[int], source: Source | None = None, **derived: Any) -> Modality:
        """The modality, with the columns' own names where there is one per value, or those that the ``source`` has for
        the values of an array; or the run's, of the same shape.
        """
        if self.known is not None:
            if tuple(shape) != self.known.shape:
                raise DataError(
                    f"{self.where}: a value has the shape {list(shape)}, and the run was trained with "
                    f"{list(self.known.shape)}."
                )
            return self.known
        names = self.value_names(source) if source is not None else () if self.is_array else self.names
        columns = names if len(names) == math.prod(shape) else ()
        return validated(self.kind, {"columns": columns, **derived, **self.fields, "shape": tuple(shape)}, self.where)

    def find_available(self, source: Source, present: np.ndarray) -> np.ndarray:
        """The rows that have this modality: ``present`` ones, less those of an array ``<name>_available``."""
        companions = [f"{name}_available" for name in (*self.names[:1], self.name)] if source.kind == "arrays" else []
        available = present
        for companion in dict.fromkeys(companions):
            if companion in source.position:
                mask = np.array(source.cells(companion))
                if not np.isin(mask, (0, 1)).all():
                    raise DataError(
                        f"{self.where}: the array {companion!r} of {source.title} should hold a true or false for "
                        "each row."
                    )
                available = available & mask.astype(bool)
        if self.known is not None:
            return available
        if not available.any() and len(self.names) == 1:
            raise DataError(
                f"{self.where}: {self.describe_origin(source)} has no value at all; fill it, or leave it out."
            )
        if not available.any():
            raise DataError(
                f"{self.where}: no row of {source.title} has a value in every one of its columns; take fewer columns"
                f"{', or leave out missing: modality' if self.kind.takes_missing_cells else ''}."
            )
        return available

    def refuse(
        self, source: Source, values: np.ndarray, wrong: np.ndarray, reason: str, corner: tuple[int, int] = (0, 0)
    ) -> None:
        """The first value that is ``wrong`` (``[N, values per row]``), as an error.

        Args:
            source: Where they are from.
            values: As they are there.
            wrong: Which of them are.
            reason: What is wrong with them.
            corner: The row and the place of the first of the values, among all.
        """
        if wrong.any():
            row, index = np.argwhere(wrong)[0]
            value = values.reshape(len(values), -1)[row, index].item()
            raise self.value_error(source, value, corner[0] + row, corner[1] + index, reason)

    def value_error(self, source: Source, value: float, row: int, index: int, reason: str) -> DataError:
        """The error of one value."""
        return DataError(
            f"{self.where}: {self.describe_origin(source, index)} holds {value:g} in {source.place(row)}, {reason}."
        )
