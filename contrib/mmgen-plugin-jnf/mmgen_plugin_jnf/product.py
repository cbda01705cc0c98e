"""The product of several unimodal posteriors that are flows: it has no closed form, and is drawn from."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from typing import Literal

import torch
from jaxtyping import Bool, Float
from pydantic import Field
from torch import Tensor

from mmgen.distributions import Pushed, Reference, fixed_points, hamiltonian, uniform_noise
from mmgen.options import Options


class ProductOptions(Options):
    """How products of flows are drawn from."""

    only_with = {
        "steps": {"subsets": ("hmc",)},
        "leapfrog": {"subsets": ("hmc",)},
        "step_size": {"subsets": ("hmc",)},
    }

    subsets: Literal["hmc", "importance"] = Field(
        "hmc",
        description="How z is drawn where several modalities are given, but not all: by Hamiltonian Monte Carlo, as in "
        "the papers, or by importance sampling alone, which is some hundred times as quick.",
    )
    candidates: int = Field(
        32,
        ge=2,
        multiple_of=2,
        description="Draws of each expert of which samples are chosen by importance; with 'hmc' these are where chains "
        "begin.",
    )
    steps: int = Field(100, ge=1, description="Of 'hmc': how many steps; 100 in MultiVae.")
    leapfrog: int = Field(10, ge=1, description="Of 'hmc': leaps of each step.")
    step_size: float = Field(0.01, gt=0, description="Of 'hmc': size of a leap.")


class ProductOfFlows:
    r"""In some rows :math:`q(z|x_S) \propto p(z)^a \prod_{m \in S} q(z|x_m)`, which can only be drawn from; in the
    others a posterior that is known.

    Candidates are drawn from every given expert; samples are chosen among them, by their weights under the product over
    the mixture of the given experts (multiple importance sampling). With ``hmc`` a Markov chain begins there. Mean and
    variance are those of weighted candidates, at fixed points, so that they are the same each time.

    Args:
        known: The posterior of the other rows, ``[..., B, D]``.
        rows: Where there is a product, ``[..., B]``.
        experts: q(z|x_m) ``[B, D]`` of every modality.
        given: Which of them each row has, ``[..., B, M]``.
        prior: p(z), ``[B, D]``.
        power: a, ``[..., B]``.
        options: How.
    """

    def __init__(
        self,
        known: Pushed,
        rows: Bool[Tensor, "*lead B"],
        experts: Sequence[Pushed],
        given: Bool[Tensor, "*lead B M"],
        prior: Reference,
        power: Float[Tensor, "*lead B"],
        options: ProductOptions,
    ) -> None:
        self.known, self.rows, self.options = known, rows, options
        places = rows.nonzero(as_tuple=True)
        self.given = given[places].T  # [M, R]: R rows, of all subsets
        self.power = power[places]  # [R]
        self.experts = [expert[places[-1]] for expert in experts]
        self.prior: Reference = prior[places[-1]]  # type: ignore[index]

    @property
    def mean(self) -> Float[Tensor, "*lead B D"]:
        """The mean of weighted candidates."""
        return self._placed(self.known.mean, self._moments[0])

    @property
    def variance(self) -> Float[Tensor, "*lead B D"]:
        """Their variance."""
        return self._placed(self.known.variance, self._moments[1])

    def rsample(self, samples: tuple[int, ...] = ()) -> Float[Tensor, "*samples_and_lead D"]:
        """``[*samples, ..., B, D]``, without gradients where there is a product."""
        known = self.known.rsample(samples)
        with torch.no_grad():
            z, weights = self._candidates()  # [N, R, D], [N, R]
            cumulated, rows = weights.cumsum(0), torch.arange(z.shape[1], device=z.device)
            u = uniform_noise((*samples, z.shape[1]), z) * cumulated[-1]
            chosen = torch.searchsorted(cumulated.T.contiguous(), u.movedim(-1, 0).flatten(1).contiguous(), right=True)
            start = z[chosen.clamp(max=len(z) - 1), rows[:, None]].movedim(0, 1)  # [samples, R, D]
            start = start.reshape(*samples, *start.shape[1:])
        if self.options.subsets == "hmc":
            chain = {name: getattr(self.options, name) for name in ("steps", "leapfrog", "step_size")}
            start, _ = hamiltonian(self.log_density, start, **chain)
        return self._placed(known, start)

    def log_density(self, z: Float[Tensor, "*samples R D"]) -> Float[Tensor, "*samples R"]:
        """log p(z)^a Π q(z|x_m) of the rows with a product: a density up to a constant of each row."""
        return self._product(z, self._each(z))

    def _each(self, z: Tensor) -> list[Tensor]:
        return [expert.log_prob(z) for expert in self.experts]

    def _product(self, z: Tensor, each: Sequence[Tensor]) -> Tensor:
        product = self.power * self.prior.log_prob(z)
        for has, log_prob in zip(self.given, each, strict=True):
            product = product + torch.where(has, log_prob, 0.0)
        return product

    def _candidates(self) -> tuple[Tensor, Tensor]:
        """N = M K draws ``[N, R, D]`` of all experts, and their weights ``[N, R]``: 0 of what is not given."""
        z = torch.cat([expert.rsample((self.options.candidates,)) for expert in self.experts])
        each = self._each(z)
        there = [torch.where(has, log_prob, -torch.inf) for has, log_prob in zip(self.given, each, strict=True)]
        log_weights = self._product(z, each) - torch.stack(there).logsumexp(0)
        own = self.given.repeat_interleave(self.options.candidates, 0)
        return z, log_weights.masked_fill(~own, -torch.inf).softmax(0)

    @cached_property
    def _moments(self) -> tuple[Tensor, Tensor]:
        with torch.no_grad(), fixed_points():
            z, weights = self._candidates()
        mean = (weights[..., None] * z).sum(0)
        return mean, (weights[..., None] * (z - mean).square()).sum(0)

    def _placed(self, known: Tensor, drawn: Tensor) -> Tensor:
        return known.masked_scatter(self.rows[..., None], drawn.to(known.dtype))
