"""How well one's own table is imputed by default, beside baselines: docs/studies/own-data.md.

``python benchmarks/own_data/study.py FOLDER`` trains every objective on every table with every seed, by nothing but
default options, evaluates the metric ``imputation`` on rows that no choice was made on, and prints the tables of the
page. Every run is a line of ``FOLDER/runs.jsonl``, so that it goes on where it stopped. ``--choose`` uses other rows,
on which choices are made.
"""

from __future__ import annotations

import argparse
import json
import time
import warnings
from collections import defaultdict
from pathlib import Path
from typing import Any

import numpy as np
import torch
from tables import REAL, TABLES, WORLDS, sides

import mmgen

BASELINES = ("mean", "ridge", "knn", "iterative")
USED = 0.1  # standard deviation over rows from which on the mean of a dimension says something
MEASURES = ("r2", *(f"r2_{name}" for name in BASELINES), "coverage_50", "coverage_90", "coverage_95")


def trained(table: str, objective: str, seed: int, final: bool, settings: dict[str, Any]) -> dict[str, Any]:
    """One training with default options, and what was measured: by target, all other modalities given."""
    blocks = TABLES[table]()
    words = sides(len(next(iter(blocks.values()))), seed, final)
    used = np.flatnonzero(words != "")
    data = {name: frame.iloc[used].reset_index(drop=True) for name, frame in blocks.items()}
    vectors = {name: {"kind": "vector"} for name in data}
    start = time.monotonic()
    run = mmgen.train(objective, data, split=words[used], modalities=vectors, seed=seed, quiet=True, **settings)
    seconds = time.monotonic() - start
    rows = run.measurements(metrics=["imputation"], split="test", imputation={"subsets": "all-but-one", "cells": 0})
    found: dict[str, dict[str, float]] = defaultdict(dict)
    for row in rows:
        if row["measure"] in MEASURES and not row["label"] and row["target"] in data:
            found[row["target"]][row["measure"]] = row["value"]
    latents = run.encode(split="train")
    means = latents[[name for name in latents if name.startswith("z") and name[1:].isdigit()]]
    return {"seconds": round(seconds, 1), "targets": found, "dimensions": int((means.std() > USED).sum())}


def mean_of(lines: list[dict[str, Any]], measure: str) -> tuple[float, float]:
    """Mean over targets, then mean and standard error over seeds."""
    by_seed = [np.mean([target[measure] for target in line["targets"].values() if measure in target]) for line in lines]
    error = np.std(by_seed, ddof=1) / np.sqrt(len(by_seed)) if len(by_seed) > 1 else 0.0
    return float(np.mean(by_seed)), float(error)


def page(lines: list[dict[str, Any]], objectives: list[str]) -> str:
    """The tables of the page."""
    of = defaultdict(list)
    for line in lines:
        of[line["table"], line["objective"]].append(line)
    columns = [*objectives, "ridge", "nearest neighbours", "iterative", "coverage of 90 %", "dimensions"]
    text = [f"| table | {' | '.join(columns)} |", f"|---|{'---|' * len(columns)}"]
    for table in (*REAL, *WORLDS):
        some = [of[table, objective] for objective in objectives]
        if not any(some):
            continue
        cells = [_shown(*mean_of(runs, "r2"), len(runs)) if runs else "–" for runs in some]
        first = next(runs for runs in some if runs)
        baselines = [f"{mean_of(first, f'r2_{name}')[0]:.3f}" if _has(first, name) else "–" for name in BASELINES[1:]]
        coverage = " / ".join(f"{100 * mean_of(runs, 'coverage_90')[0]:.0f}" if runs else "–" for runs in some)
        least = " / ".join(str(min(run["dimensions"] for run in runs)) if runs else "–" for runs in some)
        text.append(f"| {table} | {' | '.join([*cells, *baselines, coverage, least])} |")
    return "\n".join(text)


def _shown(value: float, error: float, runs: int) -> str:
    return f"{value:.3f} ± {error:.3f}" if runs > 1 else f"{value:.3f}"


def _has(lines: list[dict[str, Any]], name: str) -> bool:
    return any(f"r2_{name}" in target for target in lines[0]["targets"].values())


def main() -> None:
    """The command."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--objectives", default="mvtcae,mopoe,elbo")
    parser.add_argument("--tables", default="all")
    parser.add_argument("--seeds", default="0,1,2")
    parser.add_argument("--choose", action="store_true", help="rows on which choices are made")
    parser.add_argument("--settings", default="{}", help="JSON of settings of mmgen.train, for choices")
    options = parser.parse_args()
    torch.set_num_threads(1)
    warnings.simplefilter("ignore")
    options.folder.mkdir(parents=True, exist_ok=True)
    place = options.folder / "runs.jsonl"
    lines = [json.loads(line) for line in place.read_text().splitlines()] if place.exists() else []
    known = {(line["table"], line["objective"], line["seed"]) for line in lines}
    tables = list(TABLES) if options.tables == "all" else options.tables.split(",")
    objectives = options.objectives.split(",")
    for seed in map(int, options.seeds.split(",")):
        for table in tables:
            for objective in objectives:
                if (table, objective, seed) in known:
                    continue
                found = trained(table, objective, seed, not options.choose, json.loads(options.settings))
                lines.append({"table": table, "objective": objective, "seed": seed, **found})
                with place.open("a") as file:
                    file.write(json.dumps(lines[-1]) + "\n")
                r2 = {name: round(mean_of(lines[-1:], name)[0], 3) for name in ("r2", "r2_ridge", "coverage_90")}
                print(f"{table} {objective} seed {seed}: {r2}, {found['seconds']} s", flush=True)
    print(page(lines, objectives))


if __name__ == "__main__":
    main()
