"""How near generated text is to the text that it should be."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from pydantic import Field
from rapidfuzz.distance import Levenshtein
from rapidfuzz.process import cpdist
from torch import Tensor

from ..data import Modality, TextModality
from .evaluation import Evaluation
from .latents import Generation
from .means import Means
from .metric import Metric, MetricConfig, Row, row
from .subsets import Pair, joined
from .text_distances import strings

Distances = tuple[np.ndarray, np.ndarray]  # mean distance, similarity and exactness, and of which rows


class TextConfig(MetricConfig):
    """Options of :class:`TextDistance`."""

    remove_blanks: bool = Field(
        False,
        description="Whether all blanks are taken out before comparing, as for single words that stand anywhere in "
        "their line.",
    )


class TextDistance(Metric):
    """Edit distance between the generated text and the row's own, given every subset.

    ``distance`` is the mean Levenshtein distance d in characters, ``similarity`` the mean of 1 − d / (length of the
    longer one), ``exact`` the share of rows where nothing differs. ``k of M`` is the mean over all subsets of k
    modalities that do not hold the text itself; with it, it is a reconstruction.

    Source: "Mitigating the limitations of multimodal VAEs", section 5, which judges text by the Levenshtein distance
    and leaves its normalisation open.
    """

    Config = TextConfig
    headline = ("similarity", "exact")
    less_is_better = ("distance",)

    def unavailable_reason(self, evaluation: Evaluation) -> str | None:
        """It needs text."""
        return (
            None
            if any(isinstance(evaluation.model.modalities[name], TextModality) for name in evaluation.targets)
            else "no text is generated"
        )

    def wants(self, evaluation: Evaluation, pair: Pair) -> bool:
        """Every subset, for text."""
        return bool(pair[0]) and isinstance(evaluation.model.modalities[pair[1]], TextModality)

    def judge(self, evaluation: Evaluation, generation: Generation) -> Distances | None:
        """Mean distance, similarity and exactness of a pair."""
        looked_at = generation.has_target & generation.complete
        keep = looked_at.nonzero().squeeze(1)
        if not len(keep) or generation.truth is None:
            return None
        modality, keep = evaluation.model.modalities[generation.target], keep.to(generation.values.device)
        generated, real = (self._strings(modality, values[keep]) for values in (generation.values, generation.truth))
        distance = cpdist(generated, real, scorer=Levenshtein.distance)
        longer = np.maximum([len(text) for text in generated], [len(text) for text in real])
        similarity = 1 - distance / np.maximum(longer, 1)
        return np.array([distance.mean(), similarity.mean(), (distance == 0).mean()]), looked_at.numpy()

    def summarise(self, evaluation: Evaluation, judgements: Mapping[Pair, Distances | None]) -> list[Row]:
        """Rows for every subset, and means by their sizes."""
        rows: list[Row] = []
        means = Means(evaluation)
        for (given, target), distances in judgements.items():
            if distances is None:
                continue
            values, looked_at = distances
            for measure, value in zip(("distance", "similarity", "exact"), values, strict=True):
                rows.append(row(measure, value, int(looked_at.sum()), given=joined(given), target=target))
                if target not in given:
                    means.add(measure, given, value, looked_at, target)
        return rows + means.rows()

    def _strings(self, modality: Modality, values: Tensor) -> list[str]:
        texts = strings(modality, values)
        return [text.replace(" ", "") for text in texts] if self.config.remove_blanks else texts
