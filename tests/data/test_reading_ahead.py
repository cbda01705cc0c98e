"""What the system is told of a table that is larger than memory, and when."""

import mmap

import pytest
import torch

from mmgen import MultimodalVAE, Trainer, memory
from mmgen.data import reading_ahead
from mmgen.data.reading_ahead import ReadingAhead
from mmgen.data.table import Table
from mmgen.memory import memory_there
from mmgen.testing import toy_data

able = pytest.mark.skipif(not hasattr(mmap, "MADV_WILLNEED"), reason="this system takes no advice")


@pytest.fixture
def told(monkeypatch):
    """What is said, where everything is larger than memory."""
    said = []
    monkeypatch.setattr(reading_ahead, "memory_there", lambda: 0.0)
    monkeypatch.setattr(reading_ahead, "_advice", lambda: lambda *words: said.append(words))
    return said


@able
@pytest.mark.parametrize("width", [3, 700, 5000])
def test_every_page_of_the_rows_is_told_of_and_no_other(told, width):
    values = torch.zeros(40, width)
    table = Table.of({"a": values})
    ahead = ReadingAhead(table)
    ((start, size, what),) = told
    assert what == mmap.MADV_RANDOM and start % mmap.PAGESIZE == 0
    assert start <= values.data_ptr() and start + size == values.data_ptr() + values.nbytes
    told.clear()
    rows = [17, 3, 39, 4]
    ahead.fetch(torch.tensor(rows))
    assert {what for _, _, what in told} == {mmap.MADV_WILLNEED}
    assert all(start % mmap.PAGESIZE == 0 for start, _, _ in told)
    ends = [(start // mmap.PAGESIZE, -(-(start + size) // mmap.PAGESIZE)) for start, size, _ in told]
    pages = {page for first, last in ends for page in range(first, last)}
    bytes_of_rows = {values.data_ptr() + 4 * width * row + byte for row in rows for byte in range(0, 4 * width, 4)}
    assert pages == {byte // mmap.PAGESIZE for byte in bytes_of_rows}


def test_nothing_is_said_of_what_fits_into_memory(monkeypatch):
    monkeypatch.setattr(reading_ahead, "_advice", lambda: pytest.fail("was asked for"))
    ReadingAhead(Table.of({"a": torch.zeros(40, 3)})).fetch(torch.arange(4))


@able
def test_advice_changes_no_number(monkeypatch, tmp_path):
    def trained(name):
        data = toy_data(rows=40, missing=0.2, cells=0.2)
        for side in ("train", "val"):
            getattr(data, side).save(tmp_path / f"{side}.safetensors")
            object.__setattr__(data, side, Table.open(tmp_path / f"{side}.safetensors"))
        model = MultimodalVAE.create("elbo", data, latent_dim=2)
        Trainer(epochs=2, batch_size=8).fit(model, data, output=tmp_path / name)
        return (tmp_path / name / "model.safetensors").read_bytes()

    usual = trained("usual")
    asked = []
    advice = reading_ahead._advice()
    monkeypatch.setattr(reading_ahead, "memory_there", lambda: 0.0)
    monkeypatch.setattr(reading_ahead, "_advice", lambda: lambda *words: asked.append((advice(*words), words[2])))
    assert trained("larger") == usual
    assert {what for result, what in asked if result == 0} == {mmap.MADV_RANDOM, mmap.MADV_WILLNEED}


@pytest.mark.parametrize(
    ("line", "file"),
    [("0::/a/b\n", "a/memory.max"), ("4:memory:/a\n", "memory/a/memory.limit_in_bytes"), ("0::/\n", "memory.max")],
)
def test_a_limit_of_a_container_is_the_memory_there_is(monkeypatch, tmp_path, line, file):
    machine = memory_there()
    (tmp_path / "groups").write_text("1:cpu,cpuacct:/x\n" + line)
    place = tmp_path / "fs" / file
    place.parent.mkdir(parents=True)
    place.write_text("123456789\n")
    monkeypatch.setattr(memory, "GROUPS", tmp_path / "groups")
    monkeypatch.setattr(memory, "ROOT", tmp_path / "fs")
    assert memory_there() == 123456789
    place.write_text("max\n")
    monkeypatch.setattr(memory, "GROUPS", tmp_path / "nothing")
    assert memory_there() >= machine > 0
