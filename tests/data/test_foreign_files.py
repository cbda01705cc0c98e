"""Files for parsers of others: a crash, a lie about sizes and a bomb are sentences."""

from __future__ import annotations

import gzip
import io
import os
import signal
import struct
import tracemalloc
import zipfile

import numpy as np
import pyarrow as pa
import pyarrow.parquet as parquet
import pytest
from scipy.io import savemat

from mmgen import load_dataset, make_dataset
from mmgen.data import apart, read_gzip, read_matlab, read_npy
from mmgen.data.npy import check_npz
from mmgen.data.own_table.content import make_requests
from mmgen.data.own_table.number_columns import read_numbers
from mmgen.data.own_table.opening import open_source
from mmgen.errors import DataError
from mmgen.testing import raises_sentence


def test_a_matlab_file_comes_back_as_it_was(tmp_path):
    numbers = np.arange(6.0).reshape(2, 3)
    savemat(tmp_path / "a.mat", {"X": numbers, "file": numbers, "text": "abc", "cell": np.array([1, "a"], object)})
    content = read_matlab(tmp_path / "a.mat")
    for name in ("X", "file"):  # as an argument of numpy.savez is called
        np.testing.assert_array_equal(content[name], numbers)
    assert content["text"].tolist() == ["abc"]
    assert "cell" not in content  # Python objects do not come through


def test_a_parser_that_ends_its_process_is_a_sentence(tmp_path, monkeypatch):
    path = tmp_path / "a.mat"
    savemat(path, {"X": np.arange(6.0)})
    read_matlab(path)
    os.kill(apart._process.pid, signal.SIGKILL)
    apart._process.wait()
    assert read_matlab(path)["X"].shape == (1, 6)  # another one is started
    monkeypatch.setattr(apart, "ROOM", 2**20)  # less than the parser needs: as one that ends for want of it
    monkeypatch.setattr(apart, "TIMES", 0)
    content = path.read_bytes()
    big = tmp_path / "big.mat"
    savemat(big, {"X": np.zeros(2**20)}, do_compression=True)
    with raises_sentence("truncated, damaged, or no MATLAB file", DataError, naming=big):
        read_matlab(big)
    assert path.read_bytes() == content


def test_a_size_at_which_the_parser_crashes(tmp_path):
    path = tmp_path / "a.mat"
    savemat(path, {"X": np.arange(6.0).reshape(2, 3), "y": np.array([1, 2, 3], np.uint8)})
    content = bytearray(path.read_bytes())
    struct.pack_into("<I", content, 176, 0)  # of the name: scipy 1.17 ends the process here
    path.write_bytes(content)
    with raises_sentence("truncated, damaged, or no MATLAB file", DataError, naming=path):
        read_matlab(path)


def test_a_header_that_speaks_of_more_than_there_is(tmp_path):
    path = tmp_path / "a.npy"
    np.save(path, np.zeros(4))
    content = path.read_bytes()
    path.write_bytes(content.replace(b"(4,), }" + b" " * 9, b"(4000000000000,)"[:16]))
    assert path.read_bytes() != content
    with raises_sentence("no .npy file of numbers", DataError, naming=path):
        read_npy(path)


def test_an_archive_whose_array_has_another_size(tmp_path):
    path = tmp_path / "a.npz"
    array = io.BytesIO()
    np.save(array, np.zeros(4))
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("x.npy", array.getvalue())
    check_npz(path)
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("x.npy", array.getvalue().replace(b"(4,)", b"(9,)"))
    with pytest.raises(ValueError, match="not the size that its header says"):
        check_npz(path)


def test_a_bomb_is_not_let_off(tmp_path):
    path = tmp_path / "a.gz"
    path.write_bytes(gzip.compress(bytes(5_000_000)))
    assert len(read_gzip(path)) == 5_000_000
    with raises_sentence("becomes larger than 4,999,999 bytes", DataError, naming=path):
        read_gzip(path, 4_999_999)
    path.write_bytes(gzip.compress(bytes(5_000_000))[:-9])
    with raises_sentence("does not come to its end", DataError, naming=path):
        read_gzip(path)


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="this system has no named pipes")
@pytest.mark.parametrize("ending", ["csv", "json", "parquet", "npz", "safetensors"])
def test_a_pipe_is_no_table(tmp_path, ending):
    path = tmp_path / f"t.{ending}"
    os.mkfifo(path)
    with raises_sentence("cannot be read: it is a device or a pipe, and no file", DataError, naming=path):
        load_dataset("table", path=str(path), modalities={"x": {"columns": "x", "kind": "vector"}})


def test_a_large_array_is_read_with_little_memory_beside_it(tmp_path, monkeypatch):
    """What is float64 at any time, and what is looked at for its range, are some rows."""
    values = np.random.default_rng(0).normal(size=(4096, 512)).astype(np.float32)
    np.savez(tmp_path / "a.npz", x=values)

    def peak(cells):
        monkeypatch.setattr("mmgen.data.own_table.number_columns.CELLS_OF_ARRAYS", cells)
        source = open_source(str(tmp_path / "a.npz"))
        dataset = make_dataset("table", {"path": str(tmp_path / "a.npz"), "modalities": {"x": {"array": "x"}}})
        requests = make_requests(dataset.config, None, source, {})
        tracemalloc.start()
        read = read_numbers(requests[0], source)
        most = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        np.testing.assert_array_equal(read.stored, values)
        return most

    few, many = peak(2**16), peak(2**23)
    assert few < 2.6 * values.nbytes, "the array, a copy of it, which cells are empty, and little else"
    assert few < many - values.nbytes


@pytest.mark.parametrize("digits", [30, 400, 5000])
@pytest.mark.parametrize("ending", ["json", "jsonl", "csv"])
def test_a_number_of_many_digits_is_a_sentence(tmp_path, ending, digits):
    path, rows = tmp_path / f"t.{ending}", ["1.5", "2.5", "3.5", "9" * digits]
    lines = [f'{{"x": {row}}}' for row in rows]
    content = {"json": f"[{', '.join(lines)}]", "jsonl": "\n".join(lines), "csv": "\n".join(["x", *rows])}
    path.write_text(content[ending])
    with raises_sentence(r"64-bit floating-point|not a finite number|thousands of digits", DataError, naming=path.name):
        load_dataset("table", path=str(path), modalities={"x": {"columns": "x", "kind": "vector"}})


def test_a_column_whose_name_has_a_zero_byte_is_a_sentence(tmp_path):
    """As one changed byte makes it: libraries in C end the name there, others do not."""
    parquet.write_table(pa.table({"si\0e": ["a", "b", "a", "b"]}), tmp_path / "t.parquet")
    source = open_source(str(tmp_path / "t.parquet"))
    with raises_sentence("The column .* cannot be read", DataError):
        source.cells(source.names[0])
