"""Quantiles against SciPy."""

import numpy as np
import pytest
import torch
from scipy import stats

from mmgen.data import make_likelihood

P = (0.025, 0.05, 0.5, 0.9, 0.975)


def of(tensor):
    return tensor.detach().double().numpy()


REFERENCES = {
    "normal": ({"scale": 0.6}, lambda p, own: stats.norm(of(p[0]), 0.6)),
    "squared-error": ({}, lambda p, own: stats.norm(of(p[0]), 0.5**0.5)),
    "laplace": ({"scale": 0.75}, lambda p, own: stats.laplace(of(p[0]), 0.75)),
    "student-t": (
        {"scale": 0.6, "degrees_kind": "learned"},
        lambda p, own: stats.t(of(own.log_degrees.exp()), of(p[0]), 0.6),
    ),
    "log-normal": ({"scale": 0.6}, lambda p, own: stats.lognorm(0.6, scale=np.exp(of(p[0])))),
    "beta": (
        {},
        lambda p, own: stats.beta(of(p[0].sigmoid() * p[1].exp()), of((1 - p[0].sigmoid()) * p[1].exp())),
    ),
    "bernoulli": ({}, lambda p, own: stats.bernoulli(of(p[0].sigmoid()))),
    "poisson": ({}, lambda p, own: stats.poisson(np.exp(of(p[0])))),
    "negative-binomial": (
        {},
        lambda p, own: stats.nbinom(of(own.log_r.exp()), 1 / (1 + np.exp(of(p[0] - own.log_r)))),
    ),
}


@pytest.mark.parametrize("name", REFERENCES)
@pytest.mark.parametrize("p", P)
def test_quantiles_are_those_of_scipy(name, p):
    torch.manual_seed(0)
    options, reference = REFERENCES[name]
    likelihood = make_likelihood(name, (2, 3), **options).double()
    parameters = torch.randn(likelihood.outputs, 2, 3, dtype=torch.float64)
    expected = torch.tensor(reference(parameters, likelihood).ppf(p), dtype=torch.float64)
    torch.testing.assert_close(likelihood.quantile(parameters, p), expected, rtol=1e-6, atol=1e-6)


@pytest.mark.parametrize("p", P)
def test_those_of_counts_with_further_zeros_and_of_ordered_categories_by_their_definition(p):
    torch.manual_seed(0)
    for name, categories, most in (("zero-inflated-negative-binomial", None, 2000), ("ordinal", 4, 4)):
        likelihood = make_likelihood(name, (3,), categories=categories).double()
        parameters = torch.randn(likelihood.outputs, 3, dtype=torch.float64)
        x = torch.arange(most)[:, None].expand(-1, 3)
        probability = likelihood.pointwise(parameters.expand(most, -1, -1), x).exp().detach()
        expected = (probability.cumsum(0) < p).sum(0)
        assert likelihood.quantile(parameters, p).tolist() == expected.tolist()


def test_categories_without_an_order_have_none():
    likelihood = make_likelihood("categorical", (2,), categories=3)
    with pytest.raises(NotImplementedError, match="Categorical has no quantiles: its categories have no order"):
        likelihood.quantile(torch.zeros(3, 2), 0.5)
