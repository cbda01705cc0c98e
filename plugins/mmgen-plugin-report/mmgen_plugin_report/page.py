"""The page: everything about some runs in one HTML file that needs no network, and that only depends on the runs.

Its tables and their columns are in ``page/page.html``; what these show of a run or a group is an attribute of
:class:`~mmgen_plugin_report.runs.ReportedRun` or :class:`~mmgen_plugin_report.runs.Group` in ``runs.py``.
"""

from __future__ import annotations

import base64
import functools
import gzip
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from typing import Any

from mmgen.errors import MmgenError
from mmgen.files import write_text
from mmgen.registry.hooks import Hooks
from mmgen.registry.hookspecs import ReportSection

from .charts import Chart, along_beta, learning_curves
from .descriptions import (
    DataDescription,
    ObjectiveDescription,
    describe_data,
    describe_objective,
    enumerate_words,
)
from .dimensions import DimensionLine, dimension_lines
from .hub.layout import hide_paths
from .latents import LatentPoints, latent_points, open_evaluation
from .pictures import Picture, pictures, place_of
from .point_colours import AskedColumns
from .repetition import describe_setting, distinct_versions
from .result_cells import Cell, Key, headline_cells, result_cells
from .runs import Group, ReportedRun, RunCollection, find_runs

IN_DETAIL = 6  # runs whose pictures and latents are shown
MOST_POINTS = 4000  # by default
NO_POINTS = "There is no scatter of latents: it was asked for none (--max-points 0), so that no row is named."
PICTURE_BYTES = 2_500_000  # of all pictures together, as they are in the page
MOST_CURVES = 12  # runs whose learning curves are drawn, all seeds of each; beyond it, one run of each group
MOST_NUMBERS = 3000  # rows of the table with every number


@dataclass(frozen=True)
class Detail:
    """What is shown of one run alone, where one stands for all seeds of its group."""

    reported: ReportedRun
    group: str
    pictures: list[Picture]
    missing_pictures: str
    latents: LatentPoints | str
    sections: list[ReportSection]
    dimensions: list[DimensionLine]

    def of(self, place: str) -> list[Picture]:
        """The pictures of a section: ``data``, ``learned``, ``generated`` or ``metrics``."""
        return [picture for picture in self.pictures if place_of(picture) == place]


def write_report(
    paths: Sequence[Path | str],
    output: Path | str = "report.html",
    max_points: int = MOST_POINTS,
    color_by: Sequence[str] = (),
    notify: Callable[[str], None] | None = None,
) -> Path:
    """Write the report of some runs as one HTML file.

    Args:
        paths: Folders of runs, or folders with runs somewhere below them.
        output: The file; one that is there is replaced.
        max_points: Most points in the scatter of each run's latents; 0: no scatter, and no pictures in which single
            rows can be seen, so that the page has neither ids nor values of them.
        color_by: Columns by which latents can be coloured first of all, and are by the first of them when the page
            opens: of modalities (``genes.TP53`` where several have it), covariates, or whatever else stands in the
            file of the rows.
        notify: Called with what is being done, of several runs for each of them.

    Returns:
        The file.

    Raises:
        MmgenError: No run that can be read, a column that none of them has, or a file that cannot be written.

    >>> import mmgen
    >>> data = mmgen.load_dataset("mfeat")
    >>> for beta in (0.1, 1.0):
    ...     model = mmgen.MultimodalVAE.create("elbo", data, latent_dim=2, beta=beta)
    ...     run = mmgen.Trainer(epochs=1).fit(model, data, output=f"runs/beta-{beta:g}")
    >>> page = mmgen.report(["runs"], "report.html")
    >>> page.name, page.stat().st_size > 1_000_000  # plotly.js is in it
    ('report.html', True)
    """
    output = Path(output)
    if output.is_dir():
        raise MmgenError(f"--out: {str(output)!r} is a folder; name a file, such as report.html.")
    if color_by and not max_points:
        raise MmgenError("--color-by: --max-points 0 leaves the scatter of latents out; leave one of them out.")
    text = render(find_runs([Path(path) for path in paths]), max_points, color_by, notify)
    write_text(output, text)
    return output


def render(
    reported: RunCollection,
    max_points: int = MOST_POINTS,
    color_by: Sequence[str] = (),
    notify: Callable[[str], None] | None = None,
) -> str:
    """The page about these runs."""
    from jinja2 import Environment, PackageLoader, StrictUndefined
    from markupsafe import Markup
    from plotly.offline import get_plotlyjs

    environment = Environment(
        loader=PackageLoader("mmgen_plugin_report", "page"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    folder = files("mmgen_plugin_report") / "page"
    own = {
        kind: Markup((folder / f"page.{kind}").read_text(encoding="utf-8")) for kind in ("css", "js")
    }  # ours, and not data
    library = base64.b64encode(gzip.compress(get_plotlyjs().encode(), 9, mtime=0)).decode()
    return environment.get_template("page.html").render(
        **content(reported, max_points, color_by, notify), **own, library=library
    )


def content(
    reported: RunCollection,
    max_points: int,
    color_by: Sequence[str] = (),
    notify: Callable[[str], None] | None = None,
) -> dict[str, Any]:
    """All that the template shows."""
    hooks = Hooks()
    details = _details(reported.groups, max_points, color_by, hooks, notify)
    return {
        "title": _title(reported.groups),
        "lead": _lead(reported),
        "groups": reported.groups,
        "runs": reported.runs,
        "left_out": reported.left_out,
        "data": _distinct_data(reported.runs),
        "objectives": [describe_objective(name) for name in _distinct_names(reported.runs, "objective")],
        "unfinished": [run for run in reported.runs if not run.finished],
        **_numbers_and_charts(reported),
        "details": details,
        "not_shown": len(reported.groups) - len(details),
        "hook_failures": [f"The plugin {name} {hide_paths(reason)}." for name, reason in hooks.failures.items()],
        "settings": [describe_setting(group.first) for group in reported.groups],
        "scatter": {
            f"latents-{i}": detail.latents.content
            for i, detail in enumerate(details)
            if isinstance(detail.latents, LatentPoints)
        },
        "versions": distinct_versions(reported.runs),
    }


def _numbers_and_charts(reported: RunCollection) -> dict[str, Any]:
    """Of the template: learning curves, tables of metrics, and the chart along β."""
    groups, runs = reported.groups, reported.runs
    all_seeds = len(runs) <= MOST_CURVES
    curves = learning_curves(groups, all_seeds)
    numbers = result_cells(groups)
    headline = headline_cells(numbers)
    beta = along_beta(groups, headline)
    everything = _with_room(_by_metric(numbers)) if len(groups) == 1 and len(headline) < len(numbers) else {}
    return {
        "curves": curves,
        "one_of_each": not all_seeds and len(runs) > len(groups),
        "headline": _by_metric(headline),
        "everything": everything,
        "count": len(numbers),
        "shown": sum(map(len, everything.values())),
        "splits": sorted({key.split for key in numbers}),
        "notes": _notes(headline),
        "beta": beta,
        "charts": {chart.name: _description(chart) for chart in [*curves, *([beta] if beta else [])]},
    }


def _distinct_names(runs: Sequence[ReportedRun], section: str) -> list[str]:
    """The objectives, or datasets, of some runs."""
    return list(dict.fromkeys(run.config[section]["name"] for run in runs))


def _title(groups: Sequence[Group]) -> str:
    first = [group.first for group in groups]
    return f"{_shortened(_distinct_names(first, 'objective'))} on {_shortened(_distinct_names(first, 'dataset'))}"


def _lead(reported: RunCollection) -> str:
    groups, runs = reported.groups, reported.runs
    if len(runs) == 1:
        run = runs[0]
        model = f"latent dimension {run.config['model'].get('latent_dim', '?')}, β = {run.beta:g}, seed {run.seed}"
        return f"One training: {run.state}; {model}."
    seeds, betas = len({run.seed for run in runs}), len({run.beta for run in runs})
    counts = [f"{len(runs)} trainings of {len(groups)} {'settings' if len(groups) > 1 else 'setting'}"]
    counts += [f"{seeds} seeds"] if seeds > 1 else []
    counts += [f"{betas} values of β"] if betas > 1 else []
    return ", ".join(counts) + "."


def _shortened(words: Sequence[str]) -> str:
    """Enumerated; of more than five the first four."""
    if len(words) > 5:
        return f"{', '.join(words[:4])} and {len(words) - 4} more"
    return enumerate_words(words)


def _distinct_data(runs: Sequence[ReportedRun]) -> list[DataDescription]:
    return list(dict.fromkeys(describe_data(run.config, run.environment) for run in runs))


def _details(
    groups: Sequence[Group],
    max_points: int,
    color_by: Sequence[str],
    hooks: Hooks,
    notify: Callable[[str], None] | None,
) -> list[Detail]:
    """The first run of each group, up to a number of groups; pictures as long as there is room for them.

    Raises:
        MmgenError: A column to colour by that no run has.
    """
    details, room, colours = [], PICTURE_BYTES, AskedColumns(color_by)
    shown = groups[:IN_DETAIL]
    for number, group in enumerate(shown, 1):
        if notify is not None and len(shown) > 1:
            notify(f"Latents and pictures of {group.name} ({number} of {len(shown)})")
        evaluation = functools.cache(lambda reported=group.first: open_evaluation(reported, max_points or MOST_POINTS))
        drawn, missing = pictures(group.first, evaluation, rows=bool(max_points))
        fitting = []
        for picture in drawn:
            room -= len(picture.uri)
            if room >= 0:
                fitting.append(picture)
        if len(fitting) < len(drawn):
            missing = (
                f"{missing} {len(drawn) - len(fitting)} more pictures are in the run's folder; they are left out to "
                "keep this page small."
            ).strip()
        sections = hooks.call("mmgen_report_section", returns=ReportSection, run=group.first.run)
        latents = latent_points(group.first, evaluation, colours) if max_points else NO_POINTS
        lines = dimension_lines(group.first, evaluation)
        details.append(Detail(group.first, group.name, fitting, missing, latents, sections, lines))
    colours.check()
    return details


def _by_metric(numbers: dict[Key, list[Cell | None]]) -> dict[str, list[tuple[Key, list[Cell | None]]]]:
    by_metric: dict[str, list[tuple[Key, list[Cell | None]]]] = {}
    for key, cells in numbers.items():
        by_metric.setdefault(key.metric, []).append((key, cells))
    return by_metric


def _with_room(
    numbers: dict[str, list[tuple[Key, list[Cell | None]]]],
) -> dict[str, list[tuple[Key, list[Cell | None]]]]:
    """The metrics with the fewest numbers, as long as there is room for all of theirs."""
    room, kept = MOST_NUMBERS, set()
    for metric in sorted(numbers, key=lambda name: len(numbers[name])):
        room -= len(numbers[metric])
        if room >= 0:
            kept.add(metric)
    return {metric: lines for metric, lines in numbers.items() if metric in kept}


def _notes(numbers: dict[Key, list[Cell | None]]) -> list[str]:
    """What is known against numbers, each said once; the table refers to them by their place here."""
    return list(dict.fromkeys(cell.note for cells in numbers.values() for cell in cells if cell and cell.note))


def _description(chart: Chart) -> dict[str, Any]:
    return {**chart.figure, "choices": chart.choices}


__all__ = ["DataDescription", "ObjectiveDescription", "content", "render", "write_report"]
