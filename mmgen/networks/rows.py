"""Networks on some rows of a batch: a row that lacks a modality does not exist for the networks of that modality.

The rows that have it are gathered, run, and what comes out is put in their places, so that a step costs what there is.
Where no row has it the network sees one row of zeros, and nothing looks at what comes out: its parameters get gradients
of zero, as for rows that do not count, and not none. Among several processes each must have a gradient of every
parameter, and optimisers treat the two differently.

Small networks that run in one pass (:mod:`.grouped`) cost calls rather than rows, and gathering would be more of
these. They see all rows, with zeros in the place of what is not there; none of their layers mixes rows.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

import torch
from jaxtyping import Bool, Int
from torch import Tensor, nn

Numbers = Int[Tensor, " n"] | None


@dataclass(frozen=True)
class View:
    """What a network sees of the ``B`` rows of a batch.

    Attributes:
        there: Which rows have the modality ``[B]``; None: all do, and everything stays as it is.
        numbers: The numbers of these rows, which are gathered; None: the network sees all rows.
    """

    there: Bool[Tensor, " B"] | None = None
    numbers: Numbers = None

    @property
    def sees_all(self) -> bool:
        """Whether the network sees all rows, with or without the modality."""
        return self.numbers is None

    def values(self, x: Tensor) -> Tensor:
        """What is there of ``[B, …]``: ``[n, …]``, or ``[B, …]`` with zeros (false) for the others."""
        if self.there is None or not self.sees_all:
            return self.rows(x, 0)
        return torch.where(self.there.reshape(-1, *[1] * (x.dim() - 1)), x, x.new_zeros(()))

    def rows(self, x: Tensor, dim: int) -> Tensor:
        """The rows in one dimension of what every row has, such as latents; one of zeros where none is gathered."""
        if self.numbers is None:
            return x
        if len(self.numbers):
            return x.index_select(dim, self.numbers)
        shape = list(x.shape)
        shape[dim] = 1
        return x.new_zeros(shape)

    def placed(self, x: Tensor, dim: int) -> Tensor:
        """What came out for the rows that were seen, in their places: ``[…, B, …]`` with zeros for the others."""
        if self.there is None:
            return x
        shape = list(x.shape)
        if self.numbers is None:
            after = [1] * (x.dim() - 1 - dim % x.dim())
            return torch.where(self.there.reshape(-1, *after), x, 0)
        shape[dim] = len(self.there)
        return x.new_zeros(shape).index_copy(dim, self.numbers, x.narrow(dim, 0, len(self.numbers)))


WHOLE = View()


def views(
    there: Sequence[Bool[Tensor, " B"]],
    having: Sequence[Numbers],
    groups: Iterable[Sequence[int]],
    *,
    gathers: bool = True,
) -> list[View]:
    """What each of K networks sees.

    Args:
        there: Which rows each network is for.
        having: Their numbers; None: all rows.
        groups: Which networks run in one pass, and so see all rows (:func:`.grouped.in_groups`).
        gathers: Whether any network sees its rows alone.
    """
    alone = {group[0] for group in groups if len(group) == 1 and gathers}
    return [WHOLE if rows is None else View(there[k], rows if k in alone else None) for k, rows in enumerate(having)]


@contextmanager
def normalised(networks: Iterable[tuple[nn.Module, View]]) -> Iterator[None]:
    """For the length of a call, normalise by running statistics, which stay, in networks that see at most one row.

    A single row has no spread, and the row of zeros has nothing to say.
    """
    few = [network for network, view in networks if view.numbers is not None and len(view.numbers) <= 1]
    layers = [layer for network in few for layer in network.modules()]
    norms = [each for each in layers if isinstance(each, nn.modules.batchnorm._BatchNorm) and each.training]
    try:
        for norm in norms:
            norm.eval()
        yield
    finally:
        for norm in norms:
            norm.train()
