"""The picture of time to quality: cross-coherence over seconds, a line per method, MultiVae's dashed.

Usage: python benchmarks/quality/figure.py FOLDER [FILE], where ``study.py`` has written FOLDER/points.jsonl.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import matplotlib.pyplot as plt
from cases import CASES, JOBS
from study import given_so_many

TITLES = {
    "polymnist-3": "PolyMNIST, three modalities",
    "polymnist-5": "PolyMNIST, five modalities",
    "mnist-svhn-text": "MNIST-SVHN-Text",
    "two-view-mnist": "Two views of a digit",
}
NAMES = {
    "mopoe": "MoPoE",
    "mvtcae": "MVTCAE",
    "crmvae": "CRMVAE",
    "smvae": "SMVAE",
    "mmvae": "MMVAE",
    "mvae": "MVAE",
    "jmvae": "JMVAE",
    "mmjsd": "mmJSD",
}
DASHES = {"ours": "--", "theirs": ":"}
MEANINGS = {"ours": "MultiVae, with these settings", "theirs": "MultiVae, with its own"}


def draw(points: list[dict[str, Any]], path: Path) -> None:
    """A row per data set, a column per number of given modalities; means over seeds, and the range of the seeds."""
    cases = [case for case in CASES if any(point["key"][0] == case for point in points)]
    budgets = sorted({point["seconds"] for point in points})
    widest = max(CASES[case].modalities - 1 for case in cases)
    figure, axes = plt.subplots(
        len(cases), widest, figsize=(4.6 * widest, 3.4 * len(cases)), squeeze=False, sharey=True, layout="constrained"
    )
    colours = {method: f"C{index}" for index, method in enumerate(NAMES)}
    for case, row in zip(cases, axes, strict=True):
        of_case = [point for point in points if point["key"][0] == case]
        for axis in row[CASES[case].modalities - 1 :]:
            axis.set_visible(False)
        for count, axis in enumerate(row[: CASES[case].modalities - 1], 1):
            for method in dict.fromkeys(point["key"][1] for point in of_case):
                _curve(axis, [point for point in of_case if point["key"][1] == method], f"given {count}", colours)
            axis.axhline(0.1, color="0.6", linewidth=0.8)
            axis.set(title=f"given {count}", xlabel="seconds on two cores", xscale="log", ylim=(0, 1))
            axis.set_xticks(budgets, [f"{seconds:g}" for seconds in budgets])
            axis.minorticks_off()
        row[0].set_ylabel(f"{TITLES[case]}\ncross-coherence")
    handles = [plt.Line2D([], [], color=colours[method], label=NAMES[method]) for method in _methods(points)]
    styles = {point["key"][1].partition("(")[2].rstrip(")") for point in points} - {""}
    handles += [
        plt.Line2D([], [], color="0.3", linestyle=DASHES[each], label=MEANINGS[each]) for each in sorted(styles)
    ]
    handles.append(plt.Line2D([], [], color="0.6", linewidth=0.8, label="chance"))
    figure.legend(handles=handles, loc="outside right upper", frameon=False)
    figure.savefig(path, dpi=120)
    plt.close(figure)


def _methods(points: list[dict[str, Any]]) -> list[str]:
    there = {point["key"][1].partition(",")[0] for point in points}
    return [method for method in NAMES if method in there]


def _curve(axis: Any, points: list[dict[str, Any]], measure: str, colours: dict[str, str]) -> None:
    method, _, setting = points[0]["key"][1].partition(", MultiVae (")
    case = CASES[points[0]["key"][0]]
    by_budget: dict[float, list[tuple[float, float]]] = {}
    for point in points:
        value = given_so_many(point["found"], case).get(measure)
        if value is not None:
            by_budget.setdefault(point["seconds"], []).append((point["spent"] / JOBS, value))
    seconds, means, least, most = [], [], [], []
    for _, several in sorted(by_budget.items()):
        values = [value for _, value in several]
        seconds.append(sum(spent for spent, _ in several) / len(several))
        means.append(sum(values) / len(values))
        least.append(min(values))
        most.append(max(values))
    colour, style = colours[method], DASHES.get(setting.rstrip(")"), "-")
    axis.plot(seconds, means, color=colour, linestyle=style, marker="o", markersize=3)
    axis.fill_between(seconds, least, most, color=colour, alpha=0.15, linewidth=0)


def main() -> None:
    """Draw what is there."""
    folder = Path(sys.argv[1])
    path = Path(sys.argv[2] if len(sys.argv) > 2 else "docs/images/time-to-quality.png")
    points = [json.loads(line) for line in (folder / "points.jsonl").read_text().splitlines()]
    draw([point for point in points if point["split"] == "test" and not point["set"]], path)


if __name__ == "__main__":
    main()
