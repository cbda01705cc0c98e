"""Readers of files are found by endings: nothing else is imported, classes may be registered, folders may be files."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import mmgen
from mmgen.data.own_table.array_file import NpzFile
from mmgen.data.own_table.formats import file_endings
from mmgen.data.own_table.opening import open_source
from mmgen.errors import DataError
from mmgen.registry import components
from mmgen.testing import FormatContract


class FolderOfArrays(mmgen.FileSource):
    """A folder with an .npy file for each array."""

    kind = "arrays"

    def __init__(self, path):
        super().__init__(path.name, sorted(file.stem for file in path.glob("*.npy")))
        self.path = path
        if not self.names:
            raise DataError(f"{path} holds no arrays.")

    @classmethod
    def open(cls, path, reading):
        return cls(path)

    @classmethod
    def write_toy(cls, folder):
        path = folder / "toy.npys"
        path.mkdir()
        np.save(path / "genes.npy", np.arange(24.0).reshape(8, 3))
        return path

    def cells(self, name):
        raise DataError(f"{name!r} in {self.title} is an array.")

    def array(self, name):
        try:
            values = np.load(self.path / f"{name}.npy")
        except Exception as error:
            raise DataError(f"The array {name!r} of {self.path} cannot be read.") from error
        if values.ndim != 2:
            raise DataError(f"The array {name!r} of {self.path} has no rows.")
        self.check_length(name, len(values))
        return values, np.ones(len(values), dtype=bool)


@pytest.fixture
def registered(monkeypatch):
    monkeypatch.setattr(components, "LOCAL", {})
    mmgen.register("formats", "npys", FolderOfArrays)


@pytest.mark.usefixtures("registered")
def test_a_folder_that_ends_as_a_format_is_read_by_it(tmp_path):
    path = FolderOfArrays.write_toy(tmp_path)
    assert ".npys" in file_endings()
    assert isinstance(open_source(str(path)), FolderOfArrays)
    data = mmgen.load_dataset("table", path=str(path), modalities={"genes": {"array": "genes", "hidden": [4]}})
    assert len(data.split("all")) == 8


@pytest.mark.usefixtures("registered")
def test_a_registered_format_keeps_the_contract():
    assert FormatContract.of("npys").failures() == {}


def test_the_name_of_a_format_of_a_distribution_is_taken():
    with pytest.raises(mmgen.MmgenError, match="that of the format of mmgen-core"):
        mmgen.register("formats", "npz", FolderOfArrays)
    with pytest.raises(mmgen.MmgenError, match=r"no subclass of mmgen.FileSource"):
        mmgen.register("formats", "mine", dict)


def test_only_the_reader_that_is_needed_is_imported(tmp_path):
    (tmp_path / "my.csv").write_text("a,b\n1,2\n")
    code = (
        "import sys\n"
        "from mmgen.data.own_table.opening import open_source\n"
        f"open_source({str(tmp_path / 'my.csv')!r})\n"
        "others = ['array_file', 'json_file', 'parquet_file']\n"
        "print([name for name in others if 'mmgen.data.own_table.' + name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_endings_in_capitals(tmp_path):
    path = NpzFile.write_toy(tmp_path)
    assert isinstance(open_source(str(path.rename(tmp_path / "TOY.NPZ"))), NpzFile)


def write(path: Path, text: str) -> str:
    path.write_text(text)
    return str(path)


@pytest.mark.parametrize(
    ("lines", "kind"),
    [
        ("1.5,2\n-1,3\n", "mixed"),  # a whole column beside one with fractions, as in memory
        ("1.5,2.0\n-1,3.0\n", "vector"),
        ("-1,2\n3,4\n", "vector"),
        ("1,2\n0,7\n", "counts"),
        ("1,0\n0,\n", "tags"),
        ("true,false\nfalse,true\n", "tags"),
        ("a,1.5\nb,2.5\n", "mixed"),
        ("a,b\nb,c\n", "mixed"),
    ],
)
def test_the_kind_of_columns_is_guessed_as_in_memory(tmp_path, lines, kind):
    path = write(tmp_path / "my.csv", "x,y\n" + lines * 10)
    data = mmgen.load_dataset("table", path=path, modalities={"it": {"columns": ["x", "y"]}})
    assert type(data.modalities["it"]).__name__.lower() == f"{kind}modality"
    assert any(f"it {kind}; where one is something else, say its kind" in note for note in data.notes)


def test_a_column_of_words_is_a_category(tmp_path):
    path = write(tmp_path / "my.csv", "x,y\n" + "a,1\nb,2\n" * 10)
    data = mmgen.load_dataset("table", path=path, modalities={"it": {"columns": "x"}})
    assert data.modalities["it"].categories == ("a", "b")


def test_an_error_of_a_joined_file_names_the_row_of_that_file(tmp_path):
    one = write(tmp_path / "one.csv", "id,x\n" + "".join(f"a{i},{i}\n" for i in range(10)))
    other = write(
        tmp_path / "two.csv", "id,y\n" + "".join(f"a{i},{'-1' if i == 7 else i}\n" for i in reversed(range(10)))
    )
    modalities = {"x": {"path": one, "kind": "vector"}, "y": {"path": other, "kind": "counts"}}
    with pytest.raises(DataError, match=r"the column 'y' of two.csv holds -1 in row 2 \(the first row is 0\)"):
        mmgen.load_dataset("table", id="id", modalities=modalities)
