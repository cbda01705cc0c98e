"""Log-likelihood of held-out data by importance sampling."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any, Literal, cast

import numpy as np
import torch
from pydantic import Field
from torch import Tensor

from ..data import Batch, Table
from ..distributions import Gaussian, Likelihood, has_density, with_density
from ..errors import listed
from .evaluation import Evaluation
from .means import Means, curve_note, joined_notes
from .metric import Metric, MetricConfig, Row, row
from .subsets import ALL, MEAN, Pair, Subset, joined

PREDICTIVE, IMPORTANCE = "conditional_predictive", "conditional_importance"
JOINT, WEIGHTS = "joint", "effective samples"  # the latter is no row of its own, but a note where they are few
FEW = 10
Key = tuple[str, Subset, str]  # measure, what is given, and target
NUMBERS_AT_A_TIME = 2**25  # of decoder outputs: 128 MiB in float32
NUMBERS_IN_CACHE = 2**20  # what a processor decodes at a time: more goes to memory and back between layers


class LogLikelihoodConfig(MetricConfig):
    """Options of :class:`LogLikelihood`."""

    samples: int = Field(1000, ge=1, description="Samples K of z per row.")
    conditional: tuple[Literal["predictive", "importance"], ...] = Field(
        ("predictive", "importance"),
        description="Which densities of one modality given others are estimated: 'predictive', that under q(z|x_S); "
        "'importance', that under the model's p(z|x_S), by importance weights. None: the joint alone, which is quick.",
    )
    rows: int = Field(500, ge=1, description="Rows that are looked at, at most: each is decoded K times.")


class LogLikelihood(Metric):
    r"""Log-likelihood in nats per row, by K samples of z, without likelihood weights.

    It is in the units that the networks see: a standardised value has another density than the raw one (by Σ log s per
    row), pixels have densities on [0, 1] and not probabilities of bytes. After log1p, clr or rank-gauss the difference
    depends on the row, so that a note says which numbers are comparable only with those of the same transform. A code
    of −1, where there is no value, has no part in it, nor has a cell that was not observed.

    Whatever decoders take that is drawn besides z (private latents, levels of a hierarchy) is drawn anew for every
    sample, and integrated over: p(x_m|z) stands for p(x_m|z, w) p(w|z) / q(w|z, x).

    ``joint``: log p(X), by importance sampling with the posterior of everything as proposal,

    .. math:: \log \frac1K \sum_k \frac{p(z_k) \prod_m p(x_m|z_k)}{q(z_k|X)}, \qquad z_k \sim q(z|X),

    a lower bound in expectation that tightens with K. The prior is the model's own; N(0, I) where that depends on the
    data of the row. It needs a prior, and a model that generates every modality. Where modalities keep their own
    latents it is the sum over modalities of the same with their own experts.

    Two measures of one modality t given others S (each other modality, and all others), with :math:`z_k \sim q(z|x_S)`:

    ``conditional_predictive``: :math:`\log \frac1K \sum_k p(x_t|z_k)`, of the density that the model predicts,
    :math:`\int p(x_t|z)\, q(z|x_S)\, dz`. In expectation a lower bound of its logarithm that tightens with K.

    ``conditional_importance``: of the model's own conditional,
    :math:`\log p(x_t|x_S) = \log p(x_t, x_S) - \log p(x_S)`,

    .. math::
        \log \sum_k w_k\, p(x_t|z_k) - \log \sum_k w_k, \qquad
        w_k = \frac{p(z_k) \prod_{m \in S} p(x_m|z_k)}{q(z_k|x_S)}.

    It corrects the first for q(z|x_S) not being p(z|x_S); where it is, both are the same. Its bias is of order 1/K and
    can have either sign, as the difference of two lower bounds with the same draws; it is never above the largest
    :math:`\log p(x_t|z_k)`. The weights do not look at x_t, so for any draws both measures are of normalised densities
    of x_t: on average over the data neither exceeds minus their conditional entropy. A note says where few samples
    have the weight. Where modalities keep their own latents the model has no density of several at once, and it is
    left out.

    Source: Burda et al. 2016, Eq. 8 (joint). The script of Shi et al. 2019 for conditionals weighs p(x_t|z) by
    p(z)/q(z|x_S), which estimates log p(x_t), whatever S is; that is not offered.
    """

    Config = LogLikelihoodConfig
    headline = (JOINT, PREDICTIVE, IMPORTANCE)
    costly = True

    def unavailable_reason(self, evaluation: Evaluation) -> str | None:
        """It needs p(x_m | z), a posterior with a density, and a prior or something to be given."""
        model, targets = evaluation.model, evaluation.targets
        if not targets:
            return "the model generates nothing"
        if not has_density(model.encode(evaluation.rows(evaluation.split)[:2].to(evaluation.device))):
            return "the model's posterior of z has no density: it is a point, or can only be drawn from"
        scores = [name for name in targets if not _likelihood(evaluation, name).normalised]
        if scores:
            return f"what the model has in the place of log p(x|z) of {listed(scores)} is not normalised"
        if not self._has_joint(evaluation) and not self._conditions(evaluation):
            return "the model has no prior p(z) or does not generate every modality, and no conditionals are asked for"
        return None

    @staticmethod
    def _has_joint(evaluation: Evaluation) -> bool:
        """Whether the model has a density of all modalities together."""
        return evaluation.model.infers(()) and set(evaluation.targets) == set(evaluation.names)

    def summarise(self, evaluation: Evaluation, judgements: Mapping[Pair, Any]) -> list[Row]:
        """Rows for the joint, and for every target given one other and all others."""
        table = evaluation.rows(evaluation.split)
        table = table.select(evaluation.draw(len(table), self.config.rows))
        estimates = self._estimates(evaluation, table)
        rows: list[Row] = []
        means = Means(evaluation, MEAN)
        every_row = np.ones(len(table), dtype=bool)
        for (measure, given, target), values in estimates.items():
            if not len(values) or measure == WEIGHTS:
                continue
            about = given if measure == JOINT else (target,)
            note = self._note(evaluation, measure, about, estimates.get((WEIGHTS, given, "")))
            rows.append(row(measure, values.mean(), len(values), given=joined(given), target=target, note=note))
            if measure != JOINT:
                means.add(measure, given, rows[-1]["value"], every_row, note=note)
        return rows + self._means(means)

    def _estimates(self, evaluation: Evaluation, table: Table) -> dict[Key, Tensor]:
        """What is estimated of each row that has what it needs, ``[rows]``, and the effective numbers of samples."""
        parts: dict[Key, list[Tensor]] = {}
        everything: Subset = tuple(evaluation.names)
        with evaluation.seeded():
            for batch in evaluation.batches(table, 64):
                experts = evaluation.model.experts(batch)
                whole = batch.available.all(-1)
                if whole.any() and self._has_joint(evaluation):
                    joint = self._joint(evaluation, batch, experts)[whole]
                    parts.setdefault((JOINT, everything, ALL), []).append(joint)
                for given in self._conditions(evaluation):
                    for (measure, target), values in self._conditional(evaluation, batch, experts, given).items():
                        parts.setdefault((measure, given, target), []).append(values)
        return {key: torch.cat(values).double().cpu() for key, values in parts.items()}

    def _conditions(self, evaluation: Evaluation) -> list[Subset]:
        """What conditionals are given: one other, and all others."""
        names = evaluation.names
        given: list[Subset] = []
        if self.config.conditional:
            given += [(name,) for name in names if len(names) > 1]
            given += [tuple(name for name in names if name != left) for left in names if len(names) > 2]
        return [
            subset
            for subset in given
            if evaluation.model.infers(subset) and any(target not in subset for target in evaluation.targets)
        ]

    def _note(self, evaluation: Evaluation, measure: str, about: Subset, effective: Tensor | None) -> str:
        """What is known against an estimate of the density of some modalities, whose effective numbers of samples are
        known for importance weights.
        """
        dynamic = evaluation.model.has_dynamic_prior and measure in (JOINT, IMPORTANCE)
        few = measure == IMPORTANCE and effective is not None and effective.mean() < min(FEW, self.config.samples / 2)
        return joined_notes(
            "the prior depends on data: under N(0, I)" if dynamic else "",
            f"fewer than {FEW} samples have the weight" if few else "",
            curve_note(evaluation, about),
        )

    @staticmethod
    def _means(means: Means) -> list[Row]:
        """A row by the size of what is given, with all notes of its numbers; ``n`` are the rows that were drawn."""
        return [
            row(
                numbers.measure,
                sum(numbers.values) / len(numbers.values),
                len(numbers.masks[0]),
                given=str(numbers.size),
                target=numbers.target,
                note=joined_notes(*sorted(set(numbers.notes))),
            )
            for numbers in means.groups()
        ]

    def _chunks(self, evaluation: Evaluation, rows: int) -> list[int]:
        """How many samples of every row are decoded at a time, within bounded memory."""
        largest = max(
            math.prod(evaluation.model.modalities[name].shape) * _likelihood(evaluation, name).outputs
            for name in evaluation.targets
        )
        numbers = NUMBERS_IN_CACHE if evaluation.device.type == "cpu" else NUMBERS_AT_A_TIME
        at_once = max(1, min(self.config.samples, numbers // (rows * largest)))
        whole, rest = divmod(self.config.samples, at_once)
        return [at_once] * whole + ([rest] if rest else [])

    def _joint(self, evaluation: Evaluation, batch: Batch, experts: Gaussian) -> Tensor:
        """log p(X) of each row, ``[B]``."""
        prior = with_density(evaluation.model.unconditional_prior(len(batch)))
        total = torch.zeros(len(batch), device=batch.available.device, dtype=experts.mean.dtype)
        for targets, proposal in evaluation.model.joint_latents(batch, experts):
            weights = []
            for count in self._chunks(evaluation, len(batch)):
                z = proposal.rsample((count,))
                likelihood = sum(self._log_prob(evaluation, batch, z, target, batch.available) for target in targets)
                weights.append(likelihood + prior.log_prob(z) - with_density(proposal).log_prob(z))
            total = total + torch.cat(weights).logsumexp(0) - math.log(self.config.samples)
        return total

    def _conditional(
        self, evaluation: Evaluation, batch: Batch, experts: Gaussian, given: Subset
    ) -> dict[tuple[str, str], Tensor]:
        """Both estimates of every target that is not given, for the rows that have it and what is given: ``[rows]``.

        Beside them, under ``WEIGHTS``, the effective number of samples (Σ w)²/Σ w² of the rows that have what is given.
        """
        model, names, mask = evaluation.model, evaluation.names, evaluation.model.mask(batch, given)
        posterior = model.posterior(batch, given, experts=experts)
        complete = (batch.available | ~model.subset_masks([given])[0]).all(-1)
        weighted = "importance" in self.config.conditional and self._has_weights(evaluation, given)
        prior = with_density(model.unconditional_prior(len(batch))) if weighted else None
        each: dict[str, list[Tensor]] = {name: [] for name in evaluation.targets if name not in given}
        log_w: list[Tensor] = []
        for count in self._chunks(evaluation, len(batch)):
            z = posterior.rsample((count,))
            for target, parts in each.items():
                parts.append(self._log_prob(evaluation, batch, z, target, mask))
            if prior is not None:
                likelihood = sum(self._log_prob(evaluation, batch, z, name, mask) for name in given)
                log_w.append(likelihood + prior.log_prob(z) - with_density(posterior).log_prob(z))
        log_share = torch.cat(log_w).log_softmax(0) if weighted else None
        estimates: dict[tuple[str, str], Tensor] = {}
        for target, parts in each.items():
            has, log_p = complete & batch.available[:, names.index(target)], torch.cat(parts)
            if "predictive" in self.config.conditional:
                estimates[PREDICTIVE, target] = (log_p.logsumexp(0) - math.log(self.config.samples))[has]
            if log_share is not None:
                estimates[IMPORTANCE, target] = (log_share + log_p).logsumexp(0)[has]
        if log_share is not None:
            estimates[WEIGHTS, ""] = (-(2 * log_share).logsumexp(0)).exp()[complete]
        return estimates

    @staticmethod
    def _has_weights(evaluation: Evaluation, given: Subset) -> bool:
        """Whether p(z) Π p(x_m|z) of what is given is a density that the model has."""
        model = evaluation.model
        return model.shares_latent and model.infers(()) and set(given) <= set(evaluation.targets)

    @staticmethod
    def _log_prob(evaluation: Evaluation, batch: Batch, z: Tensor, target: str, given: Tensor) -> Tensor:
        """log p(x_target | z) for ``z`` ``[K, B, D]``, or an estimate of it by one draw of what else the decoder takes
        under the mask ``given`` ``[B, M]``: ``[K, B]``.
        """
        model = evaluation.model
        taken = model.decoder_input(z, target, batch, given)
        parameters = model.decode(taken.values, target)
        log_prob = _likelihood(evaluation, target).log_prob(parameters, batch.data[target], batch.observed.get(target))
        return log_prob + taken.log_ratio


def _likelihood(evaluation: Evaluation, target: str) -> Likelihood:
    return cast(Likelihood, evaluation.model.likelihoods[evaluation.names.index(target)])
