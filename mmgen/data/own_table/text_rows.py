"""The rows of a text file, once it is known how it is written."""

from __future__ import annotations

import csv
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from ...errors import DataError

csv.field_size_limit(2**31 - 1)  # of the module, for long texts; 128 KiB otherwise


@dataclass(frozen=True)
class Dialect:
    """How a text file is written; ``skip`` lines precede its header, and lines with ``comment`` are none of it."""

    encoding: str = "utf-8-sig"
    separator: str = ","
    decimal: str = "."
    comment: str = ""
    skip: int = 0


class Lines:
    """The lines of a file without comments; the ``number`` of the last, and the ``raw`` text since :meth:`start`."""

    def __init__(self, lines: Iterable[str], dialect: Dialect) -> None:
        self.lines, self.dialect, self.number, self.raw, self._quoted = lines, dialect, 0, "", False
        blanks = "" if dialect.separator == " " else r" +" if dialect.separator == "\t" else r"[ \t]+"
        self._after_marks = re.compile(rf'"(?:[^"]|"")*"(?:{blanks}(?={re.escape(dialect.separator)}|[\r\n]*$))?')

    def __iter__(self) -> Iterator[str]:
        for line in self.lines:
            self.number += 1
            commented = self.dialect.comment and not self._quoted and line.startswith(self.dialect.comment)
            if self.number > self.dialect.skip and not commented:
                closed = line.count('"') % 2 == 0
                # the standard library takes no blank after a quotation mark
                if closed and not self._quoted and ('" ' in line or '"\t' in line):
                    line = self._after_marks.sub(lambda cell: cell[0].rstrip(" \t"), line)
                self.raw += line
                self._quoted ^= not closed
                yield line

    def start(self) -> str:
        """The text of the record that has just been read; another begins."""
        raw, self.raw, self._quoted = self.raw, "", False
        return raw


class Record(NamedTuple):
    """A row of a text file: the number of its last line, its cells, and whether it begins with a quotation mark."""

    line: int
    cells: list[str]
    quoted: bool


def records(lines: Iterable[str], dialect: Dialect, path: Path | None = None) -> Iterator[Record]:
    """The rows; their cells are without the blanks around them that are not in quotation marks.

    Where no ``path`` is named, wrong marks are let pass.
    """
    source = Lines(lines, dialect)
    reader = csv.reader(source, delimiter=dialect.separator, strict=path is not None, skipinitialspace=True)
    try:
        for cells in reader:
            raw = source.start()
            if '"' in raw:
                cells = [cell.rstrip() if cell[-1:].isspace() and f'{cell}"' not in raw else cell for cell in cells]
            else:
                blank = " " in raw or (dialect.separator != "\t" and "\t" in raw)
                cells = [cell.strip() for cell in cells] if blank else cells
            yield Record(source.number, cells, raw.lstrip().startswith('"'))
    except csv.Error as error:
        raise DataError(f"{path} cannot be read as CSV, in line {source.number}: {error}.") from error
