"""Importance-weighted bounds against their definition, in value and in gradient."""

import math

import pytest
import torch

from mmgen.distributions import Gaussian, Mixture
from mmgen.models import importance_weighted, reparameterise_again

M, K, C, B, BETA = 2, 3, 2, 4, 0.6


def numbers():
    generator = torch.Generator().manual_seed(0)
    log_likelihood = torch.randn(M, K, C, B, dtype=torch.float64, generator=generator).requires_grad_()
    log_ratio = torch.randn(K, C, B, dtype=torch.float64, generator=generator).requires_grad_()
    log_shares = torch.randn(C, B, dtype=torch.float64, generator=generator).log_softmax(0)
    log_shares[0, 1], log_shares[1, 1] = -torch.inf, 0.0
    return log_likelihood, log_ratio, log_shares


@pytest.mark.parametrize("tight", [False, True])
def test_terms_have_the_value_and_the_gradient_of_the_bound(tight):
    log_likelihood, log_ratio, log_shares = numbers()
    terms, _ = importance_weighted(log_likelihood, log_ratio, log_shares, BETA, tight=tight)
    expected = []
    for b in range(B):
        parts = []
        for c in range(C):
            share = log_shares[c, b].exp()
            for k in range(K):
                w = (sum(log_likelihood[m, k, c, b] for m in range(M)) - BETA * log_ratio[k, c, b]).exp()
                parts.append((c, share, w))
        if tight:
            expected.append(sum(share * w / K for _, share, w in parts).log())
        else:
            bound = 0.0
            for c in range(C):
                share = log_shares[c, b].exp()
                bound = bound + share * (sum(w for d, _, w in parts if d == c) / K).log()
            expected.append(bound)
    expected = torch.stack(expected)
    torch.testing.assert_close(terms.value(BETA), expected)
    assert (terms.others["importance"] <= 1e-12).all()
    inputs = (log_likelihood, log_ratio)
    for one, two in zip(
        torch.autograd.grad(terms.value(BETA).sum(), inputs, retain_graph=True),
        torch.autograd.grad(expected.sum(), inputs),
    ):
        torch.testing.assert_close(one, two)


def test_a_gradient_is_weighted_once_more():
    z = torch.ones(K, C, B, 2, dtype=torch.float64, requires_grad=True)
    again, normalised = z * 1.0, torch.rand(K, C, B, dtype=torch.float64)
    reparameterise_again(again, normalised)
    (gradient,) = torch.autograd.grad((3.0 * again).sum(), z)
    torch.testing.assert_close(gradient, 3.0 * normalised[..., None].expand_as(z))
    reparameterise_again(torch.ones(2, 3), torch.ones(2))  # nothing to weight


def test_draws_of_components_that_a_row_lacks_are_zeros():
    components = Gaussian(torch.full((2, 3, 2), 5.0), torch.zeros(2, 3, 2))
    log_weights = torch.tensor([[0.0, math.log(0.5), -math.inf], [-math.inf, math.log(0.5), 0.0]])
    torch.manual_seed(0)
    z = Mixture(components, log_weights).rsample_each((4,))
    torch.manual_seed(0)
    drawn = components.rsample((4,))
    there = (log_weights > -math.inf)[..., None]
    assert z.shape == (4, 2, 3, 2) and not z[:, ~there.squeeze(-1)].any()
    torch.testing.assert_close(z.where(there, drawn), drawn)
