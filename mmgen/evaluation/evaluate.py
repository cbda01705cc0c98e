"""``evaluate``: metrics by name on a model and data, as tidy rows."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from ..models import choose_sampler
from ..models.building import Component
from ..options import validated
from ..registry import entries, load_component, name_of
from .evaluation import Evaluation
from .metric import Metric
from .pairs import judgements

MetricOptions = Mapping[str, Mapping[str, Any]]  # name of a metric to its options


def evaluate(
    evaluation: Evaluation,
    metrics: Sequence[str | type[Metric]] | None = None,
    *,
    notify: Callable[[str], None] | None = None,
    options: MetricOptions | None = None,
    sampler: Component | None = None,
) -> list[dict[str, Any]]:
    """Compute metrics of a model on some rows; :meth:`mmgen.Run.evaluate` does it for a run, and keeps the numbers.

    Args:
        evaluation: The model, the data, and which of their rows.
        metrics: Names (``mmgen list metrics``) or classes; by default all installed ones that the data allow, but for
            the costly ones.
        notify: Called with a sentence for each metric that is left out or leaves something out, and why.
        options: Of metrics, by name: ``{"coherence": {"classifier_steps": 200}}``.
        sampler: What latents are drawn from where nothing is given, for all metrics with the option ``sampler``.

    Returns:
        Rows with ``metric, measure, given, target, label, value, n, note, split, seed, data``.

    Raises:
        MmgenError: An unknown metric or option.

    >>> import mmgen
    >>> from mmgen.testing import make_model, toy_data
    >>> data = toy_data()
    >>> rows = mmgen.evaluate(mmgen.Evaluation(make_model("elbo", data).float(), data), ["reconstruction"])
    >>> sorted(rows[0])
    ['data', 'given', 'label', 'measure', 'metric', 'n', 'note', 'seed', 'split', 'target', 'value']
    """
    notify = notify or _ignore
    available = _available(evaluation, metrics_by_name(metrics, options, sampler), notify)
    common = {"split": evaluation.split, "seed": evaluation.seed, "data": evaluation.data.provenance.kind}
    rows: list[dict[str, Any]] = []
    of_pairs = judgements(evaluation, list(available.values()))
    for (name, metric), of_metric in zip(available.items(), of_pairs, strict=True):
        numbers = metric.summarise(evaluation, of_metric)
        if not numbers:
            notify(f"The metric {name!r} has no numbers: no {evaluation.split} row has what it looks at.")
        rows += [{"metric": name, **number, **common} for number in numbers]
    return rows


def metrics_by_name(
    metrics: Iterable[str | type[Metric]] | None = None,
    options: MetricOptions | None = None,
    sampler: Component | None = None,
) -> dict[str, Metric]:
    """Metrics with their options, by name.

    Args:
        metrics: Names or classes; by default all installed ones, but for the costly ones.
        options: Of metrics, by name.
        sampler: Of all metrics that have this option.

    Raises:
        MmgenError: An unknown metric or option.
    """
    described = None if sampler is None else choose_sampler(sampler).describe()
    installed = [entry.name for entry in entries("metrics")]
    chosen: dict[str, Metric] = {}
    for requested in metrics or installed:
        kind, name = load_component("metrics", requested), name_of("metrics", requested)
        if metrics or not kind.costly:
            own = dict((options or {}).get(name, {}))
            if described is not None and "sampler" in kind.Config.model_fields:
                own["sampler"] = described
            chosen[name] = kind(validated(kind.Config, own, f"metrics.{name}"))
    return chosen


def _available(
    evaluation: Evaluation, metrics: Mapping[str, Metric], notify: Callable[[str], None]
) -> dict[str, Metric]:
    """Those that can be computed, and a sentence for what is left out."""
    reasons = {name: metric.unavailable_reason(evaluation) for name, metric in metrics.items()}
    for name, metric in metrics.items():
        if reasons[name] is not None:
            notify(f"The metric {name!r} is left out: {reasons[name]}.")
            continue
        for omission in metric.omissions(evaluation):
            notify(f"The metric {name!r} leaves something out: {omission}.")
    return {name: metric for name, metric in metrics.items() if reasons[name] is None}


def _ignore(sentence: str) -> None:
    """Tell nobody."""
