"""The interface of a likelihood."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator
from typing import Any, ClassVar

import torch
from torch import Tensor, nn

from ...options import Options
from .supports import CODES, SUPPORTS, Support

DRAWS = 1000  # of which a quantile without a closed form is taken


class LikelihoodConfig(Options):
    """Base of a likelihood's options; every field has a description, and can be set where a modality names it."""


class Likelihood(nn.Module, ABC):
    """p(x | decoder output) of data of ``shape`` (at least one dimension).

    One of categories gets their number too: ``kind(shape, config, categories=3)``.

    Attributes:
        Config: The class of its options.
        support: For which values it is: a modality refuses one for others, and values outside are refused when a table
            is read.
        discrete: Whether it gives probabilities of values, and not densities.
        outputs: How many numbers the decoder gives per value.
        learns: Whether :meth:`fit` does anything.
        normalised: Whether probabilities sum or densities integrate to one; a score that does not is not reported as a
            log-likelihood.
        fitted_scale: Whether training decides how far values are from their mean.
    """

    Config: ClassVar[type[LikelihoodConfig]] = LikelihoodConfig
    support: ClassVar[Support] = "real"
    discrete: ClassVar[bool] = False
    outputs: int = 1
    learns: bool = False
    normalised: bool = True
    fitted_scale: bool = False

    def __init__(self, shape: tuple[int, ...], config: LikelihoodConfig | None = None) -> None:
        super().__init__()
        self.shape = tuple(shape)
        self.config: Any = self.Config() if config is None else config

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

    def quantile(self, parameters: Tensor, p: float) -> Tensor:
        """The smallest value that is not exceeded with probability ``p`` or more, ``[..., *shape]``.

        In closed form where a likelihood has one; else of 1,000 draws, which is right to about a hundredth in ``p``.
        Categories without an order have none.
        """
        if self.support == "categories":
            raise NotImplementedError(f"{type(self).__name__} has no quantiles: its categories have no order")
        drawn = torch.stack([self.sample(parameters) for _ in range(DRAWS)])
        return drawn.kthvalue(min(max(round(p * DRAWS), 1), DRAWS), 0).values

    def normal_scale(self, parameters: Tensor) -> Tensor:
        """The standard deviation where the density is normal, ``[..., *shape]``, and 0 where it is any other: by which
        the mean of a transformed value is found (``Transform.mean_of``).
        """
        return torch.zeros_like(self.mean(parameters))

    def around_location(self, x: Tensor) -> Tensor | None:
        """What scatters around the decoder's first output: ``x`` ``[..., *shape]``, or its logarithm; None where that
        output is no location, NaN in values of which it is none.
        """
        return None

    def scatter(self, parameters: Tensor) -> Tensor:
        """The variance around the location, ``[..., *shape]``; 1 in values that have none, as below."""
        raise NotImplementedError(f"{type(self).__name__} has no location")

    def scatter_range(self) -> tuple[Tensor, Tensor]:
        """The least and the largest standard deviation that it can have around a location, ``[*shape]`` in float64."""
        raise NotImplementedError(f"{type(self).__name__} has no location")

    def set_scatter(self, deviation: Tensor) -> Tensor:
        """Have these standard deviations ``[*shape]`` for all rows, until it is trained: what the decoder is to give
        behind the location for that, ``[outputs − 1, *shape]``.
        """
        raise NotImplementedError(f"{type(self).__name__} has no location")

    def fit(self, values: Tensor) -> None:
        """Take from the training rows ``[N, *shape]``, in model units, what is no matter of gradients."""

    def fit_sums(self, totals: Tensor, sums: Tensor) -> bool:
        """Take the same from the sum of every row ``[N]`` and of every value ``[*shape]``, where these say everything;
        whether they do. Where they do not, rows that are sparse are made dense.
        """
        return not self.learns

    def split(self, parameters: Tensor, x: Tensor) -> Iterator[tuple[Likelihood, Tensor, Tensor]]:
        """The likelihoods that this one is made of, each with its part of the parameters and of the values; itself with
        all, unless values are of different types.
        """
        yield self, parameters, x

    def log_prob(self, parameters: Tensor, x: Tensor, observed: Tensor | None = None) -> Tensor:
        """log p(x | parameters), summed over the values of an item; where ``observed`` ``Bool[..., *shape]`` is given,
        over those that are. Nothing looks at what the others hold, and no gradient comes from them.
        """
        if observed is None:
            return self.total(self.pointwise(parameters, x))
        return self.total(torch.where(observed, self.pointwise(parameters, self.filled(x, observed)), 0.0))

    def filled(self, x: Tensor, observed: Tensor) -> Tensor:
        """``x`` with a value at which the density is finite in every cell that is not observed."""
        return torch.where(observed, x, torch.full_like(x, SUPPORTS[self.support].inside))

    def total(self, values: Tensor) -> Tensor:
        """The sum over the values of an item: ``[..., *shape]`` to ``[...]``."""
        return values.flatten(start_dim=-len(self.shape)).sum(-1)

    def output(self, parameters: Tensor, index: int) -> Tensor:
        """One of the numbers that the decoder gives per value: ``[..., *shape]``."""
        return parameters.select(self.axis(parameters), index)

    def axis(self, parameters: Tensor) -> int:
        """The dimension of ``parameters`` that the outputs lie along."""
        return parameters.dim() - len(self.shape) - 1

    @classmethod
    def values_in_words(cls) -> str:
        """For which values it is: "real numbers"."""
        return SUPPORTS[cls.support].words

    @property
    def coded(self) -> bool:
        """Whether values are integer codes."""
        return self.support in CODES
