"""Flows against quadrature in one and two dimensions, against derivatives of maps, and in batches that are cut."""

import math
import sys

import numpy as np
import pytest
import torch

from mmgen import MmgenError
from mmgen.distributions import (
    Gaussian,
    Laplace,
    Mixture,
    Pushed,
    central_noise,
    fixed_points,
    kl_divergence,
    share_of_batch,
    standard_normal,
)
from mmgen.networks import Flow


def flow(kind, quick, coupling=False, features=2, context=0, seed=0):
    """A small one that is not near the identity."""
    torch.manual_seed(seed)
    layers = 1 if kind == "nsf" and features == 2 else 2  # splines have kinks, along which quadrature is slow
    made = Flow(features, context, kind=kind, quick=quick, coupling=coupling, hidden=(8,), transforms=layers).double()
    return made.requires_grad_(False)


def integral(density, half_width, most=2e-9):
    """∫ over a square, by Gauss and Legendre in cells that are cut into four until nothing changes."""
    points, weights = (torch.from_numpy(each) for each in np.polynomial.legendre.leggauss(6))
    offsets, shares = torch.cartesian_prod(points, points), torch.cartesian_prod(weights, weights).prod(-1)

    def of(centres, size):
        z = centres[:, None] + size / 2 * offsets
        return (density(z.flatten(0, 1)).reshape(len(centres), -1) * shares).sum(-1) * size**2 / 4

    size = 0.5
    middles = torch.arange(-half_width + size / 2, half_width, size, dtype=torch.float64)
    centres = torch.cartesian_prod(middles, middles)
    values, total = of(centres, size), 0.0
    for _ in range(12):
        corners = torch.cartesian_prod(*[torch.tensor([-0.25, 0.25], dtype=torch.float64)] * 2)
        children = (centres[:, None] + size * corners).flatten(0, 1)
        finer = of(children, size / 2)
        settled = (finer.reshape(-1, 4).sum(-1) - values).abs() < most
        total += float(finer.reshape(-1, 4)[settled].sum())
        again = (~settled).repeat_interleave(4)
        centres, values, size = children[again], finer[again], size / 2
        if not len(centres):
            return total
    return total + float(values.sum())


@pytest.mark.parametrize("quick", ["push", "pull"])
@pytest.mark.parametrize("kind", ["maf", "nsf"])
def test_the_density_integrates_to_one_in_two_dimensions(kind, quick):
    base = Gaussian(torch.tensor([[0.3, -0.2]]).double(), torch.tensor([[0.1, -0.4]]).double())
    q = Pushed(base, flow(kind, quick))
    assert integral(lambda z: q.log_prob(z[:, None]).exp()[:, 0], 10.0) == pytest.approx(1, abs=1e-6)


@pytest.mark.parametrize("kind", ["maf", "nsf"])
@pytest.mark.parametrize("family", [Gaussian, Laplace])
def test_the_density_integrates_to_one_in_one_dimension_and_has_the_samples(kind, family):
    q = Pushed(
        family(torch.full((1, 1), 0.5).double(), torch.full((1, 1), -0.5).double()), flow(kind, "push", False, 1)
    )
    grid = torch.linspace(-30, 30, 1_000_001, dtype=torch.float64)
    density = q.log_prob(grid[:, None, None])[:, 0].exp()
    assert float(torch.trapezoid(density, grid)) == pytest.approx(1, abs=1e-6)
    torch.manual_seed(0)
    z = q.rsample((100_000,))[:, 0, 0]
    for moment in (1, 2):
        expected = float(torch.trapezoid(density * grid**moment, grid))
        error = float((z**moment).std()) / len(z) ** 0.5
        assert abs(float((z**moment).mean()) - expected) < 5 * error


@pytest.mark.parametrize("coupling", [False, True])
@pytest.mark.parametrize("quick", ["push", "pull"])
@pytest.mark.parametrize("kind", ["maf", "nsf"])
def test_the_map_is_inverted_and_its_determinants_are_those_of_its_derivatives(kind, quick, coupling):
    made = flow(kind, quick, coupling, features=3, context=2)
    u, context = torch.randn(5, 3).double(), torch.randn(5, 2).double()
    z, log_det = made.push(u, context)
    back, other = made.pull(z, context)
    torch.testing.assert_close(back, u)
    torch.testing.assert_close(other, -log_det)
    for row in range(5):
        jacobian = torch.autograd.functional.jacobian(lambda v, c=context[row]: made.push(v, c)[0], u[row])
        torch.testing.assert_close(torch.linalg.slogdet(jacobian).logabsdet, log_det[row])
    assert not torch.allclose(made.push(u, context + 1)[0], z), "the context does nothing"


@pytest.mark.parametrize("quick", ["push", "pull"])
def test_the_density_of_own_samples_is_that_of_any_other_z(quick):
    q = Pushed(standard_normal(torch.zeros(4, 2).double()), flow("nsf", quick))
    z = q.rsample((3,))
    torch.testing.assert_close(q.log_prob(z), q.log_prob(z.clone()))


@pytest.mark.parametrize("kind", ["maf", "nsf"])
def test_the_divergence_is_that_of_quadrature(kind):
    base = Gaussian(torch.tensor([[0.3, -0.2]]).double(), torch.tensor([[0.1, -0.4]]).double())
    q, p = Pushed(base, flow(kind, "push")), Pushed(standard_normal(base), flow(kind, "pull", seed=1))

    def integrand(z):
        log_q, log_p = q.log_prob(z[:, None])[:, 0], p.log_prob(z[:, None])[:, 0]
        return log_q.exp() * (log_q - log_p)

    expected = integral(integrand, 10.0, most=1e-6)
    torch.manual_seed(0)
    z = q.rsample((50_000,))
    ratio = q.log_prob(z) - p.log_prob(z)
    estimate, error = float(kl_divergence(q, p, z)), float(ratio.std()) / len(z) ** 0.5
    assert error < 0.02 * abs(expected)
    assert abs(estimate - expected) < 5 * error


def test_gradients_of_the_divergence_are_those_of_finite_differences():
    made = flow("maf", "push").requires_grad_(True)
    p = Laplace(torch.zeros(1, 2).double(), torch.zeros(1, 2).double())
    mean = torch.tensor([[0.3, -0.2]], dtype=torch.float64, requires_grad=True)
    weights = [mean, *made.parameters()]

    def value():
        torch.manual_seed(0)
        q = Pushed(Gaussian(mean, torch.zeros_like(mean)), made)
        return kl_divergence(q, p, q.rsample((5,))).sum()

    gradients = torch.autograd.grad(value(), weights)
    for weight, gradient in zip(weights, gradients):
        entry = int(gradient.abs().argmax())
        with torch.no_grad():
            ends = []
            for step in (1e-6, -1e-6):
                weight.view(-1)[entry] += step
                ends.append(float(value()))
                weight.view(-1)[entry] -= step
        assert float(gradient.view(-1)[entry]) == pytest.approx((ends[0] - ends[1]) / 2e-6, rel=1e-5)


@pytest.mark.parametrize("family", [Gaussian, Laplace])
def test_moments_are_those_of_many_samples(family):
    base = family(torch.randn(4, 3).double(), torch.randn(4, 3).double() - 1)
    q = Pushed(base, flow("nsf", "push", features=3))
    torch.manual_seed(0)
    z = q.rsample((40_000,))
    assert ((q.mean - z.mean(0)).abs() < 0.05 * z.std(0)).all()
    assert ((q.variance / z.var(0)).log().abs() < 0.1).all()


@pytest.mark.parametrize("family", [Gaussian, Laplace])
def test_moments_of_affine_maps_are_exact(family):
    class Affine:
        def push(self, u, context):
            return u * context.exp() + 3, context.sum(-1)

        def pull(self, z, context):
            return (z - 3) * (-context).exp(), -context.sum(-1)

    base = family(torch.randn(4, 3).double(), torch.randn(4, 3).double())
    context = torch.randn(4, 3).double()
    q = Pushed(base, Affine(), context)
    torch.testing.assert_close(q.mean, base.mean * context.exp() + 3)
    torch.testing.assert_close(q.variance, base.variance * (2 * context).exp())
    with central_noise():
        torch.testing.assert_close(q.rsample((2,)), q.mean.expand(2, -1, -1))


def test_fixed_points_have_the_moments_of_the_noise_and_draw_nothing():
    before = torch.random.get_rng_state()
    with central_noise(), fixed_points():
        normal = standard_normal(torch.zeros(2, 5).double()).rsample((64,))
        laplace = Laplace(*[torch.zeros(2, 5).double()] * 2).rsample((64,))
    assert torch.equal(torch.random.get_rng_state(), before)
    assert torch.equal(normal[:, 0], normal[:, 1])
    for points, variance in ((normal, 1.0), (laplace, 2.0)):
        torch.testing.assert_close(points.mean(0), torch.zeros(2, 5).double(), atol=1e-12, rtol=0)
        torch.testing.assert_close(points.square().mean(0), torch.full((2, 5), variance).double())


@pytest.mark.parametrize("components", [1, 3])
def test_cutting_a_batch_changes_no_sample(components):
    torch.manual_seed(1)
    made = flow("nsf", "push", features=3, context=6)
    base = Gaussian(torch.randn(components, 6, 3).double(), torch.randn(components, 6, 3).double())
    context = torch.cat([base.mean, base.log_variance], -1)
    log_weights = torch.randn(components, 6).double().log_softmax(0)
    rows = torch.tensor([True, False, True, True, True, True])[:, None].expand(components, 6, 1)

    def draw(some):
        cut = Pushed(base, made, context, rows).map(lambda value: value[:, some])
        torch.manual_seed(5)
        return Mixture(cut, log_weights[:, some]).rsample((2,))

    whole = draw(slice(0, 6))
    for some in (slice(0, 2), slice(2, 6)):
        with share_of_batch(some.start, some.stop, 6):
            torch.testing.assert_close(draw(some), whole[:, some])


def test_shapes_are_changed_with_everything_that_a_row_has():
    made = flow("maf", "push", features=2, context=4)
    base = Gaussian(torch.randn(3, 5, 2).double(), torch.randn(3, 5, 2).double())
    rows = torch.rand(3, 5, 1) < 0.5
    q = Pushed(base, made, torch.cat([base.mean, base.log_variance], -1), rows)
    z = torch.randn(5, 2).double()
    each = q.log_prob(z)
    torch.testing.assert_close(q[1].log_prob(z), each[1])
    chosen = torch.tensor([0, 2, 1, 1, 0])
    torch.testing.assert_close(q.choose(chosen).log_prob(z), each[chosen, torch.arange(5)])
    mixture = Mixture.of(q)
    assert mixture.components.rsample().shape == (3, 1, 5, 2)
    torch.testing.assert_close(mixture.log_prob(z), each)
    expected = base.log_prob(z)
    assert torch.equal(each[~rows[..., 0]], expected[~rows[..., 0]]), "what is not pushed is the base"
    assert not torch.isclose(each, expected)[rows[..., 0]].any()


def test_what_was_made_without_gradients_has_none_later():
    made = flow("maf", "push").requires_grad_(True)
    base = standard_normal(torch.zeros(4, 2).double())
    with torch.no_grad():
        q = Pushed(base, made)
    z = q.rsample()
    for each in (q, q[1:]):
        for value in (each.mean, each.variance, each.rsample(), each.log_prob(z[-len(each.base.mean) :])):
            assert not value.requires_grad
    assert q.log_prob(z.requires_grad_()).requires_grad
    with_gradients = Pushed(base, made)
    with torch.no_grad():
        assert with_gradients.mean.requires_grad and not with_gradients.rsample().requires_grad


def test_outside_its_splines_a_flow_is_the_identity():
    made = flow("nsf", "push", features=1)
    u = torch.tensor([[-40.0], [7.0]], dtype=torch.float64)
    z, log_det = made.push(u)
    assert torch.equal(z, u)
    assert torch.equal(log_det, torch.zeros(2).double())
    q = Pushed(standard_normal(u), made)
    assert float(q.log_prob(u)[1]) == pytest.approx(-0.5 * (49 + math.log(2 * math.pi)))


def test_without_zuko_a_sentence_says_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "zuko", None)
    with pytest.raises(MmgenError, match=r"need the package zuko: pip install 'mmgen-core\[flows\]'"):
        Flow(2)
