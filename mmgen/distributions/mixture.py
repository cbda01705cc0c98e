"""Mixtures of C distributions of one family, ``[..., C, B, D]``, with weights per row: what an aggregator returns."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from .posterior import Component, with_density
from .pushed import sample_like
from .random import noise_is_central, stratified_uniform


@dataclass(frozen=True)
class Mixture:
    """Σ_c w_c q_c: ``components`` q_c ``[..., C, B, D]``, all of one family, and ``log_weights`` ``[..., C, B]`` (−∞
    where a row lacks a component).
    """

    components: Component
    log_weights: Float[Tensor, "*lead C B"]

    @classmethod
    def of(cls, single: Component) -> Mixture:
        """A single distribution ``[..., B, D]`` as a mixture of one."""
        components = single.map(lambda value: value.unsqueeze(-3))
        return cls(components, torch.zeros_like(sample_like(single)[..., 0]).unsqueeze(-2))

    @property
    def weights(self) -> Float[Tensor, "*lead C B"]:
        """The weights; they sum to one over C."""
        return self.log_weights.exp()

    @property
    def mean(self) -> Float[Tensor, "*lead B D"]:
        """The mean of the mixture, Σ_c w_c μ_c."""
        return (self.weights[..., None] * self.components.mean).sum(-3)

    @property
    def variance(self) -> Float[Tensor, "*lead B D"]:
        """The variance of the mixture per dimension: Σ_c w_c [σ_c² + (μ_c − μ)²]."""
        spread = self.components.variance + (self.components.mean - self.mean.unsqueeze(-3)).square()
        return (self.weights[..., None] * spread).sum(-3)

    def log_prob(self, z: Float[Tensor, "*any D"]) -> Float[Tensor, "*any_batch"]:
        """log Σ_c w_c q_c(z) for ``z`` ``[*any, B, D]``: ``[*any, B]``."""
        return torch.logsumexp(self.log_weights + with_density(self.components).log_prob(z.unsqueeze(-3)), dim=-2)

    def rsample_each(self, samples: tuple[int, ...] = ()) -> Float[Tensor, "*samples_and_lead D"]:
        """Samples of every component, ``[*samples, ..., C, B, D]``; zeros where a row lacks it, so that networks which
        mix rows see nothing of what stands in its place.
        """
        z: Tensor = self.components.rsample(samples)
        return torch.where(self.log_weights[..., None] > -torch.inf, z, 0.0)

    def rsample(self, samples: tuple[int, ...] = ()) -> Float[Tensor, "*samples_and_lead D"]:
        """One reparameterised sample per row, ``[*samples, ..., B, D]``, from a component drawn by weight.

        The draw is systematic over the batch (:func:`.random.stratified_uniform`): with equal weights each component
        gets an equal share of the rows, as in the stratified estimator of MMVAE and MoPoE, and with fewer rows than
        components each row still draws by weight.
        """
        if self.log_weights.shape[-2] == 1:
            return self.components[..., 0, :, :].rsample(samples)
        if noise_is_central():
            return self.mean.expand(*samples, *self.mean.shape)
        shape = (*samples, *self.log_weights.shape[:-2], self.log_weights.shape[-1])
        position = stratified_uniform(shape, self.log_weights)
        upper = self.weights.cumsum(-2)
        total = upper[..., -1:, :]
        passed = (position.unsqueeze(-2) * total >= upper) & (
            upper < total
        )  # never the last that has any weight, whatever is rounded
        return self.components.choose(passed.sum(-2)).rsample()


def uniform_log_weights(
    given: Bool[Tensor, "*lead B M"], dtype: torch.dtype | None = None
) -> Float[Tensor, "*lead M B"]:
    """Log-weights of the uniform mixture over what is given: −log |given|, and −∞ elsewhere; uniform over all where
    nothing is.
    """
    seen = (given | ~given.any(-1, keepdim=True)).movedim(-1, -2)
    count = seen.sum(-2, keepdim=True, dtype=dtype or torch.get_default_dtype())
    return torch.where(seen, -count.log(), -torch.inf)


def mixture_of_experts(experts: Component, given: Bool[Tensor, "*lead B M"]) -> Mixture:
    """The uniform mixture of the given experts (Shi et al. 2019, Eq. 3).

    A row for which nothing is given gets N(0, I), or Laplace(0, 1) if the experts are of that family: both have zeros
    as parameters.
    """
    nothing = ~given.any(-1)[..., None, :, None]
    components = experts.map(lambda value: value.expand(*given.shape[:-2], *value.shape).masked_fill(nothing, 0.0))
    return Mixture(components, uniform_log_weights(given, components.mean.dtype))
