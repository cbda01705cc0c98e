"""Measures of metrics: which direction is better, and the one that β is chosen by."""

from __future__ import annotations

from dataclasses import dataclass

from mmgen.errors import MmgenError
from mmgen.registry import load


@dataclass(frozen=True)
class Choice:
    """The measure that β is chosen by, on validation rows, and that the figure shows: of single modalities, where it is
    one of subsets.
    """

    metric: str
    measure: str

    @classmethod
    def parse(cls, text: str) -> Choice:
        """``NAME:measure``, as ``--metric`` has it."""
        metric, colon, measure = text.rpartition(":")
        if not colon or not metric or not measure:
            raise MmgenError(
                f"--metric {text!r}: write NAME:measure, such as coherence:cross (mmgen evaluate shows the measures)."
            )
        if direction(metric, measure) == 0:
            raise MmgenError(f"--metric {text!r}: {measure} is a floor or a ceiling, and no model is better by it.")
        return cls(metric, measure)

    @property
    def sign(self) -> int:
        """1 where more is better, −1 where less is."""
        return direction(self.metric, self.measure)

    def __str__(self) -> str:
        return f"{self.metric}: {self.measure}"


def direction(metric: str, measure: str) -> int:
    """1 where more of a measure is better, −1 where less is, 0 where no model is better by it, as the metric says."""
    kind = load("metrics", metric)
    return 0 if measure in kind.not_compared else -1 if measure in kind.less_is_better else 1
