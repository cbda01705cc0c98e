"""Every random number that a model draws comes from here.

Noise belongs to a row of the global batch. When a batch is cut into shares (over processes, or into micro-batches),
each share draws the noise of the whole batch from the same generator and keeps its own rows, so that the learning curve
does not depend on how the batch was cut. Latent noise is small beside the data, so drawing it several times costs next
to nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from functools import cache

import torch
from torch import Tensor
from torch.overrides import handle_torch_function, has_torch_function_unary


@dataclass(frozen=True)
class Share:
    """Rows ``start`` to ``stop`` of a batch of ``total`` rows."""

    start: int
    stop: int
    total: int


_share: ContextVar[Share | None] = ContextVar("share", default=None)
_central: ContextVar[bool] = ContextVar("central", default=False)
_random_strata: ContextVar[bool] = ContextVar("random_strata", default=False)
_fixed: ContextVar[bool] = ContextVar("fixed", default=False)


@contextmanager
def share_of_batch(start: int, stop: int, total: int) -> Iterator[None]:
    """Within this context a batch is rows ``start`` to ``stop`` of a larger one, and its noise is theirs."""
    token = _share.set(Share(start, stop, total))
    try:
        yield
    finally:
        _share.reset(token)


@contextmanager
def central_noise() -> Iterator[None]:
    """Within this context every noise is its median: 0 for normal and Laplace noise, ½ for uniform numbers.

    So samples are means, those of a mixture too, and nothing depends on the place of a row in a batch: two evaluations
    can be compared exactly.
    """
    token = _central.set(True)
    try:
        yield
    finally:
        _central.reset(token)


@contextmanager
def random_strata() -> Iterator[None]:
    """Within this context the numbers of :func:`stratified_uniform` are dealt to the rows of a batch in random order.

    Rows of a training come in random order already. Others may be sorted (by class, by time), and numbers that rise
    along the batch would then give each class components of its own: every row still has each with its weight, but a
    mean over rows is as noisy as if there were only a few of them.
    """
    token = _random_strata.set(True)
    try:
        yield
    finally:
        _random_strata.reset(token)


@contextmanager
def fixed_points() -> Iterator[None]:
    """Within this context normal and Laplace noise ``[K, ..., B, D]`` are K fixed points of D dimensions, the same for
    every row: they stand for the distribution where a moment of it has no closed form.

    They are quantiles at the first K/2 points of a Sobol sequence and at their reflections (K is even), scaled such
    that every dimension has exactly the mean and the variance of the noise. The generator is not used.
    """
    token, central = _fixed.set(True), _central.set(False)
    try:
        yield
    finally:
        _fixed.reset(token)
        _central.reset(central)


@cache
def _sobol(count: int, dimensions: int) -> Tensor:
    """``count`` points of (0, 1)^D, the second half mirrored: ``[count, D]`` in float64."""
    half = torch.quasirandom.SobolEngine(dimensions).fast_forward(1).draw(count // 2, dtype=torch.float64)
    return torch.cat([half, 1 - half])


def _fixed_noise(shape: tuple[int, ...], like: Tensor, quantile: Callable[[Tensor], Tensor], variance: float) -> Tensor:
    points = quantile(_sobol(shape[0], shape[-1]))
    points = points * (variance / points.square().mean(0)).sqrt()
    return points.to(like).reshape(shape[0], *[1] * (len(shape) - 2), shape[-1]).expand(shape)


def noise_is_central() -> bool:
    """Whether this is within :func:`central_noise`."""
    return _central.get()


def _whole(rows: int) -> Share:
    share = _share.get()
    return share if share is not None and share.stop - share.start == rows else Share(0, rows, rows)


def normal_noise(shape: tuple[int, ...], like: Tensor) -> Tensor:
    """Standard normal noise of ``shape`` ``[..., B, D]``, with the dtype and device of ``like``."""
    if _central.get():
        return like.new_zeros(shape)
    if _fixed.get():
        return _fixed_noise(shape, like, torch.special.ndtri, 1.0)
    share = _whole(shape[-2])
    noise = torch.randn((*shape[:-2], share.total, shape[-1]), dtype=like.dtype, device=like.device)
    return noise[..., share.start : share.stop, :]


def laplace_noise(shape: tuple[int, ...], like: Tensor) -> Tensor:
    """Standard Laplace noise of ``shape`` ``[..., B, D]``, with the dtype and device of ``like``: the difference of two
    exponential variables.
    """
    if _central.get():
        return like.new_zeros(shape)
    if _fixed.get():
        return _fixed_noise(shape, like, lambda u: (u - 0.5).sign() * -torch.log1p(-2 * (u - 0.5).abs()), 2.0)
    share = _whole(shape[-2])
    one, two = exponential_noise((2, *shape[:-2], share.total, shape[-1]), like)
    return (one - two)[..., share.start : share.stop, :]


def exponential_noise(shape: tuple[int, ...], like: Tensor) -> Tensor:
    """Exponential noise of ``shape``, with the dtype and device of ``like``.

    A mode for functions of PyTorch is told of it, as of these.
    """
    if has_torch_function_unary(like):
        return handle_torch_function(exponential_noise, (like,), shape, like)
    return torch.empty(shape, dtype=like.dtype, device=like.device).exponential_()


def uniform_noise(shape: tuple[int, ...], like: Tensor) -> Tensor:
    """Uniform noise in [0, 1) of ``shape`` ``[..., B]``, with the dtype and device of ``like``."""
    if _central.get():
        return like.new_full(shape, 0.5)
    share = _whole(shape[-1])
    noise = torch.rand((*shape[:-1], share.total), dtype=like.dtype, device=like.device)
    return noise[..., share.start : share.stop]


def stratified_uniform(shape: tuple[int, ...], like: Tensor) -> Tensor:
    """One number in [0, 1) per row of ``shape`` ``[..., B]``: uniform for each row, evenly spread over the batch.

    Row b gets ``(π(b) + U) / B mod 1`` with one U, uniform on [0, B): systematic sampling. π is the identity, or under
    :func:`random_strata` a random permutation of the batch (one for each of the leading dimensions). Used to choose a
    row's mixture component it gives every component its share of the batch to within one row, and every row each
    component with exactly its weight, whatever the number of rows or of components.
    """
    if _central.get():
        return like.new_full(shape, 0.5)
    share = _whole(shape[-1])
    if _random_strata.get():
        order = torch.rand((*shape[:-1], share.total), device=like.device).argsort(-1)
        place = order[..., share.start : share.stop].to(like.dtype)
    else:
        place = torch.arange(share.start, share.stop, dtype=like.dtype, device=like.device)
    start = torch.rand((*shape[:-1], 1), dtype=like.dtype, device=like.device) * share.total
    return ((place + start) / share.total).remainder(1.0).clamp(max=1 - torch.finfo(like.dtype).eps)
