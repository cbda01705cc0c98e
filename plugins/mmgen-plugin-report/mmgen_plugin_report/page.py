"""The page: everything about some runs in one HTML file that needs no network, and that is the same whenever it is made
from the same runs.
"""

from __future__ import annotations

import base64
import functools
import gzip
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from typing import Any

from mmgen.errors import MmgenError
from mmgen.files import write_text
from mmgen.registry.hooks import Hooks
from mmgen.registry.hookspecs import ReportSection
from mmgen.yaml_files import dump_yaml

from .charts import Chart, along_beta, learning_curves
from .descriptions import DataInWords, ObjectiveInWords, data_in_words, objective_in_words
from .hub.layout import hide_paths, without_paths
from .latents import LatentPoints, latent_points, opened
from .pictures import Picture, pictures
from .result_cells import Cell, Key, summary, table
from .runs import Found, Group, ReportedRun, find

IN_DETAIL = 6  # runs whose pictures and latents are shown
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


@dataclass(frozen=True)
class Setting:
    """How to repeat one run."""

    reported: ReportedRun
    file: str
    yaml: str
    uri: str
    command: str
    install: str
    folders: list[str]


def write_report(paths: Sequence[Path | str], output: Path | str = "report.html", max_points: int = 4000) -> Path:
    """Write the report of some runs as one HTML file.

    Args:
        paths: Folders of runs, or folders with runs somewhere below them.
        output: The file; one that is there is replaced.
        max_points: Most points in the scatter of each run's latents.

    Returns:
        The file.

    Raises:
        MmgenError: No run that can be read, or a file that cannot be written.
    """
    output = Path(output)
    if output.is_dir():
        raise MmgenError(f"--out: {str(output)!r} is a folder; name a file, such as report.html.")
    text = render(find([Path(path) for path in paths]), max_points)
    try:
        write_text(output, text)
    except OSError as error:
        raise MmgenError(f"--out: the file {str(output)!r} cannot be written: {error.strerror}.") from error
    return output


def render(found: Found, max_points: int = 4000) -> str:
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
        part: Markup((folder / f"page.{part}").read_text(encoding="utf-8")) for part in ("css", "js")
    }  # ours, and not data
    library = base64.b64encode(gzip.compress(get_plotlyjs().encode(), 9, mtime=0)).decode()
    return environment.get_template("page.html").render(**content(found, max_points), **own, library=library)


def content(found: Found, max_points: int) -> dict[str, Any]:
    """All that the template shows."""
    groups, runs = found.groups, found.runs
    hooks = Hooks()
    details = _details(groups, max_points, hooks)
    numbers = table(groups)
    headline = summary(numbers)
    all_seeds = len(runs) <= MOST_CURVES
    curves = learning_curves(groups, all_seeds)
    beta = along_beta(groups, headline)
    scatter = {
        f"latents-{i}": each.latents.content for i, each in enumerate(details) if isinstance(each.latents, LatentPoints)
    }
    return {
        "title": _title(groups),
        "lead": _lead(found),
        "groups": groups,
        "runs": runs,
        "left_out": found.left_out,
        "data": _distinct_data(runs),
        "objectives": [
            objective_in_words(name) for name in dict.fromkeys(run.config["objective"]["name"] for run in runs)
        ],
        "curves": curves,
        "one_of_each": not all_seeds and len(runs) > len(groups),
        "unfinished": [run for run in runs if not run.finished],
        "headline": _by_metric(headline),
        "everything": _by_metric(numbers) if len(headline) < len(numbers) <= MOST_NUMBERS and len(groups) == 1 else {},
        "count": len(numbers),
        "splits": sorted({key.split for key in numbers}),
        "notes": _notes(headline),
        "beta": beta,
        "details": details,
        "not_shown": len(groups) - len(details),
        "hook_failures": [f"The plugin {name} {hide_paths(reason)}." for name, reason in hooks.failures.items()],
        "settings": [_setting(group.first) for group in groups],
        "charts": {chart.name: _description(chart) for chart in [*curves, *([beta] if beta else [])]},
        "scatter": scatter,
        "versions": _versions(runs),
    }


def _title(groups: Sequence[Group]) -> str:
    objectives = list(dict.fromkeys(group.first.config["objective"]["name"] for group in groups))
    datasets = list(dict.fromkeys(group.first.config["dataset"]["name"] for group in groups))
    return f"{_enumerated(objectives)} on {_enumerated(datasets)}"


def _lead(found: Found) -> str:
    groups, runs = found.groups, found.runs
    if len(runs) == 1:
        run = runs[0]
        model = f"latent dimension {run.config['model'].get('latent_dim', '?')}, β = {run.beta:g}, seed {run.seed}"
        return f"One training: {run.state}; {model}."
    seeds, betas = len({run.seed for run in runs}), len({run.beta for run in runs})
    said = [f"{len(runs)} trainings of {len(groups)} {'settings' if len(groups) > 1 else 'setting'}"]
    said += [f"{seeds} seeds"] if seeds > 1 else []
    said += [f"{betas} values of β"] if betas > 1 else []
    return ", ".join(said) + "."


def _enumerated(words: Sequence[str]) -> str:
    if len(words) > 5:
        return f"{', '.join(words[:4])} and {len(words) - 4} more"
    return " and ".join([", ".join(words[:-1]), words[-1]] if len(words) > 1 else words)


def _distinct_data(runs: Sequence[ReportedRun]) -> list[DataInWords]:
    return list(dict.fromkeys(data_in_words(run.config, run.environment) for run in runs))


def _details(groups: Sequence[Group], max_points: int, hooks: Hooks) -> list[Detail]:
    """The first run of each group, up to a number of groups; pictures as long as there is room for them."""
    details, room = [], PICTURE_BYTES
    for group in groups[:IN_DETAIL]:
        evaluation = functools.cache(lambda reported=group.first: opened(reported, max_points))
        drawn, missing = pictures(group.first, evaluation)
        kept = []
        for picture in drawn:
            room -= len(picture.uri)
            if room >= 0:
                kept.append(picture)
        if len(kept) < len(drawn):
            missing = (
                f"{missing} {len(drawn) - len(kept)} more pictures are in the run's folder; they are left out to "
                "keep this page small."
            ).strip()
        sections = hooks.call("mmgen_report_section", returns=ReportSection, run=group.first.run)
        details.append(Detail(group.first, group.name, kept, missing, latent_points(group.first, evaluation), sections))
    return details


def _by_metric(numbers: dict[Key, list[Cell | None]]) -> dict[str, list[tuple[Key, list[Cell | None]]]]:
    found: dict[str, list[tuple[Key, list[Cell | None]]]] = {}
    for key, cells in numbers.items():
        found.setdefault(key.metric, []).append((key, cells))
    return found


def _notes(numbers: dict[Key, list[Cell | None]]) -> list[str]:
    """What is known against numbers, each said once; the table refers to them by their place here."""
    return list(dict.fromkeys(cell.note for cells in numbers.values() for cell in cells if cell and cell.note))


def _setting(reported: ReportedRun) -> Setting:
    shown, folders = without_paths(reported.config)
    text = dump_yaml(shown)
    file = f"{reported.name.replace('/', '-')}.yaml"
    changes = "".join(f" --set {name}=FOLDER" for name in folders)
    environment = reported.environment
    parts = {
        part["distribution"]: part["version"] for part in environment.get("components", []) if part.get("distribution")
    }
    needed = {"mmgen-core": environment.get("versions", {}).get("mmgen-core", ""), **parts}
    return Setting(
        reported,
        file,
        text,
        "data:text/yaml;charset=utf-8;base64," + base64.b64encode(text.encode()).decode(),
        f"mmgen train --config {_quoted(file)} --output {_quoted('runs/' + file.removesuffix('.yaml'))}{changes}",
        "pip install " + " ".join(f"{name}=={number}" if number else name for name, number in sorted(needed.items())),
        folders,
    )


def _quoted(word: str) -> str:
    import shlex

    return shlex.quote(word)


def _description(chart: Chart) -> dict[str, Any]:
    return {**chart.figure, "choices": chart.choices}


def _versions(runs: Sequence[ReportedRun]) -> list[tuple[str, str]]:
    """What the runs were made with; where they differ, all of it."""
    found: dict[str, list[str]] = {}
    for run in runs:
        environment = run.environment
        facts = dict(environment.get("versions", {}))
        facts |= {
            part["distribution"]: part["version"]
            for part in environment.get("components", [])
            if part.get("distribution")
        }
        facts |= {
            name: str(environment[key])
            for name, key in (("platform", "platform"), ("device", "device"), ("processes", "processes"))
            if key in environment
        }
        for name, value in facts.items():
            if value not in found.setdefault(name, []):
                found[name].append(value)
    return [(name, ", ".join(values)) for name, values in found.items()]


__all__ = ["DataInWords", "ObjectiveInWords", "content", "render", "write_report"]
