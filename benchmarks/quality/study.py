"""Time to quality: what methods can do after so many seconds on two cores, by the default command
(docs/studies/time-to-quality.md).

``python benchmarks/quality/study.py FOLDER --digits DIR`` trains every method with every seed for every budget, and
measures coherence of test rows. A budget of S seconds on two cores is a training of 2 S seconds with one thread, two at
a time, on a machine that does nothing else. Each run is a line of ``FOLDER/runs.jsonl``, so that it goes on where it
stopped. ``--choose`` looks at validation rows and seeds that the page does not use: what is tried is tried there.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from cases import CASES

JOBS, FIRST_CHOOSING_SEED = 2, 100


def made(
    case: str, method: str, seed: int, seconds: float, digits: Path, split: str, sets: list[str]
) -> dict[str, Any]:
    """One training of so many seconds on two cores, and coherence by how many modalities are given."""
    import mmgen

    chosen = CASES[case]
    start = time.monotonic()
    run = mmgen.train(
        method,
        {**chosen.dataset, "digits": str(digits)},
        minutes=JOBS * seconds / 60,
        seed=seed,
        quiet=True,
        assignments=sets,
    )
    trained = time.monotonic() - start
    rows = run.measurements(metrics=["coherence"], split=split)
    found = {
        f"{row['measure']} {row['given']} > {row['target']}".strip(): row["value"]
        for row in rows
        if row["label"] == chosen.label and row["measure"] in ("cross", "joint", "classifier")
    }
    epochs = run.config["training"]["epochs"]
    return {"trained": round(trained, 1), "epochs": epochs, "found": found}


def main() -> None:
    """All runs that are left, and the table of what there is."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--digits", type=Path, required=True, help="MNIST's idx files")
    parser.add_argument("--cases", default="polymnist-3,mnist-svhn-text")
    parser.add_argument("--methods", help="all of the case by default")
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--seconds", default="60,300,900")
    parser.add_argument("--choose", action="store_true", help="validation rows, and other seeds")
    parser.add_argument("--set", action="append", default=[], help="what is tried, as for mmgen train")
    parser.add_argument("--one", help=argparse.SUPPRESS)
    asked = parser.parse_args()
    split = "val" if asked.choose else "test"
    if asked.one:
        case, method, seed, seconds = json.loads(asked.one)
        print(json.dumps(made(case, method, seed, seconds, asked.digits, split, asked.set)))
        return
    asked.folder.mkdir(parents=True, exist_ok=True)
    record = asked.folder / "runs.jsonl"
    done = [json.loads(line) for line in record.read_text().splitlines()] if record.exists() else []

    def make(key: list[Any]) -> None:
        words = [sys.executable, __file__, *sys.argv[1:], "--one", json.dumps(key)]
        answer = subprocess.run(words, capture_output=True, text=True, env={**os.environ, "OMP_NUM_THREADS": "1"})
        if answer.returncode:
            print(key, answer.stderr[-500:], file=sys.stderr)
            return
        line = {"key": key, "split": split, "set": asked.set, **json.loads(answer.stdout.splitlines()[-1])}
        done.append(line)
        with record.open("a") as file:
            file.write(json.dumps(line) + "\n")
        print(key, line["epochs"], line["found"], flush=True)

    had = {json.dumps([line["key"], line["split"], line["set"]]) for line in done}
    left = [key for key in _keys(asked) if json.dumps([key, split, asked.set]) not in had]
    with ThreadPoolExecutor(JOBS) as pool:
        list(pool.map(make, left))
    print(table([line for line in done if line["split"] == split and line["set"] == asked.set]))


def _keys(asked: argparse.Namespace) -> Iterator[list[Any]]:
    """The most promising first: all methods with one seed, before the next one."""
    first = FIRST_CHOOSING_SEED if asked.choose else 0
    for seconds in map(float, asked.seconds.split(",")):
        for seed in range(first, first + asked.seeds):
            for case in asked.cases.split(","):
                for method in asked.methods.split(",") if asked.methods else CASES[case].methods:
                    yield [case, method, seed, seconds]


def table(lines: list[dict[str, Any]]) -> str:
    """Means over seeds, the smallest one in brackets: a row per case, method and budget."""
    groups: dict[tuple[str, str, float], list[dict[str, Any]]] = {}
    for line in lines:
        case, method, _, seconds = line["key"]
        groups.setdefault((case, method, seconds), []).append(line)
    rows = []
    for (case, method, seconds), several in sorted(groups.items()):
        names = sorted({name for line in several for name in line["found"] if name.startswith(("cross", "joint"))})
        said = []
        for name in names:
            values = [line["found"][name] for line in several if name in line["found"]]
            said.append(f"{name}: {sum(values) / len(values):.3f} ({min(values):.3f})")
        rows.append(f"| {case} | {method} | {seconds:g} s | {len(several)} | {'; '.join(said)} |")
    return "\n".join(["| data | method | budget | seeds | coherence, mean (least) |", "|---|---|---|---|---|", *rows])


if __name__ == "__main__":
    main()
