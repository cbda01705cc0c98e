"""What rows share that stand where a table wants a tensor, and keep their values in another form."""

from __future__ import annotations

import torch
from torch import Tensor


class Stored:
    """Rows whose ``values`` are one tensor, of whatever shape."""

    values: Tensor

    @property
    def device(self) -> torch.device:
        """Where the values are."""
        return self.values.device

    @property
    def dtype(self) -> torch.dtype:
        """Of the values."""
        return self.values.dtype

    def is_floating_point(self) -> bool:
        """Whether the values are."""
        return self.values.is_floating_point()
