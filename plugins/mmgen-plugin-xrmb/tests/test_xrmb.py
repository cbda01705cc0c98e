"""The two files written small and read back, their defects, the three protocols, and simulated speech."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from pydantic import ValidationError
from scipy.io import savemat
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

import mmgen
from mmgen import DataError, Splits
from mmgen.runs.config import read_recipe
from mmgen.testing import check_dataset, edit_matlab, exchange_files, raises_sentence
from mmgen_plugin_xrmb.files import LABELS, SPEAKERS, VIEWS, find_files, read_files
from mmgen_plugin_xrmb.protocols import FOLDS, HELD_OUT
from mmgen_plugin_xrmb.simulation import TRAINING, simulate
from mmgen_plugin_xrmb.xrmb import XRMB, XRMBConfig

SIDES = ("train", "val", "test")
EIGHT = [number for pair in FOLDS for number in pair]
PEOPLE = {"trainID": TRAINING, "tuneID": HELD_OUT[:4], "testID": (*HELD_OUT[4:], 60)}  # 60 is in no protocol
EACH = 80  # frames of each speaker: two of every phone


@pytest.fixture(scope="module")
def content() -> tuple[dict[str, np.ndarray], dict[str, np.ndarray]]:
    """Two files of noise in which every speaker says every phone."""
    draw, files = np.random.default_rng(5), ({}, {})
    for number, name in enumerate(SPEAKERS):
        people = np.repeat(PEOPLE[name], EACH)
        for file, key, size in zip(files, (VIEWS[0][number], VIEWS[1][number]), (273, 112)):
            file[key] = draw.normal(size=(len(people), size)).astype(np.float32)
        files[1][LABELS[number]] = (
            draw.permuted(np.tile(np.arange(40), (len(PEOPLE[name]), 2)), axis=1).reshape(-1, 1).astype(np.uint8)
        )
        files[1][name] = people[:, None].astype(np.float64)
    return files


@pytest.fixture
def root(tmp_path, content) -> Path:
    savemat(tmp_path / "XRMBf2KALDI_window7_single1.mat", content[0])
    savemat(tmp_path / "XRMBf2KALDI_window7_single2.mat", content[1])
    return tmp_path


def splits(**options) -> Splits:
    return XRMB(XRMBConfig(**options)).splits()


def whole(content, name: int | str) -> np.ndarray:
    keys = VIEWS[name] if isinstance(name, int) else {"phone": LABELS, "speaker": SPEAKERS}[name]
    return np.concatenate([content[name if isinstance(name, int) else 1][key] for key in keys])


@pytest.mark.parametrize("protocol", ["held-out", "folds", "dependent"])
def test_the_files_come_back_as_they_were(root, content, protocol):
    made = splits(root=root, protocol=protocol, val_fraction=0.2)
    seen = set()
    for side in SIDES:
        table = getattr(made, side)
        rows = table.rows.numpy()
        assert not seen & set(rows.tolist())
        seen |= set(rows.tolist())
        assert np.array_equal(table.data["acoustic"].numpy(), whole(content, 0)[rows])
        assert np.array_equal(table.data["articulatory"].numpy(), whole(content, 1)[rows])
        assert table.labels["phone"].tolist() == whole(content, "phone")[rows, 0].tolist()
        assert table.groups.tolist() == whole(content, "speaker")[rows, 0].tolist()
        if (protocol, side) != ("dependent", "val"):  # too few frames of each phone for three sides
            assert set(table.labels["phone"].tolist()) == set(range(40))
    assert (made.provenance.kind, made.provenance.source) == ("real", str(root))
    assert made.labels["phone"] == tuple(str(code) for code in range(40))
    assert len(seen) == {"held-out": 43, "folds": 8, "dependent": 8}[protocol] * EACH


def test_the_names_of_the_released_code(root, content):
    expected = read_files(find_files(root))
    for name, other in zip(("XRMB1.mat", "XRMB2.mat"), find_files(root)):
        other.rename(root / name)
    again = read_files(find_files(root))
    assert [path.name for path in find_files(root)] == ["XRMB1.mat", "XRMB2.mat"]
    assert np.array_equal(again.phone, expected.phone) and np.array_equal(again.acoustic[2], expected.acoustic[2])
    assert XRMB(XRMBConfig(root=root)).sources() == find_files(root)


def speakers(made: Splits) -> list[set[int]]:
    sides = [set(getattr(made, side).groups.tolist()) for side in SIDES]
    assert {side: sorted(numbers) for side, numbers in zip(SIDES, sides)} == dict(made.facts["speakers"])
    return sides


def test_held_out_speakers(root):
    train, val, test = speakers(splits(root=root))
    assert test == set(HELD_OUT) == {7, 16, 20, 21, 23, 28, 31, 35}
    assert train | val == set(TRAINING) and not train & val and 3 <= len(val) <= 4
    published = splits(root=root, val_fraction=0)
    assert speakers(published)[0] == set(TRAINING) and len(published.train) == 35 * EACH and len(published.val) == 0


@pytest.mark.parametrize(("fold", "pair"), [(1, (1, 3)), (2, (43, 45)), (3, (10, 13)), (4, (27, 29))])
def test_the_four_folds(root, fold, pair):
    train, val, test = speakers(splits(root=root, protocol="folds", fold=fold))
    assert test == set(pair)
    assert train | val == set(EIGHT) - test and len(val) == 1 and not train & val
    assert speakers(splits(root=root, protocol="folds", fold=fold, val_fraction=0))[0] == set(EIGHT) - test


def test_the_same_speakers_train_and_test(root, content):
    made = splits(root=root, protocol="dependent", val_fraction=0)
    assert speakers(made)[0] == speakers(made)[2] == set(HELD_OUT)
    one = splits(protocol="dependent", speaker=21, frames=800)
    assert speakers(one) == [{21}] * 3
    assert [len(getattr(one, side)) / 800 for side in SIDES] == pytest.approx([0.63, 0.07, 0.3], abs=0.04)
    counts = {side: torch.bincount(getattr(one, side).labels["phone"], minlength=40) for side in SIDES}
    assert (counts["test"] - 0.3 * sum(counts.values())).abs().max() < 1  # by phone
    few = {"protocol": "dependent", "speaker": 21, "frames": 60}
    assert splits(**few).test.rows.tolist() != splits(**few, seed=1).test.rows.tolist()


def test_fewer_frames_are_spread_over_each_speaker(root):
    made = splits(root=root, max_frames=10, val_fraction=0)
    assert len(made.train) == 350 and len(made.test) == 80
    assert (made.train.rows[:10] == torch.arange(0, 80, 8)).all()


def test_a_speaker_who_is_not_there(root, content):
    numbers = content[1] | {"testID": np.where(content[1]["testID"] == 35, 61, content[1]["testID"])}
    savemat(root / "XRMBf2KALDI_window7_single2.mat", numbers)
    with pytest.raises(
        DataError,
        match=r"^There are no frames of speaker 35, whom the protocol 'held-out' needs; speakers in the files: 1, 2, ",
    ):
        splits(root=root)
    assert len(splits(root=root, protocol="folds").test) == 160


def test_nobody_left_to_train_on(root, content):
    numbers = content[1] | {"trainID": np.resize(np.array(HELD_OUT), content[1]["trainID"].shape)}
    savemat(root / "XRMBf2KALDI_window7_single2.mat", numbers)
    with pytest.raises(
        DataError,
        match=r"^No frames are left to train on: "
        r"all speakers in the files are test speakers of the protocol 'held-out'\.$",
    ):
        splits(root=root)


def put(values: np.ndarray, row: int, value: float) -> np.ndarray:
    changed = values.astype(np.float64)
    changed[row] = value
    return changed


DEFECTS = {
    "missing": (
        lambda a, b: b.unlink(),
        r"There is no XRMBf2KALDI_window7_single2.mat beside .*single1.mat; the two files hold",
    ),
    "both missing": (
        lambda a, b: (a.unlink(), b.unlink()),
        r"dataset.root: .* has neither XRMBf2KALDI_window7_single1.mat and ",
    ),
    "truncated": (
        lambda a, b: a.write_bytes(a.read_bytes()[:200_000]),
        r"single1.mat is truncated, damaged, or no MATLAB file",
    ),
    "empty": (lambda a, b: b.write_bytes(b""), r"single2.mat is truncated, damaged"),
    "version 7.3": (
        lambda a, b: a.write_bytes(b"MATLAB 7.3 MAT-file".ljust(124) + b"\x00\x02IM" + b"\x00" * 400),
        r"single1.mat is a MATLAB file of version 7.3",
    ),
    "swapped": (
        exchange_files,
        r"single1.mat holds the articulation, and the acoustics belong there; "
        r"the two files are swapped, or one is there twice",
    ),
    "duplicated": (
        lambda a, b: b.write_bytes(a.read_bytes()),
        r"single2.mat holds the acoustics, and the articulation belong there",
    ),
    "no array": (
        lambda a, b: edit_matlab(b, tuneID=lambda x: None),
        r"single2.mat has no array tuneID; it should have X2, XV2, XTe2, trainLabel",
    ),
    "fewer frames": (
        lambda a, b: edit_matlab(a, XV1=lambda x: x[:-1]),
        r"single2.mat has 320 frames in XV2, and .*single1.mat has 319 in XV1",
    ),
    "fewer labels": (
        lambda a, b: edit_matlab(b, testLabel=lambda x: x[1:]),
        r"single2.mat has 399 values in testLabel, and 400 frames in XTe2",
    ),
    "fewer speakers": (
        lambda a, b: edit_matlab(b, trainID=lambda x: x[1:]),
        r"single2.mat has 2,799 values in trainID, and 2,800 frames in X2",
    ),
    "a part twice": (
        lambda a, b: (
            edit_matlab(a, XV1=lambda x: np.ones((320, 273)), XTe1=lambda x: np.ones((320, 273))),
            shorten(b),
        ),
        r"single1.mat holds the same frames in XTe1 as in XV1",
    ),
    "other features": (
        lambda a, b: edit_matlab(a, X1=lambda x: x[:, :39]),
        r"single1.mat has X1 of shape \[2800, 39\] and type float32; .*\[frames, 273\]",
    ),
    "not a number": (
        lambda a, b: edit_matlab(b, XTe2=lambda x: put(x, 7, np.nan)),
        r"not a finite number in frame 8 of XTe2",
    ),
    "label": (
        lambda a, b: edit_matlab(b, tuneLabel=lambda x: put(x, 3, 40)),
        r"single2.mat has 40 in tuneLabel at frame 4; labels are 0 to 39",
    ),
    "half a label": (
        lambda a, b: edit_matlab(b, trainLabel=lambda x: put(x, 0, 1.5)),
        r"single2.mat has 1.5 in trainLabel at frame 1",
    ),
    "speaker": (
        lambda a, b: edit_matlab(b, testID=lambda x: put(x, 2, 0)),
        r"single2.mat has 0 in testID at frame 3; speakers have whole numbers from 1",
    ),
}


def shorten(path: Path) -> None:
    edit_matlab(path, XTe2=lambda x: x[:320], testLabel=lambda x: x[:320], testID=lambda x: x[:320])


@pytest.mark.parametrize("name", DEFECTS)
def test_every_defect_is_one_sentence(root, name):
    spoil, sentence = DEFECTS[name]
    spoil(root / "XRMBf2KALDI_window7_single1.mat", root / "XRMBf2KALDI_window7_single2.mat")
    with raises_sentence(sentence, DataError, naming=root):
        splits(root=root)


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ({"protocol": "folds", "fold": 5}, "less than or equal to 4"),
        ({"protocol": "random"}, "'held-out', 'folds' or 'dependent'"),
        ({"speaker": 7}, "speaker 7 means something with protocol=dependent only, and is one of 7, 16"),
        ({"protocol": "dependent", "speaker": 1}, "speaker 1 means something with protocol=dependent only"),
        ({"val_fraction": 1.0}, "less than 1"),
    ],
)
def test_options_that_make_no_sense_are_refused(options, sentence):
    with pytest.raises(ValidationError, match=sentence):
        XRMBConfig(**options)


def test_the_toy_keeps_the_contracts():
    toy = XRMB.toy()
    assert toy.sources() == []
    check_dataset(toy)
    made = toy.splits()
    assert (
        made.provenance.kind == "simulated"
        and "simulated speakers, protocol held-out, seed 0" in made.provenance.summary
    )
    check_dataset(XRMB(XRMBConfig(frames=60, protocol="dependent", val_fraction=0.2)))


def test_simulated_frames_are_stacked_and_normalised():
    frames = simulate(100, 3)
    assert (
        set(TRAINING) | set(HELD_OUT) == set(frames.speaker.tolist())
        and len(TRAINING) == 35
        and set(EIGHT) <= set(TRAINING)
    )
    assert frames.acoustic[0].shape == (4300, 273) and frames.articulatory[0].shape == (4300, 112)
    for view, size in ((frames.acoustic[0], 39), (frames.articulatory[0], 16)):
        stacked = view[:100].reshape(100, 7, size)
        for offset in range(-3, 4):
            inside = np.arange(3, 97)
            assert np.array_equal(stacked[inside, 3 + offset], stacked[inside + offset, 3])
        assert np.array_equal(stacked[0, 0], stacked[0, 3])  # the outermost frame is repeated
    middle = frames.articulatory[0].reshape(43, 100, 7, 16)[:, :, 3]
    assert np.allclose(middle.mean(1), 0, atol=1e-5) and np.allclose(middle.std(1), 1, atol=1e-5)  # by speaker
    cepstra = frames.acoustic[0][:100].reshape(100, 7, 39)[:, 3]
    slope = (2 * (cepstra[4:, :13] - cepstra[:-4, :13]) + cepstra[3:-1, :13] - cepstra[1:-3, :13]) / 10
    assert np.allclose(cepstra[2:-2, 13:26], slope, atol=1e-5)


@pytest.fixture(scope="module")
def simulated() -> Splits:
    return splits(max_frames=80, val_fraction=0)


def test_both_views_know_the_phone_and_neither_knows_everything(simulated):
    train, test = simulated.train, simulated.test
    views = {name: (train.data[name].numpy(), test.data[name].numpy()) for name in train.data}
    views["both"] = tuple(np.concatenate(pair, 1) for pair in zip(*views.values()))
    found = {}
    for name, (seen, unseen) in views.items():
        probe = make_pipeline(StandardScaler(), LogisticRegression(C=0.01, max_iter=60, tol=1e-2))
        found[name] = probe.fit(seen, train.labels["phone"]).score(unseen, test.labels["phone"])
    assert 0.3 < found["acoustic"] < 0.9 and 0.3 < found["articulatory"] < 0.9  # chance is 1/40
    assert found["both"] > max(found["acoustic"], found["articulatory"]) + 0.05
    inverted = (
        make_pipeline(StandardScaler(), Ridge(100))
        .fit(views["acoustic"][0], views["articulatory"][0])
        .predict(views["acoustic"][1])
    )
    error = np.sqrt(np.mean((inverted - views["articulatory"][1]) ** 2))
    assert 0.5 < error < 0.95  # of 1: something, and not all, of a pellet's position can be heard


def test_the_modalities_and_a_model():
    data = mmgen.open_dataset("xrmb", XRMB.toy(), {"all": {"hidden": [16]}})
    acoustic, articulatory = XRMB().modalities().values()
    assert acoustic.hidden == articulatory.hidden == (1500, 1500, 1500) and acoustic.activation == "softplus"
    assert articulatory.likelihood.scale_kind == "predicted"
    assert (articulatory.transform, acoustic.transform) == ("none", "standardise")
    model = mmgen.MultimodalVAE.create("elbo", data, latent_dim=4)
    assert model(data.train[:6]).value(1.0).isfinite().all()
    made = model.generate(data.test[:3], given=["acoustic"], targets=["articulatory"])["articulatory"]
    assert made.shape[-1] == 112 and made.isfinite().all()


def test_the_recipe_names_the_dataset():
    recipe = read_recipe("xrmb-desk")
    assert recipe.dataset == {"name": "xrmb"} and recipe.scale == "desk"
