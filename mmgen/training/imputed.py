"""How well a model predicts every modality of held-out rows from all others, which a training can choose by.

With a few hundred rows, a model goes on to reconstruct rows better that it sees, while what it says of modalities that
it does not see becomes worse. The loss, in which every row sees itself, does not show that.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import cast

import torch
from torch import Tensor

from ..data import Batch, Table
from ..distributions import Gaussian, Likelihood
from ..evaluation.drawn import inferable, rows_that_fit
from ..models import LaplaceInference, MultimodalVAE, OwnPosterior, why_not

SCORE = "imputation_log_score"  # among the numbers of a validation
DRAWS = 16  # of z per row
MOST_ROWS = 500  # by which ways of inference are compared
AT_ONCE = 250  # of these, at least: chains that draw z take as long for one row as for hundreds
TOGETHER = 2000  # rows of several targets of which z is inferred at a time


def log_scores(likelihood: Likelihood, parameters: Tensor, x: Tensor) -> Tensor:
    """Log scores of values ``[B, *shape]`` by decoder outputs for K draws of z, ``[K, B, …]``: see :class:`Imputed`."""
    precise = torch.float32 if x.device.type == "mps" else torch.float64
    around = likelihood.around_location(x)
    if around is None:
        return _log_means(likelihood, parameters, x, precise)
    location = likelihood.output(parameters, 0).to(precise)
    variance = likelihood.scatter(parameters).to(precise).mean(0) + location.var(0)
    squares = (around.to(precise) - location.mean(0)).square() / variance
    normal = -0.5 * (math.log(2 * math.pi) + variance.log() + squares)
    nowhere = around.isnan()
    return torch.where(nowhere, _log_means(likelihood, parameters, x, precise), normal) if nowhere.any() else normal


def _log_means(likelihood: Likelihood, parameters: Tensor, x: Tensor, precise: torch.dtype) -> Tensor:
    """log 1/K Σ_k p(x | z_k)."""
    log_p = likelihood.pointwise(parameters, x.expand(len(parameters), *x.shape)).to(precise)
    return log_p.logsumexp(0) - math.log(len(parameters))


def kept(epoch: int, score: float, factors: int) -> str:
    """Which model a training keeps that chooses by imputation, for a person.

    Args:
        epoch: After which it was validated; 0 is before the first step.
        score: Its log score per value of validation rows.
        factors: Of factor analysis, that the training began with; 0 where its weights were random.
    """
    reached = f"(log score per value {score:.4f})"
    if epoch:
        return f"Kept: the model of epoch {epoch}, which imputes validation rows best {reached}."
    if factors:
        return (
            f"Kept: the start, factor analysis with {factors} factor{'s' if factors > 1 else ''}: no epoch imputes "
            f"validation rows better {reached}, so what networks learned beyond lines did not hold in other rows."
        )
    return (
        f"Kept: the random weights of the start: no epoch imputes validation rows better {reached}, so these "
        "modalities may say nothing of each other, or there are too few rows."
    )


class Imputed:
    """Scores of the modalities that a model can predict from all others.

    The score of a value is the log of its predictive density (or probability) given K draws z_k ~ q(z | x_others), in
    the units of the networks. Of values around a location it is that of the normal distribution with the mean and the
    variance of the draws,

        log N(x; m, v),    m = 1/K Σ_k μ_k,    v = 1/K Σ_k s_k² + 1/(K − 1) Σ_k (μ_k − m)²,

    since the mean of a few narrow densities is near 0 between the draws, and its log would be a matter of chance; of
    others it is log 1/K Σ_k p(x | z_k). With ``own`` z is inferred by the model's own likelihood where that can. A
    modality's is the mean over its observed values in the rows that have some
    other modality from which the objective infers z; the score is the mean over modalities.
    """

    def __init__(self, model: MultimodalVAE, own: LaplaceInference | None = None) -> None:
        self.model, self.own = model, own
        names = list(model.modalities)
        self.targets = [
            name
            for name in names
            if name in model.decoder_sizes and len(names) > 1 and model.infers([n for n in names if n != name])
        ]

    def __bool__(self) -> bool:
        return bool(self.targets)

    def rows(self, batch: Batch) -> Tensor:
        """Sums of scores, and how many values there are, of each row and target: ``[2, B, T]``, in float64 where the
        device has it.
        """
        model = self.model
        batch = model.prepare(batch)
        experts, inferred = model.experts(batch), self._inferred(batch)
        return torch.stack([self._of(name, batch, experts, inferred.get(name)) for name in self.targets], 2)

    def _others(self, target: str) -> list[str]:
        return [name for name in self.model.modalities if name != target]

    def _inferred(self, batch: Batch) -> dict[str, OwnPosterior]:
        """p(z | x_others) by the model's own likelihood, of the targets for which there is one: modes of as many as fit
        are looked for in the same steps.
        """
        model, rows, found = self.model, torch.arange(len(batch)), dict[str, OwnPosterior]()
        if self.own is None or not len(batch):
            return found
        targets = [name for name in self.targets if why_not(model, self._others(name)) is None]
        size = max(1, TOGETHER // len(batch))
        for first in range(0, len(targets), size):
            some = targets[first : first + size]
            given = torch.cat([model.mask(batch, self._others(name)).expand(len(batch), -1) for name in some])
            posterior = self.own.posterior(batch[rows.repeat(len(some))], given)
            found |= {name: posterior[rows + number * len(batch)] for number, name in enumerate(some)}
        return found

    def _of(self, target: str, batch: Batch, experts: Gaussian, inferred: OwnPosterior | None) -> Tensor:
        """Sums and numbers of one modality, ``[2, B]``."""
        model = self.model
        m = list(model.modalities).index(target)
        given = model.mask(batch, self._others(target))
        likelihood = cast(Likelihood, model.likelihoods[m])
        z = model.latents(inferred or model.posterior(batch, given, experts=experts), DRAWS)
        taken = model.decoder_input(z, target, batch, given).values
        x = batch.data[target]
        wanted = (batch.available[:, m] & inferable(model, given)).reshape(-1, *[1] * (x.dim() - 1)).expand(x.shape)
        if target in batch.observed:
            wanted = wanted & batch.observed[target]
        x = likelihood.filled(x, wanted)
        parts = []
        size = rows_that_fit(DRAWS, math.prod(x.shape[1:]) * likelihood.outputs, max(1, len(x)))
        for some in torch.arange(len(x), device=x.device).split(size):
            scores = log_scores(likelihood, model.decode(taken[:, some], target), x[some])
            there = wanted[some].reshape(scores.shape)
            sums = torch.where(there, scores, 0).flatten(1).sum(1)
            parts.append(torch.stack([sums, there.flatten(1).sum(1).to(scores)]))
        return torch.cat(parts, 1)


@dataclass(frozen=True)
class Scored:
    """What a model scores on all held-out rows, of which each of several processes has some.

    Attributes:
        parts: What each row adds to the score, ``[N]``.
        score: The mean over modalities of the means over their values; NaN where there is none.
    """

    parts: Tensor
    score: float

    @classmethod
    def of(cls, rows: Tensor, total: Callable[[Tensor], Tensor]) -> Scored:
        """From what :meth:`Imputed.rows` gives, ``[2, N, T]``; ``total`` adds up what all processes have."""
        sums, counts = rows
        values = total(counts.sum(0))
        there = values > 0
        parts = (sums / values.clamp(min=1)).sum(1) / there.sum().clamp(min=1)
        return cls(parts, float(total(parts.sum())) if bool(there.any()) else math.nan)

    def beats(self, other: Scored, total: Callable[[Tensor], Tensor]) -> bool:
        """Whether it is better on the same rows by more than the standard error of the difference, n · sd(d)/√n for n
        rows with differences d. A model that takes the place of the start of a training must: the best one of a hundred
        on thirty rows would else be a matter of chance.
        """
        if not math.isfinite(other.score):
            return math.isfinite(self.score)
        d = self.parts - other.parts
        gain, squares, n = total(torch.stack([d.sum(), d.square().sum(), d.new_tensor(float(len(d)))])).tolist()
        error = math.sqrt(max(0.0, squares - gain**2 / n) / max(1.0, n - 1) * n) if n > 0 else 0.0
        return gain > error


def compare_inferences(
    model: MultimodalVAE, own: LaplaceInference, val: Table, size: int, seed: int
) -> tuple[Tensor, Tensor]:
    """How well validation rows are imputed by the encoders and by the model's own likelihood.

    Args:
        model: A trained model.
        own: Its own inference.
        val: The rows, of which as many as ``MOST_ROWS`` are looked at, spread over all.
        size: Rows at a time that the model was trained with; no fewer are looked at at once.
        seed: Of the draws, of both.

    Returns:
        Both scores, ``[2]`` in float64, 0 where there is nothing to impute; and whether that of the encoders is better
        by more than the standard error of the difference.
    """

    def total(values: Tensor) -> Tensor:
        return values

    scores = torch.zeros(2, dtype=torch.float64)
    rows = torch.arange(len(val))[:: 1 + len(val) // MOST_ROWS]
    both = []
    for imputed in (Imputed(model), Imputed(model, own)):
        if not (imputed and len(rows)):
            return scores, torch.tensor(False)
        with torch.no_grad(), torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            parts = [imputed.rows(val[some].to(model.device)).cpu() for some in rows.split(max(size, AT_ONCE))]
        both.append(Scored.of(torch.cat(parts, 1), total))
    scores = torch.tensor([each.score for each in both], dtype=torch.float64).nan_to_num(0.0)
    return scores, torch.tensor(both[0].beats(both[1], total))
