"""Time to quality: what methods can do after so many seconds on two cores, by the default command
(docs/studies/time-to-quality.md).

``python benchmarks/quality/study.py FOLDER --digits DIR`` trains every method with every seed, and measures coherence
of test rows each time that a budget is spent: a run is a curve, as it goes on from one budget to the next. A budget of
S seconds on two cores is 2·S seconds of processor time with one thread, two trainings at a time; what waits for another
process does not count. With ``--peer .bench/bin/python`` MultiVae's own trainer is measured the same way, on the same
rows and by the same judges. Every point is a line of ``FOLDER/points.jsonl``, so that it goes on where it stopped.
``--choose`` looks at validation rows and seeds that the page does not use: what is tried is tried there.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from cases import CASES, JOBS, PEER_METHODS, PEER_SETTINGS, Case

HERE = Path(__file__).parent
FIRST_CHOOSING_SEED = 100


def main() -> None:
    """All points that are left, and the table of what there is."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--digits", type=Path, required=True, help="MNIST's idx files")
    parser.add_argument("--cases", default="polymnist-3,mnist-svhn-text")
    parser.add_argument("--methods", help="all of the case by default")
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--seconds", default="60,300,900", help="budgets, each with what is measured then")
    parser.add_argument("--peer", help="the interpreter that has MultiVae (make bench makes .bench/bin/python)")
    parser.add_argument("--choose", action="store_true", help="validation rows, and other seeds")
    parser.add_argument("--set", action="append", default=[], help="what is tried, as for mmgen train")
    asked = parser.parse_args()
    asked.folder.mkdir(parents=True, exist_ok=True)
    record = asked.folder / "points.jsonl"
    points = [json.loads(line) for line in record.read_text().splitlines()] if record.exists() else []
    split = "val" if asked.choose else "test"

    def draw(key: list[Any]) -> None:
        """The points of a curve that are not there yet."""
        mine = [point for point in points if (point["key"], point["split"], point["set"]) == (key, split, asked.set)]
        left = [seconds for seconds in map(float, asked.seconds.split(",")) if seconds not in _budgets(mine)]
        spent = max((point["spent"] for point in mine), default=0.0)
        if not left:
            return
        task = {"key": key, "left": left, "spent": spent, "split": split, "set": asked.set}
        task |= {"folder": str(asked.folder.resolve()), "digits": str(asked.digits.resolve()), "peer": asked.peer}
        words = [sys.executable, str(HERE / "curve.py"), json.dumps(task)]
        environ = {**os.environ, "OMP_NUM_THREADS": "1"}
        with subprocess.Popen(words, stdout=subprocess.PIPE, text=True, env=environ) as process:
            assert process.stdout is not None
            for text in process.stdout:
                point = {"key": key, "split": split, "set": asked.set, **json.loads(text)}
                points.append(point)
                with record.open("a") as file:
                    file.write(json.dumps(point) + "\n")
                print(key, point["seconds"], f"{point['spent']:.0f} s", _short(point), flush=True)
        if process.returncode:
            print(key, f"ended with {process.returncode}", file=sys.stderr)

    with ThreadPoolExecutor(JOBS) as pool:
        list(pool.map(draw, _keys(asked)))
    print(table([point for point in points if (point["split"], point["set"]) == (split, asked.set)]))


def _keys(asked: argparse.Namespace) -> Iterator[list[Any]]:
    """The most promising first: all methods with one seed, before the next one."""
    first = FIRST_CHOOSING_SEED if asked.choose else 0
    for seed in range(first, first + asked.seeds):
        for case in asked.cases.split(","):
            methods = asked.methods.split(",") if asked.methods else CASES[case].methods
            for method in methods:
                yield [case, method, seed]
            if asked.peer and CASES[case].compared:
                for method in PEER_METHODS:
                    for setting in PEER_SETTINGS:
                        if method in methods:
                            yield [case, f"{method}, MultiVae ({setting})", seed]


def _budgets(points: list[dict[str, Any]]) -> set[float]:
    return {point["seconds"] for point in points}


def given_so_many(found: dict[str, float], case: Case) -> dict[str, float]:
    """Cross-coherence by how many modalities are given, of the means that an evaluation names."""
    names = {f"{count} of {case.modalities}": f"given {count}" for count in range(1, case.modalities)}
    return {said: found[f"cross {name} > mean"] for name, said in names.items() if f"cross {name} > mean" in found}


def _short(point: dict[str, Any]) -> str:
    means = given_so_many(point["found"], CASES[point["key"][0]])
    return ", ".join(f"{name}: {value:.3f}" for name, value in means.items())


def table(points: list[dict[str, Any]]) -> str:
    """Means over seeds, the smallest one in brackets: a row per case, method and budget."""
    groups: dict[tuple[str, str, float], list[dict[str, Any]]] = {}
    for point in points:
        case, method, _ = point["key"]
        groups.setdefault((case, method, point["seconds"]), []).append(point)
    rows = []
    for (case, method, seconds), several in sorted(groups.items()):
        means = [given_so_many(point["found"], CASES[case]) for point in several]
        said = []
        for name in means[0]:
            values = [each[name] for each in means]
            said.append(f"{name}: {sum(values) / len(values):.3f} ({min(values):.3f})")
        spent = sum(point["spent"] for point in several) / len(several)
        rows.append(f"| {case} | {method} | {seconds:g} s | {spent:.0f} s | {len(several)} | {'; '.join(said)} |")
    head = "| data | method | budget | processor time | seeds | cross-coherence, mean (least) |"
    return "\n".join([head, "|---|---|---|---|---|---|", *rows])


if __name__ == "__main__":
    main()
