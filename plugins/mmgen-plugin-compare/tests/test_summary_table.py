"""Means, deviations, Welch's error, which number is bold, which β is chosen, and what the figure shows, against numbers
made by hand.
"""

import itertools
import math
import statistics
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest

from mmgen import MmgenError
from mmgen_plugin_compare import Choice, chosen_betas, summarise, tradeoff_figure
from mmgen_plugin_compare.command import _cell, _notes
from mmgen_plugin_compare.figure import save_figure, tradeoff
from mmgen_plugin_compare.summary import RESULT

COHERENCE = Choice("coherence", "cross")


def table(values, *, metric="coherence", measure="cross", given="1 of 3", target="mean", split="test", label="class"):
    """Rows from ``{(objective, beta): [a value per seed]}``."""
    rows = [
        {
            "objective": objective,
            "beta": beta,
            "seed": seed,
            "metric": metric,
            "measure": measure,
            "given": given,
            "target": target,
        }
        | {"label": label, "value": value, "n": 100, "note": "", "split": split, "data": "simulated"}
        for (objective, beta), each in values.items()
        for seed, value in enumerate(each)
    ]
    return pd.DataFrame(rows, columns=RESULT)


def loss(values, split="test"):
    return table(values, metric="reconstruction", measure="loss", given="a+b+c", target="all", split=split, label="")


def best(summary):
    return [(row.objective, row.beta) for row in summary.itertuples() if row.best]


def test_what_evaluations_say_against_a_shown_measure_is_said_once():
    results = pd.concat([table({("a", 1.0): [0.5, 0.7], ("b", 1.0): [0.1, 0.2]}), loss({("a", 1.0): [3.0]})])
    results.loc[results.metric == "coherence", "note"] = "untrustworthy: some classifiers are too weak"
    hidden = table({("a", 1.0): [0.5]}, given="2 of 3").assign(note="not in the table")
    summary = summarise(results, COHERENCE)
    comparison = SimpleNamespace(results=pd.concat([results, hidden]), summary=summary)
    assert _notes(comparison) == [
        "coherence: untrustworthy: some classifiers are too weak (4 of its numbers above, over all runs)."
    ]
    assert _notes(SimpleNamespace(results=results[:0], summary=summary)) == []


def test_mean_and_deviation_are_those_of_the_seeds():
    values = {("a", 1.0): [0.5, 0.7, 0.9], ("b", 1.0): [0.1]}
    summary = summarise(table(values), COHERENCE).set_index("objective")
    assert summary.loc["a", "mean"] == pytest.approx(0.7)
    assert summary.loc["a", "std"] == pytest.approx(statistics.stdev([0.5, 0.7, 0.9])) == pytest.approx(0.2)
    assert summary.loc["a", "n"] == 3
    assert summary.loc["b", "n"] == 1
    assert math.isnan(summary.loc["b", "std"])


@pytest.mark.parametrize(
    ("mean", "std", "n", "text"),
    [
        (2237.4, 0.31, 2, "2237.4 ± 0.3"),
        (693.4, 0.02, 3, "693.40 ± 0.02"),
        (119.0, 12.0, 3, "119.0 ± 12.0"),
        (0.8034, 0.009, 3, "0.803 ± 0.009"),
        (2237.4, 0.0, 2, "2237 ± 0"),
        (2237.4, math.nan, 1, "2237"),
        (0.5, 0.00001, 3, "0.500 ± 0.000"),
    ],
)
def test_of_an_error_there_is_a_digit_to_be_seen(mean, std, n, text):
    assert str(_cell({"mean": mean, "std": std, "n": n, "best": False}, n, plain=True)) == text


@pytest.mark.parametrize(
    ("first", "second", "bold"),
    [
        # Means 0.8 and 0.5; s² = 0.01 and 0.04; error √(0.01/3 + 0.04/3) = 0.129: smaller than 0.3.
        ([0.7, 0.8, 0.9], [0.3, 0.5, 0.7], True),
        # Means 0.6 and 0.5, the same deviations: 0.129 is larger than 0.1.
        ([0.5, 0.6, 0.7], [0.3, 0.5, 0.7], False),
        # Two seeds and three: s² = 0.02 and 0.04; error √(0.02/2 + 0.04/3) = 0.1528 against 0.16 and 0.15.
        ([0.56, 0.76], [0.3, 0.5, 0.7], True),
        ([0.55, 0.75], [0.3, 0.5, 0.7], False),
        ([0.9], [0.1, 0.1], False),  # one seed has no uncertainty
        ([0.9, 0.9], [0.1], False),
        ([0.5, 0.5], [0.5, 0.5], False),  # a tie
        ([0.6, 0.6], [0.5, 0.5], True),  # no spread at all
        ([0.7, 0.8, 0.9], [math.nan, math.nan, math.nan], False),  # nothing to compare with
    ],
)
def test_bold_only_beyond_the_uncertainty(first, second, bold):
    found = best(summarise(table({("b", 1.0): second, ("a", 1.0): first}), COHERENCE))
    assert found == ([("a", 1.0)] if bold else [])


def test_less_is_better_for_losses_and_nothing_for_floors():
    values = {("a", 1.0): [10.0, 11.0], ("b", 1.0): [20.0, 21.0]}
    assert best(summarise(loss(values))) == [("a", 1.0)]
    assert best(summarise(table(values, measure="classifier", given="real data"))) == []


def test_beta_is_chosen_by_validation_rows_alone_and_only_chosen_ones_compete():
    test = {("a", 0.1): [0.99, 0.98], ("a", 1.0): [0.6, 0.61], ("b", 0.1): [0.5, 0.51], ("b", 1.0): [0.1, 0.1]}
    val = {("a", 0.1): [0.2, 0.2], ("a", 1.0): [0.6, 0.6], ("b", 0.1): [0.5, 0.5], ("b", 1.0): [0.1, 0.1]}
    everything = pd.concat([table(test), table(val, split="val")])
    assert chosen_betas(everything, COHERENCE) == {"a": 1.0, "b": 0.1}
    summary = summarise(everything, COHERENCE)
    assert best(summary) == [("a", 1.0)], "0.99 at a β that validation rows did not choose"
    assert {(row.objective, row.beta) for row in summary.itertuples() if row.chosen} == {("a", 1.0), ("b", 0.1)}
    assert len(summary) == 4, "all β are there"
    upside_down = pd.concat([loss(test), loss(val, split="val")])
    assert chosen_betas(upside_down, Choice("reconstruction", "loss")) == {"a": 0.1, "b": 1.0}
    assert chosen_betas(table(test), None) == {}
    assert best(summarise(table(test))) == [("a", 0.1)], "nothing could be chosen, so all compete"


def test_a_summary_has_headline_measures_only():
    detail = table({("a", 1.0): [0.1]}, given="x", target="y")
    other = table({("a", 1.0): [0.1]}, measure="self")
    assert summarise(pd.concat([detail, other])).empty
    assert summarise(table({})).empty


def test_losses_are_compared_with_those_over_the_same_targets():
    whole = loss({("all", 0.1): [30.0, 31.0], ("all", 1.0): [20.0, 21.0], ("other", 1.0): [25.0, 26.0]})
    fewer = {("some", 0.1): [9.0, 9.1], ("some", 1.0): [8.0, 8.1]}
    fewer = table(fewer, metric="reconstruction", measure="loss", given="a+b+c", target="b", label="")
    score = table({("all", 1.0): [0.5, 0.6], ("other", 1.0): [0.6, 0.6], ("some", 1.0): [0.4, 0.4]})
    everything = pd.concat([whole, fewer, score])
    summary = summarise(everything)
    losses = summary[summary.measure == "loss"].set_index(["objective", "beta"])
    assert set(losses.target) == {"all", "b"}, "a column each"
    assert losses.loc[("all", 1.0), "best"], "8 is less than 20, and of other things"
    assert losses.loc[("some", 1.0), "best"]
    assert set(tradeoff(everything, COHERENCE).objective) == {"all", "other"}
    alone = tradeoff(everything[everything.objective == "some"], COHERENCE)
    assert set(alone.objective) == {"some"}, "among themselves they are equal"
    val = pd.concat([whole, fewer]).assign(split="val")
    chosen = chosen_betas(val, Choice("reconstruction", "loss"))
    assert chosen == {"all": 1.0, "other": 1.0, "some": 1.0}


def test_what_cannot_choose_is_a_sentence():
    with pytest.raises(MmgenError, match="write NAME:measure"):
        Choice.parse("coherence")
    with pytest.raises(MmgenError, match="floor or a ceiling"):
        Choice.parse("coherence:classifier")
    assert Choice.parse("coherence:cross") == COHERENCE


def test_the_figure_has_a_line_per_objective_along_beta_with_errors_in_both_directions(tmp_path):
    score = {
        ("a", 0.1): [0.2, 0.4],
        ("a", 1.0): [0.6, 0.8],
        ("b", 0.1): [0.5, 0.5],
        ("b", 1.0): [0.3, 0.1],
        ("joint", 1.0): [math.nan] * 2,
    }
    cost = {
        ("a", 1.0): [12.0, 14.0],
        ("a", 0.1): [10.0, 10.0],
        ("b", 0.1): [20.0, 22.0],
        ("b", 1.0): [30.0, 30.0],
        ("joint", 1.0): [1.0, 2.0],
    }
    everything = pd.concat([table(score), table(score, split="val"), loss(cost)])
    figure = tradeoff_figure(everything, COHERENCE, ["toy, simulated: some rows."])
    (axes,) = figure.axes
    assert [container.get_label() for container in axes.containers] == ["a", "b"]
    line, _, bars = axes.containers[0].lines
    np.testing.assert_allclose(line.get_xydata(), [[10, 0.3], [13, 0.7]])
    across, along = bars
    np.testing.assert_allclose(
        [segment[1] - segment[0] for segment in across.get_segments()], [[0, 0], [2 * math.sqrt(2), 0]], atol=1e-12
    )
    np.testing.assert_allclose(
        [segment[1] - segment[0] for segment in along.get_segments()], [[0, 2 * math.sqrt(0.02)]] * 2, atol=1e-12
    )
    rings = [
        points.get_offsets()[0].tolist()
        for points in axes.collections
        if points.get_offsets().shape == (1, 2) and len(points.get_paths()) == 1
    ]
    assert [13.0, pytest.approx(0.7)] in rings
    assert [21.0, pytest.approx(0.5)] in rings
    assert "simulated" in axes.get_title()
    for path in save_figure(figure, tmp_path):
        assert path.stat().st_size > 5000
    assert (tmp_path / "figure.png").read_bytes()[:4] == b"\x89PNG"
    assert (tmp_path / "figure.pdf").read_bytes()[:4] == b"%PDF"
    assert tradeoff_figure(table(score), COHERENCE, []) is None, "no reconstruction, no figure"


def test_labels_stand_beside_their_points_and_on_nothing_else():
    betas = [0.001, 0.003, 0.01, 0.03, 0.1]
    score = {("a", beta): [0.3 + number / 1000] * 2 for number, beta in enumerate(betas)} | {("b", 1.0): [0.9, 0.9]}
    cost = {("a", beta): [10 + number / 100] * 2 for number, beta in enumerate(betas)} | {("b", 1.0): [20.0, 20.0]}
    everything = pd.concat([table(score), table(score, split="val"), loss(cost)])
    figure = tradeoff_figure(everything, COHERENCE, [])
    (axes,) = figure.axes
    boxes = {text.get_text(): text.get_window_extent() for text in axes.texts}
    assert {"β=1"} < set(boxes), "some of five points in one place, and the one that stands alone"
    for one, two in itertools.combinations(boxes.values(), 2):
        assert not one.overlaps(two)
    legend = axes.get_legend().get_window_extent()
    assert not any(box.overlaps(legend) for box in boxes.values())
