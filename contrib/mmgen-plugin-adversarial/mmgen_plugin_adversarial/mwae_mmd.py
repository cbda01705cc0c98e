"""mWAE without an adversary: the maximum mean discrepancy between points and the prior."""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor

from mmgen import Batch, Model, ObjectiveConfig

from .points import Points

SCALES = (0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0)  # of the released code


class MWAEMMD(Points):
    r"""mWAE with a kernel: what holds points near the prior is their maximum mean discrepancy from draws of it.

    .. math::
        \sum_i \frac1{|S|} \sum_{j \in S} \log p(x_i|z_j) - \frac\beta M \sum_m \mathrm{MMD}_k^2(\{g_m(x_m)\}, \{z'\})

    .. math::
        \mathrm{MMD}_k^2 = \frac{1}{n(n-1)} \sum_{b \ne c} \big[ k(z_b, z_c) + k(z'_b, z'_c) - 2 k(z_b, z'_c) \big],
        \qquad k(z, z') = \sum_s \frac{2 D s}{2 D s + |z - z'|^2}

    over the n rows of a batch that have the modality, with one draw z′ ~ p for each and the scales s of 0.1 to 10. So a
    row's terms depend on the others; a batch stays in one piece. Without n ≥ 2 it is 0. β is 10, as in the paper on
    images of digits. It is no bound, and has no density.

    Posterior afterwards: the points of what is given, each as likely; decoders take one of them.

    Source: Tolstikhin et al. 2018 (https://arxiv.org/abs/1711.01558), Algorithm 2, with the kernels of its released
    code; several modalities as in multi-view-AE's mWAE, which has a critic alone. Deviation: pairs z_b, z′_b are left
    out of the last sum, as of the others, so that all three have the same pairs.
    """

    Config = ObjectiveConfig
    family = "adversarial"
    whole_batch = True
    defaults = {"model": {"beta": 10.0}}

    def distance(self, model: Model, batch: Batch, z: Float[Tensor, "M B D"]) -> Float[Tensor, " B"]:
        """The discrepancy, the same in every row."""
        drawn = self.drawn(model, batch, z).expand_as(z)
        has = batch.available.T.to(z.dtype)  # [M, B]
        pairs = has[:, :, None] * has[:, None, :] * (1 - torch.eye(z.shape[1], dtype=z.dtype, device=z.device))
        values = kernel(z, z) + kernel(drawn, drawn) - 2 * kernel(z, drawn)  # [M, B, B]
        discrepancy = (pairs * values).sum((1, 2)) / pairs.sum((1, 2)).clamp(min=1)
        return discrepancy.mean().expand(z.shape[1])


def kernel(one: Float[Tensor, "M B D"], other: Float[Tensor, "M B D"]) -> Float[Tensor, "M B B"]:
    """k of all pairs of rows."""
    distance = (one[:, :, None] - other[:, None, :]).square().sum(-1)
    widths = [2 * one.shape[-1] * scale for scale in SCALES]
    return torch.stack([width / (width + distance) for width in widths]).sum(0)
