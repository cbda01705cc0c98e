"""``mmgen evaluate``."""

from __future__ import annotations

from pathlib import Path

from ..errors import MmgenError
from ..evaluation.figures import save_figures
from ..evaluation.headline import in_headline
from ..evaluation.projection import check_view
from ..options import merge
from ..registry import load
from ..screen import console, show, show_json
from .arguments import opened, split_names


def command(
    path: Path,
    metrics: str | None,
    split: str | None,
    assignments: list[str],
    figures: bool,
    latents: str,
    as_json: bool,
    data: str | None,
) -> None:
    """Compute, print the headline numbers, keep all of them, and draw; what other data say of a run is printed only."""
    check_view(latents)
    run, options = opened(path, data, assignments, ["metrics"])
    names = split_names(metrics)
    for name in names or ():
        load("metrics", name)
    for name in options.get("metrics", {}):
        load("metrics", name)
    if split not in (None, "train", "val", "test", "new"):
        raise MmgenError(f"--split: there is no split {split!r}; there are train, val, test and new.")
    split = run.split(split)
    evaluation = run.evaluation(split)
    screen = console()
    notify = None if as_json else lambda sentence: screen.print(sentence, highlight=False)
    rows = run.evaluate(names, notify=notify, evaluation=evaluation, **options.get("metrics", {}))
    of_metrics = merge(run.config.get("metrics", {}), options.get("metrics", {}))
    figures = figures and not run.reads_other_data
    drawn: list[Path] = []
    if figures:
        drawn = save_figures(
            evaluation, run.history, path / "figures", view=latents, metrics=names or (), options=of_metrics
        )
    if as_json:
        show_json(rows)
        return
    screen.print(f"Data: {run.data.name}, {run.data.provenance.kind}: {run.data.provenance.summary}", highlight=False)
    chosen = [row for row in rows if in_headline(row)]
    shown = [
        [row["metric"], row["measure"], row["given"], row["target"], row["label"], row["value"], row["n"], row["note"]]
        for row in chosen
    ]
    show(f"{path} on {split} rows", ["metric", "measure", "given", "target", "label", "value", "n", "note"], shown)
    if any(row["note"].startswith("untrustworthy") for row in rows):
        screen.print(
            "What is marked untrustworthy is judged by classifiers that are weak on real data: read it beside their "
            "numbers.",
            highlight=False,
        )
    if run.reads_other_data:
        screen.print(
            "These are not the data of the run: its results and figures stay as they are (--json prints all numbers)."
        )
        return
    screen.print(f"All {len(rows)} numbers: {path / 'results.jsonl'}", highlight=False)
    for figure in drawn:
        screen.print(f"Figure: {figure}", highlight=False)
