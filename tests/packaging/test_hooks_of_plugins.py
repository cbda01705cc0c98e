"""Every hook is documented and used by a shipped plugin; a failing one is reported by name, and everything else goes
on.

Reports with a section that fails are in plugins/mmgen-plugin-report/tests/test_report_page.py.
"""

import inspect
import re
from pathlib import Path

import pytest

from mmgen.registry import hookspecs
from mmgen.registry.hooks import Hooks, HookWarning
from mmgen.testing import toy_run

ROOT = Path(__file__).parents[2]
NAMES = {name: function for name, function in vars(hookspecs).items() if name.startswith("mmgen_")}
FAILING = "from mmgen import hookimpl\n\n" + "\n".join(
    f"@hookimpl\ndef {name}({', '.join(inspect.signature(function).parameters)}):\n    raise ValueError('{name} is "
    "broken')\n"
    for name, function in NAMES.items()
)
ONE_FAILS = (
    "from mmgen import hookimpl\nCALLED = []\n"
    "@hookimpl\ndef mmgen_train_start(): CALLED.append('start')\n"
    "@hookimpl\ndef mmgen_epoch_end(record):\n    CALLED.append(record['epoch'])\n    assert record['epoch'] < 2\n"
    "@hookimpl\ndef mmgen_train_end(): CALLED.append('end')\n"
)


@pytest.fixture
def install_hooks(install):
    """Puts a distribution ``mmgen-plugin-broken`` with one module of hooks on the path."""

    def put(module, source):
        install("mmgen-plugin-broken", {"mmgen": {"broken": module}}, {module: source})

    return put


@pytest.mark.parametrize("name", NAMES)
def test_every_hook_is_documented_with_its_arguments(name):
    text = (ROOT / "docs" / "hooks.md").read_text(encoding="utf-8")
    assert f"| [`{name}`](#{name}) |" in text
    section = text.split(f"## `{name}`\n")[1].split("\n## ")[0]
    said = re.search(r"^Arguments: (.*)\.$", section, re.MULTILINE)[1]
    assert re.findall(r"`(\w+)`", said) == list(inspect.signature(NAMES[name]).parameters)


@pytest.mark.parametrize("name", NAMES)
def test_every_hook_is_used_by_a_shipped_plugin(name):
    hooks = Hooks()
    assert not hooks.failures
    shipped = {folder.name for folder in ROOT.glob("plugins/mmgen-plugin-*")}
    users = {each.plugin_name.split(":")[0] for each in getattr(hooks.manager.hook, name).get_hookimpls()}
    assert users & shipped


def test_a_plugin_of_which_every_hook_fails_costs_a_training_nothing(install_hooks, tmp_path):
    plain = toy_run(output=tmp_path / "plain", epochs=3)
    install_hooks("every_hook_fails", FAILING)
    with pytest.warns(
        HookWarning,
        match="mmgen-plugin-broken:broken failed in mmgen_train_start: ValueError: mmgen_train_start is broken",
    ) as caught:
        broken = toy_run(output=tmp_path / "broken", epochs=3)
    assert len(caught) == 1, "once is enough"
    assert len(broken.history) == 3
    assert (broken.path / "model.safetensors").read_bytes() == (plain.path / "model.safetensors").read_bytes()


def test_a_plugin_that_failed_is_not_called_again(install_hooks, tmp_path):
    install_hooks("one_hook_fails", ONE_FAILS)
    with pytest.warns(HookWarning, match="mmgen-plugin-broken:broken failed in mmgen_epoch_end: AssertionError"):
        run = toy_run(output=tmp_path / "run", epochs=3)
    assert len(run.history) == 3
    import one_hook_fails

    assert one_hook_fails.CALLED == ["start", 1, 2]


def test_hooks_of_plugins_that_are_not_allowed_are_not_imported(install_hooks, tmp_path, monkeypatch):
    install_hooks("never_imported", "raise SystemExit('imported')")
    monkeypatch.setenv("MMGEN_LOAD_PLUGINS", "mmgen-plugin-samples")
    assert len(toy_run(output=tmp_path / "run", epochs=3).history) == 3
