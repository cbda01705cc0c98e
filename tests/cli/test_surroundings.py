"""Terminals, folders and file systems that are not as usual: a sentence and exit code 2, or it works."""

import errno
import io
import json
import os
import stat
import sys
from pathlib import Path

import pytest

from mmgen.cli.streams import prepare_streams
from mmgen.data.cache_place import cache_root
from mmgen.errors import MmgenError
from mmgen.screen import console, show_json

TRAIN = ("train", "--objective", "elbo", "--dataset", "table", "--set", "dataset.config=my.yaml", "--epochs", "1")


def test_a_closed_stream_takes_everything(monkeypatch):
    monkeypatch.setattr(sys, "stdout", None)
    prepare_streams()
    console().print("lost")
    with sys.stdout as stream:
        assert stream.name == os.devnull


def test_what_an_encoding_lacks_is_written_as_an_escape(monkeypatch):
    raw = io.BytesIO()
    monkeypatch.setattr(sys, "stdout", io.TextIOWrapper(raw, encoding="ascii", write_through=True))
    prepare_streams()
    console().print("β = 1, r\udcff")
    assert raw.getvalue() == b"\\u03b2 = 1, r\\udcff\n"
    show_json({"name": "β é"})
    assert json.loads(raw.getvalue().split(b"\n", 1)[1]) == {"name": "β é"}


def test_a_reader_that_goes_away_ends_nothing(monkeypatch):
    read, write = os.pipe()
    os.close(read)
    stream = os.fdopen(write, "w")
    monkeypatch.setattr(sys, "stdout", stream)
    screen = console()
    for _ in range(3):
        screen.print("nobody reads this")
    assert screen.quiet
    stream.close()


def test_home_is_known_where_no_shell_says_it(home, command_line, monkeypatch):
    monkeypatch.setenv("HOME", str(home / "at-home"))
    (home / "at-home").mkdir()
    code, _, err = command_line("schema", "--output", "~/schemas")
    assert code == 0, err
    assert (home / "at-home" / "schemas").is_dir() and not (home / "~").exists()
    code, _, err = command_line("schema", "--output", "~nobody-of-this-name/x")
    assert code == 2 and "nobody knows where this home folder is" in err


def test_without_a_home_the_cache_asks_for_a_folder(monkeypatch):
    def nowhere():
        raise RuntimeError("Could not determine home directory.")

    monkeypatch.setattr(Path, "home", nowhere)
    assert cache_root() == Path(os.environ["MMGEN_CACHE"])
    monkeypatch.delenv("MMGEN_CACHE")
    monkeypatch.setenv("XDG_CACHE_HOME", "/somewhere")
    assert cache_root() == Path("/somewhere/mmgen")
    monkeypatch.delenv("XDG_CACHE_HOME")
    with pytest.raises(MmgenError, match="set MMGEN_CACHE"):
        cache_root()


@pytest.mark.parametrize(
    ("output", "said"),
    [
        (os.fsdecode(b"r\xff"), r"has a name that is not UTF-8; choose another --output\.$"),
        ("x" * 300, "File name too long"),
    ],
)
def test_names_that_cannot_be_are_a_sentence(home, command_line, output, said):
    code, _, err = command_line(*TRAIN, "--output", output)
    assert code == 2 and err.count("\n") == 1 and "unforeseen" not in err
    import re

    assert re.search(said, err.strip()), err
    assert not (home / "x").exists()


def test_imputed_patients_are_nobody_elses_business_where_the_umask_says_so(trained, home, command_line):
    before = os.umask(0o077)
    try:
        code, _, err = command_line("impute", "run", "--out", "complete.csv")
        assert code == 0, err
        assert stat.S_IMODE((home / "complete.csv").stat().st_mode) == 0o600
    finally:
        os.umask(before)


def test_numbers_are_shown_before_a_full_disk_loses_them(trained, command_line, monkeypatch):
    def full(*arguments):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    before = {path: path.read_bytes() for path in trained.rglob("*") if path.is_file()}
    with monkeypatch.context() as patch:
        patch.setattr(Path, "replace", full)
        code, out, err = command_line("evaluate", "run", "--metrics", "reconstruction", "--no-figures")
    assert code == 2 and "results.jsonl' cannot be written: No space left on device" in err
    assert "reconstruction" in out
    assert {path: path.read_bytes() for path in trained.rglob("*") if path.is_file()} == before


def test_what_the_machine_refuses_is_a_sentence(home, command_line, monkeypatch):
    def refused(*arguments, **options):
        raise OSError(errno.EROFS, os.strerror(errno.EROFS), "/mnt/x")

    monkeypatch.setattr("mmgen.cli.listing.list_installed", refused)
    code, _, err = command_line("list")
    assert (code, err) == (2, "mmgen: '/mnt/x' cannot be read or written: Read-only file system.\n")
