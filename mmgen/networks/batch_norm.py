"""Batch normalisation that also takes a batch with a single value per channel."""

from __future__ import annotations

import torch.nn.functional as F
from torch import Tensor, nn


class _BatchNorm(nn.modules.batchnorm._BatchNorm):
    """In training one value per channel has no spread: it is normalised as in evaluation, where torch's own layer
    raises an error.

    An epoch's last batch may be a single row, and deep maps are a single pixel.
    """

    def forward(self, x: Tensor) -> Tensor:
        """``[N, C, …]`` to the same shape."""
        if self.training and x.numel() == x.shape[1]:
            return F.batch_norm(x, self.running_mean, self.running_var, self.weight, self.bias, False, 0.0, self.eps)
        return super().forward(x)


class BatchNorm1d(_BatchNorm, nn.BatchNorm1d):
    """For ``[N, C, L]``."""


class BatchNorm2d(_BatchNorm, nn.BatchNorm2d):
    """For ``[N, C, H, W]``."""


BATCH_NORM: dict[int, type[nn.Module]] = {1: BatchNorm1d, 2: BatchNorm2d}
