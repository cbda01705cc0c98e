"""``mmgen info``."""

from __future__ import annotations

from typing import Any, get_type_hints

from ..options import type_in_words
from ..registry import Entry, load_entry
from ..registry.catalogue import compare_family, describe, find_described, find_family
from ..runs.config import read_recipe
from ..screen import console, show, show_json
from ..yaml_files import dump_yaml
from .commands import built


def command(name: str, as_json: bool) -> None:
    """Describe the component, command or recipe called ``name``, or compare the objectives of a family."""
    family = find_family(name)
    if family is not None:
        _show_family(family, as_json)
        return
    thing = find_described(name)
    if isinstance(thing, str):
        _show_recipe(thing, as_json)
        return
    description = _describe_command(thing) if thing.kind == "commands" else describe(thing)
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


def _describe_command(entry: Entry) -> dict[str, Any]:
    """A command as :func:`~mmgen.registry.catalogue.describe` describes a component: its usage is a fact, its arguments
    and options are options.
    """
    function = load_entry(entry)
    parameters, types = built(entry.name, function).params, get_type_hints(function)
    options = [
        {
            "option": _written(parameter),
            "type": type_in_words(types[parameter.name]),
            "default": "required" if parameter.required else str(parameter.default),
            "description": parameter.help or "",
        }
        for parameter in parameters
    ]
    arguments = [_written(parameter) for parameter in parameters if parameter.param_type_name == "argument"]
    return {
        **describe(entry),
        "facts": {"usage": " ".join(["mmgen", entry.name, "[OPTIONS]", *arguments])},
        "options": options,
    }


def _written(parameter: Any) -> str:
    """An argument or option of a command, as it is written."""
    if parameter.param_type_name == "argument":
        return parameter.metavar or parameter.name.upper()
    return ", ".join([*parameter.opts, *parameter.secondary_opts])


def _show_recipe(name: str, as_json: bool) -> None:
    recipe = read_recipe(name).model_dump(exclude_unset=True)
    if as_json:
        show_json(recipe)
    else:
        console().print(f"recipe {name}\n\n{dump_yaml(recipe)}", highlight=False, markup=False)


def _show_family(name: str, as_json: bool) -> None:
    """A row for each objective; broken ones with the reason below."""
    compared = compare_family(name)
    if as_json:
        show_json(compared)
        return
    members = [member for member in compared["members"] if "broken" not in member]
    console().print(f"family {name}\n\n{compared['text']}\n", highlight=False, markup=False)
    if members:
        columns = list(members[0])
        show("", columns, [[member[column] for column in columns] for member in members])
    for member in compared["members"]:
        if "broken" in member:
            console().print(f"Broken: {member['broken']}", highlight=False, markup=False)
