"""Discovery: everything that somebody else's distribution can get wrong ends in a sentence and costs nothing else."""

import json
import subprocess
import sys

import pytest

from mmgen import MmgenError, PluginError
from mmgen.registry import entries, find, load, summary
from mmgen.registry.components import brief
from mmgen.registry.hooks import Hooks, HookWarning

GOOD = '''"""A module."""
from mmgen import Aggregator

class Plain(Aggregator):
    """Does very little, in one line."""

    def forward(self, experts, given):
        return None
'''


def test_an_installed_component_is_listed_and_loaded(install):
    install("mmgen-plugin-x", {"mmgen.aggregators": {"plain": "plain_mod:Plain"}}, {"plain_mod": GOOD})
    assert load("aggregators", "plain").__name__ == "Plain"
    assert load("aggregators", "mmgen-plugin-x:plain").__name__ == "Plain"


def test_an_unknown_name_lists_what_there_is_and_the_nearest_spelling():
    with pytest.raises(PluginError, match=r"no objective 'elb'; installed are: .*elbo.*; did you mean 'elbo'\?"):
        load("objectives", "elb")


def test_two_distributions_with_one_name(install):
    for name in ("mmgen-plugin-x", "mmgen-plugin-y"):
        module = name.replace("-", "_")
        install(name, {"mmgen.aggregators": {"plain": f"{module}:Plain"}}, {module: GOOD})
    assert [e.distribution for e in entries("aggregators") if e.name == "plain"] == ["mmgen-plugin-x", "mmgen-plugin-y"]
    with pytest.raises(
        PluginError, match="declared by mmgen-plugin-x and mmgen-plugin-y; write 'mmgen-plugin-x:plain'"
    ):
        load("aggregators", "plain")
    assert find("aggregators", "mmgen-plugin-y:plain").distribution == "mmgen-plugin-y"


def test_a_plugin_that_cannot_be_imported(install):
    install(
        "mmgen-plugin-x",
        {"mmgen.aggregators": {"plain": "broken_mod:Plain"}},
        {"broken_mod": "import nothing_like_this"},
    )
    with pytest.raises(
        PluginError, match=r"mmgen-plugin-x 1\.0 declares .*'plain'.* cannot be imported: ModuleNotFoundError"
    ):
        load("aggregators", "plain")
    assert load("aggregators", "poe").__name__ == "ProductOfExperts"


def test_a_component_of_the_wrong_type(install):
    install("mmgen-plugin-x", {"mmgen.priors": {"plain": "plain_mod_2:Plain"}}, {"plain_mod_2": GOOD})
    with pytest.raises(PluginError, match=r"not a subclass of mmgen\.Prior"):
        load("priors", "plain")


def test_an_incompatible_core(install):
    install(
        "mmgen-plugin-x",
        {"mmgen.aggregators": {"plain": "plain_mod_3:Plain"}},
        {"plain_mod_3": GOOD},
        requires=["mmgen-core>=99"],
    )
    with pytest.raises(PluginError, match=r"needs mmgen-core >=99, and .* is installed"):
        load("aggregators", "plain")


def test_only_allowed_plugins_are_seen(install, monkeypatch):
    install("mmgen-plugin-x", {"mmgen.aggregators": {"plain": "plain_mod_4:Plain"}}, {"plain_mod_4": GOOD})
    monkeypatch.setenv("MMGEN_LOAD_PLUGINS", "mmgen-plugin-other")
    assert {e.distribution for e in entries("aggregators")} == {"mmgen-core"}
    monkeypatch.setenv("MMGEN_LOAD_PLUGINS", "other, Mmgen_Plugin_X")
    assert any(e.name == "plain" for e in entries("aggregators"))


def test_a_list_shows_no_marks_of_sphinx():
    text = "The origin (:class:`.GradientOrigin`),\n    with :func:`mmgen.train` and `c`.\n\nMore."
    assert brief(text) == "The origin (GradientOrigin), with mmgen.train and `c`."


def test_a_summary_is_read_without_importing(install):
    source = "raise RuntimeError('imported')\n" + GOOD
    install("mmgen-plugin-x", {"mmgen.aggregators": {"plain": "plain_mod_5:Plain"}}, {"plain_mod_5": source})
    assert summary(find("aggregators", "plain")) == "Does very little, in one line."
    assert "plain_mod_5" not in sys.modules


def test_listing_and_help_import_neither_torch_nor_a_plugin():
    code = (
        "import sys, json\nfrom mmgen.cli.app import app\nfrom mmgen.cli.guarded import run_guarded\n"
        "code = [run_guarded(app, ['list', '--json']), run_guarded(app, ['--help'])]\n"
        "bad = [m for m in sys.modules if m == 'torch' or m.startswith(('mmgen_plugin', 'numpy'))]\n"
        "print('\\n' + json.dumps([code, bad]))"
    )
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert json.loads(result.stdout.strip().splitlines()[-1]) == [[0, 0], []]


HOOKS = """
from mmgen import hookimpl

@hookimpl
def mmgen_epoch_end(record):
    record["seen"] = True
    return "good"
"""
BAD_HOOKS = HOOKS.replace('record["seen"] = True', 'raise ValueError("oh no")')


def test_a_hook_is_called_with_what_it_asks_for_and_a_failing_one_costs_only_itself(install):
    install("mmgen-plugin-x", {"mmgen": {"good": "good_hooks"}}, {"good_hooks": HOOKS})
    install("mmgen-plugin-y", {"mmgen": {"bad": "bad_hooks"}}, {"bad_hooks": BAD_HOOKS})
    hooks, record = Hooks(), {}
    with pytest.warns(HookWarning, match=r"mmgen-plugin-y:bad failed in mmgen_epoch_end: ValueError: oh no"):
        assert hooks.call("mmgen_epoch_end", run=None, model=None, data=None, record=record) == ["good"]
    assert record == {}, "it was given a copy"
    assert hooks.call("mmgen_epoch_end", run=None, model=None, data=None, record={}) == ["good"]


def test_a_hook_plugin_that_does_not_fit_is_left_out(install):
    source = "from mmgen import hookimpl\n@hookimpl\ndef mmgen_no_such_hook(): ...\n"
    install("mmgen-plugin-x", {"mmgen": {"odd": "odd_hooks"}}, {"odd_hooks": source})
    install("mmgen-plugin-y", {"mmgen": {"gone": "gone_hooks"}})
    with pytest.warns(HookWarning) as caught:
        hooks = Hooks()
    said = " ".join(str(w.message) for w in caught)
    assert "mmgen-plugin-x:odd does not fit the hook specifications" in said
    assert "mmgen-plugin-y:gone cannot be imported" in said
    assert hooks.call("mmgen_train_end", run=None, model=None, data=None) == []


def test_errors_of_plugins_are_errors_that_users_can_act_on():
    assert issubclass(PluginError, MmgenError)
