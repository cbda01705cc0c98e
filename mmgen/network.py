"""Whether anything may be fetched: not while a run is opened, which somebody may have sent."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

_refused: ContextVar[bool] = ContextVar("network_refused", default=False)


def network_refused() -> bool:
    """Whether whoever reads data must do with what is here."""
    return _refused.get()


@contextmanager
def without_network() -> Iterator[None]:
    """Let nothing be fetched by what reads data."""
    token = _refused.set(True)
    try:
        yield
    finally:
        _refused.reset(token)
