"""A start of a model at factor analysis: the best linear model of all columns, before the first step.

Modalities x_m = μ_m + W_m z + ε_m share z ~ N(0, I). Their columns are explained together
(:mod:`.factor_analysis`), and each network becomes its part of the answer: the decoder W_m z + μ_m, the likelihood the
scales √ψ, and the encoder the posterior given its modality alone,

    S_m = (I + W_mᵀ Ψ_m⁻¹ W_m)⁻¹,    q(z | x_m) = N(a_m, diag S_m),    a_m = S_m W_mᵀ Ψ_m⁻¹ (x_m − μ_m).

Where networks are told covariates c, factors are those of what these leave of the columns: B is the regression of each
column on c, x_m = μ_m + B_m c + W_m z + ε_m, and x_m − B_m c stands in the place of x_m above. Decoders have B_m in the
linear path of c, and encoders −S_m W_mᵀ Ψ_m⁻¹ B_m in theirs, so that z begins without what is linear in c.

z is rotated so that, given all modalities, its dimensions are independent of each other; dimensions that are not needed
have no loadings, and their posterior is N(0, 1). The multilayer perceptrons beside the linear paths add 0 and learn
what is not linear.

Where posteriors are products of experts, the prior that is in every one of them would count as often as there are
experts, and what is inferred from many modalities would be too certain and too near 0. An expert then has a share c of
the prior's precision: with p_m = 1 / diag S_m its precision is p_m − 1 + c and its mean a_m p_m / (p_m − 1 + c). c is 0
where N(0, I) is an expert of every product, by which what is inferred from one modality is the posterior above; else
1/(M − 1) for M encoders, so that there is one prior in what is inferred of a modality from all others.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import cast

import numpy as np
import torch
from torch import Tensor, nn

from ..data import Table
from ..data.sparse import Sparse
from ..data.transforms import Transform
from ..distributions import Likelihood
from ..distributions.likelihoods import Mixed, NegativeBinomial, Poisson
from ..errors import listed
from ..networks import Encoder, MLPDecoder, MLPTrunk, Uninformed
from .answer_start import start_of_answers
from .covariate_effects import covariate_effects, explained_by_covariates
from .factor_analysis import CANDIDATES, Factors, Rows, Selection, choose, in_order
from .model import MultimodalVAE
from .objective import Objective

MOST_ROWS = 5000  # that are explained, drawn at random
MOST_NUMBERS = 2**22  # in them
LEAST_PRECISION = 0.01  # of an expert: one that says nothing could hardly learn to
FEWEST = 4  # rows by which a number of factors is chosen
AT_ONCE = 1024  # rows that are prepared


@dataclass(frozen=True)
class Part:
    """A modality whose networks can be linear.

    Attributes:
        number: Of the modality.
        name: What it is called.
        columns: Where its columns are among all that are explained.
        cells: Which cells of a value these are.
        of: How many cells a value has.
    """

    number: int
    name: str
    columns: slice
    cells: list[int]
    of: int

    @property
    def size(self) -> int:
        """How many columns it has."""
        return len(self.cells)


@dataclass(frozen=True)
class Linear:
    """x_m = μ + B c + W z + ε of one modality with p columns.

    Attributes:
        loadings: W, ``[p, D]``.
        mean: μ, ``[p]``.
        uniqueness: Variances of ε, ``[p]``.
        effects: B, ``[p, T]``.
    """

    loadings: np.ndarray
    mean: np.ndarray
    uniqueness: np.ndarray
    effects: np.ndarray


@dataclass(frozen=True)
class Told:
    """Rows and what is told of them.

    Attributes:
        rows: ``N`` rows of all columns.
        told: Covariates as networks take them, ``[N, T]``.
        groups: Rows with the same number belong together, ``[N]``, from 0.
        values: By part, all cells of its values, ``[N, of]``, where some of them are not explained.
        observed: Which of these were measured.
    """

    rows: Rows
    told: np.ndarray
    groups: np.ndarray
    values: dict[str, np.ndarray]
    observed: dict[str, np.ndarray]


@dataclass(frozen=True)
class LinearStart:
    """How a training begins: in a sentence, and with how many factors; 0 where weights are random."""

    sentence: str
    factors: int = 0


def start_linear(model: MultimodalVAE, train: Table, val: Table) -> LinearStart:
    """Let a new model be factor analysis of its training rows, as far as it can be, with counts at their means, and say
    so.

    The number of factors is chosen by cross-validation in the training and the validation rows, in which rows of one
    group are held out together: a model knows more of a patient whom it has seen at another visit. No random numbers of
    PyTorch are used, and the same rows give the same model.
    """
    at_means = start_means(model, train)
    parts = parts_of(model)
    if not parts:
        return LinearStart(
            "Start: random weights; training.start=linear is for modalities of real numbers with linear paths "
            "(linear_path), which have an encoder and are decoded from z, and there are none."
        )
    rows, further = _rows(model, parts, train), _rows(model, parts, val)
    low, high = _bounds(model, parts)
    most = min(model.encoded.get(part.name, model.config.latent_dim) for part in parts)
    candidates = sorted({*CANDIDATES, most})
    count = len(rows.rows) + len(further.rows)
    if count < FEWEST or len(rows.rows) < 2:
        return LinearStart("Start: random weights; there are too few rows for training.start=linear.")
    belong = np.concatenate([rows.groups, len(rows.rows) + further.groups])
    if (belong == belong[0]).all():
        return LinearStart(
            "Start: random weights; all rows are of one group, and the factors of training.start=linear are chosen by "
            "groups that are held out."
        )
    effects = covariate_effects(rows.rows, rows.told)
    left, further_left = (each.rows.less(each.told @ effects.T) for each in (rows, further))
    columns = [part.columns for part in parts]
    found = choose(left, further_left, most, low, high, candidates, columns, belong)
    if not found.model.count:
        return LinearStart("Start: random weights; factor analysis finds nothing that columns have in common.")
    become(model, parts, found.model, effects, answers_of(model, parts, found.model, rows, left))
    explained = explained_by_covariates(rows.rows, left) if model.told else None
    groups = len(np.unique(belong))
    among = f"{count} rows" if groups == count else f"{count} rows of {groups} groups"
    return LinearStart(_sentence(model, parts, found, among, explained, at_means), found.model.count)


def start_means(model: MultimodalVAE, train: Table) -> list[str]:
    """Let decoders of counts begin at the means of the training rows: the biases of their log-means are the logarithms
    of these. From 0, counts of a hundred begin with gradients that Adam remembers for a thousand steps, in which
    dispersions hardly move.

    Returns:
        The modalities whose decoders do.
    """
    started = []
    for m, (name, transform) in enumerate(zip(model.modalities, model.transforms, strict=True)):
        decoder, likelihood, stored = model.decoders[m], model.likelihoods[m], train.data[name]
        if not isinstance(decoder, MLPDecoder) or not isinstance(likelihood, Poisson | NegativeBinomial):
            continue
        rows = train.available[:, m].nonzero().squeeze(1)
        if not len(rows):
            continue
        observed = train.observed.get(name)
        total: Tensor | float = 0.0
        seen: Tensor | int = 0
        if isinstance(stored, Sparse) and type(transform) is Transform:
            total, seen = stored.select(rows).sums(), len(rows)
        else:
            for part in rows.split(AT_ONCE):
                cells = None if observed is None else observed[part]
                values = cast(Transform, transform)(stored[part], cells)
                total = total + (values if cells is None else torch.where(cells, values, 0.0)).double().sum(0)
                seen = seen + (len(part) if cells is None else cells.sum(0))
        mean = (cast(Tensor, total) + 0.5) / (seen + 1)
        last = cast(nn.Linear, decoder.layers[-1])
        with torch.no_grad():
            last.bias[: mean.numel()] = mean.log().flatten().to(last.bias)
        started.append(name)
    return started


def parts_of(model: MultimodalVAE) -> list[Part]:
    """The modalities with a location that is decoded from z linearly, and encoders that can be linear."""
    parts, at = [], 0
    if type(model.objective).decoder_input is not Objective.decoder_input:
        return []
    for m, (name, modality) in enumerate(model.modalities.items()):
        encoder, decoder, likelihood = model.encoders[m], model.decoders[m], model.likelihoods[m]
        if not isinstance(decoder, MLPDecoder) or not decoder.is_linear:
            continue
        around = cast(Likelihood, likelihood).around_location(torch.ones(modality.shape))
        if around is None:
            continue
        beside = model.private.get(name, 0) + model.told
        if model.decoder_sizes[name] - beside != model.config.latent_dim:
            continue
        if not isinstance(encoder, Uninformed) and not (isinstance(encoder, Encoder) and encoder.is_linear):
            continue
        cells = around.flatten().isfinite().nonzero().squeeze(1).tolist()
        parts.append(Part(m, name, slice(at, at + len(cells)), cells, around.numel()))
        at += len(cells)
    return parts


Answers = Mapping[str, tuple[np.ndarray, np.ndarray]]  # by part: slopes on factors and covariates, and intercepts


def answers_of(model: MultimodalVAE, parts: list[Part], factors: Factors, rows: Told, left: Rows) -> Answers:
    """Where decoders of cells that are no numbers begin, of the parts that have some."""
    seen = np.concatenate([factors.expected(left), rows.told], 1)
    return {
        part.name: start_of_answers(likelihood, rows.values[part.name], rows.observed[part.name], seen)
        for part in parts
        if part.name in rows.values and isinstance(likelihood := model.likelihoods[part.number], Mixed)
    }


def become(model: MultimodalVAE, parts: list[Part], factors: Factors, effects: np.ndarray, answers: Answers) -> None:
    """Let networks be the parts of a model of all their columns, whose factors are the first dimensions of z; with the
    ``effects`` of covariates ``[columns, T]``.
    """
    share = prior_share(model)
    for part in parts:
        loadings = np.zeros((part.size, model.config.latent_dim))
        loadings[:, : factors.count] = factors.loadings[part.columns]
        mean, uniqueness = factors.mean[part.columns], factors.uniqueness[part.columns]
        linear = Linear(loadings, mean, uniqueness, effects[part.columns])
        _become_decoder(model, part, linear, answers.get(part.name))
        encoder = model.encoders[part.number]
        if isinstance(encoder, Encoder):
            _become_encoder(model, encoder, part, linear, share)


def prior_share(model: MultimodalVAE) -> float:
    """c, the share of the prior's precision that each expert has."""
    aggregator = None if model.objective.aggregator is None else model.objective.aggregate
    prior_expert = getattr(getattr(aggregator, "config", None), "prior_expert", None)
    if prior_expert is None:  # no products
        return 1.0
    return 0.0 if prior_expert == "all" else 1 / max(1, len(model.encoded) - 1)


def _become_decoder(
    model: MultimodalVAE, part: Part, linear: Linear, answers: tuple[np.ndarray, np.ndarray] | None
) -> None:
    """The location W z + B c + μ, the scales, and what other cells begin at; private latents do nothing at first."""
    decoder, likelihood = (
        cast(MLPDecoder, model.decoders[part.number]),
        cast(Likelihood, model.likelihoods[part.number]),
    )
    deviation, mean = (torch.full((part.of,), value, dtype=torch.float64) for value in (1.0, 0.0))
    deviation[part.cells] = torch.from_numpy(np.sqrt(linear.uniqueness))
    mean[part.cells] = torch.from_numpy(linear.mean)
    further = likelihood.set_scatter(deviation.reshape(likelihood.shape).to(model.device)).double().cpu().reshape(-1)
    bias = torch.cat([mean, further])
    weight = torch.zeros(len(bias), model.decoder_sizes[part.name], dtype=torch.float64)
    weight[part.cells, : model.config.latent_dim] = torch.from_numpy(linear.loadings)
    if model.told:
        weight[part.cells, -model.told :] = torch.from_numpy(linear.effects)
    if answers is not None:
        slopes, intercepts = map(torch.from_numpy, answers)
        bias += intercepts
        factors = slopes.shape[1] - model.told
        weight[:, :factors] += slopes[:, :factors]
        weight[:, weight.shape[1] - model.told :] += slopes[:, factors:]
    decoder.become_linear(weight, bias)


def _become_encoder(model: MultimodalVAE, encoder: Encoder, part: Part, linear: Linear, share: float) -> None:
    """q(z | x_m, c); private dimensions stay N(0, I)."""
    size, private = model.encoded[part.name], model.private.get(part.name, 0)
    loadings = linear.loadings[:, :size]
    weighted = loadings / linear.uniqueness[:, None]
    covariance = np.linalg.inv(np.eye(size) + loadings.T @ weighted)
    slopes, precision = covariance @ weighted.T, 1 / np.diagonal(covariance)
    own = np.maximum(precision - 1 + share, LEAST_PRECISION)
    slopes, precision = slopes * (precision / own)[:, None], own
    seen_at = cast(MLPTrunk, encoder.trunk).seen_at(part.cells)
    weight = torch.zeros(size + private, 1 + max(seen_at), dtype=torch.float64)
    bias, log_variance = (torch.zeros(size + private, dtype=torch.float64) for _ in range(2))
    weight[:size, seen_at] = torch.from_numpy(slopes)
    bias[:size] = torch.from_numpy(-slopes @ linear.mean)
    log_variance[:size] = torch.from_numpy(-np.log(precision))
    of_told = torch.zeros(size + private, model.told, dtype=torch.float64)
    of_told[:size] = torch.from_numpy(-slopes @ linear.effects)
    encoder.become_linear(weight, bias, log_variance, of_told if model.told else None)


def _rows(model: MultimodalVAE, parts: list[Part], table: Table) -> Told:
    """At most so many rows with any of the modalities, as the networks see them."""
    count = parts[-1].columns.stop
    numbers = [part.number for part in parts]
    places = table.available[:, numbers].any(1).cpu().nonzero().squeeze(1)
    most = max(2, min(MOST_ROWS, MOST_NUMBERS // count))
    order = torch.randperm(len(places), generator=torch.Generator().manual_seed(0))[:most].sort().values
    values, observed = np.zeros((len(order), count)), np.zeros((len(order), count), dtype=bool)
    told = np.zeros((len(order), model.told))
    partly = [part for part in parts if part.size < part.of]
    whole = {part.name: np.zeros((len(order), part.of)) for part in partly}
    measured = {part.name: np.zeros((len(order), part.of), dtype=bool) for part in partly}
    at = 0
    for some in places[order].split(AT_ONCE):
        batch = model.prepare(table[some].to(model.device))
        for part in parts:
            likelihood = cast(Likelihood, model.likelihoods[part.number])
            given = batch.data[part.name].double()
            x = cast(Tensor, likelihood.around_location(given))
            there = batch.available[:, part.number].reshape(-1, *[1] * (x.dim() - 1)).expand(x.shape)
            there = there & batch.observed[part.name] if part.name in batch.observed else there
            here = slice(at, at + len(some))
            values[here, part.columns] = x.flatten(1)[:, part.cells].cpu().numpy()
            observed[here, part.columns] = there.flatten(1)[:, part.cells].cpu().numpy()
            if part.name in whole:
                whole[part.name][here], measured[part.name][here] = given.cpu().numpy(), there.cpu().numpy()
        if batch.told is not None:
            told[at : at + len(some)] = batch.told.double().cpu().numpy()
        at += len(some)
    some, chosen = observed.any(1), places[order]
    groups = chosen.numpy() if table.groups is None else table.groups.cpu()[chosen].numpy()
    whole, measured = ({name: cells[some] for name, cells in each.items()} for each in (whole, measured))
    return Told(Rows.of_cells(values, observed), told[some], in_order(groups[some]), whole, measured)


def _bounds(model: MultimodalVAE, parts: list[Part]) -> tuple[np.ndarray, np.ndarray]:
    """Of the variances around the locations."""
    ranges = [cast(Likelihood, model.likelihoods[part.number]).scatter_range() for part in parts]
    low, high = (
        np.concatenate([each[end].numpy().reshape(-1)[part.cells] for part, each in zip(parts, ranges, strict=True)])
        ** 2
        for end in range(2)
    )
    return low, high


def _sentence(
    model: MultimodalVAE,
    parts: list[Part],
    found: Selection,
    among: str,
    by_covariates: float | None,
    at_means: list[str],
) -> str:
    """What was done, and what begins at random."""
    begun = {*at_means, *(part.name for part in parts)}
    others = [name for name in model.modalities if name not in begun]
    others += ["the objective's own encoders"] if any(isinstance(m, Encoder) for m in model.objective.modules()) else []
    count, columns = found.model.count, parts[-1].columns.stop
    left = ""
    if by_covariates is not None:
        verb = "says" if len(model.covariates) == 1 else "say"
        left = f", less what {listed(model.covariates)} {verb} ({100 * by_covariates:.0f} % of the variance),"
    beside = f"; {listed(at_means)} at the means of training rows" if at_means else ""
    beside += f"; {listed(others)} with random weights" if others else ""
    if len(parts) > 1:
        reached = f"of the variance, {100 * -found.score:.0f} % is not explained by the other modalities"
    else:
        reached = f"log-likelihood per value {found.score:.3f}, of independent columns {found.without:.3f}"
    return (
        f"Start: factor analysis of {columns} columns ({listed(map(_titled, parts))}){left} with {count} "
        f"factor{'s' if count > 1 else ''}, chosen by cross-validation in {among}: {reached}{beside}."
    )


def _titled(part: Part) -> str:
    return part.name if part.size == part.of else f"{part.size} of {part.of} of {part.name}"
