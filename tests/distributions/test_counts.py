"""Probabilities of counts against 50 digits, for counts and means up to ten million: values and derivatives."""

import itertools
import math
import subprocess
import sys

import mpmath
import pytest
import torch

from mmgen.distributions.counts import log_negative_binomial, log_poisson

COUNTS = (0, 1, 2, 7, 20, 1000, 12_345, 999_000, 10**6, 10**7)
MEANS = (1e-6, 1e-3, 0.7, 1.5, 20.0, 1e3, 1e4, 1e6, 1.001e6, 1e7)
DISPERSIONS = (1e-4, 0.01, 0.3, 1.0, 2.7, 30.0, 1e3)
PRECISE = pytest.mark.parametrize(("dtype", "relative"), [(torch.float32, 2e-7), (torch.float64, 5e-9)])


def cases(dtype, *values):
    """All combinations, with logarithms of all but the first; these are rounded to float32, and so is what is exact."""
    rows = list(itertools.product(*values))
    columns = [torch.tensor(column, dtype=torch.float64) for column in zip(*rows, strict=True)]
    return columns[0].to(dtype), [column.log().float().to(dtype).requires_grad_() for column in columns[1:]]


def exact(x, log_mean, log_dispersion=None):
    """The value, and the derivatives for log μ (and log r)."""
    with mpmath.workdps(50):
        x, mu = mpmath.mpf(x), mpmath.exp(mpmath.mpf(log_mean))
        if log_dispersion is None:
            return float(x * mpmath.log(mu) - mu - mpmath.loggamma(x + 1)), float(x - mu)
        r = mpmath.exp(mpmath.mpf(log_dispersion))
        value = mpmath.loggamma(x + r) - mpmath.loggamma(r) - mpmath.loggamma(x + 1)
        value += r * mpmath.log(r / (r + mu)) + x * mpmath.log(mu / (r + mu))
        slope = mpmath.digamma(x + r) - mpmath.digamma(r) - mpmath.log((r + mu) / r) + (mu - x) / (r + mu)
        return float(value), float(r * (x - mu) / (r + mu)), float(r * slope)


def compared(function, x, logs, relative):
    got = function(x, *logs)
    assert got.dtype == x.dtype
    found = [got.detach(), *torch.autograd.grad(got.sum(), logs)]
    for i, given in enumerate(zip(x.tolist(), *(each.tolist() for each in logs), strict=True)):
        for values, expected in zip(found, exact(*given), strict=True):
            assert float(values[i]) == pytest.approx(expected, rel=relative, abs=1e-11), given


@PRECISE
def test_poisson_has_all_the_digits_of_its_precision(dtype, relative):
    compared(log_poisson, *cases(dtype, COUNTS, MEANS), relative)


@PRECISE
def test_the_negative_binomial_has_all_the_digits_of_its_precision(dtype, relative):
    compared(log_negative_binomial, *cases(dtype, COUNTS, MEANS, DISPERSIONS), relative)


def test_a_dispersion_for_every_value_of_many_rows_and_bytes():
    x = torch.tensor([[0, 3], [200, 1], [7, 7]], dtype=torch.uint8)
    log_mean, log_r = torch.randn(4, 3, 2), torch.randn(2).requires_grad_()
    got = log_negative_binomial(x, log_mean, log_r)
    assert got.shape == (4, 3, 2)
    (gradient,) = torch.autograd.grad(got.sum(), log_r)
    for k in range(2):
        alone = log_r.detach()[k].requires_grad_()
        each = log_negative_binomial(x[:, k], log_mean[..., k], alone)
        torch.testing.assert_close(got[..., k], each)
        torch.testing.assert_close(gradient[k], torch.autograd.grad(each.sum(), alone)[0])


def test_derivatives_of_derivatives_and_of_many_at_once():
    x = torch.tensor([0.0, 1.0, 5.0, 30.0], dtype=torch.float64)
    log_mean = torch.tensor([-1.0, 0.3, 1.0, 4.0], dtype=torch.float64, requires_grad=True)
    log_r = torch.tensor([0.4], dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradgradcheck(lambda m, r: log_negative_binomial(x, m, r), (log_mean, log_r))
    assert torch.autograd.gradgradcheck(lambda m: log_poisson(x, m), log_mean)
    each = torch.func.vmap(torch.func.grad(log_poisson, argnums=1))(x, log_mean.detach())
    torch.testing.assert_close(each, x - log_mean.detach().exp())


COMPILED = """
import torch
from mmgen.distributions import bounded
from mmgen.distributions.counts import log_poisson

x, log_mean = torch.tensor([0.0, 4.0, 3.0]), torch.tensor([0.1, 1.0, 9.0], requires_grad=True)
compiled = torch.compile(lambda m: log_poisson(x, bounded(m, -2.0, 2.0)), backend="aot_eager", fullgraph=True)
compiled(log_mean).sum().backward()
torch.testing.assert_close(log_mean.grad, x - log_mean.detach().clamp(-2, 2).exp())
"""


def test_it_can_be_compiled_with_its_bound():
    """In a process of its own: the checks of shapes that the tests put into the package cannot be compiled."""
    done = subprocess.run([sys.executable, "-W", "ignore", "-c", COMPILED], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_outputs_of_half_precision_give_float32():
    x, log_mean = torch.tensor([1.0, 1000.0]), torch.tensor([0.5, 7.0], dtype=torch.bfloat16, requires_grad=True)
    got = log_poisson(x, log_mean)
    assert got.dtype == torch.float32
    torch.testing.assert_close(got, log_poisson(x, log_mean.float()))
    got.sum().backward()
    assert log_mean.grad.dtype == torch.bfloat16
    assert math.isfinite(float(log_mean.grad.sum()))
