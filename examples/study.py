"""Many objectives on one dataset, each with several seeds, side by side.

Usage: python examples/study.py --dataset polymnist --objectives mvae,mopoe --seeds 0,1,2 --output runs/study --jobs 2 --set training.epochs=10 …

Each run is an ordinary run folder in --output (``mmgen train``, then ``mmgen evaluate``); finished ones are not made again, interrupted ones go on. An objective
may carry options of its own after a colon: ``mvtcae:objective.rescale=true``. The table has mean ± standard deviation over seeds of the test rows.
"""

from __future__ import annotations

import argparse
import itertools
import json
import os
import statistics
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

METRICS = "coherence,latent-classification,fd-classifier"


def wanted(row: dict[str, str]) -> str | None:
    """The column of the table that a result belongs to."""
    given, measure, target = row["given"], row["measure"], row["target"]
    if measure == "cross" and " of " in given and target == "mean":
        return f"cross-coherence, {given}"
    if measure == "joint":
        return "joint coherence"
    if measure == "per_subset" and " of " in given:
        return f"latent accuracy, {given}"
    if measure == "FD-classifier" and target == "mean" and (given == "prior" or " of " in given):
        return f"FD-classifier, {given}"
    return None


def make(folder: Path, objective: str, options: list[str], seed: int, arguments: argparse.Namespace) -> None:
    """Train and evaluate one run, unless that was done before."""
    command = [sys.executable, "-m", "mmgen"]
    settings = [f"--set={option}" for option in [*arguments.set, *options, f"training.seed={seed}"]]
    environment = {**os.environ, "OMP_NUM_THREADS": str(arguments.threads)}
    if not (folder / "model.safetensors").exists():
        what = ["--objective", objective, "--dataset", arguments.dataset]
        train = [*command, "train", *what, *settings, "--resume", "--output", str(folder)]
        subprocess.run(train, check=True, env=environment, stdout=subprocess.DEVNULL)
    if not (folder / "results.jsonl").exists():
        subprocess.run(
            [*command, "evaluate", str(folder), "--metrics", METRICS, "--no-figures"],
            check=True,
            env=environment,
            stdout=subprocess.DEVNULL,
        )
    print(folder.name, flush=True)


def cell(values: list[float]) -> str:
    """Mean ± standard deviation: three digits after the point, or none where numbers are large."""
    if not values:
        return "–"
    digits = 0 if max(values) >= 100 else 3
    return f"{statistics.mean(values):,.{digits}f} ± {statistics.pstdev(values):,.{digits}f}"


def main() -> None:
    """Make all runs, and print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--dataset", required=True)
    parser.add_argument("--objectives", required=True)
    parser.add_argument("--seeds", default="0,1,2")
    parser.add_argument("--output", required=True, type=Path)
    parser.add_argument("--set", action="append", default=[])
    parser.add_argument("--jobs", type=int, default=1, help="Runs at a time.")
    parser.add_argument("--threads", type=int, default=1, help="Threads of each.")
    arguments = parser.parse_args()
    folders: dict[str, list[Path]] = {}
    with ThreadPoolExecutor(arguments.jobs) as pool:
        jobs = []
        for seed, text in itertools.product(arguments.seeds.split(","), arguments.objectives.split(",")):
            objective, _, options = text.partition(":")
            folder = arguments.output / f"{text.replace(':', '-').replace('objective.', '')}-seed{seed}"
            folders.setdefault(text, []).append(folder)
            jobs.append(pool.submit(make, folder, objective, options.split("+") if options else [], int(seed), arguments))
        for job in jobs:
            job.result()
    values: dict[str, dict[str, list[float]]] = {}
    for text, each in folders.items():
        for folder in each:
            for line in (folder / "results.jsonl").read_text(encoding="utf-8").splitlines():
                row = json.loads(line)
                if column := wanted(row):
                    values.setdefault(column, {}).setdefault(text, []).append(row["value"])
    columns = list(values)  # as the metrics were computed
    print(f"| objective | {' | '.join(columns)} |\n|---|{'---|' * len(columns)}")
    for text in folders:
        found = [values[column].get(text, []) for column in columns]
        cells = [cell(each) for each in found]
        print(f"| {text} | {' | '.join(cells)} |")


if __name__ == "__main__":
    main()
