"""Rows that are gathered from a smaller tensor, alone and in tables."""

import pytest
import torch

from mmgen import Indexed, Table
from mmgen.data.indexed import concatenate, select

VALUES = torch.arange(12, dtype=torch.uint8).reshape(4, 3)
INDEX = torch.tensor([3, 0, 3, 1, 0])


@pytest.fixture
def rows():
    return Indexed(VALUES, INDEX)


def test_it_is_like_the_tensor_that_it_stands_for(rows):
    whole = VALUES[INDEX]
    assert (len(rows), rows.shape, rows.dtype, rows.is_floating_point()) == (5, whole.shape, torch.uint8, False)
    for index in (
        slice(None),
        slice(1, 4),
        torch.tensor([4, 0]),
        [2, 2],
        torch.tensor([True, False, False, True, True]),
    ):
        picked = torch.as_tensor(index) if isinstance(index, list) else index
        assert torch.equal(rows[index], whole[picked])
    assert torch.equal(rows[2], whole[2])


def test_selection_lets_unused_values_go(rows):
    few = rows.select(torch.tensor([0, 2, 3]))
    assert torch.equal(few[:], VALUES[INDEX][[0, 2, 3]])
    assert len(few.values) == 2
    assert torch.equal(select(VALUES, torch.tensor([1, 1])), VALUES[[1, 1]])


def test_concatenation_of_both_kinds(rows):
    whole = torch.cat([VALUES[INDEX], VALUES[INDEX][:2]])
    both = concatenate([rows, rows.select(torch.arange(2))])
    assert isinstance(both, Indexed)
    assert torch.equal(both[:], whole)
    assert torch.equal(concatenate([rows, VALUES[INDEX][:2]]), whole)


def test_a_table_of_both_kinds_is_saved_gathered_and_opened(rows, tmp_path):
    plain = torch.arange(5.0)[:, None]
    table = Table.of({"image": rows, "caption": plain}, labels={"digit": torch.arange(5)})
    assert table.nbytes == VALUES.numel() + 5 * 8 + 5 * 4
    table.save(tmp_path / "t.safetensors")
    again = Table.open(tmp_path / "t.safetensors")
    assert list(again.data) == ["image", "caption"]
    assert isinstance(again.data["image"], Indexed)
    for each in (table, again, table.to("cpu")):
        batch = each[torch.tensor([4, 1])]
        assert torch.equal(batch.data["image"], VALUES[INDEX][[4, 1]])
        assert batch.data["caption"].tolist() == [[4.0], [1.0]]
        assert batch.rows.tolist() == [4, 1]
        assert [len(part) for part in each.batches(2)] == [2, 2, 1]
    part = again.select(torch.tensor([1, 4]))
    assert part.data["image"].values.shape == (1, 3)
    assert torch.equal(Table.concatenate([part, part]).data["image"][:], VALUES[[0, 0, 0, 0]])


def test_rows_of_another_number_are_refused(rows):
    with pytest.raises(ValueError, match="'caption' has 4 rows, and the first modality has 5"):
        Table.of({"image": rows, "caption": torch.zeros(4, 1)})


@pytest.mark.parametrize(
    "index",
    [
        [2, 0],
        [],
        [-1, 1],
        torch.tensor([-2, 4]),
        torch.tensor([True, False, False, True, False]),
        slice(1, None, 2),
        slice(-2, None),
    ],
)
def test_rows_of_tables_and_batches_are_chosen_as_those_of_tensors(rows, index):
    plain = torch.arange(5.0)[:, None]
    table = Table.of({"image": rows, "caption": plain}, labels={"digit": torch.arange(5)})
    picked = torch.tensor(index, dtype=torch.long) if isinstance(index, list) else index
    for each in (table, table[:]):
        batch = each[index]
        assert torch.equal(batch.data["image"], VALUES[INDEX][picked])
        assert torch.equal(batch.data["caption"], plain[picked])
        assert torch.equal(batch.labels["digit"], torch.arange(5)[picked])
        assert torch.equal(batch.available, torch.ones(5, 2, dtype=torch.bool)[picked])


@pytest.mark.parametrize("index", [[5], [-6]])
def test_rows_that_are_not_there_are_refused(rows, index):
    table = Table.of({"image": rows, "caption": torch.arange(5.0)[:, None]})
    with pytest.raises(IndexError):
        table[index]


def test_labels_that_are_the_values_of_a_modality_are_saved(tmp_path):
    both = torch.arange(10).reshape(5, 2)
    table = Table.of({"digit": both[:, :1].contiguous()}, labels={"digit": both[:, 0]})
    table.labels["digit"] = table.data["digit"][:, 0]  # the same memory
    table.save(tmp_path / "t.safetensors")
    again = Table.open(tmp_path / "t.safetensors")
    assert torch.equal(again.data["digit"][:, 0], again.labels["digit"])
    assert torch.equal(again.labels["digit"], both[:, 0])


def test_modalities_of_one_memory_are_saved(tmp_path):
    both = torch.arange(12.0).reshape(2, 6, 1)
    table = Table.of({"a": both[0], "again": both[0], "b": both[1], "part": both.flatten()[3:9, None]})
    table.save(tmp_path / "table.safetensors")
    again = Table.open(tmp_path / "table.safetensors")
    assert list(again.data) == ["a", "again", "b", "part"]
    assert all(torch.equal(again.data[name], values) for name, values in table.data.items())
