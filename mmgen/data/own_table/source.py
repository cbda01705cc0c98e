"""Where the columns and arrays of one's own table come from: one small interface over every kind of file."""

from __future__ import annotations

import difflib
import fnmatch
import math
from abc import ABC, abstractmethod
from collections.abc import Collection, Sequence
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from ...errors import DataError, alternatives, listed
from ..modality import Modality
from .missing_words import MissingWords
from .numerals import TRUTHS, NumberError, exact, explain_defect, parse_number

if TYPE_CHECKING:
    import pandas as pd

FIRST = "the first row is 0"


class Source(ABC):
    """Named columns of cells, or named arrays, all of one length.

    Attributes:
        title: The file's name, for messages.
        names: Of the columns or arrays, in the order of the file.
        position: Of each name in that order.
        kind: What the names are: ``columns``, or ``arrays``, of which one may say where another is missing.
        count: How many rows there are, once anything has been read.
        missing: Which cells hold nothing.
        notes: What was done in reading that whoever wrote the file should know, in sentences.
        folder: What paths in its cells are relative to.
        guesses_kinds: Whether :meth:`described` takes the kinds of modalities from what their values look like.
        by_name_only: Names that no pattern means, such as those of matrices beside columns.
        roles_in_parts: Whether labels, groups, ids and covariates may be among the names of a modality's :meth:`part`.
        id_columns: By which rows were joined, or that say where they are from.
        are_names_of_rows: Whether a row is recognised by them in other files.
        separator: Between the cells of a file of text, which is written so again.
        decimal: The decimal sign of such a file.
        sides: The place of every row's side in :data:`~mmgen.data.sides.SIDES`, ``Int[N]``, where reading decides it.
    """

    kind = "columns"
    roles_in_parts = False
    id_columns: tuple[str, ...] = ()
    are_names_of_rows = True
    separator = ","
    decimal = "."
    sides: np.ndarray | None = None
    guesses_kinds = False
    by_name_only: Collection[str] = ()

    def __init__(self, title: str, names: Sequence[str]) -> None:
        self.title, self.names = title, tuple(names)
        self.position = {name: index for index, name in enumerate(names)}
        self.count = 0
        self.missing = MissingWords()
        self.notes: list[str] = []
        self.folder = Path()
        self._first = ""

    def part(self, modality: str) -> Source | None:
        """Where the columns or arrays of a modality are: here, unless each modality has names of its own; None where it
        is nowhere.
        """
        return self

    def place(self, row: int) -> str:
        """Where a row is, in the words of a sentence."""
        return f"row {row} ({FIRST})"

    @abstractmethod
    def cells(self, name: str) -> list[Any]:
        """One value per row; see :class:`.MissingWords`."""

    @abstractmethod
    def array(self, name: str) -> tuple[np.ndarray, np.ndarray]:
        """Values ``[N, …]`` of any type, NaN where a number is missing, and which rows have one."""

    def value_names(self, name: str) -> tuple[str, ...]:
        """What the values of an array are called, such as the variables of a matrix; none where nothing names them."""
        return ()

    def sparse(self, name: str) -> tuple[Any, np.ndarray] | None:
        """An array as a SciPy matrix of compressed rows (``csr_array``), and which rows have one; None where it is
        dense.
        """
        return None

    def sparse_columns(self, names: Sequence[str]) -> tuple[Any, np.ndarray] | None:
        """Columns in the same way, where all of them are columns of one sparse matrix."""
        return None

    def described(self) -> dict[str, dict[str, Any]]:
        """The modalities that the file itself says it has, each as options name it: what is read where none are
        named.
        """
        return {}

    def fields(self, kind: type[Modality], names: Sequence[str]) -> dict[str, Any]:
        """Fields of a modality of this kind, in columns or an array of these names, that are usually right of data in
        this format, where nothing is said.
        """
        return {}

    def numbers(self, names: Sequence[str], where: str, truths: bool = False) -> np.ndarray:
        """Columns as float64 ``[N, C]``, NaN where missing; what is no number is an error that names the cell.

        Args:
            names: Of the columns.
            where: The option that wants them, for messages.
            truths: Whether true and false are 1 and 0.
        """
        values = self._block(names, where, truths)
        if self.missing.codes:
            values[np.isin(values, self.missing.codes)] = math.nan
        return values

    def _block(self, names: Sequence[str], where: str, truths: bool) -> np.ndarray:
        columns = []
        for name in names:
            try:
                columns.append(self._column(name, truths))
            except NumberError as error:
                raise self.number_error(name, where, error) from error
        return np.stack(columns, 1)

    def number_error(self, name: str, where: str, error: NumberError) -> DataError:
        """The error of a column whose cell at ``error.index`` is no number."""
        cell = str(error.cell) if isinstance(error.cell, int) else repr(error.cell)
        holds = "" if error.index is None else f"holds {cell[:80]} in row {error.index} ({FIRST}), "
        origin = f"the {self.kind.removesuffix('s')} {name!r} of {self.title}"
        return DataError(f"{where}: {origin} {holds}{error.reason}.")

    def _column(self, name: str, truths: bool) -> np.ndarray:
        """One column as float64, from its cells; raises :class:`.NumberError`."""
        cells = self.cells(name)
        return np.array([self._number(cell, row, truths) for row, cell in enumerate(cells)], dtype=np.float64)

    def _number(self, cell: Any, row: int, truths: bool) -> float:
        if self.missing.is_missing(cell):
            return math.nan
        if isinstance(cell, bool):
            if truths:
                return float(cell)
            raise NumberError("which is not a number but true or false; such a column is of the kind tags", row, cell)
        if isinstance(cell, int):
            return exact(cell, row)
        if isinstance(cell, float | Decimal | np.number):
            return float(cell)
        if not isinstance(cell, str):
            raise NumberError(f"which is not a number but of the type {type(cell).__name__}", row, cell)
        value = TRUTHS.get(cell.strip()) if truths else None
        value = parse_number(cell.strip()) if value is None else value
        if value is None:
            raise NumberError(explain_defect(cell.strip()), row, cell)
        return value

    # What is written again as it is ---------------------------------------------------------------------------------

    def table_names(self) -> tuple[str, ...]:
        """The names that mean columns of a table, and no values that an array has too."""
        return tuple(name for name in self.names if name not in self.by_name_only)

    def has_column(self, name: str) -> bool:
        """Whether a name means a single value per row, which a table has a place for."""
        if self.kind == "columns":
            return True
        try:
            self.cells(name)
        except DataError:
            return False
        return True

    def holders(self, name: str) -> list[Source]:
        """The single files that have a column."""
        return [self]

    def owners(self, name: str) -> dict[str, Source]:
        """What reads the column of a name, by what that is called among all columns."""
        return {name: self}

    def typed(self, names: Sequence[str]) -> pd.DataFrame:
        """Columns with the types that they have, ``[N, C]``."""
        import pandas as pd

        return pd.DataFrame({name: pd.Series(self.cells(name)) for name in names})

    def written(self, names: Sequence[str], rows: np.ndarray) -> np.ndarray | None:
        """The text of the cells of some rows, ``[R, C]``; None where they are no text."""
        return None

    # Names ------------------------------------------------------------------------------------------------------------

    def require(self, name: str, where: str) -> str:
        """``name`` itself; what does not exist is an error that lists what does."""
        if name in self.position:
            return name
        unit = self.kind.removesuffix("s")
        raise DataError(
            f"{where}: {self.title} has no {unit} {name!r}; its {self.kind} are {alternatives(name, self.names)}"
        )

    def match_names(self, patterns: Sequence[str], where: str, reserved: Collection[str]) -> tuple[str, ...]:
        """The names that names and patterns mean, in the order of the file within a pattern.

        Patterns pass over ``reserved`` names (the label, the group): "g*" should mean the genes, and not the column
        called "group"; and over those that are meant :attr:`by_name_only`.
        """
        passed_over = {*reserved, *self.by_name_only}
        matches: list[str] = []
        for pattern in patterns:
            if pattern in self.position or not any(sign in pattern for sign in "*?["):
                matches.append(self.require(pattern, where))
                continue
            hits = [
                name for name in self.names if name and name not in passed_over and fnmatch.fnmatchcase(name, pattern)
            ]
            if not hits:
                raise DataError(
                    f"{where}: no {self.kind.removesuffix('s')} of {self.title} matches {pattern!r}; "
                    f"its {self.kind} are {listed(self.names)}{self._near(pattern)}"
                )
            matches.extend(hits)
        return tuple(matches)

    def _near(self, pattern: str) -> str:
        """The end of the sentence about a pattern that nothing matches: one with the spelling of a name, where that has
        the rest of it.
        """
        letters = pattern.rstrip("*")
        close = difflib.get_close_matches(letters, {name[: len(letters) + 1] for name in self.names}, n=1)
        meant = f"{close[0].rstrip('0123456789')}*" if close and letters != pattern else ""
        return f"; did you mean {meant!r}?" if meant and meant != pattern else "."

    def check_length(self, name: str, count: int) -> None:
        """Note the number of rows; one that differs from the others' is an error."""
        self._first, expected = (self._first, self.count) if self._first else (name, count)
        self.count = expected
        if count != expected:
            raise DataError(
                f"The arrays of {self.title} differ in length: {self._first!r} has {expected} rows, and {name!r} has "
                f"{count}; every array needs one value per row."
            )
