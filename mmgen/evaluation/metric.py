"""The interface of a metric: numbers about a trained model on held-out data."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, Any, ClassVar, SupportsFloat, TypedDict

from pydantic import BaseModel, ConfigDict

if TYPE_CHECKING:
    from .evaluation import Evaluation


class MetricConfig(BaseModel):
    """Base of a metric's options; every field has a description and can be set as ``metrics.<name>.<field>``."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class Row(TypedDict):
    """One number. ``given`` and ``target`` are names joined by '+'; ``k of M`` is a mean over all subsets of k modalities; '' where there is none."""

    measure: str
    given: str
    target: str
    label: str
    value: float
    n: int


def row(measure: str, value: SupportsFloat, n: int, *, given: str = "", target: str = "", label: str = "") -> Row:
    """A row, with nothing where nothing is said."""
    return Row(measure=measure, given=given, target=target, label=label, value=float(value), n=int(n))


class Metric(ABC):
    """``compute(evaluation) -> rows``; the evaluation has latents and generated samples, computed once for all metrics."""

    Config: ClassVar[type[MetricConfig]] = MetricConfig
    headline: ClassVar[tuple[str, ...]] = ()  # the measures that a summary shows

    def __init__(self, config: MetricConfig | None = None) -> None:
        self.config: Any = self.Config() if config is None else config

    def lacks(self, evaluation: Evaluation) -> str | None:
        """Why this metric cannot be computed here, as the end of a sentence; None if it can."""
        return None

    @abstractmethod
    def compute(self, evaluation: Evaluation) -> list[Row]:
        """The numbers."""
