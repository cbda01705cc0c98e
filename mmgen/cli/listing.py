"""``mmgen list`` and ``mmgen plugins``."""

from __future__ import annotations

import os

from ..registry.catalogue import RECIPES, by_family, list_installed, list_plugins
from ..registry.families import FAMILIES
from ..registry.namesakes import namesakes
from ..screen import console, show, show_json


def list_command(kind: str | None, as_json: bool) -> None:
    """Everything installed but recipes, or one kind; objectives by family. Nothing is imported."""
    installed = list_installed(kind)
    if as_json:
        show_json(installed)
        return
    for title, items in installed.items():
        if title == "objectives":
            for family, members in by_family(items).items():
                _show(f"objectives: {family}", FAMILIES.get(family, ""), members)
        elif title != RECIPES or kind == RECIPES:
            _show(title, "", items)
    if kind in (None, "objectives"):
        say = ["mmgen info FAMILY compares the objectives of a family, mmgen info NAME describes one thing."]
        if kind is None:
            say.append(f"{len(installed[RECIPES])} recipes: mmgen list recipes.")
        console().print(" ".join(say), highlight=False, markup=False)


def _show(title: str, says: str, items: list[dict[str, str]]) -> None:
    """A table, with full names where several things have one name."""
    names = [item["name"] for item in items]
    rows = [
        [item["full_name"] if names.count(item["name"]) > 1 else item["name"], item["summary"], item["distribution"]]
        for item in items
    ]
    show(f"{title}. {says}" if says else title, ["name", "what it is", "from"], rows)


def plugins_command(as_json: bool) -> None:
    """Every distribution with what it declares; each component is imported, so that broken ones show."""
    plugins = list_plugins()
    if as_json:
        show_json(plugins)
        return
    screen = console()
    for sentence in namesakes():
        screen.print(sentence, highlight=False)
    rows = [
        [
            plugin["distribution"],
            plugin["version"],
            _by_kind(plugin["provides"]),
            "broken" if plugin["broken"] else "ok",
        ]
        for plugin in plugins
    ]
    show("plugins", ["distribution", "version", "provides", "state"], rows)
    for reason in (reason for plugin in plugins for reason in plugin["broken"]):
        screen.print(f"Broken: {reason}", highlight=False)
    allowed = os.environ.get("MMGEN_LOAD_PLUGINS")
    if allowed is not None:
        screen.print(f"MMGEN_LOAD_PLUGINS={allowed}: other plugins are not shown and not loaded.", highlight=False)


def _by_kind(provides: list[str]) -> str:
    """``objectives: a, b; datasets: c``."""
    names_of: dict[str, list[str]] = {}
    for item in provides:
        kind, _, name = item.partition(": ")
        names_of.setdefault(kind, []).append(name)
    return "; ".join(f"{kind}: {', '.join(names)}" for kind, names in names_of.items())
