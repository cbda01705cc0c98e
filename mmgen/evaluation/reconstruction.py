"""How well modalities are reconstructed from everything, from themselves, and from the others."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy as np
from pydantic import Field
from torch import Tensor

from ..data import ImageModality, Modality
from .evaluation import Evaluation, Generation, Pair, Subset
from .means import summed_over
from .metric import Metric, MetricConfig, Row, row

Found = tuple[float, float, np.ndarray]  # mean distance, mean log-likelihood, and of which rows
SQUARED = (Modality.distance, ImageModality.distance)  # mean squared differences


class ReconstructionConfig(MetricConfig):
    """Options of :class:`Reconstruction`."""

    cross: bool = Field(
        True, description="Whether modalities are also reconstructed from others: one other, and all others."
    )


class Reconstruction(Metric):
    """Reconstruction and imputation of every modality, with z ~ q(z | x_S) and the mean of p(x | z).

    Measures: ``distance`` (the modality's own distance in data units, such as the mean squared difference), ``rmse``
    (where that is a mean squared difference: its square root, after the mean over all entries of all rows; in data
    units, so of normalised data where the data are), ``log_likelihood`` (log p(x_m|z), in the units that the networks
    see; none where an objective has an unnormalised score in its place), and ``loss`` = −Σ_m w_m log p(x_m|z), the
    axis of the figures of "Unity by Diversity". Given everything it is the joint reconstruction, given itself
    (``self``) the self-reconstruction; its target is ``all`` where the sum is over every modality, otherwise the names
    of those that it is over, and where nothing is inferred from itself there is no sum. ``distance`` and ``rmse``
    given ``nothing`` are those of the mean (or most frequent) training value: the floor that an imputation must beat.

    Source of ``rmse``: "Discriminative multimodal learning via conditional priors in generative models", section 4.4
    (acoustic inversion).
    """

    Config = ReconstructionConfig
    headline = ("loss",)
    less_is_better = ("loss", "distance", "rmse")
    over_targets = ("loss",)
    reads_likelihood = True

    def lacks(self, evaluation: Evaluation) -> str | None:
        """It needs something that is generated."""
        return None if evaluation.targets else "the model generates nothing"

    def wants(self, evaluation: Evaluation, pair: Pair) -> bool:
        """Everything, the target itself, one other modality, and all others."""
        given, target = pair
        if set(given) == set(evaluation.names) or given == (target,):
            return True
        return self.config.cross and target not in given and len(given) in (1, len(evaluation.names) - 1)

    def judge(self, evaluation: Evaluation, generation: Generation) -> Found | None:
        """What is found of a pair; given everything, rows that lack other modalities count too."""
        everything = len(generation.given) == len(evaluation.names)
        keep = generation.has_target if everything else generation.has_target & generation.complete
        if not keep.any() or generation.truth is None or generation.log_likelihood is None:
            return None
        distance = self._distance(evaluation, generation.values, generation.truth, generation.target)
        keep = keep.to(distance.device)
        return float(distance[keep].mean()), float(generation.log_likelihood[keep].mean()), keep.cpu().numpy()

    def summarise(self, evaluation: Evaluation, judged: Mapping[Pair, Found | None]) -> list[Row]:
        """Rows for every (given, target)."""
        everything: Subset = tuple(evaluation.names)
        rows: list[Row] = []
        terms: dict[str, dict[str, tuple[float, np.ndarray]]] = {"+".join(everything): {}, "self": {}}  # of the losses
        likelihoods: Any = evaluation.model.likelihoods
        for (given, target), found in judged.items():
            if found is None:
                continue
            distance, log_likelihood, looked_at = found
            called, n = "+".join(given), int(looked_at.sum())
            term = -evaluation.model.likelihood_weights[evaluation.names.index(target)] * log_likelihood, looked_at
            rows += self._distances(evaluation, distance, n, called, target)
            if likelihoods[evaluation.names.index(target)].normalised:
                rows.append(row("log_likelihood", log_likelihood, n, given=called, target=target))
            if given == everything:
                terms[called][target] = term
            if given == (target,):
                terms["self"][target] = term
        table, train = evaluation.latents().table, evaluation.data.train
        for target in evaluation.targets:
            has = table.available[:, everything.index(target)]
            if has.any() and train.available[:, everything.index(target)].any():  # there is something to guess from
                floor = float(self._floor(evaluation, target)[has].mean())
                rows += self._distances(evaluation, floor, int(has.sum()), "nothing", target)
        return rows + [self._loss(evaluation, called, each) for called, each in terms.items() if each]

    @staticmethod
    def _loss(evaluation: Evaluation, given: str, terms: Mapping[str, tuple[float, np.ndarray]]) -> Row:
        """The sum of the terms that there are, and what it is over."""
        values, looked_at = zip(*terms.values(), strict=True)
        target = summed_over(terms, evaluation.names)
        return row("loss", sum(values), int(np.any(looked_at, axis=0).sum()), given=given, target=target)

    @staticmethod
    def _distances(evaluation: Evaluation, distance: float, n: int, given: str, target: str) -> list[Row]:
        """A mean distance, and its root where it is a mean square: every row has as many entries, so that is the root
        of the mean over all of them.
        """
        rows = [row("distance", distance, n, given=given, target=target)]
        squared = type(evaluation.model.modalities[target]).distance in SQUARED
        return [*rows, row("rmse", math.sqrt(distance), n, given=given, target=target)] if squared else rows

    @staticmethod
    def _distance(evaluation: Evaluation, values: Tensor, truth: Tensor, target: str) -> Tensor:
        return evaluation.model.modalities[target].distance(values, truth)

    def _floor(self, evaluation: Evaluation, target: str) -> Tensor:
        """Distances to what one would guess from the training rows alone."""
        train, truth = evaluation.rows("train"), evaluation.latents().table.data[target][:]
        values = train.data[target][train.available[:, evaluation.names.index(target)].nonzero().squeeze(1)]
        guess = evaluation.model.modalities[target].guess(values)
        return self._distance(evaluation, guess.expand(truth.shape), truth, target)
