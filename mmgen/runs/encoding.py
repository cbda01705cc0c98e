"""The latents of rows, with what is known about each row: what ``Run.encode`` and ``mmgen encode`` give."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from ..data import Table
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
        columns: Name to column ``[N]``: number and id of the row, how many of the given modalities it has, labels.
    """

    mean: np.ndarray
    scale: np.ndarray
    columns: dict[str, Any]

    def arrays(self) -> dict[str, Any]:
        """Everything by name, as an NPZ file has it."""
        return {"mean": self.mean, "scale": self.scale, **self.columns}

    def frame(self) -> pd.DataFrame:
        """A line per row, with ``z0`` … and ``z0_scale`` … behind the columns."""
        import pandas as pd

        dimensions = range(self.mean.shape[1])
        means = {f"z{d}": self.mean[:, d] for d in dimensions}
        scales = {f"z{d}_scale": self.scale[:, d] for d in dimensions}
        return pd.DataFrame({**self.columns, **means, **scales})


def encode(model: MultimodalVAE, table: Table, given: list[str], labels: Mapping[str, tuple[str, ...]]) -> Encoding:
    """Encode every row of a table given some modalities, by name; ``labels`` name the classes of each label."""
    posteriors = [model.encode(batch, given=given) for batch in table.batches(ROWS_AT_ONCE)]
    mean = torch.cat([posterior.mean for posterior in posteriors]).numpy()
    scale = torch.cat([posterior.variance.sqrt() for posterior in posteriors]).numpy()
    rows = table.rows.numpy() if table.rows is not None else np.arange(len(mean))
    available = table.available[:, model.subset_masks([given])[0, 0].cpu()].sum(-1).numpy()
    columns: dict[str, Any] = {"row": rows, **ids_of(table), "given": available}
    for label, codes in table.labels.items():
        if codes.dim() == 1:
            columns[label] = np.array([*labels[label], ""])[codes.numpy()]
        else:
            columns |= {f"{label}: {answer}": codes[:, i].numpy() for i, answer in enumerate(labels[label])}
    return Encoding(mean, scale, columns)


def ids_of(table: Table) -> dict[str, np.ndarray]:
    """What the rows are called, as a column, where something calls them."""
    return {} if table.identity is None or table.identity.ids is None else {"id": table.identity.ids.astype(str)}
