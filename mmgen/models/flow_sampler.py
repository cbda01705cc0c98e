"""A normalising flow as a sampler."""

from __future__ import annotations

import copy
from typing import Literal

import torch
from jaxtyping import Float
from pydantic import Field
from torch import Tensor

from ..distributions import Gaussian, Pushed
from .flows import FlowOptions
from .interface import Model
from .sampler import Sampler, SamplerConfig, checked_latents, dimensions_of


class FlowSamplerConfig(FlowOptions, SamplerConfig):
    """Options of :class:`FlowSampler`."""

    kind: Literal["nsf", "maf"] = Field(
        "maf", description="Function of each dimension: a rational-quadratic spline (nsf), or an affine one (maf)."
    )
    epochs: int = Field(200, ge=1, description="Passes over the rows, at most.")
    patience: int = Field(10, ge=1, description="Passes without a better density of the held-out rows that end it.")
    held_out: float = Field(0.1, gt=0, lt=1, description="Share of the rows that say when to stop.")
    learning_rate: float = Field(1e-3, gt=0, description="Of Adam.")
    batch_size: int = Field(256, ge=1, description="Rows per step.")


class FlowSampler(Sampler):
    r"""A masked autoregressive flow fitted to the latents of training rows, z = m + s T(u) with u ~ N(0, I).

    .. math:: \log p(z) = \log \mathcal N(u; 0, I) + \log |\det \partial u / \partial z|, \qquad
        u = T^{-1}\big((z - m) / s\big)

    m and s are mean and standard deviation of the rows. T maximises the mean log-density of the rows, until that of
    held-out ones has not become better for some passes; the best one is kept. The density takes one pass of each
    network, a draw one per dimension (two with ``coupling``). It needs the package zuko.

    Source: Papamakarios et al. 2017 (MAF, https://arxiv.org/abs/1705.07057); fitted after training as in Ghosh et al.
    2020 (https://arxiv.org/abs/1903.12436).
    """

    Config = FlowSamplerConfig

    shift: Tensor  # m, [D]
    scale: Tensor  # s, [D]

    def build(self, model: Model) -> None:
        """The map T."""
        self.dimensions = dimensions_of(model)
        self._make()

    def _make(self) -> None:
        """A map that is not fitted yet, in float64: there are few numbers, and the density is worth their digits."""
        self.flow = self.config.flow(self.dimensions, quick="pull").double().requires_grad_(False)
        self.register_buffer("shift", torch.zeros(self.dimensions, dtype=torch.float64))
        self.register_buffer("scale", torch.ones(self.dimensions, dtype=torch.float64))

    def fit(self, latents: Float[Tensor, "N D"]) -> None:
        """By maximum likelihood."""
        rows = checked_latents(latents, "flow")
        self._make()
        self.shift, self.scale = rows.mean(0), rows.std(0).clamp(min=1e-6)
        order = torch.randperm(len(rows))
        held_out, kept = rows[order].split([count := max(1, int(self.config.held_out * len(rows))), len(rows) - count])
        self.flow.requires_grad_(True)
        optimizer = torch.optim.Adam(self.flow.parameters(), lr=self.config.learning_rate)
        best, state, waited = -float("inf"), copy.deepcopy(self.flow.state_dict()), 0
        for _ in range(self.config.epochs):
            for places in torch.randperm(len(kept)).split(self.config.batch_size):
                with torch.enable_grad():
                    loss = -self.log_prob(kept[places]).mean()
                optimizer.zero_grad()
                loss.backward()
                optimizer.step()
            with torch.no_grad():
                density = float(self.log_prob(held_out).mean())
            better = density > best
            waited = 0 if better else waited + 1
            if better:
                best, state = density, copy.deepcopy(self.flow.state_dict())
            if waited == self.config.patience:
                break
        self.flow.load_state_dict(state)
        self.flow.requires_grad_(False)

    def sample(self, count: int) -> Float[Tensor, "count D"]:
        """m + s T(u)."""
        with torch.no_grad():
            return self.shift + self.scale * self._standardised(count).rsample()

    def log_prob(self, z: Float[Tensor, "*lead D"]) -> Float[Tensor, "*lead"]:
        """The equation above."""
        rows = ((z.to(self.shift) - self.shift) / self.scale).reshape(-1, z.shape[-1])
        return self._standardised(len(rows)).log_prob(rows).reshape(z.shape[:-1]) - self.scale.log().sum()

    def _standardised(self, count: int) -> Pushed:
        """The density of (z − m) / s, for so many rows."""
        nothing = self.shift.new_zeros(count, self.dimensions)
        return Pushed(Gaussian(nothing, nothing), self.flow)
