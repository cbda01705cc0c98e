"""What ``mmgen new-plugin`` writes installs, passes its own tests, shows up, and is tidy; what is wrong is a sentence
and leaves nothing behind.
"""

import json
import os
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from mmgen.cli.app import app
from mmgen.cli.guarded import run_guarded
from mmgen.cli.new_plugin import KINDS_OF_PLUGIN, LICENCES
from mmgen.registry import refresh, singular

NAMES = {singular(kind): f"trial-{singular(kind)}" for kind in KINDS_OF_PLUGIN}
TOOLS = {"capture_output": True, "text": True, "encoding": "utf-8"}


@pytest.fixture(scope="module")
def written(tmp_path_factory):
    """One distribution of every kind, and the folder into which they are installed."""
    folder = tmp_path_factory.mktemp("plugins")
    for number, (kind, name) in enumerate(NAMES.items()):
        licence = list(LICENCES)[number % len(LICENCES)]
        words = [
            "new-plugin",
            name,
            "--kind",
            kind,
            "--output",
            str(folder),
            "--license",
            licence,
            "--author",
            'Ada "L" $name',
        ]
        assert run_guarded(app, words) == 0
    sources = sorted(folder.iterdir())
    site = folder / "site"
    pip = [
        "-m",
        "pip",
        "install",
        "-q",
        "--no-index",
        "--no-deps",
        "--no-build-isolation",
        "--disable-pip-version-check",
        "--target",
        site,
    ]
    done = subprocess.run([sys.executable, *pip, *sources], **TOOLS)
    assert done.returncode == 0, done.stderr
    return sources, site


@pytest.fixture
def installed(written, monkeypatch):
    """What was written is installed, as far as this process is concerned."""
    monkeypatch.syspath_prepend(str(written[1]))
    refresh()
    yield
    monkeypatch.undo()
    refresh()


def test_its_tests_pass(written):
    sources, site = written
    words = ("-v", "-W", "error", "-p", "no:cacheprovider", "--import-mode=importlib", f"--rootdir={site.parent}")
    tests = [str(source / "tests") for source in sources]
    environment = {**os.environ, "PYTHONPATH": str(site), "PYTHONIOENCODING": "utf-8"}
    asked = "--mmgen-contracts=mmgen-plugin-trial-prior"
    done = subprocess.run([sys.executable, "-m", "pytest", *words, *tests, asked], cwd=site, env=environment, **TOOLS)
    assert done.returncode == 0, done.stdout[-6000:]
    for source in sources:
        module = source.name.removeprefix("mmgen-plugin-").replace("-", "_")
        assert f"{source.name}/tests/test_{module}.py::TestContract::" in done.stdout
    assert "::test_it_makes_the_models_of_train PASSED" in done.stdout
    assert "TestPrior_mmgen_plugin_trial_prior_trial_prior::test_the_density_integrates_to_one PASSED" in done.stdout


@pytest.mark.usefixtures("installed")
def test_it_is_listed(command_line):
    found = json.loads(command_line("list", "--json")[1])
    for kind in KINDS_OF_PLUGIN:
        name = NAMES[singular(kind)]
        entry = next(item for item in found[kind] if item["name"] == name)
        assert entry["distribution"] == f"mmgen-plugin-{name} 0.1.0"
        assert entry["summary"].startswith("Trial")
    assert {"trial-objective-table-desk", "trial-dataset-desk"} <= {item["name"] for item in found["recipes"]}


@pytest.mark.usefixtures("installed")
def test_a_command_is_in_the_help_and_runs(trained, command_line):
    code, out, _ = command_line("--help")
    assert code == 0 and "Trial command: the mean loss of the last epochs" in " ".join(out.split())
    code, out, err = command_line("trial-command", "run", "--last", "1")
    assert code == 0 and out.startswith("train: "), err


@pytest.mark.usefixtures("installed")
def test_its_recipes_train(home, command_line):
    words = ("--objective", "elbo", "--dataset", "trial-dataset", "--epochs", "1", "--output", "run")
    code, _, err = command_line("train", *words)
    assert code == 0, err
    assert "recipe: trial-dataset-desk" in (home / "run" / "config.yaml").read_text()
    words = ("--set", "dataset.config=my.yaml", "--aggregator", "poe", "--epochs", "1", "--output", "own")
    code, _, err = command_line("train", "--recipe", "trial-objective-table-desk", *words)
    assert code == 0, err
    assert (home / "run" / "model.safetensors").exists() and (home / "own" / "model.safetensors").exists()


def test_it_is_tidy(written):
    sources, _ = written
    for words in (("check", "--no-cache"), ("format", "--check", "--no-cache")):
        done = subprocess.run([sys.executable, "-m", "ruff", *words, *sources], **TOOLS)
        assert done.returncode == 0, done.stdout


def test_no_line_is_longer_than_those_of_the_house(written):
    sources, _ = written
    for path in (path for source in sources for path in source.rglob("*") if path.is_file()):
        if path.suffix in (".py", ".md", ".toml", ".yaml"):
            assert max(map(len, path.read_text(encoding="utf-8").splitlines())) <= 120, path


def test_what_its_readme_says_is_true_of_its_kind(written):
    for source in written[0]:
        text = (source / "README.md").read_text(encoding="utf-8")
        kind = re.search("^The (.*) `trial-", text, re.MULTILINE)[1]
        assert "replace\n\n- the sentence about `trial-" in text
        assert ("--mmgen-contracts" in text) == (kind != "launcher")
        assert ("the loops in `" in text) == (kind not in ("dataset", "format", "command", "launcher"))
        assert ("recipes/" in text) == (kind in ("objective", "dataset"))
        for file in re.findall(r"`(\w+/[\w/.-]+)`", text):
            assert (source / file).is_file(), f"{kind}: {file}"


@pytest.mark.usefixtures("installed")
def test_what_its_readme_runs_describes_it(written, command_line):
    for kind, name in NAMES.items():
        code, out, err = command_line("info", name)
        assert code == 0, err
        assert out.startswith(f"{kind} {name}"), out


def test_it_is_complete(written):
    sources, _ = written
    licences = set()
    for source in sources:
        project = tomllib.loads((source / "pyproject.toml").read_text())["project"]
        assert project["name"] == source.name
        assert project["authors"] == [{"name": 'Ada "L" $name'}]
        licences.add(project["license"])
        assert {path.name for path in source.iterdir()} >= {
            "README.md",
            "LICENSE",
            ".gitignore",
            ".github",
            "tests",
            "pyproject.toml",
        }
        assert "${{ matrix.python }}" in (source / ".github/workflows/tests.yaml").read_text()
        if project["license"] != "Apache-2.0":
            assert 'Ada "L" $name' in (source / "LICENSE").read_text()
    assert licences == set(LICENCES.values())


@pytest.mark.parametrize("kind", NAMES)
def test_long_names_are_tidy_too(kind, tmp_path):
    name = "a-name-that-is-as-long-as-names-may-be12"
    assert run_guarded(app, ["new-plugin", name, "--kind", kind, "--output", str(tmp_path)]) == 0
    for words in (("check", "--no-cache"), ("format", "--check", "--no-cache")):
        done = subprocess.run([sys.executable, "-m", "ruff", *words, str(tmp_path)], **TOOLS)
        assert done.returncode == 0, done.stdout


WRONG = {
    "capitals": (("MyMethod", "--kind", "objective"), "A name is made of .* unlike 'MyMethod'"),
    "a path": (("../x", "--kind", "objective"), "A name is made of"),
    "too long": (("x" * 41, "--kind", "objective"), "at most 40"),
    "a word of Python": (("class", "--kind", "objective"), "'class' is a word of Python"),
    "taken": (("elbo", "--kind", "objective"), "already a component 'elbo' among the objectives, from mmgen-core"),
    "an installed distribution": (("mvtcae", "--kind", "metric"), "mmgen-plugin-mvtcae is installed already"),
    "like an import": (("objective", "--kind", "objective"), "would be called Objective, like something else"),
    "like a definition": (("exponential-likelihood", "--kind", "modality"), "would be called ExponentialLikelihood"),
    "unknown kind": (("mine", "--kind", "objektive"), "no kind 'objektive'.*did you mean 'objective'"),
    "unknown licence": (
        ("mine", "--kind", "prior", "--license", "gpl"),
        "no text of 'gpl'; there are apache-2.0, mit, bsd-3-clause",
    ),
    "an author of two lines": (("mine", "--kind", "prior", "--author", "A\nB"), "is not a name on one line"),
    "no kind": (("mine",), "Missing option '--kind'"),
    "a folder that exists": (("there", "--kind", "prior"), "mmgen-plugin-there' exists already"),
    "not a folder": (("mine", "--kind", "prior", "--output", "file"), "cannot be written"),
}


@pytest.mark.parametrize("case", WRONG)
def test_what_is_wrong_is_a_sentence_and_leaves_nothing(case, tmp_path, monkeypatch, command_line):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "mmgen-plugin-there").mkdir()
    (tmp_path / "file").write_text("x")
    words, expected = WRONG[case]
    code, out, err = command_line("new-plugin", *words)
    assert code == 2
    assert re.search(expected, err.replace("\n", " ")), err
    assert not out
    assert sorted(path.name for path in tmp_path.iterdir()) == ["file", "mmgen-plugin-there"]
    assert not list((tmp_path / "mmgen-plugin-there").iterdir())


def test_an_interrupted_writing_leaves_nothing(tmp_path, monkeypatch, command_line):
    write = Path.write_text

    def full(self, *words, **more):
        if self.name == "LICENSE":
            raise OSError(28, "No space left on device")
        return write(self, *words, **more)

    monkeypatch.setattr(Path, "write_text", full)
    code, _, err = command_line("new-plugin", "mine", "--kind", "objective", "--output", tmp_path)
    assert (code, list(tmp_path.iterdir())) == (2, [])
    assert "No space left on device" in err
