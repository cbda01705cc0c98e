"""Divergences between Gaussians, Laplace distributions and mixtures of them; everything is summed over the latent dimensions and keeps the rows."""

from __future__ import annotations

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from .experts import geometric_mean
from .gaussian import Gaussian, kl_gaussians, pairwise_kl, standard_normal
from .laplace import Laplace, kl_laplaces
from .mixture import Component, Mixture, mixture_of_experts, uniform_log_weights
from .products import Products, kl_products

Reference = Gaussian | Laplace | Mixture


def kl_divergence(q: Component, p: Reference, z: Float[Tensor, "*samples_and_batch D"] | None = None) -> Float[Tensor, "*batch"]:
    """KL(q ‖ p): in closed form within a family, else E_q[log q(z) − log p(z)] with the samples ``z`` ``[K, ..., B, D]`` or ``[..., B, D]``.

    Args:
        q: Gaussian or Laplace ``[..., B, D]``.
        p: Gaussian or Laplace, or mixture ``[..., C, B, D]``.
        z: Samples of ``q``, with one more leading dimension than ``q`` if there are several; one is drawn when there are none.
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


def kl_to_mixture_bound(experts: Gaussian, given: Bool[Tensor, "B M"]) -> Float[Tensor, "M B"]:
    """A closed-form upper bound on KL(q_m ‖ uniform mixture of the given experts), tighter than the mean pairwise KL.

    −log (1/|S|) Σ_{j ∈ S} exp(−KL(q_m ‖ q_j)), by Jensen's inequality (Hershey & Olsen 2007, the variational bound with one-component q). It lies between 0
    and log |S| for m ∈ S, and, like the KL to the mixture, saturates when the experts are far apart.
    """
    return -torch.logsumexp(uniform_log_weights(given, experts.mean.dtype) - pairwise_kl(experts), dim=1)


def kl_to_siblings(experts: Gaussian, given: Bool[Tensor, "B M"]) -> Float[Tensor, "M B"]:
    """Mean over the given siblings j (m among them) of KL(q_m ‖ q_j): the convexity bound on the KL to their mixture. Never saturates."""
    seen = given.T
    divergences = torch.where(seen[None], pairwise_kl(experts), 0.0)
    return divergences.sum(1) / seen.sum(0).clamp(min=1)


def jensen_shannon(experts: Gaussian, given: Bool[Tensor, "B M"], samples: int = 1) -> Float[Tensor, " B"]:
    """Jensen-Shannon divergence of the given experts, (1/|S|) Σ_{m ∈ S} KL(q_m ‖ mixture), by Monte Carlo with ``samples`` draws of each."""
    divergence = kl_divergence(experts, mixture_of_experts(experts, given), experts.rsample((samples,)))
    return torch.where(given.T, divergence, 0.0).sum(0) / given.sum(-1).clamp(min=1)


def geometric_jensen_shannon(
    experts: Gaussian, given: Bool[Tensor, "B M"], *, weights: Float[Tensor, " M"] | None = None, prior: bool | float = False
) -> Float[Tensor, " B"]:
    """Σ_k π_k KL(q_k ‖ f) with f the geometric mean of the given experts with the same π, equal or in proportion to ``weights``.

    ``prior`` is the weight of N(0, I), as of one more expert (True is 1). Sutter et al. 2020 (MMJSD), Eq. 7; closed form.
    """
    dynamic = geometric_mean(experts, given, weights=weights, prior=prior)
    parts = given.to(experts.mean.dtype) if weights is None else given * weights.to(experts.mean.dtype)
    total = (torch.where(given.T, kl_gaussians(experts, dynamic), 0.0) * parts.T).sum(0)
    if prior:
        total = total + prior * kl_gaussians(standard_normal(dynamic), dynamic)
    share = parts.sum(-1) + prior
    return total / share.where(share > 0, 1.0)
