"""Gradients against finite differences of an equation that is written out in plain Python."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence

import torch
from torch import Tensor


def finite_differences(
    function: Callable[..., float], arguments: Sequence[Tensor], step: float = 1e-5
) -> tuple[Tensor, ...]:
    """The gradient of a function by central differences, (f(x + h) − f(x − h)) / 2h, one entry at a time.

    Args:
        function: Takes the arguments, and gives a number.
        arguments: Float64 tensors of any shape; they stay as they are.
        step: h.

    Returns:
        A gradient of the shape of every argument.
    """
    point = [argument.detach().clone() for argument in arguments]
    gradients = tuple(torch.zeros_like(argument) for argument in point)
    for argument, gradient in zip(point, gradients, strict=True):
        for index in itertools.product(*map(range, argument.shape)):
            centre = float(argument[index])
            sides = []
            for value in (centre + step, centre - step):
                argument[index] = value
                sides.append(float(function(*(each.clone() for each in point))))
            argument[index] = centre
            gradient[index] = (sides[0] - sides[1]) / (2 * step)
    return gradients


def check_gradients(
    function: Callable[..., float],
    arguments: Sequence[Tensor],
    gradients: Sequence[Tensor] | None = None,
    *,
    relative: float = 1e-4,
    absolute: float = 1e-6,
    step: float = 1e-5,
) -> None:
    """Gradients by back-propagation are those of an equation, which is differentiated numerically.

    Args:
        function: The equation: takes the arguments, and gives a number; it need not be differentiable by torch.
        arguments: Float64 tensors of any shape.
        gradients: Of the shapes of the arguments; by default what ``backward`` left in their ``grad``.
        relative: Tolerance, as a share of the number that is expected; the larger of the two tolerances holds.
        absolute: The same, as a number.
        step: Of the central differences.

    Raises:
        AssertionError: A gradient is another one; the sentence names the entry that is furthest off.

    Example:
        >>> import torch
        >>> from mmgen.testing import check_gradients
        >>> x = torch.tensor([0.5, 2.0], dtype=torch.float64, requires_grad=True)
        >>> x.square().sum().backward()
        >>> check_gradients(lambda x: sum(value * value for value in x.tolist()), [x])
    """
    pairs = zip(_gradients_of(arguments, gradients), finite_differences(function, arguments, step), strict=True)
    for number, (gradient, expected) in enumerate(pairs):
        if gradient.shape != expected.shape:
            raise AssertionError(
                f"the gradient of argument {number} has the shape {list(gradient.shape)}, the argument "
                f"{list(expected.shape)}"
            )
        if not expected.numel():
            continue
        allowed = (relative * expected.abs()).clamp(min=absolute)
        excess = torch.nan_to_num((gradient.detach() - expected).abs() - allowed, nan=torch.inf)
        if float(excess.max()) > 0:
            index = tuple(int(i) for i in torch.unravel_index(excess.argmax(), excess.shape))
            raise AssertionError(
                f"the gradient of argument {number} at {list(index)} is {float(gradient[index]):.9g}; by finite "
                f"differences it is {float(expected[index]):.9g}"
            )


def _gradients_of(arguments: Sequence[Tensor], gradients: Sequence[Tensor] | None) -> list[Tensor]:
    if gradients is not None:
        return list(gradients)
    left = [argument.grad for argument in arguments]
    for number, gradient in enumerate(left):
        if gradient is None:
            raise AssertionError(f"no gradient reached argument {number}")
    return [gradient for gradient in left if gradient is not None]
