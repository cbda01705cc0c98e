"""Parts of a model held at known values while a test runs."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from torch import nn

_INHERITED = object()


@contextmanager
def substitute(owner: object, **values: Any) -> Iterator[None]:
    """Within this context attributes of an object have other values.

    Unlike :func:`unittest.mock.patch`, networks of a module keep their order among its parameters.

    Args:
        owner: A model, an objective, a network, a class or a module of Python.
        **values: By the names of the attributes.

    Example:
        >>> from types import SimpleNamespace
        >>> from mmgen.testing import substitute
        >>> options = SimpleNamespace(beta=1.0)
        >>> with substitute(options, beta=0.5):
        ...     options.beta
        0.5
        >>> options.beta
        1.0
    """
    before = {name: _own_value(owner, name) for name in values}
    try:
        for name, value in values.items():
            setattr(owner, name, value)
        yield
    finally:
        for name, value in before.items():
            if value is not _INHERITED:
                setattr(owner, name, value)
            elif _own_value(owner, name) is not _INHERITED:
                delattr(owner, name)


def _own_value(owner: object, name: str) -> Any:
    """What the object itself holds, and not its class; networks and parameters of a module are kept apart."""
    getattr(owner, name)  # a name that does not exist is an error, and not a new attribute
    held = vars(owner)
    for place in (held, *(held.get(group, {}) for group in ("_modules", "_parameters", "_buffers"))):
        if name in place:
            return place[name]
    return _INHERITED


class ConstantNetwork(nn.Module):
    """In the place of a network: its output is the same for every input.

    Args:
        output: A tensor, a tuple of tensors, or a :class:`mmgen.distributions.Gaussian`.
    """

    def __init__(self, output: Any) -> None:
        super().__init__()
        self.output = output

    def forward(self, *inputs: Any) -> Any:
        """The output that was given."""
        return self.output


@contextmanager
def recorded_calls(networks: Sequence[nn.Module | None]) -> Iterator[list[int]]:
    """Within this context every call of a network adds its number to the list.

    Args:
        networks: Numbered from 0; a place may be empty.
    """
    calls: list[int] = []
    handles = []
    for number, network in enumerate(networks):
        if network is not None:
            handles.append(network.register_forward_hook(lambda *call, number=number: calls.append(number)))
    try:
        yield calls
    finally:
        for handle in handles:
            handle.remove()
