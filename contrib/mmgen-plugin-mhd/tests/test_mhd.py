"""MHD: the official layout read back as written, every defect one sentence, and written digits that are told apart."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from mmgen import DataError
from mmgen.testing import DatasetContract, all_rows, check_recipe, raises_sentence
from mmgen_plugin_mhd import files, speaking, writing
from mmgen_plugin_mhd.mhd import MHD, MHDConfig
from mmgen_plugin_mhd.standin import write_files


class TestContract(DatasetContract):
    component = "mhd"


@pytest.mark.parametrize("name", ["mhd-desk", "elbo-mhd-paper"])
def test_recipes_can_be_resolved(name):
    check_recipe(name)


RANGES = ({"min": -2.0, "max": 3.0}, {"min": torch.tensor(-80.0), "max": 0.0})


def content(count: int, seed: int, ranges=RANGES):
    """Six parts as the released code unpacks them, of noise."""
    generator = torch.Generator().manual_seed(seed)
    rows = [torch.rand(count, *shape, generator=generator) for shape in ((1, 28, 28), (200,), (3, 32, 32))]
    return (torch.arange(count) % 10, *rows, *ranges)


@pytest.fixture
def written(tmp_path):
    """A folder with both files, and what is in them."""
    parts = {"mhd_train.pt": content(40, 0), "mhd_test.pt": content(20, 1)}
    for name, part in parts.items():
        torch.save(part, tmp_path / name)
    return tmp_path, parts


def released_sound(parts):
    """What the released code makes of a sound ``[3, 32, 32]``: one part after the other, then bands before time."""
    rows = [[parts[c, i, j] for j in range(32)] for c in range(3) for i in range(32)]  # [96, 32]
    return torch.tensor([[[rows[time][band] for time in range(96)] for band in range(32)]])


@pytest.mark.parametrize("zipped", [True, False])
def test_files_are_read_as_written(written, zipped):
    folder, parts = written
    for name, part in parts.items():
        torch.save(part, folder / name, _use_new_zipfile_serialization=zipped)  # files of 2020 may be of the older kind
    splits = MHD(MHDConfig(root=folder, val_fraction=0.25)).splits()
    assert [len(each) for each in (splits.train, splits.val, splits.test)] == [30, 10, 20]
    table = all_rows(splits)
    train, test = parts.values()
    for place, name in ((1, "image"), (2, "trajectory")):
        assert torch.equal(table.data[name][:], torch.cat([train[place], test[place]]))
    assert torch.equal(table.data["label"][:, 0], torch.cat([train[0], test[0]]))
    assert torch.equal(table.labels["digit"], table.data["label"][:, 0])
    for row, sound in ((0, train[3][0]), (37, train[3][37]), (55, test[3][15])):
        assert torch.equal(table.data["sound"][row], released_sound(sound))
    assert splits.provenance.kind == "real" and "30/10/20 digits of MHD" in splits.provenance.summary
    assert splits.facts["ranges"] == {"trajectory": [-2.0, 3.0], "sound": [-80.0, 0.0]}
    assert torch.bincount(splits.val.labels["digit"]).tolist() == [1] * 10


def test_parts_of_a_sound_come_back(written):
    sound = written[1]["mhd_train.pt"][3]
    assert torch.equal(files.stack(files.unstack(sound)), sound)


@pytest.mark.parametrize(
    "ranges", [({"min": np.float64(-1.5), "max": np.float32(2)}, {"min": np.float32(0), "max": np.array(4.0)})]
)
def test_ranges_may_be_numbers_of_numpy(tmp_path, ranges):
    torch.save(content(10, 0, ranges), tmp_path / "mhd_train.pt")
    assert files.read_part(tmp_path / "mhd_train.pt").ranges == {"trajectory": [-1.5, 2.0], "sound": [0.0, 4.0]}


def test_files_without_ranges_are_read(tmp_path):
    torch.save(content(10, 0, (None, 3.0)), tmp_path / "mhd_train.pt")
    assert files.read_part(tmp_path / "mhd_train.pt").ranges == {"trajectory": [], "sound": []}


class Runs:
    """What a pickle must never do."""

    def __reduce__(self):
        return (exec, ("raise SystemExit",))


def test_nothing_in_a_file_is_run(tmp_path):
    path = tmp_path / "mhd_train.pt"
    torch.save((*content(10, 0)[:5], Runs()), path)
    with raises_sentence("truncated or damaged", DataError, naming=path):
        files.read_part(path)


def test_defects_are_named(written):
    folder, parts = written
    path, part = folder / "mhd_train.pt", parts["mhd_train.pt"]

    def refused(sentence, *, save=None):
        if save is not None:
            torch.save(save, path)
        with raises_sentence(sentence, DataError, naming=path):
            files.read_part(path)

    whole = path.read_bytes()
    path.write_bytes(whole[: len(whole) // 2])
    refused("truncated or damaged")
    refused("six parts", save=part[:4])
    refused("six parts", save=part[1])
    refused(r"sound \[40, 96, 32\]", save=(*part[:3], part[3].flatten(1, 2), *part[4:]))
    refused(r"image \[39, 1, 28, 28\]", save=(part[0], part[1][:39], *part[2:]))
    refused("not digits", save=(part[0] + 5, *part[1:]))
    refused("not digits", save=(part[0].float(), *part[1:]))
    refused("trajectory outside 0 to 1", save=(*part[:2], part[2] + 0.5, *part[3:]))
    refused("image outside 0 to 1", save=(part[0], part[1] * float("nan"), *part[2:]))
    path.unlink()
    with raises_sentence("no mhd_train.pt", DataError, naming=folder):
        MHD(MHDConfig(root=folder)).sources()


def test_written_digits_are_the_same_again_and_say_what_they_are(tmp_path):
    write_files(tmp_path / "one", (30, 10), seed=4)
    write_files(tmp_path / "more", (40, 10), seed=4)
    one, more = (files.read_part(tmp_path / folder / "mhd_train.pt") for folder in ("one", "more"))
    assert torch.bincount(one.digits).tolist() == [3] * 10 and torch.bincount(more.digits).tolist() == [4] * 10
    again = MHD(MHDConfig(root=tmp_path / "one")).splits()
    assert again.provenance.kind == "stand-in" and "by rules" in again.provenance.summary
    assert again.provenance.source == str(tmp_path / "one")
    here = MHD(MHDConfig(written=(30, 10), seed=4)).splits()
    for name, values in all_rows(again).data.items():
        assert torch.equal(values[:], all_rows(here).data[name][:])
    other = MHD(MHDConfig(written=(30, 10), seed=5)).splits()
    assert not torch.equal(all_rows(other).data["sound"][:], all_rows(here).data["sound"][:])


def test_a_picture_is_that_of_its_trajectory():
    splits = MHD(MHDConfig(written=(40, 10))).splits()
    low, high = splits.facts["ranges"]["trajectory"]
    table = splits.train
    for row in range(len(table)):
        x, y = (table.data["trajectory"][row] * (high - low) + low).view(2, 100)
        columns, rows = ((each + 1.5) / 3 * 28 for each in (x, y))
        image = table.data["image"][row, 0]
        assert image[rows.long().clamp(0, 27), columns.long().clamp(0, 27)].min() > 0.2  # ink everywhere on the stroke
        down, right = torch.meshgrid(torch.arange(28) + 0.5, torch.arange(28) + 0.5, indexing="ij")
        far = ((down[..., None] - rows) ** 2 + (right[..., None] - columns) ** 2).amin(-1) > 3**2
        assert image[far].max() == 0  # and none far from it
        steps = torch.stack([x, y]).diff(dim=1).norm(dim=0)
        assert steps.std() < 0.1 * steps.mean()  # points at equal distances


@pytest.mark.parametrize("name", ["image", "trajectory", "sound"])
def test_digits_are_told_apart(name):
    """The nearest mean of training rows finds the digit of most test rows, and rows of one digit differ."""
    splits = MHD(MHDConfig(written=(300, 100))).splits()
    train, test = (side.data[name][:].flatten(1) for side in (splits.train, splits.test))
    means = torch.stack([train[splits.train.labels["digit"] == digit].mean(0) for digit in range(10)])
    found = torch.cdist(test, means).argmin(1)
    assert (found == splits.test.labels["digit"]).float().mean() > 0.8
    ones = train[splits.train.labels["digit"] == 1]
    assert torch.cdist(ones, ones)[~torch.eye(len(ones), dtype=torch.bool)].min() > 0


def test_words_and_strokes_are_of_ten_digits():
    assert len(speaking.WORDS) == len(writing.STROKES) == 10
    for digit in range(10):
        spectrum = speaking.speak(digit, np.random.default_rng(0))
        assert spectrum.shape == (32, 96) and spectrum.min() >= 0 and 0.3 < spectrum.max() <= 1
        assert spectrum[:, :4].max() < 0.1 and spectrum[:, -3:].max() < 0.1  # silence before and after
