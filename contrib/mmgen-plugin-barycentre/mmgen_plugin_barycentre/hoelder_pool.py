"""The Hölder pool of experts: between their mixture and their geometric mean."""

from __future__ import annotations

import math
from itertools import combinations_with_replacement
from typing import Literal

import torch
from jaxtyping import Bool
from pydantic import Field
from torch import Tensor, nn

from mmgen import Aggregator, AggregatorConfig, MmgenError, Model
from mmgen.distributions import Gaussian, Mixture

MOST_COMPONENTS = 1023


class HoelderConfig(AggregatorConfig):
    """Options of :class:`HoelderPool`."""

    order: int = Field(
        2,
        ge=1,
        description="n = 1/α: 1 is the mixture of experts, 2 the Hellinger pool, and the larger n is, the nearer it is "
        "to the geometric mean.",
    )
    weights: Literal["equal", "learned"] = Field(
        "equal",
        description="Weights of the modalities, which sum to one over what is given: the same for all, or learned (a "
        "softmax of one number per modality, all 0 at first).",
    )
    form: Literal["mixture", "gaussian"] = Field(
        "mixture", description="The pool itself, or the Gaussian with its mean and its variances."
    )


class HoelderPool(Aggregator):
    r"""Hölder pool of experts with α = 1/n, itself: a mixture of Gaussians with weights that depend on the row.

    .. math:: h(z|x_S) \propto \Big( \sum_{m \in S} w_m\, q(z|x_m)^{1/n} \Big)^n
        = \sum_k \binom{n}{k} \prod_{m \in S} w_m^{k_m} q(z|x_m)^{k_m / n}

    over all k = (k_1, …, k_M) with Σ_m k_m = n. Each summand is a geometric mean of experts with exponents a_m = k_m/n,
    which is a Gaussian with precision T = Σ_m a_m T_m and mean μ = Σ_m a_m T_m μ_m / T, times its integral

    .. math:: c_k = \prod_d \sqrt{\textstyle\prod_m T_{md}^{a_m} / T_d}\;
        \exp\Big( - \tfrac12 \sum_m a_m T_{md} (\mu_{md} - \mu_d)^2 \Big).

    So h is a mixture of C(M + n − 1, n) Gaussians with weights in proportion to the multinomial coefficient, the
    weights of the experts, and c_k: where experts disagree their geometric means weigh little, and h is nearly the
    mixture of the experts with weights in proportion to w^n. h minimises the weighted sum of the α-divergences to the
    experts, n = 2 that of squared Hellinger distances. A single modality has its own expert; N(0, I) is none of the
    experts.

    With ``form: gaussian`` and n = 2 it is the core's aggregator ``moment-matched``.

    Weights of components depend on the experts. Objectives that draw one component per row have no gradient of that:
    ``helvae`` and ``elbo`` with ``mixture_sampling: all`` have.

    Source: Vo & Valera 2026 (HELVAE, https://arxiv.org/abs/2601.06572) for pools with α = ½ in place of products and
    mixtures, and the matched Gaussian; Vo, Martínez-García & Valera 2026 (Hölder++, https://arxiv.org/abs/2606.13381)
    for α = ½ without that match. Other n, by the same expansion, and learned weights are ours.
    """

    Config = HoelderConfig
    powers: Tensor
    coefficients: Tensor

    def __init__(self, config: HoelderConfig | None = None) -> None:
        super().__init__(config)
        self.mixes = self.config.form == "mixture"

    def build(self, model: Model) -> None:
        """The logits of the weights, ``[M]``, if they are learned.

        Raises:
            MmgenError: More summands than can be listed.
        """
        modalities, order = len(model.modalities), self.config.order
        count = math.comb(modalities + order - 1, order)
        if count > MOST_COMPONENTS:
            raise MmgenError(
                f"aggregator.order is {order}, and with {modalities} modalities the pool is a mixture of {count} "
                f"Gaussians; it should be small enough for at most {MOST_COMPONENTS}."
            )
        powers = [
            [chosen.count(m) for m in range(modalities)]
            for chosen in combinations_with_replacement(range(modalities), order)
        ]
        coefficients = [math.factorial(order) / math.prod(map(math.factorial, each)) for each in powers]
        self.register_buffer("powers", torch.tensor(powers), persistent=False)  # [C, M]
        self.register_buffer("coefficients", torch.tensor(coefficients, dtype=torch.float64), persistent=False)
        self.logits = nn.Parameter(torch.zeros(modalities)) if self.config.weights == "learned" else None

    def forward(self, experts: Gaussian, given: Bool[Tensor, "*lead B M"]) -> Mixture:
        """``[..., C, B, D]``, or ``[..., 1, B, D]``."""
        powers = self.powers.to(experts.mean.dtype)  # [C, M]
        exponents = powers / self.config.order
        precision = torch.einsum("cm,mbd->cbd", exponents, experts.precision)
        mean = torch.einsum("cm,mbd->cbd", exponents, experts.precision * experts.mean) / precision
        away = experts.precision * (experts.mean - mean[:, None]).square()  # [C, M, B, D]
        log_integral = -torch.einsum("cm,mbd->cbd", exponents, experts.log_variance) - precision.log()
        log_integral = 0.5 * (log_integral - torch.einsum("cm,cmbd->cbd", exponents, away)).sum(-1)  # [C, B]
        log_weights = log_integral + self.coefficients.to(mean.dtype).log()[:, None]
        if self.logits is not None:
            log_weights = log_weights + (powers @ self.logits.log_softmax(-1))[:, None]
        lacking = (self.powers > 0).float() @ (~given).float().transpose(-1, -2) > 0  # [..., C, B]
        nothing = ~given.any(-1)[..., None, :]  # [..., 1, B]
        log_weights = log_weights.masked_fill(lacking & ~nothing, -torch.inf).masked_fill(nothing, 0.0)
        components = Gaussian(mean, -precision.log()).map(
            lambda value: value.expand(*given.shape[:-2], *value.shape).masked_fill(nothing[..., None], 0.0)
        )
        pool = Mixture(components, log_weights.log_softmax(-2))
        return pool if self.mixes else Mixture.of(Gaussian(pool.mean, pool.variance.log()))
