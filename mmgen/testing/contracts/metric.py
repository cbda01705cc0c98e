"""What every metric must hold."""

from __future__ import annotations

import copy
import json
import math
import re
from dataclasses import replace

import torch
from matplotlib.figure import Figure
from torch import Tensor

from ...data import Table
from ...evaluation import Metric, Row
from ..toys import toy_data
from .contract import does_not_apply, same_global_randomness
from .metric_edges import MetricEdges
from .metric_order import MetricOrder
from .metric_trial import changed, own_cache

SIDES = ("train", "val", "test")


class MetricContract(MetricOrder, MetricEdges):
    """Rows as declared, of what exists, the same by the same seed and in any order, and a model that is left as it was.

    Attributes:
        objective: The objective of the model that it is tried on, which is not trained.
        kinds: The kinds of modalities of the toy (:func:`mmgen.testing.toy_data`).
        quick: Options that make it quick, of which those are set that the metric has and ``options`` does not say.
    """

    # Checks -----------------------------------------------------------------------------------------------------------

    def test_rows_have_the_declared_fields(self) -> None:
        """There are rows, each with exactly the fields of :class:`mmgen.evaluation.Row`; a number that is none has a
        note or is NaN, never ±∞.
        """
        rows, fields = self.outcome().rows, Row.__annotations__
        assert rows, f"{self.who}: it finds nothing on the toy, and does not say by unavailable_reason() why"
        for row in rows:
            assert set(row) == set(fields), f"{self.who}: a row has the fields {sorted(row)}, not {sorted(fields)}"
            for name in ("measure", "given", "target", "label", "note"):
                assert isinstance(row[name], str), f"{self.who}: {name} of a row is {row[name]!r}, not a string"
            assert row["measure"], f"{self.who}: a row does not say what it measures"
            assert type(row["value"]) is float and not math.isinf(row["value"]), (
                f"{self.who}: {row['measure']} is {row['value']!r}, not a number"
            )
            assert type(row["n"]) is int and row["n"] >= 1, (
                f"{self.who}: {row['measure']} is of {row['n']!r} rows; where there are none, there is no number"
            )
        keys = [(row["measure"], row["given"], row["target"], row["label"]) for row in rows]
        assert len(set(keys)) == len(keys), f"{self.who}: two rows say the same measure of the same thing"
        json.dumps(rows)

    def test_headline_measures_exist(self) -> None:
        """The measures that a summary shows are among those that are computed."""
        missing = set(self.loaded().headline) - {row["measure"] for row in self.outcome().rows}
        assert not missing, f"{self.who}: headline names {sorted(missing)}, which it does not compute"

    def test_figures_are_files_of_their_own(self) -> None:
        """What it draws has the name of a file, without ending, and is a figure; the model is left alone."""
        metric, evaluation = self.make(), self.evaluation(self.data)
        if metric.unavailable_reason(evaluation) is not None or type(metric).figures is Metric.figures:
            does_not_apply("it draws nothing")
        weights = copy.deepcopy(evaluation.model.state_dict())
        with own_cache(), same_global_randomness(self.who):
            figures = metric.figures(evaluation, [metric])
        for name, figure in figures.items():
            assert isinstance(figure, Figure), f"{self.who}: figures() gives {figure!r}, which is no matplotlib Figure"
            assert re.fullmatch(r"[\w-]+", name), f"{self.who}: {name!r} cannot be the name of a figure's file"
        same = all(torch.equal(value, weights[name]) for name, value in evaluation.model.state_dict().items())
        assert same, f"{self.who}: it changes the model when it draws"

    def test_the_same_seed_gives_the_same_rows(self) -> None:
        """Whatever the global random numbers are."""
        first, again = self.outcome(), self._compute(self.evaluation(self.data), seed=1)
        _assert_same(first.rows, again.rows, f"{self.who}: the same seed gives other rows")

    def test_the_model_is_left_alone(self) -> None:
        """Parameters, buffers, gradients and mode of the model are after it what they were before."""
        outcome = self.outcome()
        assert outcome.same_weights, f"{self.who}: it changes the model"
        assert outcome.evaluating, f"{self.who}: it leaves the model in training mode"
        assert outcome.same_learning, f"{self.who}: it changes which parameters learn"
        assert outcome.no_gradients, f"{self.who}: it leaves gradients in the model"

    def test_the_global_random_state_is_left_alone(self) -> None:
        """Whoever goes on with a training or another metric gets the same random numbers as without it."""
        assert self.outcome().same_random_state, (
            f"{self.who}: it draws from torch's global random numbers; draw within evaluation.seeded()"
        )

    def test_it_says_what_it_lacks(self) -> None:
        """On one modality without labels it is computed, or says as the end of a sentence why it cannot be."""
        toy = replace(toy_data(self.kinds[:1], rows=18), labels={})
        bare = changed(toy, lambda table: replace(table, labels={}), "bare")
        for evaluation in (self.evaluation(self.data), self.evaluation(bare)):
            metric = self.make()
            reason = metric.unavailable_reason(evaluation)
            if reason is None:
                if evaluation.data is bare:
                    with own_cache():
                        metric.compute(evaluation)
                continue
            assert isinstance(reason, str) and reason.strip(), (
                f"{self.who}: unavailable_reason() gives {reason!r}; a sentence's end, or None"
            )
            assert not reason.rstrip().endswith(".") and "\n" not in reason, (
                f"{self.who}: unavailable_reason() gives {reason!r}; the end of a sentence has no full stop"
            )

    def test_missing_values_are_not_read(self) -> None:
        """What stands in the place of a missing modality changes no number."""
        if all(bool(self.data.split(side).available.all()) for side in SIDES):
            does_not_apply(f"the objective {self.objective!r} needs every modality of every row")
        other = self.evaluation(changed(self.data, _with_garbage, "other"))
        sentence = f"{self.who}: what stands in the place of a missing modality matters"
        _assert_same(self.outcome().rows, self._compute(other, seed=0).rows, sentence)


def _assert_same(one: list[Row], two: list[Row], sentence: str) -> None:
    assert [{**row, "value": 0} for row in one] == [{**row, "value": 0} for row in two], sentence
    for first, second in zip(one, two):
        close = math.isclose(first["value"], second["value"], rel_tol=1e-4, abs_tol=1e-6)
        assert close or (math.isnan(first["value"]) and math.isnan(second["value"])), f"{sentence} ({first['measure']})"


def _with_garbage(table: Table) -> Table:
    """A table with ones where something is missing, in place of zeros."""

    def filled(values: Tensor, has: Tensor) -> Tensor:
        return torch.where(has.reshape(-1, *[1] * (values.dim() - 1)), values, torch.ones_like(values))

    return replace(
        table, data={name: filled(rows[:], table.available[:, m]) for m, (name, rows) in enumerate(table.data.items())}
    )
