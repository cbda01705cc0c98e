"""What an evaluation shows to metrics: latents of rows under subsets, and what is generated from them."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeVar, cast

from torch import Tensor

from ..data import Table
from .subsets import Subset

T = TypeVar("T")


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
        observed: Which of the target's cells are there, ``[N, *shape]``; None where all are.
        memo: What has been found out about the values, such as what judges say of them.
    """

    given: Subset
    target: str
    values: Tensor
    truth: Tensor | None
    log_likelihood: Tensor | None
    complete: Tensor
    has_target: Tensor
    observed: Tensor | None
    memo: dict[Hashable, Any] = field(default_factory=dict, repr=False, compare=False)

    def has_scores(self, wanted: bool) -> bool:
        """Whether the log-likelihood is there, where it is wanted."""
        return self.log_likelihood is not None or not wanted

    def found(self, key: Hashable, make: Callable[[], T]) -> T:
        """What ``make`` finds out about the values, found once for all subsets from which the same are generated."""
        if key not in self.memo:
            self.memo[key] = make()
        return cast(T, self.memo[key])
