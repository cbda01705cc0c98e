"""Gradients whose norm is far above what is usual are cut: to a number, or to a threshold that finds itself."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import torch
from torch import Tensor, nn

FACTOR = 2.0  # times the usual norm: what gradients are cut to
FIRST, MEMORY = 20, 100  # steps before anything is cut, and over which the usual norm is remembered


class UsualNorm:
    """Cuts gradients to twice their usual norm, the geometric mean of those of the last hundred steps or so.

    With norms g_t of the steps t = 1, 2, … and the usual one exp(m_t), each gradient is multiplied by c_t/g_t, where

        c_t = min(g_t, 2 exp(m_{t−1}))  (g_t, where t ≤ 20),
        m_t = m_{t−1} + (log c_t − m_{t−1}) / min(t, 100).

    A step that leaps moves m by its cut norm alone. So one rule serves likelihoods of ten nats and of ten thousand; the
    size of what is usual does nothing to Adam, whose steps are the same for gradients of any scale.

    Args:
        device: Where the gradients are; nothing is waited for there.

    Attributes:
        state: t and m, ``[2]`` in float64 (float32 on an Apple GPU), which a checkpoint keeps.
    """

    def __init__(self, device: torch.device) -> None:
        kind = torch.float32 if device.type == "mps" else torch.float64
        self.state = torch.zeros(2, dtype=kind, device=device)

    @torch.no_grad()
    def cut(self, parameters: Iterable[Tensor]) -> None:
        """Cut the gradients of a step, and remember their norm; one of 0 or that is no number changes nothing."""
        kept = [parameter for parameter in parameters if parameter.grad is not None]
        if not kept:
            return
        norm = nn.utils.get_total_norm([p.grad for p in kept if p.grad is not None]).to(self.state)
        count, mean = self.state
        known = count >= FIRST
        limit = torch.where(known, FACTOR * mean.exp(), norm)
        used = torch.minimum(norm, limit)
        counts = norm.isfinite() & (norm > 0)
        nn.utils.clip_grads_with_norm_(kept, 1.0, torch.where(counts & (used < norm), norm / used, 0.0).float())
        step = (used.log() - mean) / (count + 1).clamp(max=MEMORY)
        self.state = torch.where(counts, torch.stack([count + 1, mean + step]), self.state)


def pack_norms(norms: Iterable[UsualNorm | None]) -> dict[str, Tensor]:
    """What a checkpoint keeps of them, by number."""
    return {str(number): norm.state for number, norm in enumerate(norms) if norm is not None}


def unpack_norms(norms: Iterable[UsualNorm | None], kept: Mapping[str, Tensor]) -> None:
    """Go on with what :func:`pack_norms` gave."""
    for number, norm in enumerate(norms):
        if norm is not None and str(number) in kept:
            norm.state = kept[str(number)].to(norm.state)
