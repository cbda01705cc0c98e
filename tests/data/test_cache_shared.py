"""A cache that others made, or that a killed process left: it is read, swept, or a sentence says what to set."""

import errno
import os

import pytest
from filelock import FileLock

from mmgen import MmgenError, load_dataset
from mmgen.data.cache_place import cache_root
from mmgen.testing import write_toy_table


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.setenv("MMGEN_CACHE", str(tmp_path / "cache"))
    write_toy_table(tmp_path)
    return tmp_path


def load(folder):
    return load_dataset("table", config=str(folder / "my.yaml"))


def refused(self, *arguments, **options):
    raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), "x.lock")


def test_what_somebody_else_prepared_is_read_without_a_lock(folder, monkeypatch):
    first = load(folder)
    monkeypatch.setattr(FileLock, "acquire", refused)
    assert load(folder).fingerprint == first.fingerprint


def test_a_cache_where_nothing_can_be_prepared_is_a_sentence(folder, monkeypatch):
    monkeypatch.setattr(FileLock, "acquire", refused)
    with pytest.raises(MmgenError, match=r"cannot be written \(Permission denied\); set MMGEN_CACHE to one that can"):
        load(folder)


def test_a_full_cache_is_a_sentence_and_leaves_nothing(folder, monkeypatch):
    def full(*arguments):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr("mmgen.data.cache.write_prepared", full)
    with pytest.raises(MmgenError, match=r"cannot be written \(No space left on device\); set MMGEN_CACHE"):
        load(folder)
    assert [path.suffix for path in (cache_root() / "datasets").iterdir()] == [".lock"]


def test_copies_of_killed_preparations_are_removed_and_those_at_work_are_not(folder):
    root = cache_root() / "datasets"
    (root / ".table-0123-dead1234").mkdir(parents=True)
    (root / ".table-0123-dead1234" / "train.safetensors").write_bytes(b"half")
    (root / ".once-0123-dead1234").mkdir()
    (root / ".table-4567-work1234").mkdir()
    with FileLock(root / "table-4567.lock"):
        load(folder)
    assert [path.name for path in root.glob(".*")] == [".table-4567-work1234"]


def test_data_in_memory_leave_nothing_in_the_cache(folder):
    import numpy as np

    load_dataset({"a": np.random.default_rng(0).normal(size=(30, 3))})
    assert not list((cache_root() / "datasets").iterdir())
