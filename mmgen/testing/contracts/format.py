"""What every format of files must hold."""

from __future__ import annotations

import inspect
import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from ...data import FileSource, Reading
from ...errors import DataError
from .contract import Contract

ROWS = 6  # at least, of a toy file
CUTS = (0.25, 0.5, 0.9, 0.99)  # where a truncated file ends, as a share of it
GARBAGE = bytes(range(256)) * 2


class FormatContract(Contract):
    """Names and lengths, the same values each time, sentences on what is damaged or missing, and nothing written beside
    the file, of a reader of files: of what its ``write_toy`` writes.
    """

    kind = "formats"

    # What checks use --------------------------------------------------------------------------------------------------

    @contextmanager
    def toy(self) -> Iterator[Path]:
        """The toy file, in a folder of its own that goes again."""
        found: type[FileSource] = self.loaded()
        with tempfile.TemporaryDirectory() as folder:
            yield found.write_toy(Path(folder))

    def opened(self, path: Path) -> FileSource:
        """A reader of a file."""
        found: type[FileSource] = self.loaded()
        return found.open(path, Reading())

    @staticmethod
    def everything(source: FileSource) -> dict[str, Any]:
        """Each name with its cells and its array; the type of the error in the place of what it has not."""

        def tried(read: Callable[[str], Any], name: str) -> Any:
            try:
                return read(name)
            except DataError:
                return DataError

        return {name: (tried(source.cells, name), tried(source.array, name)) for name in source.names}

    def _read_damaged(self, path: Path, what: str, must_fail: bool) -> None:
        """Open and read a file; only a sentence with its name may come of it, or values."""
        try:
            self._read_all(path)
        except DataError as error:
            sentence = str(error)
        except Exception as error:
            raise AssertionError(
                f"{self.who}: {what} ends in {type(error).__name__}: {error}; raise a DataError with a sentence"
            ) from error
        else:
            assert not must_fail, f"{self.who}: {what} is read as if it were whole"
            return
        assert path.name in sentence, f"{self.who}: the sentence on {what} does not name the file: {sentence}"

    def _read_all(self, path: Path) -> None:
        """Whatever the whole toy file has of each name, and what it has not at all may fail."""
        source, whole = self.opened(path), self.once("kinds", self._kinds)
        for name in source.names:
            for kind, read in (("cells", source.cells), ("array", source.array)):
                if name not in whole or kind in whole[name]:
                    read(name)

    def _kinds(self) -> dict[str, set[str]]:
        """Of each name of the whole toy file, which of ``cells`` and ``array`` it has."""
        with self.toy() as path:
            read = self.everything(self.opened(path))
        return {
            name: {kind for kind, values in zip(("cells", "array"), both) if values is not DataError}
            for name, both in read.items()
        }

    # Checks -----------------------------------------------------------------------------------------------------------

    def test_a_toy_file_opens(self) -> None:
        """The toy has the ending under which the format is found, and opens as what was asked for, titled by its name,
        with at least one column or array of numbers.
        """
        with self.toy() as path:
            if isinstance(self.component, str):
                ending = self.component.rpartition(":")[2]
                assert path.suffix == f".{ending}", f"{self.who}: the toy is {path.name}, and the format is {ending}"
            source = self.opened(path)
            assert source.title == path.name, f"{self.who}: the title is {source.title!r}, and the file {path.name!r}"
            assert source.kind in ("columns", "arrays"), f"{self.who}: the kind is {source.kind!r}"
            numeric = [name for name in source.names if _is_numeric(source, name)]
            assert numeric, f"{self.who}: the toy has no column or array of numbers"

    def test_names_are_unique(self) -> None:
        """Names are words, none twice, and each has its place."""
        with self.toy() as path:
            source = self.opened(path)
        assert source.names and all(isinstance(name, str) and name for name in source.names), (
            f"{self.who}: a name is empty or no word: {source.names}"
        )
        assert len(set(source.names)) == len(source.names), f"{self.who}: a name is there twice: {source.names}"
        assert source.position == {name: index for index, name in enumerate(source.names)}, (
            f"{self.who}: position does not say where each name is"
        )

    def test_lengths_agree(self) -> None:
        """Every column and array has as many rows, which ``count`` says once something is read; available rows are
        marked for each.
        """
        with self.toy() as path:
            source = self.opened(path)
            lengths = set()
            for name, (cells, array) in self.everything(source).items():
                assert not (cells is DataError and array is DataError), f"{self.who}: {name!r} cannot be read at all"
                lengths |= {len(cells)} if cells is not DataError else set()
                if array is not DataError:
                    values, available = array
                    lengths |= {len(values), len(available)}
                    assert available.dtype == bool and available.ndim == 1, (
                        f"{self.who}: which rows of {name!r} there are is {available.dtype} of shape {available.shape}"
                    )
            assert lengths == {source.count}, (
                f"{self.who}: columns and arrays have {sorted(lengths)} rows, and count is {source.count}"
            )
            assert source.count >= ROWS, f"{self.who}: the toy has {source.count} rows; write at least {ROWS}"

    def test_numbers_are_those_of_the_cells(self) -> None:
        """A column of numbers is what its cells say, alone and beside others, in their order."""
        with self.toy() as path:
            source = self.opened(path)
            names = [name for name in source.names if _is_column_of_numbers(source, name)]
            if not names:
                return
            for order in (names, names[::-1]):
                block = source.numbers(order, "a check")
                expected = [[_number(source, cell) for cell in source.cells(name)] for name in order]
                assert block.shape == (source.count, len(order)) and np.allclose(
                    block, np.array(expected).T, equal_nan=True
                ), f"{self.who}: the numbers of {order} are not those of their cells"

    def test_columns_come_back_as_they_are(self) -> None:
        """What is written again of a file are its columns, each with all of its rows and values, in the order that is
        asked for; and letter by letter where cells are text.
        """
        with self.toy() as path:
            source = self.opened(path)
            self.everything(source)
            names = [name for name in source.table_names() if source.has_column(name)][::-1]
            cells = {name: source.cells(name) for name in names}
            typed = source.typed(names)
            assert list(typed) == names and all(len(typed[name]) == source.count for name in names), (
                f"{self.who}: typed({names}) gives {len(typed)} rows of {list(typed)}"
            )
            for name in names:
                assert all(map(partial(_means, source), typed[name].tolist(), cells[name])), (
                    f"{self.who}: typed values of {name!r} are not those of its cells"
                )
            rows = np.arange(source.count)[::-2]
            texts = source.written(names, rows)
            if texts is not None:
                assert texts.tolist() == [[cells[name][row] for name in names] for row in rows], (
                    f"{self.who}: the text of some rows is not that of their cells"
                )

    def test_reading_twice_gives_the_same(self) -> None:
        """Values do not depend on what was read before, nor on who opened the file."""
        with self.toy() as path:
            source = self.opened(path)
            first = self.everything(source)
            again, other = self.everything(source), self.opened(path)
            assert other.names == source.names == tuple(first), f"{self.who}: its names change"
            for what, read in (("a second time", again), ("anew", self.everything(other))):
                for name in first:
                    assert _same(first[name], read[name]), f"{self.who}: {name!r} is something else when read {what}"

    def test_a_missing_file_is_a_sentence(self) -> None:
        """A path at which nothing is: a DataError with the file's name."""
        with self.toy() as path:
            gone = path.with_name(f"gone{path.suffix}")
            self._read_damaged(gone, "a file that is not there", must_fail=True)

    def test_an_empty_file_is_a_sentence(self) -> None:
        """A file (or a folder) without content: a DataError with its name."""
        with self.toy() as path:
            if path.is_dir():
                shutil.rmtree(path)
                path.mkdir()
            else:
                path.write_bytes(b"")
            self._read_damaged(path, "an empty file", must_fail=True)

    def test_a_damaged_file_is_a_sentence(self) -> None:
        """Truncated and overwritten files give values or a DataError with the file's name, and nothing else; garbage is
        never read.
        """
        with self.toy() as path:
            parts = sorted(part for part in path.rglob("*") if part.is_file()) if path.is_dir() else [path]
            for part in parts:
                whole = part.read_bytes()
                middle = len(whole) // 2
                for share in CUTS:
                    part.write_bytes(whole[: int(share * len(whole))])
                    self._read_damaged(path, f"a file that ends after {share:.0%}", must_fail=False)
                part.write_bytes(whole[:middle] + GARBAGE[: max(1, len(whole) // 8)] + whole[middle:])
                self._read_damaged(path, "a file with garbage in its middle", must_fail=False)
                part.write_bytes(GARBAGE)
                self._read_damaged(path, "garbage", must_fail=part == path)
                part.write_bytes(whole)

    def test_nothing_is_written(self) -> None:
        """Opening and reading leave the file as it is, and nothing beside it."""
        with self.toy() as path:
            before = _content(path.parent)
            self.everything(self.opened(path))
            after = _content(path.parent)
            changed = sorted(str(name) for name in before.keys() | after.keys() if before.get(name) != after.get(name))
            assert not changed, f"{self.who}: reading writes {', '.join(changed)}"

    def test_it_is_described(self) -> None:
        """A docstring says what is read."""
        assert inspect.cleandoc(self.loaded().__doc__ or ""), f"{self.who}: the class has no docstring"


def _is_numeric(source: FileSource, name: str) -> bool:
    if _is_column_of_numbers(source, name):
        return True
    try:
        return source.array(name)[0].dtype.kind in "biuf"
    except DataError:
        return False


def _is_column_of_numbers(source: FileSource, name: str) -> bool:
    try:
        source.numbers([name], "a check")
        return True
    except DataError:
        return False


def _number(source: FileSource, cell: Any) -> float:
    return float("nan") if source.missing.is_missing(cell) else float(cell)


def _means(source: FileSource, value: Any, cell: Any) -> bool:
    """Whether a typed value is what a cell says."""
    if source.missing.is_missing(cell) or _same(value, cell):
        return True
    try:
        return float(value) == _number(source, cell)
    except (TypeError, ValueError):
        return False


def _same(one: Any, other: Any) -> bool:
    if isinstance(one, np.ndarray):
        return one.dtype == other.dtype and np.array_equal(one, other, equal_nan=one.dtype.kind == "f")
    if isinstance(one, tuple | list):
        return len(one) == len(other) and all(map(_same, one, other))
    return bool(one == other) or bool(one != one and other != other)


def _content(folder: Path) -> dict[Path, bytes | None]:
    return {
        path.relative_to(folder): path.read_bytes() if path.is_file() else None for path in sorted(folder.rglob("*"))
    }
