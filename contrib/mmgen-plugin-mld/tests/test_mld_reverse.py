"""The way back by an exact score: in a Gaussian world it draws what is known of the conditional distribution."""

import math

import pytest
import torch

from mmgen_plugin_mld.sde import VariancePreserving, visited

SDE = VariancePreserving(0.1, 20.0)
COVARIANCE = torch.tensor(
    [[1.0, 0.4, 0.6, -0.2], [0.4, 1.0, 0.5, 0.3], [0.6, 0.5, 1.0, 0.1], [-0.2, 0.3, 0.1, 1.0]], dtype=torch.float64
)  # two modalities of two dimensions, as a linear map of a common latent with Gaussian noise makes them
MEAN = torch.tensor([0.5, -0.3, 0.2, 0.1], dtype=torch.float64)


def conditional(known):
    """Mean and covariance of the first two coordinates given the others, by the formulas for Gaussians."""
    across, inverse = COVARIANCE[:2, 2:], torch.linalg.inv(COVARIANCE[2:, 2:])
    return MEAN[:2] + across @ inverse @ (known - MEAN[2:]), COVARIANCE[:2, :2] - across @ inverse @ across.T


def drawn(score, known, held, steps, **options):
    torch.manual_seed(0)
    rows = known.expand(20_000, 4)
    return SDE.reverse(score, rows, held.expand(20_000, 4), steps, **options)


@pytest.mark.parametrize("options", [{}, {"repeats": 2, "jump": 10}])
def test_a_conditional_gaussian_is_drawn_by_its_exact_score(options):
    known = torch.tensor([0.0, 0.0, 1.3, -0.7], dtype=torch.float64)
    centre, covariance = conditional(known[2:])

    def score(u, t):
        """∇ log N(u_1; α m, α² C + σ² I) in the coordinates that are noised; others are never looked at."""
        alpha, sigma = float(SDE.mean(t)), float(SDE.spread(t))
        noisy = alpha**2 * covariance + sigma**2 * torch.eye(2, dtype=torch.float64)
        return torch.cat([-(u[:, :2] - alpha * centre) @ torch.linalg.inv(noisy), torch.full_like(u[:, 2:], 9.0)], -1)

    u = drawn(score, known, torch.tensor([False, False, True, True]), 250, **options)
    assert torch.equal(u[:, 2:], known[2:].expand(20_000, 2))
    torch.testing.assert_close(u[:, :2].mean(0), centre, rtol=0, atol=0.025)
    torch.testing.assert_close(torch.cov(u[:, :2].T), covariance, rtol=0, atol=0.03)


def test_a_joint_gaussian_is_drawn_by_its_exact_score():
    def score(u, t):
        alpha, sigma = float(SDE.mean(t)), float(SDE.spread(t))
        noisy = alpha**2 * COVARIANCE + sigma**2 * torch.eye(4, dtype=torch.float64)
        return -(u - alpha * MEAN) @ torch.linalg.inv(noisy)

    u = drawn(score, torch.zeros(4, dtype=torch.float64), torch.zeros(4, dtype=torch.bool), 250)
    torch.testing.assert_close(u.mean(0), MEAN, rtol=0, atol=0.025)
    torch.testing.assert_close(torch.cov(u.T), COVARIANCE, rtol=0, atol=0.03)


def test_more_steps_are_more_exact():
    """The mean of squares of one Gaussian coordinate of variance ¼: its error falls with the number of steps."""
    variance, errors = 0.25, []
    for steps in (10, 40, 160):
        second = 1.0
        for k in range(steps, 0, -1):  # the recursion of the second moment under linear steps, without any draws
            t, h = k / steps, 1 / steps
            beta = 0.1 + 19.9 * t
            alpha = math.exp(-0.25 * t**2 * 19.9 - 0.5 * t * 0.1)
            factor = 1 + h * beta * (0.5 - 1 / (alpha**2 * variance + 1 - alpha**2))
            second = factor**2 * second + (beta * h if k > 1 else 0.0)
        errors.append(abs(second - variance))

        def score(u, t):
            alpha = float(SDE.mean(t))
            return -u / (alpha**2 * variance + 1 - alpha**2)

        u = drawn(score, torch.zeros(4, dtype=torch.float64), torch.zeros(4, dtype=torch.bool), steps)
        assert float(u.square().mean()) == pytest.approx(second, rel=0.03)
    assert errors[0] > errors[1] > errors[2]


def test_noise_in_two_parts_is_noise_at_once():
    """later(later(u)) has the mean and the variance of noised(u)."""
    half, end = (torch.tensor(t, dtype=torch.float64) for t in (0.2, 0.7))
    one, zero = torch.ones((), dtype=torch.float64), torch.zeros((), dtype=torch.float64)
    mean = SDE.later(SDE.noised(one, half, zero), half, end, zero)
    first, second = SDE.later(SDE.noised(zero, half, one), half, end, zero), SDE.later(zero, half, end, one)
    assert float(mean) == pytest.approx(float(SDE.noised(one, end, zero)))
    assert float(first**2 + second**2) == pytest.approx(float(SDE.noised(zero, end, one)) ** 2)


def test_times_that_are_visited():
    assert list(visited(3, 5, 10)) == [(3, None), (2, None), (1, None)]
    assert [number for number, _ in visited(5, 2, 2)] == [5, 4, 3, 4, 3, 2, 1, 2, 1]
    assert [again for _, again in visited(5, 2, 2)] == [None, None, None, 2, None, None, None, 0, None]
