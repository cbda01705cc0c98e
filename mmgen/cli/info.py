"""``mmgen info``."""

from __future__ import annotations

import inspect
from typing import Any

from pydantic import BaseModel

from ..errors import MmgenError, listed, nearest
from ..options import condition_in_words, type_in_words
from ..registry import KINDS, Entry, entries, load_entry
from ..registry.components import singular
from ..runs.config import read_recipe, recipes
from ..screen import console, show, show_json
from ..yaml_files import dump_yaml


def command(name: str, as_json: bool) -> None:
    """Describe the component or recipe called ``name``."""
    wanted_kind, _, short = name.rpartition("/")
    dist, _, bare = short.rpartition(":")
    found = [e for kind in KINDS for e in entries(kind) if e.name == bare and (not dist or e.distribution == dist)]
    if wanted_kind:
        found = [entry for entry in found if wanted_kind in (entry.kind, singular(entry.kind))]
    known_recipes = recipes()
    if not found and short in known_recipes:
        _show_recipe(short, as_json)
        return
    if not found:
        names = sorted({entry.name for kind in KINDS for entry in entries(kind)} | set(known_recipes))
        raise MmgenError(f"There is nothing called {name!r}; installed are: {listed(names)}{nearest(short, names)}.")
    if len(found) > 1:
        choices = [
            f"{singular(e.kind)}/{e.full_name if [o.kind for o in found].count(e.kind) > 1 else e.name}" for e in found
        ]
        raise MmgenError(f"Several things are called {name!r}; say which: {', '.join(choices)}.")
    described = describe(found[0])
    if as_json:
        show_json(described)
        return
    screen = console()
    screen.print(
        f"{described['kind']} {described['name']}  ({described['distribution']})\n", highlight=False, markup=False
    )
    screen.print(described["text"] + "\n", highlight=False, markup=False)
    for fact, value in described["facts"].items():
        screen.print(f"{fact}: {value}", highlight=False, markup=False)
    if described["options"]:
        columns = ["option", "type", "default", "description"]
        show("", columns, [[option[column] for column in columns] for option in described["options"]])


def describe(entry: Entry) -> dict[str, Any]:
    """Everything that ``info`` shows, as plain data."""
    component = load_entry(entry)
    one = singular(entry.kind)
    config = component if entry.kind == "modalities" else component.Config
    where = {"modalities": "modalities.NAME", "metrics": f"metrics.{entry.name}"}.get(entry.kind, one)
    return {
        "kind": one,
        "name": entry.name,
        "distribution": f"{entry.distribution} {entry.version}",
        "text": inspect.getdoc(component) or "",
        "facts": _facts(entry.kind, component),
        "options": [_option(config, where, name) for name in config.model_fields],
    }


def _option(config: type[BaseModel], where: str, name: str) -> dict[str, str]:
    field = config.model_fields[name]
    default = "required" if field.is_required() else str(field.get_default(call_default_factory=True))
    return {
        "option": f"{where}.{name}",
        "type": type_in_words(field.annotation),
        "default": default,
        "description": f"{field.description or ''} {condition_in_words(config, name)}".strip(),
    }


def _facts(kind: str, component: Any) -> dict[str, str]:
    """What a kind of component says about itself beside its docstring."""
    if kind == "objectives":
        bounds = {"joint": "of log p(X)", "own": "of the sum of log p(x_m)", None: "none claimed"}
        return {
            "aggregator": _choice(component.aggregator, component.aggregators, "aggregators"),
            "prior": _choice(component.prior, component.priors, "priors"),
            "lower bound": bounds[component.bound],
            "trains on rows with missing modalities": "yes" if component.supports_missing else "no",
            "needs labels": "yes" if component.needs_labels else "no",
        }
    if kind == "datasets":
        return {
            key: value for key, value in (("citation", component.citation), ("licence", component.licence)) if value
        }
    return {}


def _choice(default: str | None, names: tuple[str, ...] | None, kind: str) -> str:
    if default is None:
        return "none"
    if names is None:
        names = ("any of " + ", ".join(sorted({entry.name for entry in entries(kind)})),)
    return f"{default} by default; can be {', '.join(names)}"


def _show_recipe(name: str, as_json: bool) -> None:
    recipe = read_recipe(name).model_dump(exclude_unset=True)
    if as_json:
        show_json(recipe)
    else:
        console().print(f"recipe {name}\n\n{dump_yaml(recipe)}", highlight=False, markup=False)
