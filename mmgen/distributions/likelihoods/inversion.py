"""Quantile functions that torch lacks, by SciPy."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor


def by_scipy(function: Callable[..., Any], *tensors: Tensor) -> Tensor:
    """A function of NumPy arrays of tensors that fit together, in float64; without gradients, on their device."""
    arrays = [tensor.detach().double().cpu().numpy() for tensor in tensors]
    return torch.as_tensor(function(*arrays), dtype=torch.float64, device=tensors[0].device)
