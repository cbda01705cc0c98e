"""A run as a notebook shows it: what it is, how it learned, and its headline numbers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from html import escape
from typing import Any

from ..errors import PluginError
from ..evaluation.headline import in_headline

WIDTH, HEIGHT = 360, 90  # of the curves, in pixels
COLUMNS = ("measure", "given", "target", "label", "note")
COLOURS = {"train": "#8a8f98", "val": "#2a6fdb"}


def run_as_html(
    config: Mapping[str, Any], place: str, history: Sequence[dict[str, Any]], results: Sequence[dict[str, Any]]
) -> str:
    """HTML without scripts: a line of facts, the losses over epochs, and a table of headline numbers."""
    objective, dataset = config["objective"]["name"], config["dataset"]["name"]
    facts = [
        ("latent dimensions", config["model"]["latent_dim"]),
        ("β", f"{config['model']['beta']:g}"),
        ("modalities", ", ".join(config["modalities"])),
        ("epochs", len(history)),
        ("seed", config["training"]["seed"]),
        ("folder", place),
    ]
    listed = " · ".join(f"{name} <b>{escape(str(value))}</b>" for name, value in facts)
    head = f"<p><b>{escape(objective)}</b> on <b>{escape(dataset)}</b><br><small>{listed}</small></p>"
    return f"<div>{head}{_curves(history)}{_numbers(results)}</div>"


def _curves(history: Sequence[dict[str, Any]]) -> str:
    """Training and validation loss over epochs as a picture; nothing where there are fewer than two epochs."""
    curves = {
        side: [(record["epoch"], record[side]["loss"]) for record in history if side in record] for side in COLOURS
    }
    points = [point for curve in curves.values() for point in curve]
    if len(history) < 2:
        return ""
    low, high = min(loss for _, loss in points), max(loss for _, loss in points)
    first, last = history[0]["epoch"], history[-1]["epoch"]

    def place(epoch: float, loss: float) -> str:
        x = 4 + (WIDTH - 8) * (epoch - first) / max(last - first, 1)
        y = 4 + (HEIGHT - 8) * (high - loss) / max(high - low, 1e-12)
        return f"{x:.1f},{y:.1f}"

    lines = "".join(
        f'<polyline fill="none" stroke="{COLOURS[side]}" stroke-width="1.5" '
        f'points="{" ".join(place(*point) for point in curve)}"><title>{side} loss</title></polyline>'
        for side, curve in curves.items()
    )
    legend = " · ".join(
        f'<span style="color:{COLOURS[side]}">{side} loss {curve[-1][1]:.4g}</span>'
        for side, curve in curves.items()
        if curve
    )
    return f'<svg width="{WIDTH}" height="{HEIGHT}" role="img">{lines}</svg><br><small>{legend}</small>'


def _numbers(results: Sequence[dict[str, Any]]) -> str:
    """The headline numbers, a table for each metric that unfolds; or how to have some."""
    tables: dict[tuple[str, str], list[dict[str, Any]]] = {}
    for row in results:
        if _shown(row):
            tables.setdefault((row["metric"], row["split"]), []).append(row)
    if not tables:
        return "<p><small>No numbers yet: <code>run.evaluate()</code> computes them.</small></p>"
    parts = []
    for (metric, split), rows in tables.items():
        head = f"<b>{escape(metric)}</b> on {escape(split)} rows ({len(rows)})"
        parts.append(f"<details><summary>{head}</summary>{_table(rows)}</details>")
    return "".join(parts)


def _table(rows: Sequence[dict[str, Any]]) -> str:
    """Numbers of one metric; columns that are empty are left out."""
    names = [name for name in COLUMNS if any(row.get(name) for row in rows)]
    head = "".join(f"<th style='text-align:left;padding-right:1em'>{name}</th>" for name in (*names, "value", "n"))
    lines = []
    for row in rows:
        cells = [*(escape(str(row.get(name, ""))) for name in names), f"{row['value']:.4g}", f"{row['n']:,}"]
        lines.append(
            "<tr>" + "".join(f"<td style='text-align:left;padding-right:1em'>{cell}</td>" for cell in cells) + "</tr>"
        )
    return f"<table><tr>{head}</tr>{''.join(lines)}</table>"


def _shown(row: dict[str, Any]) -> bool:
    try:
        return in_headline(row)
    except PluginError:  # a metric that is not installed here
        return False
