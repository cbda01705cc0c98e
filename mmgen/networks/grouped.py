"""Several small networks of one build in one pass.

What a network of a hundred units costs is calls rather than arithmetic. K of them that are built alike need one product
of matrices per layer instead of K, forward and backward. Their weights are copied side by side for that, in every pass,
which large layers do not repay: those run one after the other.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import torch
from torch import Tensor, nn

from .heads import Encoder, GaussianHead
from .mlp import ACTIVATIONS, MLPDecoder, MLPTrunk

FEWEST = 3  # networks: two at once are not quicker
LARGEST = 2**16  # numbers in a weight
CONTAINERS = (nn.Sequential, MLPTrunk, MLPDecoder, GaussianHead, Encoder)
HOOKS = ("_forward_hooks", "_forward_pre_hooks", "_backward_hooks", "_backward_pre_hooks")
ELEMENTWISE = (*ACTIVATIONS.values(), nn.Dropout)


def each(
    networks: Sequence[nn.Module], inputs: Sequence[Any], groups: Sequence[Sequence[int]] | None = None
) -> Iterator[tuple[int, Any]]:
    """``k, networks[k](inputs[k])`` for every k, in any order, with those that are built alike in one pass.

    Multilayer perceptrons, and encoders of them, can be together; not if somebody watches them (hooks) or has compiled
    them.

    Args:
        networks: K networks.
        inputs: One tensor ``[N, …]`` for each, with the same N within a group; several, as a tuple, for one that runs
            alone.
        groups: Those that run in one pass; :func:`in_groups` finds them.
    """
    for group in in_groups(networks, [x.dim() for x in inputs]) if groups is None else groups:
        if len(group) == 1:
            given = inputs[group[0]]
            yield group[0], networks[group[0]](*given) if isinstance(given, tuple) else networks[group[0]](given)
            continue
        output = _together([networks[k] for k in group], _stack([inputs[k] for k in group]))
        parts = zip(*(part.unbind() for part in output), strict=True) if isinstance(output, tuple) else output.unbind()
        yield from zip(group, parts, strict=True)


def in_groups(networks: Sequence[nn.Module], dims: Sequence[int]) -> list[list[int]]:
    """The numbers of networks that run in one pass, or of one that runs alone; ``dims`` are those of their inputs."""
    alike: dict[Any, list[int]] = {}
    for k, network in enumerate(networks):
        flat = dims[k] == 2 or isinstance(network, Encoder)
        build = _build(network) if flat and len(networks) >= FEWEST else None
        alike.setdefault(k if build is None else build, []).append(k)
    return [part for group in alike.values() for part in ([group] if len(group) >= FEWEST else [[k] for k in group])]


def _build(network: nn.Module) -> tuple[Any, ...] | None:
    """What networks of one pass have in common; None for one that runs alone. Asked in every pass, since layers may be
    exchanged, watched or compiled between two.
    """
    kind, own = type(network), vars(network)
    if any(own[hooks] for hooks in HOOKS) or network._compiled_call_impl is not None or "forward" in own:
        return None
    if kind is nn.Linear:
        weight: Tensor = own["_parameters"].get("weight")
        if weight is None or weight.numel() > LARGEST:
            return None
        return kind, weight.shape, own["_parameters"]["bias"] is None, weight.dtype, weight.device
    if kind in ELEMENTWISE:
        return kind, network.extra_repr(), network.training
    if kind not in CONTAINERS:
        return None
    if kind is Encoder and (type(own["_modules"]["trunk"]) is not MLPTrunk or network.mixing is not None):
        return None
    children = tuple(map(_build, own["_modules"].values()))
    facts = tuple(own.get(name) for name in ("shape", "kind", "linear_path"))
    return None if None in children else (kind, *facts, tuple(own["_modules"]), children)


def _stack(inputs: list[Tensor]) -> Tensor:
    """``[K, N, F]``."""
    first = inputs[0]
    return (
        first.flatten(1).expand(len(inputs), -1, -1)
        if all(x is first for x in inputs)
        else torch.stack([x.flatten(1) for x in inputs])
    )


def _together(networks: Sequence[Any], x: Tensor) -> Any:
    """``[K, N, F]`` through K networks of one build."""
    first = networks[0]
    if isinstance(first, nn.Linear):
        weight = torch.stack([linear.weight for linear in networks]).mT
        return (
            torch.bmm(x, weight)
            if first.bias is None
            else torch.baddbmm(torch.stack([linear.bias for linear in networks])[:, None], x, weight)
        )
    if isinstance(first, nn.Sequential):
        for layers in zip(*networks, strict=True):
            x = _together(layers, x)
        return x
    if isinstance(first, MLPTrunk):
        hidden = _together([trunk.layers for trunk in networks], x)
        return torch.cat([hidden, x.to(hidden.dtype)], -1) if first.linear_path else hidden
    if isinstance(first, MLPDecoder):
        output = _together([decoder.layers for decoder in networks], x)
        if first.straight is not None:
            output = output + _together([decoder.straight for decoder in networks], x)
        return output.unflatten(-1, first.shape)
    if isinstance(first, Encoder):
        features = _together([encoder.trunk for encoder in networks], x)
        heads = [encoder.head for encoder in networks]
        return first.head.moments(
            *(_together([getattr(head, part) for head in heads], features) for part in ("mean", "spread"))
        )
    return first(x)
