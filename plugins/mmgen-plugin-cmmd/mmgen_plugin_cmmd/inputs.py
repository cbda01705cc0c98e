"""Inputs of multilayer perceptrons: several modalities as one row of numbers, and a label as columns beside them."""

from __future__ import annotations

from collections.abc import Mapping

import torch
import torch.nn.functional as F
from jaxtyping import Bool, Float
from torch import Tensor, nn

from mmgen import Batch, Modality
from mmgen.data import Columns
from mmgen.networks import OneHot


def flat_size(modalities: Mapping[str, Modality]) -> int:
    """How many numbers the values of several modalities are, flattened; integer codes are one-hot."""
    return sum(Columns(modality).count for modality in modalities.values())


class Flattened(nn.Module):
    """Prepared values of several modalities, flattened and side by side: ``[B, features]``."""

    def __init__(self, modalities: Mapping[str, Modality]) -> None:
        super().__init__()
        self.names = tuple(modalities)
        self.parts = nn.ModuleList(Columns(modality) for modality in modalities.values())
        self.features = flat_size(modalities)

    def forward(self, batch: Batch) -> Float[Tensor, "B features"]:
        """A prepared batch to ``[B, features]``."""
        return torch.cat([part(batch.data[name]) for name, part in zip(self.names, self.parts, strict=True)], 1)


class Target(nn.Module):
    """A label ``y`` of ``size`` classes, or of as many yes/no answers: its columns, and log p(y) under logits.

    Classes are codes ``[B]``, −1 where unknown, under a softmax. Answers are ``[B, size]`` of 0, 1 and −1 (unknown),
    each under a sigmoid of its own.
    """

    def __init__(self, label: str, size: int) -> None:
        super().__init__()
        self.label, self.size = label, size
        self.one_hot = OneHot(size)

    def codes(self, batch: Batch) -> Tensor:
        """``[B]`` or ``[B, size]``; −1 everywhere in a batch without the label."""
        return batch.labels.get(self.label, batch.available.new_full((len(batch),), -1, dtype=torch.int64))

    def known(self, codes: Tensor) -> Bool[Tensor, " B"]:
        """Which rows have a class, or at least one answer."""
        return codes >= 0 if codes.dim() == 1 else (codes >= 0).any(-1)

    def columns(self, codes: Tensor) -> Float[Tensor, "B size"]:
        """One-hot classes, or the answers as 0 and 1; zeros for what is unknown."""
        return self.one_hot(codes) if codes.dim() == 1 else codes.clamp(min=0).to(self.one_hot.rows.dtype)

    def log_likelihood(self, logits: Float[Tensor, "B size"], codes: Tensor) -> Float[Tensor, " B"]:
        """log p(y) of every row, summed over the known answers; 0 where nothing is known."""
        if codes.dim() == 1:
            return torch.where(codes >= 0, -F.cross_entropy(logits, codes.clamp(min=0), reduction="none"), 0.0)
        right = -F.binary_cross_entropy_with_logits(logits, codes.clamp(min=0).to(logits.dtype), reduction="none")
        return torch.where(codes >= 0, right, 0.0).sum(-1)
