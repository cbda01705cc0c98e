"""Mixtures against loops; their samples against their weights."""

import math
from itertools import pairwise

import pytest
import torch
from hypothesis import given

import mmgen.distributions.mixture
from mmgen.distributions import Gaussian, Mixture, mixture_of_experts, uniform_log_weights
from mmgen.testing import experts, experts_and_masks

float64 = torch.float64


def with_weights(components):
    """The components with weights that differ between the rows."""
    return Mixture(components, torch.randn(components.mean.shape[:-1], dtype=float64).log_softmax(-2))


def far_apart(weights):
    """A mixture ``[C, B, 1]`` in which a sample tells its component: component c sits at 10 c with variance 1/100."""
    weights = torch.as_tensor(weights, dtype=float64)
    places = 10.0 * torch.arange(len(weights), dtype=float64)[:, None, None].expand(*weights.shape, 1)
    return Mixture(Gaussian(places, torch.full_like(places, math.log(0.01))), weights.log())


def component(z):
    return (z[..., 0] / 10).round().long()


def frequencies(mixture, draws):
    """How often each row drew each component, ``[C, B]``."""
    drawn = component(mixture.rsample((draws,)))
    return torch.nn.functional.one_hot(drawn, mixture.log_weights.shape[0]).double().mean(0).T


@given(experts(modalities=(1, 4)))
def test_log_prob_is_the_log_of_the_weighted_sum_of_densities(components):
    torch.manual_seed(0)
    mixture = with_weights(components)
    z = torch.randn(5, *components.mean.shape[1:], dtype=float64)
    got = mixture.log_prob(z)
    assert got.shape == (5, components.mean.shape[1])
    for k in range(5):
        for b in range(components.mean.shape[1]):
            terms = []
            for c in range(components.mean.shape[0]):
                log_density = math.log(float(mixture.weights[c, b]))
                for d in range(components.mean.shape[2]):
                    mean, variance = float(components.mean[c, b, d]), float(components.variance[c, b, d])
                    log_density -= 0.5 * math.log(2 * math.pi * variance) + (float(z[k, b, d]) - mean) ** 2 / (
                        2 * variance
                    )
                terms.append(log_density)
            highest = max(terms)
            expected = highest + math.log(sum(math.exp(term - highest) for term in terms))
            assert float(got[k, b]) == pytest.approx(expected, rel=1e-10, abs=1e-10)


@given(experts(modalities=(1, 4)))
def test_mean_and_variance_are_the_first_two_moments(components):
    torch.manual_seed(0)
    mixture = with_weights(components)
    for b in range(components.mean.shape[1]):
        for d in range(components.mean.shape[2]):
            parts = [
                (float(mixture.weights[c, b]), float(components.mean[c, b, d]), float(components.variance[c, b, d]))
                for c in range(components.mean.shape[0])
            ]
            mean = sum(weight * mu for weight, mu, _ in parts)
            second = sum(weight * (variance + mu**2) for weight, mu, variance in parts)
            assert float(mixture.mean[b, d]) == pytest.approx(mean, rel=1e-10, abs=1e-10)
            assert float(mixture.variance[b, d]) == pytest.approx(second - mean**2, rel=1e-8, abs=1e-8)


@given(experts(modalities=(1, 1)))
def test_a_mixture_of_one_is_its_component(single):
    mixture = Mixture.of(single[0])
    z = single.mean[0] + 1
    assert torch.equal(mixture.components.mean, single.mean)
    torch.testing.assert_close(mixture.log_prob(z), single[0].log_prob(z))
    torch.testing.assert_close(mixture.mean, single.mean[0])
    torch.testing.assert_close(mixture.variance, single.variance[0])
    torch.manual_seed(0)
    drawn = mixture.rsample((2,))
    torch.manual_seed(0)
    assert torch.equal(drawn, single[0].rsample((2,)))


@given(experts_and_masks(empty_rows=True))
def test_uniform_weights_sum_to_one_over_what_is_given(case):
    _, available = case
    weights = uniform_log_weights(available, float64).exp()
    for b in range(available.shape[0]):
        members = [m for m in range(available.shape[1]) if available[b, m]] or list(range(available.shape[1]))
        for m in range(available.shape[1]):
            assert float(weights[m, b]) == pytest.approx(1 / len(members) if m in members else 0.0, rel=1e-12)
    assert uniform_log_weights(available).dtype == torch.float32


def test_each_row_draws_its_components_by_its_weights():
    torch.manual_seed(0)
    weights = torch.tensor(
        [[0.2, 0.7, 0.05, 0.25], [0.5, 0.1, 0.05, 0.25], [0.3, 0.1, 0.6, 0.25], [0.0, 0.1, 0.3, 0.25]], dtype=float64
    )
    draws = 20_000
    error = (weights * (1 - weights) / draws).sqrt()
    assert ((frequencies(far_apart(weights), draws) - weights).abs() <= 4.5 * error).all()


@pytest.mark.parametrize(
    "weights", [[0.0, 0.4, 0.6], [0.4, 0.0, 0.6], [0.4, 0.6, 0.0], [0.0, 1.0, 0.0], [1.0, 0.0, 0.0], [0.0, 0.0, 1.0]]
)
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_components_without_weight_are_never_drawn(weights, dtype):
    torch.manual_seed(0)
    mixture = far_apart(torch.tensor(weights)[:, None].expand(3, 7))
    mixture = Mixture(mixture.components.map(lambda value: value.to(dtype)), mixture.log_weights.to(dtype))
    drawn = component(mixture.rsample((5_000,)))
    assert set(drawn.unique().tolist()) == {c for c, weight in enumerate(weights) if weight > 0}


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_the_smallest_and_largest_uniform_numbers_draw_the_first_and_last_component_with_weight(monkeypatch, dtype):
    weights = torch.tensor(
        [[0.0, 0.0, 0.3, 0.7, 0.0], [0.5, 0.0, 0.5, 0.0, 0.0], [0.0, 0.1, 0.2, 0.3, 0.4], [0.0, 1.0, 0.0, 0.0, 0.0]]
    ).T
    mixture = far_apart(weights)
    mixture = Mixture(mixture.components.map(lambda value: value.to(dtype)), mixture.log_weights.to(dtype))
    for number, expected in ((0.0, [2, 0, 1, 1]), (1 - torch.finfo(dtype).eps, [3, 2, 4, 1])):
        monkeypatch.setattr(
            mmgen.distributions.mixture,
            "stratified_uniform",
            lambda shape, like, n=number: torch.full(shape, n, dtype=dtype),
        )
        torch.manual_seed(0)
        assert component(mixture.rsample()).tolist() == expected


@pytest.mark.parametrize(("components", "rows"), [(4, 4), (3, 12), (7, 21)])
def test_equal_weights_give_every_component_an_equal_share_of_the_rows(components, rows):
    torch.manual_seed(0)
    drawn = component(far_apart(torch.full((components, rows), 1 / components)).rsample((200,)))
    for draw in drawn:
        assert torch.equal(draw.bincount(minlength=components), torch.full((components,), rows // components))


def test_equal_weights_give_every_component_its_share_to_within_one_row():
    torch.manual_seed(0)
    drawn = component(far_apart(torch.full((7, 16), 1 / 7)).rsample((200,)))
    counts = torch.stack([draw.bincount(minlength=7) for draw in drawn])
    assert counts.min() >= 2
    assert counts.max() <= 3


@pytest.mark.parametrize("rows", [1, 2, 5])
def test_fewer_rows_than_components_draw_every_component_by_weight(rows):
    torch.manual_seed(0)
    weights = torch.full((15, rows), 1 / 15, dtype=float64)
    got = frequencies(far_apart(weights), 20_000)
    assert ((got - weights).abs() <= 4.5 * math.sqrt(1 / 15 * 14 / 15 / 20_000)).all()


def test_rows_with_different_given_experts_draw_only_those():
    torch.manual_seed(0)
    given_ = torch.tensor([[True, False, True], [False, True, False], [False, False, False]])
    places = 10.0 * torch.arange(1, 4, dtype=float64)[:, None, None].expand(3, 3, 1)
    mixture = mixture_of_experts(Gaussian(places, torch.full_like(places, math.log(0.01))), given_)
    drawn = component(mixture.rsample((500,)))
    assert set(drawn[:, 0].tolist()) == {1, 3}
    assert set(drawn[:, 1].tolist()) == {2}
    nothing = mixture.rsample((4_000,))[:, 2]
    assert abs(float(nothing.mean())) < 0.07
    assert float(nothing.std()) == pytest.approx(1, abs=0.06)


def test_samples_have_the_mean_and_variance_of_the_mixture():
    torch.manual_seed(0)
    mixture = with_weights(Gaussian(torch.randn(3, 4, 2, dtype=float64), torch.randn(3, 4, 2, dtype=float64)))
    z = mixture.rsample((40_000,))
    assert ((z.mean(0) - mixture.mean).abs() < 4.5 * (mixture.variance / 40_000).sqrt()).all()
    torch.testing.assert_close(z.var(0), mixture.variance, rtol=0.1, atol=0)


def test_leading_dimensions_are_so_many_mixtures():
    torch.manual_seed(0)
    components = Gaussian(torch.randn(2, 3, 4, 2, dtype=float64), torch.randn(2, 3, 4, 2, dtype=float64))
    mixture = with_weights(components)
    z = torch.randn(2, 4, 2, dtype=float64)
    for lead in range(2):
        alone = Mixture(components[lead], mixture.log_weights[lead])
        torch.testing.assert_close(mixture.log_prob(z)[lead], alone.log_prob(z[lead]))
        torch.testing.assert_close(mixture.mean[lead], alone.mean)
        torch.testing.assert_close(mixture.variance[lead], alone.variance)
    assert mixture.rsample((5,)).shape == (5, 2, 4, 2)
    drawn = mixture.rsample((20_000,))
    assert ((drawn.mean(0) - mixture.mean).abs() < 4.5 * (mixture.variance / 20_000).sqrt()).all()


def test_one_sample_per_component_has_the_moments_of_the_component():
    torch.manual_seed(0)
    components = Gaussian(
        torch.randn(3, 20_000, 1, dtype=float64)[:, :1].repeat(1, 20_000, 1),
        torch.randn(3, 1, 1, dtype=float64).repeat(1, 20_000, 1),
    )
    z = Mixture(components, uniform_log_weights(torch.ones(20_000, 3, dtype=torch.bool), float64)).components.rsample()
    assert z.shape == (3, 20_000, 1)
    assert ((z.mean(1) - components.mean[:, 0]).abs() < 4.5 * components.scale[:, 0] / math.sqrt(20_000)).all()
    torch.testing.assert_close(z.var(1), components.variance[:, 0], rtol=0.05, atol=0)
    standardised = ((z - components.mean) / components.scale)[..., 0]
    for one, other in pairwise(standardised):
        assert abs(float((one * other).mean())) < 4.5 / math.sqrt(20_000)


def test_samples_carry_the_gradients_of_the_component_they_came_from():
    torch.manual_seed(0)
    mean, log_variance = (torch.randn(3, 4, 2, dtype=float64, requires_grad=True) for _ in range(2))
    log_weights = torch.randn(3, 4, dtype=float64).log_softmax(0)

    def draw(mean, log_variance):
        torch.manual_seed(5)
        return Mixture(Gaussian(mean, log_variance), log_weights).rsample((2,))

    def draw_each(mean, log_variance):
        torch.manual_seed(5)
        return Mixture(Gaussian(mean, log_variance), log_weights).components.rsample()

    assert torch.autograd.gradcheck(draw, (mean, log_variance))
    assert torch.autograd.gradcheck(draw_each, (mean, log_variance))
    gradient = torch.autograd.grad(draw(mean, log_variance).sum(), mean)[0]
    torch.testing.assert_close(
        gradient.sum(0), torch.full((4, 2), 2.0, dtype=float64)
    )  # one component per sample and row


def test_log_prob_has_the_gradients_of_its_formula():
    torch.manual_seed(0)
    mean, log_variance, scores, z = (
        torch.randn(shape, dtype=float64, requires_grad=True) for shape in [(3, 2, 2), (3, 2, 2), (3, 2), (4, 2, 2)]
    )
    assert torch.autograd.gradcheck(
        lambda m, v, s, z: Mixture(Gaussian(m, v), s.log_softmax(0)).log_prob(z), (mean, log_variance, scores, z)
    )
