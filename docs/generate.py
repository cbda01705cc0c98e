"""The pages of the site that are made from what is installed: components from their docstrings and options, commands,
and the reference of public names.

:func:`pages` returns all of them as text by name, relative to ``docs/generated``; ``extension.py`` writes them before
Sphinx reads anything. What a docstring says is said nowhere else, so a page cannot contradict its component. Docstrings
are reStructuredText, and so are these pages; those that repeat a Markdown file of the repository are Markdown.
"""

from __future__ import annotations

import inspect
import re
from collections.abc import Iterable, Mapping, Sequence
from functools import lru_cache
from importlib import import_module
from pathlib import Path, PurePosixPath
from typing import Annotated, Any, get_args, get_origin

import typer
from pydantic import BaseModel

from mmgen.cli.app import app
from mmgen.errors import MmgenError
from mmgen.models import ModelConfig
from mmgen.optimizers import optimizers
from mmgen.options import type_in_words
from mmgen.registry import KINDS, Entry, brief, entries, load_entry, recipes, singular
from mmgen.registry.catalogue import by_family, describe
from mmgen.registry.components import family
from mmgen.registry.families import FAMILIES
from mmgen.runs import Stage, TrainingConfig
from mmgen.runs.config import Recipe, RunConfig, read_recipe
from mmgen.runs.optimizer_config import Group, options_of
from mmgen.runs.schedules import SCHEDULES

ROOT = Path(__file__).parents[1]
REPOSITORY = "https://github.com/mmgen-core/mmgen"
PACKAGES = (
    "models",
    "data",
    "distributions",
    "networks",
    "evaluation",
    "testing",
)  # of mmgen, each with a page of the reference
TOOLS = (
    "mmgen_plugin_compare",
    "mmgen_plugin_report",
    "mmgen_plugin_papers",
    "mmgen_plugin_vision",
)  # plugins that others may import
PLACES = ("plugins", "contrib")  # of distributions that have a page
REFERENCE = ("mmgen", *(f"mmgen.{name}" for name in PACKAGES), "mmgen.sklearn", *TOOLS)
OWN_PAGES = ("objectives", "datasets")  # kinds whose components have a page each; the others share one
SAID = {
    "objectives": "An objective is what a training maximises: the method. Any of them trains on any dataset whose "
    "rows it can use.",
    "aggregators": "An aggregator makes one posterior out of those of single modalities. `--aggregator NAME` chooses "
    "one, `--set aggregator.OPTION=…` sets its options.",
    "priors": "What the posterior is held close to, and what is sampled where nothing is given. `--prior NAME` "
    "chooses one, `--set prior.OPTION=…` sets its options.",
    "modalities": "The kinds of measurement. A dataset says which it has; `--set modalities.NAME.OPTION=…` changes "
    "one, with `all` for the name every one.",
    "likelihoods": "How values scatter around what a decoder makes of z. `likelihood: NAME`, or a mapping of `name` "
    "and options, in the fields of a modality; `--set modalities.NAME.likelihood.OPTION=…` sets one option.",
    "samplers": "Densities that are fitted to the latents of training rows after training, to draw from where "
    "nothing is given. `mmgen generate RUN --sampler NAME`, `mmgen evaluate RUN --sampler NAME`; `--set "
    "sampler.OPTION=…` sets options.",
    "datasets": "Every dataset works as it is: official files are read where there are any, otherwise data are "
    "simulated or stand in, which every result then says.",
    "formats": "What reads the files of one's own table: the ending of a file chooses its format. How text is written "
    "(separator, decimal sign, …) are options of the dataset `table`.",
    "metrics": "`mmgen evaluate` computes these on held-out rows; `--metrics` names some, `--set "
    "metrics.NAME.OPTION=…` sets options.",
}
LINK = re.compile(r"(?<=\]\()([^)\s#]+)(#[^)\s]*)?(?=\))")


def pages() -> dict[str, str]:
    """All generated pages: path below ``docs/generated`` to content."""
    made = {
        "commands.rst": _commands(),
        "configuration.rst": _configuration(),
        "contributing.md": copied("CONTRIBUTING.md"),
        "front.md": front(),
    }
    for kind in KINDS:
        made |= _kind(kind)
    for readme in sorted(readme for place in PLACES for readme in ROOT.glob(f"{place}/*/README.md")):
        made[f"plugins/{readme.parent.name}.md"] = copied(str(readme.relative_to(ROOT)))
    made["plugins/index.rst"] = _index(
        "Plugins",
        "One distribution each, in plugins/ (installed with the repository) and contrib/ (when somebody wants it): "
        "what it has, where its data come from, how it was tested.",
        "*",
    )
    for package in REFERENCE:
        made[f"api/{package}.rst"] = reference(package)
    made["api/index.rst"] = _index(
        "Python",
        "The public names. Plugins use these and nothing else; what is not here may change without a word.",
        *REFERENCE,
    )
    return made


# Components


def _kind(kind: str) -> dict[str, str]:
    """The pages of one kind of component."""
    title = kind.capitalize()
    if kind in OWN_PAGES:
        made = {f"{kind}/{entry.name}.rst": _component(entry, "=") for entry in entries(kind)}
        rows = [
            (f":doc:`{entry.name}`", escaped(_first_line(entry)), f":doc:`/generated/plugins/{entry.distribution}`")
            for entry in entries(kind)
        ]
        rows = [
            (name, line, "the core" if entry.distribution == "mmgen-core" else plugin)
            for (name, line, plugin), entry in zip(rows, entries(kind))
        ]
        columns = {"widths": (20, 55, 25), "kind": "stacked"}
        listing = table(("name", "what it is", "plugin"), rows, **columns)
        if kind == "objectives":
            families = by_family([{"family": family(entry), "place": str(k)} for k, entry in enumerate(entries(kind))])
            sections = [".. figure:: /images/families.svg\n   :alt: Ten panels, one of each family\n   :width: 100%"]
            for name, members in families.items():
                own = [rows[int(each["place"])] for each in members]
                sections += [heading(name.replace("-", " ").capitalize(), "-"), escaped(FAMILIES.get(name, ""))]
                sections.append(table(("name", "what it is", "plugin"), own, **columns))
            listing = "\n\n".join(sections)
        return {**made, f"{kind}/index.rst": _index(title, SAID[kind], "*", listing=listing)}
    parts = [heading(title, "="), escaped(SAID[kind]), *(_component(entry, "-") for entry in entries(kind))]
    return {f"{kind}.rst": "\n\n".join(parts) + "\n"}


def _first_line(entry: Entry) -> str:
    return brief(inspect.getdoc(load_entry(entry)))


def _component(entry: Entry, underline: str) -> str:
    """One component: docstring, facts, options, recipes."""
    component, said = load_entry(entry), describe(entry)
    label = f".. _{singular(entry.kind)}-{entry.name}:"
    parts = [label, heading(entry.name, underline), plain_bars(said["text"])]
    facts = {**said["facts"], "installed by": entry.distribution}
    if entry.kind == "metrics":
        facts |= {"measures in summaries": ", ".join(component.headline)}
    parts.append(table((), [(escaped(name), escaped(str(value))) for name, value in facts.items()], widths=(35, 65)))
    if entry.kind == "datasets":
        parts.append(_modalities(component))
    if said["options"]:
        config = component if entry.kind == "modalities" else component.Config
        where = said["options"][0]["option"].rpartition(".")[0]
        parts += [".. rubric:: Options", _fields(config, f"{where}.")]
    if entry.kind in OWN_PAGES:
        parts.append(_recipes(singular(entry.kind), entry.name))
    if entry.kind == "objectives":
        parts.append(_see_also(entry))
    return "\n\n".join(part for part in parts if part) + "\n"


def _see_also(entry: Entry) -> str:
    """The rest of an objective's family, and where methods are chosen and compared."""
    others = [
        f":doc:`{each.name}`" for each in entries("objectives") if family(each) == family(entry) and each != entry
    ]
    said = [f"The others of its family, {family(entry).replace('-', ' ')}: {', '.join(others)}."] if others else []
    said.append(":doc:`All objectives <index>`, and :doc:`how to compare them </compare>`.")
    return f".. seealso::\n\n   {' '.join(said)}"


def _modalities(component: Any) -> str:
    """What a dataset has with its default options; nothing where it has no defaults."""
    try:
        modalities = component(component.Config()).modalities()
    except (MmgenError, ValueError):
        return ""
    rows = [
        (
            literal(name),
            literal(type(m).__name__.removesuffix("Modality").lower()),
            literal("×".join(map(str, m.shape))),
            literal(getattr(m, "likelihood", "–")),
        )
        for name, m in modalities.items()
    ]
    return ".. rubric:: Modalities\n\n" + table(("name", "kind", "shape", "likelihood"), rows)


def _recipes(section: str, name: str) -> str:
    """The recipes that name a component."""
    rows = [
        (literal(called), escaped(one.description), escaped(one.source))
        for called, one in all_recipes().items()
        if getattr(one, section).get("name") == name
    ]
    if not rows:
        return ""
    columns = ("``--recipe …``", "what it is", "source")
    return folded(f"Recipes ({len(rows)})", table(columns, rows, widths=(26, 37, 37), kind="stacked"))


@lru_cache(maxsize=1)
def all_recipes() -> dict[str, Recipe]:
    """Every recipe, with what it extends filled in."""
    known = recipes()
    return {name: read_recipe(name) for name in known}


# Commands and configuration


def _commands() -> str:
    """The reference of the command line, from the application itself."""
    command: Any = typer.main.get_command(app)
    whole = typer.Context(command)
    parts = [
        heading("Commands", "="),
        escaped(command.help),
        "Every error that can be put right is one sentence and exit code 2; ``mmgen --debug …`` shows where it came "
        "from.",
    ]
    for name in command.list_commands(whole):
        sub = command.get_command(whole, name)
        parts += [f".. _command-{name}:", heading(f"mmgen {name}", "-"), escaped(inspect.cleandoc(sub.help or ""))]
        arguments = [p for p in sub.params if p.param_type_name == "argument"]
        usage = " ".join(["mmgen", name, "[OPTIONS]", *((p.metavar or p.name.upper()) for p in arguments)])
        parts.append(f".. code-block:: text\n\n   {usage}")
        context = sub.make_context(name, [], resilient_parsing=True)
        rows = [(_option(p, context), escaped(p.help or ""), _default(p)) for p in sub.params]
        parts.append(table(("option", "meaning", "default"), rows, widths=(30, 55, 15), kind="stacked") if rows else "")
    return "\n\n".join(part for part in parts if part) + "\n"


def _option(parameter: Any, context: Any) -> str:
    if parameter.param_type_name == "argument":
        return literal(parameter.metavar or parameter.name.upper())
    return literal(parameter.get_help_record(context)[0])


def _default(parameter: Any) -> str:
    value = parameter.default
    if parameter.required:
        return "required"
    return literal(str(value)) if value not in (None, [], ()) and not (parameter.is_flag and value is False) else ""


def _configuration() -> str:
    """Everything that a configuration file, a recipe or ``--set`` can say outside components."""
    parts = [
        heading("Configuration", "="),
        "A configuration has the sections of a run's ``config.yaml``. What recipes and ``mmgen train --config FILE`` "
        "say, ``--set section.key=value`` says on the command line. Weakest first: the defaults of the dataset, of "
        "the objective, the recipe, the file, ``--set``, the options of the command. The options of components are "
        "on their pages. ``mmgen schema`` prints JSON Schemas of all of it.",
    ]
    for title, model, prefix in (
        ("Sections", RunConfig, ""),
        ("model", ModelConfig, "model."),
        ("training", TrainingConfig, "training."),
        *(
            (f"training.schedule: {name}", schedule, "")
            for name, schedule in SCHEDULES.items()
            if len(schedule.model_fields) > 1
        ),
        ("training.groups", Group, ""),
        ("training.stages", Stage, ""),
        ("Recipes", Recipe, ""),
    ):
        left_out = RunConfig.model_fields if model is Recipe else ("name",) if model in SCHEDULES.values() else ()
        parts += [heading(title, "-"), _fields(model, prefix, left_out)]
        if model is TrainingConfig:
            parts += [heading("training.optimizer", "-"), _optimizers()]
        if model is Recipe:
            parts.append(
                "A recipe is a file ``recipes/OBJECTIVE-DATASET-SCALE.yaml`` of a plugin, or ``DATASET-SCALE.yaml``, "
                "which names no objective and is taken for those that have none of their own: the sections above, and "
                "these keys."
            )
    return "\n\n".join(parts) + "\n"


def _optimizers() -> str:
    rows = [
        (literal(name), ", ".join(literal(f"{option}: {value}") for option, value in options_of(name)()))
        for name in optimizers()
    ]
    return table(("name", "options and their defaults, as torch.optim has them"), rows, widths=(15, 85))


def _fields(model: type[BaseModel], prefix: str = "", left_out: Iterable[str] = ()) -> str:
    rows = []
    for name, field in model.model_fields.items():
        if name not in left_out:
            kind = type_in_words(field.annotation)
            value = None if field.is_required() else field.get_default(call_default_factory=True)
            default = "required" if field.is_required() else str(getattr(value, "name", value))
            rows.append((literal(prefix + name), literal(kind), literal(default), escaped(field.description or "")))
    return table(("option", "type", "default", "meaning"), rows, widths=(22, 18, 12, 48), kind="options")


# The reference of public names


def public(package: str) -> dict[str, Any]:
    """The public names of a package and what they are; of ``mmgen`` those that no other page of the reference has."""
    module = import_module(package)
    found = {name: getattr(module, name) for name in module.__all__}
    elsewhere = (
        {name for sub in PACKAGES for name in import_module(f"mmgen.{sub}").__all__} if package == "mmgen" else set()
    )
    return {name: value for name, value in sorted(found.items()) if name not in elsewhere}


def members(value: Any) -> dict[str, Any]:
    """The public methods and properties that a class defines itself."""
    if not inspect.isclass(value):
        return {}
    callables = (staticmethod, classmethod, property)
    return {
        n: m
        for n, m in vars(value).items()
        if not n.startswith("_") and (inspect.isfunction(m) or isinstance(m, callables))
    }


def reference(package: str) -> str:
    """One page of the reference."""
    module = import_module(package)
    names = public(package)
    others = [name for name in sorted(module.__all__) if name not in names]
    parts = [heading(package, "="), inspect.getdoc(module) or "", f".. py:module:: {package}"]
    if others:
        home = {name: sub for sub in PACKAGES for name in import_module(f"mmgen.{sub}").__all__ if name in others}
        parts.append(
            "``mmgen`` also has the names that are used most, from the packages below: "
            + ", ".join(f":py:obj:`~mmgen.{home[name]}.{name}`" for name in others)
            + "."
        )
    parts += [_entry(f"{package}.{name}", value) for name, value in names.items()]
    if package == "mmgen":
        parts += [
            heading("Hooks", "-"),
            "What a behaviour plugin may implement, each function marked with ``mmgen.hookimpl``; take only the "
            "arguments you need.",
        ]
        hooks = import_module("mmgen.registry.hookspecs")
        parts += [
            f".. autofunction:: mmgen.registry.hookspecs.{name}" for name in vars(hooks) if name.startswith("mmgen_")
        ]
    return "\n\n".join(part for part in parts if part) + "\n"


def _entry(name: str, value: Any) -> str:
    """One public thing: a class or function from its docstring, a table of names or a union of types from what it
    holds.
    """
    if inspect.isclass(value):
        return f".. auto{'exception' if issubclass(value, Exception) else 'class'}:: {name}"
    if inspect.isroutine(value) or hasattr(value, "__wrapped__"):
        return f".. autofunction:: {name}"
    if isinstance(value, Mapping):
        said = f"By name: {', '.join(literal(key) for key in value)}."
    elif get_origin(value) is Annotated:
        said = f"A {type_in_words(value)}, checked where an option is read."
    elif get_args(value):
        classes = {
            part: f":py:class:`~{part.__module__}.{part.__qualname__}`"
            for part in get_args(value)
            if inspect.isclass(part)
        }
        said = f"One of {', '.join(classes.get(part) or literal(repr(part)) for part in get_args(value))}."
    elif callable(value):
        said = escaped(brief(inspect.getdoc(type(value))))
    else:
        raise TypeError(f"{name} is public, and {type(value).__name__} is nothing that the reference can describe")
    return f".. py:data:: {name.rpartition('.')[2]}\n\n   {said}"


# Markdown of the repository


def copied(path: str) -> str:
    """A Markdown file of the repository as a page, with links that lead within the site where they can."""
    return relinked((ROOT / path).read_text(encoding="utf-8"), PurePosixPath(path).parent)


def front() -> str:
    """What the site's first page shares with the README: what is above its first heading, and the methods' table."""
    sections = re.split(r"^## ", copied("README.md"), flags=re.MULTILINE)
    above = sections[0].partition("\n")[2]
    (methods,) = (each for each in sections if each.startswith("Which method for what"))
    return f"{above}\n## {methods}"


def relinked(text: str, folder: PurePosixPath) -> str:
    """Relative links of a Markdown text as links of the site.

    Args:
        text: As it is in the repository, where its links work on a code host.
        folder: Where it lies in the repository.
    """

    def replaced(match: re.Match[str]) -> str:
        link, anchor = match[1], match[2] or ""
        if re.match(r"[a-z]+:|/", link):
            return match[0]
        return (site_page((ROOT / folder / link).resolve()) or link) + anchor

    pieces = re.split(r"(^```.*?^```$)", text, flags=re.DOTALL | re.MULTILINE)
    return "".join(piece if number % 2 else LINK.sub(replaced, piece) for number, piece in enumerate(pieces))


def site_page(path: Path) -> str | None:
    """Where the site has a file or folder of the repository: a page, a picture, or the repository itself; None for what
    does not exist.
    """
    if not path.exists() or not path.is_relative_to(ROOT):
        return None
    inside = path.relative_to(ROOT)
    plugin = inside.parts[0] in PLACES and len(inside.parts) > 1 and inside.parts[2:] in ((), ("README.md",))
    if plugin:
        return f"/generated/plugins/{inside.parts[1]}.md"
    if inside == Path("CONTRIBUTING.md"):
        return "/generated/contributing.md"
    if inside == Path("README.md"):
        return "/index.md"
    if inside.parts[:2] == ("docs", "tutorials"):
        return f"/generated/tutorials/{path.stem if path.suffix == '.py' else 'index'}.rst"
    if inside.parts[0] == "docs" and path.suffix in (".md", ".png", ".svg"):
        return "/" + inside.relative_to("docs").as_posix()
    return f"{REPOSITORY}/{'tree' if path.is_dir() else 'blob'}/main/{inside.as_posix()}"


# reStructuredText


def heading(text: str, underline: str) -> str:
    """A title; ``underline`` is the sign that says of which level."""
    return f"{text}\n{underline * len(text)}"


def escaped(text: str) -> str:
    """Plain text as reStructuredText; what is between backticks is a literal."""
    pieces = re.split(r"(``?[^`]+``?)", " ".join(str(text).split()))
    return "".join(
        f"``{piece.strip('`')}``" if number % 2 else re.sub(r"([\\*|_])", r"\\\1", piece)
        for number, piece in enumerate(pieces)
    )


def plain_bars(text: str) -> str:
    """A docstring in which bars around S are the size of S, and no substitution."""
    return re.sub(r"(?<![\w`\\])\|([^|`\s]+)\|", r"\\|\1\\|", text)


def literal(text: str) -> str:
    """A literal, or nothing."""
    return f"``{text}``" if str(text).strip() else ""


def folded(title: str, content: str) -> str:
    """What is shown when its title is clicked."""
    opening, closing = f"<details><summary>{title}</summary>", "</details>"
    return f".. raw:: html\n\n   {opening}\n\n{content}\n\n.. raw:: html\n\n   {closing}"


def table(
    columns: Sequence[str], rows: Sequence[Sequence[str]], widths: Sequence[int] | None = None, kind: str = ""
) -> str:
    """A table of cells that are reStructuredText already; without headings of columns, the first cell of a row is its
    heading. The style sheet knows the kinds ``options`` and ``stacked``.
    """
    head = ["   :header-rows: 1"] if columns else ["   :stub-columns: 1"]
    head += [f"   :class: {kind}"] if kind else []
    lines = [".. list-table::", *head, *([f"   :widths: {' '.join(map(str, widths))}"] if widths else []), ""]
    for row in ([columns] if columns else []) + list(rows):
        lines += [f"   {'* -' if number == 0 else '  -'} {cell}" for number, cell in enumerate(row)]
    return "\n".join(lines)


def _index(title: str, text: str, *documents: str, listing: str = "") -> str:
    """A page above others."""
    hidden = ["   :hidden:"] if listing else []
    glob = ["   :glob:"] if "*" in documents else []
    toctree = "\n".join(
        [".. toctree::", "   :maxdepth: 1", *glob, *hidden, "", *(f"   {document}" for document in documents)]
    )
    return "\n\n".join(part for part in (heading(title, "="), escaped(text), listing, toctree) if part) + "\n"
