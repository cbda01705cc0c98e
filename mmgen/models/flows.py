"""Normalising flows: as a prior, and as an aggregator that makes another one's posterior more flexible."""

from __future__ import annotations

from typing import Any, Literal

import torch
from jaxtyping import Bool
from pydantic import Field
from torch import Tensor

from ..distributions import Gaussian, Mixture, Pushed, Reference, standard_normal
from ..errors import MmgenError
from ..networks import Flow
from ..options import Options, validated
from ..registry import load
from .aggregator import Aggregator, AggregatorConfig
from .interface import Model
from .prior import Prior, PriorConfig


class FlowOptions(Options):
    """Options of the map of a flow."""

    kind: Literal["nsf", "maf"] = Field(
        "nsf", description="Function of each dimension: a rational-quadratic spline (nsf), or an affine one (maf)."
    )
    transforms: int = Field(3, ge=1, description="Layers of the flow.")
    hidden: tuple[int, ...] = Field(
        (64, 64), description="Widths of the hidden layers of the network in each layer of the flow."
    )
    coupling: bool = Field(
        False,
        description="Whether one half of the dimensions is mapped given the other, which is quick in both directions; "
        "otherwise each is mapped given all before it, and one of the directions takes a pass per dimension.",
    )

    def flow(self, features: int, context: int = 0, *, quick: Literal["push", "pull"]) -> Flow:
        """A new one."""
        return Flow(
            features,
            context,
            kind=self.kind,
            transforms=self.transforms,
            hidden=self.hidden,
            coupling=self.coupling,
            quick=quick,
        )


class FlowPriorConfig(FlowOptions, PriorConfig):
    """Options of :class:`FlowPrior`."""


class FlowPrior(Prior):
    r"""A normalising flow: z = T(u) with u ~ N(0, I) and a learned invertible map T, the same for every row.

    .. math:: \log p(z) = \log \mathcal N(T^{-1}(z); 0, I) + \log |\det \partial T^{-1} / \partial z|

    T⁻¹ is the quick direction, which training and log-likelihoods use; generating takes a pass per dimension unless
    ``coupling`` is set. Any KL to it is estimated by samples. It needs the package zuko.

    Source: density by the change of variables, Rezende & Mohamed 2015 (https://arxiv.org/abs/1505.05770), Eq. 5; the
    maps Papamakarios et al. 2017 (MAF, https://arxiv.org/abs/1705.07057) and Durkan et al. 2019 (neural splines,
    https://arxiv.org/abs/1906.04032).
    """

    Config = FlowPriorConfig

    def build(self, model: Model) -> None:
        """The map T."""
        self.flow = self.config.flow(model.config.latent_dim, quick="pull")

    def forward(self, model: Model, experts: Gaussian, given: Bool[Tensor, "B M"]) -> Reference:
        """``[B, D]``."""
        return Pushed(standard_normal(experts[0]), self.flow)


class FlowAggregatorConfig(FlowOptions, AggregatorConfig):
    """Options of :class:`FlowAggregator`."""

    of: str = Field("poe", description="The aggregator whose posterior the flow starts from.")
    of_options: dict[str, Any] = Field({}, description="Options of that aggregator.")
    condition: Literal["parameters", "none"] = Field(
        "parameters",
        description="What the map depends on: mean and log-variance of the component that it starts from, or nothing "
        "(one map for all rows and subsets).",
    )


class FlowAggregator(Aggregator):
    r"""A normalising flow of another aggregator's posterior, whose components one learned invertible map makes more
    flexible.

    .. math::
        q(z|x_S) = \sum_c w_c\, q_c\big(T^{-1}(z; c_c)\big)\, |\det \partial T^{-1}(z; c_c) / \partial z|, \qquad
        c_c = (\mu_c, \log \sigma_c^2)

    Each component :math:`q_c` of the posterior that ``aggregator.of`` makes of the given experts is mapped by one
    learned invertible map T, which sees that component's parameters (or nothing, ``condition=none``); the weights stay.
    So a product becomes one flow, and a mixture a mixture of flows; missing modalities are as exact as with that
    aggregator. A row for which nothing is given keeps N(0, I).

    T is the quick direction: a sample takes one pass and its density none. The density of another z takes a pass per
    dimension (two with ``coupling``). Every KL is estimated by samples. Means and variances are those of fixed points
    (:class:`mmgen.distributions.Pushed`). It needs the package zuko.

    Source: Rezende & Mohamed 2015 (https://arxiv.org/abs/1505.05770), Eqs. 5 and 15; the inverse autoregressive form
    Kingma et al. 2016 (https://arxiv.org/abs/1606.04934); the maps Papamakarios et al. 2017
    (https://arxiv.org/abs/1705.07057) and Durkan et al. 2019 (https://arxiv.org/abs/1906.04032).
    """

    Config = FlowAggregatorConfig

    def __init__(self, config: FlowAggregatorConfig | None = None) -> None:
        super().__init__(config)
        kind: type[Aggregator] = load("aggregators", self.config.of)
        if not kind.shared:
            raise MmgenError(
                f"aggregator.of: a flow starts from one posterior of all modalities, and {self.config.of!r} keeps one "
                "for each; choose another, such as 'poe'."
            )
        self.of = kind(validated(kind.Config, self.config.of_options, "aggregator.of_options"))
        self.mixes = self.of.mixes

    def build(self, model: Model) -> None:
        """The map T, and what the other aggregator learns."""
        self.of.build(model)
        dims = model.config.latent_dim
        self.flow = self.config.flow(dims, 2 * dims if self.config.condition == "parameters" else 0, quick="push")

    def forward(self, experts: Gaussian, given: Bool[Tensor, "*lead B M"]) -> Mixture:
        """``[..., C, B, D]``."""
        return self._pushed(self.of(experts, given), given)

    def infer(self, experts: Gaussian, given: Bool[Tensor, "*lead B M"]) -> Mixture:
        """The same of what the other aggregator infers."""
        return self._pushed(self.of.infer(experts, given), given)

    def _pushed(self, posterior: Mixture, given: Bool[Tensor, "*lead B M"]) -> Mixture:
        base, context = posterior.components, None
        if self.config.condition == "parameters":
            context = torch.cat([base.mean, base.variance.log()], -1)
        rows = given.any(-1)[..., None, :, None].expand(*posterior.log_weights.shape, 1)
        return Mixture(Pushed(base, self.flow, context, rows), posterior.log_weights)
