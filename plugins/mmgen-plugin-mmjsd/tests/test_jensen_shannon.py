"""The geometric Jensen-Shannon divergence against loops, under masks, and in float32."""

import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from mmgen.distributions import Gaussian, standard_normal
from mmgen.testing import experts_and_masks
from mmgen_plugin_mmjsd.jensen_shannon import geometric_jensen_shannon

EXTREME = 12 * math.log(10)


def divergence(q, available, prior=None):
    """With equal weights, and N(0, I) unless there is another prior."""
    prior = standard_normal(q[0]) if prior is None else prior
    return geometric_jensen_shannon(q, available, prior, torch.ones(len(q.mean)), 1.0)


def textbook_kl(m0, v0, m1, v1):
    return 0.5 * (math.log(v1 / v0) + (v0 + (m0 - m1) ** 2) / v1 - 1)


@pytest.mark.parametrize(("location", "variance"), [(0.0, 1.0), (0.7, 2.5)])
@given(case=experts_and_masks())
def test_is_its_formula_written_in_loops(case, location, variance):
    q, available = case
    prior = standard_normal(q[0]).map(torch.clone)
    prior.mean.fill_(location)
    prior.log_variance.fill_(math.log(variance))
    got = divergence(q, available, prior)
    for b in range(available.shape[0]):
        expected = 0.0
        for d in range(q.mean.shape[-1]):
            members = [(float(q.mean[m, b, d]), float(q.variance[m, b, d])) for m in available[b].nonzero()[:, 0]]
            members.append((location, variance))
            precision = sum(1 / v for _, v in members) / len(members)
            mean = sum(mu / v for mu, v in members) / len(members) / precision
            expected += sum(textbook_kl(mu, v, mean, 1 / precision) for mu, v in members) / len(members)
        assert float(got[b]) == pytest.approx(expected, rel=1e-9, abs=1e-9)
        assert float(got[b]) >= -1e-12


def test_experts_that_agree_with_the_prior_have_no_divergence_and_experts_far_apart_one_without_bound():
    torch.manual_seed(0)
    everything, zeros = torch.ones(2, 3, dtype=torch.bool), torch.zeros(3, 2, 2, dtype=torch.float64)
    same = Gaussian(torch.randn(1, 2, 2, dtype=torch.float64).expand(3, 2, 2), zeros)
    apart = Gaussian(same.mean + 1e3 * torch.arange(3)[:, None, None], zeros)
    torch.testing.assert_close(divergence(same, everything, same[0]), torch.zeros(2, dtype=torch.float64))
    assert (divergence(apart, everything) > 1e5).all()


@given(case=experts_and_masks())
def test_a_missing_modality_is_as_if_it_did_not_exist(case):
    q, available = case
    whole = divergence(q, available)
    assert whole.shape == available.shape[:1]
    for b in range(available.shape[0]):
        keep = available[b]
        torch.testing.assert_close(whole[b], divergence(q[keep][:, b : b + 1], keep[keep][None])[0])


@given(case=experts_and_masks(empty_rows=True), seed=st.integers(0, 100))
def test_the_order_of_the_modalities_does_not_matter(case, seed):
    q, available = case
    order = torch.randperm(available.shape[1], generator=torch.Generator().manual_seed(seed))
    torch.testing.assert_close(divergence(q, available), divergence(q[order], available[:, order]))


@given(case=experts_and_masks(mean=10, log_variance=(-EXTREME, EXTREME), empty_rows=True))
def test_values_and_gradients_are_finite_in_float32(case):
    q, available = case
    q = Gaussian(*(value.float().requires_grad_() for value in (q.mean, q.log_variance)))
    got = divergence(q, available)
    assert got.isfinite().all()
    total = (got / got.detach().abs().clamp(min=1)).sum()  # the largest are 1e24, and their sum must not overflow
    for gradient in torch.autograd.grad(total, (q.mean, q.log_variance)):
        assert gradient.isfinite().all()


def test_has_the_gradients_of_its_formula():
    torch.manual_seed(0)
    mean, log_variance = (torch.randn(3, 2, 2, dtype=torch.float64, requires_grad=True) for _ in range(2))
    available = torch.tensor([[True, False, True], [True, True, True]])
    assert torch.autograd.gradcheck(lambda m, v: divergence(Gaussian(m, v), available), (mean, log_variance))
