"""Every method on the same data for the same time (docs/studies/all-methods.md).

``python benchmarks/quality/methods.py FOLDER --digits DIR`` trains every objective of what is installed, those of
``contrib/`` too (``make all-methods`` installs them), by the default command on three data sets, for as many epochs as
fit into so many seconds with one thread, and measures test rows. How long an epoch takes is measured first, of one
method after another on a machine that does nothing else, and kept in ``docs/studies/all-methods-speed.csv``: whatever
else goes on later, and wherever, the same number of epochs is trained. What is measured is a line of
``docs/studies/all-methods.csv``, from which it goes on: a data set, a method and a seed are measured once. Objectives
of two views or with labels are left out, and those that infer from everything alone.
"""

from __future__ import annotations

import argparse
import csv
import json
import os
import subprocess
import sys
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent
STUDIES = HERE.parents[1] / "docs" / "studies"
RECORD, SPEED = STUDIES / "all-methods.csv", STUDIES / "all-methods-speed.csv"
JOBS = 2
LIMIT = 900  # seconds, of one training and what is measured of it
FAMILIES = (
    "products-of-experts",
    "mixtures-of-experts",
    "data-dependent-priors",
    "private-latents",
    "joint-encoders",
    "hierarchies",
    "diffusions",
    "adversarial",
)
FIRST = "elbo"
WITHOUT = ("joint", "vgon")  # they infer from everything alone
MEASURES = (
    "given one",
    "given others",
    "joint",
    "latents of one",
    "latents of all",
    "distance given others",
    "distance of draws",
    "imputation",
    "log p given others",
)
COLUMNS = ("data", "method", "seed", "seconds", "steps", "parameters", *MEASURES)
SPEEDS = ("data", "method", "stage", "seconds")  # of an epoch of a stage


@dataclass(frozen=True)
class Case:
    """A data set that all methods are trained on.

    Attributes:
        dataset: Its name and options; ``digits`` is the folder of MNIST's idx files.
        seconds: Of training, on one quiet core of the machine that the speed was measured on.
        modalities: How many there are.
        labels: What classifiers look for; they must be able to.
    """

    dataset: dict[str, Any]
    seconds: float
    modalities: int
    labels: tuple[str, ...]


CASES = {
    "mfeat": Case({"name": "mfeat"}, 20, 6, ("digit",)),
    "polymnist-3": Case({"name": "polymnist", "modalities": 3, "digits": ""}, 120, 3, ("digit",)),
    "cdsprites-3": Case({"name": "cdsprites", "level": 3}, 120, 2, ("size", "colour")),
}


def main() -> None:
    """All that is left, and the tables."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path, nargs="?", help="where runs are while they are measured")
    parser.add_argument("--digits", type=Path, help="MNIST's idx files")
    parser.add_argument("--cases", default=",".join(CASES))
    parser.add_argument("--methods", help="all that are installed by default")
    parser.add_argument("--seeds", default="0,1,2")
    parser.add_argument("--jobs", type=int, default=JOBS)
    parser.add_argument("--table", action="store_true", help="what there is, as tables, and nothing else")
    parser.add_argument("--speed", action="store_true", help="measure how long epochs take, and nothing else")
    parser.add_argument("--scratch", action="store_true", help="print what is measured, and do not keep it")
    parser.add_argument("--set", action="append", default=[], help="what is tried, as for mmgen train; not kept")
    asked = parser.parse_args()
    if not asked.table:
        done = {(row["data"], row["method"], int(row["seed"])) for row in _read(RECORD) if not asked.scratch}
        tasks = [key for key in _keys(asked) if key not in done]
        _time([(case, each) for case, method, _ in tasks for each in (FIRST, method)], asked)
        if asked.speed:
            return
        for case in dict.fromkeys(case for case, _, _ in tasks):
            judged = asked.folder / f"{case}.judged"
            if not judged.exists():
                _measure((case, FIRST, 0), asked, keep=False)  # which prepares the judges for all
                judged.touch()
        with ThreadPoolExecutor(asked.jobs) as pool:
            list(pool.map(lambda key: _measure(key, asked), tasks))
    for case in CASES:
        print(table(case, [row for row in _read(RECORD) if row["data"] == case]), end="\n\n")


def installed() -> list[str]:
    """The objectives that are compared, family by family."""
    from mmgen.registry.components import entries
    from mmgen.registry.registered import load_component

    kinds = {entry.name: load_component("objectives", entry.name) for entry in entries("objectives")}
    return [
        name for family in FAMILIES for name in sorted(kinds) if kinds[name].family == family and name not in WITHOUT
    ]


def _keys(asked: argparse.Namespace) -> list[tuple[str, str, int]]:
    """All methods with one seed, before the next one."""
    methods = asked.methods.split(",") if asked.methods else installed()
    return [
        (case, method, seed)
        for seed in map(int, asked.seeds.split(","))
        for case in asked.cases.split(",")
        for method in methods
    ]


def _time(pairs: list[tuple[str, str]], asked: argparse.Namespace) -> None:
    """Measure how long epochs take, where that is not known: one after another."""
    known = _speeds()
    for case, method in dict.fromkeys(pairs):
        if (case, method) in known:
            continue
        each = _work((case, method, 0), asked, None)
        for stage, seconds in enumerate(each or ()):
            _keep(SPEED, SPEEDS, {"data": case, "method": method, "stage": stage, "seconds": seconds})


def _speeds() -> dict[tuple[str, str], list[float]]:
    """Seconds of an epoch of each stage."""
    found: dict[tuple[str, str], list[float]] = {}
    for row in _read(SPEED):
        found.setdefault((row["data"], row["method"]), []).append(float(row["seconds"]))
    return found


def _measure(key: tuple[str, str, int], asked: argparse.Namespace, *, keep: bool = True) -> None:
    case, method, seed = key
    found = _work(key, asked, _speeds().get((case, method), []))
    if found and keep and not asked.scratch and not asked.set:
        row = {"data": case, "method": method, "seed": seed, "seconds": CASES[case].seconds, **found}
        _keep(RECORD, COLUMNS, row)


def _work(key: tuple[str, str, int], asked: argparse.Namespace, speeds: list[float] | None) -> Any:
    """What a worker says in the end; None where it says nothing."""
    case, method, seed = key
    chosen = CASES[case]
    dataset = {**chosen.dataset, **({"digits": str(asked.digits.resolve())} if "digits" in chosen.dataset else {})}
    task = {"case": case, "method": method, "seed": seed, "seconds": chosen.seconds, "dataset": dataset}
    task |= {"labels": chosen.labels, "modalities": chosen.modalities, "set": asked.set, "speeds": speeds}
    task |= {"folder": str(asked.folder.resolve())}
    words = [sys.executable, str(HERE / "one_method.py"), json.dumps(task)]
    environ = {**os.environ, "OMP_NUM_THREADS": "1"}
    try:
        ended = subprocess.run(words, capture_output=True, text=True, env=environ, check=False, timeout=LIMIT)
    except subprocess.TimeoutExpired:
        print(key, f"is not done in {LIMIT} s", file=sys.stderr, flush=True)
        return None
    if ended.returncode:
        print(key, (ended.stderr.strip().splitlines() or ["no word"])[-1], file=sys.stderr, flush=True)
        return None
    found = json.loads(ended.stdout.strip().splitlines()[-1])
    print(*key, json.dumps(found), flush=True)
    return found


def _read(record: Path) -> list[dict[str, str]]:
    if not record.exists():
        return []
    with record.open(newline="") as file:
        return list(csv.DictReader(file))


def _keep(record: Path, columns: Sequence[str], row: dict[str, Any]) -> None:
    fresh = not record.exists()
    cells = [f"{row[name]:.5g}" if isinstance(row.get(name), float) else row.get(name, "") for name in columns]
    with record.open("a", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerows([columns, cells] if fresh else [cells])


def table(case: str, rows: list[dict[str, str]]) -> str:
    """Means over seeds, ± half their range, a line per method in the order of the families."""
    methods = list(dict.fromkeys(row["method"] for row in rows))
    order = {name: at for at, name in enumerate(installed())}
    shown = [measure for measure in MEASURES if any(row[measure] for row in rows)]
    lines = [f"| {case} | seeds | steps | {' | '.join(shown)} |", "|---" * (3 + len(shown)) + "|"]
    for method in sorted(methods, key=lambda name: order.get(name, len(order))):
        mine = [row for row in rows if row["method"] == method]
        steps = sum(int(row["steps"]) for row in mine) / len(mine)
        cells = [_cell([float(row[measure]) for row in mine if row[measure]]) for measure in shown]
        lines.append(f"| `{method}` | {len(mine)} | {steps:.0f} | {' | '.join(cells)} |")
    return "\n".join(lines)


def _cell(values: list[float]) -> str:
    if not values:
        return "–"
    mean = sum(values) / len(values)
    digits = 2 if abs(mean) < 10 else 0
    spread = f" ± {(max(values) - min(values)) / 2:.{digits}f}" if len(values) > 1 else ""
    return f"{mean:.{digits}f}{spread}"


if __name__ == "__main__":
    main()
