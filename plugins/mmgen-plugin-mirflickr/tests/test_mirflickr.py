"""The official folder written small and read back, its defects, rows without labels or tags, and simulated pictures."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest
import torch
from pydantic import ValidationError
from scipy.sparse import csr_matrix

import mmgen
from mmgen import CountsModality, DataError, Splits, TagsModality
from mmgen.runs.config import read_recipe
from mmgen.testing import check_dataset, edit_array, exchange_files, raises_sentence
from mmgen_plugin_mirflickr.mirflickr import MirFlickr, MirFlickrConfig
from mmgen_plugin_mirflickr.simulation import simulate

SIDES = {"train": "train", "val": "valid", "test": "test"}
LABELLED = {"combined-00001-of-00005.npy": 40, "combined-00002-of-00005.npy": 40, "combined-00003_0-of-00005.npy": 20}
UNLABELLED = {"combined-00003_1-of-00005.npy": 20, "combined-00004-of-00005.npy": 40, "combined-00005-of-00005.npy": 40}


@pytest.fixture(scope="module")
def content() -> dict[str, np.ndarray]:
    """A hundred labelled pictures with every label, a hundred others; a fifth have no tag."""
    draw = np.random.default_rng(7)
    made = {}
    for part in ("labelled", "unlabelled"):
        made[f"{part} images"] = draw.normal(size=(100, 3857)).astype(np.float32)
        tags = np.where(draw.random((100, 2000)) < 0.002, draw.integers(1, 4, size=(100, 2000)), 0)
        tags[::5] = 0
        made[f"{part} tags"] = tags
    made["labels"] = (draw.random((100, 38)) < 0.3).astype(np.int32)
    made["labels"][np.arange(38), np.arange(38)] = 1
    for split in range(1, 6):
        parts = np.split(draw.permutation(100), [40, 60])
        made |= {f"{name}_indices_{split}": rows for name, rows in zip(SIDES.values(), parts)}
    return made


def save_tags(path: Path, tags: np.ndarray) -> None:
    matrix = csr_matrix(tags.astype(np.float64))
    np.savez(path, data=matrix.data, indices=matrix.indices, indptr=matrix.indptr, shape=np.array(matrix.shape))


@pytest.fixture(scope="module")
def original(tmp_path_factory, content) -> Path:
    root = tmp_path_factory.mktemp("flickr_data")
    for part, files in (("labelled", LABELLED), ("unlabelled", UNLABELLED)):
        (root / "image" / part).mkdir(parents=True)
        start = 0
        for name, count in files.items():
            np.save(root / "image" / part / name, content[f"{part} images"][start : start + count])
            start += count
    (root / "text").mkdir()
    for part in ("labelled", "unlabelled"):
        save_tags(root / "text" / f"text_all_2000_{part}.npz", content[f"{part} tags"])
    (root / "text" / "vocab.txt").write_text(
        "".join(f"{i} word{i:04d} {5000 - i}\n" for i in range(2000)), encoding="utf-8"
    )
    np.save(root / "labels.npy", content["labels"])
    (root / "splits").mkdir()
    for name, rows in content.items():
        if "_indices_" in name:
            np.save(root / "splits" / f"{name}.npy", rows)
    return root


@pytest.fixture
def root(original, tmp_path) -> Path:
    """A copy, for spoiling."""
    return Path(shutil.copytree(original, tmp_path / "flickr_data"))


def splits(**options) -> Splits:
    return MirFlickr(MirFlickrConfig(**options)).splits()


@pytest.mark.parametrize("split", [1, 2, 3, 4, 5])
def test_the_folder_comes_back_as_it_was(original, content, split):
    made = splits(root=original, split=split, tags="counts")
    for side, name in SIDES.items():
        table, rows = getattr(made, side), np.sort(content[f"{name}_indices_{split}"])
        labelled = len(rows)
        assert table.rows[:labelled].tolist() == rows.tolist()
        assert np.array_equal(table.data["image"][:labelled].numpy(), content["labelled images"][rows])
        assert np.array_equal(table.data["tags"][:labelled].numpy(), content["labelled tags"][rows])
        assert np.array_equal(table.labels["concept"][:labelled].numpy(), content["labels"][rows])
        assert len(table) == labelled or side == "train"
        assert table.available.all()
    assert np.array_equal(content["labels"].any(0), np.ones(38, dtype=bool)) and len(made.labels["concept"]) == 38
    assert (made.provenance.kind, made.provenance.source) == ("real", str(original))
    assert made.provenance.summary.startswith(f"40/20/40 labelled pictures of split {split}, and ")


def test_unlabelled_pictures_with_two_tags_come_after_the_labelled_ones(original, content):
    usable = np.flatnonzero((content["unlabelled tags"] > 0).sum(1) >= 2)
    assert 40 < len(usable) < 80
    made = splits(root=original).train
    assert len(made) == 40 + len(usable)
    assert made.rows[40:].tolist() == (100 + usable).tolist()
    assert np.array_equal(made.data["image"][40:].numpy(), content["unlabelled images"][usable])
    assert np.array_equal(made.data["tags"][40:].numpy(), content["unlabelled tags"][usable] > 0)
    assert (made.labels["concept"][40:] == -1).all() and (made.labels["concept"][:40] >= 0).all()
    some = splits(root=original, unlabelled=7).train
    assert some.rows[40:].tolist() == (100 + usable[:7]).tolist()
    assert len(splits(root=original, min_tags=0).train) == 140
    assert len(splits(root=original, unlabelled=0).train) == 40


def test_without_unlabelled_pictures_their_files_are_not_needed(root):
    shutil.rmtree(root / "image" / "unlabelled")
    (root / "text" / "text_all_2000_unlabelled.npz").unlink()
    alone = MirFlickr(MirFlickrConfig(root=root, unlabelled=0))
    assert len(alone.splits().train) == 40 and len(alone.sources()) == 2 + 3 + 1 + 3
    with pytest.raises(DataError, match=r"there is no text/text_all_2000_unlabelled.npz in "):
        splits(root=root)


def test_the_last_unlabelled_files_may_be_left_out(root, content):
    (root / "image" / "unlabelled" / "combined-00005-of-00005.npy").unlink()
    made = splits(root=root)
    assert made.train.rows.max() < 160
    assert made.facts["unlabelled"] == ((content["unlabelled tags"][:60] > 0).sum(1) >= 2).sum()


def test_pictures_without_tags(original, content):
    empty = ~content["labelled tags"].any(1)
    zeros, missing = splits(root=original), splits(root=original, untagged="missing")
    rows = zeros.test.rows.numpy()
    assert empty[rows].any()
    assert zeros.test.available.all() and (zeros.test.data["tags"][torch.from_numpy(empty[rows])] == 0).all()
    assert np.array_equal(missing.test.available[:, 1].numpy(), ~empty[rows]) and missing.test.available[:, 0].all()


def test_tags_have_their_names(original):
    binary, counts = (
        MirFlickr(MirFlickrConfig(root=original, tags=tags)).modalities()["tags"] for tags in ("binary", "counts")
    )
    assert (
        isinstance(binary, TagsModality) and isinstance(counts, CountsModality) and counts.likelihood.name == "poisson"
    )
    assert binary.value_names("tags")[:2] == ["word0000", "word0001"] and len(binary.columns) == 2000
    image = MirFlickr().modalities()["image"]
    assert image.shape == (3857,) and image.hidden == binary.hidden == (1024,) * 4


def copy(root: Path, one: str, two: str) -> None:
    (root / two).write_bytes((root / one).read_bytes())


def cut(path: Path, bytes_left: int = -300) -> None:
    path.write_bytes(path.read_bytes()[:bytes_left])


def archive(path: Path, **arrays) -> None:
    with np.load(path) as content:
        np.savez(path, **{name: values for name, values in {**content, **arrays}.items() if values is not None})


def stored(path: Path) -> np.ndarray:
    with np.load(path) as content:
        return content["data"]


def put(values: np.ndarray, place: tuple[int, ...], value: float) -> np.ndarray:
    changed = values.astype(np.float32)
    changed[place] = value
    return changed


FIRST, SECOND = "image/labelled/combined-00001-of-00005.npy", "image/labelled/combined-00002-of-00005.npy"
OTHERS = "image/unlabelled/combined-0000{}-of-00005.npy"
TEXT, TEXT2 = "text/text_all_2000_labelled.npz", "text/text_all_2000_unlabelled.npz"
TRAIN, TEST = "splits/train_indices_1.npy", "splits/test_indices_1.npy"
DEFECTS = {
    "no labels": (
        lambda r: (r / "labels.npy").unlink(),
        r"there is no labels.npy in .*, which should be the folder of flickr_data.tar.gz",
    ),
    "no split": (lambda r: (r / TEST).unlink(), r"there is no splits/test_indices_1.npy in "),
    "no vocabulary": (lambda r: (r / "text/vocab.txt").unlink(), r"there is no text/vocab.txt in "),
    "no pictures": (
        lambda r: shutil.rmtree(r / "image/labelled"),
        r"there is no file combined-\*.npy in .*image/labelled",
    ),
    "a file missing": (
        lambda r: (r / SECOND).unlink(),
        r"There are 60 pictures in the 2 files of .*image/labelled and 100 in .*labels.npy; .* a file is missing",
    ),
    "one in the middle missing": (
        lambda r: (r / OTHERS.format(4)).unlink(),
        r"There is no combined-00004-of-….npy before .*00005-of-00005.npy",
    ),
    "the first one missing": (
        lambda r: (r / OTHERS.format("3_1")).unlink(),
        r"There is no combined-00003_1-of-….npy before .*combined-00004",
    ),
    "another name": (
        lambda r: np.save(r / "image/unlabelled/combined-x.npy", np.zeros(3)),
        r"combined-x.npy has an unknown name",
    ),
    "truncated pictures": (
        lambda r: cut(r / FIRST),
        r"combined-00001-of-00005.npy is truncated, damaged, or no .npy file",
    ),
    "empty": (lambda r: cut(r / TRAIN, 0), r"train_indices_1.npy is truncated, damaged"),
    "truncated labels": (lambda r: cut(r / "labels.npy"), r"labels.npy is truncated, damaged"),
    "truncated tags": (
        lambda r: cut(r / TEXT),
        r"text_all_2000_labelled.npz is truncated, damaged, or no archive of arrays",
    ),
    "objects": (
        lambda r: np.save(r / TRAIN, np.array([None])),
        r"train_indices_1.npy is truncated, damaged, or no .npy file of numbers",
    ),
    "a file twice": (
        lambda r: copy(r, FIRST, SECOND),
        r"combined-00002-of-00005.npy holds the same pictures as .*combined-00001-of-00005.npy",
    ),
    "tags of the others": (
        lambda r: copy(r, FIRST, TEXT),
        r"text_all_2000_labelled.npz is truncated, damaged, or no archive of arrays",
    ),
    "swapped parts": (
        lambda r: exchange_files(r / "labels.npy", r / TRAIN),
        r"labels.npy holds \[40\] of int64; it should be \[pictures, 38\]",
    ),
    "the same split file": (
        lambda r: copy(r, TRAIN, TEST),
        r"train_indices_1.npy and .*test_indices_1.npy both name picture \d+; the three parts",
    ),
    "mis-paired tags": (
        lambda r: save_tags(r / TEXT, np.ones((99, 2000))),
        r"There are 99 pictures in .*text_all_2000_labelled.npz and 100 in .*labels.npy",
    ),
    "mis-paired others": (
        lambda r: save_tags(r / TEXT2, np.ones((99, 2000))),
        r"There are 100 pictures in .*image/unlabelled and 99 in .*unlabelled.npz",
    ),
    "other tags": (
        lambda r: save_tags(r / TEXT, np.ones((100, 1999))),
        r"text_all_2000_labelled.npz holds a matrix \[100, 1999\]",
    ),
    "half an archive": (
        lambda r: archive(r / TEXT, indptr=None),
        r"text_all_2000_labelled.npz has no array indptr; a sparse matrix has",
    ),
    "a column beyond": (
        lambda r: archive(r / TEXT, indices=np.full(len(stored(r / TEXT)), 2000)),
        r"do not make a sparse matrix of 100 pictures",
    ),
    "negative": (
        lambda r: archive(r / TEXT, data=-stored(r / TEXT)),
        r"text_all_2000_labelled.npz has a tag -\d times in a picture",
    ),
    "other features": (
        lambda r: edit_array(r / FIRST, lambda x: x[:, :-1]),
        r"00001-of-00005.npy holds \[40, 3856\] of float32; it should be \[pictures, 3857\]",
    ),
    "not a number": (
        lambda r: edit_array(r / SECOND, lambda x: put(x, (slice(None), 5), np.nan)),
        r"The features of labelled picture \d+ \(from 0\) in ",
    ),
    "not a number there": (
        lambda r: edit_array(r / OTHERS.format(4), lambda x: put(x, (slice(None), 5), np.inf)),
        r"The features of unlabelled picture \d+ \(",
    ),
    "a label of 2": (
        lambda r: edit_array(r / "labels.npy", lambda x: put(x, (3, 4), 2)),
        r"labels.npy has 2 in row 3, column 4; labels are 0 or 1",
    ),
    "fewer labels": (
        lambda r: edit_array(r / "labels.npy", lambda x: x[:, :24]),
        r"labels.npy holds \[100, 24\] of int32; it should be \[pictures, 38\]",
    ),
    "counted from 1": (
        lambda r: edit_array(r / TRAIN, lambda x: put(x, (0,), 100)),
        r"train_indices_1.npy names picture 100, and there are 100 numbered from 0",
    ),
    "a picture twice": (
        lambda r: edit_array(r / TRAIN, lambda x: np.append(x, x[0])),
        r"train_indices_1.npy names picture \d+ twice",
    ),
    "half a picture": (
        lambda r: edit_array(r / TRAIN, lambda x: x + 0.5),
        r"train_indices_1.npy holds \[40\] of float64; it should be a list of whole numbers",
    ),
    "fewer words": (
        lambda r: (r / "text/vocab.txt").write_text("0 sky 3\n"),
        r"vocab.txt has 1 lines; there are 2000 tags",
    ),
    "no words": (
        lambda r: (r / "text/vocab.txt").write_text("sky\n" * 2000),
        r"Line 1 of .*vocab.txt is 'sky'; it should be a number, a tag and a count",
    ),
    "bytes": (lambda r: (r / "text/vocab.txt").write_bytes(b"\xff\xfe"), r"vocab.txt cannot be read: it is not text"),
}


@pytest.mark.parametrize("name", DEFECTS)
def test_every_defect_is_one_sentence(root, name):
    spoil, sentence = DEFECTS[name]
    spoil(root)
    with raises_sentence(sentence, DataError, naming=root):
        splits(root=root)


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ({"split": 6}, "less than or equal to 5"),
        ({"tags": "some"}, "'binary' or 'counts'"),
        ({"pictures": 10}, "greater than or equal to 50"),
        ({"unlabelled": -1}, "greater than or equal to 0"),
    ],
)
def test_options_that_make_no_sense_are_refused(options, sentence):
    with pytest.raises(ValidationError, match=sentence):
        MirFlickrConfig(**options)


def test_the_toy_keeps_the_contracts():
    toy = MirFlickr.toy()
    assert toy.sources() == []
    check_dataset(toy)
    made = toy.splits()
    assert made.provenance.kind == "simulated"
    assert (
        made.provenance.summary
        == "40/20/40 simulated labelled pictures of split 1, and 20 unlabelled ones in training, seed 0"
    )
    assert splits(pictures=100, unlabelled=0, split=2).test.rows.tolist() != made.test.rows.tolist()
    assert set(made.val.labels["concept"].unique().tolist()) == {0, 1}


@pytest.fixture(scope="module")
def simulated():
    made = simulate(900, 30, 1, 4)
    return (*made.labelled.gather(np.arange(900)), made.labels)


def test_simulated_tags_are_as_sparse_as_the_real_ones(simulated):
    _, tags, labels = simulated
    many = tags.sum(1)
    assert set(np.unique(tags)) == {0, 1}
    assert many.mean() == pytest.approx(5.15, abs=0.6) and many.std() == pytest.approx(5.13, abs=0.7)
    assert (many == 0).mean() == pytest.approx(4551 / 25_000, abs=0.05)
    assert labels.shape == (900, 38) and (labels[:, 24:] <= labels[:, :14]).all()  # the strict sense implies the other
    shares = labels.mean(0)
    assert (
        shares[0] == pytest.approx(0.4, abs=0.06)
        and shares[23] == pytest.approx(0.02, abs=0.02)
        and (labels.sum(0) > 0).all()
    )


def test_both_views_know_concepts_and_have_something_of_their_own(simulated):
    image, tags, labels = simulated
    image = (image - image.mean(0)) / image.std(0).clip(1e-6)
    common = np.flatnonzero(tags.sum(0) >= 20)

    def ranked(scores: np.ndarray, answers: np.ndarray) -> float:
        """How often a picture with the concept comes before one without."""
        order = scores.argsort().argsort()
        yes = answers == 1
        return (order[yes].mean() - (yes.sum() - 1) / 2) / (~yes).sum()

    def found(view: np.ndarray) -> float:
        """By the difference of the class means of one half, on the other half, over the ten most frequent concepts."""
        one, two = slice(0, 450), slice(450, 900)
        areas = []
        for concept in range(10):
            yes = labels[one, concept] == 1
            areas.append(ranked(view[two] @ (view[one][yes].mean(0) - view[one][~yes].mean(0)), labels[two, concept]))
        return float(np.mean(areas))

    assert 0.65 < found(image) < 0.99
    assert 0.6 < found(tags[:, common].astype(float)) < 0.95
    shared = np.linalg.lstsq(np.c_[labels, np.ones(900)], image, rcond=None)[1].sum() / np.square(image).sum()
    assert shared > 0.5  # most of the features' variance is in no concept


def test_a_model_takes_rows_without_labels():
    data = mmgen.open_dataset("mirflickr", MirFlickr.toy(), {"all": {"hidden": [8]}})
    model = mmgen.MultimodalVAE.create("elbo", data, latent_dim=3)
    assert model(data.train[:60]).value(1.0).isfinite().all()
    made = model.generate(data.test[:3], given=["image"], targets=["tags"])["tags"]
    assert made.shape[-1] == 2000 and ((made >= 0) & (made <= 1)).all()


def test_the_recipe_names_the_dataset():
    recipe = read_recipe("mirflickr-desk")
    assert recipe.dataset == {"name": "mirflickr"} and recipe.scale == "desk"
