"""The columns of a modality as numbers of one kind: what shares of variance and loadings are about.

A number, a count and a yes/no answer are a column each; a category is a column of 0 and 1 for each of its values, of
which a model says the probability. So everything has a mean given z, and a standard deviation.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, cast

import torch
from torch import Tensor

from ..data import ImageModality, LabelsModality, Modality, Table
from ..data.modalities.codes import CodesModality
from ..data.transforms import Transform
from ..distributions import Likelihood
from .chunks import rows_at_once
from .evaluation import Evaluation

TRAINING_ROWS = 2000  # at most, that standard deviations are of
LEAST_ROWS = 32  # that are looked at at a time
MOST_CATEGORIES = 4096  # columns of categories, at most, that one modality may have


@dataclass(frozen=True)
class ExpectedColumns:
    """The ``F`` columns of a modality whose values have ``C`` cells.

    Attributes:
        name: Of the modality.
        modality: Itself.
        likelihood: Its p(x | decoder output).
        transform: From data units and back.
        cell: Which cell each column is of, ``[F]``.
        category: Which category of it, ``[F]``; −1 where the cell is a number.
        scale: Standard deviation of each column in training rows, ``float64 [F]``; one for all columns of an image,
            whose pixels share a unit (the root of their mean variance), and of all categories of a cell (the root of
            their summed variance). NaN where a column does not vary.
        deviation: The standard deviation of each column alone.
        mean: Their means in training rows, ``float64 [F]``.
    """

    name: str
    modality: Modality
    likelihood: Likelihood
    transform: Transform
    cell: Tensor
    category: Tensor
    scale: Tensor
    deviation: Tensor
    mean: Tensor

    def __len__(self) -> int:
        return len(self.cell)

    @property
    def is_image(self) -> bool:
        """Whether columns are pixels, which have no names."""
        return isinstance(self.modality, ImageModality)

    def names(self) -> list[str]:
        """What columns are called: ``age``, and ``ward=surgery`` of a category."""
        cells = self.modality.value_names(self.name)
        pairs = zip(self.cell.tolist(), self.category.tolist(), strict=True)
        return [cells[c] if k < 0 else f"{cells[c]}={self._category(cells[c], k)}" for c, k in pairs]

    def _category(self, column: str, code: int) -> str:
        categories = getattr(self.modality, "categories", None)
        known = categories.get(column) if isinstance(categories, dict) else categories
        return str(known[code]) if known else str(code)

    def expected(self, parameters: Tensor) -> Tensor:
        """E[x | z] in data units, probabilities of categories: decoder output ``[n, outputs, *shape]`` to ``float64
        [n, F]``.
        """
        numbers = self.transform.mean_of(self.likelihood, parameters).double().flatten(1)
        values = numbers[:, self.cell]
        for places, probabilities in self._probabilities(parameters):
            values[:, places] = probabilities
        return values

    def measured(self, table: Table, rows: Tensor) -> tuple[Tensor, Tensor]:
        """The values of some rows of a table, ``float64 [n, F]``, and which of them are there."""
        cells = table.data[self.name][rows]
        if self.is_image:  # bytes are stored, and what comes back is in [0, 1]
            device = next(self.transform.buffers()).device
            cells = self.transform.inverse(self.transform(cells.to(device))).cpu()
        cells = cells.flatten(1)
        there = table.available[rows, list(table.data).index(self.name)][:, None].expand(cells.shape)
        if self.name in table.observed:
            there = there & table.observed[self.name][rows].flatten(1)
        chosen, coded = cells[:, self.cell].double(), self.category >= 0
        there = there[:, self.cell] & ~(coded & (chosen < 0))
        return torch.where(coded, (chosen == self.category).double(), chosen), there

    def _probabilities(self, parameters: Tensor) -> Iterator[tuple[Tensor, Tensor]]:
        """Columns of categories, and their probabilities ``[n, columns]``, category by category."""
        for member, own, cells in _members(self.likelihood, parameters):
            for code in range(cast(Any, member).categories if member.coded else 0):
                where = (self.category == code) & torch.isin(self.cell, cells)
                at = torch.full(own.shape[:1] + own.shape[2:], code, device=own.device)
                yield where.nonzero().squeeze(1), member.pointwise(own, at).exp().double().flatten(1)


def expected_columns(evaluation: Evaluation, target: str) -> ExpectedColumns | None:
    """The columns of a modality, made once; None of a text (or more categories than can be told apart), which is judged
    symbol by symbol.
    """
    return evaluation.cached(("expected columns", target), lambda: _make(evaluation, target))


def _make(evaluation: Evaluation, target: str) -> ExpectedColumns | None:
    m = evaluation.names.index(target)
    modality = evaluation.model.modalities[target]
    likelihood = cast(Likelihood, evaluation.model.likelihoods[m])
    transform = cast(Transform, evaluation.model.transforms[m])
    if isinstance(modality, CodesModality) and not isinstance(modality, LabelsModality):
        return None
    shape = (1, likelihood.outputs, *modality.shape)
    pairs: list[tuple[int, int]] = []
    for member, _, cells in _members(likelihood, torch.zeros(shape, device=evaluation.device)):
        codes = range(cast(Any, member).categories) if member.coded else [-1]
        pairs += [(cell, code) for cell in cells.tolist() for code in codes]
    cell, category = torch.tensor(sorted(pairs)).T
    if int((category >= 0).sum()) > MOST_CATEGORIES:
        return None
    nothing = torch.zeros(len(cell), dtype=torch.float64)
    columns = ExpectedColumns(target, modality, likelihood, transform, cell, category, nothing, nothing, nothing)
    mean, variance = _moments(columns, evaluation)
    return ExpectedColumns(
        target, modality, likelihood, transform, cell, category, _scale(columns, variance), _root(variance), mean
    )


def _members(likelihood: Likelihood, parameters: Tensor) -> Iterator[tuple[Likelihood, Tensor, Tensor]]:
    """The likelihoods that one is made of, each with its part of the parameters, and which cells its values are."""
    count = parameters[0, 0].numel()
    places = torch.arange(count, dtype=torch.float64, device=parameters.device).reshape(parameters.shape[2:])
    for member, own, at in likelihood.split(parameters, places[None]):
        yield member, own, at.flatten().long().cpu()


def _moments(columns: ExpectedColumns, evaluation: Evaluation) -> tuple[Tensor, Tensor]:
    """Mean and variance of every column in training rows, ``[F]``, where they are there; in one pass, with sums of what
    differs from the first rows' means.
    """
    train = evaluation.data.train
    count, sums, squares = (torch.zeros(len(columns), dtype=torch.float64) for _ in range(3))
    shift = None
    for rows in evaluation.draw(len(train), TRAINING_ROWS).split(rows_at_once(len(columns), LEAST_ROWS)):
        x, there = columns.measured(train, rows)
        if shift is None:
            shift = x.where(there, 0.0).sum(0) / there.sum(0).clamp(min=1)
        x = (x - shift).where(there, 0.0)
        count, sums, squares = count + there.sum(0), sums + x.sum(0), squares + x.square().sum(0)
    mean = sums / count
    variance = (squares / count - mean.square()).clamp(min=0)
    mean = mean if shift is None else mean + shift
    varies = variance > (1e-12 * mean.abs().clamp(min=1e-12)).square()
    return mean, torch.where(varies, variance, torch.nan)


def _scale(columns: ExpectedColumns, variance: Tensor) -> Tensor:
    """See :attr:`ExpectedColumns.scale`."""
    known = variance.nan_to_num(0.0)
    if columns.is_image:
        return _root(known.mean()).expand(len(columns)).clone()
    of_cell = torch.zeros(int(columns.cell.max()) + 1, dtype=torch.float64).index_add(0, columns.cell, known)
    return _root(torch.where(columns.category < 0, known, of_cell[columns.cell]))


def _root(variance: Tensor) -> Tensor:
    return torch.where(variance > 0, variance, torch.nan).sqrt()
