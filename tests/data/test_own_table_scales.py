"""Scales of numbers in one's own table: learned column by column, honest about held-out cells, never nothing."""

import math
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
import torch

import mmgen
from mmgen.data import load_dataset, make_likelihood
from mmgen.data.describing import change_modalities
from mmgen.distributions.likelihoods import Normal, ScaleConfig

KIND = {"kind": "vector", "hidden": [32]}


def views(seed, noises, units, rows=800):
    """Two views of two latents: columns a0… and b0…, each with noise of its own (in standard deviations) and units."""
    draw = np.random.default_rng(seed)
    z = draw.normal(size=(rows, 2))
    columns = {}
    for view in "ab":
        loadings = draw.normal(size=(2, len(noises)))
        signal = z @ loadings / np.linalg.norm(loadings, axis=0)
        values = (signal + np.array(noises) * draw.normal(size=signal.shape)) * np.array(units) + 5
        columns |= {f"{view}{i}": values[:, i] for i in range(len(noises))}
    return columns


def write_csv(path, columns):
    pd.DataFrame(columns).to_csv(path, index=False)
    return path


@pytest.fixture
def trained(tmp_path):
    """A model of a table of two views, and its data."""

    def train(columns, epochs=18, **options):
        path = write_csv(tmp_path / "table.csv", columns)
        modalities = {view: {"columns": f"{view}*", **KIND, **options} for view in "ab"}
        data = load_dataset("table", path=str(path), modalities=modalities)
        model = mmgen.MultimodalVAE.create("elbo", data, latent_dim=2)
        mmgen.Trainer(epochs=epochs, batch_size=64, learning_rate=2e-2, seed=0).fit(model, data)
        return model.eval(), data

    return train


def covered(model, data):
    """The share of held-out cells of every column, 2 × C of them, in mean ± 1.645 standard deviations given all that a
    row has.
    """
    batch = model.prepare(data.test[:])
    shares = []
    with torch.no_grad():
        z = model.encode(batch).mean
        for name, likelihood in zip(model.modalities, model.likelihoods):
            parameters = model.decode(z, name)
            distance = (batch.data[name] - likelihood.mean(parameters)).abs()
            shares.append((distance <= 1.645 * likelihood.variance(parameters).sqrt()).float().mean(0))
    return torch.stack(shares)


NOISES = [0.3, 0.6, 1.0, 0.4, 1.5, 0.8, 0.5, 0.7]
UNITS = [1, 1000, 0.01, 7, 1, 30, 1, 1e4]


@pytest.mark.parametrize(("seed", "noises", "units"), [(0, NOISES, [1] * 8), (1, NOISES[::-1], UNITS)])
def test_intervals_of_ninety_percent_hold_ninety_percent_of_held_out_cells(trained, seed, noises, units):
    model, data = trained(views(seed, noises, units))
    shares = covered(model, data)
    assert 0.87 < float(shares.mean()) < 0.94
    assert (shares > 0.81).all() and (shares < 0.995).all(), "every column of its own"
    true = torch.tensor(noises) / (1 + torch.tensor(noises) ** 2).sqrt()
    for likelihood in model.likelihoods:
        torch.testing.assert_close(likelihood.log_scale.exp().detach(), true, rtol=0.35, atol=0)


def test_a_fixed_scale_of_one_would_not(trained):
    model, data = trained(views(0, NOISES, [1] * 8), epochs=6, likelihood={"scale_kind": "fixed"})
    assert float(covered(model, data).mean()) > 0.95


def test_a_column_without_noise_keeps_a_scale(trained):
    columns = views(0, [0.5, 0.5, 0.5], [1, 1, 1], rows=300)
    columns["a3"] = 3 * columns["a0"] + 1
    columns["a4"] = np.full(300, 7.0)
    model, _ = trained(columns, epochs=30)
    with torch.no_grad():
        spread = model.likelihoods[0].spread(torch.zeros(1, 1, 5)).exp()
    assert (spread >= 0.03 * (1 - 1e-6)).all()
    assert float(spread[4]) < 0.3
    assert all(bool(parameter.isfinite().all()) for parameter in model.parameters())


def test_the_least_scale_is_a_bound_that_can_be_left_again():
    likelihood = Normal((2,), ScaleConfig(scale_kind="learned", least_scale=0.03))
    with torch.no_grad():
        likelihood.log_scale.fill_(-9)
    parameters, x = torch.zeros(1, 1, 2), torch.full((1, 2), 2.0)
    expected = sum(-0.5 * math.log(2 * math.pi) - math.log(0.03) - 0.5 * (2 / 0.03) ** 2 for _ in range(2))
    log_prob = likelihood.log_prob(parameters, x)
    assert float(log_prob.detach()) == pytest.approx(expected, rel=1e-5)
    log_prob.sum().backward()
    assert (likelihood.log_scale.grad > 0).all(), "which leads back"


def test_scales_are_those_of_the_table_unless_it_says_something_else(tmp_path):
    path = write_csv(tmp_path / "table.csv", views(0, [1.0], [1], rows=30))

    def choice(**fields):
        data = load_dataset("table", path=str(path), modalities={"a": {"columns": "a*", "kind": "vector", **fields}})
        return data.modalities["a"].likelihood.model_dump()

    learned = {"scale": 1.0, "scale_kind": "learned", "least_scale": 0.03}
    assert choice() == {"name": "normal", **learned}
    assert choice(likelihood="laplace") == {"name": "laplace", **learned}
    assert choice(likelihood={"scale": 0.5}) == {"name": "normal", **learned, "scale": 0.5}
    assert choice(likelihood={"scale_kind": "fixed"}) == {
        "name": "normal", "scale": 1.0, "scale_kind": "fixed", "least_scale": 0.0
    }  # fmt: skip
    assert choice(likelihood="squared-error") == {"name": "squared-error"}
    assert make_likelihood("normal", (1,)).config.scale_kind == "fixed", "datasets of papers keep theirs"


def test_a_run_that_takes_another_likelihood_keeps_learning_the_scale(tmp_path):
    path = write_csv(tmp_path / "table.csv", {"a0": np.linspace(-1, 1, 30)})
    modalities = {"a": {"columns": "a*", "kind": "vector", "hidden": [4]}}
    data = load_dataset("table", path=str(path), modalities=modalities)

    def likelihood(change):
        model = mmgen.MultimodalVAE.create("elbo", data, latent_dim=1, modalities={"a": {"likelihood": change}})
        return model.modalities["a"].likelihood

    found = likelihood("student-t")
    assert (found.name, found.scale_kind, found.least_scale, found.degrees) == ("student-t", "learned", 0.03, 4.0)
    assert likelihood({"scale_kind": "fixed"}).least_scale == 0, "which does nothing then"
    assert likelihood({"name": "laplace", "scale_kind": "predicted"}).scale_kind == "predicted"
    with pytest.raises(mmgen.DataError, match=r"modalities.a.likelihood: 'a' holds -.* in training row .* abo"):
        likelihood("log-normal")
    with pytest.raises(mmgen.MmgenError, match=r"modalities.a.likelihood: least_scale does nothing with scale_kin"):
        likelihood({"scale_kind": "fixed", "least_scale": 0.1})


def test_options_of_a_likelihood_can_be_given_beside_its_name_in_a_file(tmp_path):
    write_csv(tmp_path / "table.csv", {"a0": np.linspace(-1, 1, 30)})
    description = tmp_path / "table.yaml"
    description.write_text("path: table.csv\nmodalities:\n  a: {columns: a0, kind: vector, likelihood: laplace}\n")
    data = load_dataset("table", config=str(description), modalities={"a": {"likelihood": {"scale": 0.5}}})
    found = data.modalities["a"].likelihood
    assert (found.name, found.scale, found.scale_kind) == ("laplace", 0.5, "learned")


def test_cells_that_are_not_observed_are_no_values_of_a_likelihood(tmp_path):
    path = write_csv(tmp_path / "table.csv", {"a0": np.linspace(-1, 1, 30), "a1": np.linspace(1, 2, 30)})
    modalities = {"a": {"columns": "a*", "kind": "vector", "hidden": [4]}}
    data = load_dataset("table", path=str(path), modalities=modalities)
    changes = {"a": {"likelihood": "log-normal"}}
    seen = data.train.data["a"][:] > 0
    change_modalities(data.modalities, changes, replace(data.train, observed={"a": seen}))
    with pytest.raises(mmgen.DataError, match=r"modalities.a.likelihood: 'a' holds -"):
        change_modalities(data.modalities, changes, data.train)


def test_training_values_that_another_likelihood_does_not_have_are_refused():
    """Also where the likelihood is changed for a training, and not in the table's own options."""
    import mmgen

    with pytest.raises(mmgen.MmgenError, match=r"modalities.pix.likelihood: 'pix' holds 0 in training row 0"):
        mmgen.train("elbo", "mfeat", epochs=1, quiet=True, modalities={"pix": {"likelihood": "log-normal"}})
