"""Values of different types side by side, each with a likelihood of its own."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, cast

import torch
from torch import Tensor, nn

from .likelihood import Likelihood


class Mixed(Likelihood):
    """Several likelihoods of the values of a vector ``(C,)``, each of some of them.

    Values of all types are floating-point numbers, codes too. The decoder gives ``[..., outputs, C]`` with as many
    outputs as the neediest value takes; those that another one does not take are not looked at.

    Args:
        members: The likelihoods, each with the positions of its values; every position once.
    """

    def __init__(self, members: Sequence[tuple[Likelihood, Sequence[int]]]) -> None:
        super().__init__((sum(len(places) for _, places in members),))
        self.members = nn.ModuleList(member for member, _ in members)
        order = torch.tensor([place for _, places in members for place in places])
        self.register_buffer("order", order, persistent=False)  # positions, member by member
        self.register_buffer("back", order.argsort(), persistent=False)
        self.sizes = [len(places) for _, places in members]
        likelihoods = [member for member, _ in members]
        self.outputs = max(member.outputs for member in likelihoods)
        self.learns = any(member.learns for member in likelihoods)
        self.normalised = all(member.normalised for member in likelihoods)
        self.fitted_scale = any(p.fitted_scale for p in likelihoods) and not any(p.coded for p in likelihoods)

    @property
    def coded(self) -> bool:
        """Whether some of the values are codes."""
        return any(cast(Likelihood, member).coded for member in self.members)

    def parts(self) -> Iterator[tuple[Likelihood, Tensor]]:
        """The members, each with the positions of its values."""
        for member, places in zip(self.members, self.order.split(self.sizes), strict=True):  # type: ignore[operator]
            yield cast(Likelihood, member), places

    def split(self, parameters: Tensor, x: Tensor) -> Iterator[tuple[Likelihood, Tensor, Tensor]]:
        """The members, each with its part of the parameters and of the values; codes as integers."""
        for likelihood, places in self.parts():
            values = x.index_select(-1, places)
            own = parameters.index_select(-1, places)[..., : likelihood.outputs, :]
            yield likelihood, own, values.long() if likelihood.coded else values

    def pointwise(self, parameters: Tensor, x: Tensor) -> Tensor:
        """log p of every value by its own likelihood."""
        return self._joined([p.pointwise(own, values) for p, own, values in self.split(parameters, x)])

    def log_prob(self, parameters: Tensor, x: Tensor, observed: Tensor | None = None) -> Tensor:
        """The sum of those of the members."""
        masks: Sequence[Any] = [None] * len(self.members)
        if observed is not None:
            masks = observed.index_select(-1, cast(Tensor, self.order)).split(self.sizes, -1)
        scores = [p.log_prob(own, x, mask) for (p, own, x), mask in zip(self.split(parameters, x), masks, strict=True)]
        return torch.stack(scores).sum(0)

    def mean(self, parameters: Tensor) -> Tensor:
        """The means, and the most probable codes."""
        return self._each(parameters, lambda p, own: p.mean(own))

    def sample(self, parameters: Tensor) -> Tensor:
        """A draw of each."""
        return self._each(parameters, lambda p, own: p.sample(own))

    def variance(self, parameters: Tensor) -> Tensor:
        """The variances, where every value is a number."""
        return self._each(parameters, lambda p, own: p.variance(own))

    def quantile(self, parameters: Tensor, p: float) -> Tensor:
        """The quantiles; of categories without an order the most probable one."""
        return self._each(parameters, lambda q, own: q.mean(own) if q.support == "categories" else q.quantile(own, p))

    def normal_scale(self, parameters: Tensor) -> Tensor:
        """Those of each."""
        return self._each(parameters, lambda p, own: p.normal_scale(own))

    def around_location(self, x: Tensor) -> Tensor | None:
        """That of each, NaN where a value has none; None where none has."""
        cut = [(p, x.index_select(-1, places)) for p, places in self.parts()]
        parts = [(p.around_location(values), values) for p, values in cut]
        if all(around is None for around, _ in parts):
            return None
        return self._joined([torch.full_like(x, torch.nan) if around is None else around for around, x in parts])

    def scatter(self, parameters: Tensor) -> Tensor:
        """Those of the values that have a location."""
        return self._each(parameters, lambda p, own: p.scatter(own) if _located(p) else torch.ones_like(own[..., 0, :]))

    def scatter_range(self) -> tuple[Tensor, Tensor]:
        """Those of the values that have a location."""
        ranges = []
        for likelihood, _ in self.parts():
            own = torch.ones(likelihood.shape, dtype=torch.float64)
            ranges.append(likelihood.scatter_range() if _located(likelihood) else (own, own))
        device = cast(Tensor, self.back).device
        low, high = (self._joined([each[end].to(device) for each in ranges]).cpu() for end in range(2))
        return low, high

    def set_scatter(self, deviation: Tensor) -> Tensor:
        """Those of the values that have a location; the others are to give 0 behind their first output."""
        parts = []
        for likelihood, places in self.parts():
            own = deviation.index_select(-1, places)
            further = own.new_zeros((self.outputs - 1, *own.shape))
            if _located(likelihood):
                further[: likelihood.outputs - 1] = likelihood.set_scatter(own)
            parts.append(further)
        return self._joined(parts)

    def fit(self, values: Tensor) -> None:
        """Let each member that learns see its values."""
        for likelihood, _, own in self.split(values.new_zeros(*values.shape[:-1], self.outputs, *self.shape), values):
            likelihood.fit(own)

    def _each(self, parameters: Tensor, what: Any) -> Tensor:
        parts = [what(p, own) for p, own, _ in self.split(parameters, self.output(parameters, 0))]
        return self._joined([part.to(parameters.dtype) for part in parts])

    def _joined(self, parts: Sequence[Tensor]) -> Tensor:
        return torch.cat(list(parts), -1).index_select(-1, cast(Tensor, self.back))


def _located(likelihood: Likelihood) -> bool:
    """Whether the first output is a location."""
    return likelihood.around_location(torch.ones(likelihood.shape)) is not None
