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
from functools import cache, lru_cache
from importlib import import_module
from importlib.metadata import EntryPoint, distribution, distributions
from pathlib import Path
from typing import Any, get_args, get_type_hints

from ..errors import PluginError, alternatives
from .families import OTHER
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


def article(kind: str) -> str:
    """``objectives`` → ``an``."""
    return "an" if kind[0] in "ao" else "a"


def allowed(name: str) -> bool:
    """Whether ``MMGEN_LOAD_PLUGINS`` lets this distribution be loaded: unset, all; else the comma-separated names (and
    always the core).
    """
    names = os.environ.get("MMGEN_LOAD_PLUGINS")
    return names is None or name == CORE or normal_name(name) in {normal_name(word) for word in names.split(",")}


def normal_name(name: str) -> str:
    """A distribution's name in the spelling by which names are compared."""
    return re.sub(r"[-_.]+", "-", name.strip()).lower()


def is_called(asked: str, name: str, distribution: str) -> bool:
    """Whether what a distribution declares is meant by ``NAME`` or ``distribution:NAME``."""
    own, _, short = asked.rpartition(":")
    return name == short and (not own or normal_name(distribution) == normal_name(own))


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
        if normal_name(name) not in names_seen:
            names_seen.add(normal_name(name))
            points += [(point.group, point, name, version) for point in own_points]
    return tuple(points)


def installed_distributions() -> list[str]:
    """The distributions that declare something of mmgen."""
    return list(dict.fromkeys(name for _, _, name, _ in _all_points()))


def refresh() -> None:
    """Look again at what is installed; for tests and for a process that has just installed something."""
    _all_points.cache_clear()
    _definitions.cache_clear()


def entries(kind: str) -> list[Entry]:
    """All that is declared of one kind (or in the groups ``recipes``, ``hooks``, ``commands`` …), in order of name;
    metadata only.
    """
    group = "mmgen" if kind == "hooks" else f"mmgen.{kind}"
    declared = {
        (point.name, normal_name(name)): Entry(kind, point.name, name, version, point)
        for of_group, point, name, version in _all_points()
        if of_group == group and allowed(name)
    }
    return [declared[key] for key in sorted(declared)]


def all_entries() -> list[Entry]:
    """What is declared of every kind."""
    return [Entry(group, point.name, name, version, point) for group, point, name, version in _all_points()]


def local_entries(kind: str) -> list[Entry]:
    """The classes of one kind that were registered in this process, in order of name."""
    return [entry for key, entry in sorted(LOCAL.items()) if key[0] == kind]


def find(kind: str, name: str) -> Entry:
    """The entry for a name or ``distribution:name``, else the class that is registered so; unknown and ambiguous names
    are errors that say what there is.
    """
    one = singular(kind)
    if not isinstance(name, str):  # as a file or an option may have it
        raise PluginError(
            f"The name of {article(kind)} {one} is a word, such as those of mmgen list {kind}, "
            f"and not {str(name)[:60]}."
        )
    short = name.rpartition(":")[2]

    def called_so(entry: Entry) -> bool:
        return is_called(name, entry.name, entry.distribution)

    installed, local = entries(kind), local_entries(kind)
    hits = list(filter(called_so, installed)) or list(filter(called_so, local))
    if not hits:
        if (kind, short) in KNOWN:
            raise not_installed(f"The {one} {short!r} is part of", KNOWN[kind, short])
        if kind == "datasets" and ("/" in name or Path(name).suffix):
            raise PluginError(
                f"There is no dataset {name!r}. A table of your own is the dataset table, and a YAML says which "
                "columns are what (docs/own-data.md): "
                f"--dataset table --set dataset.path={name} --set dataset.config=FILE."
            )
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
    component = imported(entry, who)
    if entry.kind in FUNCTIONS:
        if not inspect.isfunction(component):
            raise PluginError(f"{who}, which is not a function.")
        return component
    base = base or interface(entry.kind)
    if base is not None and not (isinstance(component, type) and issubclass(component, base)):
        raise PluginError(f"{who}, which is not a subclass of {base.__module__.partition('.')[0]}.{base.__name__}.")
    check_class(component, base, who)
    return component


def imported(entry: Entry, who: str) -> Any:
    """What an entry point leads to; ``who`` begins the sentence where that cannot be imported.

    Raises:
        PluginError: Whatever its module does instead, ending Python included.
    """
    try:
        return entry.point.load()
    except KeyboardInterrupt:
        raise
    except BaseException as error:  # also those that pass an Exception by, such as of sys.exit
        said = f"{type(error).__name__}: {error}".rstrip(".: ")
        raise PluginError(f"{who}, which cannot be imported: {said}.") from error


def check_class(component: type, base: type | None, who: str) -> None:
    """Refuse a class without options where its kind has them, one that cannot be made, and one that says of itself what
    nobody knows; ``who`` begins the sentence.
    """
    from pydantic import BaseModel  # lists of names do without

    config = getattr(base, "Config", None)
    if isinstance(config, type) and not (
        isinstance(own := getattr(component, "Config", None), type) and issubclass(own, BaseModel)
    ):
        raise PluginError(f"{who}, whose Config is {own!r} and should be a class of options (pydantic.BaseModel).")
    if missing := sorted(getattr(component, "__abstractmethods__", ())):
        raise PluginError(f"{who}, which lacks {' and '.join(missing)}.")
    _check_declarations(component, base, who)


def _check_declarations(component: type, base: type | None, who: str) -> None:
    """Refuse a class that declares of itself what its kind does not know, such as a bound of no kind."""
    from pydantic import ValidationError

    from ..options import type_in_words

    for name, (hint, fits) in _declarations(base).items():
        value = getattr(component, name, None)
        if not hasattr(component, name) or hasattr(value, "__get__"):  # a property says it of each component
            continue
        try:
            fits.validate_python(value, strict=True)
        except ValidationError:
            raise PluginError(f"{who}, whose {name} is {value!r} and should be {type_in_words(hint)}.") from None


@cache
def _declarations(base: type | None) -> dict[str, tuple[Any, Any]]:
    """What classes of a kind declare of themselves: the type of each class variable, and what checks it."""
    from pydantic import ConfigDict, TypeAdapter

    found = {}
    for each in reversed(base.__mro__ if base else ()):
        own = {name: text for name, text in vars(each).get("__annotations__", {}).items() if "ClassVar[" in str(text)}
        hints = get_type_hints(type("_", (), {"__annotations__": own, "__module__": each.__module__}))
        for name, hint in hints.items():
            (declared,) = get_args(hint)
            config = ConfigDict(arbitrary_types_allowed=True)
            found[name] = (declared, TypeAdapter(declared, config=config))
    return found


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
        declared = next((entry for entry in entries("interfaces") if entry.name == kind), None)
        return None if declared is None else imported(declared, f"{declared.distribution} declares the kind {kind!r}")
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
        if normal_name(requirement.name) == CORE and not requirement.specifier.contains(core, prereleases=True):
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
    """All recipes of installed plugins, by name, by ``distribution:name`` where several have one name; nothing is
    imported.
    """
    declared = declared_files("recipes")
    names = [path.stem for _, path in declared]
    return dict(
        sorted(
            (path.stem if names.count(path.stem) == 1 else f"{entry.distribution}:{path.stem}", path)
            for entry, path in declared
        )
    )


def recipe_names() -> set[str]:
    """The bare names of all recipes, whether one or several distributions have one of that name."""
    return {path.stem for _, path in declared_files("recipes")}


def find_recipe_file(name: str) -> Path:
    """The file of a recipe by its name or ``distribution:name``.

    Raises:
        PluginError: There is none, or several distributions have one of that name.
    """
    short = name.rpartition(":")[2]
    hits = [
        (entry, path) for entry, path in declared_files("recipes") if is_called(name, path.stem, entry.distribution)
    ]
    if not hits:
        raise PluginError(f"There is no recipe {name!r}; installed are: {alternatives(short, recipes())}")
    if len(hits) > 1:
        owners = " and ".join(entry.distribution for entry, _ in hits)
        choices = " or ".join(f"{entry.distribution}:{short}" for entry, _ in hits)
        raise PluginError(f"The recipe {short!r} is declared by {owners}; write --recipe {choices}.")
    return hits[0][1]


def summary(entry: Entry) -> str:
    """First line of the docstring of a component or command, read from the source text: nothing is imported."""
    if (entry.kind, entry.name, entry.distribution) in LOCAL:
        return brief(inspect.getdoc(entry.point.load()))
    return _written(entry)[0]


def family(entry: Entry) -> str:
    """The family of an objective, by the literal in its class: nothing is imported. ``other`` where there is none."""
    if (entry.kind, entry.name, entry.distribution) in LOCAL:
        named = getattr(entry.point.load(), "family", None)
        return named if isinstance(named, str) else OTHER
    return _written(entry)[1] or OTHER


def _written(entry: Entry) -> tuple[str, str]:
    """What the source text says of a component or command: the first line of its docstring, and its family."""
    module, _, attribute = entry.point.value.partition(":")
    path = _source_of(module)
    return ("", "") if path is None else _definitions(path).get(attribute.split("[")[0].strip(), ("", ""))


def _source_of(module: str) -> Path | None:
    """The file of a module: of a package, within one, or alone."""
    folder = package_folder(module)
    if folder is not None:
        return folder / "__init__.py" if folder.is_dir() else folder.with_suffix(".py")
    spec = importlib.util.find_spec(module) if "." not in module else None
    return Path(spec.origin) if spec is not None and spec.origin else None


@lru_cache(maxsize=256)
def _definitions(path: Path) -> dict[str, tuple[str, str]]:
    """The first lines of the docstrings in a file, and the families that classes say; nothing where it cannot be
    read.
    """
    try:
        tree = ast.parse(path.read_text(encoding="utf-8"))
    except (OSError, SyntaxError, ValueError):
        return {}
    documented = [node for node in tree.body if isinstance(node, ast.ClassDef | ast.FunctionDef)]
    return {node.name: (brief(ast.get_docstring(node)), _family_in(node)) for node in documented}


def _family_in(node: ast.ClassDef | ast.FunctionDef) -> str:
    """The literal that a class assigns to ``family``."""
    for line in node.body:
        targets = line.targets if isinstance(line, ast.Assign) else [getattr(line, "target", None)]
        named = any(isinstance(target, ast.Name) and target.id == "family" for target in targets)
        value = getattr(line, "value", None)
        if named and isinstance(value, ast.Constant) and isinstance(value.value, str):
            return value.value
    return ""


def brief(docstring: str | None) -> str:
    """The first paragraph of a docstring, in one line and without marks of Sphinx: what lists show of a thing."""
    line = " ".join((docstring or "").partition("\n\n")[0].split())
    return re.sub(r":[a-z]+:`[~.]*([^`]+)`", r"\1", line)
