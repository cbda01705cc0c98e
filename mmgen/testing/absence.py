"""A modality that is missing is absent: the result is that of a model, or of an equation, that never had it."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace

import torch
from torch import Tensor

from ..data import Batch
from ..distributions import Gaussian, Mixture, central_noise
from ..models import MultimodalVAE, Terms

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
    *,
    terms: Sequence[str] = ("value", "log_likelihood", "divergence"),
    subsets: Iterable[Sequence[int]] | None = None,
) -> None:
    """A row with missing modalities has the terms of a model that has the other modalities alone.

    The other model gets the networks of ``model``, and every sample is a mean.

    Args:
        model: Of all M modalities.
        make: Gives a model of the named modalities, otherwise with the same options; its networks are overwritten.
        batch: Rows with values of every modality, not yet prepared.
        terms: What is compared, of :class:`mmgen.Terms`: ``value`` (at β = 0.7), and ``log_likelihood`` for the
            modalities that are there.
        subsets: Numbers of the modalities that are there; all but the empty and the full subset unless they are named.

    Raises:
        AssertionError: A term is another one, or the likelihood of a missing modality is not 0.
    """
    names = tuple(model.modalities)
    if subsets is None:
        subsets = (kept for size in range(1, len(names)) for kept in itertools.combinations(range(len(names)), size))
    for kept in subsets:
        kinds = tuple(names[m] for m in kept)
        smaller = make(kinds)
        for network in NETWORKS:
            for place, m in enumerate(kept):
                getattr(smaller, network)[place].load_state_dict(getattr(model, network)[m].state_dict())
        available = torch.tensor([m in kept for m in range(len(names))]).expand(len(batch), -1)
        masked = replace(batch, available=available)
        alone = replace(batch, data={kind: batch.data[kind] for kind in kinds}, available=available[:, list(kept)])
        with central_noise(), torch.no_grad():
            found, expected = model(masked), smaller(alone)
        for term in terms:
            _compare(term, found, expected, list(kept))


def _compare(term: str, found: Terms, expected: Terms, kept: list[int]) -> None:
    one, two = (each.value(0.7) if term == "value" else getattr(each, term) for each in (found, expected))
    if term == "log_likelihood":
        absent = [m for m in range(len(one)) if m not in kept]
        assert not one[absent].any(), "the likelihood of a missing modality is not 0"
        one = one[kept]
    torch.testing.assert_close(one, two, rtol=1e-7, atol=1e-9, msg=lambda text: f"{term} of modalities {kept}: {text}")
