"""That the order of rows and of modalities means nothing to a metric."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from typing import ClassVar

import numpy as np
import torch

from ...data import Data, Table
from ...evaluation import Evaluation
from ...models import MultimodalVAE
from .contract import does_not_apply
from .metric_trial import MetricTrial, changed, labelled_toy, own_cache

Key = tuple[str, str, str, str]  # measure, given, target, label
Numbers = dict[Key, list[float]]  # a value per seed
ERRORS = 6.0  # standard errors of a difference of means; by chance once in some ten thousand numbers
ROWS = 36  # of a split that are looked at, drawn from more


class MetricOrder(MetricTrial):
    """Checks with several seeds on tables and models that differ by an order alone.

    Attributes:
        order_seeds: How many seeds the noise of the metric's draws is known from.
    """

    order_seeds: ClassVar[int] = 8

    def test_the_order_of_rows_means_nothing(self) -> None:
        """Tables sorted by class give what shuffled ones give, up to the noise of several seeds."""
        data = labelled_toy(self.kinds, rows=96)
        model = MultimodalVAE.create(self.objective, data, latent_dim=3)

        def numbers(*, by_class: bool) -> Numbers:
            return self._numbers([(model, each) for each in _in_order(data, self.order_seeds, by_class=by_class)])

        by_class, at_random = numbers(by_class=True), numbers(by_class=False)
        self._assert_alike(by_class, at_random, "on rows sorted by class and on the same rows in random order")
        always = [(_always(by_class, self.order_seeds), at_random), (_always(at_random, self.order_seeds), by_class)]
        lost = sorted(key for keys, other in always for key in keys if key not in other)
        assert not lost, f"{self.who}: {lost[0]} is there for one order of the rows only"

    def test_the_order_of_modalities_means_nothing(self) -> None:
        """The same model with its modalities in another order has the same numbers, up to the noise of its draws."""
        if len(self.kinds) < 2:
            does_not_apply("there is one modality")
        data = labelled_toy(self.kinds)
        model = MultimodalVAE.create(self.objective, data, latent_dim=3)
        turned = _turned(data)
        other = MultimodalVAE.create(self.objective, turned, latent_dim=3)
        weights = {_renamed(name, len(self.kinds)): value for name, value in model.state_dict().items()}
        if any(name.startswith("objective.") and name != "objective.step" for name in weights):
            does_not_apply(f"the objective {self.objective!r} has networks of its own, which may depend on that order")
        other.load_state_dict(weights)
        one, two = (self._numbers([each] * self.order_seeds) for each in ((model, data), (other, turned)))
        self._assert_alike(_unordered(one), _unordered(two), "for the modalities in this order and in the opposite one")

    def _numbers(self, trials: Iterable[tuple[MultimodalVAE, Data]]) -> Numbers:
        """What the metric finds, a seed per trial."""
        numbers: Numbers = {}
        with own_cache():
            for seed, (model, data) in enumerate(trials):
                metric, evaluation = self.make(), Evaluation(model, data, max_rows=ROWS, seed=seed)
                reason = metric.unavailable_reason(evaluation)
                if reason is not None:
                    does_not_apply(f"it cannot be computed on the toy: {reason}; set kinds or objective")
                for row in metric.compute(evaluation):
                    key = row["measure"], row["given"], row["target"], row["label"]
                    if math.isfinite(row["value"]):
                        numbers.setdefault(key, []).append(row["value"])
        return numbers

    def _assert_alike(self, one: Numbers, two: Numbers, when: str) -> None:
        """No mean differs by more than its noise; nor by more than rounding, where there is none."""
        for key in _always(one, self.order_seeds) & _always(two, self.order_seeds):
            first, second = np.array(one[key]), np.array(two[key])
            error = math.sqrt((first.var(ddof=1) + second.var(ddof=1)) / self.order_seeds)
            rounding = 1e-3 * max(abs(first.mean()), abs(second.mean())) + 1e-6
            measure, given, target, label = key
            assert abs(first.mean() - second.mean()) <= ERRORS * error + rounding, (
                f"{self.who}: {measure} (given {given!r}, target {target!r}, label {label!r}) is {first.mean():.4g} "
                f"and {second.mean():.4g} {when}, and its draws explain a difference of {error:.2g}; "
                "evaluation.draw() chooses rows, where not all are looked at"
            )


def _always(numbers: Numbers, seeds: int) -> set[Key]:
    return {key for key, values in numbers.items() if len(values) == seeds}


def _in_order(data: Data, seeds: int, *, by_class: bool) -> Iterator[Data]:
    """Every table in a random order by each seed; by class, and so only within each class, if asked for."""
    for seed in range(seeds):

        def ordered(table: Table, seed: int = seed) -> Table:
            table = table.select(torch.randperm(len(table), generator=torch.Generator().manual_seed(seed)))
            return table.select(table.labels["class"].argsort(stable=True)) if by_class else table

        yield changed(data, ordered, f"{seed}-{by_class}")


def _turned(data: Data) -> Data:
    """The same data with the modalities in the opposite order."""

    def turned(table: Table) -> Table:
        return replace(table, data=_opposite(table.data), available=table.available.flip(1))

    return changed(replace(data, modalities=_opposite(data.modalities)), turned, "turned")


def _opposite(named: Mapping[str, object]) -> dict:
    return dict(reversed(list(named.items())))


def _renamed(name: str, modalities: int) -> str:
    """A tensor's name in the model that has its modalities in the opposite order."""
    part, _, rest = name.partition(".")
    if part not in ("encoders", "decoders", "likelihoods", "transforms"):
        return name
    number, _, rest = rest.partition(".")
    return f"{part}.{modalities - 1 - int(number)}.{rest}"


def _unordered(numbers: Numbers) -> Numbers:
    """By names of subsets that do not depend on the order of their modalities."""
    return {
        (measure, "+".join(sorted(given.split("+"))), target, label): values
        for (measure, given, target, label), values in numbers.items()
    }
