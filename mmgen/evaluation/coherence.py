"""Whether what is generated from some modalities shows what they show."""

from __future__ import annotations

import numpy as np
from pydantic import Field

from .classifiers import Budget, classifier_for
from .evaluation import Evaluation
from .metric import Metric, MetricConfig, Row, row


class CoherenceConfig(MetricConfig):
    """Options of :class:`Coherence`."""

    classifier_epochs: int = Field(40, ge=1, description="Epochs that the judging classifiers are trained for, at most.")
    trustworthy: float = Field(
        0.9, ge=0, le=1, description="Accuracy on real data below which a classifier's verdicts are reported as untrustworthy."
    )


class Coherence(Metric):
    """Conditional coherence: a classifier of the target modality must find in the generated value the label of the given ones.

    z ~ q(z | x_S), the mean of p(x_target | z), and a classifier trained on real training data of that modality. ``cross`` has targets that are not given, ``self``
    those that are. ``k of M`` is the mean over all subsets of k modalities and their targets. ``classifier`` is the accuracy on the real data of the
    split: no coherence means more than that.

    Source: Shi et al. 2019, section 4; the averages as in "Unity by Diversity", section 5, and "Mitigating the limitations of multimodal VAEs", section 5.
    """

    Config = CoherenceConfig
    headline = ("cross", "classifier")

    def lacks(self, evaluation: Evaluation) -> str | None:
        """It needs labels, and rows to learn them from."""
        return None if evaluation.labels() else "the data have no labels"

    def compute(self, evaluation: Evaluation) -> list[Row]:
        """Rows for every label, subset and target."""
        latents = evaluation.latents()
        total = len(evaluation.names)
        rows: list[Row] = []
        for label, truth in evaluation.labels().items():
            found: dict[tuple[str, int], list[float]] = {}
            for m, target in enumerate(evaluation.names):
                budget = Budget(epochs=self.config.classifier_epochs)
                judge = classifier_for(evaluation.data, target, label, evaluation.data.modalities[target], budget).to(evaluation.device)
                real = latents.table.available[:, m].numpy() & (truth >= 0)
                if real.any():
                    accuracy = (judge.predict(latents.table.data[target]).numpy() == truth)[real].mean()
                    rows.append(row("classifier", accuracy, int(real.sum()), given="real data", target=target, label=label))
                for s, given in enumerate(latents.subsets):
                    scored = latents.complete[s].numpy() & (truth >= 0)
                    if not scored.any():
                        continue
                    right = (judge.predict(evaluation.generated(given, target)).numpy() == truth)[scored].mean()
                    measure = "self" if target in given else "cross"
                    found.setdefault((measure, len(given)), []).append(right)
                    rows.append(row(measure, right, int(scored.sum()), given="+".join(given), target=target, label=label))
            for (measure, size), values in found.items():
                rows.append(row(measure, np.mean(values), len(truth), given=f"{size} of {total}", target="mean", label=label))
            judged = [r["value"] for r in rows if r["measure"] == "classifier" and r["label"] == label]
            if judged:
                rows.append(row("classifier", np.mean(judged), len(truth), given="real data", target="mean", label=label))
        return rows
