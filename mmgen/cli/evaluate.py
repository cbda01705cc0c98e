"""``mmgen evaluate``."""

from __future__ import annotations

from pathlib import Path

from ..errors import MmgenError
from ..evaluation import Evaluation
from ..evaluation import evaluate as compute
from ..evaluation.figures import check_view, save_figures
from ..evaluation.headline import in_headline
from ..options import merge
from ..registry import load
from ..runs import load_run
from ..runs.config import from_assignments
from .names import split_names
from .tables import console, show, show_json


def command(path: Path, metrics: str | None, split: str, assignments: list[str], figures: bool, latents: str, as_json: bool) -> None:
    """Compute, print the headline numbers, keep all of them, and draw."""
    check_view(latents)
    run = load_run(path)
    names = split_names(metrics)
    for name in names or ():
        load("metrics", name)
    options = from_assignments(assignments)
    if set(options) - {"metrics"}:
        raise MmgenError(f"--set: an evaluation can only set metrics.NAME.OPTION, not {sorted(set(options) - {'metrics'})[0]!r}.")
    for name in options.get("metrics", {}):
        load("metrics", name)
    if split not in ("train", "val", "test"):
        raise MmgenError(f"--split: there is no split {split!r}; there are train, val and test.")
    evaluation = Evaluation(run.model, run.data, split=split, seed=run.config["training"]["seed"])
    screen = console()
    notify = None if as_json else lambda sentence: screen.print(sentence, highlight=False)
    rows = compute(run, names, split, notify=notify, evaluation=evaluation, **options.get("metrics", {}))
    of_metrics = merge(run.config.get("metrics", {}), options.get("metrics", {}))
    made = save_figures(evaluation, run.history, path / "figures", view=latents, options=of_metrics) if figures else []
    if as_json:
        show_json(rows)
        return
    screen.print(f"Data: {run.data.name}, {run.data.provenance.kind}: {run.data.provenance.summary}", highlight=False)
    chosen = [row for row in rows if in_headline(row)]
    shown = [
        [row["metric"], row["measure"], row["given"], row["target"], row["label"], row["value"], row["n"], row["note"]] for row in chosen
    ]
    show(f"{path} on {split} rows", ["metric", "measure", "given", "target", "label", "value", "n", "note"], shown)
    if any(row["note"].startswith("untrustworthy") for row in rows):
        screen.print(
            "What is marked untrustworthy is judged by classifiers that are weak on real data: read it beside their numbers.",
            highlight=False,
        )
    screen.print(f"All {len(rows)} numbers: {path / 'results.jsonl'}", highlight=False)
    for figure in made:
        screen.print(f"Figure: {figure}", highlight=False)
