"""What a model says of values that it does not see: predictions, log-densities and intervals, from draws of z."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from copy import deepcopy
from dataclasses import dataclass, replace
from typing import cast

import numpy as np
import torch
from torch import Tensor

from ..data import Batch, Modality, Table
from ..data.transforms import CentredLogRatio, Transform
from ..distributions import Likelihood
from ..models import LaplaceInference, inferred_by_model
from .drawn import NUMBERS, are_whole, inferable, most_likely, quantiles, rows_that_fit
from .evaluation import Evaluation
from .imputation_columns import Cells, Columns
from .subsets import Subset

LEVELS = (0.5, 0.9, 0.95)
ROWS = 256  # that are encoded at a time


@dataclass(frozen=True)
class Predicted:
    """Of some of the ``N`` rows of a table, and the ``C`` columns of a target.

    Attributes:
        rows: Which rows, ``[n]``.
        guess: What is most likely, in data units, ``[n, C]``.
        log_score: log of the mean over draws of z of p(x | z), cell by cell, ``[n, C]``: of numbers the density in
            training standard deviations; NaN where the likelihood is not normalised.
        inside: Whether a value is within the interval of each of ``LEVELS``, ``[levels, n, C]``.
    """

    rows: np.ndarray
    guess: np.ndarray
    log_score: np.ndarray
    inside: np.ndarray

    @classmethod
    def joined(cls, parts: Sequence[Predicted]) -> Predicted:
        """Parts, one after the other."""
        return cls(
            np.concatenate([part.rows for part in parts]),
            np.concatenate([part.guess for part in parts]),
            np.concatenate([part.log_score for part in parts]),
            np.concatenate([part.inside for part in parts], 1),
        )


@dataclass(frozen=True)
class Target:
    """A modality whose values are predicted.

    Attributes:
        columns: What training rows say of it.
        truth: Its values in the rows that are looked at.
        wanted: Which of these rows are to be predicted, ``[N]``.
    """

    columns: Columns
    truth: Cells
    wanted: np.ndarray


class Draws:
    """Predictions of a model by ``count`` draws of z per row.

    Args:
        evaluation: Of the model.
        table: The rows.
        targets: What is predicted, by modality.
        count: Draws of z, and of the values that scatter around each.
        own: The model's own inference, of the rows that allow it; encoders infer z otherwise.
    """

    def __init__(
        self,
        evaluation: Evaluation,
        table: Table,
        targets: Mapping[str, Target],
        count: int,
        own: LaplaceInference | None = None,
    ) -> None:
        self.evaluation, self.table, self.targets, self.count, self.own = evaluation, table, targets, count, own
        self._dense = {name: self._with_density(name) for name in targets}
        self._exact = {name: deepcopy(self._transform(name)).double() for name in targets}

    def from_others(self, pairs: Mapping[Subset, Sequence[str]]) -> dict[tuple[Subset, str], Predicted]:
        """Predictions of targets given each subset, in the rows that are wanted and have something of what is given
        from which the objective infers z. No pair has a target that is given.

        Each batch is encoded once, and all targets of a subset are predicted from the same draws of z.
        """
        model = self.evaluation.model
        masks = model.subset_masks(list(pairs))[:, 0].cpu()
        able = [inferable(model, self.table.available & mask).numpy() for mask in masks]
        by_model = [self._by_model(self.table.available & mask) for mask in masks]
        found: dict[tuple[Subset, str], list[Predicted]] = {}
        with self.evaluation.seeded(3_000_017):
            for rows, batch in self._batches():
                experts = model.experts(batch)
                for (given, targets), can, own in zip(pairs.items(), able, by_model, strict=True):
                    some = np.any([self.targets[name].wanted[rows] for name in targets], axis=0) & can[rows]
                    for inference, group in ((self.own, some & own[rows]), (None, some & ~own[rows])):
                        here = torch.from_numpy(np.flatnonzero(group))
                        if not len(here):
                            continue
                        some_rows, part = rows[here.numpy()], batch[here]
                        mask = model.mask(part, given)
                        if inference is None:
                            place = here.to(self.evaluation.device)
                            posterior = model.posterior(part, mask, experts=experts[:, place])
                        else:
                            posterior = inference.posterior(part, mask)
                        z = model.latents(posterior, self.count)
                        for name in targets:
                            for each in self._predicted(name, z, some_rows, part, mask):
                                found.setdefault((given, name), []).append(each)
        return {pair: Predicted.joined(parts) for pair, parts in found.items()}

    def from_what_is_left(self) -> dict[str, Predicted]:
        """Predictions of all targets in the rows that are wanted, given everything that the table says is observed."""
        model = self.evaluation.model
        able = inferable(model, self.table.available).numpy()
        by_model = self._by_model(self.table.available)
        found: dict[str, list[Predicted]] = {}
        with self.evaluation.seeded(3_000_029):
            for rows, batch in self._batches():
                own = np.flatnonzero(by_model[rows] & able[rows])
                if self.own is not None and len(own):
                    part = batch[torch.from_numpy(own)]
                    z, mask = model.latents(self.own.posterior(part), self.count), model.mask(part)
                    for name in self.targets:
                        found.setdefault(name, []).extend(self._predicted(name, z, rows[own], part, mask))
                for name, target in self.targets.items():
                    here = torch.from_numpy(np.flatnonzero(target.wanted[rows] & able[rows] & ~by_model[rows]))
                    for some in here.split(self._at_once(name)) if len(here) else ():
                        (taken,) = model.sample_latents(batch[some], None, [name], self.count)
                        each = self._of_decoded(name, taken, rows[some.numpy()], batch[some])
                        found.setdefault(name, []).append(each)
        return {name: Predicted.joined(parts) for name, parts in found.items()}

    def _batches(self) -> Iterator[tuple[np.ndarray, Batch]]:
        """The numbers of some rows after others, and these as the networks see them."""
        wanted = np.flatnonzero(np.any([target.wanted for target in self.targets.values()], axis=0))
        for start in range(0, len(wanted), ROWS):
            rows = wanted[start : start + ROWS]
            batch = self.table[torch.from_numpy(rows)].to(self.evaluation.device)
            yield rows, self.evaluation.model.prepare(batch)

    def _by_model(self, asked: Tensor) -> np.ndarray:
        """Of which rows z is inferred by the model itself, ``Bool[N]``."""
        if self.own is None:
            return np.zeros(len(asked), dtype=bool)
        return inferred_by_model(self.evaluation.model, asked).numpy()

    def _at_once(self, name: str) -> int:
        """How many rows of a target are decoded at a time."""
        likelihood = self._likelihood(name)
        numbers = len(self.targets[name].columns) * int(likelihood.outputs)
        return rows_that_fit(self.count, numbers, ROWS)

    def _predicted(self, name: str, z: Tensor, rows: np.ndarray, batch: Batch, mask: Tensor) -> Iterator[Predicted]:
        """Of the wanted ones of some rows, from draws ``[K, B, D]``."""
        model = self.evaluation.model
        here = torch.from_numpy(np.flatnonzero(self.targets[name].wanted[rows]))
        for some in here.split(self._at_once(name)) if len(here) else ():
            place = some.to(self.evaluation.device)
            part = batch[some]
            taken = model.decoder_input(z[:, place], name, part, mask[some.to(mask.device)]).values
            yield self._of_decoded(name, taken, rows[some.numpy()], part)

    def _of_decoded(self, name: str, taken: Tensor, rows: np.ndarray, batch: Batch) -> Predicted:
        """Of some rows, from what the decoder takes, ``[K, B, _]``, which it sees once."""
        model, target = self.evaluation.model, self.targets[name]
        modality: Modality = model.modalities[name]
        likelihood, transform = self._likelihood(name), self._transform(name)
        parameters = model.decode(taken, name)
        guess = most_likely(transform.mean_of(likelihood, parameters), modality)
        return Predicted(
            rows,
            guess.double().flatten(1).cpu().numpy(),
            self._log_scores(name, parameters, rows, batch),
            _inside(target, rows, transform.inverse(likelihood.sample(parameters)).flatten(2).cpu().numpy()),
        )

    def _log_scores(self, name: str, parameters: Tensor, rows: np.ndarray, batch: Batch) -> np.ndarray:
        """log 1/K Σ_k p(x | z_k) of every value, ``[n, C]``."""
        likelihood, values = self._likelihood(name), batch.data[name]
        if not likelihood.normalised:
            return np.full((len(rows), len(self.targets[name].columns)), np.nan)
        log_p = likelihood.pointwise(parameters, values.expand(self.count, *values.shape)).flatten(2).double()
        mean = log_p.logsumexp(0) - math.log(self.count)
        return mean.cpu().numpy() + self._log_slope(name, rows)

    def _with_density(self, name: str) -> np.ndarray:
        """The columns whose numbers have a density."""
        columns = self.targets[name].columns
        found = () if self._likelihood(name).discrete else columns.places(*NUMBERS)
        return np.array([i for i in found if columns.supports[i] != "counts"], dtype=np.int64)

    def _log_slope(self, name: str, rows: np.ndarray) -> np.ndarray:
        """What is added to a log-density in the units of the networks to have it in training standard deviations, of
        some rows, ``[n, C]``: log |du/dx| + log s of numbers with a density; 0 of what has probabilities, NaN where
        s = 0 and of parts of a whole (clr), of which none has a density of its own.
        """
        target = self.targets[name]
        columns, truth = target.columns, target.truth[rows]
        added = np.zeros(truth.values.shape)
        dense = self._dense[name]
        if not len(dense):
            return added
        transform = self._exact[name]
        if isinstance(transform, CentredLogRatio):
            return np.full_like(added, np.nan)
        inside = np.where(truth.measured, truth.values, columns.mean)
        with torch.enable_grad():
            x = torch.from_numpy(inside).reshape(len(rows), *self.table.data[name].shape[1:]).requires_grad_()
            u = transform.to(x.device)(x)
            (slope,) = torch.autograd.grad(u.sum(), x)
        with np.errstate(divide="ignore"):
            both = np.log(np.abs(slope.flatten(1).numpy())) + np.log(columns.scale)
        added[:, dense] = both[:, dense]
        return np.where(np.isfinite(added), added, np.nan)

    def _likelihood(self, name: str) -> Likelihood:
        return cast(Likelihood, self.evaluation.model.likelihoods[self.evaluation.names.index(name)])

    def _transform(self, name: str) -> Transform:
        return cast(Transform, self.evaluation.model.transforms[self.evaluation.names.index(name)])


def _inside(target: Target, rows: np.ndarray, drawn: np.ndarray) -> np.ndarray:
    """Whether the values of some rows are within the intervals of draws ``[K, n, C]``, ``[levels, n, C]``."""
    truth = target.truth.values[rows]
    bounds = [edge for level in LEVELS for edge in ((1 - level) / 2, (1 + level) / 2)]
    at = quantiles(drawn, bounds, are_whole(target.columns.supports))
    return np.stack([(at[2 * i] <= truth) & (truth <= at[2 * i + 1]) for i in range(len(LEVELS))])


def hidden_cells(table: Table, targets: Mapping[str, Cells], share: float, seed: int) -> tuple[Table, dict[str, Cells]]:
    """A table whose rows lack a share of their observed cells, and these cells as what is to be predicted.

    Every cell is withheld with the same probability, but of each row and modality one at least stays. Each modality
    has draws of its own, whatever others there are.
    """
    observed, withheld = dict(table.observed), {}
    for name, cells in targets.items():
        generator = np.random.default_rng([seed, *name.encode()])
        chance = generator.random(cells.measured.shape)
        out = cells.measured & (chance < share)
        alone = out.any(1) & (out.sum(1) == cells.measured.sum(1))
        last = np.where(cells.measured, chance, -1.0).argmax(1)
        out[alone, last[alone]] = False
        withheld[name] = Cells(cells.values, out)
        kept = table.observed_cells(name).numpy() & ~out.reshape(table.data[name].shape)
        observed[name] = torch.from_numpy(kept)
    return replace(table, observed=observed), withheld
