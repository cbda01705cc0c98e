"""Products of experts for many subsets at once, of which no more is computed than somebody asks for."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cached_property
from typing import Any, cast

import torch
from jaxtyping import Float, Int
from torch import Tensor

from .gaussian import Gaussian, choose, kl_gaussians

NUMBERS_AT_ONCE = {"cpu": 2**18}  # a few tensors of so many stay in a processor's cache
NUMBERS_AT_ONCE_ELSEWHERE = 2**24  # only memory counts there


class Products(Gaussian):
    """Gaussians ``[..., B, D]``, each the normalised product Π_m q_m^{w_m} of the same M experts, with exponents of its
    own.

    With precisions T_m: T = Σ_m w_m T_m and μ = Σ_m w_m T_m μ_m / T (Hinton 2002; Wu & Goodman 2018, Appendix A).

    There may be a thousand for every row, of which one is drawn from. So means and log-variances are computed when
    somebody asks for them first (with or without gradients as when this was made), and neither :meth:`choose` nor
    :func:`kl_products` does.

    Attributes:
        experts: ``[M, B, D]``.
        exponents: ``[..., B, M]``, or ``[..., 1, M]`` if they are the same for every row, which is quicker.
    """

    experts: Gaussian
    exponents: Float[Tensor, "*lead #B M"]

    def __init__(self, experts: Gaussian, exponents: Float[Tensor, "*lead #B M"]) -> None:
        constant = not torch.is_grad_enabled()
        vars(self).update(
            experts=experts.map(torch.Tensor.detach) if constant else experts, exponents=exponents
        )  # Gaussians are frozen

    @cached_property
    def _computed(self) -> Gaussian:
        with torch.enable_grad():
            precision = self.experts.precision
            total, pull = weighted_sum(self.exponents, torch.cat([precision, precision * self.experts.mean], -1)).chunk(
                2, -1
            )
            return Gaussian(pull / total, -total.log())

    @property
    def computed(self) -> bool:
        """Whether means and log-variances are there."""
        return "_computed" in vars(self)

    @property
    def mean(self) -> Float[Tensor, "*lead B D"]:
        """The means μ."""
        return self._computed.mean

    @property
    def log_variance(self) -> Float[Tensor, "*lead B D"]:
        """The log-variances −log T."""
        return self._computed.log_variance

    def choose(self, chosen: Int[Tensor, "*any B"]) -> Products:
        """Of products ``[..., C, B, D]`` one per row: :func:`.gaussian.choose`."""
        exponents = self.exponents.expand(*self.exponents.shape[:-2], self.experts.mean.shape[1], -1)
        return Products(self.experts, choose(exponents, chosen))


def kl_products(q: Products, p: Gaussian) -> Float[Tensor, "*lead B"]:
    """KL(q ‖ p) in closed form, summed over the latent dimensions: :func:`.gaussian.kl_gaussians` in less time and
    memory, where there are many products.

    It is the same in coordinates in which p is N(0, I); there the experts have precisions T_m σ_p² and means (μ_m −
    μ_p)/σ_p. Means and variances that are there already, exponents that learn, and a p with a shape other than ``[B,
    D]`` are left to :func:`.gaussian.kl_gaussians`.
    """
    if q.computed or q.exponents.requires_grad or p.mean.shape != q.experts.mean.shape[1:]:
        return kl_gaussians(q, p)
    precision = (p.log_variance - q.experts.log_variance).exp().transpose(0, 1)  # [B, M, D]
    mean = ((q.experts.mean - p.mean) / p.scale).transpose(0, 1)
    lead = q.exponents.shape[:-2]
    exponents = q.exponents.reshape(lead.numel(), *q.exponents.shape[-2:]).transpose(0, 1).contiguous()  # [#B, S, M]
    exponents = exponents.expand(len(mean), -1, -1)
    divergence = _KLToStandardNormal.apply(
        exponents.to(mean.dtype), precision.contiguous(), (precision * mean).contiguous()
    )
    return cast(Tensor, divergence).T.reshape(*lead, len(mean))


class _KLToStandardNormal(torch.autograd.Function):
    """KL(q_s ‖ N(0, I)) ``[B, S]`` of products with exponents w ``[B, S, M]`` of experts with precisions T_m and T_m
    μ_m ``[B, M, D]``.

    ½ Σ_d [1/T − 1 + log T + μ²] with T = Σ_m w_m T_m. Rows are worked through in chunks, and no tensor ``[B, S, D]`` is
    kept for the derivatives: those for T, ½ (1/T)(1 − 1/T − 2 μ²), and for Σ_m w_m T_m μ_m, μ/T, need two products of
    matrices again, but no logarithm.
    """

    @staticmethod
    def forward(exponents: Tensor, precision: Tensor, pull: Tensor) -> Tensor:
        """``[B, S]``."""
        result = precision.new_empty(exponents.shape[:2])
        with torch.autocast(precision.device.type, enabled=False):
            for rows in _chunks(exponents, precision):
                total = torch.bmm(exponents[rows], precision[rows])
                variance = total.reciprocal()
                mean = torch.bmm(exponents[rows], pull[rows]).mul_(variance)
                terms = total.log().addcmul_(mean, mean)
                result[rows] = terms.addcmul_(1 - total, variance).sum(
                    -1
                )  # (1 − T)/T keeps the digits of 1/T − 1 near 0
        return result.mul_(0.5)

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Tensor, Tensor, Tensor], _: Tensor) -> None:
        """The inputs are kept."""
        ctx.save_for_backward(*inputs)

    @staticmethod
    def vmap(info: Any, dims: tuple[int | None, ...], *inputs: Tensor) -> tuple[Tensor, int]:
        """What is mapped over is more rows."""
        size = info.batch_size
        mapped = [
            value.expand(size, *value.shape) if dim is None else value.movedim(dim, 0)
            for value, dim in zip(inputs, dims, strict=True)
        ]
        rows = cast(Tensor, _KLToStandardNormal.apply(*(value.flatten(0, 1) for value in mapped)))
        return rows.unflatten(0, (size, -1)), 0

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[None, Tensor, Tensor]:
        """For precisions and T_m μ_m, ``[B, M, D]``; what it computes can be differentiated again."""
        exponents, precision, pull = ctx.saved_tensors
        to_precision, to_pull = torch.empty_like(precision), torch.empty_like(pull)
        with torch.autocast(precision.device.type, enabled=False):
            for rows in _chunks(exponents, precision):
                variance = torch.bmm(exponents[rows], precision[rows]).reciprocal_()
                mean = torch.bmm(exponents[rows], pull[rows]).mul_(variance)
                scaled = gradient[rows, :, None] * variance
                to_sum = scaled * mean
                to_total = scaled.addcmul(scaled, variance, value=-1).addcmul_(to_sum, mean, value=-2)
                to_precision[rows] = torch.bmm(exponents[rows].mT, to_total)
                to_pull[rows] = torch.bmm(exponents[rows].mT, to_sum)
        return None, to_precision.mul_(0.5), to_pull


def _chunks(exponents: Tensor, experts: Tensor) -> Iterator[slice]:
    """Slices of rows."""
    numbers = NUMBERS_AT_ONCE.get(experts.device.type, NUMBERS_AT_ONCE_ELSEWHERE)
    size = max(1, numbers // max(1, exponents.shape[1] * experts.shape[2]))
    return (slice(start, start + size) for start in range(0, len(experts), size))


def weighted_sum(weights: Float[Tensor, "*lead #B M"], values: Float[Tensor, "M B D"]) -> Float[Tensor, "*lead B D"]:
    """Σ_m weights[..., b, m] values[m, b, d], in the precision of ``values`` also where networks run in a lower one."""
    with torch.autocast(values.device.type, enabled=False):
        return torch.einsum("...bm,mbd->...bd", weights.to(values.dtype), values)
