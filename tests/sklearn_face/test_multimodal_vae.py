"""The scikit-learn face: scikit-learn's own checks, and what these do not know: blocks, gaps and the way back."""

from __future__ import annotations

import pickle
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch
from sklearn.base import clone
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.utils.estimator_checks import parametrize_with_checks

import mmgen
from mmgen.sklearn import MultimodalVAE, expected_failed_checks

QUICK: dict[str, Any] = {"objective": "elbo", "latent_dim": 2, "epochs": 2, "random_state": 0}
TWO = {"first": [0], "others": slice(1, None)}
ROWS = 90
NAMES = [f"p{row}" for row in range(ROWS)]


def well(epochs: int) -> dict[str, Any]:
    """What trains in a second, and finds two factors."""
    return {**QUICK, "objective": "mvtcae", "learning_rate": 0.003, "epochs": epochs}


def world(rows: int = ROWS, seed: int = 0) -> tuple[pd.DataFrame, np.ndarray]:
    """Seven columns that two factors explain, and the sign of the first."""
    weights = np.random.default_rng(7).normal(size=(2, 7))
    draw = np.random.default_rng(seed)
    z = draw.normal(size=(rows, 2))
    names = ["g0", "g1", "g2", "g3", "p0", "p1", "age"]
    frame = pd.DataFrame(z @ weights + 0.1 * draw.normal(size=(rows, 7)), columns=names)
    return frame.set_axis([f"p{row}" for row in range(rows)], axis=0), (z[:, 0] > 0).astype(int)


UNSEEDED = {**QUICK, "random_state": None}  # checks set it themselves


@parametrize_with_checks(
    [MultimodalVAE(**UNSEEDED), MultimodalVAE(modalities=TWO, **UNSEEDED)],
    expected_failed_checks=expected_failed_checks,
)
def test_what_scikit_learn_asks_of_every_estimator(estimator: MultimodalVAE, check: Any) -> None:
    check(estimator)


def test_columns_are_shared_out() -> None:
    X, _ = world()
    ways: list[Any] = ["g*", ["g0", "g1", "g2", "g3"], slice(0, 4), slice("g0", "g3"), slice(None, -3), [0, 1, 2, -4]]
    ways += [np.arange(7) < 4, lambda frame: [name for name in frame if name[0] == "g"]]
    latents = []
    for way in ways:
        vae = MultimodalVAE(modalities={"genes": way, "proteins": {"columns": ["p0", "p1"], "hidden": [8]}}, **QUICK)
        latents.append(vae.fit_transform(X))
        assert vae.modalities_ == {"genes": ["g0", "g1", "g2", "g3"], "proteins": ["p0", "p1"]}
        assert vae.run_.model.modalities["proteins"].hidden == (8,)  # type: ignore[attr-defined]
    assert all(np.array_equal(latents[0], each) for each in latents[1:])


@pytest.mark.parametrize(
    ("modalities", "sentence"),
    [
        ({"a": "gene*"}, r"modalities\['a'\]: X has no column 'gene\*'"),
        ({"a": [9]}, r"modalities\['a'\]: X has no column 9; it has 7"),
        ({"a": "g*", "b": ["g1", "p0"]}, "the column 'g1' is in 'a' and in 'b'"),
        ({"a": {"kind": "counts"}}, r"modalities\['a'\]: say its columns"),
        ({"a": []}, r"modalities\['a'\] has no column"),
        (["g0"], "give a mapping of names to columns"),
        ({"a": [True, False]}, "a mask of 2 columns, and X has 7"),
        ({"a": {"columns": "g*", "kind": "cuonts"}}, "did you mean 'counts'"),
    ],
)
def test_what_cannot_be_shared_out_is_a_sentence(modalities: Any, sentence: str) -> None:
    with pytest.raises(mmgen.MmgenError, match=sentence):
        MultimodalVAE(modalities=modalities, **QUICK).fit(world()[0])


def test_latents_are_those_of_the_run_and_reproducible() -> None:
    X, _ = world()
    state = torch.get_rng_state()
    vae = MultimodalVAE(modalities={"genes": "g*", "proteins": "p*"}, **QUICK).fit(X)
    assert torch.equal(torch.get_rng_state(), state)
    assert isinstance(vae.run_, mmgen.Run) and vae.run_.path is None and vae.n_iter_ == 2
    assert [len(vae.run_.data.split(side)) for side in ("train", "val", "test")] == [ROWS, 0, 0]
    z = vae.transform(X)
    np.testing.assert_allclose(z, vae.run_.encode(split="all")[["z0", "z1"]].to_numpy(), rtol=1e-12)
    np.testing.assert_array_equal(z, clone(vae).fit_transform(X))
    assert not np.array_equal(z, clone(vae).set_params(random_state=1).fit_transform(X))
    turned = vae.transform(X.iloc[::-1])
    np.testing.assert_allclose(turned[::-1], z, rtol=1e-10)


def test_it_stands_in_a_pipeline_and_a_search(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    X, y = world()
    vae = MultimodalVAE(modalities=TWO, **well(80))
    pipe = make_pipeline(StandardScaler(), vae, LogisticRegression()).set_output(transform="pandas").fit(X, y)
    assert pipe.score(*world(seed=1)) > 0.8
    assert pipe[:-1].get_feature_names_out().tolist() == ["z0", "z1"]
    latents = pipe[:-1].transform(X)
    assert latents.columns.tolist() == ["z0", "z1"] and latents.index.tolist() == NAMES
    search = GridSearchCV(MultimodalVAE(**well(30)), {"beta": [1.0, 1e5]}, cv=2).fit(X)
    assert search.best_params_ == {"beta": 1.0}  # by log p(x)
    assert list(tmp_path.iterdir()) == []


def test_gaps_are_filled_and_all_else_stays() -> None:
    X, _ = world()
    vae = MultimodalVAE(modalities={"genes": "g*", "proteins": "p*"}, **well(100)).fit(X)
    new, _ = world(seed=2)
    holes = new.copy()
    holes.loc["p3", ["p0", "p1"]] = np.nan
    holes.loc["p5", "g2"] = np.nan
    holes.loc["p7"] = np.nan
    holes.loc["p9", "age"] = np.nan
    full = vae.impute(holes)
    assert isinstance(full, pd.DataFrame) and full.index.equals(new.index) and full.columns.equals(new.columns)
    measured = holes.notna()
    assert full[measured].equals(holes[measured])
    assert full.isna().sum().sum() == 2  # age is in no modality
    for row, name in (("p3", "p0"), ("p3", "p1"), ("p5", "g2")):
        assert abs(full.loc[row, name] - new.loc[row, name]) < new[name].std() / 2
    array = MultimodalVAE(**QUICK).fit(X.to_numpy())
    filled = array.impute(holes.to_numpy())
    assert isinstance(filled, np.ndarray) and not np.isnan(filled).any()
    np.testing.assert_array_equal(filled[measured.to_numpy()], holes.to_numpy()[measured.to_numpy()])
    np.testing.assert_array_equal(array.transform(holes.to_numpy())[7], [0, 0])
    np.testing.assert_array_equal(filled, array.impute(holes.to_numpy()))


def test_blocks_of_several_sources() -> None:
    X, y = world()
    tissue = pd.Series(np.where(y == 1, "lung", "liver"), index=NAMES, name="tissue")
    scans = np.random.default_rng(0).integers(0, 255, size=(ROWS, 8, 8), dtype=np.uint8)
    blocks = {"genes": X[["g0", "g1"]], "proteins": X[["p0", "p1"]][10:], "tissue": tissue[::-1], "scans": scans}
    with pytest.raises(mmgen.DataError, match=r"data\['scans'\] has no index"):
        MultimodalVAE(**QUICK).fit(blocks)
    del blocks["scans"]
    vae = MultimodalVAE(modalities={"genes": {"hidden": [8]}}, **well(40)).fit(blocks)
    kinds = {name: type(each).__name__ for name, each in vae.run_.model.modalities.items()}
    assert kinds == {"genes": "VectorModality", "proteins": "VectorModality", "tissue": "LabelsModality"}
    z = vae.transform(blocks)
    assert isinstance(z, pd.DataFrame) and z.index.tolist() == NAMES and z.columns.tolist() == ["z0", "z1"]
    full = vae.impute({"genes": blocks["genes"], "proteins": blocks["proteins"]})
    assert set(full) == {"genes", "proteins", "tissue"}
    assert full["proteins"].index.tolist() == NAMES and not full["proteins"].isna().any().any()
    assert full["proteins"].loc["p10":].equals(blocks["proteins"])
    assert (full["tissue"]["tissue"] == tissue).mean() > 0.8
    decoded = vae.inverse_transform(z)
    assert decoded["genes"].index.tolist() == NAMES and decoded["tissue"].shape == (ROWS, 1)
    assert vae.fit({"genes": X[["g0"]].to_numpy(), "scans": scans}).transform({"scans": scans[:3]}).shape == (3, 2)
    assert vae.sample(4)["scans"].shape == (4, 1, 8, 8)
    with pytest.raises(mmgen.MmgenError, match="What was fitted was a mapping"):
        vae.transform(X)
    with pytest.raises(mmgen.MmgenError, match="the run has no such modality"):
        vae.transform({"gene": X})


def test_frames_with_words_and_truth_values() -> None:
    X, y = world()
    X = X[["g0", "age"]].assign(ward=np.where(y == 1, "A", "B"), ill=y == 1).reset_index(drop=True)
    vae = MultimodalVAE(modalities={"genes": "g0", "clinic": ["age", "ward", "ill"]}, **well(40)).fit(X)
    assert isinstance(vae.run_.model.modalities["clinic"], mmgen.MixedModality)
    holes = X.astype({"ill": object})
    holes.loc[[2, 4], "ward"] = None
    holes.loc[[3], "ill"] = None
    full = vae.impute(holes)
    assert set(full["ward"]) == {"A", "B"} and 0 <= full["ill"][3] <= 1
    assert vae.inverse_transform(vae.transform(X)).columns.tolist() == X.columns.tolist()


def test_the_way_back_and_samples_have_the_layout_of_what_was_fitted() -> None:
    X, _ = world()
    vae = MultimodalVAE(modalities={"genes": "g*", "proteins": "p*"}, **well(100)).fit(X)
    back = vae.inverse_transform(vae.transform(X))
    assert back.columns.tolist() == X.columns.tolist() and back["age"].isna().all()
    assert np.corrcoef(back["g0"], X["g0"])[0, 1] > 0.9
    drawn = vae.sample(500)
    assert drawn.shape == (500, 7) and drawn.equals(vae.sample(500))
    np.testing.assert_allclose(drawn["g1"].std(), X["g1"].std(), rtol=0.5)
    assert vae.sample(3, sampler={"name": "gmm", "components": 2}).shape == (3, 7)
    array = MultimodalVAE(**QUICK).fit(X.to_numpy())
    assert array.inverse_transform(np.zeros((3, 2))).shape == array.sample(3).shape == (3, 7)
    with pytest.raises(ValueError, match="Z has the shape"):
        array.inverse_transform(np.zeros((3, 5)))


def test_the_score_is_the_log_likelihood_of_the_run() -> None:
    X, _ = world()
    vae = MultimodalVAE(modalities=TWO, draws=300, **well(60)).fit(X)
    new, _ = world(seed=3)
    blocks = {"first": new[["g0"]], "others": new.iloc[:, 1:]}
    rows = vae.run_.measurements(
        blocks, metrics=["log-likelihood"], log_likelihood={"samples": 1000, "conditional": ()}
    )
    (joint,) = [row["value"] for row in rows if row["measure"] == "joint"]
    assert vae.score(new) == pytest.approx(joint, abs=0.3)
    assert vae.score(new) > vae.score(new + 5)
    with pytest.raises(mmgen.MmgenError, match="No row has something of every modality"):
        vae.score(new.assign(g0=np.nan))


def test_a_pickle_has_the_model_and_none_of_the_rows() -> None:
    X, _ = world()
    vae = MultimodalVAE(modalities={"genes": "g*", "proteins": "p*"}, **QUICK).fit(X)
    content = pickle.dumps(vae)
    assert X["g0"].to_numpy()[:3].tobytes() not in content
    again = pickle.loads(content)
    np.testing.assert_array_equal(again.transform(X), vae.transform(X))
    pd.testing.assert_frame_equal(again.sample(3), vae.sample(3))
    pd.testing.assert_frame_equal(again.impute(X.mask(X > 1)), vae.impute(X.mask(X > 1)))
    assert again.run_.history == vae.run_.history
    filled = again.impute((X * np.nan).assign(age=1.0))  # by what the prior says
    assert not filled.isna().any().any() and (filled == filled.iloc[0]).all().all()
    with pytest.raises(mmgen.MmgenError, match="made from more than its options"):
        _ = again.run_.data


def test_a_run_is_written_where_one_is_asked_for(tmp_path: Path) -> None:
    X, _ = world()
    vae = MultimodalVAE(modalities=TWO, output=str(tmp_path / "run"), settings={"val_fraction": 0.2}, **QUICK).fit(X)
    run = mmgen.load_run(tmp_path / "run")
    blocks = {"first": X[["g0"]], "others": X.iloc[:, 1:]}
    np.testing.assert_allclose(run.encode(blocks)[["z0", "z1"]], vae.transform(X), rtol=1e-4, atol=1e-5)
    assert len(vae.run_.data.val) == 18


def test_labels_are_given_to_objectives_that_need_them() -> None:
    pytest.importorskip("mmgen_plugin_cmmd")
    X, y = world()
    vae = MultimodalVAE(**{**QUICK, "objective": "cmmd"}, modalities={"genes": "g*", "proteins": "p*"})
    assert vae.fit(X, np.where(y == 1, "ill", "well")).run_.model.labels == {"label": ("ill", "well")}
    assert MultimodalVAE(**QUICK).fit(X, np.linspace(0, 1, ROWS)).run_.model.labels == {}


def test_it_is_imported_when_it_is_asked_for() -> None:
    code = (
        "import sys, mmgen; assert 'sklearn' not in sys.modules and 'torch' not in sys.modules; "
        "mmgen.sklearn.MultimodalVAE; assert 'sklearn' in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
