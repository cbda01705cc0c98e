"""A model that starts at factor analysis is factor analysis: its networks against the closed form, written out."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
import torch
from torch import Tensor

import mmgen
from mmgen.data import Batch
from mmgen.models import MultimodalVAE
from mmgen.models.covariate_effects import covariate_effects
from mmgen.models.factor_analysis import Rows
from mmgen.models.linear_start import parts_of, start_linear, start_means
from mmgen.registry.components import entries

SIZES = {"genes": 5, "labs": 4, "proteins": 3}


def frames(rows: int = 240, gaps: float = 0.0, seed: int = 0) -> dict[str, pd.DataFrame]:
    """Three tables that two factors explain."""
    random = np.random.default_rng(seed)
    z, made = random.normal(size=(rows, 2)), {}
    for name, size in SIZES.items():
        x = z @ random.normal(size=(2, size)) + random.normal(size=(rows, size)) * 0.6 + 3
        x[random.random(x.shape) < gaps] = np.nan
        made[name] = pd.DataFrame(x, columns=[f"{name}{i}" for i in range(size)])
    return made


def data_of(tables: dict[str, pd.DataFrame], **kinds: dict[str, object]) -> mmgen.Data:
    modalities = {name: {"kind": "vector", "hidden": [6, 5], **kinds.get(name, {})} for name in tables}
    return mmgen.load_dataset(tables, modalities=modalities)


def made(data: mmgen.Data, objective: str = "elbo", **options: object) -> MultimodalVAE:
    torch.manual_seed(1)
    model = MultimodalVAE.create(objective, data, **{"latent_dim": 4, **options}).double()  # type: ignore[arg-type]
    model.eval()
    return model


def rows_of(data: mmgen.Data) -> Batch:
    batch = data.train[:]
    return Batch(
        data={name: values.double() for name, values in batch.data.items()},
        available=batch.available,
        covariates=batch.covariates,
        observed=batch.observed,
    )


def loadings(model: MultimodalVAE, m: int) -> tuple[Tensor, Tensor, Tensor]:
    """W, μ and ψ of a modality: what its decoder does to unit vectors, and the variance of its likelihood."""
    name = list(model.modalities)[m]
    dim = model.config.latent_dim
    with torch.no_grad():
        at = model.decode(torch.cat([torch.eye(dim), torch.zeros(1, dim)]).double(), name)
    mean = at[-1, 0]
    return (at[:-1, 0] - mean).T, mean, model.likelihoods[m].scatter(at[-1:])[0].detach()


@pytest.mark.parametrize("aggregator", [{"name": "moe"}, {"prior_expert": "all"}, {"prior_expert": "none"}])
def test_networks_are_the_closed_form(aggregator: dict[str, str]) -> None:
    data = data_of(frames())
    model = made(data, aggregator=aggregator)
    sentence = start_linear(model, data.train, data.val).sentence
    assert "factor analysis of 12 columns (genes, labs, proteins) with 2 factors" in sentence
    batch = model.prepare(rows_of(data))
    with torch.no_grad():
        experts = model.experts(batch)
    total = torch.zeros(4, 4, dtype=torch.float64)
    share = {"moe": 1.0, "all": 0.0, "none": 0.5}[aggregator.get("name", aggregator.get("prior_expert", ""))]
    for m, name in enumerate(model.modalities):
        w, mu, psi = loadings(model, m)
        assert w[:, 2:].abs().max() == 0
        precision = torch.eye(4).double() + w.T @ torch.diag(1 / psi) @ w
        covariance = torch.linalg.inv(precision)
        total += precision - torch.eye(4).double()
        for row in range(20):
            mean = covariance @ w.T @ ((batch.data[name][row] - mu) / psi)
            for k in range(4):
                marginal = 1 / covariance[k, k]
                own = max(float(marginal - 1 + share), 0.01)
                torch.testing.assert_close(experts.mean[m, row, k], mean[k] * marginal / own, atol=1e-9, rtol=1e-9)
                torch.testing.assert_close(experts.log_variance[m, row, k].item(), -math.log(own), atol=1e-9, rtol=1e-9)
    off = total - torch.diag(torch.diagonal(total))
    assert off.abs().max() < 1e-8 * total.max()


def test_one_modality_gives_the_posterior_where_the_prior_is_an_expert() -> None:
    data = data_of(frames())
    model = made(data, aggregator={"prior_expert": "all"})
    start_linear(model, data.train, data.val)
    batch = model.prepare(rows_of(data))
    w, mu, psi = loadings(model, 0)
    with torch.no_grad():
        posterior = model.posterior(batch, ["genes"])
    covariance = torch.linalg.inv(torch.eye(4).double() + w.T @ torch.diag(1 / psi) @ w)
    expected = (batch.data["genes"] - mu) / psi @ w @ covariance
    torch.testing.assert_close(posterior.mean[:, :2], expected[:, :2], atol=1e-8, rtol=1e-8)


def test_the_likelihood_is_that_of_a_linear_model_of_all_columns() -> None:
    """Variances of the columns are those of W Wᵀ + Ψ, for every kind of likelihood that takes part."""
    likelihoods: dict[str, dict[str, object]] = {
        "genes": {"likelihood": "laplace"},
        "labs": {"likelihood": {"name": "student-t", "scale_kind": "predicted"}},
        "proteins": {"likelihood": "normal"},
    }
    data = data_of(frames(rows=800), **likelihoods)
    model = made(data)
    start_linear(model, data.train, data.val)
    batch = model.prepare(rows_of(data))
    for m, name in enumerate(model.modalities):
        w, mu, psi = loadings(model, m)
        torch.testing.assert_close((w @ w.T).diagonal() + psi, batch.data[name].var(0), rtol=0.08, atol=0)
        torch.testing.assert_close(mu, batch.data[name].mean(0), rtol=0, atol=0.02)


def test_positive_numbers_take_part_by_their_logarithms() -> None:
    tables = {name: np.exp(table - 3) for name, table in frames(rows=600).items()}
    data = data_of(tables, **{name: {"likelihood": "log-normal"} for name in tables})
    model = made(data)
    assert "factor analysis of 12 columns" in start_linear(model, data.train, data.val).sentence
    batch = model.prepare(rows_of(data))
    w, _, psi = loadings(model, 0)
    torch.testing.assert_close((w @ w.T).diagonal() + psi, batch.data["genes"].log().var(0), rtol=0.1, atol=0)


def test_a_fixed_scale_stays_and_explains_less() -> None:
    data = data_of(frames(), genes={"likelihood": {"name": "normal", "scale_kind": "fixed", "scale": 0.9}})
    model = made(data)
    start_linear(model, data.train, data.val)
    torch.testing.assert_close(loadings(model, 0)[2], torch.full((5,), 0.81, dtype=torch.float64))


@pytest.mark.parametrize(
    "kinds",
    [
        {"genes": {"missing": "cell", "mask_input": True}},
        {"genes": {"hidden": []}},
        {"genes": {"spread": "log-scale"}},
        {"genes": {"decoder_hidden": [7]}},
    ],
)
def test_other_builds(kinds: dict[str, dict[str, object]]) -> None:
    """The same start as with the usual build, up to what cannot be."""
    usual, other = data_of(frames()), data_of(frames(), **kinds)
    found = []
    for data in (usual, other):
        model = made(data)
        start_linear(model, data.train, data.val)
        with torch.no_grad():
            found.append(model.experts(model.prepare(rows_of(data))))
    torch.testing.assert_close(found[0].mean, found[1].mean, atol=1e-6, rtol=1e-6)
    torch.testing.assert_close(found[0].log_variance, found[1].log_variance, atol=1e-4, rtol=1e-4)


def test_missing_cells_and_modalities_do_not_move_it_far() -> None:
    whole, gappy = data_of(frames(rows=800)), data_of(frames(rows=800, gaps=0.2))
    covariances = []
    for data in (whole, gappy):
        model = made(data)
        start_linear(model, data.train, data.val)
        w = torch.cat([loadings(model, m)[0] for m in range(3)])
        covariances.append(w @ w.T)
    torch.testing.assert_close(covariances[0], covariances[1], atol=0.25, rtol=0)


SITES = ("north", "south", "west")


def told_data(rows: int = 240, gaps: float = 0.0, **kinds: dict[str, object]) -> mmgen.Data:
    """Tables that two factors explain, shifted by the site of a row and by its age; both are told, and gaps are in the
    ages and cells.
    """
    tables: dict[str, object] = dict(frames(rows, gaps))
    random = np.random.default_rng(5)
    site, age = random.integers(0, 3, rows), random.uniform(20, 80, rows)
    for name, size in SIZES.items():
        shift = random.normal(size=(3, size))[site] * 3 + age[:, None] / 10
        tables[name] = tables[name] + shift  # type: ignore[operator]
    age[random.random(rows) < gaps] = np.nan
    modalities = {name: {"kind": "vector", "hidden": [6, 5], **kinds.get(name, {})} for name in SIZES}
    covariates = {"site": np.array(SITES)[site], "age": age}
    return mmgen.load_dataset(tables, modalities=modalities, covariates=covariates)


def residuals(x: np.ndarray, told: np.ndarray, there: np.ndarray) -> np.ndarray:
    """Of one column, by a regression on sites and age written out: elimination in its normal equations, with the mean
    in the place of one class.
    """
    columns = [np.ones(len(x)), told[:, 0], told[:, 1], told[:, 4], *([told[:, 5]] if told[:, 5].any() else [])]
    size = len(columns)
    left, right = np.zeros((size, size)), np.zeros(size)
    for n in np.flatnonzero(there):
        for i in range(size):
            right[i] += columns[i][n] * x[n]
            for j in range(size):
                left[i, j] += columns[i][n] * columns[j][n]
    for i in range(size):
        for k in range(size):
            if k != i:
                factor = left[k, i] / left[i, i]
                left[k], right[k] = left[k] - factor * left[i], right[k] - factor * right[i]
    return x - sum(columns[i] * right[i] / left[i, i] for i in range(size))


@pytest.mark.parametrize("gaps", [0.0, 0.15])
def test_covariates_are_regressed_on_and_the_rest_is_explained(gaps: float) -> None:
    """Decoders reproduce the regression, and encoders are the posterior given what it leaves."""
    data = told_data(gaps=gaps)
    model = made(data, aggregator={"prior_expert": "all"})
    sentence = start_linear(model, data.train, data.val).sentence
    assert "12 columns (genes, labs, proteins), less what site, age say (7" in sentence, sentence
    batch = model.prepare(rows_of(data))
    told, dim = batch.told, model.config.latent_dim
    assert told is not None and told.shape[1] == 4 + 2
    units = torch.cat([torch.eye(dim + 1, dim), torch.zeros(dim + 1, 6)], 1).double()
    with torch.no_grad():
        experts = model.experts(batch)
    for m, name in enumerate(model.modalities):
        x = batch.data[name].numpy()
        there = batch.observed[name].numpy() if gaps else np.ones(x.shape, dtype=bool)
        with torch.no_grad():
            at = model.decoders[m](torch.cat([torch.zeros(len(x), dim).double(), told], 1))
            moved = model.decoders[m](units)[:, 0]
        w, psi = (moved[:-1] - moved[-1]).T, model.likelihoods[m].scatter(at[:1])[0].detach()
        left = x - at[:, 0].numpy()
        for j in range(x.shape[1]):
            difference = (left[:, j] - residuals(x[:, j], told.numpy(), there[:, j]))[there[:, j]]
            assert difference.std() < 1e-6  # the mean is that of factor analysis
            assert np.abs(difference).max() < (0.1 if gaps else 1e-4)
        covariance = torch.linalg.inv(torch.eye(dim).double() + w.T @ torch.diag(1 / psi) @ w)
        for row in range(20):
            mean = covariance @ w.T @ (torch.from_numpy(left[row]) / psi)
            for k in range(dim):
                own = max(float(1 / covariance[k, k]) - 1, 0.01)
                expected = mean[k] / covariance[k, k] / own
                if there[row].all():
                    torch.testing.assert_close(experts.mean[m, row, k], expected, atol=1e-8, rtol=1e-8)


def test_z_begins_without_what_is_told() -> None:
    """Means of z at each site, and its correlation with age; of networks that are not told they are far from 0."""
    data = told_data(rows=600)
    model = made(data)
    start_linear(model, data.train, data.val)
    batch = model.prepare(rows_of(data))
    with torch.no_grad():
        z = model.posterior(batch, list(SIZES)).mean.reshape(len(batch), -1)
    assert batch.told is not None
    varies = z.std(0) > 0.1
    assert int(varies.sum()) >= 2
    for k in (0, 1, 2):
        assert z[batch.told[:, k] > 0].mean(0).abs().max() < 1e-3
    assert torch.corrcoef(torch.cat([z[:, varies].T, batch.told[None, :, 4]]))[-1, :-1].abs().max() < 1e-3


def test_a_class_of_a_covariate_that_no_row_has_says_nothing() -> None:
    rows = Rows.of_cells(np.random.default_rng(0).normal(size=(30, 2)), np.ones((30, 2), dtype=bool))
    told = np.zeros((30, 4))
    told[np.arange(30), np.arange(30) % 3] = 1
    effects = covariate_effects(rows, told)
    assert np.abs(effects[:, 3]).max() == 0 and np.abs(effects.sum(1)).max() < 1e-9
    for site in range(3):
        for column in range(2):
            mean = rows.values[site::3, column].mean()
            others = np.mean([rows.values[k::3, column].mean() for k in range(3)])
            np.testing.assert_allclose(effects[column, site], mean - others, atol=1e-9)
    assert covariate_effects(rows, np.zeros((30, 0))).shape == (2, 0)


def test_private_latents_have_no_part_in_it() -> None:
    data = data_of(frames())
    model = made(data, private_dim=2)
    assert "with 2 factors" in start_linear(model, data.train, data.val).sentence
    with torch.no_grad():
        private = model.private_posteriors(model.prepare(rows_of(data)))
        z = torch.zeros(2, 4 + 2, dtype=torch.float64)
        z[1, 4:] = 1.0
        one, two = model.decode(z, "genes")
    assert all(q.mean.abs().max() == 0 and q.log_variance.abs().max() == 0 for q in private.values())
    assert torch.equal(one, two)


def test_same_rows_same_start_whatever_the_seed() -> None:
    data = data_of(frames(gaps=0.1))
    weights = []
    for seed in range(2):
        torch.manual_seed(seed)
        model = MultimodalVAE.create("elbo", data, latent_dim=4, seed=seed)
        state = torch.get_rng_state()
        start_linear(model, data.train, data.val)
        assert torch.equal(state, torch.get_rng_state())
        weights.append(model.decoders[0].straight.weight)
    assert torch.equal(*weights)


def test_without_validation_rows_training_rows_choose() -> None:
    tables = frames()
    modalities = {name: {"kind": "vector"} for name in tables}
    data = mmgen.load_dataset(tables, modalities=modalities, val_fraction=0.0)
    assert "chosen by cross-validation in 192 rows" in start_linear(made(data), data.train, data.val).sentence


def visits(patients: int, each: int) -> dict[str, pd.DataFrame]:
    """As :func:`frames`, of patients who are nearly the same at each of their visits."""
    random, made = np.random.default_rng(3), {}
    for name, table in frames(patients).items():
        again = table.loc[table.index.repeat(each)].reset_index(drop=True)
        made[name] = again + 0.05 * random.normal(size=again.shape)
    return made


def test_visits_of_a_patient_are_held_out_together() -> None:
    """Of the patients there are two factors; whoever has seen one visit in training predicts the other by more."""
    tables, found = visits(30, 4), {}
    for group, patients in (("patient", np.repeat(np.arange(30), 4)), ("alone", np.arange(120))):
        modalities = {name: {"kind": "vector"} for name in tables}
        columns = {**tables, group: patients}
        data = mmgen.load_dataset(columns, modalities=modalities, group=group)
        found[group] = start_linear(made(data, latent_dim=8), data.train, data.val)
    assert found["patient"].factors < found["alone"].factors
    assert "rows of 2" in found["patient"].sentence and "groups" not in found["alone"].sentence


def test_rows_of_one_patient_choose_no_factors() -> None:
    data = data_of(frames(40))
    table = replace(data.train, groups=torch.zeros(len(data.train), dtype=torch.int64))
    said = start_linear(made(data), table, data.val.select(torch.zeros(0, dtype=torch.int64))).sentence
    assert said.startswith("Start: random weights; all rows are of one group")


def test_what_takes_no_part_is_said() -> None:
    tables = frames()
    tables["counts"] = pd.DataFrame(np.random.default_rng(0).poisson(3, size=(240, 3)))
    data = data_of(tables, counts={"kind": "counts"})
    model = made(data)
    at = f".{list(model.modalities).index('counts')}."
    before = {name: value.clone() for name, value in model.state_dict().items() if at in name}
    assert "; counts at the means of training rows." in start_linear(model, data.train, data.val).sentence
    changed = [
        name for name, value in model.state_dict().items() if at in name and not torch.equal(value, before[name])
    ]
    assert len(changed) == 1 and changed[0].startswith("decoders") and changed[0].endswith("bias")


@pytest.mark.parametrize("likelihood", ["poisson", "negative-binomial", "zero-inflated-negative-binomial"])
def test_counts_begin_at_the_means_of_what_is_there(likelihood: str) -> None:
    draw = np.random.default_rng(0)
    values = draw.poisson([3.0, 400.0, 0.0], size=(240, 3)).astype(float)
    values[::7, 1] = np.nan
    data = data_of({"counts": pd.DataFrame(values)}, counts={"kind": "counts", "likelihood": likelihood})
    model = made(data)
    assert start_means(model, data.train) == ["counts"]
    rows, cells = data.train.data["counts"], data.train.observed_cells("counts")
    last = model.decoders[0].layers[-1]  # type: ignore[index,union-attr]
    for column in range(3):
        seen = [float(x) for x, there in zip(rows[:, column], cells[:, column], strict=True) if there]
        expected = np.log((sum(seen) + 0.5) / (len(seen) + 1))
        assert float(last.bias[column].detach()) == pytest.approx(expected, rel=1e-5)  # type: ignore[union-attr,index]


def test_nothing_to_start() -> None:
    tables = {"counts": pd.DataFrame(np.random.default_rng(0).poisson(3, size=(60, 3)))}
    data = data_of(tables, counts={"kind": "counts"})
    model = made(data)
    before = {name: value.clone() for name, value in model.state_dict().items()}
    assert parts_of(model) == []
    assert start_linear(model, data.train, data.val).sentence.startswith("Start: random weights")
    changed = [name for name, value in model.state_dict().items() if not torch.equal(value, before[name])]
    assert all(name.startswith("decoders.0") and name.endswith("bias") for name in changed)


@pytest.fixture(scope="module")
def two_and_classes() -> mmgen.Data:
    """Two modalities of few columns, and a label."""
    tables = {name: frame.iloc[:, :3] for name, frame in list(frames(rows=60).items())[:2]}
    tables["kind"] = np.array(["a", "b"] * 30)  # type: ignore[assignment]
    modalities = {name: {"kind": "vector", "hidden": [6]} for name in ("genes", "labs")}
    return mmgen.load_dataset(tables, modalities=modalities, label="kind")


@pytest.mark.parametrize("objective", [entry.name for entry in entries("objectives")])
def test_no_objective_is_broken(objective: str, two_and_classes: mmgen.Data) -> None:
    data = two_and_classes
    try:
        model = MultimodalVAE.create(objective, data, latent_dim=3)
    except mmgen.MmgenError:
        pytest.skip("not for such data")
    assert start_linear(model, data.train, data.val).sentence.startswith("Start: ")
    terms = model(data.train[:16])
    assert torch.isfinite(terms.value(1.0)).all()


@pytest.mark.parametrize(
    "objective", [entry.name for entry in entries("objectives") if entry.name in ("crmvae", "elbo", "mopoe", "mvtcae")]
)
def test_latents_of_twenty_modalities_do_not_collapse(objective: str) -> None:
    """z of one prior among so many experts says something of held-out rows, and of what they lack."""
    random = np.random.default_rng(0)
    z = random.normal(size=(160, 3))
    blocks = {f"m{number:02}": z @ random.normal(size=(3, 2)) + random.normal(size=(160, 2)) for number in range(20)}
    settings = {"epochs": 5, "latent_dim": 4, "val_fraction": 0.0, "training": {"select": "last"}}
    run = mmgen.train(objective, blocks, quiet=True, modalities={"all": {"hidden": [8]}}, **settings)
    given = list(blocks)[1:]
    means = run.encode(given=given, split="test")
    assert (means[[f"z{number}" for number in range(4)]].std() > 0.5).sum() >= 3
    table = run.rows("test")
    guess = run.generate(given=given, targets=["m00"], split="test", samples=20).values["m00"].mean(0)
    truth = table.data["m00"][:]
    assert 1 - float((truth - guess).square().sum() / (truth - truth.mean(0)).square().sum()) > 0.3
