"""A modality that is missing is absent: the result is that of a model, or of an equation, that never had it."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor

from ..data import Batch
from ..distributions import Gaussian, Mixture, central_noise
from ..models import MultimodalVAE

NETWORKS = ("transforms", "encoders", "decoders", "likelihoods")
"""What a model has one of for every modality."""


def check_absence(
    function: Callable[[Gaussian, Tensor], Tensor | Gaussian | Mixture], experts: Gaussian, available: Tensor
) -> None:
    """What a function gives for a row with missing experts is what it gives for the other experts alone.

    Args:
        function: Takes experts ``[M, B, D]`` and a mask ``[B, M]``, and gives a tensor ``[B]`` or a density over z
            with means and variances ``[B, D]``.
        experts: ``[M, B, D]``.
        available: Which of them a row has, ``[B, M]``; at least one.

    Raises:
        AssertionError: A row has another result.
    """
    whole = function(experts, available)
    for b, keep in enumerate(available):
        alone = function(experts[keep][:, b : b + 1], keep[keep][None])
        for found, expected in zip(_tensors(whole), _tensors(alone), strict=True):
            assert len(found) == len(available), f"a result has {len(found)} rows, of {len(available)}"
            torch.testing.assert_close(found[b], expected[0])


def _tensors(result: Tensor | Gaussian | Mixture) -> tuple[Tensor, ...]:
    return (result,) if isinstance(result, Tensor) else (result.mean, result.variance)


def check_absence_in_model(
    model: MultimodalVAE,
    make: Callable[[tuple[str, ...]], MultimodalVAE],
    batch: Batch,
    terms: Sequence[str] = ("log_likelihood", "divergence"),
) -> None:
    """A row with missing modalities has the terms of a model that has the other modalities alone.

    It is tried for every proper subset of the modalities, with the networks of ``model``, and means as samples.

    Args:
        model: Of all modalities.
        make: Gives a model of the named modalities, otherwise with the same options; its networks are overwritten.
        batch: Rows that have everything, not yet prepared.
        terms: What is compared; ``log_likelihood`` for the modalities that are there.

    Raises:
        AssertionError: A term is another one, or that of a missing modality is not 0.
    """
    names = tuple(model.modalities)
    for size in range(1, len(names)):
        for kept in itertools.combinations(names, size):
            reduced = make(kept)
            numbers = [names.index(name) for name in kept]
            for network in NETWORKS:
                for m, number in enumerate(numbers):
                    state = getattr(model, network)[number].state_dict()
                    getattr(reduced, network)[m].load_state_dict(state)
            available = torch.tensor([name in kept for name in names]).expand(len(batch), -1)
            alone = Batch({name: batch.data[name] for name in kept}, torch.ones(len(batch), size, dtype=torch.bool))
            with central_noise():
                found, expected = model(batch.restrict(available)), reduced(alone)
            for term in terms:
                _compare(term, getattr(found, term), getattr(expected, term), numbers)


def _compare(term: str, found: Any, expected: Any, numbers: list[int]) -> None:
    if term == "log_likelihood":
        absent = [m for m in range(len(found)) if m not in numbers]
        assert not found[absent].any(), "the likelihood of a missing modality is not 0"
        found = found[numbers]
    torch.testing.assert_close(found, expected, msg=lambda text: f"{term}: {text}")
