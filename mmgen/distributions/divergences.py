"""Divergences between Gaussians, Laplace distributions and mixtures, summed over the latent dimensions."""

from __future__ import annotations

from jaxtyping import Float
from torch import Tensor

from .gaussian import Gaussian, kl_gaussians
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
