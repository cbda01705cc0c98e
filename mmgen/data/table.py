"""A split of a dataset: one contiguous tensor per modality, memory-mapped from safetensors and gathered by index."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import torch
from jaxtyping import Bool, Int
from safetensors import safe_open
from safetensors.torch import save_file
from torch import Tensor

from ..errors import listed
from .batch import Batch
from .identity import Identity, identity_tensors, read_identity
from .indexed import PARTS, Rows, concatenate, from_stored, positions, select, stored, take
from .spacious import spacious_rows
from .sparse import Sparse


@dataclass(frozen=True)
class Table:
    """``N`` rows of a dataset: like a :class:`Batch`, with groups and an identity, and on disk.

    Rows of one group (``groups``) are in one split; by their ``identity`` rows are recognised in another file. A
    modality whose values repeat may be :class:`Indexed`, and one of mostly zeros :class:`Sparse`; a batch has tensors
    always, and ``table.data[name][:]`` is the whole tensor of any of them. ``available`` is on the CPU wherever the
    values are, so that the rows that a batch gives to each network are known without asking the device.
    """

    data: Mapping[str, Rows]
    available: Bool[Tensor, "N M"]
    labels: Mapping[str, Tensor] = field(default_factory=dict)
    rows: Int[Tensor, " N"] | None = None
    groups: Int[Tensor, " N"] | None = None
    identity: Identity | None = None
    covariates: Mapping[str, Tensor] = field(default_factory=dict)
    observed: Mapping[str, Tensor] = field(default_factory=dict)

    @classmethod
    def of(
        cls,
        data: Mapping[str, Rows],
        *,
        available: Tensor | None = None,
        labels: Mapping[str, Tensor] | None = None,
        rows: Tensor | None = None,
        groups: Tensor | None = None,
        identity: Identity | None = None,
        covariates: Mapping[str, Tensor] | None = None,
        observed: Mapping[str, Tensor] | None = None,
    ) -> Table:
        """A table from tensors; everything is available, and rows are numbered from 0, unless said otherwise.

        Args:
            data: Name of each modality to its values ``[N, *shape]``, in order.
            available: ``Bool[N, M]``: which modalities each row has.
            labels: Name of each label to codes ``[N]``, or ``[N, L]`` of 0, 1 and −1.
            rows: Row numbers in the source, ``[N]``.
            groups: Rows with the same number belong together, ``[N]``; every row is its own group by default.
            identity: By what rows are recognised in another file.
            covariates: Name of each covariate to codes ``[N]``, −1 where unknown, or to numbers, NaN where unknown.
            observed: Name of each modality with empty cells to ``Bool[N, *shape]``: which of them are there.

        Raises:
            ValueError: Modalities, labels, covariates or masks with different numbers of rows.

        >>> import torch
        >>> from mmgen import Table
        >>> table = Table.of({"genes": torch.rand(6, 10)}, labels={"ill": torch.tensor([0, 1, 0, 1, 1, 0])})
        >>> len(table), table.rows
        (6, tensor([0, 1, 2, 3, 4, 5]))
        >>> [len(batch) for batch in table.batches(4)]
        [4, 2]
        >>> table.select(table.labels["ill"].nonzero().squeeze(1)).rows
        tensor([1, 3, 4])
        """
        count = len(next(iter(data.values())))
        for name, values in (item for each in (data, labels, covariates, observed) for item in (each or {}).items()):
            if len(values) != count:
                raise ValueError(f"{name!r} has {len(values)} rows, and the first modality has {count}")
        available = torch.ones(count, len(data), dtype=torch.bool) if available is None else available
        rows = torch.arange(count) if rows is None else rows
        groups = rows if groups is None else groups
        more = dict(covariates or {}), dict(observed or {})
        return cls(dict(data), available, dict(labels or {}), rows, groups, identity, *more)

    def __len__(self) -> int:
        return self.available.shape[0]

    def __repr__(self) -> str:
        """How many rows there are, and the shape of each modality."""
        shapes = listed(f"{name} {list(values.shape[1:])}" for name, values in self.data.items())
        return f"Table({len(self):,} rows; {shapes})"

    def __getitem__(self, index: slice | Tensor | list[int]) -> Batch:
        rows = positions(index, self.available)
        device = next((values.device for values in self.data.values()), self.available.device)
        local = rows if isinstance(rows, slice) else rows.to(device, non_blocking=True)
        batch = Batch(
            {name: take(values, rows if isinstance(values, Sparse) else local) for name, values in self.data.items()},
            take(self.available, rows),
            {name: take(values, local) for name, values in self.labels.items()},
            None if self.rows is None else take(self.rows, local),
            {name: take(values, local) for name, values in self.covariates.items()},
            {name: take(cells, local) for name, cells in self.observed.items()},
        )
        return batch if device == self.available.device else batch.to(device)

    def select(self, index: Tensor) -> Table:
        """The rows at ``index``, as a table."""
        return Table(
            {name: select(values, index) for name, values in self.data.items()},
            self.available[index],
            {name: values[index] for name, values in self.labels.items()},
            None if self.rows is None else self.rows[index],
            None if self.groups is None else self.groups[index],
            None if self.identity is None else self.identity.select(index),
            {name: values[index] for name, values in self.covariates.items()},
            {name: spacious_rows(cells, index) for name, cells in self.observed.items()},
        )

    def batches(self, size: int) -> Iterator[Batch]:
        """All rows in order, ``size`` at a time; the last batch may be smaller."""
        for start in range(0, len(self), size):
            yield self[slice(start, start + size)]

    def to(self, device: torch.device | str) -> Table:
        """All values on another device, where gathering a batch is then a kernel."""
        return Table(
            {name: values.to(device) for name, values in self.data.items()},
            self.available,
            {name: values.to(device) for name, values in self.labels.items()},
            None if self.rows is None else self.rows.to(device),
            self.groups,
            self.identity,
            {name: values.to(device) for name, values in self.covariates.items()},
            {name: cells.to(device) for name, cells in self.observed.items()},
        )

    @property
    def nbytes(self) -> int:
        """Bytes of the values of all modalities, as they are stored."""
        tensors = [stored(values, "") for values in self.data.values()]
        return sum(each.numel() * each.element_size() for parts in tensors for each in parts.values())

    @staticmethod
    def concatenate(tables: list[Table]) -> Table:
        """Several tables of one schema, one after the other."""
        return Table(
            {name: concatenate([t.data[name] for t in tables]) for name in tables[0].data},
            torch.cat([t.available for t in tables]),
            {name: torch.cat([t.labels[name] for t in tables]) for name in tables[0].labels},
            torch.cat([t.rows for t in tables if t.rows is not None]),
            torch.cat([t.groups for t in tables if t.groups is not None]),
            Identity.concatenate([t.identity for t in tables]),
            {name: torch.cat([t.covariates[name] for t in tables]) for name in tables[0].covariates},
            {
                name: torch.cat([t.observed_cells(name) for t in tables])
                for name in tables[0].data
                if any(name in t.observed for t in tables)
            },
        )

    def observed_cells(self, name: str) -> Tensor:
        """Which cells of a modality are observed, ``Bool[N, *shape]``: in rows that have it all, unless ``observed``
        says less.
        """
        shape, device = self.data[name].shape, self.data[name].device
        has = self.available[:, list(self.data).index(name)].reshape(-1, *[1] * (len(shape) - 1)).to(device)
        return self.observed[name] & has if name in self.observed else has.expand(shape).clone()

    def save(self, path: Path) -> None:
        """Write to a safetensors file; the order of the modalities and labels is kept in its metadata."""
        tensors: dict[str, Tensor] = {}
        for name, values in self.data.items():
            tensors |= stored(values, name)
        tensors |= {f"labels/{name}": values.contiguous() for name, values in self.labels.items()}
        tensors |= {f"covariates/{name}": values.contiguous() for name, values in self.covariates.items()}
        tensors |= {f"observed/{name}": cells.contiguous() for name, cells in self.observed.items()}
        tensors["available"] = self.available.contiguous()
        if self.rows is not None:
            tensors["rows"] = self.rows.contiguous()
        if self.groups is not None:
            tensors["groups"] = self.groups.contiguous()
        if self.identity is not None:
            tensors |= identity_tensors(self.identity)
        names = {"modalities": list(self.data), "labels": list(self.labels), "covariates": list(self.covariates)}
        order = json.dumps(names)
        # One key: the order of several would change from time to time.
        save_file(_apart(tensors), path, metadata={"order": order})

    @classmethod
    def open(cls, path: Path) -> Table:
        """Memory-map a file that :meth:`save` wrote."""
        with safe_open(path, framework="pt") as file:
            order = json.loads(file.metadata()["order"])
            keys = set(file.keys())
            data = {}
            for name in order["modalities"]:
                parts = [f"{part}/{name}" for part in PARTS if f"{part}/{name}" in keys]
                data[name] = from_stored({part: file.get_tensor(part) for part in parts}, name)
            return cls(
                data,
                file.get_tensor("available"),
                {name: file.get_tensor(f"labels/{name}") for name in order["labels"]},
                file.get_tensor("rows") if "rows" in keys else None,
                file.get_tensor("groups") if "groups" in keys else None,
                read_identity({key: file.get_tensor(key) for key in keys if key.startswith("identity/")}),
                {name: file.get_tensor(f"covariates/{name}") for name in order["covariates"]},
                {
                    name: file.get_tensor(f"observed/{name}")
                    for name in order["modalities"]
                    if f"observed/{name}" in keys
                },
            )


def _apart(tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """The same tensors without memory in common, which a file has no way to say: a label may be the values of a
    modality, and one modality those of another.
    """
    taken: list[tuple[int, int]] = []
    apart = {}
    for name, values in tensors.items():
        start, end = values.data_ptr(), values.data_ptr() + values.nbytes
        shared = any(first < end and start < last for first, last in taken)
        apart[name] = values.clone() if shared else values
        taken.append((start, end))
    return apart
