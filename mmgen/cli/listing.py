"""``mmgen list`` and ``mmgen plugins``."""

from __future__ import annotations

import os
import warnings
from typing import Any

from ..errors import MmgenError, PluginError, listed, nearest
from ..registry import Entry, declared_files, entries, listable, load_entry, summary
from ..registry.namesakes import namesakes
from ..screen import console, show, show_json
from ..yaml_files import read_mapping


def list_command(kind: str | None, as_json: bool) -> None:
    """Everything installed, or one kind; nothing is imported."""
    known = (*listable(), "recipes")
    if kind is not None and kind not in known:
        raise MmgenError(f"There is no kind {kind!r}; there are {listed(known)}{nearest(kind, known)}.")
    found: dict[str, list[dict[str, Any]]] = {}
    for each in known if kind is None else (kind,):
        found[each] = _recipes() if each == "recipes" else [_described(entry) for entry in entries(each)]
    if as_json:
        show_json(found)
        return
    for each, items in found.items():
        several = {item["name"] for item in items if [other["name"] for other in items].count(item["name"]) > 1}
        rows = [
            [item["full_name"] if item["name"] in several else item["name"], item["summary"], item["distribution"]]
            for item in items
        ]
        show(each, ["name", "what it is", "from"], rows)


def _described(entry: Entry) -> dict[str, Any]:
    return {
        "name": entry.name,
        "full_name": entry.full_name,
        "summary": summary(entry),
        "distribution": f"{entry.distribution} {entry.version}",
    }


def _recipes() -> list[dict[str, Any]]:
    """Recipes by name, with the first line of their description."""
    items = []
    for entry, path in declared_files("recipes"):
        try:
            description = str(read_mapping(path).get("description", ""))
        except MmgenError:
            description = "(cannot be read)"
        where = f"{entry.distribution} {entry.version}"
        items.append({"name": path.stem, "full_name": path.stem, "summary": description, "distribution": where})
    return items


def plugins_command(as_json: bool) -> None:
    """Every distribution with what it declares; each component is imported, so that broken ones show."""
    found: dict[tuple[str, str], dict[str, Any]] = {}
    papers: dict[str, list[str]] = {}
    for entry, path in declared_files("papers"):
        papers.setdefault(entry.full_name, []).append(path.stem)
    for kind in (*listable(), "openers", "hooks", "recipes", "papers"):
        for entry in entries(kind):
            key = (entry.distribution, entry.version)
            plugin = found.setdefault(key, {"distribution": key[0], "version": key[1], "provides": [], "broken": []})
            names = papers.get(entry.full_name, []) if kind == "papers" else [entry.name]
            plugin["provides"] += [f"{kind}: {name}" for name in names]
            reason = None if kind in ("recipes", "papers") else _broken(entry)
            if reason:
                plugin["broken"].append(reason)
    if as_json:
        show_json(list(found.values()))
        return
    for sentence in namesakes():
        console().print(sentence, highlight=False)
    rows = [
        [p["distribution"], p["version"], _grouped(p["provides"]), "broken" if p["broken"] else "ok"]
        for p in found.values()
    ]
    show("plugins", ["distribution", "version", "provides", "state"], rows)
    for plugin in found.values():
        for reason in plugin["broken"]:
            console().print(f"Broken: {reason}", highlight=False)
    if os.environ.get("MMGEN_LOAD_PLUGINS") is not None:
        console().print(
            f"MMGEN_LOAD_PLUGINS={os.environ['MMGEN_LOAD_PLUGINS']}: other plugins are not shown and not loaded.",
            highlight=False,
        )


def _broken(entry: Entry) -> str | None:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            if entry.kind == "hooks":
                entry.point.load()
            else:
                load_entry(entry)
    except PluginError as error:
        return str(error)
    except Exception as error:
        return f"{entry.distribution} {entry.version}: {type(error).__name__}: {error}"
    return None


def _grouped(provides: list[str]) -> str:
    """``objectives: a, b; datasets: c``."""
    groups: dict[str, list[str]] = {}
    for item in provides:
        kind, _, name = item.partition(": ")
        groups.setdefault(kind, []).append(name)
    return "; ".join(f"{kind}: {', '.join(names)}" for kind, names in groups.items())
