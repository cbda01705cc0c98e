"""Bars of a vector in a cell: one outline, whatever its length, from which no extreme value is lost."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from matplotlib.figure import Figure

from mmgen.data import Rendering
from mmgen.evaluation.drawing import MOST_BARS, draw_rendering, figure_png


def outline(values):
    """The only patch of a cell: upper and lower ends, and edges."""
    axes = Figure().subplots()
    draw_rendering(axes, Rendering("bars", values))
    (patch,) = axes.patches
    return patch.get_data()


@settings(max_examples=30)
@given(st.lists(st.floats(-5, 5, width=32) | st.just(float("nan")), min_size=1, max_size=60))
def test_each_bar_goes_from_zero_to_its_value(values):
    found = outline(np.array(values))
    for value, high, low in zip(values, found.values, found.baseline, strict=True):
        assert (np.isnan(high) and np.isnan(low)) if np.isnan(value) else (high, low) == (max(value, 0), min(value, 0))
    assert found.edges.tolist() == pytest.approx([n - 0.5 for n in range(len(values) + 1)])


@settings(max_examples=20)
@given(st.integers(MOST_BARS + 1, 5000), st.data())
def test_many_bars_share_an_outline_and_the_largest_is_seen(count, data):
    values = np.zeros(count)
    places = [data.draw(st.integers(0, count - 1)) for _ in range(2)]
    values[places[0]], values[places[1]] = 3.0, -2.0
    found = outline(values)
    assert len(found.values) == MOST_BARS
    assert found.baseline.min() == -2.0
    assert found.values.max() == (3.0 if places[0] != places[1] else 0.0)
    k = found.baseline.argmin()
    assert found.edges[k] < places[1] < found.edges[k + 1]


def test_what_is_missing_is_left_out_of_what_shares_a_bar():
    values = np.full(10 * MOST_BARS, np.nan)
    values[15] = 1.0
    found = outline(values)
    assert found.values[1] == 1.0
    assert np.isnan(np.delete(found.values, 1)).all()
    figure = Figure()
    draw_rendering(figure.subplots(), Rendering("bars", values))
    assert len(figure_png(figure)) > 1000
