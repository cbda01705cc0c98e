"""Posterior collapse and variance collapse: dimensions that say the same about almost every row."""

from __future__ import annotations

import itertools
from abc import abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
import torch
from pydantic import Field
from torch import Tensor

from ..distributions import Gaussian, Likelihood, kl_divergence, standard_normal
from .collapse_curve import Curve
from .empty_dimensions import EMPTY, empty_rows
from .evaluation import Evaluation
from .metric import Metric, MetricConfig, Row, row
from .subsets import MEAN, Pair, joined

if TYPE_CHECKING:
    from matplotlib.figure import Figure

PAIRED = 3  # distributions of z, at most, that are also compared with one another


class CollapseConfig(MetricConfig):
    """Options of the rule: a dimension is collapsed at ε where the share of rows with a value of at most ε is at least
    1 − δ.
    """

    epsilon: float = Field(0.01, ge=0, description="The ε of the number that is reported.")
    delta: float = Field(0.01, ge=0, lt=1, description="Share of the rows that may have more than ε.")
    points: int = Field(40, ge=2, description="Points of the curve.")


class PosteriorCollapseConfig(CollapseConfig):
    """Options of :class:`PosteriorCollapse`, in nats."""

    largest: float = Field(6.0, description="Where the curve over ε ends, in nats; it starts at 0.", gt=0)


class VarianceCollapseConfig(CollapseConfig):
    """Options of :class:`VarianceCollapse`, in squared units of what the networks see."""

    largest: float = Field(0.13, description="Where the curve over ε ends; it starts at 0.", gt=0)


def collapsed_shares(parts: Iterator[Tensor], levels: Sequence[float], delta: float) -> tuple[np.ndarray, int]:
    """Share of the dimensions that are collapsed at each level, ``[levels]``, and how many rows there were.

    A dimension is collapsed at ε where the share of rows with a value of at most ε is at least 1 − δ; what is not a
    number is not.

    Args:
        parts: Values of some rows after others, ``[n, D]``.
        levels: The values of ε.
        delta: δ.
    """
    counts: Any = 0
    rows = 0
    for values in parts:
        counts = counts + torch.stack([(values <= level).sum(0) for level in levels]).cpu().numpy()
        rows += len(values)
    return (counts >= (1 - delta) * rows - 1e-9).mean(-1), rows  # the tolerance is for (1 − 0.01) · 100 and the like


class Collapse(Metric):
    """What posterior collapse and variance collapse share.

    Attributes:
        dimensions: What is collapsed, as the figure says it.
        level: What ε is, as the figure says it.
    """

    Config = CollapseConfig
    dimensions: ClassVar[str]
    level: ClassVar[str]
    headline: ClassVar[tuple[str, ...]] = ("collapsed",)
    not_compared: ClassVar[tuple[str, ...]] = ("collapsed", "area")

    @classmethod
    def suits(cls, evaluation: Evaluation, rows: Sequence[Row]) -> bool:
        """Where half of something or more has collapsed."""
        return any(row["measure"] == "collapsed" and row["value"] >= 0.5 for row in rows)

    @abstractmethod
    def values(self, evaluation: Evaluation) -> dict[str, Iterator[Tensor]]:
        """What is compared with ε, by name: values of some rows after others, ``[n, D]``."""

    def curves(self, evaluation: Evaluation) -> list[Curve]:
        """A curve of each of them, made once with the same options."""

        def make() -> list[Curve]:
            levels = np.linspace(0, self.config.largest, self.config.points)
            curves = []
            for name, parts in self.values(evaluation).items():
                shares, n = collapsed_shares(parts, [*levels.tolist(), self.config.epsilon], self.config.delta)
                curves.append(Curve(name, levels, shares[:-1], float(shares[-1]), n))
            return curves

        return evaluation.cached((type(self), self.config), make)

    def title(self, curve: Curve) -> str:
        """What stands above a curve in the figure."""
        return curve.name

    def figures(self, evaluation: Evaluation, metrics: Sequence[Metric] = ()) -> dict[str, Figure]:
        """``collapse``: the curves of posterior and variance collapse together, a panel each."""
        from .collapse_figure import Panel, collapse_figure  # only where it is drawn: matplotlib takes a while

        family = [metric for metric in metrics if isinstance(metric, Collapse)] or [self]
        if family[0] is not self:
            return {}
        panels = [
            Panel(metric.title(curve), metric.dimensions, metric.level, metric.config.epsilon, curve)
            for metric in family
            for curve in metric.curves(evaluation)
        ]
        return {"collapse": collapse_figure(evaluation, panels)} if panels else {}


class PosteriorCollapse(Collapse):
    """Posterior collapse: dimensions of z in which a distribution is another one for almost every row.

    Dimension j is collapsed at ε where KL_j ≤ ε for a share of at least 1 − δ of the rows. KL_j is that of dimension j
    alone, from each distribution of z that the equation has (of single modalities and of all of them; a conditional
    prior and its encoder) to N(0, 1); where there are at most three, also from each to every later one. They are of the
    rows that have every modality, and see their labels where the equation does.

    ``collapsed`` is the share of dimensions at ``epsilon`` (0.01 nats: as far from N(0, 1) as a mean of 0.14, or a
    standard deviation of 0.9), ``area`` the mean of that share over ε from 0 to ``largest``, the curve in
    ``collapse.png``: 0 where every dimension says much about many rows, 1 where none says anything. A collapsed q(z |
    x) ignores its modality; a collapsed KL between two distributions that are themselves not collapsed means that they
    agree.

    This is another question than how many dimensions are empty: it is asked of every distribution apart, of each
    modality's expert too, by a divergence, row by row. ``empty_dimensions`` beside it is the number of those that are
    the same for every row given all that it has, as a training tells it and ``variance-explained`` has it
    (:mod:`mmgen.models.latent_use`).

    Source: Lucas et al. 2019, "Don't blame the ELBO!" (the rule); "Discriminative multimodal learning via conditional
    priors in generative models", section 4 (the pairs; δ = 0.01, 40 values of ε up to 6).
    """

    Config = PosteriorCollapseConfig
    headline = ("collapsed", EMPTY)
    not_compared = ("collapsed", "area", EMPTY)
    dimensions, level = "dimensions of z", "ε (nats)"

    def unavailable_reason(self, evaluation: Evaluation) -> str | None:
        """It needs Gaussian distributions of z, and complete rows."""
        if not _complete(evaluation).any():
            return "no row has every modality"
        return None if self._divergences(evaluation) else "the objective has no Gaussian posteriors"

    def values(self, evaluation: Evaluation) -> dict[str, Iterator[Tensor]]:
        """The KL of every dimension."""
        return {name: iter([divergence]) for name, divergence in self._divergences(evaluation).items()}

    def summarise(self, evaluation: Evaluation, judgements: Mapping[Pair, Any]) -> list[Row]:
        """Rows for every pair of distributions, which ``label`` names."""
        rows: list[Row] = []
        for curve in self.curves(evaluation):
            rows.append(row("collapsed", curve.reported, curve.n, label=curve.name))
            rows.append(row("area", curve.shares.mean(), curve.n, label=curve.name))
        return rows + empty_rows(evaluation)

    @staticmethod
    def _divergences(evaluation: Evaluation) -> dict[str, Tensor]:
        """KL of every dimension, ``[N, D]``, by how it is written; of distributions whose variance is not 0."""

        def make() -> dict[str, Tensor]:
            parts: dict[str, list[Tensor]] = {}
            table = evaluation.rows(evaluation.split)
            table = table.select(_complete(evaluation).nonzero().squeeze(1))
            with evaluation.seeded():
                for batch in evaluation.batches(table):
                    for name, divergence in _pairs(evaluation.model.gaussians(batch)):
                        parts.setdefault(name, []).append(divergence.cpu())
            return {name: torch.cat(each) for name, each in parts.items()}

        return evaluation.cached("divergences", make)


def _complete(evaluation: Evaluation) -> Tensor:
    """Which rows have every modality."""
    return evaluation.rows(evaluation.split).available.all(-1)


def _pairs(distributions: Mapping[str, Gaussian]) -> Iterator[tuple[str, Tensor]]:
    """KL of every dimension, ``[B, D]``, from each distribution to N(0, 1), and from each to every later one where
    there are few.
    """
    each = {name: q.map(lambda value: value[..., None]) for name, q in distributions.items() if (q.variance > 0).any()}
    for name, q in each.items():
        yield f"KL({name} ‖ N(0,1))", kl_divergence(q, standard_normal(q))
    for one, two in itertools.combinations(each, 2) if len(each) <= PAIRED else ():
        yield f"KL({one} ‖ {two})", kl_divergence(each[one], each[two])


class VarianceCollapse(Collapse):
    """Variance collapse: values of a modality whose predicted variance is next to nothing for almost every row.

    A value is collapsed at ε where the decoder's variance of it, in the units that the networks see, is at most ε for a
    share of at least 1 − δ of the rows; z is drawn from the posterior given everything that the model infers from. Only
    for modalities whose scale is learned or predicted.

    ``collapsed`` is the share of values at ``epsilon`` (0.01: a standard deviation of 0.1), ``area`` the mean of that
    share over ε from 0 to ``largest``, the curve in ``collapse.png``.

    Source: "Discriminative multimodal learning via conditional priors in generative models", section 4 (δ = 0.01, 40
    values of ε up to 0.13).
    """

    Config = VarianceCollapseConfig
    dimensions, level = "values", "ε (variance)"

    def unavailable_reason(self, evaluation: Evaluation) -> str | None:
        """It needs a scale that is learned or predicted, and rows that have what is given."""
        if not _with_fitted_scale(evaluation):
            return "no modality that the model generates has a learned or predicted scale"
        return None if evaluation.latents().complete[-1].any() else "no row has everything that the model infers from"

    def title(self, curve: Curve) -> str:
        """A modality has other curves beside that of its variance."""
        return f"variance of {curve.name}"

    def values(self, evaluation: Evaluation) -> dict[str, Iterator[Tensor]]:
        """The variance of every value of a modality."""
        return {
            target: _variances(evaluation, target, likelihood)
            for target, likelihood in _with_fitted_scale(evaluation).items()
        }

    def summarise(self, evaluation: Evaluation, judgements: Mapping[Pair, Any]) -> list[Row]:
        """Rows for every modality, and their mean."""
        given = joined(evaluation.subsets[-1])
        curves = self.curves(evaluation)
        rows: list[Row] = []
        for curve in curves:
            rows.append(row("collapsed", curve.reported, curve.n, given=given, target=curve.name))
            rows.append(row("area", curve.shares.mean(), curve.n, given=given, target=curve.name))
        for measure, values in (
            ("collapsed", [c.reported for c in curves]),
            ("area", [c.shares.mean() for c in curves]),
        ):
            rows.append(row(measure, np.mean(values), curves[0].n, given=given, target=MEAN))
        return rows


def _with_fitted_scale(evaluation: Evaluation) -> dict[str, Likelihood]:
    """The generated modalities whose scale is learned or predicted."""
    likelihoods: Any = dict(zip(evaluation.names, evaluation.model.likelihoods, strict=True))
    return {target: likelihoods[target] for target in evaluation.targets if likelihoods[target].fitted_scale}


def _variances(evaluation: Evaluation, target: str, likelihood: Likelihood) -> Iterator[Tensor]:
    """The variances of every value of a modality in some rows after others, ``[n, values]``."""
    model, given = evaluation.model, evaluation.subsets[-1]
    table = evaluation.latents().table.select(evaluation.latents().complete[-1].nonzero().squeeze(1))
    with evaluation.seeded():
        for batch in evaluation.batches(table):
            (taken,) = model.sample_latents(batch, given, [target])
            yield likelihood.variance(model.decode(taken[0], target)).flatten(1)
