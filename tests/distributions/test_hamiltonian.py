"""Hamiltonian Monte Carlo: a step written out, what it leaves unchanged, and where the energy is no number."""

import math

import pytest
import torch

from mmgen.distributions import central_noise, hamiltonian, normal_noise, share_of_batch, uniform_noise

COVARIANCE = torch.tensor([[1.0, 0.6], [0.6, 0.5]], dtype=torch.float64)
MEAN = torch.tensor([1.0, -2.0], dtype=torch.float64)


def log_density(z):
    centred = z - MEAN
    return -0.5 * (centred * (centred @ COVARIANCE.inverse())).sum(-1)


@pytest.mark.parametrize("step_size", [0.1, 1.3])
def test_a_step_is_the_one_written_out(step_size):
    """Leaps of each row in loops; of a large step some are refused."""
    torch.manual_seed(0)
    start = torch.randn(6, 2, dtype=torch.float64)
    torch.manual_seed(1)
    r, u = normal_noise((6, 2), start), uniform_noise((6,), start)
    torch.manual_seed(1)
    z, taken = hamiltonian(log_density, start, steps=1, leapfrog=3, step_size=step_size)
    precision = COVARIANCE.inverse().tolist()

    def slope(place):
        return [-sum(precision[i][j] * (place[j] - float(MEAN[j])) for j in range(2)) for i in range(2)]

    def energy(place, momentum):
        return -float(log_density(torch.tensor(place, dtype=torch.float64))) + 0.5 * sum(p * p for p in momentum)

    for b in range(6):
        place, momentum = start[b].tolist(), r[b].tolist()
        before = energy(place, momentum)
        for _ in range(3):
            momentum = [p + step_size / 2 * g for p, g in zip(momentum, slope(place))]
            place = [x + step_size * p for x, p in zip(place, momentum)]
            momentum = [p + step_size / 2 * g for p, g in zip(momentum, slope(place))]
        goes = float(u[b]) < math.exp(before - energy(place, momentum))
        assert bool(taken[b]) == goes
        torch.testing.assert_close(z[b].tolist(), place if goes else start[b].tolist())


def test_what_is_drawn_stays_drawn():
    """Chains that begin at draws of the density are draws of it after many steps, and have moved."""
    torch.manual_seed(0)
    start = MEAN + torch.randn(3000, 2, dtype=torch.float64) @ torch.linalg.cholesky(COVARIANCE).T
    z, taken = hamiltonian(log_density, start, steps=10, leapfrog=4, step_size=0.4)
    assert 0.4 < float(taken.mean()) < 0.999
    torch.testing.assert_close(z.mean(0), MEAN, rtol=0, atol=0.08)
    torch.testing.assert_close(z.T.cov(), COVARIANCE, rtol=0, atol=0.08)
    assert float((z - start).norm(dim=-1).median()) > 0.5


def test_it_stays_where_the_energy_is_no_number():
    start = torch.ones(4, 2, dtype=torch.float64)
    z, taken = hamiltonian(lambda z: z.log().sum(-1).mul(100), start, steps=3, leapfrog=2, step_size=5.0)
    assert z.isfinite().all() and (z > 0).all() and (taken < 1).any()


def test_noise_is_that_of_the_rows():
    """Chains of a part of a batch are those of the whole, and have no gradients."""
    start = torch.zeros(6, 2, dtype=torch.float64, requires_grad=True)
    chain = {"steps": 2, "leapfrog": 2, "step_size": 0.3}
    torch.manual_seed(0)
    whole, _ = hamiltonian(log_density, start, **chain)
    torch.manual_seed(0)
    with share_of_batch(2, 5, 6):
        part, _ = hamiltonian(log_density, start[2:5], **chain)
    torch.testing.assert_close(part, whole[2:5], rtol=0, atol=1e-12)
    assert not whole.requires_grad
    with central_noise():
        one, other = (hamiltonian(log_density, start[:2], **chain)[0] for _ in range(2))
    assert torch.equal(one, other)
