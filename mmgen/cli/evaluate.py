"""``mmgen evaluate``."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from ..errors import MmgenError
from ..evaluation import Evaluation, loadings_frame
from ..evaluation.figures import save_figures
from ..evaluation.headline import in_headline
from ..evaluation.loadings import loadings
from ..evaluation.projection import check_view
from ..evaluation.row_columns import chosen_columns
from ..files import write_text
from ..options import merge
from ..registry import load
from ..screen import console, show, show_json
from .arguments import chosen_sampler, opened, split_names

LOADINGS = "loadings.csv"
COLUMNS = ("metric", "measure", "given", "target", "label", "value", "n", "note")


def command(
    path: Path,
    metrics: str | None,
    split: str | None,
    assignments: list[str],
    figures: bool,
    latents: str,
    as_json: bool,
    data: str | None,
    sampler: str | None,
    color_by: str | None,
) -> None:
    """Compute, print the headline numbers, keep all of them, and draw; what other data say of a run is printed only."""
    check_view(latents)
    colours = split_names(color_by) or []
    if colours and not figures:
        raise MmgenError("--color-by is for the figure of latents, and --no-figures draws none; leave one of them out.")
    run, options = opened(path, data, assignments, ["metrics", "sampler"])
    chosen = chosen_sampler(sampler, options.get("sampler", {}))
    names, of_metrics = split_names(metrics), options.get("metrics", {})
    for name in (*(names or ()), *of_metrics):
        load("metrics", name)
    if split not in (None, "train", "val", "test", "new"):
        raise MmgenError(f"--split: there is no split {split!r}; there are train, val, test and new.")
    split = run.split(split)
    evaluation = run.evaluation(split=split)
    chosen_columns(evaluation, evaluation.rows(split), colours)  # a wrong name is said before hours of computing
    notify = None if as_json else _tell
    rows = run.measurements(
        metrics=names, notify=notify, evaluation=evaluation, sampler=chosen, keep=False, **of_metrics
    )
    if as_json:
        show_json(rows)
    else:
        _tell(f"Data: {run.data.name}, {run.data.provenance.kind}: {run.data.provenance.summary}")
        _show_headline(rows, f"{path} on {split} rows", evaluation, names)
    if run.reads_other_data:
        if not as_json:
            _tell(
                "These are not the data of the run: its results and figures stay as they are (--json prints all "
                "numbers)."
            )
        return
    run.add_results(rows)  # once they are shown: hours of computing are not lost because a disk is full
    drawn: list[Path] = []
    table: Path | None = None
    if figures:
        layered = merge(run.config.get("metrics", {}), of_metrics)
        folder = path / "figures"
        drawn = save_figures(
            evaluation, run.history, folder, view=latents, metrics=names or (), options=layered, color_by=colours
        )
        table = _save_loadings(evaluation, path / LOADINGS)
    if as_json:
        return
    _tell(f"All {len(rows)} numbers: {path / 'results.jsonl'}")
    if table is not None:
        _tell(f"Loadings of all columns: {table}")
    for figure in drawn:
        _tell(f"Figure: {figure}")


def _save_loadings(evaluation: Evaluation, path: Path) -> Path | None:
    """Write what each dimension does to each column, where there are columns."""
    if not loadings(evaluation):
        return None
    write_text(path, loadings_frame(evaluation).to_csv(float_format="%.6g", lineterminator="\n"))
    return path


def _tell(sentence: str) -> None:
    console().print(sentence, highlight=False)


def _show_headline(
    rows: Sequence[Mapping[str, Any]], title: str, evaluation: Evaluation, asked: Sequence[str] | None
) -> None:
    """The rows that a summary shows, as a table, and which metrics it leaves out because nobody asked for them."""
    headline = [row for row in rows if in_headline(row)]
    left_out = [
        name
        for name in dict.fromkeys(row["metric"] for row in headline)
        if name not in (asked or ())
        and not load("metrics", name).suits(evaluation, [row for row in rows if row["metric"] == name])
    ]
    shown = [row for row in headline if row["metric"] not in left_out]
    show(title, list(COLUMNS), [[row[column] for column in COLUMNS] for row in shown])
    if left_out:
        _tell(f"Computed too, and shown by --metrics NAME: {', '.join(left_out)}.")
    if any(row["note"].startswith("untrustworthy") for row in shown):
        _tell(
            "What is marked untrustworthy is judged by classifiers that are weak on real data: read it beside their "
            "numbers."
        )
