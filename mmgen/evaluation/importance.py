"""Log-likelihood of held-out data by importance sampling."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import torch
from pydantic import Field
from torch import Tensor

from ..data import Batch
from ..distributions import Gaussian, Mixture
from .evaluation import Evaluation, Pair, Subset
from .metric import Metric, MetricConfig, Row, row

NUMBERS_AT_A_TIME = 2**25  # of decoder outputs: 128 MiB in float32
NUMBERS_IN_CACHE = 2**20  # what a processor decodes at a time: more goes to memory and back between layers


class LogLikelihoodConfig(MetricConfig):
    """Options of :class:`LogLikelihood`."""

    samples: int = Field(1000, ge=1, description="Samples K of z per row.")
    conditional: bool = Field(
        True, description="Whether to estimate the conditional densities too, which decodes M times as often as the joint alone."
    )
    rows: int = Field(500, ge=1, description="Rows that are looked at, at most: each is decoded K times.")


class LogLikelihood(Metric):
    r"""Log-likelihood in nats per row, in the units that the networks see and without likelihood weights, by K samples of z.

    ``joint``: log p(X), by importance sampling with the posterior of everything as proposal,

    .. math:: \log \frac1K \sum_k \frac{p(z_k) \prod_m p(x_m|z_k)}{q(z_k|X)}, \qquad z_k \sim q(z|X),

    a lower bound in expectation that tightens with K. The prior is the model's own; N(0, I) where that depends on the data of the row.
    Where modalities keep their own latents it is the sum over modalities of the same with their own experts.

    ``conditional``: the density that the model predicts for one modality given others,
    :math:`\log \frac1K \sum_k p(x_t|z_k)` with :math:`z_k \sim q(z|x_S)`; S is each other modality, and all others.

    Source: Burda et al. 2016, Eq. 8 (joint); the conditional as in Shi et al. 2019, section 4, with the target's own likelihood alone.
    """

    Config = LogLikelihoodConfig
    headline = ("joint", "conditional")
    costly = True

    def lacks(self, evaluation: Evaluation) -> str | None:
        """It needs p(x_m | z) of every modality, with z as all that is latent, and a posterior with a density."""
        model = evaluation.model
        if not all(name in model.decoder_sizes and not model.takes_more(name) for name in evaluation.names):
            return "the model does not generate every modality from z alone"
        if (model.encode(evaluation.rows(evaluation.split)[:2].to(evaluation.device)).variance == 0).any():
            return "the model's z is a point, which has no density"
        return None

    def summarise(self, evaluation: Evaluation, judged: Mapping[Pair, Any]) -> list[Row]:
        """Rows for the joint, and for every target given one other and all others."""
        names = evaluation.names
        everything: Subset = tuple(names)
        given: list[Subset] = []
        if self.config.conditional:
            given += [(name,) for name in names if len(names) > 1]
            given += [tuple(name for name in names if name != left) for left in names if len(names) > 2]
        given = [subset for subset in given if evaluation.model.objective.infers(evaluation.model, subset)]
        table = evaluation.rows(evaluation.split)
        table = table.select(evaluation.draw(len(table), self.config.rows))
        found: dict[tuple[str, str, str], list[Tensor]] = {}
        with evaluation.seeded():
            for raw in table.batches(64):
                batch = evaluation.model.prepare(raw.to(evaluation.device))
                experts = evaluation.model.experts(batch)
                whole = batch.available.all(-1)
                if whole.any():
                    joint = self._joint(evaluation, batch, experts)[whole]
                    found.setdefault(("joint", "+".join(everything), "all"), []).append(joint)
                for subset in given:
                    for target, values in self._conditional(evaluation, batch, experts, subset).items():
                        found.setdefault(("conditional", "+".join(subset), target), []).append(values)
        dynamic = evaluation.model.objective.prior_for.dynamic
        note = "the prior depends on data: under N(0, I)" if dynamic else ""
        rows: list[Row] = []
        sizes: dict[int, list[float]] = {}
        for (measure, subset_name, target), parts in found.items():
            values = torch.cat(parts).double().cpu()
            if not len(values):
                continue
            said = note if measure == "joint" else ""
            rows.append(row(measure, values.mean(), len(values), given=subset_name, target=target, note=said))
            if measure == "conditional":
                sizes.setdefault(len(subset_name.split("+")), []).append(float(values.mean()))
        for size, each in sizes.items():
            rows.append(row("conditional", sum(each) / len(each), len(table), given=f"{size} of {len(names)}", target="mean"))
        return rows

    def _chunks(self, evaluation: Evaluation, rows: int) -> list[int]:
        """How many samples of every row are decoded at a time, within bounded memory."""
        largest = max(
            math.prod(modality.shape) * likelihood.outputs  # type: ignore[operator]
            for modality, likelihood in zip(evaluation.model.modalities.values(), evaluation.model.likelihoods, strict=True)
        )
        numbers = NUMBERS_IN_CACHE if evaluation.device.type == "cpu" else NUMBERS_AT_A_TIME
        at_once = max(1, min(self.config.samples, numbers // (rows * largest)))
        whole, rest = divmod(self.config.samples, at_once)
        return [at_once] * whole + ([rest] if rest else [])

    def _joint(self, evaluation: Evaluation, batch: Batch, experts: Gaussian) -> Tensor:
        """log p(X) of each row, ``[B]``."""
        model, names = evaluation.model, evaluation.names
        prior = model.unconditional_prior(len(batch))
        proposals: list[tuple[list[str], Gaussian | Mixture]]
        if model.objective.aggregate.shared:
            proposals = [(names, model.objective.posterior(model, batch, experts, batch.available))]
        else:
            proposals = [([name], experts[m]) for m, name in enumerate(names)]
        total = torch.zeros(len(batch), device=batch.available.device, dtype=experts.mean.dtype)
        for targets, proposal in proposals:
            weights = []
            for count in self._chunks(evaluation, len(batch)):
                z = proposal.rsample((count,))
                likelihood = sum(self._log_prob(evaluation, batch, z, target) for target in targets)
                weights.append(likelihood + prior.log_prob(z) - proposal.log_prob(z))
            total = total + torch.cat(weights).logsumexp(0) - math.log(self.config.samples)
        return total

    def _conditional(self, evaluation: Evaluation, batch: Batch, experts: Gaussian, given: Subset) -> dict[str, Tensor]:
        """log p(x_t | x_S) of the rows that have both, for every target that is not given: ``[rows]`` each."""
        model, names = evaluation.model, evaluation.names
        mask = torch.tensor([name in given for name in names], device=batch.available.device)
        posterior = model.objective.posterior(model, batch, experts, mask & batch.available)
        complete = (batch.available | ~mask).all(-1)
        targets = [name for name in names if name not in given]
        weights: dict[str, list[Tensor]] = {target: [] for target in targets}
        for count in self._chunks(evaluation, len(batch)):
            z = posterior.rsample((count,))
            for target in targets:
                weights[target].append(self._log_prob(evaluation, batch, z, target))
        values = {target: torch.cat(parts).logsumexp(0) - math.log(self.config.samples) for target, parts in weights.items()}
        return {target: value[complete & batch.available[:, names.index(target)]] for target, value in values.items()}

    @staticmethod
    def _log_prob(evaluation: Evaluation, batch: Batch, z: Tensor, target: str) -> Tensor:
        """log p(x_target | z) for ``z`` ``[K, B, D]``: ``[K, B]``."""
        likelihood = evaluation.model.likelihoods[evaluation.names.index(target)]
        return likelihood.log_prob(evaluation.model.decode(z, target), batch.data[target])  # type: ignore[operator]
