"""Categories, as integer codes: without and with an order."""

from __future__ import annotations

from typing import ClassVar

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ...bounds import bounded
from .likelihood import Likelihood, LikelihoodConfig
from .supports import Support

LOG_GAP_RANGE = (-7.0, 5.0)


class _Codes(Likelihood):
    """One of ``categories`` values per position; data are integer codes, −1 where there is nothing to predict."""

    discrete = True

    def __init__(self, shape: tuple[int, ...], config: LikelihoodConfig | None = None, *, categories: int) -> None:
        super().__init__(shape, config)
        self.categories = categories

    def _at_codes(self, scores: Tensor, x: Tensor, axis: int) -> Tensor:
        """The scores at the codes, 0 where there is none."""
        codes = x.clamp(min=0).unsqueeze(-len(self.shape) - 1)
        shape = list(scores.shape)
        shape[axis] = 1
        return torch.where(x < 0, 0.0, scores.gather(axis, codes.expand(shape)).squeeze(axis))


class Categorical(_Codes):
    """One of several categories per value, the decoder's outputs as logits; data are integer codes, −1 where there is
    nothing to predict.
    """

    support: ClassVar[Support] = "categories"

    def __init__(self, shape: tuple[int, ...], config: LikelihoodConfig | None = None, *, categories: int) -> None:
        super().__init__(shape, config, categories=categories)
        self.outputs = categories

    def pointwise(self, parameters: Tensor, x: Tensor) -> Tensor:
        """log softmax(logits) at the code."""
        axis = self.axis(parameters)
        return self._at_codes(F.log_softmax(parameters, axis), x, axis)

    def mean(self, parameters: Tensor) -> Tensor:
        """The most probable code."""
        return parameters.argmax(self.axis(parameters))

    def sample(self, parameters: Tensor) -> Tensor:
        """A code, by the Gumbel-max trick."""
        noise = -torch.empty_like(parameters).exponential_().log()
        return (parameters + noise).argmax(self.axis(parameters))


class Ordinal(_Codes):
    """Categories with an order (none, mild, severe): cumulative logits.

    P(x ≤ k) = σ(θ_k − η), with the decoder's output η and thresholds θ_0 < θ_1 < … learned per value: θ_0, and the
    logarithms of the steps between them. Codes are in the order of the categories, −1 where there is nothing to
    predict.

    Source: McCullagh 1980, "Regression models for ordinal data" (JRSS B 42), equation 2.2.
    """

    support: ClassVar[Support] = "ordered"

    def __init__(self, shape: tuple[int, ...], config: LikelihoodConfig | None = None, *, categories: int) -> None:
        super().__init__(shape, config, categories=categories)
        self.first = nn.Parameter(torch.full(self.shape, -0.5 * (categories - 2)))
        self.log_gaps = nn.Parameter(torch.zeros(categories - 2, *self.shape)) if categories > 2 else None

    @property
    def thresholds(self) -> Tensor:
        """θ, ``[categories − 1, *shape]``, rising."""
        return torch.cat([self.first[None], self.first + self._gaps.cumsum(0)])

    @property
    def _gaps(self) -> Tensor:
        """θ_k − θ_{k−1}, ``[categories − 2, *shape]``."""
        if self.log_gaps is None:
            return self.first.new_zeros(0, *self.shape)
        return bounded(self.log_gaps, *LOG_GAP_RANGE).exp()

    def scores(self, parameters: Tensor) -> Tensor:
        """log P(x = k), ``[..., categories, *shape]``: σ(a) − σ(b) = σ(a) σ(−b) (1 − e^{b−a}), of neighbours b < a."""
        above = self.thresholds - parameters  # θ_k − η
        ends = torch.zeros_like(parameters)
        steps = F.pad(torch.log(-torch.expm1(-self._gaps)), (0, 0) * len(self.shape) + (1, 1))
        axis = self.axis(parameters)
        upper, lower = F.logsigmoid(above), F.logsigmoid(-above)
        return torch.cat([upper, ends], axis) + torch.cat([ends, lower], axis) + steps

    def pointwise(self, parameters: Tensor, x: Tensor) -> Tensor:
        """log P(x = code)."""
        return self._at_codes(self.scores(parameters), x, self.axis(parameters))

    def mean(self, parameters: Tensor) -> Tensor:
        """The most probable code."""
        return self.scores(parameters).argmax(self.axis(parameters))

    def sample(self, parameters: Tensor) -> Tensor:
        """How many thresholds lie below a draw from the logistic distribution around η."""
        u = torch.rand_like(parameters).clamp(torch.finfo(parameters.dtype).eps, 1 - torch.finfo(parameters.dtype).eps)
        return (parameters + u.logit() > self.thresholds).sum(self.axis(parameters))

    def quantile(self, parameters: Tensor, p: float) -> Tensor:
        """The number of thresholds with P(x ≤ k) < p."""
        return ((self.thresholds - parameters).sigmoid() < p).sum(self.axis(parameters))
