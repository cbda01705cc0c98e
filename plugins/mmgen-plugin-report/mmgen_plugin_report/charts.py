"""Charts as plain plotly descriptions; colours of text and lines around them are the page's own."""

from __future__ import annotations

import html
import itertools
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from .result_cells import Cell, Key, beta_curves, number
from .runs import Group, ReportedRun

COLOURS = ("#3f7fd0", "#e0792f", "#3a9a62", "#cc5470", "#8667cf", "#159aa8", "#b58b1f", "#808790", "#c85fb0", "#6f8f2a")
DASHES = ("solid", "dash", "dashdot", "longdash", "dot")
SYMBOLS = ("circle", "square", "diamond", "triangle-up", "x", "star", "cross", "triangle-down")
LONGEST = 400  # points of a curve; longer ones are thinned evenly


@dataclass(frozen=True)
class Chart:
    """One chart of the page.

    Attributes:
        name: Its id.
        title: Above it.
        alt: The text alternative.
        figure: ``data`` and ``layout`` for plotly.
        choices: Other contents to choose from, each with ``name``, ``data`` and ``y`` (a title); the first is what
            ``figure`` shows.
    """

    name: str
    title: str
    alt: str
    figure: dict[str, Any]
    choices: list[dict[str, Any]] = field(default_factory=list)


def escaped(text: str) -> str:
    """A name in a label: plotly reads some HTML there, and names are not HTML."""
    return html.escape(text, quote=False)


def layout(x: str, y: str, *, legend: bool = True, **more: Any) -> dict[str, Any]:
    """Axes with titles and nothing else."""
    axis = {"zeroline": False, "automargin": True}
    found: dict[str, Any] = {
        "xaxis": {**axis, "title": {"text": escaped(x)}},
        "yaxis": {**axis, "title": {"text": escaped(y)}},
        "margin": {"l": 56, "r": 12, "t": 12, "b": 44},
        "showlegend": legend,
        "legend": {"orientation": "h", "yref": "container", "y": 0, "yanchor": "bottom", "x": 0},
        "hovermode": "closest",
    }
    return {**found, **more}


def learning_curves(groups: Sequence[Group], all_seeds: bool) -> list[Chart]:
    """A chart per term: training dotted and validation in full; a colour per group, or per part where there is a single
    run.
    """
    shown = [
        (place, run) for place, group in enumerate(groups) for run in (group.runs if all_seeds else group.runs[:1])
    ]
    shown = [(place, run) for place, run in shown if run.history]
    names = list(dict.fromkeys(name for _, run in shown for record in run.history for name in record.get("train", {})))
    names = ["loss", *(name for name in names if name != "loss")] if "loss" in names else names
    charts = []
    for number_of_chart, name in enumerate(names):
        traces = []
        for place, run in shown:
            for part in ("train", "val"):
                points = _thinned([(r["epoch"], r[part][name]) for r in run.history if name in r.get(part, {})])
                if points:
                    traces.append(_curve(groups, place, run, part, points, single=len(shown) == 1))
        ends = _stage_ends(shown[0][1].history) if len({_stage_ends(run.history) for _, run in shown}) == 1 else ()
        lines = [
            {
                "type": "line",
                "x0": end,
                "x1": end,
                "yref": "paper",
                "y0": 0,
                "y1": 1,
                "line": {"width": 1, "dash": "dot", "color": "#888"},
            }
            for end in ends
        ]
        title = name.replace("_", "-")
        made = layout("epoch", "", legend=number_of_chart == 0, shapes=lines)  # the term is the title of the chart
        if max((r["epoch"] for _, run in shown for r in run.history), default=0) <= 10:
            made["xaxis"]["dtick"] = 1
        charts.append(
            Chart(f"curve-{number_of_chart}", title, _curves_said(title, shown, name), {"data": traces, "layout": made})
        )
    return charts


def _curve(
    groups: Sequence[Group], place: int, run: ReportedRun, part: str, points: list[tuple[int, float]], *, single: bool
) -> dict[str, Any]:
    word = "training" if part == "train" else "validation"
    colour = COLOURS[(0 if part == "val" else 1) if single else place % len(COLOURS)]
    return {
        "type": "scatter",
        "mode": "lines" if len(points) > 1 else "markers",
        "x": [x for x, _ in points],
        "y": [_finite(y) for _, y in points],
        "name": escaped(word if single else groups[place].name),
        "legendgroup": part if single else str(place),
        "showlegend": single
        or (
            run is groups[place].first
            and part == ("val" if any("val" in record for record in run.history) else "train")
        ),
        "line": {"color": colour, "width": 2 if part == "val" else 1.4, "dash": "solid" if part == "val" else "dot"},
        "marker": {"color": colour},
        "text": escaped(word if single else f"{run.name}, {word}"),
        "hovertemplate": "%{text}<br>epoch %{x}: %{y:.5g}<extra></extra>",
    }


def _stage_ends(history: Sequence[Mapping[str, Any]]) -> tuple[float, ...]:
    """Between which epochs a new stage begins."""
    return tuple(one["epoch"] + 0.5 for one, two in itertools.pairwise(history) if one.get("stage") != two.get("stage"))


def _curves_said(title: str, shown: Sequence[tuple[int, ReportedRun]], name: str) -> str:
    """First and last values in words."""
    said = []
    for _, run in shown[:3]:
        for part, word in (("train", "training"), ("val", "validation")):
            values = [record[part][name] for record in run.history if name in record.get(part, {})]
            if values:
                said.append(f"{run.name} {word} from {number(values[0])} to {number(values[-1])}")
    more = f"; and {len(shown) - 3} more runs" if len(shown) > 3 else ""
    return f"Line chart of {title} over epochs: {'; '.join(said)}{more}."


def _thinned(points: list[tuple[int, float]]) -> list[tuple[int, float]]:
    if len(points) <= LONGEST:
        return points
    return [points[round(i * (len(points) - 1) / (LONGEST - 1))] for i in range(LONGEST)]


def _finite(value: float) -> float | None:
    return float(f"{value:.6g}") if math.isfinite(value) else None


def along_beta(groups: Sequence[Group], numbers: Mapping[Key, Sequence[Cell | None]]) -> Chart | None:
    """One chart in which one chooses the number: means along β with standard deviations over seeds; None where β does
    not vary.
    """
    splits = len({key.split for key in numbers})
    choices: list[dict[str, Any]] = []
    for key, cells in numbers.items():
        curves = beta_curves(groups, cells)
        traces = []
        for place, curve in enumerate(curves):
            colour = COLOURS[place % len(COLOURS)]
            traces.append(
                {
                    "type": "scatter",
                    "mode": "lines+markers",
                    "x": curve.betas,
                    "y": [_finite(cell.mean) for cell in curve.cells],
                    "error_y": {
                        "type": "data",
                        "array": [None if cell.deviation is None else _finite(cell.deviation) for cell in curve.cells],
                        "thickness": 1.2,
                        "width": 4,
                    },
                    "name": escaped(curve.name),
                    "text": [
                        escaped(f"{curve.name}, β {b:g}: {c.said()} (n = {c.runs})")
                        for b, c in zip(curve.betas, curve.cells, strict=True)
                    ],
                    "hovertemplate": "%{text}<extra></extra>",
                    "line": {"color": colour, "width": 2, "dash": DASHES[place // len(COLOURS) % len(DASHES)]},
                    "marker": {"color": colour, "size": 8, "symbol": SYMBOLS[place % len(SYMBOLS)]},
                }
            )
        if traces:
            choices.append(
                {
                    "name": f"{key.metric}: {key.said(splits)}",
                    "data": traces,
                    "y": escaped(f"{key.metric}: {key.measure}"),
                }
            )
    if not choices:
        return None
    positive = all(x > 0 for trace in choices[0]["data"] for x in trace["x"])
    made = layout("β", "")
    made["xaxis"] |= {"type": "log" if positive else "linear", "exponentformat": "power"}
    betas = sorted({x for choice in choices for trace in choice["data"] for x in trace["x"]})
    if positive and len(betas) <= 12:
        made["xaxis"] |= {"tickvals": betas, "ticktext": [f"{beta:g}" for beta in betas]}
    made["yaxis"]["title"] = {"text": choices[0]["y"]}
    alt = (
        f"Line chart of one number along β ({', '.join(f'{beta:g}' for beta in betas)}), a line for each method; the "
        "same numbers are in the table of metrics."
    )
    return Chart("beta", "One number along β", alt, {"data": choices[0]["data"], "layout": made}, choices)
