"""Counts with a row's total as offset of the log-mean: the equation in plain loops, and what is generated."""

import math

import pytest
import torch
from scipy import stats

import mmgen
from mmgen.data import make_likelihood
from mmgen.testing import toy_data

NAMES = ["poisson", "negative-binomial", "zero-inflated-negative-binomial"]
every = pytest.mark.parametrize("name", NAMES)


@pytest.fixture
def fitted():
    """A likelihood that has seen training rows, and these."""

    def fitted(name):
        torch.manual_seed(0)
        depth = torch.tensor([20.0, 200.0, 2000.0]).repeat(10)[:, None]
        train = torch.poisson(depth * torch.tensor([0.5, 0.3, 0.15, 0.05]))
        likelihood = make_likelihood(name, (4,), offset="total").double()
        likelihood.fit(train)
        return likelihood, train

    return fitted


def log_count(name, likelihood, outputs, i, log_mean, x):
    """log p of one count by SciPy."""
    mean = math.exp(log_mean)
    if name == "poisson":
        return stats.poisson.logpmf(x, mean)
    r = math.exp(float(likelihood.log_dispersion[i].detach()))
    counted = stats.nbinom.pmf(x, r, r / (r + mean))
    if name == "negative-binomial":
        return math.log(counted)
    share = 1 / (1 + math.exp(-float(outputs[1, i])))
    return math.log(share * (x == 0) + (1 - share) * counted)


@every
@pytest.mark.parametrize("seen", [(0, 1, 2, 3), (0, 2), (3,)])
def test_log_means_are_outputs_plus_the_log_of_the_total_over_the_usual_one(fitted, name, seen):
    likelihood, train = fitted(name)
    totals = [sum(row) for row in train.tolist()]
    usual = math.exp(sum(math.log(total) for total in totals) / len(totals))
    shares = [sum(row[i] for row in train.tolist()) / sum(totals) for i in range(4)]
    outputs = torch.randn(likelihood.outputs, 4, dtype=torch.float64)
    x = torch.tensor([30.0, 14.0, 9.0, 2.0], dtype=torch.float64)
    total = sum(float(x[i]) for i in seen) / sum(shares[i] for i in seen)  # of all cells, had the others their share
    expected = sum(
        log_count(name, likelihood, outputs, i, float(outputs[0, i]) + math.log(total / usual), int(x[i])) for i in seen
    )
    observed = torch.tensor([i in seen for i in range(4)])
    assert float(likelihood.log_prob(outputs, x, observed).detach()) == pytest.approx(expected, rel=1e-5)
    if len(seen) == 4:
        assert float(likelihood.log_prob(outputs, x).detach()) == pytest.approx(expected, rel=1e-5)


@every
def test_what_is_generated_has_the_usual_total(fitted, name):
    likelihood, _ = fitted(name)
    outputs = torch.randn(likelihood.outputs, 4, dtype=torch.float64)
    plain = make_likelihood(name, (4,)).double()
    torch.testing.assert_close(likelihood.mean(outputs), plain.mean(outputs))
    torch.testing.assert_close(likelihood.variance(outputs), plain.variance(outputs))


@every
def test_it_says_that_it_is_a_score(fitted, name):
    likelihood, _ = fitted(name)
    assert not likelihood.normalised and make_likelihood(name, (4,)).normalised


@every
def test_an_empty_row_and_other_depths_are_finite(fitted, name):
    likelihood, _ = fitted(name)
    outputs = torch.zeros(3, likelihood.outputs, 4, dtype=torch.float64, requires_grad=True)
    x = torch.tensor([[0, 0, 0, 0], [10**6, 0, 3, 0], [1, 0, 0, 0]])
    score = likelihood.log_prob(outputs, x)
    (gradient,) = torch.autograd.grad(score.sum(), outputs)
    assert score.isfinite().all() and gradient.isfinite().all()


def test_deep_and_shallow_rows_of_one_composition_are_alike():
    """With the offset a decoder that says the composition alone fits rows of any depth."""
    torch.manual_seed(0)
    share = torch.tensor([0.5, 0.3, 0.15, 0.05])
    deep, shallow = torch.poisson(1e4 * share).expand(2, -1), torch.poisson(1e2 * share).expand(2, -1)
    likelihood = make_likelihood("poisson", (4,), offset="total")
    likelihood.fit(torch.cat([deep, shallow]))
    outputs = likelihood.usual_log_total + share.log()[None]
    found = likelihood.log_prob(outputs, torch.stack([deep[0], shallow[0]])) - torch.stack(
        [torch.tensor(stats.poisson.logpmf(x, float(x.sum()) * share).sum()) for x in (deep[0], shallow[0])]
    )
    assert found.abs().max() < 0.01


def test_a_model_learns_it_from_training_rows_and_keeps_it():
    data = toy_data(("vector", "counts"), rows=48)
    changes = {"counts": {"likelihood": {"name": "poisson", "offset": "total"}}}
    model = mmgen.MultimodalVAE.create("elbo", data, latent_dim=2, modalities=changes)
    train = data.train[:]
    counts = train.data["counts"][train.available[:, 1]].double()
    totals = counts.flatten(1).sum(1)
    assert float(model.likelihoods[1].usual_log_total) == pytest.approx(
        float(totals[totals > 0].log().mean()), rel=1e-5
    )
    again = mmgen.MultimodalVAE.rebuild(model.description)
    again.load_state_dict(model.state_dict())
    assert float(again.likelihoods[1].usual_log_total) == float(model.likelihoods[1].usual_log_total)
    plain = mmgen.MultimodalVAE.create("elbo", data, latent_dim=2)
    assert not any("usual" in key for key in plain.state_dict())
