"""The latents of rows, with what is known about each row: what ``Run.encode`` and ``mmgen encode`` give."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from ..data import Table
from ..errors import MmgenError
from ..models import MultimodalVAE

if TYPE_CHECKING:
    import pandas as pd

ROWS_AT_ONCE = 512


@dataclass(frozen=True)
class Encoding:
    """Moments of q(z | x_S) of ``N`` rows.

    Attributes:
        mean: ``[N, D]``.
        scale: Standard deviations ``[N, D]``.
        columns: Name to column ``[N]``: number and id of the row, how many of the given modalities it has, labels,
            covariates.
        private: Name of a modality to means and standard deviations ``[N, P]`` of its own latents, where these are
            wanted; N(0, I) where it is not given.
        ids: The columns that say what the rows are called.
    """

    mean: np.ndarray
    scale: np.ndarray
    columns: dict[str, Any]
    private: dict[str, tuple[np.ndarray, np.ndarray]] = field(default_factory=dict)
    ids: tuple[str, ...] = ()

    def arrays(self) -> dict[str, Any]:
        """Everything by name, as an NPZ file has it."""
        private = {
            f"{part}_{name}": values
            for name, moments in self.private.items()
            for part, values in zip(("mean", "scale"), moments, strict=True)
        }
        return {"mean": self.mean, "scale": self.scale, **private, **self.columns}

    def frame(self) -> pd.DataFrame:
        """A line per row, with ``z0`` … and ``z0_scale`` … behind the columns, and ``w_NAME0`` … of private latents."""
        import pandas as pd

        latents = {"z": (self.mean, self.scale), **{f"w_{name}": moments for name, moments in self.private.items()}}
        means = {f"{name}{d}": mean[:, d] for name, (mean, _) in latents.items() for d in range(mean.shape[1])}
        scales = {
            f"{name}{d}_scale": scale[:, d] for name, (_, scale) in latents.items() for d in range(scale.shape[1])
        }
        return pd.DataFrame({**self.columns, **means, **scales})


def encode(
    model: MultimodalVAE,
    table: Table,
    given: list[str],
    labels: Mapping[str, tuple[str, ...]],
    *,
    private: bool = False,
) -> Encoding:
    """Encode every row of a table given some modalities, by name; ``labels`` name the classes of each label, and
    ``private`` says whether latents of single modalities are wanted too.

    Raises:
        MmgenError: Private latents of a model that has none.
    """
    if private and not model.private:
        raise MmgenError("This model has no private latents (model.private_dim); leave private out.")
    posteriors, own = [], []
    for batch in table.batches(ROWS_AT_ONCE):
        posteriors.append(model.encode(batch, given=given))
        own.append(model.encode_private(batch, given) if private else {})
    mean = torch.cat([posterior.mean for posterior in posteriors]).numpy()
    scale = torch.cat([posterior.variance.sqrt() for posterior in posteriors]).numpy()
    rows = table.rows.numpy() if table.rows is not None else np.arange(len(mean))
    available = table.available[:, model.subset_masks([given])[0, 0].cpu()].sum(-1).numpy()
    ids = ids_of(table)
    columns: dict[str, Any] = {"row": rows, **ids, "given": available}
    for label, codes in table.labels.items():
        if label in ids:
            continue
        if codes.dim() == 1:
            columns[label] = np.array([*labels[label], ""])[codes.numpy()]
        else:
            columns |= {f"{label}: {answer}": codes[:, i].numpy() for i, answer in enumerate(labels[label])}
    for name, values in table.covariates.items():
        classes = model.covariates.get(name, ())
        columns.setdefault(name, np.array([*classes, ""])[values.numpy()] if classes else values.numpy())
    moments = {
        name: (
            torch.cat([part[name].mean for part in own]).numpy(),
            torch.cat([part[name].scale for part in own]).numpy(),
        )
        for name in own[0]
    }
    return Encoding(mean, scale, columns, moments, tuple(ids))


def ids_of(table: Table) -> dict[str, np.ndarray]:
    """What the rows are called, as columns by their own names, where something calls them."""
    if table.identity is None:
        return {}
    columns = table.identity.id_columns or ({} if table.identity.ids is None else {"id": table.identity.ids})
    return {f"{name}_" if name in ("row", "given") else name: column.astype(str) for name, column in columns.items()}


def indexed(frame: pd.DataFrame, ids: Iterable[str], index: pd.Index | None = None) -> pd.DataFrame:
    """A frame by an index where there is one, else by the columns that say what its rows are called, else by their
    numbers.
    """
    names = list(ids)
    if index is not None:
        return frame.drop(columns=["row", *names]).set_axis(index, axis=0)
    return frame.drop(columns="row").set_index(names) if names else frame.set_index("row")
