"""A model that starts at factor analysis is factor analysis: its networks against the closed form, written out."""

from __future__ import annotations

import math

import numpy as np
import pandas as pd
import pytest
import torch
from torch import Tensor

import mmgen
from mmgen.data import Batch
from mmgen.models import MultimodalVAE
from mmgen.models.linear_start import parts_of, start_linear
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
    sentence = start_linear(model, data.train, data.val)
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
    assert "factor analysis of 12 columns" in start_linear(model, data.train, data.val)
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


def test_where_covariates_are_told_nothing_is_started() -> None:
    tables = {**frames(), "age": np.linspace(20, 80, 240)}
    modalities = {name: {"kind": "vector", "hidden": [6]} for name in SIZES}
    data = mmgen.load_dataset(tables, modalities=modalities, covariates=["age"])
    model = made(data)
    before = {name: value.clone() for name, value in model.state_dict().items()}
    assert "what covariates say" in start_linear(model, data.train, data.val)
    assert all(torch.equal(before[name], value) for name, value in model.state_dict().items())


def test_private_latents_have_no_part_in_it() -> None:
    data = data_of(frames())
    model = made(data, private_dim=2)
    assert "with 2 factors" in start_linear(model, data.train, data.val)
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


def test_without_validation_rows_training_rows_are_held_out() -> None:
    tables = frames()
    modalities = {name: {"kind": "vector"} for name in tables}
    data = mmgen.load_dataset(tables, modalities=modalities, val_fraction=0.0)
    assert "training rows that were held out" in start_linear(made(data), data.train, data.val)


def test_what_takes_no_part_is_said() -> None:
    tables = frames()
    tables["counts"] = pd.DataFrame(np.random.default_rng(0).poisson(3, size=(240, 3)))
    data = data_of(tables, counts={"kind": "counts"})
    model = made(data)
    before = {name: value.clone() for name, value in model.state_dict().items() if ".3." in name}
    assert "; counts with random weights." in start_linear(model, data.train, data.val)
    after = model.state_dict()
    assert before and all(torch.equal(value, after[name]) for name, value in before.items())


def test_nothing_to_start() -> None:
    tables = {"counts": pd.DataFrame(np.random.default_rng(0).poisson(3, size=(60, 3)))}
    data = data_of(tables, counts={"kind": "counts"})
    model = made(data)
    before = {name: value.clone() for name, value in model.state_dict().items()}
    assert parts_of(model) == []
    assert start_linear(model, data.train, data.val).startswith("Start: random weights")
    assert all(torch.equal(before[name], value) for name, value in model.state_dict().items())


@pytest.mark.parametrize("objective", [entry.name for entry in entries("objectives")])
def test_no_objective_is_broken(objective: str) -> None:
    tables = dict(list(frames(rows=60).items())[:2])
    tables["kind"] = np.array(["a", "b"] * 30)  # type: ignore[assignment]
    modalities = {name: {"kind": "vector", "hidden": [6]} for name in ("genes", "labs")}
    data = mmgen.load_dataset(tables, modalities=modalities, label="kind")
    try:
        model = MultimodalVAE.create(objective, data, latent_dim=4)
    except mmgen.MmgenError:
        pytest.skip("not for such data")
    assert start_linear(model, data.train, data.val).startswith("Start: ")
    terms = model(data.train[:16])
    assert torch.isfinite(terms.value(1.0)).all()
