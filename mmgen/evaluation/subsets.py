"""Subsets of modalities: which are given, how many of how many, and what is generated from them."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

Subset = tuple[str, ...]
Pair = tuple[Subset, str]  # what is given (nothing: the prior), and what is generated

ALL = "all"  # the target of a number that is a sum over every modality
MEAN = "mean"  # the target of a number that is a mean over targets
SELF = "self"  # what is given where every modality is generated from itself
PRIOR = "prior"  # what is given where latents are drawn from the prior
SAMPLER = "sampler "  # begins what is given where latents are drawn from a sampler that was fitted to them
_WORDS = re.compile(r"(\d+) of (\d+)")


@dataclass(frozen=True, order=True)
class SubsetSize:
    """How many of a model's modalities are given, where a number is a mean over all subsets of that size.

    ``str()`` writes it as the ``given`` of a row has it, and :meth:`parse` reads that again.

    Attributes:
        count: Modalities that are given.
        total: Modalities of the model.

    >>> str(SubsetSize(2, 6))
    '2 of 6'
    >>> SubsetSize.parse("2 of 6").count
    2
    """

    count: int
    total: int

    def __str__(self) -> str:
        return f"{self.count} of {self.total}"

    @classmethod
    def parse(cls, given: str) -> SubsetSize | None:
        """The size that the ``given`` of a result says; None where that is no mean over subsets of one size."""
        match = _WORDS.fullmatch(given)
        return None if match is None else cls(int(match[1]), int(match[2]))


def joined(subset: Sequence[str]) -> str:
    """A subset as rows name it.

    >>> joined(("image", "text"))
    'image+text'
    """
    return "+".join(subset)


def is_drawn(given: str) -> bool:
    """Whether the ``given`` of a result says that it is about draws from the prior or a sampler.

    >>> is_drawn("prior"), is_drawn("sampler gmm"), is_drawn("image")
    (True, True, False)
    """
    return given == PRIOR or given.startswith(SAMPLER)
