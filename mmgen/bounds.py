"""A bound that can be left again."""

from __future__ import annotations

from torch import Tensor


def bounded(x: Tensor, low: float, high: float) -> Tensor:
    """``x`` kept in [low, high]: inside the range ``x`` itself, bit for bit; outside the nearer end.

    ``Tensor.clamp`` has the gradient 0 out there, so a network that one bad step pushed beyond the range could never
    come back. Here the derivative is that of ``x`` everywhere: what would move the bounded value moves ``x``. What is
    not finite becomes NaN, which stops a training with a sentence.

    Plain operations rather than a function with a derivative of its own: they can be compiled, and differentiated
    forwards, backwards and twice.
    """
    fixed = x.detach()
    return fixed.clamp(low, high) + (x - fixed)
