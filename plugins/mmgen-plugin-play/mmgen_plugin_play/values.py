"""Generated values on the page: pictures, numbers as bars and a table, text as text, and how sure they are."""

from __future__ import annotations

from typing import Any

import panel as pn
from matplotlib.figure import Figure

from mmgen import Rendering
from mmgen.evaluation import common_limits, draw_rendering, figure_png, rendered

from .playground import Playground
from .target import Target

DRAWS = 4  # that are shown beside the mean
TEXTS = 5
SIDE = 1.4  # inches of a picture
DOTS = 90  # of the page's pixels per inch
PLAIN = "pre { font-family: inherit; white-space: pre-wrap; margin: 0; }"


def words(text: str, *, color: str = "inherit", weight: str = "normal", size: str = "1em", kind: str = "words") -> Any:
    """Text as it is, whatever signs it has; ``kind`` is its class in the page."""
    styles = {"color": color, "font-weight": weight, "font-size": size}
    return pn.pane.Str(text, styles=styles, css_classes=[kind], stylesheets=[PLAIN], sizing_mode="stretch_width")


def shown(target: Target, given: bool) -> list[Any]:
    """A modality: its name, what was measured and what is generated, and how sure that is.

    Args:
        target: What is generated.
        given: Whether the model was given what was measured.
    """
    head = f"{target.name}: {'given, and generated again' if given else 'generated'}"
    sure = words(target.how_sure(), color="#555", kind="sure")
    return [words(head, weight="bold"), *(_text(target) if target.kind == "text" else _pictures(target)), sure]


def _text(target: Target) -> list[Any]:
    lines = [f"{often} × {text}" for text, often in target.texts()[:TEXTS]]
    if target.measured is not None:
        lines.insert(0, f"measured: {target.modality.render(target.measured.numpy()).content}")
    return [words("\n".join(lines))]


def _pictures(target: Target) -> list[Any]:
    """Measured, mean and some draws side by side, and of bars the numbers behind them."""
    values = {"mean": target.means.float().mean(0)}
    values |= {f"draw {number}": one for number, one in enumerate(target.means[:DRAWS], 1)}
    if target.measured is not None:
        values = {"measured": target.measured, **values}
    made = [side_by_side(rendered(target.modality, values.values()), list(values))]
    if target.kind == "bars":
        made.append(pn.pane.DataFrame(target.table(), float_format="{:.3g}".format, na_rep="–"))
    return made


def strip(playground: Playground, row: int, other: int) -> list[Any]:
    """What is generated on the way from one row to another, of each modality."""
    made: list[Any] = []
    for name, values in playground.walk(row, other).items():
        cells = rendered(playground.model.modalities[name], values)
        titles = ["this row", *[""] * (len(cells) - 2), "the other"]
        made += [words(f"{name}: on the way", weight="bold"), side_by_side(cells, titles)]
    return made


def side_by_side(cells: list[Rendering], titles: list[str]) -> Any:
    """Values beside each other, on one scale, each with a title."""
    figure, limits = Figure(figsize=(SIDE * len(cells), SIDE + 0.3), layout="constrained"), common_limits(cells)
    for axes, cell, title in zip(figure.subplots(1, len(cells), squeeze=False)[0], cells, titles, strict=True):
        draw_rendering(axes, cell, limits)
        axes.set_title(title, fontsize="small")
    return pn.pane.PNG(figure_png(figure), sizing_mode="scale_width", max_width=int(DOTS * SIDE * len(cells)))
