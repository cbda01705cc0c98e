"""A training that keeps the model which predicts modalities of validation rows best from the others."""

from __future__ import annotations

import math

import numpy as np
import pandas as pd
import pytest
import torch

import mmgen
from mmgen import Trainer, TrainingConfig
from mmgen.distributions import GaussianMixture, random_strata
from mmgen.models import LaplaceInference, MultimodalVAE
from mmgen.runs import layered
from mmgen.testing import toy_data
from mmgen.training.imputed import DRAWS, SCORE, Imputed, Scored, kept


def made(data: mmgen.Data, objective: str = "elbo") -> MultimodalVAE:
    return MultimodalVAE.create(objective, data, latent_dim=3)


def score_of(model: MultimodalVAE, data: mmgen.Data, seed: int = 0, size: int = 128) -> float:
    """Of the validation rows, as a training finds it."""
    from mmgen.training.batching import derived_seed

    imputed = Imputed(model)
    model.eval()
    torch.manual_seed(derived_seed("imputation", seed))
    with torch.no_grad(), random_strata():
        parts = [imputed.rows(data.val[rows]) for rows in torch.arange(len(data.val)).split(size)]
    return Scored.of(torch.cat(parts, 1), lambda values: values).score


@pytest.mark.parametrize("objective", ["elbo", "mopoe", "mvtcae"])
def test_score_is_what_it_says(objective: str) -> None:
    """Every value by itself, in plain loops, from the same draws."""
    data = toy_data(kinds=("vector", "counts", "tags"), rows=40, missing=0.3, cells=0.2)
    model = made(data, objective).double().eval()
    batch = model.prepare(data.train[:12])
    batch = type(batch)(
        data={name: x.double() for name, x in batch.data.items()},
        available=batch.available,
        observed=batch.observed,
        prepared=True,
    )
    names, imputed = list(model.modalities), Imputed(model)
    with torch.no_grad(), random_strata():
        torch.manual_seed(3)
        rows = imputed.rows(batch)
        torch.manual_seed(3)
        drawn = [
            model.posterior(batch, [other for other in names if other != name]).rsample((DRAWS,)) for name in names
        ]
    found = rows.sum(1)
    for t, name in enumerate(names):
        total, count, likelihood = 0.0, 0, model.likelihoods[t]
        for row in range(12):
            others = [o for o in range(len(names)) if o != t and batch.available[row, o]]
            if not batch.available[row, t] or not others:
                continue
            for cell in range(batch.data[name][row].numel()):
                if name in batch.observed and not batch.observed[name][row].reshape(-1)[cell]:
                    continue
                x = float(batch.data[name][row].reshape(-1)[cell])
                locations, variances, densities = [], [], []
                for k in range(DRAWS):
                    with torch.no_grad():
                        parameters = model.decode(drawn[t][k, row][None], name)
                        densities.append(
                            likelihood.pointwise(parameters, batch.data[name][row][None]).reshape(-1)[cell]
                        )
                        if name == "vector":
                            locations.append(float(parameters[0, 0].reshape(-1)[cell]))
                            variances.append(float(likelihood.variance(parameters).reshape(-1)[cell]))
                if name == "vector":
                    m = sum(locations) / DRAWS
                    v = sum(variances) / DRAWS + sum((one - m) ** 2 for one in locations) / (DRAWS - 1)
                    total += -0.5 * math.log(2 * math.pi * v) - (x - m) ** 2 / (2 * v)
                else:
                    total += math.log(sum(math.exp(float(one)) for one in densities) / DRAWS)
                count += 1
        assert found[1, t] == count > 0
        torch.testing.assert_close(found[0, t], torch.tensor(total, dtype=torch.float64), rtol=1e-9, atol=1e-9)
    means = [found[0, t] / found[1, t] for t in range(len(names))]
    assert Scored.of(rows, lambda values: values).score == pytest.approx(float(sum(means) / len(means)))


def test_it_does_not_matter_how_many_targets_are_inferred_together(monkeypatch: pytest.MonkeyPatch) -> None:
    data = toy_data(kinds=("vector", "counts", "tags"), rows=40, missing=0.3, cells=0.2)
    model = made(data).double().eval()
    own = LaplaceInference(model, GaussianMixture.one(torch.zeros(3).double(), torch.eye(3).double()))
    found = []
    for together in (1, 30, 2000):  # of 12 rows: each target alone, two, all three
        monkeypatch.setattr("mmgen.training.imputed.TOGETHER", together)
        torch.manual_seed(3)
        with torch.no_grad():
            found.append(Imputed(model, own).rows(data.train[:12]))
    torch.testing.assert_close(found[1], found[0])
    torch.testing.assert_close(found[2], found[0])


def test_the_model_that_is_kept_is_better_than_the_start_and_all_after_it_that_are_not_better() -> None:
    data = toy_data(rows=300)
    model = made(data)
    start = score_of(model, data, size=16)
    run = Trainer(epochs=6, batch_size=16, learning_rate=0.01, select="imputation").fit(model, data)
    scores = [record["val"][SCORE] for record in run.history]
    kept = score_of(run.model, data, size=16)
    assert kept > start and any(kept == pytest.approx(score, rel=1e-6) for score in scores)


def test_better_is_by_more_than_a_standard_error() -> None:
    random = np.random.default_rng(0)
    for shift in (-0.2, 0.0, 0.05, 0.1, 0.2, 0.5):
        old = random.normal(size=20)
        new = old + shift + 0.5 * random.normal(size=20)
        one, two = (Scored(torch.from_numpy(parts), float(parts.sum())) for parts in (old, new))
        d = new - old
        expected = d.mean() > d.std(ddof=1) / math.sqrt(20)
        assert two.beats(one, lambda values: values) == expected
        halves = two.parts.split(10), one.parts.split(10)

        def total(values: torch.Tensor, halves=halves) -> torch.Tensor:  # type: ignore[no-untyped-def]
            other = halves[0][1] - halves[1][1]
            return values + torch.stack([other.sum(), other.square().sum(), other.new_tensor(10.0)])

        first = Scored(halves[0][0], two.score)
        assert first.beats(Scored(halves[1][0], one.score), total) == expected, "of two processes"
    broken = Scored(one.parts * math.nan, math.nan)
    assert one.beats(broken, lambda values: values) and not broken.beats(one, lambda values: values)


def test_the_start_is_one_of_them() -> None:
    data = toy_data(rows=80)
    model = made(data)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.mul_(0.01)
    before = {name: value.clone() for name, value in model.state_dict().items()}
    Trainer(epochs=2, batch_size=16, learning_rate=3.0, select="imputation").fit(model, data)
    assert all(torch.equal(value, before[name]) for name, value in model.state_dict().items() if "step" not in name)


def test_nothing_else_changes() -> None:
    data = toy_data(rows=60)
    runs = [
        Trainer(epochs=3, batch_size=16, select=select).fit(made(data), data)  # type: ignore[arg-type]
        for select in ("last", "imputation")
    ]
    for one, two in zip(*(run.history for run in runs), strict=True):
        assert one["train"] == two["train"]
        assert one["val"] == {name: value for name, value in two["val"].items() if name != SCORE}


def test_early_stopping_goes_by_it() -> None:
    data = toy_data(rows=80)
    options = {"epochs": 60, "batch_size": 16, "learning_rate": 0.05, "early_stopping": 3}
    run = Trainer(**options, select="imputation").fit(made(data), data)
    assert 3 <= len(run.history) < 60


def test_one_modality_falls_back_to_the_loss(capsys: pytest.CaptureFixture[str]) -> None:
    from mmgen.screen import console

    data = toy_data(kinds=("vector",), rows=60)
    run = Trainer(console=console(), epochs=2, select="imputation").fit(made(data), data)
    assert all(SCORE not in record["val"] for record in run.history)
    said = " ".join(capsys.readouterr().out.split())
    assert "predicts no modality of these data from others, so the model with the smallest validation loss" in said


@pytest.mark.parametrize("options", [{"select": "imputation"}, {"select": "imputation", "start": "linear"}])
def test_a_resumed_training_is_the_same(resumed, options) -> None:  # type: ignore[no-untyped-def]
    resumed(made, **options)


@pytest.mark.parametrize(("rows", "epochs", "every"), [(300, 500, 5), (40, 1500, 15), (128 * 15 + 1, 100, 1)])
def test_epochs_of_few_rows(rows: int, epochs: int, every: int) -> None:
    config = TrainingConfig(epochs="auto").for_rows(rows)
    assert (config.epochs, config.validate_every) == (epochs, every)
    assert config.for_rows(7) == config
    assert TrainingConfig(epochs="auto", validate_every=2).for_rows(rows).validate_every == 2
    assert TrainingConfig(epochs=3).for_rows(rows).epochs == 3


def frames() -> dict[str, pd.DataFrame]:
    random = np.random.default_rng(0)
    z = random.normal(size=(90, 2))
    return {
        name: pd.DataFrame(z @ random.normal(size=(2, 4)) + random.normal(size=(90, 4)), columns=list("abcd"))
        for name in ("genes", "labs")
    }


def test_tables_of_ones_own_are_trained_so(capsys: pytest.CaptureFixture[str]) -> None:
    run = mmgen.train("mvtcae", frames(), latent_dim=3, epochs=3)
    training, modality = run.config["training"], run.config["modalities"]["genes"]
    assert (training["start"], training["select"], training["epochs"]) == ("linear", "imputation", 3)
    assert modality["linear_path"] and modality["dropout"] > 0
    said = " ".join(capsys.readouterr().out.split())
    assert "Start: factor analysis of 8 columns (genes, labs)" in said
    assert "Imputation of validation rows at the start" in said and "Kept: the" in said
    run = mmgen.train("mvtcae", frames(), latent_dim=3, epochs=1, select="last", start="random", quiet=True)
    assert run.config["training"]["early_stopping"] is None and run.config["training"]["select"] == "last"
    assert run.config["training"]["start"] == "random"


def test_a_kept_start_is_said_to_be_one(capsys: pytest.CaptureFixture[str]) -> None:
    run = mmgen.train("mvtcae", frames(), latent_dim=5, epochs=1, learning_rate=1e-12)
    said = " ".join(capsys.readouterr().out.split())
    factors = int(said.split(" factors, chosen")[0].split()[-1])
    assert f"Kept: the start, factor analysis with {factors} factors: no epoch imputes validation rows better" in said
    assert "empty" not in said and 0 < factors < 5
    assert run.model.config.latent_dim == 5
    assert kept(7, -1.5, 2).startswith("Kept: the model of epoch 7, which imputes validation rows best (log score")
    assert kept(0, -1.5, 1).startswith("Kept: the start, factor analysis with 1 factor:")
    assert kept(0, -1.5, 0).startswith("Kept: the random weights of the start")


def test_datasets_of_papers_are_not() -> None:
    training = layered(objective="mmvamp", dataset="rats").get("training", {})
    assert not training.keys() & {"start"} and training.get("select", "last") != "imputation"
