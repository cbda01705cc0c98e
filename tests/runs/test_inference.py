"""What says where z is when a run imputes: its own likelihood where that is possible, the encoders elsewhere."""

from __future__ import annotations

import shutil
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
import torch

import mmgen
from mmgen.models import LaplaceInference
from mmgen.models.inference import LATENTS
from mmgen.runs import RunFolder
from mmgen.testing import raises_sentence, row_value, toy_data, toy_run
from mmgen.training.batching import derived_seed
from mmgen.training.imputed import Imputed


@pytest.fixture(scope="module")
def run():
    """Some rows give a picture, others tables alone."""
    return toy_run(toy_data(("vector", "counts", "image"), missing=0.4, cells=0.2, rows=40))


def test_draws_are_those_of_the_posterior_of_the_model(run):
    """By hand: p̂ of the run, the posterior, and the mean over draws from the same seed."""
    found = run.imputation(given=["vector"], split="train", draws=9, inference="model", seed=2)
    density, table = run.sampler(LATENTS), run.data.train
    available = table.available & run.model.subset_masks([["vector"]])[0]
    values = found.modalities[1]
    rows = torch.from_numpy(values.filled[:, 0].nonzero()[0])
    gaps = torch.cat([~table.observed_cells(name).flatten(1) for name in ("vector", "counts")], 1).any(1)
    chosen = (available[:, 0] & gaps).nonzero().squeeze(1)
    batch = replace(table[chosen], available=available[chosen])
    posterior = LaplaceInference(run.model, density.mixture).posterior(batch)
    torch.manual_seed(2)
    z = posterior.rsample((9,))
    with torch.no_grad():
        mean = sum(run.model.output(each, "counts").double() for each in z) / 9
    place = {int(row): i for i, row in enumerate(chosen)}
    assert len(rows)
    for row in rows.tolist():
        lacking = values.filled[row]
        assert values.values[row][lacking] == pytest.approx(mean[place[row]].numpy()[lacking], rel=1e-5)
    assert found.inferred == "z is inferred by the model's own likelihood (inference: model)."


def test_rows_that_give_a_picture_are_inferred_by_the_encoders_and_this_is_said(run):
    both = run.imputation(split="train", draws=5, inference="model")
    encoded = run.imputation(split="train", draws=5, inference="encoder")
    assert "by the model's own likelihood (inference: model) in" in both.inferred
    assert both.inferred.endswith("it is for tables alone, and not for image.")
    assert encoded.inferred == "z is inferred by the encoders (inference: encoder): as was asked for."
    assert both.filled == encoded.filled
    with raises_sentence("inference: .*latents of their own"):
        toy_run(toy_data(rows=20), options={"aggregator": "none"}).impute(inference="model")


def test_the_metric_scores_what_impute_writes(run):
    rows = {
        inference: run.measurements(
            metrics=["imputation"],
            split="train",
            imputation={"baselines": ["mean"], "inference": inference, "draws": 40},
        )
        for inference in (None, "model", "encoder")
    }
    assert rows[None] == rows["encoder" if run.sampler(LATENTS).encoders_win else "model"]
    given = {"measure": "log_score", "given": "vector", "target": "counts", "label": ""}
    own, theirs = (row_value(rows[each], **given) for each in ("model", "encoder"))
    assert own != theirs
    pictured = {**given, "given": "counts+image", "target": "vector"}
    assert np.isfinite(row_value(rows["model"], **pictured))


@pytest.mark.filterwarnings("ignore::mmgen.errors.DataWarning")
def test_a_run_carries_what_training_rows_say_of_z(tmp_path, monkeypatch):
    frame = pd.DataFrame(np.random.default_rng(0).normal(size=(60, 4)), columns=list("abcd"))
    frame["c"] += frame["a"]
    frame.iloc[:40].to_csv(tmp_path / "old.csv", index=False)
    frame.iloc[40:, 2:] = np.nan
    frame.iloc[40:].to_csv(tmp_path / "new.csv", index=False)
    kinds = {"x": {"columns": ["a", "b"], "kind": "vector"}, "y": {"columns": ["c", "d"], "kind": "vector"}}
    data = mmgen.load_dataset("table", path=str(tmp_path / "old.csv"), modalities=kinds)
    written, write = [], RunFolder.write_tensors
    monkeypatch.setattr(RunFolder, "write_tensors", lambda *given: written.append(given[1]) or write(*given))
    mmgen.train("mvtcae", data, epochs=2, latent_dim=2, quiet=True, output=str(tmp_path / "run"))
    assert len([name for name in written if name.startswith("samplers/")]) == 1, "the sampler is written once"
    new = {"path": str(tmp_path / "new.csv")}
    before = mmgen.load_run(tmp_path / "run", dataset=new).impute()
    (tmp_path / "old.csv").unlink()
    after = mmgen.load_run(tmp_path / "run", dataset=new)
    assert after.imputation().inferred == "z is inferred by the model's own likelihood (inference: model)."
    pd.testing.assert_frame_equal(after.impute(), before)
    shutil.rmtree(tmp_path / "run" / "samplers")
    without = mmgen.load_run(tmp_path / "run", dataset=new)
    assert "by the encoders" in without.imputation().inferred
    assert "training rows" in without.imputation().inferred
    with raises_sentence("inference: .*training rows"):
        without.impute(inference="model")


@pytest.mark.usefixtures("as_long_as_usual")
def test_a_training_compares_both_ways_on_validation_rows(tmp_path):
    """By hand: the same draws, and the better one by more than the standard error of paired differences."""
    draw = np.random.default_rng(0)
    z = draw.normal(size=(160, 3))
    blocks = {name: z @ draw.normal(size=(3, 5)) + 0.5 * draw.normal(size=(160, 5)) for name in ("x", "y")}
    run = mmgen.train("mvtcae", blocks, epochs=30, latent_dim=3, quiet=True, val_fraction=0.3)
    density, val = run.sampler(LATENTS), run.data.val
    own = LaplaceInference(run.model, density.mixture)
    seed = derived_seed("imputation", 0)
    found = []
    for inference in (None, own):
        torch.manual_seed(seed)
        with torch.no_grad():
            found.append(Imputed(run.model, inference).rows(val[:])[0].sum(1) / (2 * 5 * len(val)))
    assert density.scores.tolist() == pytest.approx([float(each.sum()) for each in found], rel=1e-6)
    difference = (found[0] - found[1]).numpy()
    error = difference.std(ddof=1) * np.sqrt(len(val))
    assert bool(density.encoders_win) == (difference.sum() > error)


@pytest.mark.parametrize("win", [False, True])
def test_the_encoders_infer_where_they_won(run, win):
    density = run.sampler(LATENTS)
    before = density.encoders_win
    density.encoders_win = torch.tensor(win)
    try:
        assert ("they impute validation rows better" in run.imputation(split="train", draws=2).inferred) == win
        asked = run.imputation(split="train", draws=2, inference="model").inferred
        assert "by the model's own likelihood" in asked
    finally:
        density.encoders_win = before


def partly_measured():
    """A run on two vectors of which single cells are missing."""
    return toy_run(toy_data(("vector", "counts"), cells=0.4, rows=40))


@pytest.mark.filterwarnings("ignore::mmgen.errors.DataWarning")
def test_latents_by_the_models_own_likelihood_are_surer_where_more_is_known(tmp_path):
    """By hand the posterior of every row; rows of few cells are less sure, and encoders do not know."""
    run = partly_measured()
    own = run.encode(split="train", given=["vector"], inference="model")
    density, table = run.sampler(LATENTS), run.data.train
    posterior = LaplaceInference(run.model, density.mixture).posterior(table[:], ["vector"])
    means = own[[name for name in own if name.startswith("z") and name[1:].isdigit()]]
    assert means.to_numpy() == pytest.approx(posterior.mean.numpy(), abs=1e-5)
    scales = own[[name for name in own if name.endswith("_scale")]]
    assert scales.to_numpy() == pytest.approx(posterior.variance.sqrt().numpy(), abs=1e-5)
    assert own.columns.tolist() == run.encode(split="train", given=["vector"]).columns.tolist()


def test_that_encoders_do_not_know_of_missing_cells_is_said():
    run = partly_measured()
    with pytest.warns(
        mmgen.DataWarning, match=r"rows lack single cells of vector, which the encoders take for their m"
    ):
        run.encode(split="train", given=["vector"])
    (note,) = run.encoding(split="train", given=["vector"]).notes
    table = run.data.train
    partly = table.available[:, 0] & ~table.observed_cells("vector").flatten(1).all(1)
    assert note.startswith(f"{int(partly.sum())} rows")
    assert run.encoding(split="train", given=["vector"], inference="model").notes == ()
    assert toy_run(toy_data(("vector",), rows=30)).encoding(split="train").notes == ()


def test_what_the_model_cannot_encode_itself_is_a_sentence(run):
    with raises_sentence("inference: .*given image: it is for tables alone"):
        run.encode(given=["image"], inference="model")
