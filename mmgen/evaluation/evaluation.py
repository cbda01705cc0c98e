"""What metrics share: the rows that are looked at, their latents under every subset, and what is generated."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Hashable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from typing import Any, TypeVar

import numpy as np
import torch
from torch import Tensor

from ..data import Batch, Data, Table
from ..distributions import random_strata
from ..errors import DataError
from ..memory import keep_freed_memory
from ..models import LaplaceInference, MultimodalVAE, Sampler, choose_sampler, fit_sampler, own_inference
from ..models.building import Component
from ..models.inference import Inference
from ..models.sampling import in_words
from .chunks import MOST_DRAWN, rows_at_once
from .latents import Generation, Latents
from .subsets import PRIOR, SAMPLER, Subset

T = TypeVar("T")


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
        max_rows: How many rows of a split are looked at, drawn at random; and how many are drawn from the prior, unless
            a modality of so many would be more than ``chunks.MOST_DRAWN`` numbers.
        batch_size: Rows at a time.
        samplers: Gives the fitted sampler for a name, class or mapping; fitted here to the rows that are trained on
            otherwise.

    Attributes:
        names: All modalities.
        targets: Those that the model generates.
        considered: The subsets that would be looked at if the model inferred from all of them.

    Raises:
        DataError: The split has no rows.

    >>> import mmgen
    >>> from mmgen.testing import make_model, toy_data
    >>> evaluation = mmgen.Evaluation(make_model("elbo", toy_data()), toy_data(), split="val")
    >>> evaluation.latents().means.shape[:2] == (len(evaluation.subsets), len(evaluation.rows("val")))
    True
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
        samplers: Callable[[Component], Sampler] | None = None,
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
        self.subsets = [subset for subset in self.considered if model.infers(subset)]
        self._samplers = samplers or self._fitted
        self._cache: dict[Any, Any] = {}
        self._latents: dict[str, Latents] = {}
        self._last_own: Generation | None = None  # the last that was decoded from its own expert

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

    def batches(self, table: Table, rows: int | None = None) -> Iterator[Batch]:
        """Some rows of a table after others, on the model's device and in the units that its networks see."""
        for batch in table.batches(self.batch_size if rows is None else rows):
            yield self.model.prepare(batch.to(self.device))

    def _encode(self, table: Table) -> Latents:
        masks = self.model.subset_masks(self.subsets)
        means, samples, own = [], [], []
        with self.seeded():
            for batch in self.batches(table):
                experts = self.model.experts(batch)
                posterior = self.model.posterior(batch, masks, experts=experts)
                means.append(posterior.mean.cpu())
                samples.append(self.model.latents(posterior)[0].cpu())
                if not self.model.shares_latent:
                    own.append(experts.rsample().cpu())
        complete = (table.available | ~masks.cpu()).all(-1)
        latents = Latents(
            self.subsets,
            torch.cat(means, 1),
            torch.cat(samples, 1),
            torch.cat(own, 1) if own else None,
            complete,
            table,
        )
        self._check_finite(latents)
        return latents

    def _check_finite(self, latents: Latents) -> None:
        """Refuse latents that are not numbers: solvers of linear algebra end the process at some of them.

        Raises:
            DataError: A row whose latent is not finite, by the first such subset.
        """
        for s, subset in enumerate(latents.subsets):
            finite = latents.means[s].isfinite().all(-1) & latents.samples[s].isfinite().all(-1)
            wrong = int((~finite & latents.complete[s]).sum())
            if wrong:
                raise DataError(
                    f"The latents of {wrong} of {int(latents.complete[s].sum())} rows are not finite, inferred from "
                    f"{'+'.join(subset)}: the model has diverged, or these rows have values far from all others."
                )

    def _inputs(
        self, given: Sequence[str], target: str, rows: Sequence[int] | None = None, sampler: Component | None = None
    ) -> Iterator[Tensor]:
        """What the decoder of ``target`` takes when ``given`` is known, ``[n, _]`` on the model's device, part by part;
        of all rows or some.
        """
        latents = self.latent_samples(given, target, sampler)
        index = torch.arange(len(latents)) if rows is None else torch.as_tensor(rows, dtype=torch.int64)
        reads = bool(given) and self.model.reads_rows(target)
        with self.seeded(2_000_003):
            numbers = math.prod(self.model.modalities[target].shape)
            for part in index.split(rows_at_once(numbers, self.batch_size)):
                batch = mask = None
                if reads:
                    batch = self.model.prepare(self.latents().table[part].to(self.device))
                    mask = self.model.mask(batch, given)
                yield self.model.decoder_input(latents[part].to(self.device), target, batch, mask).values

    @property
    def has_images(self) -> bool:
        """Whether some modality is an image or a volume."""
        return any(len(modality.shape) >= 3 for modality in self.model.modalities.values())

    @property
    def draws(self) -> int:
        """How many items are drawn where nothing is given, the same for all modalities."""
        widest = max((math.prod(self.model.modalities[name].shape) for name in self.targets), default=1)
        return max(1, min(self.max_rows, MOST_DRAWN // max(1, widest)))

    def latent_samples(self, given: Sequence[str], target: str, sampler: Component | None = None) -> Tensor:
        """The latents ``[N, D]`` that ``target`` is decoded from when ``given`` is known.

        Given nothing they are :attr:`draws` from the prior, the same for all targets unless modalities keep their
        own latents; or from a fitted sampler, which draws those of all targets together.
        """
        if not given:
            choice = choose_sampler(sampler)
            if choice.component.fitted:
                drawn = self.cached(("sampled", in_words(choice)), lambda: self._sampled(choice.describe()))
                return self.model.part_of(drawn, target)
            stream = 0 if self.model.shares_latent else 1 + self.names.index(target)
            with self.seeded(1_000_003 + stream):
                return self.model.sample_prior(self.draws).cpu()
        latents = self.latents()
        if latents.own is not None and self.model.decodes_own(target, given):
            return latents.own[self.names.index(target)]
        return latents.samples[latents.index(given)]

    def origin(self, sampler: Component | None = None) -> str:
        """What rows name as given where nothing is: ``prior``, or ``sampler gmm`` with the options that are not its
        defaults.
        """
        choice = choose_sampler(sampler)
        return f"{SAMPLER}{in_words(choice)}" if choice.component.fitted else PRIOR

    def samples(self, sampler: Component | None = None) -> bool:
        """Whether latents can be drawn where nothing is given: from the prior, or a sampler."""
        return self.model.can_sample(choose_sampler(sampler).component.fitted)

    def sampler(self, sampler: Component) -> Sampler:
        """A sampler that is fitted to the latents of training rows.

        Raises:
            MmgenError: There are none, or it cannot be.
        """
        return self._samplers(sampler)

    def inference(self, asked: Inference | None = None) -> tuple[LaplaceInference | None, str]:
        """What says where z is where values are imputed: the model's own inference, or None and why encoders do. By
        default that of ``mmgen impute``.
        """
        return self.cached(("own inference", asked), lambda: own_inference(self.model, self.sampler, asked))

    def _sampled(self, sampler: Component) -> Tensor:
        """As many draws as there are :attr:`draws`."""
        fitted = self.sampler(sampler)
        with self.seeded(1_000_003):
            return self.model.sample(fitted, self.draws).cpu()

    def _fitted(self, sampler: Component) -> Sampler:
        return fit_sampler(self.model, choose_sampler(sampler), self.rows("train"), self.seed, self.batch_size)

    def labels(self, split: str | None = None) -> dict[str, np.ndarray]:
        """The labels of a split's rows: codes ``[N]``, −1 where unknown, and ``[N, L]`` of 0, 1 and −1 for several
        yes/no answers.
        """
        table = self.latents(split).table
        return {name: codes.numpy() for name, codes in table.labels.items()}

    def cached(self, key: Hashable, make: Callable[[], T]) -> T:
        """What ``make`` makes, made once and kept as long as this evaluation: for what metrics share, such as
        classifiers.
        """
        if key not in self._cache:
            self._cache[key] = make()
        return self._cache[key]

    def holds(self, key: Hashable) -> bool:
        """Whether :meth:`cached` has made it."""
        return key in self._cache

    # What is generated ------------------------------------------------------------------------------------------------

    def generated(self, given: Sequence[str], target: str, rows: Sequence[int] | None = None) -> Tensor:
        """The mean of p(x_target | z) in data units, z ~ q(z | x_given), of all rows or some: ``[N, *shape]``."""
        with torch.no_grad():
            return torch.cat([self.model.output(taken, target).cpu() for taken in self._inputs(given, target, rows)])

    @torch.no_grad()
    def generation(
        self,
        given: Subset,
        target: str,
        truth: Tensor | None = None,
        *,
        likelihood: bool = True,
        sampler: Component | None = None,
    ) -> Generation:
        """Everything that is generated for a pair, decoded once.

        ``truth`` are the target's own values on the model's device, where the caller has them; ``likelihood`` says
        whether the log-likelihood is wanted; ``sampler`` what latents are drawn from where nothing is given.
        """
        m = self.names.index(target)
        if not given:
            drawn = torch.cat([self.model.output(taken, target) for taken in self._inputs((), target, None, sampler)])
            every = torch.ones(len(drawn), dtype=torch.bool)
            return Generation(given, target, drawn, None, None, every, every, None)
        complete = self.latents().complete[self.latents().index(given)]
        own = self._is_from_its_own(target, given)
        last = self._last_own if own and truth is not None else None
        if last is not None and last.target == target and last.truth is truth and last.has_scores(likelihood):
            return replace(last, given=given, complete=complete)
        table = self.latents().table
        truth = table.data[target][:].to(self.device) if truth is None else truth
        observed = table.observed[target].to(self.device) if target in table.observed else None
        p, transform = self.model.likelihoods[m], self.model.transforms[m]
        values, scores, start = [], [], 0
        for taken in self._inputs(given, target):
            parameters = self.model.decode(taken, target)
            if likelihood:
                rows = slice(start, start + len(taken))
                cells = None if observed is None else observed[rows]
                scores.append(p.log_prob(parameters, transform(truth[rows], cells), cells))  # type: ignore[operator]
            values.append(transform.mean_of(p, parameters))  # type: ignore[operator]
            start += len(taken)
        generation = Generation(
            given,
            target,
            torch.cat(values),
            truth,
            torch.cat(scores) if likelihood else None,
            complete,
            table.available[:, m],
            observed,
        )
        self._last_own = generation if own else self._last_own
        return generation

    def _is_from_its_own(self, target: str, given: Subset) -> bool:
        """Whether a modality is decoded from its own expert alone, whatever else is given."""
        apart = self.latents().own is not None and not self.model.reads_rows(target)
        return apart and self.model.decodes_own(target, given)


def _no_rows(data: Data, split: str) -> str:
    """Which rows there are none of, which there are, and how to have some."""
    counts = {name: len(data.split(name)) for name in ("val", "test", "train")}
    others = " or ".join(f"--split {name} (rows: {count})" for name, count in counts.items() if count)
    return (
        f"The data {data.name!r} have no {split} rows to evaluate on; {others} evaluates others, "
        f"and {split} rows need more rows or groups to be drawn from, or a column that names them."
    )
