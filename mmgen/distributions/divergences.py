"""Divergences between Gaussians, Laplace distributions and mixtures of them; everything is summed over the latent
dimensions and keeps the rows.
"""

from __future__ import annotations

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from .experts import geometric_mean
from .gaussian import Gaussian, kl_gaussians, standard_normal
from .laplace import Laplace, kl_laplaces
from .mixture import Component, Mixture
from .products import Products, kl_products

Reference = Gaussian | Laplace | Mixture


def kl_divergence(
    q: Component, p: Reference, z: Float[Tensor, "*samples_and_batch D"] | None = None
) -> Float[Tensor, "*batch"]:
    """KL(q ‖ p): in closed form within a family, else E_q[log q(z) − log p(z)] with the samples ``z`` ``[K, ..., B,
    D]`` or ``[..., B, D]``.

    Args:
        q: Gaussian or Laplace ``[..., B, D]``.
        p: Gaussian or Laplace, or mixture ``[..., C, B, D]``.
        z: Samples of ``q``, with one more leading dimension than ``q`` if there are several; one is drawn when there
            are none.
    """
    if isinstance(q, Products) and isinstance(p, Gaussian):
        return kl_products(q, p)
    if isinstance(q, Gaussian) and isinstance(p, Gaussian):
        return kl_gaussians(q, p)
    if isinstance(q, Laplace) and isinstance(p, Laplace):
        return kl_laplaces(q, p)
    z = q.rsample() if z is None else z
    ratio = q.log_prob(z) - p.log_prob(z)
    return ratio.mean(0) if z.dim() > q.mean.dim() else ratio


def geometric_jensen_shannon(
    experts: Gaussian,
    given: Bool[Tensor, "B M"],
    *,
    weights: Float[Tensor, " M"] | None = None,
    prior: bool | float = False,
) -> Float[Tensor, " B"]:
    """Σ_k π_k KL(q_k ‖ f) with f the geometric mean of the given experts with the same π, equal or in proportion to
    ``weights``.

    ``prior`` is the weight of N(0, I), as of one more expert (True is 1). Sutter et al. 2020 (MMJSD), Eq. 7; closed
    form.
    """
    dynamic = geometric_mean(experts, given, weights=weights, prior=prior)
    parts = given.to(experts.mean.dtype) if weights is None else given * weights.to(experts.mean.dtype)
    total = (torch.where(given.T, kl_gaussians(experts, dynamic), 0.0) * parts.T).sum(0)
    if prior:
        total = total + prior * kl_gaussians(standard_normal(dynamic), dynamic)
    share = parts.sum(-1) + prior
    return total / share.where(share > 0, 1.0)
