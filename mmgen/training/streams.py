"""Random numbers of several trainings in one process: each draws those that it would draw alone.

A training draws from PyTorch's global generators, which it seeds anew in every epoch. Where several take turns, the
state of the generators belongs to whoever is at work (:class:`Stream`). Where their steps are made in one pass
(:mod:`.joint_step`), what is drawn is drawn for one after the other, each with its own state, and stacked
(:class:`Streams`); the code that draws does not know of it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional as F
from torch.overrides import TorchFunctionMode

from ..distributions.random import exponential_noise
from .randomness import random_state, restore_random_state

Draw = Callable[[], Tensor]


class Stream:
    """The random numbers of one training, from where the global ones are."""

    def __init__(self) -> None:
        self.state = random_state()

    @contextmanager
    def flowing(self) -> Iterator[None]:
        """Within this context the global generators are this training's."""
        restore_random_state(self.state)
        try:
            yield
        finally:
            self.state = random_state()


class Streams(TorchFunctionMode):
    """Within this context, and in a function that is mapped over members, random numbers are those of each member.

    What is drawn by a function that is not known here is refused by ``vmap`` itself, which is told to.

    Args:
        streams: Of K members, by number.
    """

    def __init__(self, streams: Sequence[Stream]) -> None:
        super().__init__()
        self.streams = streams
        self.member: Tensor | None = None  # its number, ``[]``, mapped over

    def __torch_function__(
        self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: Mapping[str, Any] | None = None
    ) -> Any:
        """Draw where ``func`` does; anything else as it is."""
        kwargs = kwargs or {}
        if self.member is None or func not in DRAWN:
            return func(*args, **kwargs)
        return DRAWN[func](self._each, func, *args, **kwargs)

    def _each(self, draw: Draw) -> Tensor:
        return _Drawn.apply(self.member, draw, self.streams)


class _Drawn(torch.autograd.Function):
    """A draw for each member, by its number."""

    @staticmethod
    def forward(member: Tensor, draw: Draw, streams: Sequence[Stream]) -> Tensor:
        """For one."""
        with streams[int(member)].flowing():
            return draw()

    @staticmethod
    def setup_context(ctx: Any, inputs: Any, output: Tensor) -> None:
        """Nothing is kept: no gradient goes to a number."""

    @staticmethod
    def backward(_ctx: Any, _gradient: Tensor) -> tuple[None, None, None]:
        """None."""
        return None, None, None

    @staticmethod
    def vmap(_info: Any, _dims: Any, _members: Tensor, draw: Draw, streams: Sequence[Stream]) -> tuple[Tensor, int]:
        """For all, stacked."""
        drawn = []
        for stream in streams:
            with stream.flowing():
                drawn.append(draw())
        return torch.stack(drawn), 0


def _as_it_is(each: Callable[[Draw], Tensor], func: Any, *args: Any, **kwargs: Any) -> Tensor:
    return each(lambda: func(*args, **kwargs))


def _like(each: Callable[[Draw], Tensor], func: Any, like: Tensor, **kwargs: Any) -> Tensor:
    """Of a function that looks at a tensor's shape, type and device alone."""
    shape, dtype, device = like.shape, like.dtype, like.device
    return each(lambda: func(torch.empty(shape, dtype=dtype, device=device), **kwargs))


def _exponential(each: Callable[[Draw], Tensor], func: Any, shape: tuple[int, ...], like: Tensor) -> Tensor:
    dtype, device = like.dtype, like.device
    return each(lambda: func(shape, torch.empty((), dtype=dtype, device=device)))


def _dropout(
    each: Callable[[Draw], Tensor],
    func: Any,
    input: Tensor,
    p: float = 0.5,
    training: bool = True,
    inplace: bool = False,
) -> Tensor:
    """The factors of every value, 0 or 1/(1 − p), are what dropout makes of ones."""
    if not training or not p:
        return input
    shape, dtype, device = input.shape, input.dtype, input.device
    factors = each(lambda: func(torch.ones(shape, dtype=dtype, device=device), p, True))
    return input.mul_(factors) if inplace else input * factors


DRAWN: dict[Any, Callable[..., Tensor]] = {
    torch.randn: _as_it_is,
    torch.rand: _as_it_is,
    torch.randint: _as_it_is,
    torch.randperm: _as_it_is,
    torch.randn_like: _like,
    torch.rand_like: _like,
    exponential_noise: _exponential,
    F.dropout: _dropout,
}
