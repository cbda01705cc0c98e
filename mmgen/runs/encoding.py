"""The latents of rows, with what is known about each row: what ``Run.encode`` and ``mmgen encode`` give."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from ..data import Table
from ..errors import MmgenError, listed
from ..evaluation.subsets import joined
from ..models import LaplaceInference, MultimodalVAE, why_not

if TYPE_CHECKING:
    import pandas as pd

ROWS_AT_ONCE = 512
MOST_SUBSETS = 5  # that a sentence names
NOTHING = "nothing"


@dataclass(frozen=True)
class Encoding:
    """Moments of q(z | x_S) of ``N`` rows.

    Attributes:
        mean: ``[N, D]``.
        scale: Standard deviations ``[N, D]``.
        columns: Name to column ``[N]``: number and id of the row, which of the given modalities it has, labels,
            covariates.
        private: Name of a modality to means and standard deviations ``[N, P]`` of its own latents, where these are
            wanted; N(0, I) where it is not given.
        ids: The columns that say what the rows are called.
        notes: What a person should know of these numbers.
    """

    mean: np.ndarray
    scale: np.ndarray
    columns: dict[str, Any]
    private: dict[str, tuple[np.ndarray, np.ndarray]] = field(default_factory=dict)
    ids: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()

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
    inference: LaplaceInference | None = None,
) -> Encoding:
    """Encode every row of a table given some modalities, by name; ``labels`` name the classes of each label, and
    ``private`` says whether latents of single modalities are wanted too. With ``inference``, the model's own likelihood
    says where z is, in the place of the encoders.

    Raises:
        MmgenError: Private latents of a model that has none, or modalities by which the model cannot infer itself.
    """
    if private and not model.private:
        raise MmgenError("This model has no private latents (model.private_dim); leave private out.")
    if inference is not None and (reason := why_not(model, given)) is not None:
        raise MmgenError(
            f"inference: the model's own likelihood cannot say what z is given {joined(given)}: {reason}; choose "
            "encoder, or name others in given."
        )
    posteriors, own = [], []
    for batch in table.batches(ROWS_AT_ONCE):
        posteriors.append(model.encode(batch, given=given) if inference is None else inference.posterior(batch, given))
        own.append(model.encode_private(batch, given) if private else {})
    mean = torch.cat([posterior.mean for posterior in posteriors]).cpu().numpy()
    scale = torch.cat([posterior.variance.sqrt() for posterior in posteriors]).cpu().numpy()
    rows = table.rows.numpy() if table.rows is not None else np.arange(len(mean))
    ids = ids_of(table)
    columns: dict[str, Any] = {"row": rows, **ids, "given": given_by_row(table, list(model.modalities), given)}
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
            torch.cat([part[name].variance.sqrt() for part in own]).numpy(),
        )
        for name in own[0]
    }
    notes = () if inference is not None else _blind(model, table, given)
    return Encoding(mean, scale, columns, moments, tuple(ids), notes)


def _blind(model: MultimodalVAE, table: Table, given: Collection[str]) -> tuple[str, ...]:
    """That encoders do not know of cells that rows lack, where they do not."""
    lacking, names = torch.zeros(len(table), dtype=torch.bool), []
    for place, (name, modality) in enumerate(model.modalities.items()):
        if name not in given or modality.missing != "cell" or getattr(modality, "mask_input", False):
            continue
        rows = table.available[:, place].cpu() & ~table.observed_cells(name).flatten(1).all(1).cpu()
        if rows.any():
            lacking |= rows
            names.append(name)
    if not names:
        return ()
    instead = "" if why_not(model, list(given)) else "; inference: model knows which are there"
    return (
        f"{int(lacking.sum())} rows lack single cells of {listed(names)}, which the encoders take for their means, so "
        f"that latents are nearer to 0 and surer than they should be{instead}.",
    )


def given_by_row(table: Table, modalities: Sequence[str], given: Collection[str]) -> np.ndarray:
    """Which of the given modalities each row has, ``Str[N]``, as results name subsets: ``genes+scan``; "" where it has
    none of them.

    Args:
        table: The rows.
        modalities: All of the model's, in the order in which the table says what is available.
        given: What is asked for, by name.
    """
    asked = [place for place, name in enumerate(modalities) if name in given]
    subsets, which = np.unique(table.available[:, asked].cpu().numpy(), axis=0, return_inverse=True)
    names = [
        joined([modalities[place] for place, there in zip(asked, subset, strict=True) if there]) for subset in subsets
    ]
    return np.array(names)[which.reshape(-1)]


def given_in_words(given: Iterable[str]) -> str:
    """What rows really had, the most frequent first, for a sentence.

    >>> given_in_words(["genes", "genes+scan", "genes", ""])
    'genes (2 rows), nothing (1), genes+scan (1)'
    >>> given_in_words(["genes", "genes"])
    'genes'
    """
    counts = Counter(sorted(given)).most_common()
    if len(counts) == 1:
        return counts[0][0] or NOTHING
    shown = [f"{name or NOTHING} ({count}{'' if place else ' rows'})" for place, (name, count) in enumerate(counts)]
    rest = sum(count for _, count in counts[MOST_SUBSETS:])
    return ", ".join([*shown[:MOST_SUBSETS], *([f"other subsets ({rest})"] if rest else [])])


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
