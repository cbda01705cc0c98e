"""Numbers between 0 and 1."""

from __future__ import annotations

from typing import ClassVar

import torch
from torch import Tensor

from ...bounds import bounded
from .inversion import by_scipy
from .likelihood import Likelihood
from .supports import Support

LOGIT_RANGE, LOG_CONCENTRATION_RANGE = (-12.0, 12.0), (-3.0, 9.0)


class Beta(Likelihood):
    """Beta with mean m and concentration c: shares, probabilities, scores between 0 and 1.

    p(x) = Γ(c)/(Γ(mc) Γ((1−m)c)) · x^{mc−1} (1−x)^{(1−m)c−1}; the decoder gives logit m and log c, and the variance is
    m(1−m)/(1+c). Its density at 0 and 1 is zero or infinite: such values are refused where a table is read, unless the
    modality's option ``squeeze`` moves them inwards.

    Source: Ferrari and Cribari-Neto 2004, "Beta regression for modelling rates and proportions" (J. Appl. Stat. 31).
    """

    support: ClassVar[Support] = "unit"
    outputs, fitted_scale = 2, True

    def _shapes(self, parameters: Tensor) -> tuple[Tensor, Tensor]:
        """α = mc and β = (1−m)c."""
        logit = bounded(self.output(parameters, 0), *LOGIT_RANGE)
        concentration = self._concentration(parameters)
        return logit.sigmoid() * concentration, (-logit).sigmoid() * concentration

    def _concentration(self, parameters: Tensor) -> Tensor:
        return bounded(self.output(parameters, 1), *LOG_CONCENTRATION_RANGE).exp()

    def pointwise(self, parameters: Tensor, x: Tensor) -> Tensor:
        """log Γ(c) − log Γ(α) − log Γ(β) + (α−1) log x + (β−1) log(1−x)."""
        a, b = (shape.double() for shape in self._shapes(parameters))  # gamma functions of large numbers lose digits
        x = x.double()
        tiny = torch.finfo(torch.float32).tiny
        log_x, log_rest = x.clamp(min=tiny).log(), (1 - x).clamp(min=tiny).log()
        value = torch.lgamma(a + b) - torch.lgamma(a) - torch.lgamma(b) + (a - 1) * log_x + (b - 1) * log_rest
        return value.to(parameters.dtype)

    def mean(self, parameters: Tensor) -> Tensor:
        """m."""
        return bounded(self.output(parameters, 0), *LOGIT_RANGE).sigmoid()

    def variance(self, parameters: Tensor) -> Tensor:
        """m(1−m)/(1+c)."""
        mean = self.mean(parameters)
        return mean * (1 - mean) / (1 + self._concentration(parameters))

    def sample(self, parameters: Tensor) -> Tensor:
        """The share of one of two gamma variables; drawn as logarithms, since those of small shapes underflow."""
        (log_a, log_b) = (_log_gamma_variable(shape.double()) for shape in self._shapes(parameters))
        eps = torch.finfo(parameters.dtype).eps
        return (log_a - log_b).sigmoid().to(parameters.dtype).clamp(eps, 1 - eps)

    def quantile(self, parameters: Tensor, p: float) -> Tensor:
        """The inverse of the incomplete beta function."""
        from scipy.special import betaincinv

        return by_scipy(lambda a, b: betaincinv(a, b, p), *self._shapes(parameters)).to(parameters.dtype)


def _log_gamma_variable(shape: Tensor) -> Tensor:
    """log of a draw from Gamma(shape, 1): of Gamma(shape + 1) times U^{1/shape}."""
    shape = shape.detach()
    u = torch.rand_like(shape).clamp(min=torch.finfo(shape.dtype).tiny)
    return torch._standard_gamma(shape + 1).log() + u.log() / shape
