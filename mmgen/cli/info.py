"""``mmgen info``."""

from __future__ import annotations

from ..registry.catalogue import describe, find_described
from ..runs.config import read_recipe
from ..screen import console, show, show_json
from ..yaml_files import dump_yaml


def command(name: str, as_json: bool) -> None:
    """Describe the component or recipe called ``name``."""
    thing = find_described(name)
    if isinstance(thing, str):
        _show_recipe(thing, as_json)
        return
    description = describe(thing)
    if as_json:
        show_json(description)
        return
    screen = console()
    head = f"{description['kind']} {description['name']}  ({description['distribution']})\n"
    facts = [f"{fact}: {value}" for fact, value in description["facts"].items()]
    for text in (head, description["text"] + "\n", *facts):
        screen.print(text, highlight=False, markup=False)
    if description["options"]:
        columns = ["option", "type", "default", "description"]
        show("", columns, [[option[column] for column in columns] for option in description["options"]])


def _show_recipe(name: str, as_json: bool) -> None:
    recipe = read_recipe(name).model_dump(exclude_unset=True)
    if as_json:
        show_json(recipe)
    else:
        console().print(f"recipe {name}\n\n{dump_yaml(recipe)}", highlight=False, markup=False)
