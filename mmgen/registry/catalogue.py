"""What is installed, as plain data: what ``mmgen list``, ``mmgen info``, ``mmgen plugins`` and the site show."""

from __future__ import annotations

import inspect
import warnings
from collections.abc import Mapping
from typing import Any

from pydantic import BaseModel

from ..errors import MmgenError, PluginError, alternatives, ended, listed, nearest
from ..options import condition_in_words, type_in_words
from ..yaml_files import read_mapping
from .components import (
    Entry,
    declared_files,
    entries,
    family,
    find_recipe_file,
    listable,
    load_entry,
    recipe_names,
    recipes,
    singular,
    summary,
)
from .families import FAMILIES, OTHER
from .hooks import Hooks
from .known import KNOWN, not_installed

RECIPES = "recipes"
GIVEN_BY = {
    "shared": "any with one latent for all modalities",
    "single": "any that gives one distribution for each row, and no mixture",
}
BOUNDS = {"joint": "of log p(X)", "own": "of the sum of log p(x_m)", None: "none claimed"}


# Lists ------------------------------------------------------------------------------------------------------------


def list_installed(kind: str | None = None) -> dict[str, list[dict[str, str]]]:
    """Kind to what is installed of it: ``name``, ``full_name``, ``summary`` and ``distribution``, of objectives their
    ``family`` too; nothing is imported.

    Args:
        kind: Only of this one; recipes too.

    Raises:
        MmgenError: Another kind.
    """
    kinds = (*listable(), RECIPES)
    if kind is not None and kind not in kinds:
        raise MmgenError(f"There is no kind {kind!r}; there are {alternatives(kind, kinds)}")
    chosen = kinds if kind is None else (kind,)
    return {kind: _recipe_items() if kind == RECIPES else _component_items(kind) for kind in chosen}


def _component_items(kind: str) -> list[dict[str, str]]:
    return [
        {
            "name": entry.name,
            "full_name": entry.full_name,
            "summary": summary(entry),
            "distribution": _origin(entry),
            **({"family": family(entry)} if kind == "objectives" else {}),
        }
        for entry in entries(kind)
    ]


def by_family(objectives: list[dict[str, str]]) -> dict[str, list[dict[str, str]]]:
    """Items of :func:`list_installed` by family: in the order of ``FAMILIES``, then others by name, ``other`` last."""
    present = {item["family"] for item in objectives}
    further = sorted(present - set(FAMILIES) - {OTHER})
    order = [name for name in (*FAMILIES, *further, OTHER) if name in present]
    return {name: [item for item in objectives if item["family"] == name] for name in order}


def find_family(name: str) -> str | None:
    """The family of installed objectives that is called so, or written ``family/NAME``; None where there is none."""
    bare = name.removeprefix("family/")
    return bare if bare in {family(entry) for entry in entries("objectives")} else None


def compare_family(name: str) -> dict[str, Any]:
    """A family of objectives: ``family``, ``text``, and ``members`` with what each declares, or why it is broken."""
    members = [entry for entry in entries("objectives") if family(entry) == name]
    return {"family": name, "text": FAMILIES.get(name, ""), "members": [_declared(entry) for entry in members]}


def _declared(entry: Entry) -> dict[str, str]:
    """What an objective declares, in the words of :func:`describe`."""
    known = {"name": entry.full_name if _ambiguous(entry) else entry.name, "summary": summary(entry)}
    reason = _why_broken(entry)
    if reason is not None:
        return {**known, "broken": reason}
    component = load_entry(entry)
    return {
        **known,
        "aggregator": component.aggregator or "none",
        "prior": component.prior or "none",
        "lower bound": BOUNDS[component.bound],
        "missing modalities": "yes" if component.supports_missing else "no",
        "labels": "needed" if component.needs_labels else "no",
        "distribution": _origin(entry),
    }


def _ambiguous(entry: Entry) -> bool:
    return sum(each.name == entry.name for each in entries(entry.kind)) > 1


def _recipe_items() -> list[dict[str, str]]:
    """Recipes with their descriptions; one that cannot be read says so."""
    items = []
    for entry, path in declared_files(RECIPES):
        try:
            description = str(read_mapping(path).get("description", ""))
        except MmgenError:
            description = "(cannot be read)"
        items.append(
            {
                "name": path.stem,
                "full_name": f"{entry.distribution}:{path.stem}",
                "summary": description,
                "distribution": _origin(entry),
            }
        )
    return items


def _origin(entry: Entry) -> str:
    """The distribution and its version; the module of a class that was registered in this process."""
    return f"{entry.distribution} {entry.version}".rstrip()


# One component ----------------------------------------------------------------------------------------------------


def find_described(name: str) -> Entry | str:
    """The component or command called ``name``, of whatever kind ``mmgen list`` lists, or the name of a recipe.

    Args:
        name: ``NAME``, ``kind/NAME`` or ``distribution:NAME``.

    Raises:
        MmgenError: Nothing is called so, or several things are.
    """
    requested_kind, _, short = name.rpartition("/")
    distribution, _, bare = short.rpartition(":")
    components = [
        entry
        for kind in listable()
        for entry in entries(kind)
        if entry.name == bare and (not distribution or entry.distribution == distribution)
    ]
    if requested_kind:
        components = [entry for entry in components if requested_kind in (entry.kind, singular(entry.kind))]
    if not components and bare in recipe_names():
        find_recipe_file(short)  # which says where there are several
        return short
    if not components:
        families = {family(entry) for entry in entries("objectives")}
        names = sorted({entry.name for kind in listable() for entry in entries(kind)} | set(recipes()) | families)
        known = [(kind, where) for (kind, each), where in KNOWN.items() if each == bare and kind != "openers"]
        if known:
            raise not_installed(f"The {singular(known[0][0])} {bare!r} is part of", known[0][1])
        close = nearest(bare, names)
        raise MmgenError(
            f"There is nothing called {name!r}{close}"
            if close
            else f"There is nothing called {name!r}; installed are: {listed(names)}."
        )
    if len(components) > 1:
        kinds = [entry.kind for entry in components]
        choices = [
            f"{singular(entry.kind)}/{entry.full_name if kinds.count(entry.kind) > 1 else entry.name}"
            for entry in components
        ]
        raise MmgenError(f"Several things are called {name!r}; say which: {', '.join(choices)}.")
    return components[0]


def describe(entry: Entry) -> dict[str, Any]:
    """A component: ``kind``, ``name``, ``distribution``, ``text`` (its docstring), ``facts`` and ``options``.

    A component of a kind that a plugin declares has the options of its ``Config``, where it has one. Those of a command
    are the command line's to describe.
    """
    component = load_entry(entry)
    kind = singular(entry.kind)
    config = component if entry.kind == "modalities" else getattr(component, "Config", BaseModel)
    section = {
        "modalities": "modalities.NAME",
        "likelihoods": "modalities.NAME.likelihood",
        "formats": "dataset.format",
        "metrics": f"metrics.{entry.name}",
    }.get(entry.kind, kind)
    return {
        "kind": kind,
        "name": entry.name,
        "distribution": _origin(entry),
        "text": inspect.getdoc(component) or "",
        "facts": _facts(entry.kind, component),
        "options": [_option(config, section, name) for name in config.model_fields],
    }


def _option(config: type[BaseModel], section: str, name: str) -> dict[str, str]:
    field = config.model_fields[name]
    default = "required" if field.is_required() else str(field.get_default(call_default_factory=True))
    return {
        "option": f"{section}.{name}",
        "type": type_in_words(field.annotation),
        "default": default,
        "description": f"{field.description or ''} {condition_in_words(config, name)}".strip(),
    }


def _facts(kind: str, component: Any) -> dict[str, str]:
    """What a kind of component declares beside its docstring."""
    if kind == "objectives":
        return {
            **({"family": component.family} if isinstance(component.family, str) else {}),
            "aggregator": _choice(component.aggregator, component.aggregators, "aggregators"),
            "prior": _choice(component.prior, component.priors, "priors"),
            "lower bound": BOUNDS[component.bound],
            "trains on rows with missing modalities": "yes" if component.supports_missing else "no",
            "needs labels": "yes" if component.needs_labels else "no",
        }
    if kind == "datasets":
        facts = {"citation": component.citation, "licence": component.licence}
        return {name: text for name, text in facts.items() if text}
    if kind == "likelihoods":
        return {"for": component.values_in_words()}
    return {}


def _choice(default: str | None, names: tuple[str, ...] | str | None, kind: str) -> str:
    if default is None:
        return "none"
    if isinstance(names, str):
        names = (GIVEN_BY[names],)
    if names is None:
        names = ("any of " + ", ".join(sorted({entry.name for entry in entries(kind)})),)
    return f"{default} by default; can be {', '.join(names)}"


# Plugins ----------------------------------------------------------------------------------------------------------


def list_plugins() -> list[dict[str, Any]]:
    """Every distribution: ``distribution``, ``version``, what it ``provides``, and what is ``broken`` and why.

    Each component is imported, so that broken ones show.
    """
    plugins: dict[tuple[str, str], dict[str, Any]] = {}
    papers = _papers()
    for kind in (*listable(), "openers", "hooks", RECIPES, "papers"):
        for entry in entries(kind):
            key = (entry.distribution, entry.version)
            plugin = plugins.setdefault(key, {"distribution": key[0], "version": key[1], "provides": [], "broken": []})
            names = papers.get(entry.full_name, []) if kind == "papers" else [entry.name]
            plugin["provides"] += [f"{kind}: {name}" for name in names]
            reason = None if kind in (RECIPES, "papers") else _why_broken(entry)
            if reason:
                plugin["broken"].append(reason)
    return list(plugins.values())


def _papers() -> Mapping[str, list[str]]:
    """Names of papers by the entry that declares them."""
    papers: dict[str, list[str]] = {}
    for entry, path in declared_files("papers"):
        papers.setdefault(entry.full_name, []).append(path.stem)
    return papers


def _why_broken(entry: Entry) -> str | None:
    """Why a component cannot be used; None where it can."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        if entry.kind == "hooks":
            reason = Hooks([entry]).failures.get(entry.full_name)
            return None if reason is None else ended(f"The plugin {entry.full_name} {reason}")
        try:
            load_entry(entry)
        except PluginError as error:
            return str(error)
        except Exception as error:
            return f"{entry.distribution} {entry.version}: {type(error).__name__}: {error}"
    return None
