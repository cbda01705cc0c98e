"""Rows of one batch that have their posterior from different places."""

from __future__ import annotations

from typing import cast

import torch
from jaxtyping import Bool
from torch import Tensor

from mmgen.distributions import Gaussian, Mixture


def replaced(posterior: Mixture, rows: Bool[Tensor, "*lead B"], by: Gaussian) -> Mixture:
    """``posterior`` ``[..., C, B, D]`` of Gaussians with ``by`` ``[..., B, D]`` as every component of the ``rows``."""
    chosen, old = rows[..., None, :, None], cast(Gaussian, posterior.components)
    new = by.map(lambda value: value.unsqueeze(-3))
    components = Gaussian(
        torch.where(chosen, new.mean, old.mean), torch.where(chosen, new.log_variance, old.log_variance)
    )
    return Mixture(components, posterior.log_weights.expand(components.mean.shape[:-1]))
