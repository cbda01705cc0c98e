"""The interface of a metric: numbers about a trained model on held-out data."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, ClassVar, SupportsFloat, TypedDict

from pydantic import Field

from ..options import Options
from .evaluation import Evaluation
from .latents import Generation
from .pairs import judgements
from .subsets import ALL, MEAN, Pair, SubsetSize

if TYPE_CHECKING:
    from matplotlib.figure import Figure


class MetricConfig(Options):
    """Base of a metric's options; every field has a description and can be set as ``metrics.<name>.<field>``."""


class SamplingConfig(MetricConfig):
    """Options of a metric that looks at what is generated from nothing."""

    sampler: str | dict[str, Any] = Field(
        "prior",
        description="What latents are drawn from where nothing is given (mmgen list samplers): a name, or a mapping of "
        "name and options.",
    )


class Row(TypedDict):
    """One number.

    ``given`` and ``target`` are names joined by '+' (``all``: every modality, as for a sum over them); ``k of M`` is a
    mean over all subsets of k modalities; ``prior`` and ``sampler NAME`` say what latents are drawn from where nothing
    is given; '' where there is none. ``n`` is the number of rows, one at least, that were
    looked at: where there is none, there is no number and no row. ``note`` says in a few words why the number should
    not be trusted; '' where nothing is known against it.
    """

    measure: str
    given: str
    target: str
    label: str
    value: float
    n: int
    note: str


def is_summary(given: str, target: str) -> bool:
    """Whether a result is one that a summary shows: a mean over subsets or targets, or of no subset."""
    return SubsetSize.parse(given) is not None or target in (ALL, MEAN) or not given


def row(
    measure: str, value: SupportsFloat, n: int, *, given: str = "", target: str = "", label: str = "", note: str = ""
) -> Row:
    """A row, with nothing where nothing is said.

    Args:
        measure: What is measured.
        value: The number.
        n: How many rows of data it looked at, one at least.
        given: The given modalities joined by '+', or the size of the subsets that it is a mean over
            (``str(SubsetSize(2, 6))``).
        target: The modality that it is about, several joined by '+', or ``all`` or ``mean``.
        label: The label that it is about.
        note: Why it should not be trusted.

    >>> row("distance", 0.25, 100, given="image", target="text")["given"]
    'image'
    """
    return Row(measure=measure, given=given, target=target, label=label, value=float(value), n=int(n), note=note)


class Metric(ABC):
    """Looks at what a model generates, one pair of given modalities and target at a time, and says what it found as
    rows.

    An evaluation decodes each pair once for all metrics that want it, shows it to them (:meth:`judge`), and forgets it:
    what a metric keeps of a pair should be small. A metric that looks at latents alone needs only :meth:`summarise`.

    Args:
        config: Its options, an instance of :attr:`Config`; the defaults otherwise.

    >>> import mmgen
    >>> from mmgen.evaluation import row
    >>> from mmgen.testing import make_model, toy_data
    >>> class Rows(mmgen.Metric):
    ...     "How many rows there are."
    ...     def summarise(self, evaluation, judgements):
    ...         count = len(evaluation.latents().table)
    ...         return [row("rows", count, count)]
    >>> data = toy_data()
    >>> Rows().compute(mmgen.Evaluation(make_model("elbo", data), data))[0]["n"] == len(data.test)
    True
    """

    Config: ClassVar[type[MetricConfig]] = MetricConfig
    headline: ClassVar[tuple[str, ...]] = ()  # the measures that a summary shows
    less_is_better: ClassVar[tuple[str, ...]] = ()  # the measures of which that holds
    not_compared: ClassVar[tuple[str, ...]] = ()  # floors, ceilings and descriptions, by which no model is better
    over_targets: ClassVar[tuple[str, ...]] = ()  # the measures of several targets at once, which the row names
    costly: ClassVar[bool] = False  # computed only when it is asked for by name
    reads_likelihood: ClassVar[bool] = False  # whether judge() reads the log-likelihood of what is generated

    def __init__(self, config: MetricConfig | None = None) -> None:
        self.config: Any = self.Config() if config is None else config

    @property
    def sampler(self) -> Any:
        """What latents are drawn from where nothing is given: its option ``sampler``; None for the prior."""
        return getattr(self.config, "sampler", None)

    def unavailable_reason(self, evaluation: Evaluation) -> str | None:
        """Why this metric cannot be computed here, as the end of a sentence; None if it can."""
        return None

    def omissions(self, evaluation: Evaluation) -> list[str]:
        """What it leaves out although it can be computed, and why, each as the end of a sentence."""
        return []

    @classmethod
    def in_headline(cls, measure: str, given: str, target: str) -> bool:
        """Whether a summary shows such a row: a headline measure, as a mean, without a subset, or of many targets."""
        return measure in cls.headline and (is_summary(given, target) or measure in cls.over_targets)

    @classmethod
    def suits(cls, evaluation: Evaluation, rows: Sequence[Row]) -> bool:
        """Whether a summary of all metrics has its rows: whether they answer what is asked of such data. A summary of
        metrics that are asked for by name always has them, and so has whatever is written.

        Args:
            evaluation: What was evaluated.
            rows: What it computed, at least one.
        """
        return True

    def wants(self, evaluation: Evaluation, pair: Pair) -> bool:
        """Whether it wants to see what is generated for a target given a subset (the empty one: from the prior)."""
        return False

    def judge(self, evaluation: Evaluation, generation: Generation) -> Any:
        """What to keep of one generated pair."""
        raise NotImplementedError(f"{type(self).__name__} wants to see what is generated, and has no judge()")

    @abstractmethod
    def summarise(self, evaluation: Evaluation, judgements: Mapping[Pair, Any]) -> list[Row]:
        """The numbers, from what :meth:`judge` kept of every pair that it wanted."""

    def compute(self, evaluation: Evaluation) -> list[Row]:
        """The numbers of this metric alone."""
        return self.summarise(evaluation, judgements(evaluation, [self])[0])

    def figures(self, evaluation: Evaluation, metrics: Sequence[Metric] = ()) -> dict[str, Figure]:
        """What it draws, by the names of the files (without ending); nothing by default.

        Asked only where it can be computed.

        Args:
            evaluation: What is drawn.
            metrics: All metrics that are asked, this one too, for a figure that several share: the first of them
                draws it.
        """
        return {}
