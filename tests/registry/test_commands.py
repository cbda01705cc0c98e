"""Commands are found as components are, and what is missing, ambiguous or broken is a sentence and exit code 2."""

import importlib.metadata
import json
import subprocess
import sys

import pytest

import mmgen
from mmgen import PluginError
from mmgen.cli.app import app
from mmgen.cli.guarded import run_guarded
from mmgen.registry import namesakes, refresh
from mmgen.testing import CommandContract

GOOD = '''"""A module."""
import typer

def hello(name: str = typer.Option("you", help="Who is greeted.")) -> int:
    """Say hello, in one line."""
    typer.echo(f"hello {name}")
    return 0 if name == "you" else 3
'''


@pytest.fixture
def install(tmp_path, monkeypatch):
    """Puts a distribution with commands and a module on the path, as pip would."""
    monkeypatch.syspath_prepend(tmp_path)

    def put(name, value, source=None, group="mmgen.commands", called="hello"):
        info = tmp_path / f"{name.replace('-', '_')}-1.2.dist-info"
        info.mkdir()
        (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.2\n")
        (info / "entry_points.txt").write_text(f"[{group}]\n{called} = {value}\n")
        if source is not None:
            (tmp_path / f"{value.partition(':')[0]}.py").write_text(source)
        refresh()

    yield put
    monkeypatch.undo()
    refresh()


def said(words, capsys):
    code = run_guarded(app, words)
    out, err = capsys.readouterr()
    return code, out, err


def test_a_command_of_a_plugin_is_in_the_help_and_runs(install, capsys):
    install("mmgen-plugin-x", "hello_mod:hello", "STARTED = True\n" + GOOD)
    code, out, _ = said(["--help"], capsys)
    lines = " ".join(out.split())
    assert code == 0 and "hello Say hello, in one line." in lines and "train Train a model" in lines
    assert "hello_mod" not in sys.modules
    assert said(["hello"], capsys) == (0, "hello you\n", "")
    assert said(["hello", "--name", "Ada"], capsys) == (3, "hello Ada\n", ""), "what a command returns is the exit code"
    code, _, err = said(["hello", "--nome", "Ada"], capsys)
    assert code == 2 and err.startswith("mmgen: No such option") and "See mmgen hello --help." in err


def test_two_commands_of_one_name(install, capsys):
    for name in ("x", "y"):
        install(f"mmgen-plugin-{name}", f"hello_{name}:hello", GOOD.replace("hello {", name + " {"))
    out = said(["--help"], capsys)[1]
    assert "mmgen-plugin-x:hello" in out and "mmgen-plugin-y:hello" in out
    code, _, err = said(["hello"], capsys)
    sentence = "The command 'hello' is declared by mmgen-plugin-x and mmgen-plugin-y; write 'mmgen-plugin-x:hello'"
    assert code == 2 and sentence in err
    assert said(["mmgen-plugin-y:hello"], capsys)[:2] == (0, "y you\n")


def test_a_command_of_the_core_is_not_replaced_in_silence(install, capsys):
    install("mmgen-plugin-x", "hello_list:hello", GOOD, called="list")
    code, _, err = said(["list"], capsys)
    assert code == 2 and "mmgen-core:list" in err
    assert said(["mmgen-core:list", "priors"], capsys)[0] == 0


@pytest.mark.parametrize(
    ("source", "sentence"),
    [
        ("import nothing_like_this", "cannot be imported: ModuleNotFoundError"),
        ("hello = 3", "which is not a function"),
        (None, "cannot be imported: ModuleNotFoundError"),
    ],
)
def test_a_broken_command_costs_that_command(source, sentence, install, capsys):
    install("mmgen-plugin-x", f"broken_{abs(hash(sentence + str(source)))}:hello", source)
    assert said(["--help"], capsys)[0] == 0
    code, _, err = said(["hello"], capsys)
    assert code == 2 and sentence in err and err.count("\n") == 1
    assert said(["list", "priors"], capsys)[0] == 0
    assert sentence in " ".join(said(["plugins"], capsys)[1].split())


def test_what_is_not_installed_is_answered_by_the_line_that_installs_it(monkeypatch, capsys):
    monkeypatch.setenv("MMGEN_LOAD_PLUGINS", "")
    line = "pip install mmgen-plugin-compare"
    code, _, err = said(["compare", "--objectives", "elbo"], capsys)
    assert code == 2 and line in err
    assert "The command 'compare' is part of mmgen-plugin-compare, which is not installed" in err
    code, _, err = said(["comprae"], capsys)
    assert code == 2 and "There is no command 'comprae'; installed are: encode, evaluate" in err and "pip" not in err
    assert said(["trian"], capsys)[2].endswith("did you mean 'train'?.\n")
    for name, distribution in (("compare", "compare"), ("report", "report"), ("reproduce", "papers")):
        with pytest.raises(PluginError, match=rf"mmgen\.{name} is part of mmgen-plugin-{distribution}, .*pip install"):
            getattr(mmgen, name)
    with pytest.raises(PluginError, match="pip install mmgen-plugin-vision"):
        mmgen.registry.load("metrics", "fid")


def test_names_of_plugins_are_names_of_mmgen():
    assert mmgen.compare.__module__ == "mmgen_plugin_compare.comparison"
    assert mmgen.report.__name__ == "write_report"
    assert mmgen.reproduce.__name__ == "reproduce"
    with pytest.raises(AttributeError, match="no attribute 'compaer'"):
        _ = mmgen.compaer


def test_help_of_a_command_imports_neither_torch_nor_what_the_command_needs():
    code = (
        "import sys, json\nfrom mmgen.cli.app import app\nfrom mmgen.cli.guarded import run_guarded\ncode = "
        "[run_guarded(app, [name, '--help']) for name in ('compare', 'report', 'reproduce', 'samples', 'train')]\n"
        "bad = [m for m in sys.modules if m in ('torch', 'numpy', 'pandas', 'matplotlib', 'plotly', 'rich.table')]\n"
        "print('\\n' + json.dumps([code, bad]))"
    )
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert json.loads(result.stdout.strip().splitlines()[-1]) == [[0] * 5, []]


def test_another_distribution_that_has_a_package_of_the_same_name_is_named(tmp_path, monkeypatch, capsys):
    assert namesakes.namesakes() == []
    monkeypatch.syspath_prepend(tmp_path)
    for name, record in (
        ("mmgen", "mmgen/__init__.py,,\nmmgen/main.py,,\n"),
        ("other", "another/mmgen/__init__.py,,\n"),
    ):
        info = tmp_path / f"{name}-9.dist-info"
        info.mkdir()
        (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 9\n")
        (info / "RECORD").write_text(record)
    assert "mmgen" in importlib.metadata.packages_distributions()["mmgen"]
    (sentence,) = namesakes.namesakes()
    assert "'mmgen'" in sentence and "pip uninstall mmgen" in sentence
    assert sentence in " ".join(said(["plugins"], capsys)[1].split())
    from mmgen.cli import main

    monkeypatch.setattr(sys, "argv", ["mmgen", "schema"])
    with pytest.raises(SystemExit):
        main()
    assert f"mmgen: {sentence}" in capsys.readouterr().err


def undescribed(run: str = "x") -> None:
    """No sentence"""


def test_the_contract_finds_what_is_wrong():
    assert set(CommandContract.of(undescribed).failures()) == {
        "test_its_help_is_a_sentence",
        "test_every_option_is_described",
    }
    assert CommandContract.of("train").failures() == {}
