"""Counts: Poisson, negative binomial, and negative binomial with further zeros."""

from __future__ import annotations

from typing import ClassVar, Literal

import torch
import torch.nn.functional as F
from pydantic import Field
from torch import Tensor, nn

from ...bounds import bounded
from ..counts import log_negative_binomial, log_poisson
from .inversion import by_scipy
from .likelihood import Likelihood, LikelihoodConfig
from .supports import Support

LOG_MEAN_RANGE = (-15.0, 20.0)  # those that float32 has exactly end at 2²⁴, whose logarithm is 16.6
LOG_DISPERSION_RANGE = (-10.0, 7.0)
FASTER = 8.0  # than a parameter moves, log r does
ZEROS_RANGE = (-15.0, 15.0)  # of the logit of further zeros


class CountConfig(LikelihoodConfig):
    """What the mean of a count is made of."""

    offset: Literal["none", "total"] = Field(
        "none",
        description="With total, the decoder says how a row's total (its library size, its depth) is shared out: "
        "log-means are its outputs plus the log of the row's total over the usual one, exp of the mean log total of "
        "training rows. Of a row with missing cells the total is what it would be, had these their usual share. What "
        "is generated has the usual total. log p(x | z, total) is then a score, and no probability of x.",
    )


class _Counts(Likelihood):
    """Log-means from the decoder, with the offset of a row's total where that is wanted."""

    Config = CountConfig
    support: ClassVar[Support] = "counts"
    discrete = True
    usual_log_total: Tensor
    usual_share: Tensor

    def __init__(self, shape: tuple[int, ...], config: CountConfig | None = None) -> None:
        super().__init__(shape, config)
        self.offset = self.learns = self.config.offset == "total"
        if self.offset:
            self.normalised = False
            self.register_buffer("usual_log_total", torch.zeros(()))
            self.register_buffer("usual_share", torch.full(self.shape, 1 / torch.Size(self.shape).numel()))

    def fit(self, values: Tensor) -> None:
        """The mean of log totals (of rows that have any), and the share that every value has of all counts."""
        counts = values.double().flatten(1)
        self.fit_sums(counts.sum(1), counts.sum(0))

    def fit_sums(self, totals: Tensor, sums: Tensor) -> bool:
        """They are all that is looked at."""
        if self.offset and (totals > 0).any():
            self.usual_log_total.copy_(totals[totals > 0].log().mean())
            self.usual_share.copy_((sums / sums.sum()).reshape(self.shape))
        return True

    def log_exposure(self, x: Tensor, observed: Tensor | None = None) -> Tensor:
        """log of the row's total over the usual one, ``[...]`` with a 1 for every dimension of ``shape``; an empty row
        counts as one of half a count.
        """
        total = self.total(x if observed is None else torch.where(observed, x, torch.zeros_like(x))).double()
        if observed is not None:
            share = self.total(torch.where(observed, self.usual_share, 0.0)).double()
            total = total / share.clamp(min=1e-6)
        exposure = total.clamp(min=0.5).log() - self.usual_log_total.double()
        return exposure.to(self.usual_share.dtype).reshape(*exposure.shape, *[1] * len(self.shape))

    def log_mean(self, parameters: Tensor, exposure: Tensor | None = None) -> Tensor:
        """log μ of every value, under the usual total unless another ``exposure`` is given."""
        output = self.output(parameters, 0)
        return bounded(output if exposure is None else output + exposure, *LOG_MEAN_RANGE)

    def log_counts(self, parameters: Tensor, x: Tensor, log_mean: Tensor) -> Tensor:
        """log p of every count, given its log-mean."""
        raise NotImplementedError

    def pointwise(self, parameters: Tensor, x: Tensor) -> Tensor:
        """log p of every count; with an offset, given the total of all."""
        exposure = self.log_exposure(x) if self.offset else None
        return self.log_counts(parameters, x, self.log_mean(parameters, exposure))

    def log_prob(self, parameters: Tensor, x: Tensor, observed: Tensor | None = None) -> Tensor:
        """The sum over what is observed; with an offset, given the total of that."""
        if observed is None or not self.offset:
            return super().log_prob(parameters, x, observed)
        mean = self.log_mean(parameters, self.log_exposure(x, observed))
        return self.total(torch.where(observed, self.log_counts(parameters, self.filled(x, observed), mean), 0.0))


class Poisson(_Counts):
    """Poisson with the decoder's output as log-rate."""

    def log_counts(self, parameters: Tensor, x: Tensor, log_mean: Tensor) -> Tensor:
        """x log λ − λ − log x!."""
        return log_poisson(x, log_mean)

    def mean(self, parameters: Tensor) -> Tensor:
        """The rate λ."""
        return self.log_mean(parameters).exp()

    def variance(self, parameters: Tensor) -> Tensor:
        """λ."""
        return self.mean(parameters)

    def sample(self, parameters: Tensor) -> Tensor:
        """A count."""
        return torch.poisson(self.mean(parameters))

    def quantile(self, parameters: Tensor, p: float) -> Tensor:
        """By SciPy."""
        from scipy.stats import poisson

        return by_scipy(lambda rate: poisson.ppf(p, rate), self.mean(parameters)).to(parameters.dtype)


class NegativeBinomial(_Counts):
    """Negative binomial with the decoder's output as log-mean and a dispersion r learned per value: variance μ +
    μ²/r.

    log r is eight times a parameter: where it ends, at 5 or more for counts that are nearly Poisson given z, is
    thousands of Adam's steps away from where it starts, at 1, and intervals are too wide until it is there.
    """

    def __init__(self, shape: tuple[int, ...], config: CountConfig | None = None) -> None:
        super().__init__(shape, config)
        self.eighth = nn.Parameter(torch.full(self.shape, 1 / FASTER))

    @property
    def log_dispersion(self) -> Tensor:
        """log r of every value, as it is learned."""
        return self.eighth * FASTER

    @property
    def log_r(self) -> Tensor:
        """log r of every value, within bounds."""
        return bounded(self.log_dispersion, *LOG_DISPERSION_RANGE)

    def log_counts(self, parameters: Tensor, x: Tensor, log_mean: Tensor) -> Tensor:
        """log Γ(x+r)/(Γ(r) x!) + r log r/(r+μ) + x log μ/(r+μ)."""
        return log_negative_binomial(x, log_mean, self.log_r)

    def mean(self, parameters: Tensor) -> Tensor:
        """The mean μ."""
        return self.log_mean(parameters).exp()

    def variance(self, parameters: Tensor) -> Tensor:
        """μ + μ²/r."""
        mean = self.mean(parameters)
        return mean + mean.square() / self.log_r.exp()

    def sample(self, parameters: Tensor) -> Tensor:
        """A Poisson count with a gamma-distributed rate."""
        return self._draw(self.log_mean(parameters).exp())

    def _draw(self, mean: Tensor) -> Tensor:
        r = self.log_r.exp().expand_as(mean)
        return torch.poisson(torch.distributions.Gamma(r, r / mean).sample())

    def quantile(self, parameters: Tensor, p: float) -> Tensor:
        """By SciPy."""
        return self._inverse(parameters, torch.full((), p, dtype=torch.float64, device=parameters.device))

    def _inverse(self, parameters: Tensor, p: Tensor) -> Tensor:
        from scipy.stats import nbinom

        mean, r = self.log_mean(parameters).double().exp(), self.log_r.double().exp()
        return by_scipy(lambda p, r, share: nbinom.ppf(p, r, share), p, r, r / (r + mean)).to(parameters.dtype)


class ZeroInflatedNegativeBinomial(NegativeBinomial):
    """Negative binomial with further zeros: with probability π a count is 0, else negative binomial.

    The decoder gives log μ and logit π; the dispersion r is learned per value. The mean is (1−π) μ, the variance (1−π)
    (μ + μ²/r + π μ²).

    Source: Lopez et al. 2018, "Deep generative modeling for single-cell transcriptomics" (Nature Methods 15), where
    zeros are those that sequencing lost.
    """

    outputs = 2

    def _zeros(self, parameters: Tensor) -> Tensor:
        """logit π."""
        return bounded(self.output(parameters, 1), *ZEROS_RANGE)

    def log_counts(self, parameters: Tensor, x: Tensor, log_mean: Tensor) -> Tensor:
        """log[π 1(x = 0) + (1 − π) NB(x)]."""
        counted = log_negative_binomial(x, log_mean, self.log_r) + F.logsigmoid(-self._zeros(parameters))
        return torch.where(x == 0, torch.logaddexp(F.logsigmoid(self._zeros(parameters)), counted), counted)

    def mean(self, parameters: Tensor) -> Tensor:
        """(1 − π) μ."""
        return (-self._zeros(parameters)).sigmoid() * super().mean(parameters)

    def variance(self, parameters: Tensor) -> Tensor:
        """(1 − π) (μ + μ²/r + π μ²)."""
        mean, share = super().mean(parameters), self._zeros(parameters).sigmoid()
        return (1 - share) * (mean + mean.square() / self.log_r.exp() + share * mean.square())

    def sample(self, parameters: Tensor) -> Tensor:
        """0 with probability π, else a count."""
        counted = super().sample(parameters)
        return torch.where(torch.bernoulli(self._zeros(parameters).sigmoid()) == 1, 0.0, counted)

    def quantile(self, parameters: Tensor, p: float) -> Tensor:
        """Of the counted ones at (p − π)/(1 − π), 0 below."""
        share = self._zeros(parameters).double().sigmoid()
        left = ((p - share) / (1 - share)).clamp(min=0)
        return torch.where(left > 0, self._inverse(parameters, left), 0.0)
