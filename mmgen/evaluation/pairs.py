"""One pass over every pair of given subset and generated target, for all metrics that look at it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol

from torch import Tensor

from ..data import track
from .evaluation import Evaluation
from .latents import Generation
from .subsets import Pair, Subset


class PairMetric(Protocol):
    """What the pass needs of a metric (:class:`mmgen.Metric` describes it)."""

    @property
    def reads_likelihood(self) -> bool:
        """Whether :meth:`judge` reads the log-likelihood of what is generated."""

    @property
    def sampler(self) -> Any:
        """What latents are drawn from where nothing is given; None for the prior."""

    def wants(self, evaluation: Evaluation, pair: Pair) -> bool:
        """Whether it looks at a pair."""

    def judge(self, evaluation: Evaluation, generation: Generation) -> Any:
        """What to keep of one."""


def judgements(evaluation: Evaluation, metrics: Sequence[PairMetric]) -> list[dict[Pair, Any]]:
    """What each metric keeps of every pair that it wants; each pair is decoded once, and once for each sampler where
    nothing is given.
    """
    samplers = {evaluation.origin(metric.sampler): metric.sampler for metric in metrics}
    sources: list[tuple[Subset, str]] = [((), origin) for origin in samplers if evaluation.samples(samplers[origin])]
    sources += [(given, "") for given in evaluation.subsets]
    interested = {
        (source, target): places
        for target in evaluation.targets
        for source in sources
        if (places := _places(evaluation, metrics, source, target))
    }
    kept: list[dict[Pair, Any]] = [{} for _ in metrics]
    truth: tuple[str, Tensor] | None = None  # of the last target: pairs of one target follow each other
    for ((given, origin), target), places in track(interested.items(), "generating and judging", len(interested)):
        if given and (truth is None or truth[0] != target):
            truth = (target, evaluation.latents().table.data[target][:].to(evaluation.device))
        likelihood = any(metrics[i].reads_likelihood for i in places)
        real = truth[1] if given and truth else None
        generation = evaluation.generation(given, target, real, likelihood=likelihood, sampler=samplers.get(origin))
        for i in places:
            kept[i][given, target] = metrics[i].judge(evaluation, generation)
    return kept


def _places(
    evaluation: Evaluation, metrics: Sequence[PairMetric], source: tuple[Subset, str], target: str
) -> list[int]:
    """Which metrics want a target from what is given, or from draws of their own sampler."""
    given, origin = source
    return [
        i
        for i, metric in enumerate(metrics)
        if (given or evaluation.origin(metric.sampler) == origin) and metric.wants(evaluation, (given, target))
    ]
