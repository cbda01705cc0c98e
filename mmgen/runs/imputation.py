"""A table again, complete: what was measured as it is, and what is missing from everything that its row has; what
``Run.impute`` and ``mmgen impute`` give.

A gap is filled with the mean over K draws of z given what a row has of the mean of p(x | z_k); with the most frequent
one of the K most probable codes where values are categories or symbols of a text: each draw of z has one vote, as in
``Run.generate``. Its uncertainty is that of draws from p(x | z_k) as well: of where z is, and of how values scatter.

z is drawn from the posterior of the model itself, p(z | x_given) (:mod:`mmgen.models.laplace_inference`), in rows of
which all that is given allows it, and from the encoders' q(z | x_given) in the others.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor

from ..data import Batch, LabelsModality, MixedModality, Modality, Table
from ..data.original import Original
from ..distributions import Posterior
from ..distributions.likelihoods import CODES
from ..errors import MmgenError, listed
from ..evaluation.drawn import NUMBERS, are_whole, inferable, most_likely, quantiles, rows_that_fit, supports_of
from ..models import LaplaceInference, MultimodalVAE, inferred_by_model, why_not
from .completed import Completed
from .completed_table import CompletedTable
from .encoding import ROWS_AT_ONCE, ids_of

if TYPE_CHECKING:
    import pandas as pd

STATISTICS = ("sd", "q05", "q95")


@dataclass(frozen=True)
class Imputation:
    """A complete table of ``N`` rows.

    Attributes:
        about: Number and id of each row, by the name of the column.
        modalities: The values of each modality.
        notes: Sentences about what is left out or stays empty.
        inferred: A sentence about what z is inferred by.
        original: The columns of the source of the rows; None where it has none.
    """

    about: Mapping[str, np.ndarray]
    modalities: Sequence[Completed]
    notes: tuple[str, ...]
    inferred: str
    original: Original | None = None

    def __len__(self) -> int:
        return len(next(iter(self.about.values())))

    def of(self, original: Original | None) -> Imputation:
        """The same with the columns of the source, of which it says what has no place in a table."""
        if original is None or not original.left_out:
            return replace(self, original=original)
        note = f"Arrays of several values per row that are no modality are left out: {listed(original.left_out)}."
        return replace(self, original=original, notes=(*self.notes, note))

    @property
    def filled(self) -> int:
        """How many cells are filled."""
        return sum(int(completed.filled.sum()) for completed in self.modalities)

    def frame(self, mask: bool = False) -> pd.DataFrame:
        """A line per row: its number and names, the columns of the source in their order and with their types, and
        behind them the uncertainties, where they were wanted, and with ``mask`` whether a cell is filled (1) or not
        (0). Columns that the source lacks follow its own.

        A name that two modalities have is written with the second one's name before it.
        """
        return self._table(mask).frame()

    def write_text(self, path: Path, mask: bool = False) -> None:
        """Write :meth:`frame` into a file of text; what was measured is written as a source of text has it."""
        self._table(mask).write_text(path)

    def _table(self, mask: bool) -> CompletedTable:
        return CompletedTable(self.about, self.modalities, self.original, mask)


def impute(
    model: MultimodalVAE,
    table: Table,
    given: Sequence[str] | None = None,
    *,
    draws: int = 50,
    uncertainty: bool = False,
    own: LaplaceInference | None = None,
    why_encoders: str = "as was asked for",
) -> Imputation:
    """Fill the gaps of a table: modalities that rows lack, and cells of those that they have.

    Rows are taken in batches so that what is drawn stays small, whatever the width of a modality and the number of
    draws.

    Args:
        model: The model.
        table: The rows.
        given: The modalities to infer from, by name; of these each row gives what it has. All by default.
        draws: K, draws of z per row.
        uncertainty: Whether standard deviations and quantiles of numbers are wanted, from K more draws.
        own: The model's own inference; encoders infer z of all rows otherwise.
        why_encoders: Why these do.

    Raises:
        MmgenError: Too few draws, an unknown modality, nothing but images, or a model that generates nothing.
    """
    if draws < 1 + uncertainty:
        least = "at least 2 draws of which it is the spread" if uncertainty else "at least 1"
        raise MmgenError(f"draws {draws}: {'an uncertainty needs' if uncertainty else 'there must be'} {least}.")
    if given is not None and not given:
        raise MmgenError("given: nothing can be imputed from no modality; name some, or leave it out.")
    shown = {name: each for name, each in model.modalities.items() if each.has_cells}
    if not shown:
        raise MmgenError("All modalities are pictures, which have no place in a table; mmgen generate draws them.")
    if not model.decoder_sizes:
        raise MmgenError(f"The objective {model.name!r} generates nothing: it has no decoders to fill gaps with.")
    gaps = {name: _gaps(table, name, modality) for name, modality in shown.items()}
    targets = [name for name in shown if name in model.decoder_sizes and gaps[name].any()]
    lacking = torch.zeros(len(table), dtype=torch.bool)
    for name in targets:
        lacking |= gaps[name].any(1)
    asked = table.available if given is None else table.available & model.subset_masks([given])[0].cpu()
    able = inferable(model, asked)
    values = {name: _writable(table.data[name][:], shown[name]) for name in shown}
    statistics: dict[str, dict[str, np.ndarray]] = {
        name: {each: np.full(gaps[name].shape, np.nan) for each in STATISTICS if uncertainty} for name in shown
    }
    widest = max((values[name][0].size for name in targets), default=1)
    size = rows_that_fit(draws, widest, ROWS_AT_ONCE)
    chosen = lacking & able
    by_model = torch.zeros_like(chosen) if own is None else chosen & inferred_by_model(model, asked)
    for inference, group in ((own, by_model), (None, chosen & ~by_model)):
        for rows in group.nonzero().squeeze(1).split(size):
            if not len(rows):
                continue
            batch = replace(table[rows], available=asked[rows])
            posterior = None if inference is None else inference.posterior(batch)
            _fill(model, batch, targets, rows.numpy(), values, gaps, draws, posterior)
            if uncertainty:
                with torch.random.fork_rng(devices=[]):  # values are the same, whether it is wanted or not
                    _spread(model, batch, targets, rows.numpy(), statistics, gaps, draws, posterior)
    completed = []
    for name, modality in shown.items():
        filled = gaps[name] & able[:, None] if name in targets else torch.zeros_like(gaps[name])
        empty = (gaps[name] & ~filled).numpy()
        completed.append(Completed(modality, name, values[name], filled.numpy(), empty, statistics[name]))
    numbers = np.arange(len(table)) if table.rows is None else table.rows.numpy()
    about = {"row": numbers, **ids_of(table)}
    notes = _notes(model, shown, gaps, lacking & ~able, given)
    return Imputation(about, completed, notes, _inferred(model, asked, by_model, chosen & ~by_model, why_encoders, own))


def _inferred(
    model: MultimodalVAE,
    asked: Tensor,
    by_model: Tensor,
    by_encoders: Tensor,
    why_encoders: str,
    own: LaplaceInference | None,
) -> str:
    """What z of the rows that are filled is inferred by, and why."""
    if own is not None and not by_encoders.any():
        return "z is inferred by the model's own likelihood (inference: model)."
    if own is not None:
        names = [name for name, there in zip(model.modalities, asked[by_encoders][0].tolist(), strict=True) if there]
        why_encoders = why_not(model, names) or why_encoders
    if not by_model.any():
        return f"z is inferred by the encoders (inference: encoder): {why_encoders}."
    return (
        f"z is inferred by the model's own likelihood (inference: model) in {int(by_model.sum())} rows, and by the "
        f"encoders in {int(by_encoders.sum())}: {why_encoders}."
    )


def _notes(
    model: MultimodalVAE,
    shown: Mapping[str, Modality],
    gaps: Mapping[str, Tensor],
    stuck: Tensor,
    given: Sequence[str] | None,
) -> tuple[str, ...]:
    """What is left out, and what stays empty."""
    notes = []
    if images := [name for name in model.modalities if name not in shown]:
        notes.append(f"Images have no place in a table and are left out: {listed(images)}.")
    for name in shown:
        if name not in model.decoder_sizes and gaps[name].any():
            notes.append(
                f"The objective {model.name!r} does not generate {name!r}; {int(gaps[name].sum())} gaps in it stay "
                "empty."
            )
    if stuck.any():
        of = "what they have" if given is None else f"what they have of {'+'.join(given)}"
        notes.append(
            f"The objective {model.name!r} infers nothing from {of} in {int(stuck.sum())} rows, whose gaps stay empty."
        )
    return tuple(notes)


def _writable(values: Tensor, modality: Modality) -> np.ndarray:
    """A copy of stored values that also holds means."""
    coded = all(support in CODES for support in supports_of(modality))
    dtype = torch.int64 if coded else values.dtype if values.is_floating_point() else torch.float64
    return values.to(dtype, copy=True).numpy()


def _gaps(table: Table, name: str, modality: Modality) -> Tensor:
    """Which cells of a modality rows lack, ``Bool[N, C]``; a code of −1 is none of the categories."""
    missing = ~table.observed_cells(name)
    if isinstance(modality, LabelsModality):
        missing |= table.data[name][:] < 0
    if isinstance(modality, MixedModality):
        coded = [column in modality.categories for column in modality.columns]
        missing |= (table.data[name][:] < 0) & torch.tensor(coded)
    missing = missing.flatten(1).cpu()
    cells = len(modality.value_names(name))
    return missing if missing.shape[1] == cells else missing.any(1, keepdim=True).expand(-1, cells)


def _fill(
    model: MultimodalVAE,
    batch: Batch,
    targets: list[str],
    rows: np.ndarray,
    values: Mapping[str, np.ndarray],
    gaps: Mapping[str, Tensor],
    draws: int,
    posterior: Posterior | None,
) -> None:
    """Write what is most likely into the gaps of some rows."""
    for name, drawn in model.generate(batch, targets=targets, samples=draws, posterior=posterior).items():
        guess = most_likely(drawn, model.modalities[name])
        missing = gaps[name][torch.from_numpy(rows)].numpy()
        shape = missing.shape[:1] + (guess.shape[1:] if missing.shape[1] > 1 else (1,) * (guess.dim() - 1))
        values[name][rows] = np.where(missing.reshape(shape), guess.numpy(), values[name][rows])


def _spread(
    model: MultimodalVAE,
    batch: Batch,
    targets: list[str],
    rows: np.ndarray,
    statistics: Mapping[str, Mapping[str, np.ndarray]],
    gaps: Mapping[str, Tensor],
    draws: int,
    posterior: Posterior | None,
) -> None:
    """Write standard deviations and quantiles of draws from p(x | z) for the gaps of some rows."""
    targets = [name for name in targets if any(each in NUMBERS for each in supports_of(model.modalities[name]))]
    if not targets:
        return
    values = model.generate(batch, targets=targets, samples=draws, draw=True, posterior=posterior)
    for name, drawn in values.items():
        modality = model.modalities[name]
        source = np.asarray(modality.in_source_units(drawn.numpy()), dtype=np.float64)
        source = source.reshape(draws, len(rows), -1)
        missing = gaps[name][torch.from_numpy(rows)].numpy()
        found = (source.std(0, ddof=1), *quantiles(source, (0.05, 0.95), are_whole(supports_of(modality))))
        for statistic, numbers in zip(STATISTICS, found, strict=True):
            statistics[name][statistic][rows] = np.where(missing, numbers, np.nan)
