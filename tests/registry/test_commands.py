"""Commands are found as components are, and what is missing, ambiguous or broken is a sentence and exit code 2."""

import importlib.metadata
import json
import subprocess
import sys

import pytest

import mmgen
from mmgen import PluginError
from mmgen.registry import namesakes
from mmgen.testing import CommandContract

GOOD = '''"""A module."""
import typer

def hello(name: str = typer.Option("you", help="Who is greeted.")) -> int:
    """Say hello, in one line."""
    typer.echo(f"hello {name}")
    return 0 if name == "you" else 3
'''


@pytest.fixture
def install_command(install):
    """Puts a distribution with a command, and perhaps the module that has it, on the path."""

    def put(name, value, source=None, command="hello"):
        modules = {} if source is None else {value.partition(":")[0]: source}
        install(name, {"mmgen.commands": {command: value}}, modules)

    return put


def test_a_command_of_a_plugin_is_in_the_help_and_runs(install_command, command_line):
    install_command("mmgen-plugin-x", "hello_mod:hello", "STARTED = True\n" + GOOD)
    code, out, _ = command_line("--help")
    lines = " ".join(out.split())
    assert code == 0 and "hello Say hello, in one line." in lines and "train Train a model" in lines
    assert "hello_mod" not in sys.modules
    assert command_line("hello") == (0, "hello you\n", "")
    assert command_line("hello", "--name", "Ada") == (3, "hello Ada\n", ""), "what a command returns is the exit code"
    code, _, err = command_line("hello", "--nome", "Ada")
    assert code == 2 and err.startswith("mmgen: No such option") and "See mmgen hello --help." in err


def test_two_commands_of_one_name(install_command, command_line):
    for name in ("x", "y"):
        install_command(f"mmgen-plugin-{name}", f"hello_{name}:hello", GOOD.replace("hello {", name + " {"))
    out = command_line("--help")[1]
    assert "mmgen-plugin-x:hello" in out and "mmgen-plugin-y:hello" in out
    code, _, err = command_line("hello")
    sentence = "The command 'hello' is declared by mmgen-plugin-x and mmgen-plugin-y; write 'mmgen-plugin-x:hello'"
    assert code == 2 and sentence in err
    assert command_line("mmgen-plugin-y:hello")[:2] == (0, "y you\n")


def test_a_command_of_the_core_is_not_replaced_in_silence(install_command, command_line):
    install_command("mmgen-plugin-x", "hello_list:hello", GOOD, command="list")
    code, _, err = command_line("list")
    assert code == 2 and "mmgen-core:list" in err
    assert command_line("mmgen-core:list", "priors")[0] == 0


@pytest.mark.parametrize(
    ("source", "sentence"),
    [
        ("import nothing_like_this", "cannot be imported: ModuleNotFoundError"),
        ("hello = 3", "which is not a function"),
        (None, "cannot be imported: ModuleNotFoundError"),
    ],
)
def test_a_broken_command_costs_that_command(source, sentence, install_command, command_line):
    install_command("mmgen-plugin-x", f"broken_{abs(hash(sentence + str(source)))}:hello", source)
    assert command_line("--help")[0] == 0
    code, _, err = command_line("hello")
    assert code == 2 and sentence in err and err.count("\n") == 1
    assert command_line("list", "priors")[0] == 0
    assert sentence in " ".join(command_line("plugins")[1].split())


def test_what_is_not_installed_is_answered_by_the_line_that_installs_it(monkeypatch, command_line):
    monkeypatch.setenv("MMGEN_LOAD_PLUGINS", "")
    line = "pip install mmgen-plugin-compare"
    code, _, err = command_line("compare", "--objectives", "elbo")
    assert code == 2 and line in err
    assert "The command 'compare' is part of mmgen-plugin-compare, which is not installed" in err
    code, _, err = command_line("comprae")
    assert (
        code == 2
        and "There is no command 'comprae'; installed are: doctor, encode, evaluate" in err
        and "pip" not in err
    )
    assert command_line("trian")[2].endswith("did you mean 'train'?\n")
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


def test_another_distribution_that_has_a_package_of_the_same_name_is_named(tmp_path, monkeypatch, command_line, capfd):
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
    assert sentence in " ".join(command_line("plugins")[1].split())
    from mmgen.cli import main

    monkeypatch.setattr(sys, "argv", ["mmgen", "schema"])
    with pytest.raises(SystemExit):
        main()
    assert f"mmgen: {sentence}" in capfd.readouterr().err


def undescribed(run: str = "x") -> None:
    """No sentence"""


def test_the_contract_finds_what_is_wrong():
    assert set(CommandContract.of(undescribed).failures()) == {
        "test_its_help_is_a_sentence",
        "test_every_option_is_described",
    }
    assert CommandContract.of("train").failures() == {}
