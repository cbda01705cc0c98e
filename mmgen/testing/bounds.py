"""The value of an objective in expectation, to compare with what is known exactly."""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor

from ..data import Batch
from ..models import MultimodalVAE


def sampled_value(
    model: MultimodalVAE, batch: Batch, *, draws: int = 300, beta: float = 1.0, seed: int = 0
) -> tuple[Float[Tensor, " B"], Float[Tensor, " B"]]:
    """The mean of what an objective maximises over draws of its noise, and the standard error of that mean.

    Args:
        model: Is not trained.
        batch: B rows.
        draws: How often the noise is drawn.
        beta: What multiplies the divergence.
        seed: Of PyTorch's global generator, before the first draw.

    Returns:
        Both in nats per row. A lower bound is at most the evidence, up to a few standard errors (and rounding, where
        nothing is random).
    """
    torch.manual_seed(seed)
    with torch.no_grad():
        values = torch.stack([model(batch).value(beta) for _ in range(draws)])
    return values.mean(0), values.std(0) / draws**0.5
