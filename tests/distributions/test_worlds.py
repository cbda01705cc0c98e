"""The linear-Gaussian world against its joint covariance, written out."""

import math

import pytest
import torch

from mmgen.distributions import Gaussian, product_of_experts, standard_normal
from mmgen.testing import LinearGaussianWorld

SUBSETS = [[0], [2], [0, 1], [1, 2], [0, 1, 2]]
worlds = pytest.mark.parametrize("orthogonal", [False, True])


def joint(world, members):
    """Mean and covariance of (z, x_S) from z ~ N(0, I) and x = W z + b + s ε."""
    w = torch.cat([world.loadings[m] for m in members])
    noise = torch.cat([world.scales[m].expand(world.dims[m]) ** 2 for m in members]).diag()
    offset = torch.cat([world.offsets[m] for m in members])
    return w, offset, w @ w.T + noise


@worlds
@pytest.mark.parametrize("members", SUBSETS)
def test_log_evidence_is_the_density_of_the_marginal(orthogonal, members):
    world = LinearGaussianWorld(orthogonal=orthogonal, seed=1)
    _, x = world.sample(6)
    _, offset, covariance = joint(world, members)
    expected = torch.distributions.MultivariateNormal(offset, covariance).log_prob(
        torch.cat([x[m] for m in members], -1)
    )
    torch.testing.assert_close(world.log_evidence(x, members), expected)
    mask = torch.tensor([[m in members for m in range(3)]]).repeat(6, 1)
    mask[0] = False
    torch.testing.assert_close(world.log_evidence(x, mask)[1:], expected[1:])
    assert float(world.log_evidence(x, mask)[0]) == 0
    if len(members) == 3:
        torch.testing.assert_close(world.log_evidence(x), expected)


@worlds
@pytest.mark.parametrize("members", SUBSETS)
def test_posterior_is_the_joint_gaussian_conditioned(orthogonal, members):
    world = LinearGaussianWorld(orthogonal=orthogonal, seed=1)
    _, x = world.sample(6)
    w, offset, covariance = joint(world, members)
    gain = w.T @ torch.linalg.inv(covariance)
    mean, got = world.posterior(x, members)
    torch.testing.assert_close(mean, (torch.cat([x[m] for m in members], -1) - offset) @ gain.T)
    torch.testing.assert_close(got, (torch.eye(2, dtype=torch.float64) - gain @ w).expand(6, -1, -1))
    diagonal = (got - torch.diag_embed(got.diagonal(dim1=1, dim2=2))).abs().max() < 1e-12
    assert bool(diagonal) == orthogonal


@worlds
def test_bayes_rule_holds_at_every_code(orthogonal):
    world = LinearGaussianWorld(orthogonal=orthogonal, seed=2)
    z, x = world.sample(5)
    mean, covariance = world.posterior(x, [0, 2])
    posterior = torch.distributions.MultivariateNormal(mean, covariance)
    for code in (z, torch.zeros_like(z), 3 * z + 1):
        likelihood = world.log_likelihood(code, x, 0) + world.log_likelihood(code, x, 2)
        prior = standard_normal(code).log_prob(code)
        torch.testing.assert_close(likelihood + prior - posterior.log_prob(code), world.log_evidence(x, [0, 2]))
    for m in range(3):
        reference = torch.distributions.Normal(z @ world.loadings[m].T + world.offsets[m], world.scales[m])
        torch.testing.assert_close(world.log_likelihood(z, x, m), reference.log_prob(x[m]).sum(-1))
        torch.testing.assert_close(world.log_likelihood(torch.stack([z, -z]), x, m)[0], world.log_likelihood(z, x, m))


@worlds
def test_conditional_entropy_is_that_of_the_conditional_covariance(orthogonal):
    world = LinearGaussianWorld(orthogonal=orthogonal, seed=3)
    for of, given_ in ([[0, 1], [2]], [[0], [1, 2]], [[1], []], [[0, 1, 2], []]):
        _, _, covariance = joint(world, [*of, *given_])
        n = sum(world.dims[m] for m in of)
        conditional = covariance[:n, :n]
        if given_:
            conditional = conditional - covariance[:n, n:] @ torch.linalg.inv(covariance[n:, n:]) @ covariance[n:, :n]
        expected = 0.5 * float(torch.logdet(2 * math.pi * math.e * conditional))
        assert world.conditional_entropy(of, given_) == pytest.approx(expected, rel=1e-10)
    assert world.conditional_entropy([0], [0, 1]) == 0
    _, x = world.sample(20_000)
    surprise = world.log_evidence(x, [2]) - world.log_evidence(x)
    assert float(surprise.mean()) == pytest.approx(
        world.conditional_entropy([0, 1], [2]), abs=4.5 * float(surprise.std()) / math.sqrt(20_000)
    )


def test_experts_of_the_orthogonal_world_are_the_likelihood_as_a_function_of_the_code():
    world = LinearGaussianWorld(orthogonal=True, seed=4)
    z, x = world.sample(5)
    for m in range(3):
        expert = world.expert(x[m], m)
        ratio = torch.stack([world.log_likelihood(code, x, m) - expert.log_prob(code) for code in (z, 0 * z, z + 1)])
        torch.testing.assert_close(ratio[1:], ratio[:1].expand(2, -1))


@pytest.mark.parametrize("members", SUBSETS)
def test_product_of_the_experts_and_the_prior_is_the_posterior(members):
    world = LinearGaussianWorld(orthogonal=True, seed=5)
    _, x = world.sample(5)
    mask = torch.tensor([[m in members for m in range(3)]]).expand(5, -1)
    product = product_of_experts(world.experts(x), mask, prior=True)
    mean, covariance = world.posterior(x, members)
    torch.testing.assert_close(product.mean, mean)
    torch.testing.assert_close(torch.diag_embed(product.variance), covariance)


@worlds
def test_an_elbo_lies_below_the_evidence_and_touches_it_with_the_posterior(orthogonal):
    torch.manual_seed(0)
    world = LinearGaussianWorld(orthogonal=orthogonal, seed=6)
    _, x = world.sample(4)
    mean, covariance = world.posterior(x)
    q = Gaussian(mean, covariance.diagonal(dim1=1, dim2=2).log())

    def elbo(q):
        z = q.rsample((2_000,))
        return sum(world.log_likelihood(z, x, m) for m in range(3)) + standard_normal(z).log_prob(z) - q.log_prob(z)

    gap = world.log_evidence(x) - elbo(q).mean(0)
    if orthogonal:
        torch.testing.assert_close(elbo(q), world.log_evidence(x).expand(2_000, -1))
    else:
        assert (gap > 0).all()
    worse = elbo(Gaussian(q.mean + 0.5, q.log_variance))
    assert (worse.mean(0) + 4.5 * worse.std(0) / math.sqrt(2_000) < world.log_evidence(x)).all()


def test_a_world_is_its_seed_and_each_sample_is_new():
    one, same, other = LinearGaussianWorld(seed=1), LinearGaussianWorld(seed=1), LinearGaussianWorld(seed=2)
    first = one.sample(3)[1][0]
    assert torch.equal(first, same.sample(3)[1][0])
    assert not torch.equal(first, one.sample(3)[1][0])
    assert not torch.equal(first, other.sample(3)[1][0])


def test_samples_have_the_moments_of_the_world():
    world = LinearGaussianWorld(dims=(2, 3), latent_dim=2, seed=7)
    _, x = world.sample(50_000)
    _, offset, covariance = joint(world, [0, 1])
    together = torch.cat(x, -1)
    torch.testing.assert_close(
        together.mean(0), offset, rtol=0, atol=4.5 * float(covariance.diagonal().max() / 50_000) ** 0.5
    )
    torch.testing.assert_close(together.T.cov(), covariance, rtol=0, atol=0.03 * float(covariance.diagonal().max()))


def test_what_an_orthogonal_world_needs_is_said():
    with pytest.raises(ValueError, match="at least 3 dimensions, not 2"):
        LinearGaussianWorld(dims=(2, 5), latent_dim=3, orthogonal=True)
    with pytest.raises(ValueError, match="orthogonal world only"):
        LinearGaussianWorld().expert(torch.zeros(1, 4, dtype=torch.float64), 0)
