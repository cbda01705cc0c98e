"""Components found by entry point: listed without importing anything, imported one at a time when asked for.

A distribution declares a component in its ``pyproject.toml``, in the group of its kind::

    [project.entry-points."mmgen.objectives"]
    crmvae = "mmgen_plugin_crmvae.crmvae:CRMVAE"

Everything that can go wrong with somebody else's code ends here, as a :class:`~mmgen.errors.PluginError` with a
sentence.
"""

from __future__ import annotations

import ast
import importlib.util
import inspect
import os
import re
from dataclasses import dataclass
from functools import lru_cache
from importlib import import_module
from importlib.metadata import EntryPoint, distribution, distributions
from pathlib import Path
from typing import Any

from ..errors import PluginError, alternatives
from .known import KNOWN, not_installed

CORE = "mmgen-core"
KINDS = (
    "objectives",
    "aggregators",
    "priors",
    "modalities",
    "likelihoods",
    "datasets",
    "formats",
    "metrics",
    "samplers",
)
FUNCTIONS = ("commands", "openers")  # groups whose entries are functions
LOCAL: dict[tuple[str, str, str], Entry] = {}  # by kind, name and module: classes that were registered in this process


@dataclass(frozen=True)
class Entry:
    """One declared component."""

    kind: str
    name: str
    distribution: str
    version: str
    point: EntryPoint

    @property
    def full_name(self) -> str:
        """``distribution:name``, which chooses this one where two distributions declare one name."""
        return f"{self.distribution}:{self.name}"


def singular(kind: str) -> str:
    """``objectives`` → ``objective``."""
    return {"modalities": "modality"}.get(kind, kind.removesuffix("s"))


def allowed(name: str) -> bool:
    """Whether ``MMGEN_LOAD_PLUGINS`` lets this distribution be loaded: unset, all; else the comma-separated names (and
    always the core).
    """
    names = os.environ.get("MMGEN_LOAD_PLUGINS")
    return names is None or name == CORE or _normal(name) in {_normal(word) for word in names.split(",")}


def _normal(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name.strip()).lower()


@lru_cache(maxsize=1)
def _all_points() -> tuple[tuple[str, EntryPoint, str, str], ...]:
    points: list[tuple[str, EntryPoint, str, str]] = []
    names_seen = set()
    for dist in distributions():  # in the order of sys.path: a distribution that is found twice counts once
        own_points = [
            point for point in dist.entry_points if point.group == "mmgen" or point.group.startswith("mmgen.")
        ]
        if not own_points:
            continue
        name, version = dist.name, dist.version  # each is a reading of the metadata
        if _normal(name) not in names_seen:
            names_seen.add(_normal(name))
            points += [(point.group, point, name, version) for point in own_points]
    return tuple(points)


def refresh() -> None:
    """Look again at what is installed; for tests and for a process that has just installed something."""
    _all_points.cache_clear()
    _first_lines.cache_clear()


def entries(kind: str) -> list[Entry]:
    """All that is declared of one kind (or in the groups ``recipes``, ``hooks``, ``commands`` …), in order of name;
    metadata only.
    """
    group = "mmgen" if kind == "hooks" else f"mmgen.{kind}"
    declared = {
        (point.name, _normal(name)): Entry(kind, point.name, name, version, point)
        for of_group, point, name, version in _all_points()
        if of_group == group and allowed(name)
    }
    return [declared[key] for key in sorted(declared)]


def local_entries(kind: str) -> list[Entry]:
    """The classes of one kind that were registered in this process, in order of name."""
    return [entry for key, entry in sorted(LOCAL.items()) if key[0] == kind]


def find(kind: str, name: str) -> Entry:
    """The entry for a name or ``distribution:name``, else the class that is registered so; unknown and ambiguous names
    are errors that say what there is.
    """
    dist, _, short = name.rpartition(":")

    def called_so(entry: Entry) -> bool:
        return entry.name == short and (not dist or _normal(entry.distribution) == _normal(dist))

    installed, local = entries(kind), local_entries(kind)
    hits = list(filter(called_so, installed)) or list(filter(called_so, local))
    one = singular(kind)
    if not hits:
        if (kind, short) in KNOWN:
            raise not_installed(f"The {one} {short!r} is part of", KNOWN[kind, short])
        names = sorted({entry.name for entry in (*installed, *local)})
        raise PluginError(f"There is no {one} {name!r}; installed are: {alternatives(short, names)}")
    if len(hits) > 1:
        owners = " and ".join(entry.distribution for entry in hits)
        raise PluginError(
            f"The {one} {short!r} is declared by {owners}; write {hits[0].full_name!r} or {hits[1].full_name!r}."
        )
    return hits[0]


def load_entry(entry: Entry, base: type | None = None) -> Any:
    """Import one component and check that it is what its group says."""
    one = singular(entry.kind)
    who = f"{entry.distribution} {entry.version} declares the {one} {entry.name!r} as {entry.point.value!r}"
    needs = incompatible(entry.distribution)
    if needs:
        raise PluginError(f"{who}, but it {needs}.")
    try:
        component = entry.point.load()
    except Exception as error:
        raise PluginError(f"{who}, which cannot be imported: {type(error).__name__}: {error}.") from error
    if entry.kind in FUNCTIONS:
        if not inspect.isfunction(component):
            raise PluginError(f"{who}, which is not a function.")
        return component
    base = base or interface(entry.kind)
    if base is not None and not (isinstance(component, type) and issubclass(component, base)):
        raise PluginError(f"{who}, which is not a subclass of {base.__module__.partition('.')[0]}.{base.__name__}.")
    return component


def load(kind: str, name: str) -> Any:
    """The component class called ``name``."""
    return load_entry(find(kind, name))


def interface(kind: str) -> type | None:
    """The base class of a kind (imports the part of mmgen that defines it, or the plugin that declares the kind in
    ``mmgen.interfaces``).
    """
    where = {
        "objectives": ("mmgen.models.objective", "Objective"),
        "aggregators": ("mmgen.models.aggregator", "Aggregator"),
        "priors": ("mmgen.models.prior", "Prior"),
        "modalities": ("mmgen.data.modality", "Modality"),
        "likelihoods": ("mmgen.distributions.likelihoods", "Likelihood"),
        "datasets": ("mmgen.data.dataset", "Dataset"),
        "formats": ("mmgen.data.own_table.file_source", "FileSource"),
        "metrics": ("mmgen.evaluation.metric", "Metric"),
        "samplers": ("mmgen.models.sampler", "Sampler"),
    }.get(kind)
    if where is None:
        return next((entry.point.load() for entry in entries("interfaces") if entry.name == kind), None)
    return getattr(import_module(where[0]), where[1])


def listable() -> tuple[str, ...]:
    """Everything that ``mmgen list`` can list but recipes: components, commands, and the kinds that plugins declare."""
    return (*KINDS, "commands", *(entry.name for entry in entries("interfaces")))


def incompatible(name: str) -> str | None:
    """Why a distribution does not fit the installed core, from its own requirement on ``mmgen-core``; None when it
    does.
    """
    from packaging.requirements import InvalidRequirement, Requirement

    if name == CORE:
        return None
    try:
        requirements = distribution(name).requires or []
        core = distribution(CORE).version
    except Exception:
        return None
    for text in requirements:
        try:
            requirement = Requirement(text)
        except InvalidRequirement:
            continue
        if _normal(requirement.name) == CORE and not requirement.specifier.contains(core, prereleases=True):
            return f"needs mmgen-core {requirement.specifier}, and {core} is installed"
    return None


def package_folder(package: str) -> Path | None:
    """Where a top-level package lies, without importing it."""
    try:
        spec = importlib.util.find_spec(package.split(".")[0])
    except (ImportError, ValueError):
        return None
    if spec is None or not spec.submodule_search_locations:
        return None
    return Path(next(iter(spec.submodule_search_locations)), *package.split(".")[1:])


def declared_files(kind: str) -> list[tuple[Entry, Path]]:
    """The YAML files of installed plugins: ``KIND/*.yaml`` in the packages under the entry points ``mmgen.KIND``, each
    with its entry; nothing is imported.

    Args:
        kind: ``recipes`` or ``papers``.
    """
    folders = [(entry, package_folder(entry.point.value)) for entry in entries(kind)]
    return [
        (entry, path)
        for entry, folder in folders
        if folder is not None
        for path in sorted((folder / kind).glob("*.yaml"))
    ]


def recipes() -> dict[str, Path]:
    """All recipes of installed plugins, by name; nothing is imported."""
    return dict(sorted((path.stem, path) for _, path in declared_files("recipes")))


def summary(entry: Entry) -> str:
    """First line of the docstring of a component or command, read from the source text: nothing is imported."""
    if (entry.kind, entry.name, entry.distribution) in LOCAL:
        return brief(inspect.getdoc(entry.point.load()))
    module, _, attribute = entry.point.value.partition(":")
    path = _source_of(module)
    return "" if path is None else _first_lines(path).get(attribute.split("[")[0].strip(), "")


def _source_of(module: str) -> Path | None:
    """The file of a module: of a package, within one, or alone."""
    folder = package_folder(module)
    if folder is not None:
        return folder / "__init__.py" if folder.is_dir() else folder.with_suffix(".py")
    spec = importlib.util.find_spec(module) if "." not in module else None
    return Path(spec.origin) if spec is not None and spec.origin else None


@lru_cache(maxsize=256)
def _first_lines(path: Path) -> dict[str, str]:
    """The first lines of the docstrings in a file; nothing where it cannot be read."""
    try:
        tree = ast.parse(path.read_text(encoding="utf-8"))
    except (OSError, SyntaxError, ValueError):
        return {}
    documented = [node for node in tree.body if isinstance(node, ast.ClassDef | ast.FunctionDef)]
    return {node.name: brief(ast.get_docstring(node)) for node in documented}


def brief(docstring: str | None) -> str:
    """The first paragraph of a docstring, in one line: what lists show of a thing."""
    return " ".join((docstring or "").partition("\n\n")[0].split())
