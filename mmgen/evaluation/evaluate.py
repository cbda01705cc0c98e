"""``evaluate``: metrics by name on a model and data, as tidy rows."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from ..options import validated
from ..registry import entries, is_local, load_component, name_of
from .evaluation import Evaluation
from .metric import Metric


def evaluate(
    evaluation: Evaluation,
    metrics: Sequence[str | type[Metric]] | None = None,
    *,
    notify: Callable[[str], None] | None = None,
    options: Mapping[str, Mapping[str, Any]] | None = None,
) -> list[dict[str, Any]]:
    """Compute metrics of a model on some rows; :meth:`mmgen.Run.evaluate` does it for a run, and keeps the numbers.

    Args:
        evaluation: The model, the data, and which of their rows.
        metrics: Names (``mmgen list metrics``) or classes; by default all installed ones that the data allow, but for
            the costly ones.
        notify: Called with a sentence for each metric that is left out or leaves something out, and why.
        options: Of metrics, by name: ``{"coherence": {"classifier_steps": 200}}``.

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
    options = options or {}
    chosen: dict[str, Metric] = {}
    for requested in metrics or [entry.name for entry in entries("metrics") if not is_local(entry)]:
        kind, name = load_component("metrics", requested), name_of("metrics", requested)
        if kind.costly and not metrics:
            continue
        metric = kind(validated(kind.Config, options.get(name, {}), f"metrics.{name}"))
        lacking = metric.lacks(evaluation)
        if lacking is None:
            chosen[name] = metric
            omitted = [f"leaves something out: {omission}" for omission in metric.omits(evaluation)]
        else:
            omitted = [f"is left out: {lacking}"]
        for sentence in omitted if notify is not None else ():
            notify(f"The metric {name!r} {sentence}.")  # type: ignore[misc]
    common = {"split": evaluation.split, "seed": evaluation.seed, "data": evaluation.data.provenance.kind}
    rows: list[dict[str, Any]] = []
    for (name, metric), judgements in zip(chosen.items(), evaluation.judged(list(chosen.values())), strict=True):
        numbers = metric.summarise(evaluation, judgements)
        if not numbers and notify is not None:
            notify(f"The metric {name!r} has no numbers: no {evaluation.split} row has what it looks at.")
        rows += [{"metric": name, **number, **common} for number in numbers]
    return rows
