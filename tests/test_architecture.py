"""The house stands as docs/architecture.md says: imports run one way, files fit in the head, generated files are
current.
"""

import ast
import re
import tomllib
from pathlib import Path

import pytest
from packaging.requirements import Requirement

from mmgen.registry.families import FAMILIES
from mmgen.registry.installing import DISTRIBUTIONS

ROOT = Path(__file__).parents[1]
PLUGIN_FILES = sorted(ROOT.glob("*/*/mmgen_plugin_*/**/*.py"))
FLOORS = [
    {"errors", "lazy", "locks", "network", "processes"},
    {"options", "yaml_files", "memory", "optimizers", "bounds", "vision", "files", "screen"},
    {"distributions", "networks", "registry"},
    {"data"},
    {"models"},
    {"evaluation"},
    {"runs"},
    {"training"},
    {"cli", "sklearn"},
]
# Plugins that several commands or datasets are made of: their files may be longer.
TOOLS = {"compare", "report", "papers", "vision"}
ANYWHERE = {"testing", "__init__", "__main__"}  # testing may look at everything; nothing but tests may look at it


def imported(path):
    """Parts of mmgen that a file imports at its top level (imports inside functions are lazy on purpose, and checked
    too where they climb).
    """
    package = path.relative_to(ROOT / "mmgen").parts
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.ImportFrom) and node.level and not guarded_by_type_checking(path, node):
            base = package[: len(package) - node.level]
            target = [*base, *(node.module or "").split(".")] if node.module else list(base)
            if target and target[0]:
                yield target[0]
            elif node.module is None:
                yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and (node.module or "").startswith("mmgen."):
            yield node.module.split(".")[1]


def guarded_by_type_checking(path, node):
    for test in ast.walk(ast.parse(path.read_text())):
        if (
            isinstance(test, ast.If)
            and getattr(test.test, "id", "") == "TYPE_CHECKING"
            and test.lineno < node.lineno <= test.end_lineno
        ):
            return True
    return False


def floor(part):
    return next((number for number, parts in enumerate(FLOORS) if part in parts), None)


@pytest.mark.parametrize("path", sorted((ROOT / "mmgen").rglob("*.py")), ids=lambda path: str(path.relative_to(ROOT)))
def test_imports_run_one_way(path):
    own = path.relative_to(ROOT / "mmgen").parts[0].removesuffix(".py")
    if own in ANYWHERE:
        return
    for part in imported(path):
        assert part != "testing", f"{path} imports the testing tools"
        if part != own and part not in ANYWHERE:
            assert floor(part) is not None, f"{part} has no place in the house"
            assert floor(part) < floor(own), f"{own} imports {part}, which is not below it"


BEHIND = re.compile(r"\bmodel\.objective\b")  # what a model does is asked of the model


@pytest.mark.parametrize(
    "path",
    [*sorted((ROOT / "mmgen").rglob("*.py")), *PLUGIN_FILES],
    ids=lambda path: "/".join(path.relative_to(ROOT).parts),
)
def test_nobody_reaches_behind_the_model(path):
    place = path.relative_to(ROOT).parts[:2]
    if place not in (("mmgen", "models"), ("mmgen", "testing")):
        assert not BEHIND.search(path.read_text()), "ask the model: infers, posterior, options, …"


def required(folder):
    """The packages of the plugins that a distribution's metadata name as what it depends on."""
    project = tomllib.loads((folder / "pyproject.toml").read_text())["project"]
    names = [Requirement(text).name for text in project["dependencies"]]
    return {name.replace("-", "_") for name in names if name.startswith("mmgen-plugin-")}


@pytest.mark.parametrize("path", PLUGIN_FILES, ids=lambda path: "/".join(path.relative_to(ROOT).parts[2:]))
def test_plugins_are_short_and_use_public_names(path):
    text, own = path.read_text(), path.relative_to(ROOT).parts[2]
    longest = 300 if own.removeprefix("mmgen_plugin_") in TOOLS else 200
    assert len(text.splitlines()) <= longest, "a plugin's file fits in the head"
    there = {own, "mmgen", *required(ROOT.joinpath(*path.relative_to(ROOT).parts[:2]))}
    for node in ast.walk(ast.parse(text)):
        modules = [node.module or ""] if isinstance(node, ast.ImportFrom) and not node.level else []
        modules += [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
        for name in modules:
            words = name.split(".")
            if not words[0].startswith("mmgen"):
                continue
            assert words[0] in there, f"{path.name} imports {words[0]}, which its metadata do not name"
            asked = [*words, *(alias.name for alias in node.names if isinstance(node, ast.ImportFrom))]
            private = [word for word in asked if word.startswith("_")]
            assert words[0] == own or not private, f"{path.name} imports what is private: {name}"


def modules_of(folder):
    """The modules of a package by name, each with those that it imports at its top level or for type checkers."""
    found = {}
    for path in folder.rglob("*.py"):
        words = path.relative_to(folder.parent).with_suffix("").parts
        found[".".join(words[:-1] if words[-1] == "__init__" else words)] = path
    graph = {}
    for name, path in found.items():
        package = name.split(".") if path.name == "__init__.py" else name.split(".")[:-1]
        graph[name] = set()
        for node in top_level(ast.parse(path.read_text())):
            if not isinstance(node, ast.ImportFrom):
                continue
            base = package[: len(package) - node.level + 1] if node.level else []
            module = ".".join([*base, *(node.module.split(".") if node.module else [])])
            whole = [f"{module}.{alias.name}" for alias in node.names]
            targets = {each if each in found else module for each in whole}
            targets |= {
                above for each in targets for above in packages_above(each) if above not in packages_above(name)
            }
            graph[name] |= targets & (set(found) - {name})
    return graph


def packages_above(name):
    """The packages that are imported with a module."""
    words = name.split(".")
    return {".".join(words[:length]) for length in range(1, len(words))}


def top_level(node):
    """Statements that are executed when a module is imported, or seen by type checkers."""
    for child in ast.iter_child_nodes(node):
        if not isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda):
            yield child
            yield from top_level(child)


def circles(graph):
    """The sets of modules that import each other, directly or through others."""

    def reached(start):
        seen, todo = set(), [start]
        while todo:
            for each in graph[todo.pop()] - seen:
                seen.add(each)
                todo.append(each)
        return seen

    reach = {name: reached(name) for name in graph}
    groups = {frozenset(other for other in reach[name] if name in reach[other]) for name in graph}
    return [group for group in groups if group]


PACKAGES = [ROOT / "mmgen", *sorted(ROOT.glob("*/*/mmgen_plugin_*"))]


@pytest.mark.parametrize("folder", PACKAGES, ids=lambda folder: folder.name)
def test_no_circle_of_imports(folder):
    graph = modules_of(folder)
    graph.pop(folder.name, None)  # its lazy names are for those outside
    graph = {name: imports & set(graph) for name, imports in graph.items()}
    assert circles(graph) == []


def test_the_search_for_circles_finds_them():
    assert circles({"a": {"b"}, "b": {"c"}, "c": {"b"}, "d": {"a"}}) == [frozenset({"b", "c"})]


@pytest.mark.parametrize(
    "name",
    [
        "data/modality",
        "data/dataset",
        "data/batch",
        "models/aggregator",
        "models/prior",
        "models/objective",
        "evaluation/metric",
    ],
)
def test_interfaces_are_short(name):
    assert len((ROOT / "mmgen" / f"{name}.py").read_text().splitlines()) <= 180


def test_schemas_are_current():
    from mmgen.cli.schema import core_schemas, text

    made = {f"{name}.json": text(schema) for name, schema in core_schemas().items()}
    assert {path.name for path in (ROOT / "schemas").glob("*.json")} == set(made), "run 'make schemas'"
    for name, content in made.items():
        assert (ROOT / "schemas" / name).read_text() == content, f"{name} is not current: run 'make schemas'"


def test_every_option_of_every_component_has_a_description():
    from mmgen.registry import entries, listable
    from mmgen.registry.catalogue import describe

    for kind in listable():
        for entry in entries(kind):
            described = describe(entry)
            assert described["text"], entry.full_name
            for option in described["options"]:
                assert option["description"], option["option"]


def test_every_recipe_resolves():
    from mmgen.registry import recipes
    from mmgen.testing import check_recipe

    for name in recipes():
        check_recipe(name)


def test_torchvision_is_imported_in_one_place():
    for path in [*(ROOT / "mmgen").rglob("*.py"), *ROOT.glob("*/*/mmgen_plugin_*/**/*.py")]:
        for node in ast.walk(ast.parse(path.read_text())):
            names = [node.module or ""] if isinstance(node, ast.ImportFrom) and not node.level else []
            names += [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            assert not any(name.split(".")[0] == "torchvision" for name in names), (
                f"{path} imports it; mmgen.vision does that"
            )


def test_commands_know_every_distribution():
    folders = {path.parent.name for path in ROOT.glob("*/mmgen-plugin-*/pyproject.toml")}
    assert {"mmgen-core", *folders} == set(DISTRIBUTIONS)


def declared_objectives():
    """The distribution, name and file of every objective in the repository, and its class."""
    for project in [ROOT / "pyproject.toml", *sorted(ROOT.glob("*/*/pyproject.toml"))]:
        points = tomllib.loads(project.read_text())["project"].get("entry-points", {})
        for name, target in points.get("mmgen.objectives", {}).items():
            module, _, kind = target.partition(":")
            yield pytest.param(project.parent.joinpath(*module.split(".")).with_suffix(".py"), kind, id=name)


@pytest.mark.parametrize(("path", "kind"), list(declared_objectives()))
def test_an_objective_says_its_family_in_its_class(path, kind):
    (body,) = (node.body for node in ast.parse(path.read_text()).body if getattr(node, "name", None) == kind)
    assigned = [line for line in body if isinstance(line, ast.Assign) and isinstance(line.targets[0], ast.Name)]
    said = [line.value.value for line in assigned if line.targets[0].id == "family"]
    assert said and said[0] in FAMILIES, "lists read the family of an objective from the literal in its class"
