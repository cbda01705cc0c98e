"""The house stands as docs/architecture.md says: imports run one way, files fit in the head, generated files are current."""

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
FLOORS = [
    {"errors", "lazy"},
    {"options", "yaml_files", "memory", "optimizers", "bounds"},
    {"distributions", "networks", "registry"},
    {"data"},
    {"models"},
    {"runs"},
    {"training", "evaluation"},
    {"comparison", "reports"},
    {"reproduction"},
    {"cli"},
]
ANYWHERE = {"testing", "__init__", "__main__"}  # testing may look at everything; nothing but tests may look at it


def imported(path):
    """Parts of mmgen that a file imports at its top level (imports inside functions are lazy on purpose, and checked too where they climb)."""
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
        if isinstance(test, ast.If) and getattr(test.test, "id", "") == "TYPE_CHECKING" and test.lineno < node.lineno <= test.end_lineno:
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


@pytest.mark.parametrize("path", sorted(ROOT.glob("*/*/mmgen_plugin_*/**/*.py")), ids=lambda path: path.name)
def test_plugins_are_short_and_use_public_names(path):
    text = path.read_text()
    assert len(text.splitlines()) <= 150, "a plugin's file fits in the head"
    own = path.relative_to(ROOT).parts[2]
    for node in ast.walk(ast.parse(text)):
        names = [node.module] if isinstance(node, ast.ImportFrom) and not node.level else []
        names += [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
        for name in names:
            first = (name or "").split(".")[0]
            assert not first.startswith("mmgen_plugin_") or first == own, f"{path.name} imports another plugin"
            assert not any(part.startswith("_") for part in (name or "").split(".") if name != "__future__"), f"{name} is private"


@pytest.mark.parametrize(
    "name", ["data/modality", "data/dataset", "data/batch", "models/aggregator", "models/prior", "models/objective", "evaluation/metric"]
)
def test_interfaces_are_short(name):
    assert len((ROOT / "mmgen" / f"{name}.py").read_text().splitlines()) <= 150


def test_schemas_are_current():
    from mmgen.cli.schema import core_schemas, text

    made = {f"{name}.json": text(schema) for name, schema in core_schemas().items()}
    assert {path.name for path in (ROOT / "schemas").glob("*.json")} == set(made), "run 'make schemas'"
    for name, content in made.items():
        assert (ROOT / "schemas" / name).read_text() == content, f"{name} is not current: run 'make schemas'"


def test_every_option_of_every_component_has_a_description():
    from mmgen.cli.info import describe
    from mmgen.registry import KINDS, entries

    for kind in KINDS:
        for entry in entries(kind):
            described = describe(entry)
            assert described["text"], entry.full_name
            for option in described["options"]:
                assert option["description"], option["option"]


def test_every_recipe_resolves():
    from mmgen.registry import load
    from mmgen.runs import TrainingConfig, layered, recipes
    from mmgen.runs.config import read_recipe

    for name in recipes():
        recipe = read_recipe(name)
        assert name == f"{recipe.objective['name']}-{recipe.dataset['name']}-{recipe.scale}", "recipes are named OBJECTIVE-DATASET-SCALE"
        config = layered(recipe=name)
        TrainingConfig.model_validate(config["training"])
        for section, kind in (("objective", "objectives"), ("dataset", "datasets")):
            options = dict(config[section])
            load(kind, options.pop("name")).Config.model_validate(options)


def test_torchvision_is_imported_in_one_place():
    for path in [*(ROOT / "mmgen").rglob("*.py"), *ROOT.glob("*/*/mmgen_plugin_*/**/*.py")]:
        for node in ast.walk(ast.parse(path.read_text())):
            names = [node.module or ""] if isinstance(node, ast.ImportFrom) and not node.level else []
            names += [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            assert not any(name.split(".")[0] == "torchvision" for name in names), f"{path} imports it; mmgen.data.sources.vision does that"
