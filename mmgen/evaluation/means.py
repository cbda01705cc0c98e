"""Means over subsets and targets, with what is behind them."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, field

import numpy as np

from ..errors import listed
from .evaluation import Evaluation
from .metric import Row, row
from .subsets import ALL, MEAN, PRIOR, Subset, SubsetSize


def summed_over(targets: Collection[str], names: Sequence[str]) -> str:
    """What a sum over several targets says that it is about: ``all`` for every modality, otherwise their names.

    >>> summed_over(["text", "image"], ["image", "text"]), summed_over(["text"], ["image", "text"])
    ('all', 'text')
    """
    return ALL if set(targets) == set(names) else "+".join(name for name in names if name in targets)


def distinct(masks: Sequence[np.ndarray]) -> int:
    """How many distinct rows several numbers looked at, each with a mask ``[N]``."""
    return int(np.any(masks, axis=0).sum())


def curve_note(evaluation: Evaluation, targets: Collection[str]) -> str:
    """Of which targets a density is one of transformed values, and up to more than a constant another one than that of
    the data: it compares with those of the same transform alone.
    """
    curves: dict[str, list[str]] = {}
    for name, transform in zip(evaluation.names, evaluation.model.transforms, strict=True):
        if transform.curve and name in targets:
            curves.setdefault(str(transform.curve), []).append(name)
    return "; ".join(f"density of {listed(names)} after {curve}" for curve, names in curves.items())


def joined_notes(*notes: str) -> str:
    """Several notes as one; empty ones say nothing."""
    return "; ".join(note for note in notes if note)


def mean_row(
    measure: str,
    values: Sequence[float],
    masks: Sequence[np.ndarray],
    *,
    given: str = "",
    target: str = MEAN,
    label: str = "",
    note: str = "",
) -> Row:
    """A row of the mean of several numbers, over targets by default; ``n`` are the distinct rows behind them.

    Args:
        measure: Of what.
        values: The numbers.
        masks: Which rows ``[N]`` each of them looked at.
        given: As the row says it.
        target: As the row says it.
        label: As the row says it.
        note: What is known against it.
    """
    return row(measure, np.mean(values), distinct(masks), given=given, target=target, label=label, note=note)


@dataclass(frozen=True)
class Numbers:
    """The numbers behind a mean.

    Attributes:
        measure: Of what.
        size: Of the subsets that they are given; 0 is the prior.
        target: As the row of the mean names it.
        values: The numbers.
        masks: Which rows ``[N]`` each of them looked at.
        notes: What is known against each of them.
    """

    measure: str
    size: SubsetSize
    target: str
    values: list[float] = field(default_factory=list)
    masks: list[np.ndarray] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)


class Means:
    """Means over all subsets of one size, and over their targets where there are any, as rows.

    ``n`` is the number of distinct rows that any of the averaged numbers looked at. Where a model infers from fewer
    subsets of that size, or generates fewer modalities, than others might, the note says so: its mean is over other
    things than theirs.

    Args:
        evaluation: What is evaluated.
        target: What the rows have as their target: ``mean`` where targets are averaged.
        origin: What rows name as given where nothing is (``evaluation.origin``).

    >>> import mmgen, numpy as np
    >>> from mmgen.testing import make_model, toy_data
    >>> evaluation = mmgen.Evaluation(make_model("elbo", toy_data()), toy_data())
    >>> means, rows = Means(evaluation), np.ones(4, dtype=bool)
    >>> for name in evaluation.names:
    ...     means.add("length", (name,), 2.0, rows)
    >>> [(row["given"], row["value"], row["n"]) for row in means.rows()]
    [('1 of 3', 2.0, 4)]
    """

    def __init__(self, evaluation: Evaluation, target: str = "", origin: str = PRIOR) -> None:
        self.evaluation, self.target, self.origin = evaluation, target, origin
        self._numbers: dict[tuple[str, SubsetSize, str], Numbers] = {}

    def add(
        self, measure: str, given: Subset, value: float, rows: np.ndarray, target: str | None = None, note: str = ""
    ) -> None:
        """One number.

        Args:
            measure: Of what.
            given: The subset; the empty one is the prior.
            value: The number.
            rows: Which rows ``[N]`` it looked at.
            target: Where the means of different targets are rows of their own.
            note: What is known against it, for who builds the rows from :meth:`groups`.
        """
        key = measure, SubsetSize(len(given), len(self.evaluation.names)), self.target if target is None else target
        numbers = self._numbers.setdefault(key, Numbers(*key))
        numbers.values.append(value)
        numbers.masks.append(rows)
        numbers.notes.append(note)

    def groups(self) -> Iterator[Numbers]:
        """The numbers of each measure, size and target, in the order in which the first of each came."""
        yield from self._numbers.values()

    def rows(self, label: str = "", note: str = "") -> list[Row]:
        """A row for every measure, size and target, by measure and size."""
        return [
            mean_row(
                numbers.measure,
                numbers.values,
                numbers.masks,
                given=str(numbers.size) if numbers.size.count else self.origin,
                target=numbers.target,
                label=label,
                note=joined_notes(note, self._fewer(numbers.size)),
            )
            for numbers in sorted(self.groups(), key=lambda numbers: (numbers.measure, numbers.size))
        ]

    def _fewer(self, size: SubsetSize) -> str:
        """What the model leaves out of such a mean, in words."""
        evaluation = self.evaluation
        inferred, possible = (
            sum(len(subset) == size.count for subset in subsets)
            for subsets in (evaluation.subsets, evaluation.considered)
        )
        generated, modalities = len(evaluation.targets), len(evaluation.names)
        return joined_notes(
            f"the model infers from {inferred} of {possible} such subsets" if inferred < possible else "",
            f"it generates {generated} of {modalities} modalities"
            if self.target == MEAN and generated < modalities
            else "",
        )
