"""A plugin that ends Python, lacks its options, fails, or has the name of another is named, and costs nothing else."""

import re
import sys

import pytest

from mmgen import MmgenError, PluginError, load_run
from mmgen.registry import find_recipe_file, load, recipes
from mmgen.registry.blame import culprit_of
from mmgen.registry.catalogue import list_plugins
from mmgen.registry.hooks import Hooks, HookWarning
from mmgen.runs import find_recipe
from mmgen.runs.config import read_recipe
from mmgen.testing import toy_run

QUITS = "import sys\nsys.exit(0)\n"
OBJECTIVE = '''from mmgen.models import ELBO

class Mine(ELBO):
    """Mine."""
{body}
'''
FAILS = "    def terms(self, model, batch):\n        raise ValueError('in terms')\n"


def broken(name):
    return next(plugin["broken"] for plugin in list_plugins() if plugin["distribution"] == name)


def test_hooks_that_end_python_when_they_are_imported_are_reported_and_left_out(install):
    install("mmgen-plugin-quits", {"mmgen": {"q": "quits_hooks"}}, {"quits_hooks": QUITS})
    with pytest.warns(HookWarning, match="mmgen-plugin-quits:q cannot be imported: SystemExit: 0"):
        Hooks()
    assert broken("mmgen-plugin-quits") == ["The plugin mmgen-plugin-quits:q cannot be imported: SystemExit: 0."]


def test_hooks_that_fit_no_specification_are_broken(install):
    source = "from mmgen import hookimpl\n@hookimpl\ndef mmgen_epoch_end(no_such_argument): pass\n"
    install("mmgen-plugin-odd", {"mmgen": {"o": "odd_hooks"}}, {"odd_hooks": source})
    assert "does not fit the hook specifications" in broken("mmgen-plugin-odd")[0]


@pytest.mark.parametrize(
    ("source", "said"),
    [
        (QUITS, r"cannot be imported: SystemExit: 0\.$"),
        ("raise GeneratorExit('no')\n", r"cannot be imported: GeneratorExit: no\.$"),
        (OBJECTIVE.format(body="    Config = None"), "whose Config is None and should be a class of options"),
        (OBJECTIVE.format(body="    Config = dict"), "whose Config is <class 'dict'> and should be a class of options"),
        (OBJECTIVE.format(body="    bound = 'none'"), r"whose bound is 'none' and should be joint \| own \| none"),
        (OBJECTIVE.format(body="    staged = 'x'"), r"whose staged is 'x' and should be tuple"),
        ("from mmgen import Objective\nclass Mine(Objective):\n    'Mine.'\n", "which lacks .*terms"),
    ],
    ids=["exit", "another ending", "no options", "other options", "another bound", "a word for words", "abstract"],
)
def test_a_component_that_cannot_be_used_is_broken_before_it_is_used(install, source, said):
    install("mmgen-plugin-mine", {"mmgen.objectives": {"mine-x": "mine_module:Mine"}}, {"mine_module": source})
    sys.modules.pop("mine_module", None)
    with pytest.raises(PluginError, match=rf"^mmgen-plugin-mine 1\.0 declares the objective 'mine-x' .*{said}"):
        load("objectives", "mine-x")
    assert said.split(".*")[0].split("\\")[0] in broken("mmgen-plugin-mine")[0]


def test_a_family_is_compared_although_a_member_is_broken(install, command_line):
    body = "    family = 'products-of-experts'\n    bound = 'none'"
    source = {"odd_bound": OBJECTIVE.format(body=body)}
    install("mmgen-plugin-odd-bound", {"mmgen.objectives": {"odd-bound": "odd_bound:Mine"}}, source)
    code, out, err = command_line("info", "products-of-experts")
    assert code == 0, err
    assert "elbo" in out and "odd-bound" in out
    assert command_line("info", "odd-bound")[0] == 2


@pytest.mark.parametrize(
    ("statement", "said"),
    [
        (
            "raise ValueError('in terms')",
            r"mmgen: The plugin mmgen-plugin-fails 1\.0 failed in terms: ValueError: in terms\.",
        ),
        (
            "import sys; sys.exit(0)",
            r"The plugin mmgen-plugin-fails 1\.0 \(in terms\) called sys\.exit\(0\) during a training",
        ),
    ],
)
def test_a_component_that_fails_or_ends_python_is_named(install, command_line, tmp_path, monkeypatch, statement, said):
    from mmgen.testing import write_toy_table

    monkeypatch.chdir(tmp_path)
    write_toy_table(tmp_path)
    body = f"    def terms(self, model, batch):\n        {statement}\n"
    module = f"fails_module_{len(statement)}"
    install(
        "mmgen-plugin-fails", {"mmgen.objectives": {"fails": f"{module}:Mine"}}, {module: OBJECTIVE.format(body=body)}
    )
    words = ("train", "--objective", "fails", "--dataset", "table", "--set", "dataset.config=my.yaml", "--output", "r")
    code, _, err = command_line(*words)
    assert code == 2
    assert re.search(said, err), err


def test_an_error_of_the_core_is_nobodys(install):
    install("mmgen-plugin-calls", {"mmgen.objectives": {"calls": "calls_module:X"}}, {"calls_module": "X = 1"})
    with pytest.raises(PluginError) as error:
        load("objectives", "nothing-like-this")
    assert culprit_of(error.value) is None


RECIPE = (
    "description: {name}\nscale: desk\nobjective: {{name: elbo}}\ndataset: {{name: table}}\n"
    "model: {{latent_dim: {dim}}}\n"
)


@pytest.fixture
def two_recipes(install):
    """Two distributions with a recipe ``elbo-table-desk`` each."""
    for name, dim in (("mmgen-plugin-one", 3), ("mmgen-plugin-two", 4)):
        package = name.replace("-", "_")
        site = install(name, {"mmgen.recipes": {"all": package}})
        folder = site / package / "recipes"
        folder.mkdir(parents=True)
        (folder.parent / "__init__.py").touch()
        (folder / "elbo-table-desk.yaml").write_text(RECIPE.format(name=name, dim=dim))


def test_two_recipes_of_one_name_are_chosen_by_distribution(two_recipes, command_line):
    said = (
        "The recipe 'elbo-table-desk' is declared by mmgen-plugin-one and mmgen-plugin-two; write --recipe "
        "mmgen-plugin-one:elbo-table-desk or mmgen-plugin-two:elbo-table-desk."
    )
    for ask in (find_recipe_file, read_recipe):
        with pytest.raises(PluginError) as error:
            ask("elbo-table-desk")
        assert str(error.value) == said
    with pytest.raises(PluginError, match="is declared by"):
        find_recipe("elbo", "table")
    assert read_recipe("mmgen-plugin-two:elbo-table-desk").model["latent_dim"] == 4
    assert {"mmgen-plugin-one:elbo-table-desk", "mmgen-plugin-two:elbo-table-desk"} <= set(recipes())
    code, out, _ = command_line("list", "recipes")
    assert code == 0 and "mmgen-plugin-one:elbo-table-desk" in out
    code, _, err = command_line("info", "elbo-table-desk")
    assert code == 2 and said in err


def test_a_finished_run_opens_though_another_plugin_has_the_name_by_now(install, tmp_path):
    source = OBJECTIVE.format(body="    mine = True\n")
    install("mmgen-plugin-first", {"mmgen.objectives": {"shared-name": "first_module:Mine"}}, {"first_module": source})
    run = toy_run(output=tmp_path / "run", objective="shared-name")
    other = OBJECTIVE.format(body="    mine = False\n")
    install(
        "mmgen-plugin-second", {"mmgen.objectives": {"shared-name": "second_module:Mine"}}, {"second_module": other}
    )
    with pytest.raises(MmgenError, match="is declared by mmgen-plugin-first and mmgen-plugin-second"):
        load("objectives", "shared-name")
    opened = load_run(run.path)
    assert opened.config["objective"]["name"] == "mmgen-plugin-first:shared-name"
    assert type(opened.model.objective).__module__ == "first_module"
