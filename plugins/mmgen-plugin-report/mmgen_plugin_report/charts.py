"""Charts as plain plotly descriptions; colours of text and lines around them are the page's own."""

from __future__ import annotations

import html
import itertools
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from .result_cells import BetaCurve, Cell, Key, beta_curves, format_number
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


def axes_layout(x: str, y: str, *, legend: bool = True, **more: Any) -> dict[str, Any]:
    """Axes with titles and nothing else."""
    axis = {"zeroline": False, "automargin": True}
    layout: dict[str, Any] = {
        "xaxis": {**axis, "title": {"text": escaped(x)}},
        "yaxis": {**axis, "title": {"text": escaped(y)}},
        "margin": {"l": 56, "r": 12, "t": 12, "b": 44},
        "showlegend": legend,
        "legend": {"orientation": "h", "yref": "container", "y": 0, "yanchor": "bottom", "x": 0},
        "hovermode": "closest",
    }
    return {**layout, **more}


def learning_curves(groups: Sequence[Group], all_seeds: bool) -> list[Chart]:
    """A chart per term: training dotted and validation in full; a colour per group, or per split of a single run.

    Args:
        groups: Of runs.
        all_seeds: Whether all runs of a group are drawn, or its first one.
    """
    shown = [
        (place, run)
        for place, group in enumerate(groups)
        for run in (group.runs if all_seeds else group.runs[:1])
        if run.history
    ]
    names = list(dict.fromkeys(name for _, run in shown for record in run.history for name in record.get("train", {})))
    names = ["loss", *(name for name in names if name != "loss")] if "loss" in names else names
    return [_learning_curve(groups, shown, name, number) for number, name in enumerate(names)]


def _learning_curve(groups: Sequence[Group], shown: Sequence[tuple[int, ReportedRun]], name: str, number: int) -> Chart:
    """The chart of one term; the first chart has the legend of all."""
    traces = []
    for place, run in shown:
        for split in ("train", "val"):
            points = _thinned([(r["epoch"], r[split][name]) for r in run.history if name in r.get(split, {})])
            if points:
                traces.append(_curve(groups, place, run, split, points, single=len(shown) == 1))
    layout = axes_layout("epoch", "", legend=number == 0, shapes=_stage_lines(shown))  # the term is the chart's title
    if max((r["epoch"] for _, run in shown for r in run.history), default=0) <= 10:
        layout["xaxis"]["dtick"] = 1
    title = name.replace("_", "-")
    figure = {"data": traces, "layout": layout}
    return Chart(f"curve-{number}", title, _describe_curves(title, shown, name), figure)


def _stage_lines(shown: Sequence[tuple[int, ReportedRun]]) -> list[dict[str, Any]]:
    """Vertical lines between stages, where all runs have the same ones."""
    ends = _stage_ends(shown[0][1].history) if len({_stage_ends(run.history) for _, run in shown}) == 1 else ()
    return [
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


def _curve(
    groups: Sequence[Group], place: int, run: ReportedRun, split: str, points: list[tuple[int, float]], *, single: bool
) -> dict[str, Any]:
    word = "training" if split == "train" else "validation"
    colour = COLOURS[(0 if split == "val" else 1) if single else place % len(COLOURS)]
    return {
        "type": "scatter",
        "mode": "lines" if len(points) > 1 else "markers",
        "x": [x for x, _ in points],
        "y": [_finite(y) for _, y in points],
        "name": escaped(word if single else groups[place].name),
        "legendgroup": split if single else str(place),
        "showlegend": single
        or (
            run is groups[place].first
            and split == ("val" if any("val" in record for record in run.history) else "train")
        ),
        "line": {"color": colour, "width": 2 if split == "val" else 1.4, "dash": "solid" if split == "val" else "dot"},
        "marker": {"color": colour},
        "text": escaped(word if single else f"{run.name}, {word}"),
        "hovertemplate": "%{text}<br>epoch %{x}: %{y:.5g}<extra></extra>",
    }


def _stage_ends(history: Sequence[Mapping[str, Any]]) -> tuple[float, ...]:
    """Between which epochs a new stage begins."""
    return tuple(one["epoch"] + 0.5 for one, two in itertools.pairwise(history) if one.get("stage") != two.get("stage"))


def _describe_curves(title: str, shown: Sequence[tuple[int, ReportedRun]], name: str) -> str:
    """First and last values in words."""
    sentences = []
    for _, run in shown[:3]:
        for split, word in (("train", "training"), ("val", "validation")):
            values = [record[split][name] for record in run.history if name in record.get(split, {})]
            if values:
                sentences.append(f"{run.name} {word} from {format_number(values[0])} to {format_number(values[-1])}")
    more = f"; and {len(shown) - 3} more runs" if len(shown) > 3 else ""
    return f"Line chart of {title} over epochs: {'; '.join(sentences)}{more}."


def _thinned(points: list[tuple[int, float]]) -> list[tuple[int, float]]:
    if len(points) <= LONGEST:
        return points
    return [points[round(i * (len(points) - 1) / (LONGEST - 1))] for i in range(LONGEST)]


def _finite(value: float) -> float | None:
    return float(f"{value:.6g}") if math.isfinite(value) else None


def along_beta(groups: Sequence[Group], numbers: Mapping[Key, Sequence[Cell | None]]) -> Chart | None:
    """One chart in which one chooses the number: means along β, with standard deviations over seeds.

    Args:
        groups: Of runs.
        numbers: A cell per group.

    Returns:
        The chart; None where β does not vary.
    """
    splits = len({key.split for key in numbers})
    choices: list[dict[str, Any]] = [
        {
            "name": f"{key.metric}: {key.describe(splits)}",
            "data": [_beta_trace(curve, place) for place, curve in enumerate(curves)],
            "y": escaped(f"{key.metric}: {key.measure}"),
        }
        for key, cells in numbers.items()
        if (curves := beta_curves(groups, cells))
    ]
    if not choices:
        return None
    betas = sorted({x for choice in choices for trace in choice["data"] for x in trace["x"]})
    layout = _beta_layout(choices[0], betas)
    alt = (
        f"Line chart of one number along β ({', '.join(f'{beta:g}' for beta in betas)}), a line for each method; the "
        "same numbers are in the table of metrics."
    )
    return Chart("beta", "One number along β", alt, {"data": choices[0]["data"], "layout": layout}, choices)


def _beta_trace(curve: BetaCurve, place: int) -> dict[str, Any]:
    """One method along β, in the colour of its place."""
    colour = COLOURS[place % len(COLOURS)]
    return {
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
            escaped(f"{curve.name}, β {beta:g}: {cell.format()} (n = {cell.runs})")
            for beta, cell in zip(curve.betas, curve.cells, strict=True)
        ],
        "hovertemplate": "%{text}<extra></extra>",
        "line": {"color": colour, "width": 2, "dash": DASHES[place // len(COLOURS) % len(DASHES)]},
        "marker": {"color": colour, "size": 8, "symbol": SYMBOLS[place % len(SYMBOLS)]},
    }


def _beta_layout(choice: Mapping[str, Any], betas: Sequence[float]) -> dict[str, Any]:
    """Axes of the choice that is shown first; β is logarithmic unless it can be 0."""
    positive = all(x > 0 for trace in choice["data"] for x in trace["x"])
    layout = axes_layout("β", "")
    layout["xaxis"] |= {"type": "log" if positive else "linear", "exponentformat": "power"}
    if positive and len(betas) <= 12:
        layout["xaxis"] |= {"tickvals": betas, "ticktext": [f"{beta:g}" for beta in betas]}
    layout["yaxis"]["title"] = {"text": choice["y"]}
    return layout
