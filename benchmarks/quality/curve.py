"""A worker of the study: one method with one seed from budget to budget, a line of JSON each time that one is spent.

Usage: python benchmarks/quality/curve.py TASK, where TASK is what ``study.py`` writes.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from itertools import combinations
from pathlib import Path
from typing import Any

import numpy as np
import torch
from cases import CASES, JOBS, Case
from spending import train_for


def main() -> None:
    """The points of a curve, as they are reached."""
    task = json.loads(sys.argv[1])
    method = task["key"][1]
    draw = _of_peer if "MultiVae" in method else _of_ours
    for point in draw(task):
        print(json.dumps(point), flush=True)


def _of_ours(task: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """By the default command."""
    case, method, seed = task["key"]
    chosen, spent = CASES[case], task["spent"]
    split, marks = task["split"], sorted(task["left"])
    output = Path(task["folder"]) / "-".join([case, method, str(seed), split, *task["set"]]).replace("/", "_")
    if not spent:
        shutil.rmtree(output, ignore_errors=True)  # of a worker that was interrupted before its first mark
    for seconds in marks:
        run, spent = train_for(
            JOBS * seconds,
            method,
            _dataset(chosen, task),
            seed=seed,
            output=output,
            spent=spent,
            assignments=task["set"],
        )
        rows = run.measurements(metrics=["coherence"], split=split)
        found = {
            f"{row['measure']} {row['given']} > {row['target']}": row["value"]
            for row in rows
            if row["label"] == chosen.label and row["measure"] in ("cross", "joint", "classifier")
        }
        validated = [line["val"]["loss"] for line in run.history if "val" in line]
        steps = run.history[-1]["step"]
        yield {
            "seconds": seconds,
            "spent": spent,
            "steps": steps,
            "loss": validated[-1] if validated else None,
            "found": found,
        }


def _of_peer(task: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """By MultiVae's own trainer in its own environment; what it generates is judged as ours is."""
    import mmgen

    case, method, seed = task["key"]
    chosen = CASES[case]
    options = _dataset(chosen, task)
    data = mmgen.load_dataset(options.pop("name"), **options)
    rows, folder = data.split(task["split"]), Path(task["folder"])
    exported = folder / f"{case}-{task['split']}.npz"
    if not exported.exists():
        arrays = {f"train/{name}": data.train.data[name][:].numpy() for name in data.modalities}
        arrays |= {f"rows/{name}": rows.data[name][:].numpy() for name in data.modalities}
        waiting = exported.with_name(f"{exported.stem}-{seed}-{method.split(',')[0]}.npz")
        np.savez(waiting, **arrays)
        waiting.replace(exported)
    name, setting = method.split(", MultiVae (")
    marks = [JOBS * seconds for seconds in sorted(task["left"])]
    out = folder / f"peer-{case}-{name}-{setting.rstrip(')')}-{seed}-{task['split']}"
    peer = {"data": str(exported), "method": name, "setting": setting.rstrip(")"), "seed": seed, "marks": marks}
    words = [task["peer"], str(Path(__file__).parent / "peer.py"), json.dumps({**peer, "out": str(out)})]
    with subprocess.Popen(words, stdout=subprocess.PIPE, text=True, env={**os.environ, "TQDM_DISABLE": "1"}) as process:
        assert process.stdout is not None
        for seconds, text in zip(sorted(task["left"]), process.stdout, strict=False):
            point = json.loads(text)
            yield {"seconds": seconds, **point, "found": _judged(data, rows, f"{out}.npz", chosen)}
    if process.returncode:
        sys.exit(process.returncode)


def _dataset(case: Case, task: dict[str, Any]) -> dict[str, Any]:
    """The data set's name and options, in the words of ``mmgen.train``."""
    return {**case.dataset, "digits": task["digits"]}


def _judged(data: Any, rows: Any, generated: str, case: Case) -> dict[str, float]:
    """Cross-coherence of what was generated, by the classifiers that judge our own."""
    from mmgen.evaluation.classifiers import Budget, classifier_for

    truth = rows.labels[case.label]
    values: dict[int, list[float]] = {}
    with np.load(generated) as arrays:
        for target, modality in data.modalities.items():
            judge = classifier_for(data, target, modality, Budget())
            others = [name for name in data.modalities if name != target]
            for count in range(1, len(data.modalities)):
                for given in combinations(others, count):
                    images = torch.from_numpy(arrays[f"{'+'.join(given)}>{target}"])
                    classes = judge.logits(images)[case.label].argmax(-1)
                    values.setdefault(count, []).append(float((classes == truth).float().mean()))
    return {f"cross {count} of {len(data.modalities)} > mean": float(np.mean(each)) for count, each in values.items()}


if __name__ == "__main__":
    main()
