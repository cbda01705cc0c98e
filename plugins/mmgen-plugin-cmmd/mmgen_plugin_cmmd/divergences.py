"""The maximum mean discrepancy of two samples, and the released code's form of the KL divergence."""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor

from mmgen.distributions import Gaussian, kl_gaussians


def maximum_mean_discrepancy(
    a: Float[Tensor, "B D"], b: Float[Tensor, "B D"], weights: Float[Tensor, " B"]
) -> Float[Tensor, ""]:
    """The squared MMD of two weighted samples: Σ_ij w_i w_j [k(a_i, a_j) + k(b_i, b_j) − 2 k(a_i, b_j)].

    The kernel is Gaussian, k(x, y) = exp(−‖x − y‖²/D²), with D the dimensions of the space. Weights of 1/B make it the
    biased estimate (a V-statistic), which is never negative.

    Source: Gretton et al. 2007 (https://arxiv.org/abs/0805.2368); "Discriminative multimodal learning via conditional
    priors in generative models", Eq. 4, and the kernel's width of its released code, after Zhao et al. 2017 (InfoVAE).
    """
    both, signed = torch.cat([a, b]), torch.cat([weights, -weights])
    kernel = torch.exp(-torch.cdist(both, both).square() / a.shape[-1] ** 2)
    return (signed[:, None] * signed * kernel).sum()


def kl_of_released_code(q: Gaussian, p: Gaussian) -> Float[Tensor, "*batch"]:
    """KL(q ‖ p) with σ_q²/σ_p² in the place of ½ σ_q²/σ_p², summed over the latent dimensions; smallest at σ_q² = ½
    σ_p², where it is not 0.

    Source: the code released with "Discriminative multimodal learning via conditional priors in generative models".
    """
    return kl_gaussians(q, p) + 0.5 * torch.exp(q.log_variance - p.log_variance).sum(-1)
