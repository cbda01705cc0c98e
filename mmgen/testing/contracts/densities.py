"""Whether what a likelihood gives are probabilities, and whether a distribution over z has the density that it says."""

from __future__ import annotations

from collections.abc import Iterator

import torch
from torch import Tensor, nn

from ...distributions import Likelihood, Reference
from .numerics import cumulated, ks_limit, largest_distance

DRAWS = 4000


def entries(likelihood: Likelihood, parameters: Tensor, drawn: Tensor) -> Iterator[tuple[int, Tensor, Tensor]]:
    """Some of the values of an item: their number, points that cover what was drawn of them, and the probability there.

    For a discrete likelihood the points are the drawn values, else a grid from the smallest to the largest one.

    Args:
        likelihood: Of values that are independent of each other.
        parameters: Of one item, ``[outputs, *shape]``.
        drawn: Samples, ``[draws, *shape]``.
    """
    flat = drawn.double().flatten(1)
    for entry in sorted({0, flat.shape[1] // 2, flat.shape[1] - 1}):
        values = flat[:, entry]
        ends = float(values.min()), float(values.max())
        points = values.unique() if likelihood.discrete else torch.linspace(*ends, 4001, dtype=torch.float64)
        x = drawn[:1].double().expand(len(points), *drawn.shape[1:]).clone()
        x.flatten(1)[:, entry] = points  # the copy is contiguous, so that this is a view
        log_density = likelihood.pointwise(parameters.expand(len(points), *parameters.shape), x.to(drawn.dtype))
        yield entry, points, log_density.detach().flatten(1)[:, entry].exp()


def totals(likelihood: Likelihood, parameters: Tensor, drawn: Tensor) -> Iterator[tuple[str, float]]:
    """What probabilities of single values sum or integrate to; of whole items, where discrete values are dependent."""
    some = drawn[:20]
    each, whole = (
        of(parameters.expand(len(some), *parameters.shape), some) for of in (likelihood.pointwise, likelihood.log_prob)
    )
    if likelihood.discrete and not torch.allclose(each.flatten(1).sum(-1), whole):
        different = drawn.unique(dim=0)
        yield (
            "an item",
            float(likelihood.log_prob(parameters.expand(len(different), *parameters.shape), different).exp().sum()),
        )
        return
    for entry, points, density in entries(likelihood, parameters, drawn):
        yield f"value {entry}", float(density.sum() if likelihood.discrete else cumulated(points, density)[-1])


@torch.no_grad()
def check_normalised(who: str, likelihood: Likelihood, parameters: Tensor, drawn: Tensor) -> None:
    """Probabilities of what is drawn sum to one, or the density integrates to one over its range, rare values apart."""
    for what, total in totals(likelihood, parameters, drawn):
        assert 0.98 < total < 1.002, (
            f"{who}: {type(likelihood).__name__} gives probabilities of {what} that sum or integrate to {total:.4f} "
            "where 1 is due"
        )


def on_a_grid(distribution: Reference) -> tuple[Tensor, Tensor]:
    """Of a distribution over one dimension ``[B, 1]``: grids ``[points, B]`` that reach twenty standard deviations to
    both sides of the mean, and the density there.
    """
    middle, scale = distribution.mean[..., 0], distribution.variance[..., 0].sqrt()
    grid = middle + scale * torch.linspace(-20, 20, 4001, dtype=middle.dtype)[:, None]
    return grid, distribution.log_prob(grid[..., None]).exp()


@torch.no_grad()
def check_density(who: str, distribution: Reference) -> None:
    """The density of a distribution over one dimension ``[B, 1]`` integrates to one, by quadrature."""
    grid, density = on_a_grid(distribution)
    total = cumulated(grid, density)[-1]
    assert torch.allclose(total, torch.ones_like(total), atol=2e-3), (
        f"{who}: its density integrates to {total.tolist()}"
    )


@torch.no_grad()
def check_samples(who: str, distribution: Reference) -> None:
    """Samples of a distribution over one dimension ``[B, 1]`` have its density (Kolmogorov and Smirnov)."""
    grid, density = on_a_grid(distribution)
    torch.manual_seed(0)
    drawn = distribution.rsample((DRAWS,))[..., 0]
    for row in range(drawn.shape[-1]):
        distance = largest_distance(drawn[:, row], grid[:, row], cumulated(grid, density)[:, row])
        assert distance < ks_limit(DRAWS), f"{who}: its samples do not have its density"


def last_bias(network: nn.Module) -> Tensor | None:
    """The bias of the last layer that has one."""
    found = [layer.bias for layer in network.modules() if isinstance(getattr(layer, "bias", None), nn.Parameter)]
    return found[-1] if found else None  # type: ignore[return-value]
