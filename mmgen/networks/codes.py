"""Integer codes as numbers that a network can see; the code −1 (nothing there) is a row of zeros."""

from __future__ import annotations

import torch
from torch import Tensor, nn


class OneHot(nn.Module):
    """Codes ``[...]`` to ``[..., categories]``."""

    rows: Tensor  # zeros for −1, then the identity; a buffer, so that it has the precision of the model

    def __init__(self, categories: int) -> None:
        super().__init__()
        self.register_buffer("rows", torch.cat([torch.zeros(1, categories), torch.eye(categories)]), persistent=False)

    def forward(self, x: Tensor) -> Tensor:
        """``[...]`` to ``[..., categories]``."""
        return self.rows[x.clamp(min=-1) + 1]


class OneHotChannels(OneHot):
    """Codes ``[N, L]`` to ``[N, categories, L]``, as convolutions want them."""

    def forward(self, x: Tensor) -> Tensor:
        """``[N, L]`` to ``[N, categories, L]``."""
        return super().forward(x).transpose(1, 2)


def embed(embedding: nn.Embedding, codes: Tensor) -> Tensor:
    """The embeddings of codes ``[...]``, ``[..., E]``."""
    return embedding(codes.clamp(min=0)) * (codes >= 0)[..., None]
