"""How much of each modality every dimension of the latents explains."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from pydantic import Field
from torch import Tensor

from .decoder_inputs import DecoderInputs, decoded, decoder_inputs
from .empty_dimensions import EMPTY, empty_names, empty_rows
from .evaluation import Evaluation
from .expected_columns import ExpectedColumns, expected_columns
from .means import joined_notes
from .metric import Metric, MetricConfig, Row, row
from .subsets import MEAN, Pair, SubsetSize, joined

if TYPE_CHECKING:
    from matplotlib.figure import Figure

BLOCK = 64  # rows
R2, OF_DIMENSION = "r2", "r2_of_dimension"
SYMBOLS, SYMBOLS_OF_DIMENSION = "error_reduction", "error_reduction_of_dimension"
NEGATIVE = "negative: further from these rows than their mean"
NEGATIVE_SYMBOLS = "negative: more errors than the most frequent symbols"
EMPTY_NOTE = "an empty dimension"


class VarianceExplainedConfig(MetricConfig):
    """Options of :class:`VarianceExplained`."""

    rows: int = Field(500, ge=2, description="Rows that are looked at, at most, drawn at random; fewer of wide ones.")
    dimensions: int = Field(64, ge=1, description="Dimensions that have numbers of their own, the first ones, at most.")


@dataclass(frozen=True)
class Explained:
    """Shares of one modality that are explained.

    Attributes:
        target: The modality.
        total: By everything that its decoder takes.
        parts: By each part of that alone: ``z0`` …, ``w0`` … of private latents, ``context``, ``covariates``.
        places: Which of the rows that are looked at have the modality, ``[n]``.
        symbols: Whether values are symbols of a text, of which errors are counted.
        left_out: How many dimensions have no number of their own.
    """

    target: str
    total: float
    parts: Mapping[str, float]
    places: np.ndarray
    symbols: bool
    left_out: int

    @property
    def n(self) -> int:
        """Of how many rows."""
        return len(self.places)


class VarianceExplained(Metric):
    """Share of the variance of each modality that all dimensions explain together (``r2``), and each alone
    (``r2_of_dimension``, which ``label`` names).

    Alone means: the decoder gets the posterior mean of dimension k given all that a row has, and of all others their
    means over the rows. With E_k[x | z] the mean that it then gives, R² = 1 − Σ_c Var(x_c − E_k[x_c | z]) / s_c² / Σ_c
    Var(x_c) / s_c², over the cells c that are observed. Being variances, they grant every column a constant, as data
    that are centred do: for a linear decoder this is the number that MOFA plots. s_c is the standard deviation in
    training rows, so that no column counts by its unit; pixels of an image share one. A category counts as columns of
    0 and 1, of which the model says the probability. Beside z0, z1 … there are w0 … of a modality's private latents,
    ``covariates`` (what is told of them, as if it were one more dimension) and ``context`` (what else the decoder of an
    objective sees). Shares add up to the whole only where dimensions are independent and decoders linear; a negative
    one says that what is decoded from this part alone is further from the rows than their mean, which no model of these
    rows themselves would be: of rows that were held out (few of them, or covariates that meant something else in
    training rows), or of a dimension that means nothing without others. Symbols of texts have no variance:
    ``error_reduction`` is 1 − errors of the most probable symbols / errors of the most frequent ones.

    ``empty_dimensions`` is how many dimensions of z are the same for every row, by the rule and the rows of which a
    training tells it (:mod:`mmgen.models.latent_use`); what these explain has a note.

    Source: Argelaguet et al. 2018, "Multi-Omics Factor Analysis" (Mol. Syst. Biol. 14:e8124), methods, "Calculation of
    variance explained"; Argelaguet et al. 2020, "MOFA+" (Genome Biol. 21:111).
    """

    Config = VarianceExplainedConfig
    headline = (R2, EMPTY)
    not_compared = (OF_DIMENSION, SYMBOLS_OF_DIMENSION, EMPTY)

    def unavailable_reason(self, evaluation: Evaluation) -> str | None:
        """It needs latents that something is decoded from."""
        if not evaluation.targets:
            return "the model generates nothing"
        if not self._explained(evaluation):
            return "no row has a modality that varies and is decoded from z"
        return None

    def omissions(self, evaluation: Evaluation) -> list[str]:
        """Modalities and dimensions without numbers."""
        found = self._explained(evaluation)
        missing = [name for name in evaluation.targets if name not in {each.target for each in found}]
        most = max(each.left_out for each in found)
        return [
            *([f"nothing of {', '.join(missing)} varies or is decoded from z in these rows"] if missing else []),
            *([f"the last {most} dimensions have no numbers of their own (its option dimensions)"] if most else []),
        ]

    def summarise(self, evaluation: Evaluation, judgements: Mapping[Pair, Any]) -> list[Row]:
        """Rows for every modality, for every dimension of it, and the mean over modalities."""
        given, found = joined(evaluation.names), self._explained(evaluation)
        empty = empty_names(evaluation)
        rows: list[Row] = []
        for each in found:
            total, part = (SYMBOLS, SYMBOLS_OF_DIMENSION) if each.symbols else (R2, OF_DIMENSION)
            below = NEGATIVE_SYMBOLS if each.symbols else NEGATIVE
            shares = [(total, "", each.total), *((part, name, share) for name, share in each.parts.items())]
            for measure, name, share in shares:
                note = joined_notes(EMPTY_NOTE if name in empty else "", below if share < 0 else "")
                rows.append(row(measure, share, each.n, given=given, target=each.target, label=name, note=note))
        numbers = [each for each in found if not each.symbols]
        if numbers:
            n = len(np.unique(np.concatenate([each.places for each in numbers])))
            size = SubsetSize(len(evaluation.names), len(evaluation.names))
            rows.append(row(R2, np.mean([each.total for each in numbers]), n, given=str(size), target=MEAN))
        return rows + empty_rows(evaluation)

    def figures(self, evaluation: Evaluation, metrics: Any = ()) -> dict[str, Figure]:
        """``variance-explained``: a heat map of modalities and dimensions, and the whole beside it."""
        from .learned_drawing import variance_figure

        return {"variance-explained": variance_figure(evaluation, self._explained(evaluation))}

    def _explained(self, evaluation: Evaluation) -> list[Explained]:
        return explained(evaluation, self.config)


def explained(evaluation: Evaluation, config: VarianceExplainedConfig) -> list[Explained]:
    """What is explained of every modality that varies and is decoded from z, computed once."""

    def make() -> list[Explained]:
        found = (_of_modality(evaluation, target, config) for target in evaluation.targets)
        return [each for each in found if each is not None]

    return evaluation.cached(("variance explained", config), make)


def _of_modality(evaluation: Evaluation, target: str, config: VarianceExplainedConfig) -> Explained | None:
    inputs = decoder_inputs(evaluation, target, config.rows)
    if inputs is None or len(inputs.places) < 2:
        return None
    columns = expected_columns(evaluation, target)
    hidden = set(inputs.latents[config.dimensions :])
    names = [name for name in inputs.parts if name not in hidden]
    every = [inputs.values, *(inputs.of_one(name) for name in names)]
    shares = _shares(evaluation, inputs, columns, every) if columns else _symbol_shares(evaluation, inputs, every)
    if shares is None:
        return None
    parts = dict(zip(names, shares[1:], strict=True))
    return Explained(target, shares[0], parts, inputs.places.numpy(), columns is None, len(hidden))


def _shares(
    evaluation: Evaluation, inputs: DecoderInputs, columns: ExpectedColumns, every: list[Tensor]
) -> list[float] | None:
    """R² of each of several inputs; None where nothing varies."""
    weights = columns.scale.square().reciprocal().nan_to_num(0.0)
    total = _spread(evaluation, inputs, columns, None) @ weights
    if not total > 0:
        return None
    return [float(1 - _spread(evaluation, inputs, columns, values) @ weights / total) for values in every]


def _spread(evaluation: Evaluation, inputs: DecoderInputs, columns: ExpectedColumns, values: Tensor | None) -> Tensor:
    """Σ_n (d_nc − mean d_c)² of every column over the rows in which it is there, ``[F]``: of d = x − E[x | values], and
    of x itself without values.
    """
    count, sums, squares = (torch.zeros(len(columns), dtype=torch.float64) for _ in range(3))
    blocks: Any = ((rows, None) for rows in torch.arange(len(inputs.places)).split(BLOCK))
    if values is not None:
        blocks = decoded(evaluation, inputs, values, len(columns))
    for rows, parameters in blocks:
        x, there = columns.measured(inputs.table, rows)
        guess = columns.mean.nan_to_num(0.0) if parameters is None else columns.expected(parameters).cpu()
        difference = (x - guess).where(there, 0.0)
        count, sums, squares = count + there.sum(0), sums + difference.sum(0), squares + difference.square().sum(0)
    return (squares - sums.square() / count.clamp(min=1)).clamp(min=0)


def _symbol_shares(evaluation: Evaluation, inputs: DecoderInputs, every: list[Tensor]) -> list[float] | None:
    """Share of the errors of the most frequent symbols that is avoided, of each of several inputs."""
    target = inputs.target
    modality, m = evaluation.model.modalities[target], evaluation.names.index(target)
    train, likelihood = evaluation.rows("train"), evaluation.model.likelihoods[m]
    has = train.available[:, m].nonzero().squeeze(1)
    truth = inputs.table.data[target][:].long()
    usual = modality.guess(train.data[target][has].long()) if len(has) else None
    errors = 0 if usual is None else int(((truth != usual) & (truth >= 0)).sum())
    if not errors:
        return None
    shares = []
    for values in every:
        wrong = 0
        for rows, parameters in decoded(evaluation, inputs, values, truth[0].numel()):
            predicted = likelihood.mean(parameters).cpu()  # type: ignore[operator]
            wrong += int(((predicted != truth[rows]) & (truth[rows] >= 0)).sum())
        shares.append(1 - wrong / errors)
    return shares
