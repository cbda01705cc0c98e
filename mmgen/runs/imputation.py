"""A table again, complete: what was measured as it is, and what is missing from everything that its row has; what
``Run.impute`` and ``mmgen impute`` give.

A gap is filled with the mean over K draws z_k ~ q(z | x_given) of the mean of p(x | z_k); with the most frequent one of
the K most probable codes where values are categories or symbols of a text: each draw of z has one vote, as in
``Run.generate``. Its uncertainty is that of draws from p(x | z_k) as well: of where z is, and of how values scatter.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor

from ..data import Batch, LabelsModality, MixedModality, Modality, Table
from ..distributions.likelihoods import CODES
from ..errors import MmgenError, listed
from ..evaluation.drawn import NUMBERS, inferable, most_likely, quantiles, rows_that_fit, supports_of
from ..models import MultimodalVAE
from .encoding import ROWS_AT_ONCE, ids_of

if TYPE_CHECKING:
    import pandas as pd

WORDS_AT_ONCE = 2**16  # numbers that are written out to find their digits
STATISTICS = ("sd", "q05", "q95")
IMPUTED = "imputed"


@dataclass(frozen=True)
class Completed:
    """The values of one modality, ``N`` rows of shape ``[*shape]`` that make ``C`` cells of a table.

    Attributes:
        modality: Whose values these are.
        name: What it is called.
        values: As they are stored, ``[N, *shape]``; anything where a cell is empty.
        filled: Which cells were missing and are filled, ``[N, C]``.
        empty: Which cells were missing and still are, ``[N, C]``.
        statistics: ``sd``, ``q05`` and ``q95`` in units of the source, ``[N, C]``; NaN but for numbers that are filled.
    """

    modality: Modality
    name: str
    values: np.ndarray
    filled: np.ndarray
    empty: np.ndarray
    statistics: Mapping[str, np.ndarray]

    def columns(self) -> dict[str, np.ndarray]:
        """A column for each cell, by its name."""
        names = self.modality.value_names(self.name)
        supports = supports_of(self.modality)
        if all(support in CODES for support in supports):
            cells = np.array([self.modality.cells(value) for value in self.values], dtype=object)
            cells = cells.reshape(len(self.values), len(names))
            cells[self.empty] = None
            return dict(zip(names, cells.T, strict=True))
        numbers = np.where(self.empty, np.nan, in_source_digits(self.modality, self.values))
        columns = dict(zip(names, numbers.T, strict=True))
        if isinstance(self.modality, MixedModality):
            for name, categories in self.modality.categories.items():
                place = names.index(name)
                codes = self.values[:, place].astype(np.int64)
                codes[self.empty[:, place]] = -1
                columns[name] = np.array([*categories, None], dtype=object)[codes]
        return columns

    def more_columns(self, mask: bool) -> dict[str, np.ndarray]:
        """``NAME_sd``, ``NAME_q05`` and ``NAME_q95`` of numbers where these were wanted; ``NAME_imputed`` with
        ``mask``.
        """
        columns: dict[str, np.ndarray] = {}
        supports = supports_of(self.modality)
        for i, name in enumerate(self.modality.value_names(self.name)):
            if supports[i % len(supports)] in NUMBERS:
                columns |= {f"{name}_{statistic}": values[:, i] for statistic, values in self.statistics.items()}
            if mask:
                columns[f"{name}_{IMPUTED}"] = self.filled[:, i].astype(np.int8)
        return columns

    def whole_columns(self) -> list[str]:
        """The columns of counts and yes/no answers, which are whole where they were measured."""
        names, supports = self.modality.value_names(self.name), supports_of(self.modality)
        return [name for i, name in enumerate(names) if supports[i % len(supports)] in ("counts", "binary")]


@dataclass(frozen=True)
class Imputation:
    """A complete table of ``N`` rows.

    Attributes:
        about: Number and id of each row, by the name of the column.
        modalities: The values of each modality.
        notes: Sentences about what is left out or stays empty.
    """

    about: Mapping[str, np.ndarray]
    modalities: Sequence[Completed]
    notes: tuple[str, ...]

    def __len__(self) -> int:
        return len(next(iter(self.about.values())))

    @property
    def filled(self) -> int:
        """How many cells are filled."""
        return sum(int(completed.filled.sum()) for completed in self.modalities)

    def frame(self, mask: bool = False) -> pd.DataFrame:
        """A line per row: its number and id, its values in the units of the source, and behind them the uncertainties,
        where they were wanted, and with ``mask`` whether a cell is filled (1) or not (0).

        A name that two modalities have is written with the second one's name before it.
        """
        import pandas as pd

        columns: dict[str, Any] = dict(self.about)
        for part in (Completed.columns, lambda completed: completed.more_columns(mask)):
            for completed in self.modalities:
                for name, column in part(completed).items():
                    columns[self._free(name, completed.name, columns)] = column
        return pd.DataFrame(columns)

    def printed(self, mask: bool = False) -> pd.DataFrame:
        """:meth:`frame` for a file of text: whole numbers of counts and yes/no answers without a point."""
        import pandas as pd

        frame = self.frame(mask)
        for name in {name for completed in self.modalities for name in completed.whole_columns()} & {*frame.columns}:
            cells = [int(cell) if isinstance(cell, float) and cell.is_integer() else cell for cell in frame[name]]
            frame[name] = pd.Series(cells, frame.index, object)
        return frame

    @staticmethod
    def _free(name: str, modality: str, taken: Mapping[str, Any]) -> str:
        name = f"{modality}_{name}" if name in taken else name
        while name in taken:
            name += "_"
        return name


def impute(
    model: MultimodalVAE,
    table: Table,
    given: Sequence[str] | None = None,
    *,
    draws: int = 50,
    uncertainty: bool = False,
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
    chosen = (lacking & able).nonzero().squeeze(1)
    for rows in (chosen[start : start + size] for start in range(0, len(chosen), size)):
        batch = replace(table[rows], available=asked[rows])
        _fill(model, batch, targets, rows.numpy(), values, gaps, draws)
        if uncertainty:
            with torch.random.fork_rng(devices=[]):  # values are the same, whether their uncertainty is wanted or not
                _spread(model, batch, targets, rows.numpy(), statistics, gaps, draws)
    completed = []
    for name, modality in shown.items():
        filled = gaps[name] & able[:, None] if name in targets else torch.zeros_like(gaps[name])
        empty = (gaps[name] & ~filled).numpy()
        completed.append(Completed(modality, name, values[name], filled.numpy(), empty, statistics[name]))
    numbers = np.arange(len(table)) if table.rows is None else table.rows.numpy()
    about = {"row": numbers, **ids_of(table)}
    return Imputation(about, completed, _notes(model, shown, gaps, lacking & ~able, given))


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


def in_source_digits(modality: Modality, values: np.ndarray) -> np.ndarray:
    """Stored numbers ``[N, *shape]`` in units of the source, ``float64 [N, C]``, with the digits that these had: 0.1,
    and not the 0.10000000149 that is stored in 32 bits.
    """
    written = np.empty((len(values), values[0].size))
    size = max(1, WORDS_AT_ONCE // values[0].size)
    for start in range(0, len(values), size):
        rows = slice(start, start + size)
        stored = values[rows].astype(str).astype(np.float64) if values.dtype == np.float32 else values[rows]
        source = modality.in_source_units(stored)
        if source is not stored:
            source = np.char.mod("%.16g", source).astype(np.float64)
        written[rows] = source.reshape(len(stored), -1)
    return written


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
) -> None:
    """Write what is most likely into the gaps of some rows."""
    for name, drawn in model.generate(batch, targets=targets, samples=draws).items():
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
) -> None:
    """Write standard deviations and quantiles of draws from p(x | z) for the gaps of some rows."""
    targets = [name for name in targets if any(each in NUMBERS for each in supports_of(model.modalities[name]))]
    if not targets:
        return
    for name, drawn in model.generate(batch, targets=targets, samples=draws, draw=True).items():
        source = np.asarray(model.modalities[name].in_source_units(drawn.numpy()), dtype=np.float64)
        source = source.reshape(draws, len(rows), -1)
        missing = gaps[name][torch.from_numpy(rows)].numpy()
        found = (source.std(0, ddof=1), *quantiles(source, (0.05, 0.95)))
        for statistic, numbers in zip(STATISTICS, found, strict=True):
            statistics[name][statistic][rows] = np.where(missing, numbers, np.nan)
