"""The official layout: read back as written, and every defect one sentence."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

import mmgen
from mmgen.testing import all_rows, check_dataset, raises_sentence
from mmgen_plugin_cub import files
from mmgen_plugin_cub.cub import Cub, CubConfig
from mmgen_plugin_cub.tokens import tokens

CLASSES = {  # as a file system may list them: in no order
    "train": {
        "010.Jay": ["jay_9.jpg", "jay_10.jpg"],
        "002.Auk": ["auk_2.jpg"],
        "003.Gull": ["z.jpg", "a.jpg", "m.png"],
        "001.Owl": ["o.JPG"],
    },
    "test": {"150.Wren": ["w2.jpg", "w1.jpg"], "100.Tern": ["t.jpg"]},
}
ORDER = {  # classes, then files, as sorted names
    "train": [
        "001.Owl/o.JPG",
        "002.Auk/auk_2.jpg",
        "003.Gull/a.jpg",
        "003.Gull/m.png",
        "003.Gull/z.jpg",
        "010.Jay/jay_10.jpg",
        "010.Jay/jay_9.jpg",
    ],
    "test": ["100.Tern/t.jpg", "150.Wren/w1.jpg", "150.Wren/w2.jpg"],
}


def caption(side: str, picture: int, number: int) -> str:
    return (
        f"This {side} bird, picture p{picture}, has caption c{number} and a "
        f"black{' and white' if number % 2 else ''} crown."
    )


@pytest.fixture(scope="session")
def written(tmp_path_factory) -> Path:
    """Small files in the official layout, pictures of many sizes."""
    root = tmp_path_factory.mktemp("cub-official")
    draw = np.random.default_rng(0)
    for side, classes in CLASSES.items():
        for name, pictures in classes.items():
            (root / "cub" / side / name).mkdir(parents=True)
            for picture in pictures:
                height, width = draw.integers(40, 130, 2)
                pixels = np.asarray(
                    Image.fromarray(draw.integers(0, 256, (5, 6, 3), dtype=np.uint8)).resize((int(width), int(height)))
                )
                grey = picture == "m.png"  # some official pictures are grey
                Image.fromarray(pixels[..., 0] if grey else pixels).save(root / "cub" / side / name / picture)
        lines = [caption(side, i, j) for i in range(len(ORDER[side])) for j in range(10)]
        (root / "cub" / files.CAPTIONS[side]).write_text("\n".join(lines) + "\n", encoding="utf-8")
    return root


@pytest.fixture
def folder(written, tmp_path) -> Path:
    """A copy to be spoiled."""
    return Path(shutil.copytree(written / "cub", tmp_path / "cub"))


def dataset(root: Path, **options) -> Cub:
    return Cub(CubConfig(root=root, **{"val_fraction": 0.25, **options}))


def test_pictures_and_captions_are_those_of_the_files(written):
    cub = dataset(written)
    rows = all_rows(cub.splits())
    alphabet = cub.modalities()["caption"].alphabet
    paths = [written / "cub" / side / name for side in ("train", "test") for name in ORDER[side]]
    assert rows.rows.tolist() == list(range(100))
    assert rows.data["image"].shape == (100, 3, 64, 64)
    assert len(rows.data["image"].values) == 10  # stored once, not ten times
    for i, path in enumerate(paths):
        with Image.open(path) as image:
            literal = np.asarray(image.convert("RGB").resize((64, 64), Image.Resampling.BILINEAR)).transpose(2, 0, 1)
        side, number = ("train", i) if i < 7 else ("test", i - 7)
        for j in range(10):
            assert np.array_equal(rows.data["image"][10 * i + j].numpy(), literal)
            words = [word if word in alphabet else "<exc>" for word in tokens(caption(side, number, j))]
            codes = rows.data["caption"][10 * i + j].tolist()
            assert [alphabet[code] for code in codes] == [*words, "<eos>"] + ["<pad>"] * (31 - len(words))
    assert rows.data["caption"].dtype == torch.int16
    assert {"p0", "p6", "c9"} <= set(alphabet)  # ten or seven times in training
    assert "test" not in alphabet  # only in the captions of the test classes
    assert rows.labels["crown"].tolist() == [0] * 100


def test_the_folder_itself_may_be_named(written):
    one, two = dataset(written).splits(), dataset(written / "cub").splits()
    assert torch.equal(all_rows(one).data["caption"], all_rows(two).data["caption"])
    assert len(dataset(written).sources()) == 13
    assert one.provenance == mmgen.Provenance(
        "real", "10 pictures of CUB-200-2011 with ten captions each; test classes unseen in training", files.URL
    )


def test_whole_classes_are_held_out(written):
    splits = dataset(written).splits()
    assert splits.facts["classes"] == {"train": 3, "val": 1, "test": 2}
    assert splits.test.rows.tolist() == list(range(70, 100))
    of_picture = np.array([0, 1, 2, 2, 2, 3, 3])
    classes = {side: set(of_picture[getattr(splits, side).rows.numpy() // 10].tolist()) for side in ("train", "val")}
    assert not classes["train"] & classes["val"]
    assert classes["train"] | classes["val"] == {0, 1, 2, 3}


def test_the_other_split_is_of_whole_pictures_of_the_training_classes(folder):
    shutil.copy(folder / "train/003.Gull/a.jpg", folder / "train/010.Jay/jay_9.jpg")  # one photograph twice
    sides = []
    for seed in range(12):
        splits = dataset(folder, split="train-classes", seed=seed, val_fraction=0.3).splits()
        pictures = {side: set((getattr(splits, side).rows // 10).tolist()) for side in ("train", "val", "test")}
        assert sorted(picture for each in pictures.values() for picture in each) == list(range(7))
        assert all(len(getattr(splits, side)) == 10 * len(each) for side, each in pictures.items())
        assert any({2, 6} <= each for each in pictures.values())
        assert splits.facts["copied_pictures"] == 1
        sides.append(tuple(sorted(pictures["val"])))
    assert len(set(sides)) > 3
    assert "other pictures of the training classes" in splits.provenance.summary


@pytest.mark.parametrize("seed", [0, 3])
def test_captions_are_split_as_in_multivae(written, seed):
    from sklearn.model_selection import train_test_split

    splits = dataset(written, split="captions", val_fraction=0.1, seed=seed).splits()
    train, val = train_test_split(np.arange(70), test_size=0.1, random_state=seed, shuffle=True)
    assert splits.train.rows.tolist() == sorted(train) and splits.val.rows.tolist() == sorted(val)
    assert splits.test.rows.tolist() == list(range(70, 100))
    assert set((splits.val.rows // 10).tolist()) <= set((splits.train.rows // 10).tolist())  # as said in the summary
    assert splits.provenance.summary.startswith(
        "10 pictures of CUB-200-2011 with ten captions each; test classes unseen"
    )
    assert "validated on other captions" in splits.provenance.summary
    whole, classes = (all_rows(each) for each in (splits, dataset(written).splits()))
    assert torch.equal(whole.data["caption"], classes.data["caption"])
    assert torch.equal(whole.data["image"][:], classes.data["image"][:])


def test_captions_of_the_drawn_birds_are_split_too():
    check_dataset(Cub(CubConfig(species=6, images_per_species=1, split="captions")))


def test_padding_can_be_masked(written):
    plain, masked = (all_rows(dataset(written, mask_padding=mask).splits()).data["caption"] for mask in (False, True))
    assert (plain == 1).any()
    assert torch.equal(masked, torch.where(plain == 1, -1, plain))


def test_fewer_pictures_are_spread_over_the_files(folder):
    for number in range(20):
        shutil.copy(folder / "train/003.Gull/a.jpg", folder / f"train/003.Gull/b{number:02d}.jpg")
    path = folder / files.CAPTIONS["train"]
    path.write_text("a bird with a black crown\n" * 270, encoding="utf-8")
    rows = all_rows(dataset(folder, max_images=15).splits())
    assert sorted(set((rows.rows // 10).tolist())) == list(range(0, 30, 2))


def test_a_changed_file_of_captions_is_read_again(folder):
    before = dataset(folder).modalities()["caption"].alphabet
    path = folder / files.CAPTIONS["train"]
    path.write_text(path.read_text(encoding="utf-8").replace("crown", "magnificent crest"), encoding="utf-8")
    assert "magnificent" in set(dataset(folder).modalities()["caption"].alphabet) - set(before)


def break_lines(folder, change, side="train"):
    path = folder / files.CAPTIONS[side]
    path.write_text("\n".join(change(path.read_text(encoding="utf-8").splitlines())) + "\n", encoding="utf-8")


def swap_captions(folder):
    one, two = (folder / name for name in files.CAPTIONS.values())
    one.rename(folder / "x")
    two.rename(one)
    (folder / "x").rename(two)


def empty_class(folder):
    (folder / "train/004.Eagle").mkdir()


def no_classes(folder):
    shutil.rmtree(folder / "test")
    (folder / "test").mkdir()


def truncate(folder):
    path = folder / "train/010.Jay/jay_10.jpg"
    path.write_bytes(path.read_bytes()[:-300])


DEFECTS = {
    "a line too few": (
        lambda f: break_lines(f, lambda lines: lines[:-1]),
        r"text_trainvalclasses.txt has 69 lines, and .*train has 7 pictures; there should be 10",
    ),
    "a line too many": (
        lambda f: break_lines(f, lambda lines: [*lines, "a bird"], "test"),
        r"text_testclasses.txt has 31 lines, and .*test has 3 pictures; .* 30 in all",
    ),
    "an empty line": (
        lambda f: break_lines(f, lambda lines: [*lines[:4], " ", *lines[5:]]),
        r"Line 5 of .*text_trainvalclasses.txt is empty; there should be a caption",
    ),
    "an empty file": (
        lambda f: (f / files.CAPTIONS["test"]).write_text(""),
        r"text_testclasses.txt is empty; it should have one caption per line",
    ),
    "no file": (
        lambda f: (f / files.CAPTIONS["test"]).unlink(),
        r"text_testclasses.txt cannot be read: No such file or directory",
    ),
    "no text": (
        lambda f: (f / files.CAPTIONS["train"]).write_bytes(b"\xff\xfe\x80"),
        r"text_trainvalclasses.txt cannot be read: it is not UTF-8 text",
    ),
    "swapped": (swap_captions, r"text_trainvalclasses.txt has 30 lines, and .*train has 7 pictures"),
    "a missing picture": (lambda f: (f / "train/003.Gull/z.jpg").unlink(), r"has 70 lines, and .*train has 6 pictures"),
    "a truncated picture": (
        truncate,
        r"jay_10.jpg cannot be read as a picture; it is truncated or damaged: copy it again",
    ),
    "no picture": (
        lambda f: (f / "test/100.Tern/t.jpg").write_text("<html>"),
        r"100.Tern.t.jpg cannot be read as a picture",
    ),
    "no classes": (no_classes, r"test has no folders; it should hold one folder of pictures per class"),
    "no folder": (lambda f: shutil.rmtree(f / "train"), r"There is no folder .*train; it should hold one folder"),
    "an empty class": (empty_class, r"The folder .*004.Eagle has no pictures"),
    "a class on both sides": (
        lambda f: shutil.copytree(f / "train/002.Auk", f / "test/002.Auk"),
        r"The class 002.Auk is in .*train and in .*test; a class belongs in one of them",
    ),
    "a picture in two classes": (
        lambda f: shutil.copy(f / "train/003.Gull/a.jpg", f / "train/010.Jay/a.jpg"),
        r"010.Jay.a.jpg has the same name as .*003.Gull.a.jpg; a picture is there once",
    ),
    "a picture with two endings": (
        lambda f: shutil.copy(f / "train/003.Gull/a.jpg", f / "train/003.Gull/a.jpeg"),
        r"003.Gull.a.jpg has the same name as .*003.Gull.a.jpeg",
    ),
    "a picture on both sides": (
        lambda f: shutil.copy(f / "train/003.Gull/a.jpg", f / "test/100.Tern/a.jpg"),
        r"100.Tern.a.jpg has the same name as .*003.Gull.a.jpg",
    ),
}


@pytest.mark.parametrize("defect", DEFECTS)
def test_each_defect_is_one_sentence(folder, defect):
    spoil, sentence = DEFECTS[defect]
    spoil(folder)
    with raises_sentence(sentence, mmgen.DataError):
        dataset(folder).splits()


def test_a_folder_without_the_archive(tmp_path):
    with pytest.raises(
        mmgen.DataError, match=r"There is no folder .*nowhere; unpack http://www.robots.ox.ac.uk/.*cub.zip there"
    ):
        dataset(tmp_path / "nowhere").modalities()
    with pytest.raises(
        mmgen.DataError,
        match=r"Neither .* nor a folder cub in it has text_trainvalclasses.txt or text_testclasses.txt; unpack",
    ):
        dataset(tmp_path).sources()


class FakeVision:
    """Stands for torchvision: copies files instead of fetching them, or fails."""

    def __init__(self, source: Path | None) -> None:
        self.source, self.calls = source, []
        self.datasets = self.utils = self

    def download_and_extract_archive(self, url, root, remove_finished=False):
        self.calls.append(url)
        if self.source is None:
            raise OSError("name or service not known.\nmore")
        shutil.copytree(self.source, root, dirs_exist_ok=True)


def test_the_archive_is_fetched_once(written, tmp_path, monkeypatch):
    vision = FakeVision(written)
    monkeypatch.setattr("mmgen_plugin_vision.torchvision", lambda: vision)
    cub = dataset(tmp_path / "new", download=True)
    assert cub.sources() == []
    assert vision.calls == [], "what the cache's key asks for fetches nothing"
    assert len(cub.splits().test) == 30
    assert len(cub.sources()) == 13
    assert len(cub.splits().test) == 30
    assert vision.calls == [files.URL]


def test_a_refused_download_says_what_to_do(tmp_path, monkeypatch):
    monkeypatch.setattr("mmgen_plugin_vision.torchvision", lambda: FakeVision(None))
    with raises_sentence(
        r"could not be fetched \(name or service not known\); "
        r"download it with a browser, unpack it in .*new, and leave",
        mmgen.DataError,
    ):
        dataset(tmp_path / "new", download=True).splits()


def test_a_download_needs_a_folder():
    with pytest.raises(ValueError, match="set root as well"):
        CubConfig(download=True)
