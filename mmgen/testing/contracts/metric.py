"""What every metric must hold."""

from __future__ import annotations

import copy
import json
import math
import os
import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any, ClassVar

import torch
from torch import Tensor

from ...data import Data, Table
from ...evaluation import Evaluation, Metric, Row
from ...models import MultimodalVAE
from ...options import validated
from ...registry import load
from ..toys import toy_data
from .contract import Contract, does_not_apply, same_global_randomness, seed_everything

SIDES = ("train", "val", "test")
QUICK = {"classifier_steps": 8, "samples": 20, "rows": 12, "restarts": 2, "points": 4}


@dataclass(frozen=True)
class _Found:
    """The rows of a metric, and whether things are as they were."""

    rows: list[Row]
    same_weights: bool
    same_learning: bool
    no_gradients: bool
    evaluating: bool
    same_random_state: bool


class MetricContract(Contract):
    """Rows as declared, the same by the same seed, of rows that have what they are about; and a model that is left as it was.

    Attributes:
        objective: The objective of the model that it is tried on, which is not trained.
        kinds: The kinds of modalities of the toy (:func:`mmgen.testing.toy_data`).
        quick: Options that make it quick, of which those are set that the metric has and ``options`` does not say.
    """

    kind = "metrics"
    objective: ClassVar[str] = "elbo"
    kinds: ClassVar[tuple[str, ...]] = ("vector", "text", "image")
    quick: ClassVar[Mapping[str, Any]] = QUICK

    # What checks use ----------------------------------------------------------------------------------------------------

    def make(self) -> Metric:
        """The metric with its options."""
        found = self.loaded()
        quick = {name: value for name, value in self.quick.items() if name in found.Config.model_fields}
        return found(validated(found.Config, {**quick, **self.options}, "metrics"))

    @property
    def data(self) -> Data:
        """The toy; rows lack modalities where the objective can train on such."""
        complete = not load("objectives", self.objective).supports_missing
        return self.once("data", lambda: _toy(self.kinds, missing=0.0 if complete else 0.3))

    def evaluation(self, data: Data, model: MultimodalVAE | None = None) -> Evaluation:
        """An evaluation of an untrained model."""
        made = MultimodalVAE.create(self.objective, data, latent_dim=3) if model is None else model
        return Evaluation(made, data, max_rows=24)

    def found(self) -> _Found:
        """What the metric finds on the toy, computed once."""
        return self.once("found", lambda: self._compute(self.evaluation(self.data), seed=0))

    def _compute(self, evaluation: Evaluation, seed: int) -> _Found:
        metric, model = self.make(), evaluation.model
        before, wanted = copy.deepcopy(model.state_dict()), [parameter.requires_grad for parameter in model.parameters()]
        with _own_cache():
            lacking = metric.lacks(evaluation)
            if lacking is not None:
                does_not_apply(f"it cannot be computed on the toy: {lacking}; set kinds or objective")
            seed_everything(seed)
            state = torch.random.get_rng_state()
            with same_global_randomness(self.who):
                rows = metric.compute(evaluation)
        return _Found(
            rows=rows,
            same_weights=all(torch.equal(value, before[name]) for name, value in model.state_dict().items()),
            same_learning=wanted == [parameter.requires_grad for parameter in model.parameters()],
            no_gradients=all(parameter.grad is None for parameter in model.parameters()),
            evaluating=not model.training,
            same_random_state=torch.equal(state, torch.random.get_rng_state()),
        )

    # Checks -------------------------------------------------------------------------------------------------------------

    def test_rows_have_the_declared_fields(self) -> None:
        """There are rows, each with exactly the fields of :class:`mmgen.evaluation.Row`; a number that is none has a note or is NaN, never ±∞."""
        rows, fields = self.found().rows, Row.__annotations__
        assert rows, f"{self.who}: it finds nothing on the toy, and does not say by lacks() why"
        for row in rows:
            assert set(row) == set(fields), f"{self.who}: a row has the fields {sorted(row)}, not {sorted(fields)}"
            for name in ("measure", "given", "target", "label", "note"):
                assert isinstance(row[name], str), f"{self.who}: {name} of a row is {row[name]!r}, not a string"
            assert row["measure"], f"{self.who}: a row does not say what it measures"
            assert type(row["value"]) is float and not math.isinf(row["value"]), (
                f"{self.who}: {row['measure']} is {row['value']!r}, not a number"
            )
            assert type(row["n"]) is int and row["n"] >= 0, f"{self.who}: {row['measure']} is of {row['n']!r} rows"
        keys = [(row["measure"], row["given"], row["target"], row["label"]) for row in rows]
        assert len(set(keys)) == len(keys), f"{self.who}: two rows say the same measure of the same thing"
        json.dumps(rows)

    def test_headline_measures_exist(self) -> None:
        """The measures that a summary shows are among those that are computed."""
        missing = set(self.loaded().headline) - {row["measure"] for row in self.found().rows}
        assert not missing, f"{self.who}: headline names {sorted(missing)}, which it does not compute"

    def test_the_same_seed_gives_the_same_rows(self) -> None:
        """Whatever the global random numbers are."""
        first, again = self.found(), self._compute(self.evaluation(self.data), seed=1)
        _assert_same(first.rows, again.rows, f"{self.who}: the same seed gives other rows")

    def test_the_model_is_left_alone(self) -> None:
        """Parameters, buffers, gradients and mode of the model are after it what they were before."""
        found = self.found()
        assert found.same_weights, f"{self.who}: it changes the model"
        assert found.evaluating, f"{self.who}: it leaves the model in training mode"
        assert found.same_learning, f"{self.who}: it changes which parameters learn"
        assert found.no_gradients, f"{self.who}: it leaves gradients in the model"

    def test_the_global_random_state_is_left_alone(self) -> None:
        """Whoever goes on with a training or another metric gets the same random numbers as without it."""
        assert self.found().same_random_state, f"{self.who}: it draws from torch's global random numbers; draw within evaluation.seeded()"

    def test_it_says_what_it_lacks(self) -> None:
        """On one modality without labels it is computed, or says as the end of a sentence why it cannot be."""
        bare = _changed(replace(toy_data(self.kinds[:1], rows=18), labels={}), lambda table: replace(table, labels={}), "bare")
        for evaluation in (self.evaluation(self.data), self.evaluation(bare)):
            metric = self.make()
            lacking = metric.lacks(evaluation)
            if lacking is None:
                if evaluation.data is bare:
                    with _own_cache():
                        metric.compute(evaluation)
                continue
            assert isinstance(lacking, str) and lacking.strip(), f"{self.who}: lacks() gives {lacking!r}; a sentence's end, or None"
            assert not lacking.rstrip().endswith(".") and "\n" not in lacking, (
                f"{self.who}: lacks() gives {lacking!r}; the end of a sentence has no full stop"
            )

    def test_missing_values_are_not_read(self) -> None:
        """What stands in the place of a missing modality changes no number."""
        if all(bool(self.data.split(side).available.all()) for side in SIDES):
            does_not_apply(f"the objective {self.objective!r} needs every modality of every row")
        other = self.evaluation(_changed(self.data, _with_garbage, "other"))
        sentence = f"{self.who}: what stands in the place of a missing modality matters"
        _assert_same(self.found().rows, self._compute(other, seed=0).rows, sentence)


def _assert_same(one: list[Row], two: list[Row], sentence: str) -> None:
    assert [{**row, "value": 0} for row in one] == [{**row, "value": 0} for row in two], sentence
    for first, second in zip(one, two):
        close = math.isclose(first["value"], second["value"], rel_tol=1e-4, abs_tol=1e-6)
        assert close or (math.isnan(first["value"]) and math.isnan(second["value"])), f"{sentence} ({first['measure']})"


def _toy(kinds: tuple[str, ...], missing: float) -> Data:
    """The toy with a second label, two yes/no answers."""

    def answered(table: Table) -> Table:
        classes = table.labels["class"]
        answers = torch.stack([classes == 0, torch.arange(len(classes)) % 2 == 0], 1).long()
        return replace(table, labels={**table.labels, "answers": answers})

    data = toy_data(kinds, rows=36, missing=missing)
    return _changed(replace(data, labels={**data.labels, "answers": ("first", "even")}), answered, "answers")


def _changed(data: Data, change: Callable[[Table], Table], called: str) -> Data:
    """The same data with other tables."""
    train, val, test = (change(table) for table in (data.train, data.val, data.test))
    return replace(data, train=train, val=val, test=test, fingerprint=f"{data.fingerprint}-{called}")


def _with_garbage(table: Table) -> Table:
    """A table with ones where something is missing, in place of zeros."""

    def filled(values: Tensor, has: Tensor) -> Tensor:
        return torch.where(has.reshape(-1, *[1] * (values.dim() - 1)), values, torch.ones_like(values))

    return replace(table, data={name: filled(rows[:], table.available[:, m]) for m, (name, rows) in enumerate(table.data.items())})


@contextmanager
def _own_cache() -> Iterator[None]:
    """Classifiers of toys are kept in a folder that goes away."""
    before = os.environ.get("MMGEN_CACHE")
    with tempfile.TemporaryDirectory() as folder:
        os.environ["MMGEN_CACHE"] = folder
        try:
            yield
        finally:
            os.environ.pop("MMGEN_CACHE")
            if before is not None:
                os.environ["MMGEN_CACHE"] = before
