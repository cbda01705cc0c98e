"""Arrays larger than memory are files without a name, and tables are the same; columns are looked at in parts."""

import errno
import os
import resource
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from safetensors.numpy import save_file

from mmgen import DataError, MmgenError, load_dataset
from mmgen.data import spacious as module
from mmgen.data.own_table import number_columns
from mmgen.data.own_table.centring import ColumnMoments, find_offset_and_factor
from mmgen.data.spacious import spacious, spacious_rows

on_disk = pytest.mark.skipif(not hasattr(os, "posix_fallocate"), reason="this system cannot reserve space on a disk")


@pytest.fixture
def small(monkeypatch, tmp_path):
    """Everything is large here."""
    monkeypatch.setenv("MMGEN_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(module, "LARGE", 1)
    monkeypatch.setattr(module, "AT_ONCE", 64)
    return tmp_path


@on_disk
@pytest.mark.parametrize("kind", [np.float32, bool])
def test_a_large_array_is_a_file_that_is_gone_with_it(small, kind):
    values = spacious((3, 5), kind)
    assert values.shape == (3, 5) and values.dtype == kind and not values.any()
    values[1] = 1
    assert values.sum() == 5
    assert not list((small / "cache").iterdir()), "the file has no name that a killed process could leave"


@on_disk
def test_a_full_disk_is_a_sentence_and_no_crash(small, monkeypatch):
    def full(*arguments):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "posix_fallocate", full)
    with pytest.raises(MmgenError, match=r"cannot be written \(No space left on device\); set MMGEN_CACHE"):
        spacious((3, 5), np.float32)


@on_disk
def test_what_is_on_the_disk_takes_no_memory(monkeypatch, tmp_path):
    monkeypatch.setenv("MMGEN_CACHE", str(tmp_path))
    size = module.LARGE

    status = Path("/proc/self/status")
    if not status.exists():
        pytest.skip("this system does not say what no file stands behind")

    def held():
        return next(1024 * int(line.split()[1]) for line in status.read_text().splitlines() if "RssAnon" in line)

    before = held()
    values = spacious((size // resource.getpagesize(), resource.getpagesize()), np.int8)
    values[:, 0] = 1
    assert held() - before < size // 8


@given(
    values=arrays(np.float32, st.tuples(st.integers(1, 9), st.integers(1, 4)), elements=st.floats(-9, 9, width=32)),
    data=st.data(),
)
def test_rows_are_those_of_indexing(values, data):
    rows = torch.tensor(data.draw(st.lists(st.integers(0, len(values) - 1))), dtype=torch.long)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, "LARGE", 1)
        patch.setattr(module, "AT_ONCE", 24)
        tensor = torch.from_numpy(values)
        assert torch.equal(spacious_rows(tensor, rows), tensor[rows])


CELLS = st.one_of(st.floats(-1e6, 1e6), st.just(np.nan), st.just(1e9))


@given(
    values=arrays(np.float64, st.tuples(st.integers(1, 12), st.integers(1, 3)), elements=CELLS),
    cuts=st.lists(st.integers(0, 12), max_size=3),
)
def test_moments_of_parts_are_those_of_all(values, cuts):
    parts = [part for part in np.split(values, sorted(min(cut, len(values)) for cut in cuts)) if len(part)]
    moments = ColumnMoments.of(parts[0])
    for part in parts[1:]:
        moments = moments.and_of(ColumnMoments.of(part))
    for column in range(values.shape[1]):
        known = [float(value) for value in values[:, column] if value == value]
        assert moments.count[column] == len(known)
        if not known:
            assert np.isnan([moments.mean[column], moments.least[column], moments.most[column]]).all()
            continue
        mean = sum(known) / len(known)
        squares = sum((value - mean) ** 2 for value in known)
        assert moments.mean[column] == pytest.approx(mean, rel=1e-12, abs=1e-6)
        assert moments.squares[column] == pytest.approx(squares, rel=1e-9, abs=1e-2)
        assert (moments.least[column], moments.most[column]) == (min(known), max(known))


def test_offsets_and_factors_are_those_of_all_rows_at_once():
    random = np.random.default_rng(0)
    values = random.normal(size=(500, 4)) * [1, 1, 1e-18, 1e17] + [0, 1.6e9, 0, 0]
    parts = [ColumnMoments.of(part) for part in np.array_split(values, 7)]
    moments = parts[0]
    for part in parts[1:]:
        moments = moments.and_of(part)
    for found, known in zip(find_offset_and_factor(moments), find_offset_and_factor(ColumnMoments.of(values))):
        np.testing.assert_array_equal(found, known)
    offset, factor = find_offset_and_factor(moments)
    assert offset.tolist() == [0, 1.6e9, 0, 0]
    assert factor.tolist() == [1, 1, 1e-18, 1e17]


def table(folder, gaps):
    random = np.random.default_rng(0)
    values = random.normal(size=(60, 7)).astype(np.float32)
    values[:, 3] += 5e7
    if gaps:
        values[random.random(values.shape) < 0.2] = np.nan
        values[4] = np.nan
    save_file({"x": values, "y": random.normal(size=(60, 2)).astype(np.float32)}, folder / "t.safetensors")
    return {"path": str(folder / "t.safetensors"), "modalities": {"x": {"array": "x"}, "y": {"array": "y"}}}


@on_disk
@pytest.mark.parametrize("gaps", [False, True])
def test_a_table_on_the_disk_is_the_one_in_memory(tmp_path, monkeypatch, gaps):
    options = table(tmp_path, gaps)
    monkeypatch.setenv("MMGEN_CACHE", str(tmp_path / "one"))
    usual = load_dataset("table", **options)
    monkeypatch.setenv("MMGEN_CACHE", str(tmp_path / "two"))
    monkeypatch.setattr(module, "LARGE", 1)
    monkeypatch.setattr(module, "AT_ONCE", 64)
    monkeypatch.setattr(number_columns, "CELLS_OF_ARRAYS", 20)
    monkeypatch.setattr(number_columns, "WIDEST", 3)
    assert load_dataset("table", **options).fingerprint == usual.fingerprint


@pytest.mark.parametrize(("row", "column"), [(0, 0), (17, 5), (59, 6)])
def test_what_does_not_fit_is_named_by_its_own_row_and_column(tmp_path, monkeypatch, row, column):
    monkeypatch.setattr(number_columns, "CELLS_OF_ARRAYS", 20)
    monkeypatch.setattr(number_columns, "WIDEST", 3)
    values = np.zeros((60, 7))
    values[row, column] = np.inf
    save_file({"x": values}, tmp_path / "t.safetensors")
    with pytest.raises(DataError, match=rf"row {row}\b"):
        load_dataset("table", path=str(tmp_path / "t.safetensors"), modalities={"x": {"array": "x"}})
