"""What multilayer perceptrons see of a batch: several modalities as one row of numbers, and a label as columns beside them."""

from __future__ import annotations

import math
from collections.abc import Mapping

import torch
import torch.nn.functional as F
from jaxtyping import Bool, Float
from torch import Tensor, nn

from mmgen import Batch, CountsModality, Modality
from mmgen.distributions import LIKELIHOODS
from mmgen.networks import OneHot


class _Log1p(nn.Module):
    """Counts as log(1 + x), as encoders of counts see them."""

    def forward(self, x: Tensor) -> Tensor:
        """``[N, *shape]`` to the same shape."""
        return torch.log1p(x.clamp(min=0))


def _categories(modality: Modality) -> int | None:
    """The number of categories of a modality of integer codes, None for one of numbers."""
    likelihood = modality.make_likelihood()
    return likelihood.outputs if isinstance(likelihood, LIKELIHOODS["categorical"]) else None


def flat_size(modality: Modality) -> int:
    """How many numbers one value of a modality is, flattened; integer codes are one-hot."""
    return math.prod(modality.shape) * (_categories(modality) or 1)


class Flattened(nn.Module):
    """Prepared values of several modalities, flattened and side by side: ``[B, features]``."""

    def __init__(self, modalities: Mapping[str, Modality]) -> None:
        super().__init__()
        self.names = tuple(modalities)
        self.features = sum(flat_size(modality) for modality in modalities.values())
        self.parts = nn.ModuleList(self._part(modality) for modality in modalities.values())

    @staticmethod
    def _part(modality: Modality) -> nn.Module:
        categories = _categories(modality)
        if categories is not None:
            return OneHot(categories)
        return _Log1p() if isinstance(modality, CountsModality) else nn.Identity()

    def forward(self, batch: Batch) -> Float[Tensor, "B features"]:
        """A prepared batch to ``[B, features]``."""
        return torch.cat([part(batch.data[name]).flatten(1) for name, part in zip(self.names, self.parts, strict=True)], 1)


class Target(nn.Module):
    """A label ``y`` of ``size`` classes, or of as many yes/no answers: its columns, and log p(y) under logits ``[B, size]``.

    Classes are codes ``[B]``, −1 where unknown, under a softmax. Answers are ``[B, size]`` of 0, 1 and −1 (unknown), each under a sigmoid of its own.
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
