"""Small models of components that are named, or given as classes."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from functools import lru_cache
from importlib.metadata import EntryPoint
from typing import Any

from ..data import Data
from ..models import MultimodalVAE
from ..registry import CORE, components

GIVEN_AS_CLASS = "under-test"  # the name of a component that is given as a class


class _Given(EntryPoint):
    """An entry point to a class that is at hand; it need not be importable by name, so that tests can define it
    anywhere.
    """

    def load(self) -> Any:
        """The class."""
        return vars(self)["component"]


@contextmanager
def findable(kind: str, component: str | type) -> Iterator[str]:
    """Within this context a class is found by the name that is given back, as if a distribution had declared it; a name
    stays what it is.

    Args:
        kind: Such as ``objectives``.
        component: Name of an installed component, or a class.
    """
    if isinstance(component, str):
        yield component
        return
    point = _Given(GIVEN_AS_CLASS, f"{component.__module__}:{component.__qualname__}", f"mmgen.{kind}")
    vars(point)["component"] = component
    before = components._all_points
    points = (*before(), (point.group, point, CORE, "0"))
    components._all_points = lru_cache(maxsize=1)(lambda: points)
    try:
        yield GIVEN_AS_CLASS
    finally:
        components._all_points = before


def make_model(objective: str | type, data: Data, **options: Any) -> MultimodalVAE:
    """A small float64 model in evaluation mode, with three latent dimensions unless ``latent_dim`` says otherwise.

    Args:
        objective: Name of an installed objective, or a class.
        data: What it is for, such as :func:`mmgen.testing.toy_data`.
        **options: Of :meth:`mmgen.MultimodalVAE.create`; ``aggregator`` and ``prior`` may be classes too, also as the
            ``name`` in a mapping.
    """
    with ExitStack() as stack:
        for part in ("aggregator", "prior"):
            chosen = options.get(part)
            if isinstance(chosen, type):
                options[part] = stack.enter_context(findable(f"{part}s", chosen))
            elif isinstance(chosen, Mapping) and isinstance(chosen.get("name"), type):
                options[part] = {**chosen, "name": stack.enter_context(findable(f"{part}s", chosen["name"]))}
        name = stack.enter_context(findable("objectives", objective))
        return MultimodalVAE.create(name, data, **{"latent_dim": 3, **options}).double().eval()
