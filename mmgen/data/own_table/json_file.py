"""JSON: a list of objects, or an object in each line; each is a row."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, Self

import numpy as np

from ...errors import DataError
from .columns import DatasetColumns
from .dialect import Reading
from .file_source import FileSource
from .source import Source


class JsonColumns(DatasetColumns, FileSource):
    """A JSON file: a list of objects, each a row.

    It is read by the standard library: Arrow's reader ends the process at the line ``null``.
    """

    def __init__(self, path: Path) -> None:
        try:
            self.rows = _parse_rows(path)
        except _RepeatedNameError as error:
            raise DataError(f"{path} cannot be read: a row has the name {error.args[0]!r} twice.") from error
        except UnicodeDecodeError as error:
            raise DataError(f"{path} cannot be read: it is not UTF-8 text.") from error
        except OSError as error:
            raise DataError(f"{path} cannot be read: {error.strerror}.") from error
        except ValueError as error:  # of Python, which reads some thousand digits and no more
            raise DataError(f"{path} cannot be read: it holds a number of thousands of digits.") from error
        except RecursionError as error:
            raise DataError(f"{path} cannot be read: its values are nested too deeply.") from error
        names = list(dict.fromkeys(name for row in self.rows for name in row))
        if not self.rows or not names:
            raise DataError(f"{path} has no rows.")
        Source.__init__(self, path.name, names)
        self.count = len(self.rows)

    @classmethod
    def open(cls, path: Path, reading: Reading) -> Self:
        """Read all rows."""
        return cls(path)

    @classmethod
    def write_toy(cls, folder: Path) -> Path:
        """Eight rows of a number, a word and a list."""
        path = folder / "toy.json"
        path.write_text(json.dumps(_toy_rows()), encoding="utf-8")
        return path

    def cells(self, name: str) -> list[Any]:
        """Python values, None where a row does not have the column."""
        return [row.get(name) for row in self.rows]

    def has_column(self, name: str) -> bool:
        """Whether no cell is a list or an object."""
        return not any(isinstance(cell, list | dict) for cell in self.cells(name))

    def _column(self, name: str, truths: bool) -> np.ndarray:
        return Source._column(self, name, truths)


class JsonLines(JsonColumns):
    """A JSON Lines file: an object in each line, which is a row."""

    @classmethod
    def write_toy(cls, folder: Path) -> Path:
        """Eight rows of a number, a word and a list."""
        path = folder / "toy.jsonl"
        path.write_text("".join(f"{json.dumps(row)}\n" for row in _toy_rows()), encoding="utf-8")
        return path


def _toy_rows() -> list[dict[str, Any]]:
    return [{"weight": row / 4, "site": "north", "pair": [row, -row]} for row in range(8)]


def _parse_rows(path: Path) -> list[dict[str, Any]]:
    text = path.read_text(encoding="utf-8-sig")
    try:
        whole = _parse_json(text)
        rows = list(enumerate(whole if isinstance(whole, list) else [whole], 1))
        place_format = "Row {} (the first is 1)" if isinstance(whole, list) else "Line {}"
    except json.JSONDecodeError:
        place_format, rows = "Line {}", []
        for line, text_line in enumerate(text.splitlines(), 1):
            try:
                rows += [(line, _parse_json(text_line))] if text_line.strip() else []
            except json.JSONDecodeError as error:
                at = f"line {line} is not JSON ({error.msg}, at character {error.pos + 1})"
                raise DataError(f"{path} cannot be read: {at}.") from error
    for place, row in rows:
        if not isinstance(row, dict):
            excerpt = json.dumps(row)[:50]
            expected = 'an object of names and values such as {"g0": 1.5}'
            raise DataError(f"{place_format.format(place)} of {path} is {excerpt}, and not {expected}.")
    return [row for _, row in rows]


class _RepeatedNameError(ValueError):
    pass


def _parse_json(text: str) -> Any:
    return json.loads(text, object_pairs_hook=_object)


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    members = dict(pairs)
    if len(members) != len(pairs):
        names = [name for name, _ in pairs]
        raise _RepeatedNameError(next(name for name in names if names.count(name) > 1))
    return members
