"""What one training step sees: some rows of every modality, and which of them are there."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import torch
from jaxtyping import Bool, Int
from torch import Tensor

from .indexed import positions, take
from .presence import Presence


@dataclass(frozen=True)
class Batch:
    """``B`` rows of ``M`` modalities.

    Attributes:
        data: Name of the modality to ``[B, *shape]``, in order; arbitrary (zeros) where a row lacks the modality. Cells
            that are not observed hold anything too, and in a prepared batch what is usual there.
        available: ``Bool[B, M]``: which modalities each row has. It is not changed in place.
        labels: Name of the label to codes ``[B]``, −1 where unknown (or ``[B, L]`` of 0, 1 and −1 for multi-label
            ones).
        rows: Row numbers in the source, ``[B]``.
        covariates: Name of the covariate (site, age) to codes ``[B]``, −1 where unknown, or to numbers, NaN where
            unknown.
        observed: Name of the modality to ``Bool[B, *shape]``: which cells of its values are there in rows that have it.
            A modality that is not named has every cell.
        inputs: What encoders see of a prepared batch where that is more than ``data``, by modality: the mask of
            observed cells beside the values, ``[B, 2, *shape]``.
        told: The covariates as the numbers ``[B, T]`` that networks take, of a prepared batch; None where there are
            none.
        prepared: Whether the data are in the units that the networks work in; models do this themselves.
        known: What is known of ``available`` since before it was moved; see :attr:`presence`.
        memo: What a model has found out about these rows already, so that each encoder runs once.

    >>> import torch
    >>> from mmgen.data import Batch
    >>> data = {"genes": torch.rand(4, 10), "image": torch.rand(4, 1, 8, 8)}
    >>> batch = Batch(data, torch.tensor([[True, True], [True, False], [False, True], [True, True]]))
    >>> len(batch), batch[:2].data["image"].shape
    (4, torch.Size([2, 1, 8, 8]))
    >>> batch.presence.complete  # rows that have every modality
    tensor([0, 3])
    """

    data: Mapping[str, Tensor]
    available: Bool[Tensor, "B M"]
    labels: Mapping[str, Tensor] = field(default_factory=dict)
    rows: Int[Tensor, " B"] | None = None
    covariates: Mapping[str, Tensor] = field(default_factory=dict)
    observed: Mapping[str, Tensor] = field(default_factory=dict)
    inputs: Mapping[str, Tensor] = field(default_factory=dict)
    told: Tensor | None = None
    prepared: bool = False
    known: Presence | None = field(default=None, repr=False, compare=False)
    memo: dict[str, Any] = field(default_factory=dict, init=False, repr=False, compare=False)

    def __len__(self) -> int:
        return self.available.shape[0]

    def __getitem__(self, index: slice | Tensor | list[int]) -> Batch:
        rows = positions(index, self.available)
        return Batch(
            {name: take(values, rows) for name, values in self.data.items()},
            take(self.available, rows),
            {name: take(values, rows) for name, values in self.labels.items()},
            None if self.rows is None else take(self.rows, rows),
            {name: take(values, rows) for name, values in self.covariates.items()},
            {name: take(cells, rows) for name, cells in self.observed.items()},
            {name: take(values, rows) for name, values in self.inputs.items()},
            None if self.told is None else take(self.told, rows),
            self.prepared,
        )

    @property
    def presence(self) -> Presence:
        """Which rows have what, by number.

        Known of batches that were moved to a device. Otherwise it is read from ``available``, and one that was made on
        a GPU waits for that.
        """
        presence = self.known
        return (
            presence if presence is not None and presence.available is self.available else Presence.read(self.available)
        )

    def to(self, device: torch.device | str) -> Batch:
        """The same rows on another device."""
        available = self.available.to(device, non_blocking=True)
        moved = available is not self.available and available.device.type != "cpu"
        return replace(
            self,
            data={name: values.to(device, non_blocking=True) for name, values in self.data.items()},
            available=available,
            known=self.presence.beside(available) if moved else self.known,
            labels={name: values.to(device, non_blocking=True) for name, values in self.labels.items()},
            rows=None if self.rows is None else self.rows.to(device, non_blocking=True),
            covariates={name: values.to(device, non_blocking=True) for name, values in self.covariates.items()},
            observed={name: cells.to(device, non_blocking=True) for name, cells in self.observed.items()},
            inputs={name: values.to(device, non_blocking=True) for name, values in self.inputs.items()},
            told=None if self.told is None else self.told.to(device, non_blocking=True),
        )

    def input(self, name: str) -> Tensor:
        """What an encoder of a modality sees of a prepared batch."""
        return self.inputs.get(name, self.data[name])

    def restrict(self, available: Bool[Tensor, "B M"]) -> Batch:
        """The same rows with only what ``available`` leaves.

        What it takes away is set to zero, so that nothing can look at it.
        """
        keep = dict(zip(self.data, available.unbind(1), strict=True))

        def kept(named: Mapping[str, Tensor]) -> dict[str, Tensor]:
            rows = {name: keep[name].reshape(-1, *[1] * (values.dim() - 1)) for name, values in named.items()}
            return {name: torch.where(rows[name], values, torch.zeros_like(values)) for name, values in named.items()}

        data, observed, inputs = (kept(named) for named in (self.data, self.observed, self.inputs))
        return replace(self, data=data, observed=observed, inputs=inputs, available=self.available & available)
