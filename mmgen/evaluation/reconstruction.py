"""How well modalities are reconstructed from everything, from themselves, and from the others."""

from __future__ import annotations

from pydantic import Field
from torch import Tensor

from .evaluation import Evaluation, Subset
from .metric import Metric, MetricConfig, Row, row


class ReconstructionConfig(MetricConfig):
    """Options of :class:`Reconstruction`."""

    cross: bool = Field(True, description="Whether modalities are also reconstructed from others: one other, and all others.")


class Reconstruction(Metric):
    """Reconstruction and imputation of every modality, with z ~ q(z | x_S) and the mean of p(x | z).

    Measures: ``distance`` (the modality's own distance in data units, such as the mean squared difference), ``log_likelihood`` (log p(x_m|z), in the units
    that the networks see), and ``loss`` = −Σ_m w_m log p(x_m|z), the axis of the figures of "Unity by Diversity". Given everything it is the joint
    reconstruction, given itself (``self``) the self-reconstruction. ``distance`` given ``nothing`` is that of the mean (or most frequent) training value:
    the floor that an imputation must beat.
    """

    Config = ReconstructionConfig
    headline = ("loss",)

    def compute(self, evaluation: Evaluation) -> list[Row]:
        """Rows for every (given, target)."""
        names = evaluation.names
        everything: Subset = tuple(names)
        rows: list[Row] = []
        joint, alone = 0.0, 0.0
        for m, target in enumerate(names):
            has = evaluation.latents().table.available[:, m]
            weight = evaluation.model.modalities[target].weight
            sources: list[Subset] = [everything, (target,)]
            if self.config.cross:
                others = tuple(name for name in names if name != target)
                sources += [(name,) for name in others] + ([others] if len(others) > 1 else [])
            for given in dict.fromkeys(sources):
                keep = has & (evaluation.latents().complete[evaluation.latents().index(given)] if given != everything else has)
                if not keep.any():
                    continue
                n = int(keep.sum())
                distance = self._distance(evaluation, evaluation.generated(given, target), target)[keep]
                log_likelihood = float(evaluation.log_likelihood(given, target)[keep].mean())
                called = "+".join(given)
                rows.append(row("distance", distance.mean(), n, given=called, target=target))
                rows.append(row("log_likelihood", log_likelihood, n, given=called, target=target))
                joint -= weight * log_likelihood if given == everything else 0
                alone -= weight * log_likelihood if given == (target,) else 0
            if has.any():
                floor = self._floor(evaluation, target)[has]
                rows.append(row("distance", floor.mean(), len(floor), given="nothing", target=target))
        n = len(evaluation.latents().table)
        return [*rows, row("loss", joint, n, given="+".join(everything), target="all"), row("loss", alone, n, given="self", target="all")]

    @staticmethod
    def _distance(evaluation: Evaluation, values: Tensor, target: str) -> Tensor:
        return evaluation.model.modalities[target].distance(values, evaluation.latents().table.data[target])

    def _floor(self, evaluation: Evaluation, target: str) -> Tensor:
        """Distances to what one would guess from the training rows alone."""
        train = evaluation.data.train
        values = train.data[target][train.available[:, evaluation.names.index(target)]]
        guess = evaluation.model.modalities[target].guess(values)
        return self._distance(evaluation, guess.expand(evaluation.latents().table.data[target].shape), target)
