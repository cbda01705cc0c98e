"""Whether an objective uses the aggregator and the prior that it declares: what changes where these give others."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, Literal

import torch
from torch import Tensor

from ...data import Batch
from ...distributions import Component, Gaussian, Laplace, Mixture, Pushed, Reference
from ...models import Aggregator, MultimodalVAE, Prior


class _Moved:
    """z ↦ e^{1/4} z + 1 in every dimension."""

    def push(self, u: Tensor, context: Tensor | None) -> tuple[Tensor, Tensor]:
        return u * math.exp(0.25) + 1, u.new_full(u.shape[:-1], 0.25 * u.shape[-1])

    def pull(self, z: Tensor, context: Tensor | None) -> tuple[Tensor, Tensor]:
        return (z - 1) * math.exp(-0.25), z.new_full(z.shape[:-1], -0.25 * z.shape[-1])


class _MovedReference:
    """A distribution with a density, moved by 1 in every dimension; its shape need not be such that it can change."""

    def __init__(self, base: Reference) -> None:
        self.base, self.mean, self.variance = base, base.mean + 1, base.variance

    def rsample(self, samples: tuple[int, ...] = ()) -> Tensor:
        return self.base.rsample(samples) + 1

    def log_prob(self, z: Tensor) -> Tensor:
        return self.base.log_prob(z - 1)


def moved(distribution: Any) -> Any:
    """The same distribution with other means and other scales."""
    if isinstance(distribution, Mixture):
        return Mixture(moved(distribution.components), distribution.log_weights)
    if isinstance(distribution, Laplace):
        return Laplace(distribution.mean + 1, distribution.log_scale + 0.25)
    if isinstance(distribution, Gaussian):
        return Gaussian(distribution.mean + 1, distribution.log_variance + 0.5)
    return Pushed(distribution, _Moved()) if isinstance(distribution, Component) else _MovedReference(distribution)


@contextmanager
def replaced(component: Aggregator | Prior) -> Iterator[None]:
    """Within this context an aggregator or a prior gives distributions that are moved."""
    names = [name for name in ("forward", "infer") if hasattr(component, name)]

    def changed(method: Callable[..., Any]) -> Callable[..., Any]:
        return lambda *arguments: moved(method(*arguments))

    vars(component).update({name: changed(getattr(component, name)) for name in names})
    try:
        yield
    finally:
        for name in names:
            del vars(component)[name]


def results(model: MultimodalVAE, batch: Batch) -> list[Tensor]:
    """Terms of a batch and of an adversary, with the noise of one seed, and moments of posteriors given one, some and
    all modalities.
    """
    torch.manual_seed(0)
    with torch.no_grad():
        terms = model(batch)
        against = [] if model.adversary is None else [model.adversary_terms(batch)]
        names = list(model.modalities)
        posteriors = [model.posterior(batch, model.mask(batch, given)) for given in (names[:1], names[1:], names)]
    moments = [value for posterior in posteriors for value in (posterior.mean, posterior.variance)]
    return [terms.log_likelihood, terms.divergence, *terms.others.values(), *against, *moments]


def check_use(who: str, model: MultimodalVAE, part: Literal["aggregator", "prior"], batch: Batch) -> None:
    """A declared ``part`` changes something where it gives others; one that is not declared is not there.

    Raises:
        AssertionError: With a sentence about the objective ``who``.
    """
    objective = model.objective
    kind = type(objective)
    default, possible = getattr(kind, part), getattr(kind, f"{part}s")
    component: Any = {"aggregator": objective.aggregate, "prior": objective.prior_for}[part]
    if default is None:
        assert component is None and part not in model.description, f"{who}: it declares no {part} and has one"
        assert possible is None and part not in kind.component_defaults, (
            f"{who}: it declares no {part}, and says which it can be"
        )
        return
    assert not isinstance(possible, tuple) or default in possible, f"{who}: {part}s leaves out the default {default!r}"
    before = results(model, batch)
    with replaced(component):
        after = results(model, batch)
    assert not all(torch.allclose(one, other, atol=1e-9) for one, other in zip(before, after, strict=True)), (
        f"{who}: it declares the {part} {default!r} and does not use it; declare {part} = None"
    )
