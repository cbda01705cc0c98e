"""p(x_m | z): what a decoder's output means.

A likelihood says how many numbers the decoder must give per value (``outputs``), and turns decoder output ``[..., N,
outputs, *shape]`` and data ``[N, *shape]`` into log-probabilities ``[..., N]`` summed over the values, a mean, and
samples. Constants are kept, so that numbers are densities.
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from typing import Any, ClassVar, Literal

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ..bounds import bounded
from .counts import log_negative_binomial, log_poisson

ScaleKind = Literal["fixed", "learned", "predicted"]
PREDICTED_RANGE, LEARNED_RANGE = (-7.0, 7.0), (-20.0, 20.0)  # of log-scales
LOG_MEAN_RANGE = (-15.0, 20.0)  # of counts: those that float32 has exactly end at 2²⁴, whose logarithm is 16.6
LOG_DISPERSION_RANGE = (-10.0, 7.0)


class Likelihood(nn.Module, ABC):
    """One of the distributions below, for data of ``shape`` (at least one dimension).

    Attributes:
        outputs: How many numbers the decoder gives per value.
        discrete: Whether it gives probabilities of values, and not densities.
        normalised: Whether these sum or integrate to one; a score that does not is not reported as a log-likelihood.
        fitted_scale: Whether training decides how far values are from their mean.
    """

    outputs: int = 1
    discrete: ClassVar[bool] = False
    normalised: bool = True
    fitted_scale: bool = False

    def __init__(self, shape: tuple[int, ...]) -> None:
        super().__init__()
        self.shape = tuple(shape)

    @abstractmethod
    def pointwise(self, parameters: Tensor, x: Tensor) -> Tensor:
        """log p of every value: parameters ``[..., outputs, *shape]`` and x ``[..., *shape]`` to ``[..., *shape]``."""

    @abstractmethod
    def mean(self, parameters: Tensor) -> Tensor:
        """The mean (for categories: the most probable one), ``[..., *shape]``."""

    @abstractmethod
    def sample(self, parameters: Tensor) -> Tensor:
        """One draw, ``[..., *shape]``."""

    def variance(self, parameters: Tensor) -> Tensor:
        """The variance, ``[..., *shape]``; of numbers only."""
        raise NotImplementedError(f"{type(self).__name__} has no variance")

    def log_prob(self, parameters: Tensor, x: Tensor, observed: Tensor | None = None) -> Tensor:
        """log p(x | parameters), summed over the values of an item; where ``observed`` ``Bool[..., *shape]`` is given,
        over those that are. Nothing looks at what the others hold, and no gradient comes from them.
        """
        if observed is None:
            return self._total(self.pointwise(parameters, x))
        x = torch.where(observed, x, torch.zeros_like(x))
        return self._total(torch.where(observed, self.pointwise(parameters, x), 0.0))

    def _total(self, values: Tensor) -> Tensor:
        return values.flatten(start_dim=-len(self.shape)).sum(-1)

    def _output(self, parameters: Tensor, index: int) -> Tensor:
        return parameters.select(parameters.dim() - len(self.shape) - 1, index)


class _LocationScale(Likelihood):
    """What Normal and Laplace share: a location from the decoder, and a scale that is fixed, learned per value, or
    predicted.
    """

    def __init__(self, shape: tuple[int, ...], scale: float = 1.0, scale_kind: ScaleKind = "fixed") -> None:
        super().__init__(shape)
        self.kind = scale_kind
        self.fitted_scale = scale_kind != "fixed"
        self.outputs = 2 if scale_kind == "predicted" else 1
        start = torch.full(shape if scale_kind == "learned" else (), math.log(scale))
        if scale_kind == "learned":
            self.log_scale = nn.Parameter(start)
        else:
            self.register_buffer("log_scale", start, persistent=False)

    def spread(self, parameters: Tensor) -> Tensor:
        """log of the scale of every value."""
        if self.kind == "predicted":
            return bounded(self._output(parameters, 1), *PREDICTED_RANGE) + self.log_scale
        return bounded(self.log_scale, *LEARNED_RANGE) if self.kind == "learned" else self.log_scale

    def mean(self, parameters: Tensor) -> Tensor:
        """The location."""
        return self._output(parameters, 0)


class Normal(_LocationScale):
    """N(x; decoder, scale²)."""

    def pointwise(self, parameters: Tensor, x: Tensor) -> Tensor:
        """−½ [log 2π + 2 log s + (x − μ)²/s²]."""
        log_scale = self.spread(parameters)
        return (
            -0.5 * math.log(2 * math.pi)
            - log_scale
            - 0.5 * ((x - self.mean(parameters)) * torch.exp(-log_scale)).square()
        )

    def log_prob(self, parameters: Tensor, x: Tensor, observed: Tensor | None = None) -> Tensor:
        """The sum; with one scale for all values it is taken before anything else, which halves the time."""
        if self.kind != "fixed" or observed is not None:
            return super().log_prob(parameters, x, observed)
        squares = self._total((x - self.mean(parameters)).square())
        return -0.5 * torch.exp(-2 * self.log_scale) * squares - math.prod(self.shape) * (
            0.5 * math.log(2 * math.pi) + self.log_scale
        )

    def variance(self, parameters: Tensor) -> Tensor:
        """s²."""
        return (2 * self.spread(parameters)).exp().expand_as(self.mean(parameters))

    def sample(self, parameters: Tensor) -> Tensor:
        """μ + s ε."""
        location = self.mean(parameters)
        return location + self.spread(parameters).exp() * torch.randn_like(location)


class SquaredError(Likelihood):
    """N(x; decoder, ½) = exp(−(x − μ)²)/√π: squared errors, as for the rats of "Unity by Diversity".

    The released code leaves out the constant ½ log π of every value; here it is kept, so that numbers are densities.
    """

    def pointwise(self, parameters: Tensor, x: Tensor) -> Tensor:
        """−(x − μ)² − ½ log π."""
        return -(x - self.mean(parameters)).square() - 0.5 * math.log(math.pi)

    def log_prob(self, parameters: Tensor, x: Tensor, observed: Tensor | None = None) -> Tensor:
        """The sum of the squares, then the constant."""
        if observed is not None:
            return super().log_prob(parameters, x, observed)
        return -self._total((x - self.mean(parameters)).square()) - 0.5 * math.log(math.pi) * math.prod(self.shape)

    def mean(self, parameters: Tensor) -> Tensor:
        """The decoder's output."""
        return self._output(parameters, 0)

    def variance(self, parameters: Tensor) -> Tensor:
        """½."""
        return torch.full_like(self.mean(parameters), 0.5)

    def sample(self, parameters: Tensor) -> Tensor:
        """A draw from N(μ, ½)."""
        location = self.mean(parameters)
        return location + math.sqrt(0.5) * torch.randn_like(location)


class Laplace(_LocationScale):
    """Laplace(x; decoder, b); the papers' images use b = 0.75."""

    def pointwise(self, parameters: Tensor, x: Tensor) -> Tensor:
        """−|x − μ|/b − log 2b."""
        log_scale = self.spread(parameters)
        return -(x - self.mean(parameters)).abs() * torch.exp(-log_scale) - log_scale - math.log(2)

    def log_prob(self, parameters: Tensor, x: Tensor, observed: Tensor | None = None) -> Tensor:
        """The sum; with one scale for all values it is taken before anything else, which halves the time."""
        if self.kind != "fixed" or observed is not None:
            return super().log_prob(parameters, x, observed)
        distances = self._total((x - self.mean(parameters)).abs())
        return -torch.exp(-self.log_scale) * distances - math.prod(self.shape) * (math.log(2) + self.log_scale)

    def variance(self, parameters: Tensor) -> Tensor:
        """2 b²."""
        return 2 * (2 * self.spread(parameters)).exp().expand_as(self.mean(parameters))

    def sample(self, parameters: Tensor) -> Tensor:
        """By inversion."""
        location = self.mean(parameters)
        u = torch.rand_like(location) - 0.5
        tail = (-2 * u.abs()).clamp(min=torch.finfo(u.dtype).eps - 1)  # u = −½ is drawn now and then, and would give −∞
        return location - self.spread(parameters).exp() * u.sign() * torch.log1p(tail)


class Bernoulli(Likelihood):
    """Bernoulli with the decoder's output as logits."""

    discrete = True

    def pointwise(self, parameters: Tensor, x: Tensor) -> Tensor:
        """x log p + (1 − x) log(1 − p)."""
        logits = self._output(parameters, 0)
        return x * logits - F.softplus(logits)

    def mean(self, parameters: Tensor) -> Tensor:
        """The probability."""
        return self._output(parameters, 0).sigmoid()

    def variance(self, parameters: Tensor) -> Tensor:
        """p (1 − p)."""
        probability = self.mean(parameters)
        return probability * (1 - probability)

    def sample(self, parameters: Tensor) -> Tensor:
        """0 or 1."""
        return torch.bernoulli(self.mean(parameters))


class Categorical(Likelihood):
    """One of ``categories`` values per position, the decoder's outputs as logits; data are integer codes, −1 where
    there is nothing to predict.
    """

    discrete = True

    def __init__(self, shape: tuple[int, ...], categories: int) -> None:
        super().__init__(shape)
        self.outputs = categories

    def _axis(self, parameters: Tensor) -> int:
        return parameters.dim() - len(self.shape) - 1

    def pointwise(self, parameters: Tensor, x: Tensor) -> Tensor:
        """log softmax(logits) at the code."""
        axis = self._axis(parameters)
        scores = F.log_softmax(parameters, axis)
        codes = x.clamp(min=0).unsqueeze(-len(self.shape) - 1)
        shape = list(scores.shape)
        shape[axis] = 1
        return torch.where(x < 0, 0.0, scores.gather(axis, codes.expand(shape)).squeeze(axis))

    def mean(self, parameters: Tensor) -> Tensor:
        """The most probable code."""
        return parameters.argmax(self._axis(parameters))

    def sample(self, parameters: Tensor) -> Tensor:
        """A code, by the Gumbel-max trick."""
        noise = -torch.empty_like(parameters).exponential_().log()
        return (parameters + noise).argmax(self._axis(parameters))


class Poisson(Likelihood):
    """Poisson with the decoder's output as log-rate."""

    discrete = True

    def _log_rate(self, parameters: Tensor) -> Tensor:
        return bounded(self._output(parameters, 0), *LOG_MEAN_RANGE)

    def pointwise(self, parameters: Tensor, x: Tensor) -> Tensor:
        """x log λ − λ − log x!."""
        return log_poisson(x, self._log_rate(parameters))

    def mean(self, parameters: Tensor) -> Tensor:
        """The rate λ."""
        return self._log_rate(parameters).exp()

    def variance(self, parameters: Tensor) -> Tensor:
        """λ."""
        return self.mean(parameters)

    def sample(self, parameters: Tensor) -> Tensor:
        """A count."""
        return torch.poisson(self.mean(parameters))


class NegativeBinomial(Likelihood):
    """Negative binomial with the decoder's output as log-mean and a dispersion r learned per value: variance μ +
    μ²/r.
    """

    discrete = True

    def __init__(self, shape: tuple[int, ...]) -> None:
        super().__init__(shape)
        self.log_dispersion = nn.Parameter(torch.ones(shape))

    def _log_mean(self, parameters: Tensor) -> Tensor:
        return bounded(self._output(parameters, 0), *LOG_MEAN_RANGE)

    @property
    def _log_r(self) -> Tensor:
        return bounded(self.log_dispersion, *LOG_DISPERSION_RANGE)

    def pointwise(self, parameters: Tensor, x: Tensor) -> Tensor:
        """log Γ(x+r)/(Γ(r) x!) + r log r/(r+μ) + x log μ/(r+μ)."""
        return log_negative_binomial(x, self._log_mean(parameters), self._log_r)

    def mean(self, parameters: Tensor) -> Tensor:
        """The mean μ."""
        return self._log_mean(parameters).exp()

    def variance(self, parameters: Tensor) -> Tensor:
        """μ + μ²/r."""
        mean = self.mean(parameters)
        return mean + mean.square() / self._log_r.exp()

    def sample(self, parameters: Tensor) -> Tensor:
        """A Poisson count with a gamma-distributed rate."""
        mean, r = self.mean(parameters), self._log_r.exp().expand_as(self._output(parameters, 0))
        return torch.poisson(torch.distributions.Gamma(r, r / mean).sample())


LIKELIHOODS: dict[str, type[Likelihood]] = {
    "normal": Normal,
    "squared-error": SquaredError,
    "laplace": Laplace,
    "bernoulli": Bernoulli,
    "categorical": Categorical,
    "poisson": Poisson,
    "negative-binomial": NegativeBinomial,
}


def make_likelihood(name: str, shape: tuple[int, ...], **options: Any) -> Likelihood:
    """The likelihood called ``name`` for data of ``shape``."""
    return LIKELIHOODS[name](shape, **options)
