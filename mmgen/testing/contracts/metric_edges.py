"""That a metric says nothing about what does not exist, and gets along with little."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace

import torch

from ...data import Data, Modality, Table
from ...evaluation import Evaluation, Row, SubsetSize
from ...models import ELBO, Model
from ..models import make_model
from .contract import does_not_apply
from .metric_trial import MetricTrial, changed, labelled_toy, own_cache


class _AllOrNothing(ELBO):
    """Infers from all modalities or none, and does not generate the first one."""

    def infers(self, model: Model, given: Sequence[str]) -> bool:
        return len(given) in (0, len(model.modalities))

    def decodes(self, modalities: Mapping[str, Modality], latent_dim: int) -> dict[str, int]:
        return dict.fromkeys(list(modalities)[1:], latent_dim)


def _first(count: int) -> Callable[[Table], Table]:
    return lambda table: table.select(torch.arange(count))


def _disjoint(table: Table) -> Table:
    """Two rows without a modality in common."""
    two = table.select(torch.arange(2))
    available = torch.arange(two.available.shape[1])[None] % 2 == torch.arange(2)[:, None]
    return replace(two, available=available)


def _labelled(code: int) -> Callable[[Table], Table]:
    def labelled(table: Table) -> Table:
        return replace(table, labels={name: torch.full_like(codes, code) for name, codes in table.labels.items()})

    return labelled


class MetricEdges(MetricTrial):
    """Checks on models that do less than others, and on data with little in them."""

    def test_what_a_model_does_not_do_has_no_row(self) -> None:
        """Nothing from subsets that a model does not infer from, nor of what it does not generate; ``all`` is all."""
        if len(self.kinds) < 2:
            does_not_apply("there is one modality")
        data, names = labelled_toy(self.kinds), list(self.kinds)
        rows = self._rows(Evaluation(make_model(_AllOrNothing, data).float(), data))
        for row in rows:
            given = row["given"]
            number = f"{self.who}: {row['measure']} of {row['target']!r} given {row['given']!r}"
            parts = given.split("+")
            size = SubsetSize.parse(given)
            fewer = given == "self" or set(parts) < set(names) or (size is not None and size.count < len(names))
            no_row = "there should be no row"
            assert not fewer, f"{number} is {row['value']:.4g}, and the model infers nothing from that: {no_row}"
            if given == "prior" or set(parts) == set(names):
                unable = f"{number} is {row['value']:.4g}, and the model does not generate it: {no_row}"
                assert row["target"] != names[0], unable
                assert row["target"] != "all", (
                    f"{number} is over fewer modalities than the model has; the target should name them, joined by '+'"
                )

    def test_few_rows_and_labels_without_classes(self) -> None:
        """One row, two, two with nothing in common, an unknown label, one class: what can be number, or a sentence."""
        data = labelled_toy(self.kinds)
        for case, test in {"one row": _first(1), "two rows": _first(2), "rows that lack modalities": _disjoint}.items():
            few = replace(data, test=test(data.test), fingerprint=f"{data.fingerprint}-{case}")
            self._rows(_evaluation(self.objective, few))
        about = set(data.labels)
        for row in self._rows(_evaluation(self.objective, changed(data, _labelled(-1), "unknown"))):
            label = row["label"].partition(":")[0]
            assert label not in about, (
                f"{self.who}: {row['measure']} of the label {label!r} is {row['value']:.4g}, and no row has that label"
            )
        for row in self._rows(_evaluation(self.objective, changed(data, _labelled(0), "single"))):
            assert row["label"] != "class" or row["value"] != 1, (
                f"{self.who}: {row['measure']} of the label 'class' is 1, and it has a single class: "
                "nothing could be wrong; there should be no row"
            )

    def _rows(self, evaluation: Evaluation) -> list[Row]:
        """What the metric finds, of at least a row each; nothing where it says what it lacks."""
        with own_cache():
            metric = self.make()
            rows = [] if metric.unavailable_reason(evaluation) is not None else metric.compute(evaluation)
        for row in rows:
            number = f"{self.who}: {row['measure']} is {row['value']:.4g} of no rows"
            assert row["n"] > 0, f"{number}: there should be no row"
        return rows


def _evaluation(objective: str, data: Data) -> Evaluation:
    return Evaluation(make_model(objective, data).float(), data)
