"""``evaluate``: metrics by name on a run or a model, as tidy rows."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from ..options import validated
from ..registry import entries, load
from ..runs import Run
from .evaluation import Evaluation
from .metric import Metric


def evaluate(
    run: Run,
    metrics: Sequence[str] | None = None,
    split: str = "test",
    *,
    notify: Callable[[str], None] | None = None,
    evaluation: Evaluation | None = None,
    **options: Any,
) -> list[dict[str, Any]]:
    """Compute metrics and keep them in the run, unless it reads other data than its own.

    Args:
        run: A trained run.
        metrics: Names (``mmgen list metrics``); by default all installed ones that the data allow, but for the costly
            ones.
        split: ``test``, ``val``, ``train``, or ``new`` for rows that the run never saw.
        notify: Called with a sentence for each metric that is left out or leaves something out, and why.
        evaluation: One that holds latents already.
        **options: Of metrics, by name: ``coherence={"classifier_steps": 200}``; over those of the run's configuration.

    Returns:
        Rows with ``metric, measure, given, target, label, value, n, note, split, seed, data``.
    """
    seed = run.config["training"]["seed"]
    evaluation = evaluation or Evaluation(run.model, run.data_to_evaluate(), split=split, seed=seed)
    chosen: dict[str, Metric] = {}
    for name in metrics or [entry.name for entry in entries("metrics")]:
        kind = load("metrics", name)
        if kind.costly and not metrics:
            continue
        wanted = {**run.config.get("metrics", {}).get(name, {}), **options.get(name, {})}
        metric = kind(validated(kind.Config, wanted, f"metrics.{name}"))
        lacking = metric.lacks(evaluation)
        if lacking is None:
            chosen[name] = metric
        if notify is not None:
            said = (
                [f"is left out: {lacking}"]
                if lacking is not None
                else [f"leaves something out: {each}" for each in metric.omits(evaluation)]
            )
            for sentence in said:
                notify(f"The metric {name!r} {sentence}.")
    common = {"split": split, "seed": seed, "data": run.data.provenance.kind}
    rows: list[dict[str, Any]] = []
    for (name, metric), judged in zip(chosen.items(), evaluation.judged(list(chosen.values())), strict=True):
        found = metric.summarise(evaluation, judged)
        if not found and notify is not None:
            notify(f"The metric {name!r} has no numbers: no {split} row has what it looks at.")
        rows += [{"metric": name, **row, **common} for row in found]
    if not run.reads_other_data:
        run.add_results(rows)
    return rows
