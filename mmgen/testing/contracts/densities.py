"""Whether what a likelihood gives are probabilities, and whether a distribution over z has the density that it says."""

from __future__ import annotations

from collections.abc import Iterator

import torch
from torch import Tensor, nn

from ...distributions import Likelihood, Reference
from .numerics import cumulated, ks_limit, largest_distance

DRAWS = 4000
NEXT = 1e-9


def entries(likelihood: Likelihood, parameters: Tensor, drawn: Tensor) -> Iterator[tuple[int, Tensor, Tensor]]:
    """Some of the values of an item: their number, points that cover what was drawn of them, and the probability there.

    For a discrete likelihood the points are the drawn values, else a grid from the smallest to the largest one. Of
    numbers between 0 and 1, those that are closer to an end than floating-point numbers resolve are left out, and the
    density is that of the others.

    Args:
        likelihood: Of values that are independent of each other.
        parameters: Of one item, ``[outputs, *shape]``.
        drawn: Samples, ``[draws, *shape]``.
    """
    flat = drawn.double().flatten(1)
    for entry in sorted({0, flat.shape[1] // 2, flat.shape[1] - 1}):
        values = _resolved(likelihood, flat[:, entry])
        points = values.unique() if likelihood.discrete else _grid(likelihood, values)
        x = drawn[:1].double().expand(len(points), *drawn.shape[1:]).clone()
        x.flatten(1)[:, entry] = points  # the copy is contiguous, so that this is a view
        log_density = likelihood.pointwise(parameters.expand(len(points), *parameters.shape), x.to(drawn.dtype))
        yield entry, points, log_density.detach().flatten(1)[:, entry].exp() * (len(flat) / len(values))


def _resolved(likelihood: Likelihood, values: Tensor) -> Tensor:
    """The draws of a value, but for those that are next to 0 or 1 where these are the ends."""
    return values[(values > NEXT) & (values < 1 - NEXT)] if likelihood.support == "unit" else values


def _grid(likelihood: Likelihood, values: Tensor) -> Tensor:
    """Points from the smallest to the largest value: as many as there are values, where these are dense; of positive
    numbers and of those between 0 and 1 also close to where they end.
    """
    low, high = float(values.min()), float(values.max())
    share = torch.linspace(0, 1, 4001, dtype=torch.float64)
    points = [low + (high - low) * share, values.quantile(share)]
    if likelihood.support in ("positive", "unit"):
        points.append(low * (high / low) ** share)
    if likelihood.support == "unit":
        points.append(1 - (1 - low) * ((1 - high) / (1 - low)) ** share)
    return torch.cat(points).clamp(low, high).unique()


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
    for part, own, values in likelihood.split(parameters, drawn):
        _check_normalised(who, part, own, values)


def _check_normalised(who: str, likelihood: Likelihood, parameters: Tensor, drawn: Tensor) -> None:
    for what, total in totals(likelihood, parameters, drawn):
        most = 1.02 if likelihood.support == "unit" else 1.002  # the share that is left out next to the ends is drawn
        assert 0.98 < total < most, (
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
def check_draws(who: str, distribution: Reference) -> None:
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


@torch.no_grad()
def check_samples(who: str, likelihood: Likelihood, parameters: Tensor, drawn: Tensor) -> None:
    """How often each value is drawn is its probability; the distribution function of draws is that of the density."""
    for part, own, values in likelihood.split(parameters, drawn):
        flat = values.double().flatten(1)
        for entry, points, density in entries(part, own, values):
            if part.discrete:
                share = (flat[:, entry, None] == points).double().mean(0)
                distance, limit = float((share - density).abs().max()), 5.5 * 0.5 / len(flat) ** 0.5
            else:
                drawn_values = _resolved(part, flat[:, entry])
                distance = largest_distance(drawn_values, points, cumulated(points, density))
                limit = ks_limit(len(drawn_values))
            assert distance < limit, f"{who}: samples of value {entry} do not have the likelihood that it gives"


@torch.no_grad()
def check_moments(who: str, likelihood: Likelihood, parameters: Tensor, drawn: Tensor) -> None:
    """The mean is that of many draws, and the variance theirs where there is one; of codes, which have no mean, it is
    the most probable one.
    """
    for part, own, values in likelihood.split(parameters, drawn):
        mean = part.mean(own)
        assert mean.shape == values.shape[1:], (
            f"{who}: the mean has shape {tuple(mean.shape)}, and a draw {tuple(values.shape[1:])}"
        )
        if not mean.is_floating_point():
            best = part.pointwise(own, mean)
            any_other = part.pointwise(own.expand(len(values), *own.shape), values)
            assert (best >= any_other - 1e-9).all(), f"{who}: the mean is not the most probable code"
            continue
        values, count = values.double(), len(values)
        error = values.std(0) / count**0.5
        assert ((mean - values.mean(0)).abs() <= 6 * error + 1e-9).all(), f"{who}: the mean is not that of the samples"
        try:
            variance = part.variance(own)
        except NotImplementedError:
            continue
        squares = (values - values.mean(0)).square()
        tame = squares.std(0) < 4 * squares.mean(0)  # of heavy tails so many draws say nothing
        slack = 6 * squares.std(0) / count**0.5 + 0.1 * squares.mean(0) + 1e-9
        assert ((variance - squares.mean(0)).abs() <= slack)[tame].all(), (
            f"{who}: the variance is not that of the samples"
        )
