"""Several objectives on one dataset over β and seeds, as a table with error bars: what the command ``mmgen compare`` will do.

Usage: python examples/compare.py --dataset mfeat --objectives mmvamp,aggregated,independent --betas 1 --seeds 0,1,2 --output runs/compare-mfeat

Each run is an ordinary run folder in --output; finished ones are not trained again. β is chosen for each objective by the validation rows
(highest coherence of single modalities), and only then are the test rows looked at.
"""

from __future__ import annotations

import argparse
import itertools
import statistics
from pathlib import Path

import mmgen
from mmgen.evaluation.coherence import Coherence
from mmgen.evaluation.latent_classification import LatentClassification
from mmgen.evaluation.reconstruction import Reconstruction, ReconstructionConfig
from mmgen.runs import Plan, layered

METRICS = (Coherence(), LatentClassification(), Reconstruction(ReconstructionConfig(cross=False)))
MEASURES = {  # what the table shows: measure, whether all modalities are given or single ones, and target
    "coherence": ("cross", "single", "mean"),
    "latent accuracy": ("per_subset", "single", ""),
    "one probe for all": ("shared", "single", ""),
    "loss, all given": ("loss", "all", "all"),
    "loss, itself given": ("loss", "single", "all"),
}


def measure(run: mmgen.Run, split: str) -> dict[str, float]:
    """The measures of the table on one split."""
    names = list(run.model.modalities)
    subsets = [(name,) for name in names] + [tuple(names)]
    evaluation = mmgen.Evaluation(run.model, run.data, split=split, seed=run.config["training"]["seed"], subsets=subsets)
    rows = [row for metric in METRICS for row in metric.compute(evaluation)]
    given = {"single": (f"1 of {len(names)}", "self"), "all": ("+".join(names),)}
    return {
        name: next(row["value"] for row in rows if row["measure"] == what and row["given"] in given[which] and row["target"] == target)
        for name, (what, which, target) in MEASURES.items()
    }


def train(arguments: argparse.Namespace, objective: str, beta: float, seed: int) -> mmgen.Run:
    """One run, or the finished one that is there already."""
    folder = Path(arguments.output) / f"{objective}-beta{beta:g}-seed{seed}"
    if (folder / "model.safetensors").exists():
        return mmgen.load_run(folder)
    options = {"model": {"beta": beta}, "training": {"seed": seed}}
    plan = Plan.of(layered(objective=objective, dataset=arguments.dataset, assignments=arguments.set, options=options))
    return mmgen.Trainer(plan.training).fit(plan.model, plan.data, str(folder), resume=folder.exists(), recipe=plan.config["recipe"])


def main() -> None:
    """Train the grid, choose β on validation rows, print the test rows' mean ± standard deviation over seeds."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--dataset", required=True)
    parser.add_argument("--objectives", required=True)
    parser.add_argument("--betas", required=True)
    parser.add_argument("--seeds", default="0,1,2")
    parser.add_argument("--output", required=True)
    parser.add_argument("--set", action="append", default=[])
    arguments = parser.parse_args()
    objectives, seeds = arguments.objectives.split(","), [int(seed) for seed in arguments.seeds.split(",")]
    betas = [float(beta) for beta in arguments.betas.split(",")]
    found: dict[tuple[str, float], list[tuple[dict[str, float], dict[str, float]]]] = {}
    for objective, beta, seed in itertools.product(objectives, betas, seeds):
        run = train(arguments, objective, beta, seed)
        found.setdefault((objective, beta), []).append((measure(run, "val"), measure(run, "test")))
        print(
            f"{objective} beta={beta:g} seed={seed}: " + ", ".join(f"{k} {v:.3f}" for k, v in found[objective, beta][-1][1].items()),
            flush=True,
        )
    print(f"\n| objective | β | {' | '.join(MEASURES)} |\n|---|---|{'---|' * len(MEASURES)}")
    for objective in objectives:
        for beta in betas:
            tests = [test for _, test in found[objective, beta]]
            cells = [f"{statistics.mean(t[m] for t in tests):.3f} ± {statistics.pstdev([t[m] for t in tests]):.3f}" for m in MEASURES]
            best = max(betas, key=lambda b: statistics.mean(val["coherence"] for val, _ in found[objective, b]))
            print(f"| {objective} | {beta:g}{' (best on validation)' if beta == best and len(betas) > 1 else ''} | {' | '.join(cells)} |")
    print(f"\nData: {run.data.name}, {run.data.provenance.kind}: {run.data.provenance.summary}")


if __name__ == "__main__":
    main()
