"""The three lists: attributes, partitions and texts, one line per image; every defect names the file and the line."""

from __future__ import annotations

import csv
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TypeVar

import numpy as np

from mmgen import DataError

from .attributes import ATTRIBUTES, LENGTH, PAD, sentence, unknown_letter

T = TypeVar("T")
Parse = Callable[[list[str]], T]  # the cells after the name of the image; a ValueError says what is wrong with them
_ABSENT = {"-1": 2, "0": 0}  # both are in use
_VALUES = {"1": 1, **_ABSENT}


def read_attributes(path: Path) -> tuple[dict[str, int], np.ndarray]:
    """The line of every image in the order of the file, and the attributes, bool ``[N, 40]``."""
    rows = _read(path, ATTRIBUTES, _attributes)
    codes = np.frombuffer(b"".join(cells for _, cells in rows.values()), dtype=np.uint8).reshape(-1, len(ATTRIBUTES))
    lines = {image: line for image, (line, _) in rows.items()}
    if (codes == 0).any() and (codes == 2).any():
        first = [list(lines.values())[np.flatnonzero((codes == code).any(1))[0]] for code in (0, 2)]
        raise DataError(
            f"{path} says that an attribute is absent by 0 on line {first[0]} and by -1 on line {first[1]}; it "
            "should be one of them."
        )
    return lines, codes == 1


def read_partition(path: Path, images: dict[str, int], source: Path) -> np.ndarray:
    """The partition (0, 1 or 2) of every image of ``source``, in its order, ``[N]``."""
    rows = _read(path, ("partition",), _partition)
    _same_images(path, rows, source, images)
    return np.array([rows[image][1] for image in images], dtype=np.int64)


def read_text(path: Path, images: dict[str, int], source: Path, present: np.ndarray, letters: int) -> list[str]:
    """The text of every image of ``source``, in its order.

    ``present`` are the attributes, by which texts of other images are noticed.
    """
    rows = _read(path, ("text",), lambda cells: _text(cells[0], letters))
    _same_images(path, rows, source, images)
    names = [name.replace("_", " ").lower() for name in ATTRIBUTES]
    for (image, line), truth in zip(images.items(), present):
        text = rows[image][1].strip(PAD)
        foreign = set(text.split(", ") if text else []) - {name for name, is_there in zip(names, truth) if is_there}
        if foreign:
            raise DataError(
                f"Line {rows[image][0]} of {path} says {min(foreign)!r} of {image}, which line {line} of {source} "
                f"does not: by that it is {sentence(truth)!r}."
            )
    return [rows[image][1] for image in images]


def _attributes(cells: list[str]) -> bytes:
    try:
        return bytes([_VALUES[cell] for cell in cells])
    except KeyError as error:
        name = ATTRIBUTES[cells.index(error.args[0])]
        raise ValueError(
            f"has {error.args[0]!r} for {name}; an attribute is 1, or -1 (or 0) where it is absent"
        ) from error


def _partition(cells: list[str]) -> int:
    if cells[0] not in ("0", "1", "2"):
        raise ValueError(f"has the partition {cells[0]!r}; there are 0 (training), 1 (validation) and 2 (test)")
    return int(cells[0])


def _text(text: str, letters: int) -> str:
    if len(text) != LENGTH:
        raise ValueError(f"has a text of {len(text)} characters; all have {LENGTH}, filled up with {PAD!r}")
    if letter := unknown_letter(text, letters):
        raise ValueError(f"has {letter!r} in its text, which is not in the alphabet of {letters} letters")
    return text


def _read(path: Path, columns: tuple[str, ...], parse: Parse[T]) -> dict[str, tuple[int, T]]:
    """Name of the image to line and parsed cells."""
    rows: dict[str, tuple[int, T]] = {}
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            for line, cells in (_csv_lines if path.suffix == ".csv" else _txt_lines)(path, file, columns):
                if len(cells) != 1 + len(columns):
                    raise DataError(
                        f"Line {line} of {path} has {len(cells)} values; it should have the image and "
                        f"{_count(columns)}."
                    )
                if cells[0] in rows:
                    raise DataError(
                        f"Line {line} of {path} is about {cells[0]}, and so is line {rows[cells[0]][0]}; each image "
                        "has one line."
                    )
                try:
                    rows[cells[0]] = line, parse(cells[1:])
                except ValueError as error:
                    raise DataError(f"Line {line} of {path} {error}.") from error
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise DataError(
            f"{path} cannot be read: {getattr(error, 'strerror', None) or 'it is not a list in plain text'}."
        ) from error
    if not rows:
        raise DataError(f"{path} has no images.")
    return rows


def _count(columns: tuple[str, ...]) -> str:
    return f"its {columns[0]}" if len(columns) == 1 else f"{len(columns)} attributes"


def _csv_lines(path: Path, file: Iterator[str], columns: tuple[str, ...]) -> Iterator[tuple[int, list[str]]]:
    """Lines after the header, which must be the expected one."""
    reader = csv.reader(file, strict=True)
    _check_names(path, 1, next(reader, []), ("image_id", *columns))
    yield from ((reader.line_num, cells) for cells in reader if cells)


def _txt_lines(path: Path, file: Iterator[str], columns: tuple[str, ...]) -> Iterator[tuple[int, list[str]]]:
    """CelebA's own text files: the attributes have their number and their names above, the partitions nothing."""
    promised = None
    if len(columns) > 1:
        first = next(file, "").strip()
        if not first.isdecimal():
            raise DataError(f"Line 1 of {path} is {first[:40]!r}; the number of images belongs there.")
        promised = int(first)
        _check_names(path, 2, next(file, "").split(), columns)
    number = 0
    for line, text in enumerate(file, 1 if promised is None else 3):
        if cells := text.split():
            number += 1
            yield line, cells
    if promised not in (None, number):
        raise DataError(
            f"{path} has {number} images, and its first line says {promised}; it is truncated or was put together."
        )


def _check_names(path: Path, line: int, names: list[str], expected: tuple[str, ...]) -> None:
    for place, name in enumerate(expected):
        if place >= len(names) or names[place] != name:
            actual = repr(names[place]) if place < len(names) else "nothing"
            raise DataError(
                f"Line {line} of {path} has {actual} as the name of column {place + 1}; {name!r} belongs there."
            )
    if len(names) > len(expected):
        raise DataError(f"Line {line} of {path} names {len(names)} columns; there should be {len(expected)}.")


def _same_images(path: Path, rows: dict[str, tuple[int, T]], source: Path, images: dict[str, int]) -> None:
    for image, line in images.items():
        if image not in rows:
            raise DataError(f"{path} has no line for {image}, which is on line {line} of {source}.")
    for image, (line, _) in rows.items():
        if image not in images:
            raise DataError(f"Line {line} of {path} is about {image}, of which {source} has no line.")
