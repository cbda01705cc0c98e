"""How a text file is written: its encoding, its comments, what separates its cells and what its decimal sign is."""

from __future__ import annotations

import codecs
import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from itertools import islice
from pathlib import Path
from typing import Any

from ...errors import DataError
from .numerals import is_finite
from .text_rows import Dialect, records

SEPARATORS = {",": "commas", ";": "semicolons", "\t": "tabs", "|": "vertical bars", " ": "blanks"}
USUAL = {".csv": ",", ".tsv": "\t", ".txt": "\t"}
SIGNS = {"tab": "\t", "\\t": "\t", "comma": ",", "semicolon": ";", "bar": "|", "blank": " "}
SAMPLE = 2_000_000  # characters that are looked at before a file is read, in at most a hundred lines
SIGNATURES = {
    b"PK\x03\x04": "an Excel workbook or a ZIP archive",
    b"\xd0\xcf\x11\xe0": "an old Excel workbook",
    b"\x1f\x8b": "compressed by gzip",
    b"PAR1": "a Parquet file",
    b"\x89HDF": "an HDF5 file",
}


@dataclass(frozen=True)
class Reading:
    """What the user says of a text file (None: find out), and the words that mean a missing value (None: pandas').

    ``format`` holds the options of the file's own format: a mapping as the user wrote it, an instance of its ``Config``
    once the file is opened, or None where nothing was said.
    """

    separator: str | None = None
    decimal: str | None = None
    comment: str | None = None
    encoding: str | None = None
    missing: tuple[str, ...] | None = None
    format: Any = None

    @property
    def text_options(self) -> dict[str, str]:
        """What was said that has a meaning for text files alone."""
        options = {
            "separator": self.separator,
            "decimal": self.decimal,
            "comment": self.comment,
            "encoding": self.encoding,
        }
        return {name: value for name, value in options.items() if value is not None}

    def with_options(self, options: Mapping[str, Any]) -> Reading:
        """The same with some of :attr:`text_options` changed."""
        return replace(self, **options)

    @property
    def of_any_file(self) -> Reading:
        """The same without what has a meaning for text files alone."""
        return Reading(missing=self.missing, format=self.format)


def parse_separator(value: str | None) -> str | None:
    """A separator as a user writes it, by its name or as it is; None stays None.

    Raises:
        ValueError: What is not a single sign.
    """
    sign = SIGNS.get(value or "", value)
    if sign is not None and (len(sign) != 1 or sign in '"\r\n'):
        raise ValueError(f"{value!r} is not a single sign, such as ';' or tab")
    return sign


def detect(path: Path, settings: Reading) -> tuple[Dialect, list[str]]:
    """How a file is written, by ``settings`` or by its first lines, and sentences on what was detected."""
    encoding = settings.encoding or _encoding(path)
    lines = _first_lines(path, encoding)
    notes = [f"{path.name} is read as UTF-16."] if encoding == "utf-16" else []
    skip, separator = 0, settings.separator
    declared = re.fullmatch(r'"?sep=(.)"?[;,\t]*\s*', lines[0]) if lines else None  # how Excel is told
    if declared:
        skip, separator = 1, separator or declared[1]
    commented = 0
    if settings.comment is None:
        beginning = next((i for i, line in enumerate(lines[skip:]) if line.strip() and not line.startswith("#")), 0)
        commented = beginning if any(line.startswith("#") for line in lines[skip : skip + beginning]) else 0
    comment = settings.comment or ""
    draft = Dialect(encoding, separator or "", ".", comment, skip + commented)
    separator = separator or _separator(lines, draft, path)
    draft = Dialect(encoding, separator, ".", comment, skip + commented)
    if commented:
        last = max(i for i in range(skip, skip + commented) if lines[i].startswith("#"))
        _refuse_doubtful_header(lines, last, draft, path)
        notes.append(f"{path.name}: the lines before its header that begin with '#' are read as comments.")
    decimal = settings.decimal or _decimal(lines, draft)
    if separator != USUAL.get(path.suffix.lower(), ",") or decimal != ".":
        sign = f", and {decimal!r} as the decimal sign" if decimal != "." else ""
        notes.append(f"{path.name} is read with {SEPARATORS.get(separator, repr(separator))} between its cells{sign}.")
    return Dialect(encoding, separator, decimal, comment, skip + commented), notes


def _encoding(path: Path) -> str:
    """UTF-8, or UTF-16 where the file begins with its mark; what is no text is an error that says what it is."""
    with path.open("rb") as file:
        head = file.read(1000)
    if head.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return "utf-16"
    kind = next((content for signature, content in SIGNATURES.items() if head.startswith(signature)), None)
    if kind:
        raise DataError(f"{path} is not text, whatever its name says: it is {kind}; save it as CSV in UTF-8.")
    if re.match(rb"\s*<(!doctype|html)", head, re.IGNORECASE):
        raise DataError(f"{path} is a web page, and not the table; download the file itself.")
    if b"\0" in head:
        raise DataError(f"{path} is not UTF-8 text; where it is UTF-16, say encoding: utf-16-le.")
    return "utf-8-sig"


def _first_lines(path: Path, encoding: str) -> list[str]:
    lines, characters = [], 0
    with path.open(newline="", encoding=encoding) as file:
        for line in islice(file, 100):
            lines.append(line)
            characters += len(line)
            if characters > SAMPLE and len(lines) > 4:
                break
    return lines


def _widths(lines: list[str], dialect: Dialect) -> tuple[int, list[int]]:
    """How many cells the header has, and each row that is not empty."""
    header, *rows = [cells for _, cells, _ in records(lines, dialect) if any(cells)] or [[]]
    return len(header), [len(cells) for cells in rows]


def _separator(lines: list[str], dialect: Dialect, path: Path) -> str:
    """The one with which the rows have as many cells as the header; several such are an error that asks."""
    usual = USUAL.get(path.suffix.lower(), ",")
    candidates = [usual, *(sign for sign in SEPARATORS if sign not in (usual, " "))]
    widths = {sign: _widths(lines, replace(dialect, separator=sign)) for sign in candidates}
    if path.suffix.lower() == ".txt" and all(
        header == 1 for header, _ in widths.values()
    ):  # what R's write.table makes
        widths[" "] = _widths(lines, replace(dialect, separator=" "))
    fitting = [sign for sign, (header, rows) in widths.items() if header > 1 and rows and set(rows) == {header}]
    if len(fitting) > 1 and usual != "\t":
        could = " or ".join(f"{SEPARATORS[sign]} ({widths[sign][0]} columns)" for sign in fitting)
        raise DataError(f"The cells of {path} could be separated by {could}; say which: separator: {fitting[0]!r}.")
    if fitting:
        return fitting[0]
    share = {sign: sum(width == header for width in rows) for sign, (header, rows) in widths.items() if header > 1}
    # such as rows with names
    regular = [sign for sign, (header, rows) in widths.items() if header > 1 and len(set(rows)) == 1]
    if share and max(share.values()):
        return max(share, key=lambda sign: share[sign])
    return regular[0] if regular else max(widths, key=lambda sign: widths[sign][0])


def _refuse_doubtful_header(lines: list[str], last: int, dialect: Dialect, path: Path) -> None:
    """A line with '#' that has as many cells as the next may be the header, as some programs write it."""
    commented = next(records([lines[last]], Dialect(separator=dialect.separator))).cells
    header = next((cells for _, cells, _ in records(lines, dialect)), [])
    if len(commented) > 1 and len(commented) == len(header):
        raise DataError(
            f"Line {last + 1} of {path} begins with '#' and has as many cells as the line after it; say "
            'comment: "#" where it is a comment, or comment: "" where it is the header.'
        )


def _decimal(lines: list[str], dialect: Dialect) -> str:
    """The comma, where the first lines have numbers with one, none with a point, and not only thousands."""
    if dialect.separator == ",":
        return "."
    cells = [cell for _, cells, _ in islice(records(lines, dialect), 1, None) for cell in cells]
    commas = [cell for cell in cells if cell.count(",") == 1 and is_finite(cell.replace(",", "."))]
    points = any("." in cell and is_finite(cell) for cell in cells)
    doubtful = all(re.fullmatch(r"[+-]?[1-9][0-9]{0,2},[0-9]{3}", cell) for cell in commas)
    return "," if commas and not points and not doubtful else "."
