"""Which of a model's latent dimensions are empty: the same for every row. It is told at the end of a training, and
whatever else counts empty dimensions counts these.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Any

import torch
from torch import Tensor

from ..data import Batch, Table
from ..distributions import Mixture
from .model import MultimodalVAE

LEAST = 0.01  # share of a dimension's variance over the rows that must come from the rows
ROWS = 2000  # looked at, at most
SIDES = {"val": "validation", "train": "training"}


@dataclass(frozen=True)
class LatentUse:
    """Which dimensions of z tell rows apart, and which are empty.

    Attributes:
        dimensions: How many there are.
        empty: Those that do not, from 0.
        split: Of the rows that were looked at.
        rows: How many these are.
    """

    dimensions: int
    empty: tuple[int, ...]
    split: str
    rows: int

    def record(self) -> dict[str, Any]:
        """As JSON."""
        return {**asdict(self), "empty": list(self.empty)}

    @property
    def where(self) -> str:
        """The rows that were looked at."""
        return f"{self.rows} {SIDES.get(self.split, self.split)} rows"

    @property
    def names(self) -> tuple[str, ...]:
        """What the empty dimensions are called: ``z0``, ``z1`` and so on."""
        return tuple(f"z{k}" for k in self.empty)

    def in_words(self) -> str:
        """How many are empty, without an end."""
        return (
            f"{len(self.empty)} of {self.dimensions} latent dimensions {'is' if len(self.empty) == 1 else 'are'} empty"
        )

    def sentence(self, factors: int = 0) -> str | None:
        """For a person; None where every dimension is in use, or as many as the ``factors`` of a kept start."""
        if factors and len(self.empty) == self.dimensions - factors:
            return None
        where = f"({self.where} were looked at)"
        if not self.empty:
            return None
        if len(self.empty) < self.dimensions:
            fewer = "Fewer (model.latent_dim) would do, or a lower model.beta lets more of them be used."
            return f"{self.in_words()}: the same for every row {where}. {fewer}"
        one = self.dimensions == 1
        which = "its latent dimension is" if one else f"each of the {self.dimensions} latent dimensions is"
        collapsed = f"The posterior has collapsed: {which} the same for every row {where}"
        less = "Try more epochs where there were few, a lower model.beta, training.beta_warmup_epochs, another"
        scale = (
            "a scale of a vector or an image that is smaller or learned (modalities.NAME.likelihood.scale_kind=learned)"
        )
        ways_out = f"{less} training.learning_rate or model.latent_dim, or {scale}"
        return f"{collapsed}, so that z knows nothing of the data. {ways_out}."


def informed_share(posteriors: list[tuple[Tensor, ...]]) -> Tensor:
    """The share of each dimension's variance over rows that comes from the rows, ``[D]``: Var[μ] / (Var[μ] + E[σ²]).

    Where the posteriors of all rows add up to the prior N(0, I), the denominator is 1, and what is left is the variance
    of posterior means by which Burda et al. 2016 (Importance weighted autoencoders, appendix C) call a dimension
    active, at 0.01 as here. The ratio also means something where the prior depends on the data and has a scale of its
    own. The components of a mixture are looked at one by one, and the largest share counts: that they differ from each
    other says nothing about rows.

    Args:
        posteriors: Means and variances ``[C, B, D]`` and log-weights ``[C, B]`` (−∞ where a row lacks a component) of
            some rows after others.
    """
    mean, variance, log_weights = (torch.cat(parts, 1).double() for parts in zip(*posteriors, strict=True))
    has = log_weights.isfinite()[..., None]  # [C, N, 1]
    count = has.sum(1).clamp(min=1)  # [C, 1]
    centre = torch.where(has, mean, 0.0).sum(1) / count  # [C, D]
    between = torch.where(has, (mean - centre[:, None]).square(), 0.0).sum(1) / count
    within = torch.where(has, variance, 0.0).sum(1) / count
    total = between + within
    return torch.where(total > 0, between / total.where(total > 0, 1.0), 0.0).amax(0)


def latent_use(
    model: MultimodalVAE, table: Table, split: str, gather: Callable[[Tensor], Batch], batch_size: int, seed: int
) -> LatentUse | None:
    """Which dimensions of z tell rows apart, by the model's own posterior given all that each row has: a dimension is
    empty where less than a hundredth of its variance comes from the rows (:func:`informed_share`).

    Random numbers and the model stay as they are. None where fewer than two rows can be looked at.

    Args:
        model: Trained, in evaluation mode.
        table: Its rows; at most 2,000 of them are looked at, drawn at random.
        split: What they are called.
        gather: Rows of the table, by number, on the model's device.
        batch_size: Rows at a time.
        seed: Of the draw of rows, and of posteriors that are drawn.
    """
    usable = table.available.any(-1) if model.supports_missing else table.available.all(-1)
    rows = usable.cpu().nonzero().squeeze(1)
    rows = rows[torch.randperm(len(rows), generator=torch.Generator().manual_seed(seed))[:ROWS]].sort().values
    if len(rows) < 2:
        return None
    parts = []
    devices = [model.device] if model.device.type == "cuda" else []
    with torch.no_grad(), torch.random.fork_rng(devices=devices):
        torch.manual_seed(seed)
        for some in rows.split(batch_size):
            batch = gather(some)
            posterior = model.posterior(batch)
            if isinstance(posterior, Mixture):
                moments = posterior.components.mean, posterior.components.variance, posterior.log_weights
            else:
                moments = posterior.mean[None], posterior.variance[None], torch.zeros_like(posterior.mean[None, :, 0])
            parts.append(tuple(value.cpu() for value in moments))
    share = informed_share(parts)
    empty = tuple((~(share >= LEAST)).nonzero().squeeze(1).tolist())
    return LatentUse(share.shape[-1], empty, split, len(rows))
