"""Images of any number of channels and of any size: arrays in either order, and pages of TIFF files."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

import mmgen
from mmgen.data import ImageModality, Table, side_by_side
from mmgen.data.own_table import OwnTable, OwnTableConfig
from mmgen.data.own_table.axes import channel_axis
from mmgen.data.own_table.guessed_kinds import guess_kind
from mmgen.testing import ModalityContract

RANDOM = np.random.default_rng(0)


def read(path: Path, **fields):
    """What is stored ``[N, C, H, W]``, the modality, and the notes."""
    name = {"array": "scan"} if path.suffix == ".npz" else {"columns": "scan"}
    options = {"path": path, "modalities": {"scan": {**name, "kind": "image", **fields}}}
    dataset = OwnTable(OwnTableConfig.model_validate(options))
    splits = dataset.splits()
    table = Table.concatenate([splits.train, splits.val, splits.test])
    table = table.select(table.rows.argsort())
    return table.data["scan"][:].numpy(), dataset.modalities()["scan"], list(splits.notes)


def saved(folder: Path, values: np.ndarray) -> Path:
    np.savez(folder / "my.npz", scan=values)
    return folder / "my.npz"


@pytest.mark.parametrize("channels", [2, 4, 6])
@pytest.mark.parametrize("order", ["first", "last"])
def test_channels_are_found_at_either_end_and_said(tmp_path, channels, order):
    values = RANDOM.integers(0, 256, (5, channels, 16, 13), dtype=np.uint8)
    stored, modality, notes = read(saved(tmp_path, values if order == "first" else np.moveaxis(values, 1, -1)))
    assert np.array_equal(stored, values)
    assert modality.shape == (channels, 16, 13)
    assert any(f"are taken for {channels} channels of 16×13 pixels; where" in note for note in notes), notes


def test_a_shape_says_which_axis_has_the_channels(tmp_path):
    values = RANDOM.integers(0, 256, (5, 6, 4, 5), dtype=np.uint8)
    for shape, expected in (((6, 4, 5), values), ((5, 6, 4), np.moveaxis(values, -1, 1))):
        stored, modality, notes = read(saved(tmp_path, values), shape=list(shape))
        assert modality.shape == shape
        assert np.array_equal(stored, expected)
        assert not any("channels" in note for note in notes)
    with pytest.raises(
        mmgen.DataError, match=r"value of the array 'scan' of my.npz has the shape \[6, 4, 5\], and it is"
    ):
        read(saved(tmp_path, values))
    with pytest.raises(
        mmgen.DataError, match=r"scan\.shape: \[3, 5, 5\] does not fit; an image of the array has the shape \[4, 4, 5\]"
    ):
        read(saved(tmp_path, values[:, :4]), shape=[3, 5, 5])


@given(st.permutations([2, 5, 7]), st.booleans())
def test_a_known_shape_is_found_in_either_order(shape, moved):
    stored = [*shape[1:], shape[0]] if moved else shape
    assert channel_axis(stored, shape) == ("last" if moved else "first")


def test_bytes_in_memory_with_other_channels_are_images():
    assert guess_kind("scan", np.zeros((3, 5, 32, 32), np.uint8)) == "image"
    assert guess_kind("scan", np.zeros((3, 32, 32, 2), np.uint8)) == "image"
    assert guess_kind("scan", np.zeros((3, 6, 6, 6), np.uint8)) == "tags"


@pytest.mark.parametrize("depth", [np.uint8, np.uint16])
@pytest.mark.parametrize("channels", [3, 4])
def test_pages_of_a_tiff_are_channels_where_the_shape_says_so(tmp_path, channels, depth):
    values = RANDOM.integers(0, np.iinfo(depth).max + 1, (3, channels, 9, 7)).astype(depth)
    for row, image in enumerate(values):
        first, *others = (Image.fromarray(page) for page in image)
        first.save(tmp_path / f"{row}.tiff", save_all=True, append_images=others)
    (tmp_path / "my.csv").write_text("scan\n" + "".join(f"{row}.tiff\n" for row in range(3)))
    stored, modality, notes = read(tmp_path / "my.csv", shape=[channels, 9, 7])
    assert np.array_equal(stored, values)
    assert modality.value_range == (0, np.iinfo(depth).max)
    assert not any("pages" in note for note in notes)
    stored, _, notes = read(tmp_path / "my.csv")
    assert np.array_equal(stored, values[:, :1])
    assert any("the first is read; where the pages are channels, say shape: [pages, height, width]" in n for n in notes)
    with pytest.raises(
        mmgen.DataError, match=r"2 channels are wanted, and the picture .*0\.tiff .* has 1; save each cha"
    ):
        read(tmp_path / "my.csv", shape=[2, 9, 7])


def test_pages_that_differ_are_no_channels(tmp_path):
    pages = [Image.fromarray(np.zeros(size, np.uint8)) for size in ((9, 7), (4, 4))]
    pages[0].save(tmp_path / "a.tiff", save_all=True, append_images=pages[1:])
    (tmp_path / "my.csv").write_text("scan\na.tiff\na.tiff\n")
    with pytest.raises(
        mmgen.DataError, match="its pages, which are channels, are not all grey and of one size and depth"
    ):
        read(tmp_path / "my.csv", shape=[2, 9, 7])


@pytest.mark.parametrize("network", ["conv", "conv4", "resnet", "resnet-bn", "mlp"])
@pytest.mark.parametrize("size", [(1, 1), (1, 5), (3, 2), (7, 64), (31, 17)])
def test_every_network_takes_any_size_and_number_of_channels(network, size):
    image = ImageModality(shape=(5, *size), network=network)
    z = image.encoder(3).eval()(torch.rand(2, 5, *size))[0]
    assert z.shape == (2, 3)
    assert image.decoder(3).eval()(z).shape == (2, 1, 5, *size)
    trunk = image.classifier_trunk().eval()
    assert trunk(torch.rand(2, 5, *size)).shape == (2, trunk.features)


def test_channels_are_shown_side_by_side():
    value = np.stack([np.full((2, 3), level, np.uint8) for level in (0, 51, 102, 153, 204)])
    shown = ImageModality(shape=(5, 2, 3)).render(value).content
    assert shown.shape == (5, 11)  # two rows of three, with a line between
    assert [shown[0, 0], shown[0, 4], shown[0, 8], shown[3, 0], shown[3, 4]] == pytest.approx([0, 0.2, 0.4, 0.6, 0.8])
    assert (shown[2] == 1).all() and (shown[:, 3] == 1).all() and (shown[3:, 8:] == 1).all()
    assert side_by_side([np.zeros((1, 1)), np.zeros((3, 1))]).tolist() == [[1, 1, 0], [0, 1, 0], [1, 1, 0]]


class TestImagesOfTwoChannels(ModalityContract):
    component = ImageModality
    examples = ({"shape": (2, 7, 5), "channels": (4, 4)},)


def test_a_run_reads_other_images_in_either_order_by_its_shape(tmp_path):
    values = RANDOM.integers(0, 256, (30, 4, 9, 8), dtype=np.uint8)
    dataset = {
        "name": "table",
        "path": saved(tmp_path, values),
        "modalities": {"scan": {"array": "scan", "kind": "image"}},
    }
    run = mmgen.train("elbo", dataset, epochs=1, output=tmp_path / "run", quiet=True)
    (tmp_path / "other").mkdir()
    moved = saved(tmp_path / "other", np.moveaxis(values, 1, -1))
    again = mmgen.load_run(tmp_path / "run", {"path": str(moved)})
    assert again.encode(split="all").equals(run.encode(split="all"))
