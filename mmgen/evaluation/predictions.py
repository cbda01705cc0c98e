"""What a model says of a modality of rows from others of theirs: the mean over draws of z, which is inferred as
``mmgen impute`` infers it.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import torch
from torch import Tensor

from ..models import inferred_by_model
from .chunks import rows_at_once, rows_of_width
from .drawn import inferable
from .evaluation import Evaluation
from .expected_columns import ExpectedColumns, expected_columns
from .subsets import Subset

LEAST_ROWS = 32  # that a model sees at a time


@dataclass(frozen=True)
class Predictions:
    """A modality of ``n`` rows, from what these rows have of others.

    Attributes:
        places: Which of the evaluated split's rows they are, ``[n]``.
        available: What these have, ``Bool[n, M]``.
        truth: Columns as they were measured, ``float64 [n, F]``; symbols ``[n, C]`` of what has no columns.
        there: Which of them were, ``Bool[n, F]``.
        predicted: The mean over draws of E[x | z]; of symbols, of the most probable one, the most frequent one.
        columns: What the columns are; None of symbols.
    """

    places: Tensor
    available: Tensor
    truth: Tensor
    there: Tensor
    predicted: Tensor
    columns: ExpectedColumns | None


def predictions(evaluation: Evaluation, given: Subset, target: str, most: int, draws: int) -> Predictions | None:
    """The target of at most ``most`` of the evaluated rows, from what each has of ``given``; computed
    once where these are all others.

    Of the rows that have the target, and from whose share of ``given`` the objective infers z; None where there are
    none.

    Args:
        evaluation: Of which rows.
        given: The modalities to infer from, without the target.
        target: What is predicted.
        most: Rows, drawn at random.
        draws: Of z per row.
    """
    if (
        len(given) < len(evaluation.names) - 1
    ):  # what several look at is kept, and not what is left when one is left out
        return _predicted(evaluation, given, target, most, draws)
    key = ("predictions", given, target, most, draws)
    return evaluation.cached(key, lambda: _predicted(evaluation, given, target, most, draws))


def _predicted(evaluation: Evaluation, given: Subset, target: str, most: int, draws: int) -> Predictions | None:
    model, m = evaluation.model, evaluation.names.index(target)
    table = evaluation.data.split(evaluation.split)
    most = rows_of_width(min(most, evaluation.max_rows), model.modalities[target].dimension)
    chosen = evaluation.draw(len(table), most)
    asked = table.available[chosen] & model.subset_masks([given])[0].cpu()
    able = table.available[chosen, m] & inferable(model, asked)
    if not able.any():
        return None
    rows, asked, columns = chosen[able], asked[able], expected_columns(evaluation, target)
    if columns is None:
        truth = table.data[target][rows].flatten(1).long()
        there = truth >= 0
    else:
        truth, there = columns.measured(table, rows)
    own, _ = evaluation.inference()
    by_model = torch.zeros(len(rows), dtype=torch.bool) if own is None else inferred_by_model(model, asked)
    predicted = torch.zeros_like(truth)
    size = min(evaluation.batch_size, rows_at_once(draws * truth.shape[1], LEAST_ROWS))
    with evaluation.seeded(4_000_037):
        for inference, group in ((own, by_model), (None, ~by_model)):
            for places in group.nonzero().squeeze(1).split(size) if group.any() else ():
                batch = table[rows[places]].to(evaluation.device)
                batch = model.prepare(replace(batch, available=asked[places].to(evaluation.device)))
                if inference is None:
                    (taken,) = model.sample_latents(batch, None, [target], draws)
                else:
                    z = model.latents(inference.posterior(batch), draws)
                    taken = model.decoder_input(z, target, batch, model.mask(batch)).values
                parameters = model.decode(taken.flatten(0, 1), target)
                if columns is None:
                    codes = model.likelihoods[m].mean(parameters)  # type: ignore[operator]
                    predicted[places] = codes.unflatten(0, (draws, -1)).mode(0).values.flatten(1).cpu()
                else:
                    predicted[places] = columns.expected(parameters).unflatten(0, (draws, -1)).mean(0).cpu()
    return Predictions(rows, table.available[rows], truth, there, predicted, columns)


def score(found: Predictions, rows: Tensor | None = None) -> float | None:
    """R² over all columns, each in its own standard deviations, or the share of labels and symbols that are right, of
    all rows or some ``Bool[n]``; None where nothing varies.

    R² = 1 − Σ ((x − x̂) / s_c)² / Σ ((x − mean x_c) / s_c)², with the mean of the same rows.
    """
    keep = slice(None) if rows is None else rows
    truth, there, predicted = found.truth[keep], found.there[keep], found.predicted[keep]
    if found.columns is None:
        return float((truth == predicted)[there].double().mean()) if there.any() and _differ(truth, there) else None
    if is_accuracy(found):
        return _accuracy(found.columns, truth, there, predicted)
    weights = found.columns.scale.square().reciprocal().nan_to_num(0.0)
    mean = truth.where(there, 0.0).sum(0) / there.sum(0).clamp(min=1)
    total = (truth - mean).where(there, 0.0).square().sum(0) @ weights
    if not total > 0:
        return None
    return float(1 - (truth - predicted).where(there, 0.0).square().sum(0) @ weights / total)


def is_accuracy(found: Predictions) -> bool:
    """Whether all values are categories, or symbols, so that being right is what counts."""
    return found.columns is None or bool((found.columns.category >= 0).all())


def floor(evaluation: Evaluation, found: Predictions, target: str, rows: Tensor) -> float:
    """The score of some rows ``Bool[n]`` where nothing is given: R² 0, or the share of the most frequent training
    value.
    """
    if not is_accuracy(found):
        return 0.0
    if found.columns is not None:
        usual = found.columns.mean.expand_as(found.truth)
        return score(replace(found, predicted=usual), rows) or 0.0
    train = evaluation.rows("train")
    has = train.available[:, evaluation.names.index(target)].nonzero().squeeze(1)
    guess = evaluation.model.modalities[target].guess(train.data[target][has].long())
    return score(replace(found, predicted=guess.flatten().expand_as(found.truth)), rows) or 0.0


def _accuracy(columns: ExpectedColumns, truth: Tensor, there: Tensor, predicted: Tensor) -> float | None:
    """Share of the cells whose most probable category is the right one."""
    right: list[Tensor] = []
    varies = False
    for cell in columns.cell.unique():
        of_cell = (columns.cell == cell).nonzero().squeeze(1)
        known = there[:, of_cell[0]]
        real = truth[known][:, of_cell].argmax(1)
        varies = varies or len(real.unique()) > 1
        right.append(real == predicted[known][:, of_cell].argmax(1))
    return float(torch.cat(right).double().mean()) if varies else None


def _differ(truth: Tensor, there: Tensor) -> bool:
    """Whether rows differ in some symbol."""
    return bool(((truth != truth[:1]) & there).any())
