"""What a posterior must be able to do: families of others with closed forms of their own, and those that can only be
drawn from.
"""

import math
from dataclasses import dataclass

import pytest
import torch
from torch import Tensor

from mmgen import MmgenError
from mmgen.distributions import (
    Component,
    Gaussian,
    Laplace,
    Mixture,
    Posterior,
    Pushed,
    Reference,
    has_density,
    is_drawn,
    kl_divergence,
    kl_gaussians,
    normal_noise,
    product_of_experts,
    register_kl,
    standard_normal,
    with_density,
)


@dataclass(frozen=True)
class Uniform:
    """Of a given width around a mean, in each dimension."""

    mean: Tensor
    width: Tensor

    @property
    def variance(self):
        return self.width.square() / 12

    def rsample(self, samples=()):
        noise = torch.special.ndtr(normal_noise((*samples, *self.mean.shape), self.mean))
        return self.mean + self.width * (noise - 0.5)

    def log_prob(self, z):
        inside = (z - self.mean).abs() <= self.width / 2
        return torch.where(inside, -self.width.log(), -torch.inf).sum(-1)

    def map(self, change):
        return type(self)(change(self.mean), change(self.width))

    def __getitem__(self, index):
        return self.map(lambda value: value[index])

    def choose(self, chosen):
        index = chosen[None, :, None].expand(1, -1, self.mean.shape[-1])
        return self.map(lambda value: value.gather(0, index)[0])


class Narrow(Uniform):
    """One that derives from it."""


class Drawn:
    """It has samples, as of a Markov chain, and no density."""

    def __init__(self, mean):
        self._mean = mean

    @property
    def mean(self):
        return self.rsample((10,)).mean(0)

    @property
    def variance(self):
        return self.rsample((10,)).var(0)

    def rsample(self, samples=()):
        return self._mean + normal_noise((*samples, *self._mean.shape), self._mean)

    def map(self, change):
        return Drawn(change(self._mean))

    def __getitem__(self, index):
        return Drawn(self._mean[index])

    def choose(self, chosen):
        raise NotImplementedError


def gaussian(rows=4, dims=2, seed=0):
    generator = torch.Generator().manual_seed(seed)
    return Gaussian(*torch.randn(2, rows, dims, generator=generator).double())


def uniform(kind=Uniform):
    q = gaussian()
    return kind(q.mean, q.scale)


def test_every_family_is_a_posterior_and_nothing_is_computed_to_see_that():
    q = gaussian()
    product = product_of_experts(q.map(lambda value: value[None]))
    for each in (q, Laplace(q.mean, q.log_variance), Mixture.of(q), product, uniform()):
        assert isinstance(each, Posterior) and isinstance(each, Reference)
    for each in (q, product, uniform(), Drawn(q.mean)):
        assert isinstance(each, Component)
    assert not product.computed
    assert isinstance(Drawn(q.mean), Posterior) and not isinstance(Drawn(q.mean), Reference)
    assert not isinstance(q.mean, Posterior)


def test_a_family_of_others_has_its_divergence_by_samples():
    torch.manual_seed(0)
    q, p = uniform(), gaussian(seed=1)
    z = q.rsample((4000,))
    expected = torch.zeros(4, dtype=torch.float64)
    for b in range(4):
        for d in range(2):
            mean, width = float(q.mean[b, d]), float(q.width[b, d])
            second = width**2 / 12 + (mean - float(p.mean[b, d])) ** 2
            expected[b] += -math.log(width) + 0.5 * (
                math.log(2 * math.pi) + float(p.log_variance[b, d]) + second / float(p.variance[b, d])
            )
    ratio = q.log_prob(z) - p.log_prob(z)
    assert ((kl_divergence(q, p, z) - expected).abs() < 5 * ratio.std(0) / 4000**0.5).all()
    assert kl_divergence(q, p).shape == (4,)


def test_a_closed_form_can_be_registered_and_the_nearest_one_counts():
    q, p = uniform(), gaussian(seed=1)
    narrow = uniform(Narrow)

    @register_kl(Uniform, Gaussian)
    def far(q, p):
        return torch.full_like(q.mean[..., 0], 1.0)

    assert torch.equal(kl_divergence(q, p), torch.ones(4).double())
    assert torch.equal(kl_divergence(narrow, p), torch.ones(4).double()), "what derives from a family has its form"
    assert torch.equal(kl_divergence(q, product_of_experts(p.map(lambda v: v[None]))), torch.ones(4).double())

    @register_kl(Narrow, Gaussian)
    def near(q, p):
        return torch.full_like(q.mean[..., 0], 2.0)

    assert torch.equal(kl_divergence(narrow, p), 2 * torch.ones(4).double())
    assert torch.equal(kl_divergence(q, p), torch.ones(4).double())
    torch.testing.assert_close(kl_divergence(p, p), kl_gaussians(p, p))
    with pytest.raises(MmgenError, match=r"a closed form of KL\(Uniform ‖ Gaussian\) already"):
        register_kl(Uniform, Gaussian)


def test_a_family_of_others_can_be_mixed_and_pushed():
    q = uniform()
    mixture = Mixture(q.map(lambda value: torch.stack([value, value + 1])), torch.full((2, 4), 0.5).double().log())
    torch.manual_seed(0)
    z = mixture.rsample()
    assert z.shape == (4, 2) and mixture.log_prob(z).isfinite().all()

    class Shift:
        def push(self, u, context):
            return u + 1, torch.zeros_like(u[..., 0])

        def pull(self, z, context):
            return z - 1, torch.zeros_like(z[..., 0])

    pushed = Pushed(q, Shift())
    z = q.rsample()
    torch.testing.assert_close(pushed.log_prob(z + 1), q.log_prob(z))


def test_what_can_only_be_drawn_from_says_so():
    drawn, q = Drawn(torch.zeros(4, 2).double()), gaussian()
    mixture = Mixture(drawn.map(lambda value: value[None]), torch.zeros(1, 4).double())
    for each in (drawn, mixture):
        assert is_drawn(each) and not has_density(each)
        assert each.rsample((3,)).shape == (3, 4, 2)
        with pytest.raises(MmgenError, match="Drawn can only be drawn from: it has no log_prob"):
            kl_divergence(each, standard_normal(q))
        with pytest.raises(MmgenError, match="needs the density"):
            with_density(each)
    with pytest.raises(MmgenError, match="needs the density"):
        kl_divergence(q, mixture)
    with pytest.raises(MmgenError, match="needs the density"):
        mixture.log_prob(q.mean)
    assert with_density(q) is q


def test_a_point_has_no_density():
    q = gaussian()
    assert has_density(q) and has_density(Mixture.of(q)) and not is_drawn(Gaussian.point(q.mean))
    assert not has_density(Gaussian.point(q.mean)) and not has_density(Mixture.of(Gaussian.point(q.mean)))
