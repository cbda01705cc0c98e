"""What metrics share: latents of every subset and generated samples, computed once."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from ..data import Data, Table
from ..models import MultimodalVAE

Subset = tuple[str, ...]


@dataclass(frozen=True)
class Latents:
    """Of ``N`` rows under ``S`` subsets of modalities.

    Attributes:
        subsets: The subsets, by names.
        means: Posterior means ``[S, N, D]``.
        samples: One sample of the posterior each, ``[S, N, D]``.
        own: One sample of each modality's own expert ``[M, N, D]``, where modalities keep their own latents; None where they share one.
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


class Evaluation:
    """A trained model on one split.

    Each batch is encoded once, all subsets are derived from that in one call, and every pair of subset and target is decoded once.

    Args:
        model: The model; it is put in evaluation mode.
        data: The dataset.
        split: What is evaluated: ``test``, ``val`` or ``train``.
        seed: Of the samples.
        subsets: The subsets that are looked at, by names, smaller ones first and all modalities last; chosen by ``max_subsets`` otherwise.
        max_subsets: How many subsets are looked at; beyond it, all single modalities, all but one, all, and others at random.
        max_rows: How many rows of a split are looked at, drawn at random.
        batch_size: Rows at a time.
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
        self.device = next(model.parameters()).device
        self.subsets = self._chosen_subsets() if subsets is None else [tuple(subset) for subset in subsets]
        self._latents: dict[str, Latents] = {}

    def _chosen_subsets(self) -> list[Subset]:
        """All non-empty subsets, or as many as allowed, smaller ones first."""
        count = len(self.names)
        if 2**count - 1 <= self.max_subsets:
            chosen = [c for size in range(1, count + 1) for c in itertools.combinations(range(count), size)]
        else:
            everything = tuple(range(count))
            kept = {everything, *((m,) for m in everything), *(tuple(k for k in everything if k != m) for m in everything)}
            generator = np.random.default_rng(self.seed)
            while len(kept) < self.max_subsets:
                kept.add(tuple(np.flatnonzero(generator.random(count) < 0.5).tolist()) or everything)
            chosen = sorted(kept, key=lambda c: (len(c), c))
        return [tuple(self.names[m] for m in c) for c in chosen]

    def rows(self, split: str) -> Table:
        """The rows of a split that are looked at."""
        table = self.data.split(split)
        if len(table) <= self.max_rows:
            return table
        picked = np.random.default_rng(self.seed).choice(len(table), self.max_rows, replace=False)
        return table.select(torch.from_numpy(np.sort(picked)))

    def latents(self, split: str | None = None) -> Latents:
        """Latents of a split (the evaluated one by default) under all subsets."""
        split = self.split if split is None else split
        if split not in self._latents:
            self._latents[split] = self._encode(self.rows(split))
        return self._latents[split]

    @torch.no_grad()
    def _encode(self, table: Table) -> Latents:
        masks = torch.tensor([[name in subset for name in self.names] for subset in self.subsets], device=self.device)
        means, samples, own = [], [], []
        with torch.random.fork_rng(devices=[self.device] if self.device.type == "cuda" else []):
            torch.manual_seed(self.seed)
            for raw in table.batches(self.batch_size):
                batch = self.model.prepare(raw.to(self.device))
                experts = self.model.experts(batch)
                given = masks[:, None] & batch.available
                posterior = self.model.objective.posterior(self.model, batch, experts, given)
                means.append(posterior.mean.cpu())
                samples.append(posterior.rsample().cpu())
                if not self.model.objective.aggregate.shared:
                    own.append(experts.rsample().cpu())
        wanted = masks.cpu()[:, None]
        complete = (table.available | ~wanted).all(-1)
        return Latents(self.subsets, torch.cat(means, 1), torch.cat(samples, 1), torch.cat(own, 1) if own else None, complete, table)

    def latent_samples(self, given: Sequence[str], target: str) -> Tensor:
        """The latents ``[N, D]`` of the evaluated rows that ``target`` is decoded from when ``given`` is known."""
        latents = self.latents()
        if latents.own is not None and target in given:
            return latents.own[self.names.index(target)]
        return latents.samples[latents.index(given)]

    @torch.no_grad()
    def generated(self, given: Sequence[str], target: str) -> Tensor:
        """The mean of p(x_target | z) in data units, z ~ q(z | x_given), ``[N, *shape]``."""
        parts = [self.model.output(z.to(self.device), target).cpu() for z in self.latent_samples(given, target).split(self.batch_size)]
        return torch.cat(parts)

    @torch.no_grad()
    def log_likelihood(self, given: Sequence[str], target: str) -> Tensor:
        """log p(x_target | z), z ~ q(z | x_given), in the units that the model works in and without weights, ``[N]``."""
        m = self.names.index(target)
        parts = []
        latents = self.latent_samples(given, target).split(self.batch_size)
        for z, raw in zip(latents, self.latents().table.batches(self.batch_size), strict=True):
            batch = self.model.prepare(raw.to(self.device))
            parameters = self.model.decode(z.to(self.device), target)
            parts.append(self.model.likelihoods[m].log_prob(parameters, batch.data[target]).cpu())  # type: ignore[operator]
        return torch.cat(parts)

    def labels(self, split: str | None = None) -> dict[str, np.ndarray]:
        """The single-class labels of a split's rows as codes, −1 where unknown."""
        table = self.latents(split).table
        return {name: codes.numpy() for name, codes in table.labels.items() if codes.dim() == 1}
