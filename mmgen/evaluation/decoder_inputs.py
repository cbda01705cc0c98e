"""What a decoder takes for rows when nothing is drawn: the means of their latents, column by column."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import torch
from torch import Tensor

from ..data import Batch, Table
from .chunks import rows_at_once, rows_of_width
from .drawn import inferable
from .evaluation import Evaluation

CONTEXT = "context"  # what else a decoder sees of a row, where an objective says so
COVARIATES = "covariates"
LEAST_ROWS = 32  # that a decoder sees at a time


@dataclass(frozen=True)
class DecoderInputs:
    """What the decoder of one modality takes, for ``n`` rows that have it.

    Attributes:
        target: The modality.
        table: These rows.
        places: Which of the rows that were asked about they are, ``[n]``.
        values: ``[n, size]``: posterior means of z given all that a row has (of the modality's own expert where each
            keeps its latent), of its private latent, and what it is told of covariates.
        parts: What the columns of ``values`` are, by name: ``z0`` …, ``w0`` … of private latents, ``context``,
            ``covariates``.
        scales: Standard deviation of every latent in the aggregate posterior, √(Var[μ] + E[σ²]), by its name.
    """

    target: str
    table: Table
    places: Tensor
    values: Tensor
    parts: Mapping[str, slice]
    scales: Mapping[str, float]

    @property
    def latents(self) -> list[str]:
        """The names of the dimensions."""
        return list(self.scales)

    def of_one(self, part: str) -> Tensor:
        """``values`` with all but one part at their means over the rows."""
        values = self.values.mean(0).expand_as(self.values).clone()
        values[:, self.parts[part]] = self.values[:, self.parts[part]]
        return values

    def shifted(self, latent: str, by: float) -> Tensor:
        """``values`` with one dimension moved by so many of its standard deviations."""
        values = self.values.clone()
        values[:, self.parts[latent]] += by * self.scales[latent]
        return values


@dataclass(frozen=True)
class _Moments:
    """Means and variances ``[n, _]`` of the latents of some rows, all that they are told, and what decoders take."""

    inputs: Mapping[str, Tensor]
    mean: Mapping[str, Tensor]
    variance: Mapping[str, Tensor]


def decoder_inputs(evaluation: Evaluation, target: str, most: int) -> DecoderInputs | None:
    """What the decoder of a modality takes for at most ``most`` of the evaluated rows (:func:`.chunks.rows_of_width`);
    of those that have the modality, given all that they have. None where no row does, or the decoder does not begin
    with z.
    """
    table, moments = evaluation.cached(("decoder inputs", most), lambda: _moments(evaluation, most))
    model, m = evaluation.model, evaluation.names.index(target)
    places = (table.available[:, m] & inferable(model, table.available)).nonzero().squeeze(1)
    places = places[evaluation.draw(len(places), rows_of_width(most, model.modalities[target].dimension))]
    if target not in moments.inputs or not len(places):
        return None
    values = moments.inputs[target][places]
    private, told = model.private.get(target, 0), model.told
    own = values.shape[1] - private - told
    size = min(model.config.latent_dim, own)
    mean, variance = moments.mean[target][places], moments.variance[target][places]
    if not torch.equal(values[:, :size], mean[:, :size]):
        return None
    scale = (mean.double().var(0, correction=0) + variance.double().mean(0)).sqrt().tolist()
    names = [f"z{k}" for k in range(size)] + [f"w{k}" for k in range(private)]
    columns = [*range(size), *range(own, own + private)]
    spreads = scale[:size] + scale[len(scale) - private :]
    parts = {name: slice(k, k + 1) for name, k in zip(names, columns, strict=True)}
    parts |= {CONTEXT: slice(size, own)} if own > size else {}
    parts |= {COVARIATES: slice(own + private, values.shape[1])} if told else {}
    return DecoderInputs(target, table.select(places), places, values, parts, dict(zip(names, spreads, strict=True)))


def decoded(
    evaluation: Evaluation, inputs: DecoderInputs, values: Tensor, width: int
) -> Iterator[tuple[Tensor, Tensor]]:
    """Places in ``inputs.table``, and the decoder's output for these rows of ``values`` ``[n, size]``; as few rows at
    a time as ``width`` numbers each ask for.
    """
    with torch.no_grad():
        for rows in torch.arange(len(values)).split(rows_at_once(width, LEAST_ROWS)):
            yield rows, evaluation.model.decode(values[rows].to(evaluation.device), inputs.target)


def _moments(evaluation: Evaluation, most: int) -> tuple[Table, _Moments]:
    """Of at most so many of the evaluated rows."""
    table = evaluation.data.split(evaluation.split)
    table = table.select(evaluation.draw(len(table), min(most, evaluation.max_rows)))
    parts: list[_Moments] = []
    with evaluation.seeded(3_000_017):
        parts.extend(_of_batch(evaluation, batch) for batch in evaluation.batches(table))
    joined = [
        {name: torch.cat([getattr(part, kind)[name] for part in parts]).cpu() for name in evaluation.targets}
        for kind in ("inputs", "mean", "variance")
    ]
    return table, _Moments(*joined)


def _of_batch(evaluation: Evaluation, batch: Batch) -> _Moments:
    model, mask = evaluation.model, evaluation.model.mask(batch)
    experts = model.experts(batch)
    posterior, private = model.posterior(batch, experts=experts), model.private_posteriors(batch)
    inputs, means, variances = {}, {}, {}
    for target in evaluation.targets:
        m = evaluation.names.index(target)
        z, variance = posterior.mean, posterior.variance
        if not model.shares_latent:
            z, variance = experts[m].mean, experts[m].variance
        values = model.decoder_input(z, target, batch, mask).values.clone()
        if target in private:
            w = private[target]
            end = values.shape[1] - model.told
            values[:, end - w.mean.shape[1] : end] = w.mean
            z, variance = torch.cat([z, w.mean], 1), torch.cat([variance, w.variance], 1)
        inputs[target], means[target], variances[target] = values, z, variance
    return _Moments(inputs, means, variances)
