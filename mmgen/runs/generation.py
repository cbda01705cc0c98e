"""Generated values, with the rows that they were generated from: what ``Run.generate`` and ``mmgen generate`` give."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from matplotlib.figure import Figure
from torch import Tensor

from ..data import MixedModality, Modality, Table, TagsModality
from ..distributions.likelihoods import CODES
from ..errors import listed
from ..evaluation.grids import conditional_grid
from ..models import MultimodalVAE, Sampler, choose_sampler
from ..models.building import Component
from ..models.sampling import in_words
from .encoding import ROWS_AT_ONCE, given_by_row, ids_of, indexed

if TYPE_CHECKING:
    import pandas as pd

SEPARATOR = ", "  # of the names of tags in a cell
MOST_COLUMNS = 24  # of a picture
FROM_PRIOR = "from the prior"


@dataclass(frozen=True)
class Generation:
    """What a model generates for ``N`` rows, or ``N`` times from the prior.

    Attributes:
        modalities: All of the model's, by name.
        given: What the values were generated from, by name; empty: from the prior.
        values: Target to values in data units, ``[samples, N, *shape]``.
        table: The rows; None from the prior.
        title: Above the picture.
        index: What pandas calls the rows, ``[N]``; None where only their ids and numbers are known.
    """

    modalities: Mapping[str, Modality]
    given: tuple[str, ...]
    values: Mapping[str, Tensor]
    table: Table | None
    title: str
    index: pd.Index | None = None

    def __repr__(self) -> str:
        """What was generated from what, how often, and the shapes of the values."""
        origin = f"rows given {'+'.join(self.given)}" if self.given else "items given nothing"
        samples = next(iter(self.values.values())).shape[0]
        shapes = listed(f"{name} {list(value.shape[2:])}" for name, value in self.values.items())
        return f"Generation({len(self):,} {origin}; samples of each: {samples}; {shapes})"

    def __len__(self) -> int:
        return next(iter(self.values.values())).shape[1]

    def arrays(self) -> dict[str, Any]:
        """Target to values ``[samples, N, *shape]`` in the units of the source, and of rows their numbers and ids and
        which of the given modalities each has.
        """
        arrays = {name: self.modalities[name].in_source_units(value.numpy()) for name, value in self.values.items()}
        if self.table is None or self.table.rows is None:
            return arrays
        about = {"row": self.table.rows.numpy(), **ids_of(self.table), "given": np.array(self.given_by_row())}
        return {**about, **arrays}

    def figure(self, top: int | None = None) -> Figure:
        """Given values above generated ones, a column per row, at most 24; tags by the names of the ``top`` most
        probable ones.
        """
        shown = {name: value[:, :MOST_COLUMNS] for name, value in self.values.items()}
        batch = None if self.table is None else self.table[:MOST_COLUMNS]
        modalities = dict(self.modalities)
        for name, modality in modalities.items() if top is not None else ():
            if isinstance(modality, TagsModality):
                modalities[name] = modality.model_copy(update={"top": top})
        return conditional_grid(modalities, self.given, shown, batch, self.title)

    def frame(self, top: int | None = None) -> pd.DataFrame:
        """A line per row, indexed by what it is called: which of the given modalities it has, and the generated values.

        Several samples are one value: their mean, or the most frequent code.

        Args:
            top: Name so many of the most probable tags in one cell, the row's own beside them; their probabilities
                otherwise.
        """
        import pandas as pd

        header, *lines = self.lines(top)
        ids = () if self.table is None else ids_of(self.table)
        return indexed(pd.DataFrame(lines, columns=header), ids, self.index)

    def lines(self, top: int | None = None) -> list[list[Any]]:
        """The header and the lines of :meth:`frame`, with the number and the id of each row in front."""
        ids = {} if self.table is None else ids_of(self.table)
        given = self.given_by_row()
        columns = {name: self._column(name, value, top) for name, value in self.values.items()}
        header: list[Any] = ["row", *ids, *([] if given is None else ["given"])]
        lines = [header + [word for words, _ in columns.values() for word in words]]
        for i in range(len(self)):
            number = i if self.table is None or self.table.rows is None else int(self.table.rows[i])
            line: list[Any] = [number, *(words[i] for words in ids.values())]
            if given is not None:
                line.append(given[i])
            lines.append(line + [cell for _, cells in columns.values() for cell in cells[i]])
        return lines

    def given_by_row(self) -> list[str] | None:
        """Which of the given modalities each row has, ``genes+scan``; None from the prior."""
        if self.table is None:
            return None
        return [str(given) for given in given_by_row(self.table, list(self.modalities), self.given)]

    def _column(self, name: str, values: Tensor, top: int | None) -> tuple[list[str], list[list[Any]]]:
        """The headings of a target, and its cells of every row."""
        modality = self.modalities[name]
        single = _single(values, modality)
        if top is None or not isinstance(modality, TagsModality):
            return modality.value_names(name), [modality.cells(value) for value in single]
        named = [[SEPARATOR.join(modality.named(value, top))] for value in single]
        if self.table is None:
            return [name], named
        originals = [
            SEPARATOR.join(modality.named(self.table.data[name][i].numpy())) if self._has(i, name) else ""
            for i in range(len(self))
        ]
        return [name, f"{name}_original"], [
            [*cells, original] for cells, original in zip(named, originals, strict=True)
        ]

    def _has(self, row: int, name: str) -> bool:
        assert self.table is not None
        return bool(self.table.available[row, list(self.modalities).index(name)])


def generate(
    model: MultimodalVAE,
    table: Table | None,
    given: list[str],
    targets: list[str],
    count: int,
    samples: int,
    title: str,
    covariates: Mapping[str, Any] | None = None,
    sampler: Sampler | None = None,
) -> Generation:
    """Generate modalities of every row of a table given others, or ``count`` times from the prior.

    Args:
        model: The model.
        table: The rows; None: from the prior.
        given: What to condition on, by name.
        targets: What to generate, by name.
        count: Items from the prior.
        samples: Draws of z per row or item.
        title: Above a picture.
        covariates: What decoders are told instead of the rows' own.
        sampler: What z is drawn from without a table; the prior by default.
    """
    if table is not None:
        batches = table.batches(ROWS_AT_ONCE)
        parts = [model.generate(batch, given, targets, samples, covariates=covariates) for batch in batches]
        values = {name: torch.cat([part[name] for part in parts], 1) for name in targets}
    else:
        drawn = model.generate(targets=targets, samples=count * samples, covariates=covariates, sampler=sampler)
        values = {name: value.unflatten(0, (samples, count)) for name, value in drawn.items()}
    return Generation(model.modalities, tuple(given), values, table, title)


def origin_in_words(sampler: Component | None) -> str:
    """What is generated from where nothing is given."""
    choice = choose_sampler(sampler)
    return f"from the sampler {in_words(choice)}" if choice.component.fitted else FROM_PRIOR


def _single(values: Tensor, modality: Modality) -> np.ndarray:
    """Several samples of an item as one value ``[N, *shape]``: their mean, or the most frequent code."""
    if not values.is_floating_point():
        return values.mode(0).values.numpy()
    if not isinstance(modality, MixedModality):
        return values.mean(0).numpy()
    coded = torch.tensor([support in CODES for support in modality.column_supports])
    return torch.where(coded, values.mode(0).values, values.mean(0)).numpy()
