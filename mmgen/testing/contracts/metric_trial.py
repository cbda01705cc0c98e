"""What checks of a metric share: the toy, the metric on an untrained model, and what it found."""

from __future__ import annotations

import copy
import os
import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any, ClassVar

import torch

from ...data import Data, Table
from ...evaluation import Evaluation, Metric, Row
from ...models import MultimodalVAE
from ...options import validated
from ...registry import load
from ..toys import toy_data
from .contract import Contract, does_not_apply, same_global_randomness, seed_everything

QUICK = {
    "classifier_steps": 4,
    "samples": 20,
    "rows": 12,
    "manifold_rows": 12,
    "probe_rows": 24,
    "restarts": 2,
    "points": 4,
    "draws": 40,
    "iterations": 1,
}


@dataclass(frozen=True)
class Outcome:
    """The rows of a metric, and whether things are as they were."""

    rows: list[Row]
    same_weights: bool
    same_learning: bool
    no_gradients: bool
    evaluating: bool
    same_random_state: bool


class MetricTrial(Contract):
    """A metric on toys.

    Attributes:
        objective: The objective of the model that it is tried on, which is not trained.
        kinds: The kinds of modalities of the toy (:func:`mmgen.testing.toy_data`).
        quick: Options that make it quick, of which those are set that the metric has and ``options`` does not say.
    """

    kind = "metrics"
    objective: ClassVar[str] = "elbo"
    kinds: ClassVar[tuple[str, ...]] = ("vector", "text", "image")
    quick: ClassVar[Mapping[str, Any]] = QUICK

    # What checks use --------------------------------------------------------------------------------------------------

    def make(self) -> Metric:
        """The metric with its options."""
        metric = self.loaded()
        quick = {name: value for name, value in self.quick.items() if name in metric.Config.model_fields}
        return metric(validated(metric.Config, {**quick, **self.options}, "metrics"))

    @property
    def data(self) -> Data:
        """The toy; rows lack modalities where the objective can train on such."""
        complete = not load("objectives", self.objective).supports_missing
        return self.once("data", lambda: labelled_toy(self.kinds, missing=0.0 if complete else 0.3))

    def evaluation(self, data: Data, model: MultimodalVAE | None = None) -> Evaluation:
        """An evaluation of an untrained model."""
        model = MultimodalVAE.create(self.objective, data, latent_dim=3) if model is None else model
        return Evaluation(model, data, max_rows=24)

    def outcome(self) -> Outcome:
        """What the metric finds on the toy, computed once."""
        return self.once("outcome", lambda: self._compute(self.evaluation(self.data), seed=0))

    def _compute(self, evaluation: Evaluation, seed: int) -> Outcome:
        metric, model = self.make(), evaluation.model
        weights = copy.deepcopy(model.state_dict())
        learning = [parameter.requires_grad for parameter in model.parameters()]
        with own_cache():
            reason = metric.unavailable_reason(evaluation)
            if reason is not None:
                does_not_apply(f"it cannot be computed on the toy: {reason}; set kinds or objective")
            seed_everything(seed)
            state = torch.random.get_rng_state()
            with same_global_randomness(self.who):
                rows = metric.compute(evaluation)
        return Outcome(
            rows=rows,
            same_weights=all(torch.equal(value, weights[name]) for name, value in model.state_dict().items()),
            same_learning=learning == [parameter.requires_grad for parameter in model.parameters()],
            no_gradients=all(parameter.grad is None for parameter in model.parameters()),
            evaluating=not model.training,
            same_random_state=torch.equal(state, torch.random.get_rng_state()),
        )


def labelled_toy(kinds: tuple[str, ...], missing: float = 0.0, rows: int = 36) -> Data:
    """The toy with a second label, two yes/no answers."""

    def answered(table: Table) -> Table:
        classes = table.labels["class"]
        answers = torch.stack([classes == 0, torch.arange(len(classes)) % 2 == 0], 1).long()
        return replace(table, labels={**table.labels, "answers": answers})

    data = toy_data(kinds, rows=rows, missing=missing)
    return changed(replace(data, labels={**data.labels, "answers": ("first", "even")}), answered, "answers")


def changed(data: Data, change: Callable[[Table], Table], called: str) -> Data:
    """The same data with other tables."""
    train, val, test = (change(table) for table in (data.train, data.val, data.test))
    return replace(data, train=train, val=val, test=test, fingerprint=f"{data.fingerprint}-{called}")


@contextmanager
def own_cache() -> Iterator[None]:
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
