"""How well modalities are reconstructed from everything, from themselves, and from the others."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from pydantic import Field
from torch import Tensor

from ..data import ImageModality, Modality, Sparse
from ..data.indexed import select
from .evaluation import Evaluation
from .latents import Generation
from .means import curve_note, distinct, summed_over
from .metric import Metric, MetricConfig, Row, row
from .subsets import SELF, Pair, Subset, joined

NOTHING = "nothing"  # what is given where a value is guessed from the training rows alone

SQUARED = (Modality.distance, ImageModality.distance)  # mean squared differences


class ReconstructionConfig(MetricConfig):
    """Options of :class:`Reconstruction`."""

    cross: bool = Field(
        True, description="Whether modalities are also reconstructed from others: one other, and all others."
    )


@dataclass(frozen=True)
class Fit:
    """How well a target is generated from a subset.

    Attributes:
        distance: The mean of the modality's distance.
        log_likelihood: The mean of log p(x | z).
        mask: Of which rows, ``[N]``.
    """

    distance: float
    log_likelihood: float
    mask: np.ndarray


class Reconstruction(Metric):
    """Reconstruction and imputation of every modality, with z ~ q(z | x_S) and the mean of p(x | z).

    Measures: ``distance`` (the modality's own distance in data units, such as the mean squared difference, over what
    is observed), ``rmse`` (where that is a mean squared difference: its square root, after the mean over all observed
    entries of all rows; in data units, so of normalised data where the data are), ``log_likelihood`` (log p(x_m|z), in
    the units that the networks see, with a note where a transform is no straight line; none where an objective has an
    unnormalised score in its place), and ``loss`` =
    −Σ_m w_m log p(x_m|z), the axis of the figures of "Unity by Diversity". Given everything it is the joint
    reconstruction, given itself (``self``) the self-reconstruction; its target is ``all`` where the sum is over every
    modality, otherwise the names of those that it is over, and where nothing is inferred from itself there is no sum.
    ``distance`` and ``rmse`` given ``nothing`` are those of the mean (or most frequent) training value: the floor that
    an imputation must beat.

    Source of ``rmse``: "Discriminative multimodal learning via conditional priors in generative models", section 4.4
    (acoustic inversion).
    """

    Config = ReconstructionConfig
    headline = ("loss",)
    less_is_better = ("loss", "distance", "rmse")
    over_targets = ("loss",)
    reads_likelihood = True

    def unavailable_reason(self, evaluation: Evaluation) -> str | None:
        """It needs something that is generated."""
        return None if evaluation.targets else "the model generates nothing"

    def wants(self, evaluation: Evaluation, pair: Pair) -> bool:
        """Everything, the target itself, one other modality, and all others."""
        given, target = pair
        if set(given) == set(evaluation.names) or given == (target,):
            return True
        return self.config.cross and target not in given and len(given) in (1, len(evaluation.names) - 1)

    def judge(self, evaluation: Evaluation, generation: Generation) -> Fit | None:
        """Distance and log-likelihood of a pair; given everything, rows that lack other modalities count too."""
        everything = len(generation.given) == len(evaluation.names)
        keep = generation.has_target if everything else generation.has_target & generation.complete
        if not keep.any() or generation.truth is None or generation.log_likelihood is None:
            return None
        truth, observed = generation.truth, generation.observed
        distance = self._distance(evaluation, generation.values, truth, generation.target, observed)
        keep = keep.to(distance.device)
        likelihood = float(generation.log_likelihood[keep].mean())
        return Fit(_mean(distance[keep], observed, keep), likelihood, keep.cpu().numpy())

    def summarise(self, evaluation: Evaluation, judgements: Mapping[Pair, Fit | None]) -> list[Row]:
        """Rows for every (given, target), the floors, and the sums over targets."""
        everything: Subset = tuple(evaluation.names)
        fits = {pair: fit for pair, fit in judgements.items() if fit is not None}
        jointly = {target: fit for (given, target), fit in fits.items() if given == everything}
        alone = {target: fit for (given, target), fit in fits.items() if given == (target,)}
        rows = [each for pair, fit in fits.items() for each in self._of_pair(evaluation, pair, fit)]
        rows += self._floors(evaluation)
        sums = {joined(everything): jointly, SELF: alone}
        return rows + [self._loss(evaluation, given, terms) for given, terms in sums.items() if terms]

    def _of_pair(self, evaluation: Evaluation, pair: Pair, fit: Fit) -> list[Row]:
        """The rows of one (given, target)."""
        given, target, n = joined(pair[0]), pair[1], int(fit.mask.sum())
        rows = self._distances(evaluation, fit.distance, n, given, target)
        likelihood: Any = evaluation.model.likelihoods[evaluation.names.index(target)]
        if likelihood.normalised:
            note = curve_note(evaluation, [target])
            rows.append(row("log_likelihood", fit.log_likelihood, n, given=given, target=target, note=note))
        return rows

    def _floors(self, evaluation: Evaluation) -> list[Row]:
        """The distances of what one would guess, where there is something to guess from."""
        table, train = evaluation.latents().table, evaluation.data.train
        rows: list[Row] = []
        for m, target in ((evaluation.names.index(target), target) for target in evaluation.targets):
            has = table.available[:, m]
            if has.any() and train.available[:, m].any():
                floor = _mean(self._guess_distance(evaluation, target)[has], table.observed.get(target), has)
                rows += self._distances(evaluation, floor, int(has.sum()), NOTHING, target)
        return rows

    @staticmethod
    def _loss(evaluation: Evaluation, given: str, terms: Mapping[str, Fit]) -> Row:
        """The sum of the terms that there are, and what it is over."""
        weights = dict(zip(evaluation.names, evaluation.model.likelihood_weights, strict=True))
        total = sum(-weights[target] * fit.log_likelihood for target, fit in terms.items())
        n = distinct([fit.mask for fit in terms.values()])
        note = curve_note(evaluation, terms)
        return row("loss", total, n, given=given, target=summed_over(terms, evaluation.names), note=note)

    @staticmethod
    def _distances(evaluation: Evaluation, distance: float, n: int, given: str, target: str) -> list[Row]:
        """A mean distance, and its root where it is a mean square: every row has as many entries, so that is the root
        of the mean over all of them.
        """
        rows = [row("distance", distance, n, given=given, target=target)]
        squared = type(evaluation.model.modalities[target]).distance in SQUARED
        return [*rows, row("rmse", math.sqrt(distance), n, given=given, target=target)] if squared else rows

    @staticmethod
    def _distance(
        evaluation: Evaluation, values: Tensor, truth: Tensor, target: str, observed: Tensor | None
    ) -> Tensor:
        """A row's distance over its observed cells; those of kinds that can lack some are means over cells."""
        modality = evaluation.model.modalities[target]
        if observed is None:
            return modality.distance(values, truth)
        distance = modality.distance(torch.where(observed, values, truth.to(values.dtype)), truth)
        return distance * truth[0].numel() / _cells(observed).clamp(min=1)

    def _guess_distance(self, evaluation: Evaluation, target: str) -> Tensor:
        """Distances to what one would guess from the training rows alone."""
        train, truth = evaluation.rows("train"), evaluation.latents().table.data[target][:]
        rows = train.available[:, evaluation.names.index(target)].nonzero().squeeze(1)
        values, modality = select(train.data[target], rows), evaluation.model.modalities[target]
        if target in train.observed:
            cells, known = train.observed[target][rows], values[:]
            values = torch.where(cells, known, modality.usual(known.float(), cells))
        if isinstance(values, Sparse) and type(modality).guess is Modality.guess:
            guess = (values.sums() / max(len(values), 1)).float()  # their mean
        else:
            guess = modality.guess(values[:])
        observed = evaluation.latents().table.observed.get(target)
        return self._distance(evaluation, guess.expand(truth.shape), truth, target, observed)


def _cells(observed: Tensor) -> Tensor:
    """How many cells each row has, ``[N]``."""
    return observed.flatten(1).sum(-1)


def _mean(distance: Tensor, observed: Tensor | None, rows: Tensor) -> float:
    """The mean distance of some rows: over all of their cells."""
    if observed is None:
        return float(distance.mean())
    cells = _cells(observed)[rows].to(distance.dtype)
    return float((distance * cells).sum() / cells.sum())
