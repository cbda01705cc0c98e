"""Distributions that an invertible map makes out of others: normalising flows."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Protocol, cast, runtime_checkable

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from .gaussian import choose
from .posterior import Component, Posterior, with_density
from .random import fixed_points

POINTS = 256  # for means and variances; of D dimensions each
NUMBERS_AT_ONCE = 2**20  # of z, which the networks of a flow multiply


@runtime_checkable
class Change(Protocol):
    """An invertible map z = T(u; c), as :class:`mmgen.networks.Flow`.

    Results have the leading dimensions of the first argument; ``context`` c broadcasts against them, and is None where
    T depends on nothing.
    """

    def push(self, u: Tensor, context: Tensor | None) -> tuple[Tensor, Tensor]:
        """T(u; c) ``[..., D]``, and ``log |det ∂T/∂u|`` there ``[...]``."""

    def pull(self, z: Tensor, context: Tensor | None) -> tuple[Tensor, Tensor]:
        """T⁻¹(z; c) ``[..., D]``, and ``log |det ∂T⁻¹/∂z|`` there ``[...]``."""


@dataclass(frozen=True)
class Pushed:
    """The distribution of z = T(u; c) with u ~ q: a normalising flow with the base q.

    Its density is log q_T(z) = log q(u) + ``log |det ∂T⁻¹/∂z|`` with u = T⁻¹(z; c) (change of variables; Rezende &
    Mohamed 2015, https://arxiv.org/abs/1505.05770, Eq. 5). That of its last sample is known without T⁻¹.

    Mean and variance have no closed form: they are those of ``POINTS`` fixed points of the base, a Sobol sequence and
    its reflection (:func:`.random.fixed_points`). So they are the same each time, exact where T is affine in each
    dimension, and approximate elsewhere; they are computed when somebody asks. Where noise is central a sample is T of
    the base's mean, which is not the mean.

    Attributes:
        base: q, ``[..., B, D]``, of a family with a density.
        change: T.
        context: c of every row, ``[..., B, X]``; None where T depends on nothing.
        rows: Where z is pushed; elsewhere it is u, ``[..., B, 1]``. None: everywhere.
        constant: Whether T has no gradients, as where this was made without any.
    """

    base: Component
    change: Change
    context: Float[Tensor, "*batch X"] | None = None
    rows: Bool[Tensor, "*batch 1"] | None = None
    constant: bool = field(default_factory=lambda: not torch.is_grad_enabled())

    @property
    def mean(self) -> Float[Tensor, "*batch D"]:
        """The mean over the fixed points."""
        return self._moments[0]

    @property
    def variance(self) -> Float[Tensor, "*batch D"]:
        """The variance over the fixed points."""
        return self._moments[1]

    def rsample(self, samples: tuple[int, ...] = ()) -> Float[Tensor, "*samples_and_batch D"]:
        """T of reparameterised samples of the base, ``[*samples, ..., B, D]``."""
        u = self.base.rsample(samples)
        z, log_det = self._masked(self.change.push, u)
        vars(self)["_drawn"] = z, u, log_det  # frozen
        return z

    def log_prob(self, z: Float[Tensor, "*any D"]) -> Float[Tensor, "*any_batch"]:
        """The log-density by the change of variables."""
        density = with_density(self.base)
        drawn, u, log_det = vars(self).get("_drawn", (None, None, None))
        if drawn is z:
            return density.log_prob(cast(Tensor, u)) - cast(Tensor, log_det)
        u, log_det = self._masked(self.change.pull, z)
        return density.log_prob(u) + log_det

    def map(self, change: Callable[[Tensor], Tensor]) -> Pushed:
        """The same change of shape (or place) for the base's parameters, the context and the rows."""
        context, rows = (None if value is None else change(value) for value in (self.context, self.rows))
        return Pushed(self.base.map(change), self.change, context, rows, self.constant)

    def __getitem__(self, index: Any) -> Pushed:
        return self.map(lambda value: value[index])

    def choose(self, chosen: Int[Tensor, "*any B"]) -> Pushed:
        """Of distributions ``[..., C, B, D]`` one per row: :func:`.gaussian.choose`."""
        context, rows = (None if value is None else choose(value, chosen) for value in (self.context, self.rows))
        return Pushed(self.base.choose(chosen), self.change, context, rows, self.constant)

    @cached_property
    def _moments(self) -> tuple[Tensor, Tensor]:
        with torch.set_grad_enabled(not self.constant):
            with fixed_points():
                u = self.base.rsample((POINTS,))
            at_once = max(1, NUMBERS_AT_ONCE // max(1, u[0].numel()))
            z = torch.cat([self._masked(self.change.push, part)[0] for part in u.split(at_once)])
            return z.mean(0), z.var(0, correction=0)

    def _masked(
        self, change: Callable[[Tensor, Tensor | None], tuple[Tensor, Tensor]], value: Tensor
    ) -> tuple[Tensor, Tensor]:
        with torch.set_grad_enabled(torch.is_grad_enabled() and (value.requires_grad or not self.constant)):
            changed, log_det = change(value, self.context)
        if self.rows is None:
            return changed, log_det
        return torch.where(self.rows, changed, value), torch.where(self.rows[..., 0], log_det, 0.0)


def sample_like(q: Posterior) -> Tensor:
    """A tensor with the shape ``[..., B, D]``, the type and the place of a sample: the mean, but for a flow that of its
    base, since its own takes many passes.
    """
    return sample_like(q.base) if isinstance(q, Pushed) else q.mean
