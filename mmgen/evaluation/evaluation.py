"""What metrics share: latents of every subset, and one pass over everything that is generated from them."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Hashable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, TypeVar

import numpy as np
import torch
from torch import Tensor

from ..data import Data, Table, track
from ..distributions import random_strata
from ..errors import DataError
from ..memory import keep_freed_memory
from ..models import MultimodalVAE
from .chunks import rows_at_once
from .metric import Metric

T = TypeVar("T")
Subset = tuple[str, ...]
Pair = tuple[Subset, str]  # what is given (nothing: the prior), and what is generated


@dataclass(frozen=True)
class Latents:
    """Of ``N`` rows under ``S`` subsets of modalities.

    Attributes:
        subsets: The subsets, by names.
        means: Posterior means ``[S, N, D]``.
        samples: One sample of the posterior each (its mean where the objective decodes that), ``[S, N, D]``.
        own: One sample of each modality's own expert ``[M, N, D]``, where modalities keep their own latents; None where
            they share one.
        complete: ``[S, N]``: whether a row has all modalities of the subset; only such rows count.
        table: The rows.
    """

    subsets: list[Subset]
    means: Tensor
    samples: Tensor
    own: Tensor | None
    complete: Tensor
    table: Table

    def index(self, given: Sequence[str]) -> int:
        """Place of a subset."""
        return self.subsets.index(tuple(given))


@dataclass(frozen=True)
class Generation:
    """What a model generates for one target from one subset, on the model's device.

    Attributes:
        given: The subset, by names; empty where it is from the prior.
        target: The generated modality.
        values: The mean of p(x_target | z), z ~ q(z | x_given), in data units, ``[N, *shape]``.
        truth: The target's own values ``[N, *shape]`` (arbitrary where a row lacks them); None from the prior.
        log_likelihood: log p(x_target | z) of those, unweighted, in the units that the model works in, ``[N]``; None
            from the prior, and where no metric that wants the pair reads it.
        complete: Whether a row has all that is given, ``[N]``.
        has_target: Whether a row has the target, ``[N]``.
    """

    given: Subset
    target: str
    values: Tensor
    truth: Tensor | None
    log_likelihood: Tensor | None
    complete: Tensor
    has_target: Tensor


class Evaluation:
    """A trained model on one split.

    Each batch is encoded once, all subsets are derived from that in one call, and every pair of subset and target is
    decoded once for all metrics.

    Args:
        model: The model; it is put in evaluation mode.
        data: The dataset.
        split: What is evaluated: ``test``, ``val`` or ``train``.
        seed: Of the samples.
        subsets: The subsets that are looked at, by names, smaller ones first and all modalities last; chosen by
            ``max_subsets`` otherwise.
        max_subsets: How many subsets are looked at; beyond it, all single modalities, all but one, all, and others at
            random.
        max_rows: How many rows of a split are looked at, drawn at random; and how many are drawn from the prior.
        batch_size: Rows at a time.

    Attributes:
        names: All modalities.
        targets: Those that the model generates.
        considered: The subsets that would be looked at if the model inferred from all of them.

    Raises:
        DataError: The split has no rows.
    """

    def __init__(
        self,
        model: MultimodalVAE,
        data: Data,
        *,
        split: str = "test",
        seed: int = 0,
        subsets: Sequence[Subset] | None = None,
        max_subsets: int = 127,
        max_rows: int = 10_000,
        batch_size: int = 512,
    ) -> None:
        self.model, self.data, self.split, self.seed = model.eval(), data, split, seed
        self.max_subsets, self.max_rows, self.batch_size = max_subsets, max_rows, batch_size
        self.names = list(model.modalities)
        self.targets = list(model.decoder_sizes)
        self.device = model.device
        if self.device.type == "cpu":
            keep_freed_memory()
        if not len(data.split(split)):
            raise DataError(_no_rows(data, split))
        self.considered = self._considered() if subsets is None else [tuple(subset) for subset in subsets]
        self.subsets = [subset for subset in self.considered if model.objective.infers(model, subset)]
        self._kept: dict[Any, Any] = {}
        self._latents: dict[str, Latents] = {}

    def _considered(self) -> list[Subset]:
        """All non-empty subsets, or as many as allowed, smaller ones first."""
        count = len(self.names)
        if 2**count - 1 <= self.max_subsets:
            chosen = [c for size in range(1, count + 1) for c in itertools.combinations(range(count), size)]
        else:
            everything = tuple(range(count))
            kept = {
                everything,
                *((m,) for m in everything),
                *(tuple(k for k in everything if k != m) for m in everything),
            }
            generator = np.random.default_rng(self.seed)
            while len(kept) < self.max_subsets:
                kept.add(tuple(np.flatnonzero(generator.random(count) < 0.5).tolist()) or everything)
            chosen = sorted(kept, key=lambda c: (len(c), c))
        return [tuple(self.names[m] for m in c) for c in chosen]

    # Rows and latents -------------------------------------------------------------------------------------------------

    def rows(self, split: str) -> Table:
        """The rows of a split that are looked at."""
        table = self.data.split(split)
        return table if len(table) <= self.max_rows else table.select(self.draw(len(table), self.max_rows))

    def draw(self, count: int, most: int) -> Tensor:
        """At most ``most`` of the places 0 to ``count`` − 1, drawn at random without replacement, in ascending order.

        Whatever looks at some rows only takes these. They are the same each time, so that equally many real and
        generated values are those of the same rows.
        """
        order = np.random.default_rng(self.seed).permutation(count)[:most]
        return torch.from_numpy(np.sort(order))

    def latents(self, split: str | None = None) -> Latents:
        """Latents of a split (the evaluated one by default) under all subsets."""
        split = self.split if split is None else split
        if split not in self._latents:
            self._latents[split] = self._encode(self.rows(split))
        return self._latents[split]

    @contextmanager
    def seeded(self, number: int = 0) -> Iterator[None]:
        """No gradients, and random numbers of this evaluation's own: the same each time, whatever was computed before.

        Rows may come in any order.
        """
        devices = [self.device] if self.device.type == "cuda" else []
        with torch.no_grad(), random_strata(), torch.random.fork_rng(devices=devices):
            torch.manual_seed(self.seed + number)
            yield

    def _encode(self, table: Table) -> Latents:
        masks = torch.tensor([[name in subset for name in self.names] for subset in self.subsets], device=self.device)
        means, samples, own = [], [], []
        with self.seeded():
            for raw in table.batches(self.batch_size):
                batch = self.model.prepare(raw.to(self.device))
                experts = self.model.experts(batch)
                given = masks[:, None] & batch.available
                posterior = self.model.objective.posterior(self.model, batch, experts, given)
                means.append(posterior.mean.cpu())
                samples.append(self.model.latents(posterior)[0].cpu())
                if not self.model.objective.shared:
                    own.append(experts.rsample().cpu())
        wanted = masks.cpu()[:, None]
        complete = (table.available | ~wanted).all(-1)
        return Latents(
            self.subsets,
            torch.cat(means, 1),
            torch.cat(samples, 1),
            torch.cat(own, 1) if own else None,
            complete,
            table,
        )

    def _inputs(self, given: Sequence[str], target: str, rows: Sequence[int] | None = None) -> Iterator[Tensor]:
        """What the decoder of ``target`` takes when ``given`` is known, ``[n, _]`` on the model's device, part by part;
        of all rows or some.
        """
        latents = self.latent_samples(given, target)
        index = torch.arange(len(latents)) if rows is None else torch.as_tensor(rows, dtype=torch.int64)
        more = self.model.takes_more(target)
        with self.seeded(2_000_003) if more else torch.no_grad():
            numbers = math.prod(self.model.modalities[target].shape)
            for part in index.split(rows_at_once(numbers, self.batch_size)):
                z, batch = latents[part].to(self.device), None
                if more and given:
                    batch = self.model.prepare(self.latents().table[part].to(self.device))
                yield self.model.decoder_input(
                    z, target, batch, None if batch is None else self.model.mask(batch, given)
                )

    def latent_samples(self, given: Sequence[str], target: str) -> Tensor:
        """The latents ``[N, D]`` that ``target`` is decoded from when ``given`` is known.

        Given nothing they are ``max_rows`` draws from the prior, the same for all targets unless modalities keep their
        own latents.
        """
        if not given:
            own = 0 if self.model.objective.shared else 1 + self.names.index(target)
            with self.seeded(1_000_003 + own):
                return self.model.sample_prior(self.max_rows).cpu()
        latents = self.latents()
        if latents.own is not None and target in given:
            return latents.own[self.names.index(target)]
        return latents.samples[latents.index(given)]

    def labels(self, split: str | None = None) -> dict[str, np.ndarray]:
        """The labels of a split's rows: codes ``[N]``, −1 where unknown, and ``[N, L]`` of 0, 1 and −1 for several
        yes/no answers.
        """
        table = self.latents(split).table
        return {name: codes.numpy() for name, codes in table.labels.items()}

    def once(self, key: Hashable, make: Callable[[], T]) -> T:
        """What ``make`` makes, made once and kept as long as this evaluation: for what metrics share, such as
        classifiers.
        """
        if key not in self._kept:
            self._kept[key] = make()
        return self._kept[key]

    # What is generated ------------------------------------------------------------------------------------------------

    def generated(self, given: Sequence[str], target: str, rows: Sequence[int] | None = None) -> Tensor:
        """The mean of p(x_target | z) in data units, z ~ q(z | x_given), of all rows or some: ``[N, *shape]``."""
        with torch.no_grad():
            return torch.cat([self.model.output(taken, target).cpu() for taken in self._inputs(given, target, rows)])

    @torch.no_grad()
    def generation(
        self, given: Subset, target: str, truth: Tensor | None = None, *, likelihood: bool = True
    ) -> Generation:
        """Everything that is generated for a pair, decoded once.

        ``truth`` are the target's own values on the model's device, where the caller has them; ``likelihood`` says
        whether the log-likelihood is wanted.
        """
        m = self.names.index(target)
        if not given:
            drawn = torch.cat([self.model.output(taken, target) for taken in self._inputs(given, target)])
            every = torch.ones(len(drawn), dtype=torch.bool)
            return Generation(given, target, drawn, None, None, every, every)
        table = self.latents().table
        truth = table.data[target][:].to(self.device) if truth is None else truth
        p, transform = self.model.likelihoods[m], self.model.transforms[m]
        values, scores, start = [], [], 0
        for taken in self._inputs(given, target):
            parameters = self.model.decode(taken, target)
            if likelihood:
                scores.append(p.log_prob(parameters, transform(truth[start : start + len(taken)])))  # type: ignore[operator]
            values.append(transform.inverse(p.mean(parameters)))  # type: ignore[operator]
            start += len(taken)
        complete = self.latents().complete[self.latents().index(given)]
        return Generation(
            given,
            target,
            torch.cat(values),
            truth,
            torch.cat(scores) if likelihood else None,
            complete,
            table.available[:, m],
        )

    def judged(self, metrics: Sequence[Metric]) -> list[dict[Pair, Any]]:
        """What each metric keeps of every pair that it wants; each pair is decoded once."""
        nothing: list[Subset] = [()] if self.model.objective.infers(self.model, ()) else []
        pairs: list[Pair] = [(given, target) for target in self.targets for given in [*nothing, *self.subsets]]
        wanted = {pair: [i for i, metric in enumerate(metrics) if metric.wants(self, pair)] for pair in pairs}
        kept: list[dict[Pair, Any]] = [{} for _ in metrics]
        wanted = {pair: who for pair, who in wanted.items() if who}
        truth: tuple[str, Tensor] | None = None
        for (given, target), who in track(wanted.items(), "generating and judging", len(wanted)):
            if given and (truth is None or truth[0] != target):
                truth = (target, self.latents().table.data[target][:].to(self.device))
            likelihood = any(metrics[i].reads_likelihood for i in who)
            generation = self.generation(given, target, truth[1] if given and truth else None, likelihood=likelihood)
            for i in who:
                kept[i][given, target] = metrics[i].judge(self, generation)
        return kept


def _no_rows(data: Data, split: str) -> str:
    """Which rows there are none of, which there are, and how to have some."""
    counts = {name: len(data.split(name)) for name in ("val", "test", "train")}
    others = " or ".join(f"--split {name} (rows: {count})" for name, count in counts.items() if count)
    return (
        f"The data {data.name!r} have no {split} rows to evaluate on; {others} evaluates others, "
        f"and {split} rows need more rows or groups to be drawn from, or a column that names them."
    )
