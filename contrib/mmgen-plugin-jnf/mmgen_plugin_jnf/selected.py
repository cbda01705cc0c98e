"""One of several flows for every row."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from jaxtyping import Float
from torch import Tensor

from mmgen.distributions import Change


class Selected:
    """The map of one of M flows, or none, for every row: the ``context`` ``[..., B, M]`` has a 1 in its place.

    A flow runs on its own rows alone; a row with zeros everywhere stays as it is.
    """

    def __init__(self, flows: Sequence[Change]) -> None:
        self.flows = flows

    def push(self, u: Float[Tensor, "*lead D"], context: Tensor | None) -> tuple[Tensor, Tensor]:
        """T_m(u), and ``log |det ∂T_m/∂u|`` there."""
        return self._mapped("push", u, context)

    def pull(self, z: Float[Tensor, "*lead D"], context: Tensor | None) -> tuple[Tensor, Tensor]:
        """T_m⁻¹(z), and ``log |det ∂T_m⁻¹/∂z|`` there."""
        return self._mapped("pull", z, context)

    def _mapped(self, direction: str, value: Tensor, context: Tensor | None) -> tuple[Tensor, Tensor]:
        assert context is not None
        mapped, log_det = value, torch.zeros_like(value[..., 0])
        for m, flow in enumerate(self.flows):
            rows = (context[..., m] > 0).expand(value.shape[:-1])
            if rows.any():
                new, change = getattr(flow, direction)(value[rows], None)
                mapped = mapped.masked_scatter(rows[..., None], new)
                log_det = log_det.masked_scatter(rows, change)
        return mapped, log_det
