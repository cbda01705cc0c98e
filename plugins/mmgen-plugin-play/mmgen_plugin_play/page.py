"""The page: what is chosen on the left, what is generated from it on the right."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import panel as pn
import torch
from bokeh.events import Tap
from bokeh.models import ColumnDataSource
from bokeh.palettes import Category10
from bokeh.plotting import figure

from mmgen import MmgenError

from .playground import Playground
from .target import Seen
from .values import shown, strip, words

DIMENSIONS = 8  # that have a slider
ROW, POINT = "a row", "a point"
NOWHERE = "nowhere"
WIDE: dict[str, Any] = {"sizing_mode": "stretch_width", "max_width": 400, "min_width": 280}
ROOM: dict[str, Any] = {"sizing_mode": "stretch_width", "max_width": 900, "min_width": 300}


class Page:
    """One window of a playground."""

    def __init__(self, playground: Playground) -> None:
        self.playground, self.quiet = playground, False
        self.z = playground.z[0]  # of the point, or of the row given what is switched on
        self.names = playground.called()
        self.row = pn.widgets.Select(label="Row", options=self.names, value=self.names[0], **WIDE)
        self.mode = pn.widgets.RadioButtonGroup(label="What", options=[ROW, POINT], value=ROW, **WIDE)
        self.given = pn.widgets.CheckBoxGroup(label="Given", options=[], value=[])
        self.draws = pn.widgets.IntSlider(label="Draws", start=2, end=100, value=20, **WIDE)
        self.other = pn.widgets.Select(label="Walk from this row to", options=[NOWHERE, *self.names], **WIDE)
        low, high = playground.z.min(0).values - 1, playground.z.max(0).values + 1
        self.sliders = [
            pn.widgets.FloatSlider(label=f"z{d}", start=float(low[d]), end=float(high[d]), step=0.01, **WIDE)
            for d in range(min(DIMENSIONS, playground.z.shape[1]))
        ]
        self.error = words("", color="#b00020", weight="bold")
        self.made = pn.Column(sizing_mode="stretch_width")
        self.here = ColumnDataSource({"x": [], "y": []})
        self.map = self._map()
        self._watch()
        self._take_row()

    def view(self) -> Any:
        """Everything, laid out; side by side where there is room."""
        run = self.playground.run
        about = f"{self.playground.model.name} on {run.config['dataset']['name']}: {self.playground.split} rows"
        kind = run.data.provenance.kind
        head = words(about + ("" if kind == "real" else f" ({kind} data)"), size="1.3em")
        hint = words("Click on the map: the nearest row, or that point.", color="#555")
        walking = pn.Card(*self.sliders, title="Walk through the latent space", collapsed=True, **WIDE)
        choice = pn.Column(
            *(self.mode, self.row, words("Given"), self.given, self.map, hint, walking, self.draws, self.other),
            max_width=420,
            sizing_mode="stretch_width",
        )
        return pn.Column(head, pn.FlexBox(choice, pn.Column(self.error, self.made, **ROOM)))

    def _map(self) -> Any:
        """The rows in two dimensions, coloured by their first label; where one is, is a cross."""
        places, (label, classes) = self.playground.plane(self.playground.z).numpy(), self.playground.classes()
        kinds = sorted(set(classes))
        colours = [Category10[10][kinds.index(one) % 10] for one in classes]
        title = "Latents" + (f" by {label}" if label else "")
        plot = figure(
            title=title, height=300, sizing_mode="stretch_width", tools="pan,wheel_zoom,reset", toolbar_location="right"
        )
        plot.toolbar.logo = None
        plot.scatter(places[:, 0], places[:, 1], size=5, alpha=0.6, color=colours)
        plot.scatter("x", "y", source=self.here, size=16, marker="cross", line_width=3, color="black")
        plot.on_event(Tap, lambda event: self.go_to(event.x, event.y))
        return pn.pane.Bokeh(plot, **WIDE)

    def _watch(self) -> None:
        self.row.param.watch(lambda _: self._take_row(), "value")
        for widget in (self.given, self.draws, self.other, self.mode):
            widget.param.watch(lambda _: self._show(), "value")
        for slider in self.sliders:
            slider.param.watch(lambda _: self._walk(), "value")

    @contextmanager
    def _quietly(self) -> Iterator[None]:
        """Change widgets without being told of it."""
        before, self.quiet = self.quiet, True
        try:
            yield
        finally:
            self.quiet = before

    @property
    def chosen(self) -> int:
        """The row that is chosen, by its place on the map."""
        return self.names.index(self.row.value)

    # What somebody does -----------------------------------------------------------------------------------------------

    def go_to(self, x: float, y: float) -> None:
        """Take the row nearest to a place of the map, or the point itself."""
        if self.mode.value == ROW:
            self.row.value = self.names[self.playground.nearest(x, y)]
            return
        self.z = self.playground.point(x, y, self.z)
        self._show()

    def _take_row(self) -> None:
        with self._quietly():
            there = self.playground.available(self.chosen)
            usual = [name for name in self.playground.default_given if name in there]
            self.given.options, self.given.value = there, usual or there
            self.mode.value = ROW
        self._show()

    def _walk(self) -> None:
        """A slider was moved: from here on it is a point."""
        if self.quiet:
            return
        self.z = self.z.clone()
        self.z[: len(self.sliders)] = torch.tensor([slider.value for slider in self.sliders], dtype=self.z.dtype)
        with self._quietly():
            self.mode.value = POINT
        self._show()

    # What is seen -----------------------------------------------------------------------------------------------------

    def seen(self) -> Seen:
        """What is generated from what is chosen now.

        Raises:
            MmgenError: What the objective does not infer from.
        """
        draws = int(self.draws.value or 2)
        if self.mode.value == POINT:
            return self.playground.at(self.z, draws)
        return self.playground.of_row(self.chosen, self.given.value, draws)

    def _show(self) -> None:
        if self.quiet:
            return
        try:
            seen = self.seen()
        except MmgenError as error:
            self.error.object, self.made.objects = str(error), []
            return
        self.error.object, self.z = "", seen.z
        place = self.playground.plane(seen.z).numpy()
        self.here.data = {"x": np.atleast_1d(place)[:1], "y": np.atleast_1d(place)[1:2]}
        with self._quietly():
            for slider, value in zip(self.sliders, seen.z.tolist(), strict=False):
                slider.start, slider.end = min(slider.start, value), max(slider.end, value)
                slider.value = value
        given = self.given.value if self.mode.value == ROW else ()
        parts = [part for name, target in seen.targets.items() for part in shown(target, name in given)]
        if self.mode.value == ROW and self.other.value != NOWHERE:
            parts = [*strip(self.playground, self.chosen, self.names.index(self.other.value)), *parts]
        self.made.objects = parts
