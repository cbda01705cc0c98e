"""Classes in the place of names: components that no distribution declares, such as those of a notebook or script."""

from __future__ import annotations

import re
from importlib.metadata import EntryPoint
from typing import Any, TypeVar

from ..errors import MmgenError, listed
from . import components
from .components import KINDS, Entry, article, entries, find, interface, local_entries, singular

T = TypeVar("T", bound=type)


class _Local(EntryPoint):
    """An entry point to a class that is at hand; it need not be importable by name."""

    def load(self) -> Any:
        """The class."""
        return vars(self)["component"]


def register(kind: str, name: str, cls: T) -> T:
    """Let a class be found by a name in this process, as if a distribution had declared it.

    A class that is registered under the same name again, as when a cell of a notebook is run anew, takes the place of
    the first. In a run's records the name of its module stands in the place of a distribution's; whoever opens the run
    registers the class before. Where all components of a kind are meant, as in an evaluation with every metric,
    those of distributions are meant.

    Args:
        kind: ``objectives``, ``aggregators``, ``priors``, ``modalities``, ``likelihoods``, ``datasets``, ``formats``,
            ``metrics`` or ``samplers``, or one of them.
        name: Under which it is found.
        cls: A class of that kind.

    Returns:
        The class.

    Raises:
        MmgenError: Another kind, a class of another kind, one that lacks something or says of itself what nobody knows
            (a bound of no kind), or a name that an installed distribution has.

    >>> import mmgen
    >>> class Halved(mmgen.Metric):
    ...     '''Half of something.'''
    ...     def summarise(self, evaluation, judgements):
    ...         return []
    >>> mmgen.register("metrics", "halved", Halved).__name__
    'Halved'
    """
    kind = _plural(kind)
    base = interface(kind)
    if not (isinstance(cls, type) and base is not None and issubclass(cls, base)):
        raise MmgenError(f"{cls!r} cannot be registered as the {singular(kind)} {name!r}: it is no {_of(base)}.")
    if not re.fullmatch(r"[\w.-]+", name):
        raise MmgenError(f"A {singular(kind)} cannot be called {name!r}; a name has letters, digits, '-', '_' and '.'.")
    declared = [entry.distribution for entry in entries(kind) if entry.name == name]
    if declared:
        raise MmgenError(
            f"The name {name!r} is that of the {singular(kind)} of {listed(declared)}; register yours under another."
        )
    _add(kind, name, cls)
    return cls


def name_of(kind: str, component: str | type) -> str:
    """The name under which a component is found: a name as it is; that of a class, which is registered where no
    distribution declares it.

    A class without a name is called after itself, ``MyMethod`` → ``my-method``, and is ``module:my-method`` where
    something else is called so.

    Raises:
        MmgenError: A class of another kind.
    """
    if isinstance(component, str):
        return component
    base = interface(kind)
    if not isinstance(component, type):
        raise MmgenError(
            f"{component!r} is neither the name nor the class of {article(kind)} {singular(kind)}; give one of them, "
            "with options as a mapping: {'name': …, 'option': …}."
        )
    if base is None or not issubclass(component, base):
        raise MmgenError(
            f"The class {component.__name__} is no {_of(base)}, which {article(kind)} {singular(kind)} must be."
        )
    entry = entry_of(kind, component)
    if entry is None:
        words = re.sub(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])", "-", component.__name__)
        entry = _add(kind, words.lower(), component)
    rivals = (*entries(kind), *local_entries(kind)) if is_local(entry) else entries(kind)
    ambiguous = any(other.name == entry.name and other != entry for other in rivals)
    return entry.full_name if ambiguous else entry.name


def entry_of(kind: str, cls: type) -> Entry | None:
    """Where a class is declared or registered; None where it is not."""
    package = cls.__module__.partition(".")[0]
    known = (*entries(kind), *local_entries(kind))
    same = [entry for entry in known if re.split("[.:]", entry.point.value)[0] == package]
    return next((entry for entry in same if entry.point.load() is cls), None)


def load_component(kind: str, component: str | type) -> Any:
    """The class that is called so, or that was given."""
    return component if isinstance(component, type) else components.load_entry(find(kind, component))


def is_local(entry: Entry) -> bool:
    """Whether a component was registered in this process, and is not declared by a distribution."""
    return isinstance(entry.point, _Local)


def _add(kind: str, name: str, cls: type) -> Entry:
    components.check_class(cls, interface(kind), f"The {singular(kind)} {name!r} is {cls.__qualname__}")
    point = _Local(name, f"{cls.__module__}:{cls.__qualname__}", f"mmgen.{kind}")
    vars(point)["component"] = cls
    entry = Entry(kind, name, cls.__module__, "", point)
    components.LOCAL[kind, name, cls.__module__] = entry
    return entry


def _plural(kind: str) -> str:
    plural = {singular(each): each for each in KINDS}.get(kind, kind)
    if plural not in KINDS:
        raise MmgenError(f"There is no kind of component {kind!r}; there are {listed(KINDS)}.")
    return plural


def _of(base: type | None) -> str:
    return "component" if base is None else f"subclass of {base.__module__.partition('.')[0]}.{base.__name__}"
