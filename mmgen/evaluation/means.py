"""Means over subsets and targets, with what is behind them."""

from __future__ import annotations

from collections.abc import Collection, Sequence

import numpy as np

from .evaluation import Evaluation, Subset
from .metric import Row, row


def summed_over(targets: Collection[str], names: Sequence[str]) -> str:
    """What a sum over several targets says that it is about: ``all`` for every modality, otherwise their names."""
    return "all" if set(targets) == set(names) else "+".join(name for name in names if name in targets)


class Means:
    """Means over all subsets of one size, and over their targets where there are any, as rows.

    ``n`` is the number of distinct rows that any of the averaged numbers looked at. Where a model infers from fewer
    subsets of that size, or generates fewer modalities, than others might, the note says so: its mean is over other
    things than theirs.

    Args:
        evaluation: What is evaluated.
        target: What the rows have as their target: ``mean`` where targets are averaged.
    """

    def __init__(self, evaluation: Evaluation, target: str = "") -> None:
        self.evaluation, self.target = evaluation, target
        self._found: dict[tuple[str, int, str], list[tuple[float, np.ndarray]]] = {}

    def add(self, measure: str, given: Subset, value: float, rows: np.ndarray, target: str | None = None) -> None:
        """One number, and which rows ``[N]`` it looked at."""
        key = measure, len(given), self.target if target is None else target
        self._found.setdefault(key, []).append((value, rows))

    def rows(self, label: str = "", note: str = "") -> list[Row]:
        """A row for every measure, size and target, by measure."""
        total, made = len(self.evaluation.names), []
        for (measure, size, target), each in sorted(self._found.items(), key=lambda item: item[0][:2]):
            values, looked_at = zip(*each, strict=True)
            given = f"{size} of {total}" if size else "prior"
            notes = "; ".join(said for said in (note, self._fewer(size)) if said)
            n = int(np.any(looked_at, axis=0).sum())
            made.append(row(measure, np.mean(values), n, given=given, target=target, label=label, note=notes))
        return made

    def _fewer(self, size: int) -> str:
        """What the model leaves out of such a mean, in words."""
        evaluation = self.evaluation
        there, every = (sum(len(s) == size for s in each) for each in (evaluation.subsets, evaluation.considered))
        said = [f"the model infers from {there} of {every} such subsets"] if there < every else []
        fewer = self.target == "mean" and len(evaluation.targets) < len(evaluation.names)
        return "; ".join(
            [
                *said,
                *([f"it generates {len(evaluation.targets)} of {len(evaluation.names)} modalities"] if fewer else []),
            ]
        )
