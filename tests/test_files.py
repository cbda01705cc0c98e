"""Files are written whole or not at all, with the rights that the umask leaves, and never in the place of a device."""

import errno
import os
import stat
import threading
from pathlib import Path

import pytest

from mmgen.errors import WriteError
from mmgen.files import append_text, cut, flush, sweep, whole_folder, write_atomically, write_text
from mmgen.locks import LockedError, locked_folder


@pytest.fixture
def umask():
    before = os.umask(0o077)
    yield os.umask
    os.umask(before)


def mode(path):
    return stat.S_IMODE(path.stat().st_mode)


@pytest.mark.parametrize(("mask", "left"), [(0o077, 0o600), (0o022, 0o644), (0o002, 0o664)])
def test_a_new_file_has_what_the_umask_leaves(tmp_path, umask, mask, left):
    umask(mask)
    write_text(tmp_path / "new.csv", "x")
    assert mode(tmp_path / "new.csv") == left


def test_a_file_that_is_there_keeps_its_mode_and_a_link_leads_where_it_did(tmp_path, umask):
    real, link = tmp_path / "far" / "real.csv", tmp_path / "link.csv"
    real.parent.mkdir()
    real.write_text("old")
    real.chmod(0o640)
    link.symlink_to(real)
    write_text(link, "new")
    assert link.is_symlink() and real.read_text() == "new" and mode(real) == 0o640
    assert [path.name for path in real.parent.iterdir()] == ["real.csv"]


def test_a_link_to_what_is_not_there_yet_is_followed(tmp_path):
    (tmp_path / "link").symlink_to(tmp_path / "later")
    write_text(tmp_path / "link", "x")
    assert (tmp_path / "link").is_symlink() and (tmp_path / "later").read_text() == "x"


def test_what_is_no_file_is_written_into_and_stays(tmp_path):
    pipe, read = tmp_path / "pipe", []
    os.mkfifo(pipe)
    reader = threading.Thread(target=lambda: read.append(pipe.read_text()))
    reader.start()
    write_text(pipe, "through")
    reader.join(10)
    assert read == ["through"] and stat.S_ISFIFO(pipe.stat().st_mode)
    assert [path.name for path in tmp_path.iterdir()] == ["pipe"]


def test_a_device_stays_a_device():
    before = Path("/dev/null").stat()
    write_text(Path("/dev/null"), "x")
    after = Path("/dev/null").stat()
    assert stat.S_ISCHR(after.st_mode) and after.st_ino == before.st_ino


def test_a_folder_is_a_sentence(tmp_path):
    with pytest.raises(WriteError, match=rf"The file '{tmp_path}' cannot be written: Is a directory"):
        write_text(tmp_path, "x")


def test_the_content_is_on_the_disk_before_the_name_and_the_name_before_it_is_said(tmp_path, monkeypatch):
    done = []
    fsync, replace = os.fsync, Path.replace

    def flushed(handle):
        done.append("folder" if stat.S_ISDIR(os.fstat(handle).st_mode) else "file")
        fsync(handle)

    monkeypatch.setattr(os, "fsync", flushed)
    monkeypatch.setattr(Path, "replace", lambda self, to: done.append("rename") or replace(self, to))
    write_text(tmp_path / "x", "x")
    assert done == ["file", "rename", "folder"]


def failing(number):
    def fail(*arguments, **options):
        raise OSError(number, os.strerror(number))

    return fail


@pytest.mark.parametrize(("where", "name"), [(os, "fsync"), (Path, "replace"), (os, "open")])
@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EROFS])
def test_where_a_call_fails_the_old_content_stays_and_nothing_is_left(tmp_path, monkeypatch, where, name, number):
    (tmp_path / "x").write_text("old")
    with monkeypatch.context() as patch:
        patch.setattr(where, name, failing(number))
        with pytest.raises(WriteError, match=rf"x' cannot be written: {os.strerror(number)}\.$"):
            write_text(tmp_path / "x", "new")
    assert (tmp_path / "x").read_text() == "old"
    assert [path.name for path in tmp_path.iterdir()] == ["x"]


def test_half_a_content_is_never_seen(tmp_path):
    def half(temporary):
        temporary.write_text("ha")
        raise OSError(errno.ENOSPC, "full")

    (tmp_path / "x").write_text("old")
    with pytest.raises(WriteError, match="full"):
        write_atomically(tmp_path / "x", half)
    assert (tmp_path / "x").read_text() == "old"


def test_what_a_killed_process_left_is_swept_and_what_one_at_work_writes_is_not(tmp_path):
    dead = tmp_path / ".x.csv-0123abcd.tmp"
    dead.touch()
    (tmp_path / ".other-0123abcd.tmp").touch()
    (tmp_path / ".mine.tmp").touch()  # somebody's own

    def write(temporary):
        sweep(tmp_path)
        temporary.write_text("x")

    write_atomically(tmp_path / "x.csv", write)
    assert {path.name for path in tmp_path.iterdir()} == {"x.csv", ".mine.tmp"}


def test_what_is_appended_is_not_written_anew_and_is_cut_again(tmp_path):
    path = tmp_path / "lines"
    for _ in range(50):
        append_text(path, "line\n")
    inode = path.stat().st_ino
    assert flush(path) == 250
    append_text(path, "line\nha")
    assert cut(path, 250) and path.read_text() == "line\n" * 50 and path.stat().st_ino == inode
    assert not cut(path, 251)
    assert cut(path, 0) and not path.exists() and cut(path, 0)


def test_a_folder_is_held_by_one_and_nothing_is_left_in_it(tmp_path):
    with locked_folder(tmp_path):
        with pytest.raises(LockedError), locked_folder(tmp_path):
            pass
        assert not list(tmp_path.iterdir())
    with locked_folder(tmp_path):
        pass


def test_a_name_as_long_as_names_can_be(tmp_path):
    write_text(tmp_path / ("x" * 255), "x")
    assert len(list(tmp_path.iterdir())) == 1
    with pytest.raises(WriteError, match="File name too long"):
        write_text(tmp_path / ("x" * 256), "x")


def test_a_folder_is_there_when_it_is_full_and_nothing_is_left_of_killed_ones(tmp_path):
    killed = tmp_path / ".out-0123abcd.tmp"
    killed.mkdir()
    (killed / "half").write_text("x")
    other = tmp_path / ".other-0123abcd.tmp"
    other.mkdir()
    with pytest.raises(WriteError, match="Directory not empty"), whole_folder(tmp_path / "out") as folder:  # noqa: PT012
        (folder / "a").write_text("x")
        assert not (tmp_path / "out").exists() and not killed.exists()
        with whole_folder(tmp_path / "out") as second:
            assert folder.exists(), "somebody is at work there"
            (second / "a").write_text("y")
    assert (tmp_path / "out" / "a").read_text() == "y"
    assert sorted(path.name for path in tmp_path.iterdir()) == [".other-0123abcd.tmp", "out"]


def test_a_folder_that_cannot_be_filled_leaves_nothing(tmp_path):
    with pytest.raises(KeyError), whole_folder(tmp_path / "out") as folder:  # noqa: PT012
        (folder / "a").write_text("x")
        raise KeyError
    assert not list(tmp_path.iterdir())
    (tmp_path / "file").write_text("x")
    with pytest.raises(WriteError, match="cannot be written"), whole_folder(tmp_path / "file" / "out"):
        pass
    (tmp_path / "empty").mkdir()
    with whole_folder(tmp_path / "empty") as folder:
        (folder / "a").write_text("x")
    assert (tmp_path / "empty" / "a").read_text() == "x"
