"""The consensus of dependent experts."""

from __future__ import annotations

import torch
from jaxtyping import Bool, Float
from pydantic import Field
from torch import Tensor

from mmgen import Aggregator, AggregatorConfig, MmgenError, Model
from mmgen.distributions import Gaussian, Mixture, powerset, uniform_log_weights

MOST_MODALITIES = 10


class ConsensusConfig(AggregatorConfig):
    """Options of :class:`Consensus`."""

    correlation: float = Field(
        0.4,
        ge=0,
        lt=1,
        description="ρ, the correlation of the errors of any two experts; 0 is a product of experts without N(0, I).",
    )


class Consensus(Aggregator):
    r"""Consensus of dependent experts: each q(z|x_m) is an estimate of z, and errors of any two are correlated by ρ.

    .. math::
        q(z_d|x_S) = \mathcal N\Big( \frac{e^\top \Sigma_d^{-1} \mu_d}{e^\top \Sigma_d^{-1} e}, \;
        \frac{1}{e^\top \Sigma_d^{-1} e} \Big), \qquad
        \Sigma_d = \big[ \rho^{[i \ne j]} \sigma_{id} \sigma_{jd} \big]_{i, j \in S}

    with e = (1, …, 1). In closed form, with precisions T, n = |S| and c = ρ / (1 + (n − 1) ρ), the precision of z_d is
    :math:`[\sum_i T_i - c\, (\sum_i \sqrt{T_i})^2] / (1 - \rho)`. Weights of means may be negative: of two experts that
    are strongly correlated the sure one is corrected away from the other.

    Training samples from the uniform mixture over all non-empty subsets of what is given, of which there may be 1023
    (ten modalities); a known subset has its consensus, and a single modality its own expert. N(0, I) is none of the
    experts.

    Source: Mancisidor et al. 2025 (https://arxiv.org/abs/2505.01134), section 3, after Winkler 1981
    (https://doi.org/10.1287/mnsc.27.4.479), with a flat prior and one ρ, as in the released code.
    """

    Config = ConsensusConfig

    def build(self, model: Model) -> None:
        """Nothing is learned.

        Raises:
            MmgenError: More modalities than subsets can be listed of.
        """
        if len(model.modalities) > MOST_MODALITIES:
            raise MmgenError(
                f"The aggregator 'code' lists all subsets of at most {MOST_MODALITIES} modalities, and there are "
                f"{len(model.modalities)}; 'mopoe' draws subsets of more."
            )

    def forward(self, experts: Gaussian, given: Bool[Tensor, "*lead B M"]) -> Mixture:
        """``[..., S, B, D]``; a subset that a row cannot have gets weight 0 there."""
        listed = powerset(given.shape[-1], given.device)[:, None]  # [S, 1, M]
        possible = (given.unsqueeze(-3) | ~listed).all(-1)  # [..., S, B]
        log_weights = uniform_log_weights(possible.movedim(-2, -1), experts.mean.dtype)
        return Mixture(self.consensus(experts, listed & given.unsqueeze(-3)), log_weights)

    def infer(self, experts: Gaussian, given: Bool[Tensor, "*lead B M"]) -> Mixture:
        """The consensus of what is given, ``[..., 1, B, D]``."""
        return Mixture.of(self.consensus(experts, given))

    def consensus(self, experts: Gaussian, given: Bool[Tensor, "*lead B M"]) -> Gaussian:
        """``[..., B, D]``; N(0, I) where nothing is given."""
        rho, root = self.config.correlation, (-0.5 * experts.log_variance).exp()  # [M, B, D]
        mask = given.to(root.dtype)
        count = mask.sum(-1, keepdim=True)
        shrinkage = rho / (1 + (count - 1) * rho)

        def total(values: Float[Tensor, "M B D"]) -> Float[Tensor, "*lead B D"]:
            return torch.einsum("...bm,mbd->...bd", mask, values)

        roots = total(root)
        precision = (total(root.square()) - shrinkage * roots.square()) / (1 - rho)
        pull = (total(root.square() * experts.mean) - shrinkage * roots * total(root * experts.mean)) / (1 - rho)
        precision = precision.where(count > 0, 1.0)
        return Gaussian(pull / precision, -precision.log())
