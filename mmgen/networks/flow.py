"""Invertible maps for normalising flows, of the library zuko."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal

import torch
from torch import Tensor, nn

from ..errors import MmgenError


class Flow(nn.Module):
    """An invertible map z = T(u; c) of D dimensions: layers of monotone functions of each dimension, whose parameters a
    masked network computes from the dimensions before it, in one order and in the reverse one by turns.

    ``quick`` is the direction that takes one pass of each network; the other takes D, or two with ``coupling``.

    Source: Papamakarios et al. 2017 (MAF, https://arxiv.org/abs/1705.07057): affine functions; Durkan et al. 2019 (NSF,
    https://arxiv.org/abs/1906.04032): rational-quadratic splines on [−5, 5], the identity outside. Used with ``push``
    as its quick direction it is the inverse autoregressive flow of Kingma et al. 2016
    (https://arxiv.org/abs/1606.04934). Layers are zuko's; hidden ones have the smooth activation SiLU, so that
    densities are smooth.

    Args:
        features: D.
        context: Dimensions of c; 0: T depends on nothing.
        kind: ``nsf`` or ``maf``.
        transforms: Layers.
        hidden: Widths of the hidden layers of each network.
        coupling: Whether one half of the dimensions is mapped given the other, in turn, instead of each given those
            before it.
        quick: ``push`` (u to z) or ``pull`` (z to u).

    Raises:
        MmgenError: zuko is not installed.
    """

    def __init__(
        self,
        features: int,
        context: int = 0,
        *,
        kind: Literal["nsf", "maf"] = "nsf",
        transforms: int = 3,
        hidden: Sequence[int] = (64, 64),
        coupling: bool = False,
        quick: Literal["push", "pull"] = "push",
    ) -> None:
        super().__init__()
        made = getattr(_zuko(), kind.upper())(
            features,
            context,
            transforms=transforms,
            hidden_features=tuple(hidden),
            activation=nn.SiLU,
            passes=2 if coupling else None,
        )
        self.transform = made.transform
        self.quick = quick

    def push(self, u: Tensor, context: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """T(u; c) ``[..., D]``, and ``log |det ∂T/∂u|`` there ``[...]``."""
        return self._apply_map(u, context, forward=self.quick == "push")

    def pull(self, z: Tensor, context: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """T⁻¹(z; c) ``[..., D]``, and ``log |det ∂T⁻¹/∂z|`` there ``[...]``."""
        return self._apply_map(z, context, forward=self.quick == "pull")

    def _apply_map(self, value: Tensor, context: Tensor | None, *, forward: bool) -> tuple[Tensor, Tensor]:
        with torch.autocast(value.device.type, enabled=False):
            transform = self.transform(context)
            mapped, log_det = (transform if forward else transform.inv).call_and_ladj(value)
        return mapped, log_det


def _zuko() -> Any:
    try:
        from zuko import flows
    except ImportError as error:
        raise MmgenError("Normalising flows need the package zuko: pip install 'mmgen-core[flows]'.") from error
    return flows
