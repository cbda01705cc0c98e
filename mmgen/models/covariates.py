"""What networks are told besides the data: covariates such as site, age or batch."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor, nn

from ..data import Batch, Table
from ..errors import MmgenError, alternatives, listed

REMEMBERED = 512  # training rows whose covariates are kept, to draw some where nothing says which


class Covariates(nn.Module):
    """Covariates of rows as the numbers ``[B, T]`` that encoders and decoders take beside their own input.

    A category of K classes is K + 1 numbers: one of them is 1, the last where the value is unknown. A number is two:
    standardised by the training rows (0 where unknown), and whether it is unknown. Where no training row was unknown,
    nothing was learned about that, and an unknown value is the mean of the training rows instead.

    Args:
        declared: Name of each covariate to its classes; none: it is a number.
    """

    scales: Tensor
    center: Tensor
    rows: Tensor
    leaves_gaps: Tensor

    def __init__(self, declared: Mapping[str, tuple[str, ...]]) -> None:
        super().__init__()
        self.declared = dict(declared)
        self.widths = [len(classes) + 1 if classes else 2 for classes in self.declared.values()]
        self.register_buffer("scales", torch.tensor([[0.0, 1.0]]).repeat(len(self.declared), 1))
        self.register_buffer("center", torch.zeros(self.size))
        self.register_buffer("rows", torch.zeros(REMEMBERED, self.size))
        self.register_buffer("leaves_gaps", torch.zeros(len(self.declared), dtype=torch.bool))

    @property
    def size(self) -> int:
        """How many numbers T."""
        return sum(self.widths)

    def fit(self, train: Table) -> None:
        """Learn means and scales of numbers, and what is usual, from the training rows."""
        for k, (name, classes) in enumerate(self.declared.items()):
            values = train.covariates[name]
            unknown = values < 0 if classes else values.isnan()
            self.leaves_gaps[k] = unknown.any()
            known = values[~unknown].double()
            if not classes and len(known):
                spread = known.std(correction=0)
                self.scales[k] = torch.stack([known.mean(), spread if spread > 0 else torch.ones_like(spread)])
        told = self._columns(train.covariates)
        self.center.copy_(told.double().mean(0))
        order = torch.randperm(len(told), generator=torch.Generator().manual_seed(0))
        self.rows.copy_(told[order[torch.arange(REMEMBERED) % len(told)]])

    def forward(self, batch: Batch) -> Float[Tensor, "B T"]:
        """Of the rows of a batch.

        Raises:
            MmgenError: A covariate that the batch does not have.
        """
        lacking = [name for name in self.declared if name not in batch.covariates]
        if lacking:
            raise MmgenError(
                f"The model is told {listed(self.declared)} of each row, and these rows lack {listed(lacking)}."
            )
        told = self._columns(batch.covariates)
        parts = zip(told.split(self.widths, 1), self.center.split(self.widths), self.leaves_gaps, strict=True)
        usual = [torch.where((part[:, -1:] > 0) & ~gaps, center, part) for part, center, gaps in parts]
        return torch.cat(usual, 1)

    def drawn(self, count: int) -> Float[Tensor, "count T"]:
        """Those of training rows, drawn at random: for values that are generated from nothing."""
        return self.rows[torch.randint(REMEMBERED, (count,), device=self.rows.device)]

    def replaced(self, told: Float[Tensor, "B T"], values: Mapping[str, Any]) -> Float[Tensor, "B T"]:
        """The same numbers with some covariates set to one value each: a class by its name, or a number.

        Raises:
            MmgenError: A covariate that there is not, a class that it has not, or no number.
        """
        codes = {name: self._code(name, value)[None] for name, value in values.items()}
        usual = {
            name: torch.zeros(1, dtype=torch.int64 if classes else None) for name, classes in self.declared.items()
        }
        parts = zip(
            self.declared,
            told.split(self.widths, -1),
            self._columns({**usual, **codes}).split(self.widths, -1),
            strict=True,
        )
        return torch.cat(
            [fixed.to(told.dtype).expand_as(own) if name in codes else own for name, own, fixed in parts], -1
        )

    def _code(self, name: str, value: Any) -> Tensor:
        if name not in self.declared:
            raise MmgenError(
                f"covariates: there is no covariate {name!r}; there are {alternatives(name, self.declared)}"
            )
        classes = self.declared[name]
        if classes:
            if str(value) not in classes:
                raise MmgenError(
                    f"covariates.{name}: there is no class {str(value)!r}; there are "
                    f"{alternatives(str(value), classes)}"
                )
            return torch.tensor(classes.index(str(value)))
        try:
            return torch.tensor(float(value))
        except (TypeError, ValueError):
            raise MmgenError(f"covariates.{name}: {value!r} is not a number.") from None

    def _columns(self, covariates: Mapping[str, Tensor]) -> Float[Tensor, "B T"]:
        parts = []
        for k, (name, classes) in enumerate(self.declared.items()):
            values = covariates[name].to(self.center.device)
            if classes:
                codes = torch.where(values < 0, len(classes), values.long())
                parts.append(torch.nn.functional.one_hot(codes, len(classes) + 1).to(self.center.dtype))
                continue
            unknown = values.isnan()
            mean, scale = self.scales[k]
            standardised = (values.to(self.center.dtype) - mean) / scale
            parts.append(torch.stack([torch.where(unknown, 0, standardised), unknown.to(self.center.dtype)], 1))
        return torch.cat(parts, 1)
