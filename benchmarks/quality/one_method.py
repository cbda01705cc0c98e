"""A worker of ``methods.py``: one method with one seed on one data set, as a line of JSON.

Usage: python benchmarks/quality/one_method.py TASK, where TASK is what ``methods.py`` writes.
"""

from __future__ import annotations

import json
import shutil
import sys
import time
from collections.abc import Iterable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

from spending import of_the_processor

DRAWS = {"samples": 50, "rows": 200, "conditional": ("predictive",)}
METRICS = ("coherence", "latent-classification", "fd-classifier", "imputation", "log-likelihood")


class _MeasuredError(Exception):
    """All stages are."""


def main() -> None:
    """Train, measure, and say how long that took; or say how long an epoch of each stage takes."""
    task = json.loads(sys.argv[1])
    if task["speeds"] is None:
        print(json.dumps(speeds(task)))
    else:
        print(json.dumps(measured(task)))


def speeds(task: dict[str, Any]) -> list[float]:
    """Seconds of an epoch of each stage, of processor time: what a training of so many minutes finds first."""
    from mmgen.training import fitting

    found: list[float] = []
    measure = fitting.epoch_seconds

    def measure_all(config: Any, *arguments: Any) -> float:
        found.append(measure(config, *arguments))
        if len(found) == len(config.plan):
            raise _MeasuredError
        return found[-1]

    of_the_processor()
    fitting.epoch_seconds = measure_all
    with suppress(_MeasuredError):
        _train(task)
    return found


def measured(task: dict[str, Any]) -> dict[str, Any]:
    """What the table shows of a training of so many epochs as take so many seconds."""
    from mmgen.evaluation import Evaluation
    from mmgen.training import fitting

    known: Iterator[float] = iter(task["speeds"])
    fitting.epoch_seconds = lambda *_: next(known)
    began = time.process_time()
    run = _train(task)
    trained = time.process_time() - began
    began = time.process_time()
    evaluation = Evaluation(
        run.model, run.data, seed=task["seed"], samplers=run.sampler, max_subsets=2 * task["modalities"] + 1
    )
    found: dict[str, float] = {}
    refused: dict[str, str] = {}
    for metric in METRICS:
        try:
            rows = run.measurements(metrics=[metric], evaluation=evaluation, log_likelihood=DRAWS)
        except Exception as error:  # what a model cannot do is an empty cell of the table, and is said
            refused[metric] = f"{type(error).__name__}: {error}".splitlines()[0]
            continue
        found |= _wanted(rows, task["labels"], task["modalities"])
    steps, parameters = run.history[-1]["step"], sum(each.numel() for each in run.model.parameters())
    shutil.rmtree(run.path)
    took = {"trained": trained, "took": time.process_time() - began}
    return {**took, "steps": steps, "parameters": parameters, **found, "no": refused}


def _train(task: dict[str, Any]) -> Any:
    """By the default command."""
    import mmgen

    output = Path(task["folder"]) / "-".join([task["case"], task["method"], str(task["seed"])])
    shutil.rmtree(output, ignore_errors=True)  # of a worker that was interrupted
    return mmgen.train(
        task["method"],
        task["dataset"],
        minutes=task["seconds"] / 60,
        seed=task["seed"],
        output=output,
        assignments=task["set"],
        quiet=True,
    )


def _wanted(rows: Iterable[dict[str, Any]], labels: list[str], modalities: int) -> dict[str, float]:
    """What the table shows, means over the labels."""
    one, others, whole = (f"{count} of {modalities}" for count in (1, modalities - 1, modalities))
    names = {
        ("cross", one, "mean"): "given one",
        ("cross", others, "mean"): "given others",
        ("joint", "prior", ""): "joint",
        ("per_subset", one, ""): "latents of one",
        ("per_subset", whole, ""): "latents of all",
        ("FD-classifier", others, "mean"): "distance given others",
        ("FD-classifier", "prior", "mean"): "distance of draws",
        ("skill", others, "mean"): "imputation",
        ("conditional_predictive", others, "mean"): "log p given others",
    }
    values: dict[str, list[float]] = {}
    for row in rows:
        target = "" if row["measure"] == "joint" else row["target"]
        name = names.get((row["measure"], row["given"], target))
        if name and (not row["label"] or row["label"] in labels):
            values.setdefault(name, []).append(row["value"])
    return {name: sum(each) / len(each) for name, each in values.items()}


if __name__ == "__main__":
    main()
