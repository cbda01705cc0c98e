"""Folders and Arrow files: read without any network, whatever they say, and a crash of their reader is a sentence."""

from __future__ import annotations

import json
import socket
import struct
import threading

import numpy as np
import pyarrow as pa
import pytest

from mmgen import DataError, load_dataset
from mmgen.data import apart
from mmgen.network import without_network
from mmgen.testing import raises_sentence

ROWS = [{"g0": row / 8, "g1": row + 0.5, "site": "ab"[row % 2]} for row in range(20)]
LINES = "".join(f"{json.dumps(row)}\n" for row in ROWS)


def load(path, **options):
    return load_dataset("table", path=str(path), modalities={"genes": {"columns": "g*", "kind": "vector"}}, **options)


@pytest.fixture
def listener():
    """An address, and how often somebody has connected to it."""
    calls = []
    with socket.create_server(("127.0.0.1", 0)) as server:

        def accept():
            while True:
                try:
                    connection, _ = server.accept()
                except OSError:
                    return
                calls.append(1)
                connection.close()

        threading.Thread(target=accept, daemon=True).start()
        yield f"http://127.0.0.1:{server.getsockname()[1]}", calls


@pytest.fixture
def folder(tmp_path):
    place = tmp_path / "mine"
    place.mkdir()
    (place / "rows.jsonl").write_text(LINES)
    return place


def test_a_folder_is_read(folder):
    data = load(folder, label="site")
    assert len(data.split("all")) == 20
    assert data.labels == {"site": ("a", "b")}
    np.testing.assert_array_equal(data.split("all").data["genes"][:, 1], np.arange(20) + 0.5)


def test_a_line_at_which_the_reader_of_folders_crashes(folder):
    (folder / "rows.jsonl").write_text(f"null\n{LINES}")  # Arrow ends the process here
    with raises_sentence("cannot be read: the process that read it was ended", DataError, naming=folder):
        load(folder)
    (folder / "rows.jsonl").write_text(LINES)
    assert len(load(folder).split("all")) == 20, "the next one is read"


@pytest.mark.parametrize("saved", ["state.json", "dataset_dict.json"])
def test_a_saved_dataset_that_is_none(folder, saved):
    (folder / saved).write_text("[]")
    with raises_sentence("cannot be read: ", DataError, naming=folder):
        load(folder)


def test_a_folder_that_names_a_server_gets_nothing_fetched(folder, listener, monkeypatch):
    monkeypatch.delenv("HF_HUB_OFFLINE", raising=False)
    apart._stop()  # whoever reads has the variables of today
    address, calls = listener
    monkeypatch.setenv("HF_ENDPOINT", address)
    (folder / "README.md").write_text(f"---\nconfigs:\n- config_name: default\n  data_files: {address}/x.csv\n---\n")
    with raises_sentence("cannot be read: ", DataError, naming=folder):
        load(folder)
    (folder / "README.md").unlink()
    load(folder)
    assert not calls
    apart._stop()


def test_a_name_of_the_hub_is_looked_for_at_home_where_nothing_may_be_fetched(listener, monkeypatch):
    monkeypatch.delenv("HF_HUB_OFFLINE", raising=False)
    address, calls = listener
    monkeypatch.setenv("HF_ENDPOINT", address)
    apart._stop()
    with without_network(), raises_sentence("no dataset of that name has been fetched before", DataError):
        load("nobody/nothing")
    assert not calls
    apart._stop()


def test_an_arrow_file_is_read_without_any_network(tmp_path, monkeypatch):
    def refused(*arguments, **options):
        raise AssertionError("somebody looks for a host")

    monkeypatch.setattr("datasets.config.HF_HUB_OFFLINE", False)
    monkeypatch.setattr("datasets.load.increase_load_count", refused)
    monkeypatch.setattr(socket, "getaddrinfo", refused)
    table = pa.Table.from_pylist(ROWS)
    for form in (pa.ipc.new_stream, pa.ipc.new_file):
        path = tmp_path / f"{form.__name__}.arrow"
        with pa.OSFile(str(path), "wb") as file, form(file, table.schema) as stream:
            stream.write_table(table)
        assert len(load(path).split("all")) == 20


def test_offsets_that_lead_beyond_an_arrow_file(tmp_path):
    path = tmp_path / "a.arrow"
    table = pa.table({"g0": [1.0, 2.0], "g1": [1.0, 2.0], "site": ["a" * 1000, "b" * 1001]})
    with pa.OSFile(str(path), "wb") as file, pa.ipc.new_stream(file, table.schema) as stream:
        stream.write_table(table)
    content, offsets = path.read_bytes(), struct.pack("<3i", 0, 1000, 2001)
    assert content.count(offsets) == 1
    path.write_bytes(content.replace(offsets, struct.pack("<3i", 0, 1000, 2**30)))
    with raises_sentence("cannot be read: ", DataError, naming=path):
        load(path)


def test_an_arrow_file_with_a_column_twice(tmp_path):
    path = tmp_path / "a.arrow"
    table = pa.table([pa.array([1.0, 2.0])] * 2, names=["g0", "g0"])
    with pa.OSFile(str(path), "wb") as file, pa.ipc.new_stream(file, table.schema) as stream:
        stream.write_table(table)
    with raises_sentence("it has the column 'g0' twice", DataError, naming=path):
        load(path)


def test_a_parquet_file_that_says_another_number_of_rows(tmp_path, monkeypatch):
    import pyarrow.parquet as parquet

    path = tmp_path / "a.parquet"
    parquet.write_table(pa.table({"pair": [[1.0, 2.0]] * 8}), path)
    read = parquet.ParquetFile.read
    monkeypatch.setattr(parquet.ParquetFile, "read", lambda self, **options: read(self, **options)[:0])
    with raises_sentence("it says that it has 8 rows, and 'pair' has 0", DataError, naming=path):
        load_dataset("table", path=str(path), modalities={"pair": {"array": "pair", "kind": "vector"}})


def test_an_interrupted_reading_leaves_its_answer_to_nobody(folder, monkeypatch):
    load(folder)

    class Interrupted:
        def __init__(self, stream):
            self.stream = stream

        def readline(self):
            raise KeyboardInterrupt

        def close(self):
            self.stream.close()

    (folder / "rows.jsonl").write_text(LINES * 2)
    process = apart._running()
    monkeypatch.setattr(process, "stdout", Interrupted(process.stdout))
    with pytest.raises(KeyboardInterrupt):
        load(folder)
    assert apart._process is None and process.poll() is not None
    assert len(load(folder).split("all")) == 40
