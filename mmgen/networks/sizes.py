"""Side lengths of maps after layers of stride 2, and what undoes them exactly."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from torch import nn

CONV: dict[int, type[nn.Module]] = {1: nn.Conv1d, 2: nn.Conv2d, 3: nn.Conv3d}
TRANSPOSED: dict[int, type[nn.Module]] = {1: nn.ConvTranspose1d, 2: nn.ConvTranspose2d, 3: nn.ConvTranspose3d}


def halves_up(size: Sequence[int], steps: int) -> list[tuple[int, ...]]:
    """Sizes after 0, 1, … ``steps`` halvings rounded up: what 3-wide layers of stride 2 and padding 1 leave."""
    sizes = [tuple(size)]
    for _ in range(steps):
        sizes.append(tuple((side + 1) // 2 for side in sizes[-1]))
    return sizes


def halves_down(size: Sequence[int], steps: int) -> list[tuple[int, ...]]:
    """Sizes after 0, 1, … ``steps`` halvings rounded down: what 4-wide convolutions of stride 2 and padding 1 leave."""
    sizes = [tuple(size)]
    for _ in range(steps):
        sizes.append(tuple(side // 2 for side in sizes[-1]))
    return sizes


def most_halves(size: Sequence[int]) -> int:
    """How often the smallest side can be halved, rounding down, before nothing is left."""
    return min(size).bit_length() - 1


def padding_up(small: Sequence[int], large: Sequence[int]) -> Any:
    """Output padding (a number per side) with which a 3-wide transposed convolution of stride 2 and padding 1 makes
    ``large`` of ``small``.
    """
    return tuple(after - (2 * before - 1) for before, after in zip(small, large, strict=True))


def padding_down(small: Sequence[int], large: Sequence[int]) -> Any:
    """The same of a 4-wide one."""
    return tuple(after - 2 * before for before, after in zip(small, large, strict=True))
