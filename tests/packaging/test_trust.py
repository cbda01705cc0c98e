"""What a run, a cache or a recipe names is looked up among what is installed and allowed, and never imported or
executed otherwise.
"""

import ast
import json
import pickle
import shutil
import sys
from pathlib import Path

import pytest

from mmgen import MmgenError, MultimodalVAE, Trainer, load_run
from mmgen.registry import refresh
from mmgen.testing import edit_text, install_distribution, toy_data, toy_run

ROOT = Path(__file__).parents[2]
# What can execute the content of a file (or of a string), and why each place that has it is safe.
REASONS = {
    (
        "mmgen/testing/contracts/modality.py",
        "import pickle",
    ): "A contract: a modality is pickled and read back within one test.",
    ("mmgen/testing/contracts/modality.py", "pickle.loads"): "The same bytes that it has just made.",
    (
        "plugins/mmgen-plugin-polymnist/mmgen_plugin_polymnist/decoding.py",
        "import joblib",
    ): "To decode in several processes; it reads no file.",
    ("contrib/mmgen-plugin-mhd/mmgen_plugin_mhd/files.py", "torch.load"): (
        "With weights_only=True, and beyond what that allows NumPy's own arrays and numbers."
    ),
    ("plugins/mmgen-plugin-polymnist/mmgen_plugin_polymnist/tensor_files.py", "torch.load"): "With weights_only=True.",
    ("plugins/mmgen-plugin-two-view-mnist/mmgen_plugin_two_view_mnist/unpickling.py", "import pickle"): (
        "An Unpickler that finds stand-ins for arrays and refuses everything else."
    ),
}
MODULES = {
    "pickle",
    "cPickle",
    "_pickle",
    "cloudpickle",
    "dill",
    "joblib",
    "marshal",
    "shelve",
    "code",
    "codeop",
    "runpy",
}
BUILTINS = {"eval", "exec", "compile", "__import__"}
CALLS = {
    *(
        "torch.load",
        "torch.jit.load",
        "torch.hub.load",
        "torch.package.PackageImporter",
        "yaml.load",
        "yaml.load_all",
        "yaml.unsafe_load",
    ),
    *("yaml.full_load", "pd.read_pickle", "pandas.read_pickle", "pickle.load", "pickle.loads", "numpy.load", "np.load"),
}
SAFE = {"torch.load": ("weights_only", True), "np.load": ("allow_pickle", False), "numpy.load": ("allow_pickle", False)}


def dotted(node):
    """``np.load`` of the expression that says so."""
    if isinstance(node, ast.Attribute):
        return f"{dotted(node.value)}.{node.attr}"
    return node.id if isinstance(node, ast.Name) else "?"


def dangers(source):
    """Everything in a file that could execute what it reads; loaders that are told not to are only listed by way of
    their option.
    """
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import | ast.ImportFrom):
            modules = (
                [alias.name for alias in node.names]
                if isinstance(node, ast.Import)
                else [node.module or ""]
                if not node.level
                else []
            )
            yield from (f"import {module}" for module in modules if module.split(".")[0] in MODULES)
            if isinstance(node, ast.ImportFrom) and not node.level:
                yield from (name for name in (f"{node.module}.{alias.name}" for alias in node.names) if name in CALLS)
        if isinstance(node, ast.Call):
            name = dotted(node.func)
            if name in BUILTINS:
                yield name
            if name in CALLS:
                option = SAFE.get(name)
                told = option and any(
                    key.arg == option[0] and getattr(key.value, "value", None) is option[1] for key in node.keywords
                )
                if name == "torch.load" and not told:
                    yield "torch.load without weights_only=True"
                elif not told or name == "torch.load":
                    yield name
            yield from (
                f"{key.arg}=True"
                for key in node.keywords
                if key.arg in ("allow_pickle", "trust_remote_code") and getattr(key.value, "value", None) is True
            )


def test_nothing_executes_what_it_reads():
    paths = [*(ROOT / "mmgen").rglob("*.py"), *ROOT.glob("*/mmgen-plugin-*/mmgen_plugin_*/**/*.py")]
    assert len(paths) > 150
    found = {
        (str(path.relative_to(ROOT)), danger) for path in paths for danger in dangers(path.read_text(encoding="utf-8"))
    }
    assert found - set(REASONS) == set(), (
        "this can execute the content of a file: use safetensors, JSON or safe YAML, or say why it is safe"
    )
    assert set(REASONS) - found == set(), "these reasons are for code that is gone"


@pytest.mark.parametrize(
    "source",
    [
        "import pickle",
        "from pickle import loads",
        "import torch\ntorch.load(path)",
        "torch.load(path, weights_only=False)",
        "from torch import load\nload(path)",
        "np.load(path)",
        "np.load(path, allow_pickle=True)",
        "yaml.load(text, Loader=yaml.Loader)",
        "eval(text)",
        "load_dataset(name, trust_remote_code=True)",
    ],
)
def test_the_search_finds_what_it_should(source):
    assert list(dangers(source))


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    return toy_run(output=tmp_path_factory.mktemp("runs") / "run").path


@pytest.fixture
def run(trained, tmp_path):
    return Path(shutil.copytree(trained, tmp_path / "run"))


@pytest.fixture
def evil(tmp_path, monkeypatch):
    """A module on the path that leaves a trace when it is imported, and a way to declare it as a plugin."""
    site, trace = tmp_path / "site", tmp_path / "imported"
    site.mkdir()
    source = (
        f"from pathlib import Path\nPath({str(trace)!r}).touch()\nfrom mmgen.models import ELBO as Evil\nclass "
        "Mine(Evil):\n    'Mine.'\n"
    )
    (site / "evil_module.py").write_text(source)
    monkeypatch.syspath_prepend(site)
    monkeypatch.delitem(sys.modules, "evil_module", raising=False)

    def declare():
        entry_points = {"mmgen.objectives": {"evil": "evil_module:Mine"}, "mmgen": {"evil": "evil_module"}}
        install_distribution(site, "mmgen-plugin-evil", entry_points)

    yield declare, trace
    monkeypatch.undo()
    sys.modules.pop("evil_module", None)
    refresh()


NAMED = [
    "evil_module:Mine",
    "evil_module",
    "evil_module.Mine",
    "mmgen-plugin-evil:evil",
    "evil",
    "../site/evil_module.py",
]


@pytest.mark.parametrize("name", NAMED)
@pytest.mark.parametrize(
    ("section", "old"),
    [("objective", "name: elbo"), ("aggregator", "name: poe"), ("prior", "name: normal"), ("modality", "kind: vector")],
)
def test_a_run_that_names_what_is_not_installed_imports_nothing(section, old, name, run, evil):
    edit_text(run / "config.yaml", old, f"{old.split(':')[0]}: '{name}'")
    for components in (True, False):  # also where the record of what was used is missing
        if not components:
            (run / "environment.json").unlink()
        with pytest.raises(MmgenError, match=r"There is no|is declared by|not installed"):
            _ = load_run(run).model
    assert not evil[1].exists() and "evil_module" not in sys.modules


def test_what_a_record_of_components_names_is_not_imported(run, evil):
    facts = json.loads((run / "environment.json").read_text())
    facts["components"].append(
        {"kind": "objectives", "name": "evil", "distribution": "mmgen-plugin-evil", "version": "1.0"}
    )
    (run / "environment.json").write_text(json.dumps(facts))
    with pytest.raises(MmgenError, match=r"the objective 'evil' of 'mmgen-plugin-evil' '1\.0'") as raised:
        _ = load_run(run).model
    assert "pip install" not in str(raised.value)
    assert not evil[1].exists()


def test_a_plugin_is_imported_only_where_it_is_allowed(run, evil, monkeypatch, command_line):
    declare, trace = evil
    declare()
    edit_text(run / "config.yaml", "name: elbo", "name: evil")
    (run / "environment.json").unlink()
    monkeypatch.setenv("MMGEN_LOAD_PLUGINS", "mmgen-plugin-other")
    with pytest.raises(MmgenError, match="There is no objective 'evil'"):
        _ = load_run(run).model
    for word in ("list", "--help", "plugins", "no-such-command"):
        command_line(word)
    assert not trace.exists()
    monkeypatch.setenv("MMGEN_LOAD_PLUGINS", "mmgen-plugin-evil")
    assert type(load_run(run).model.objective).__name__ == "Mine"
    assert trace.exists(), "the test would not notice an import"


def test_opening_a_run_without_its_model_imports_no_plugin(run, evil):
    declare, trace = evil
    declare()
    edit_text(run / "config.yaml", "name: elbo", "name: evil")
    opened = load_run(run)
    assert opened.config["objective"]["name"] == "evil" and len(opened.history) == 1
    assert not trace.exists()


class Bomb:
    """Executes when it is unpickled."""

    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return (Path.touch, (self.path,))


@pytest.mark.parametrize("file", ["model.safetensors", "checkpoints"])
def test_a_pickle_in_the_place_of_tensors_is_damaged_and_not_executed(file, run, tmp_path):
    trace = tmp_path / "executed"
    content = pickle.dumps(Bomb(trace))
    if file == "checkpoints":
        names = [path for path in run.rglob("*.safetensors") if path.name != "model.safetensors"]
        assert names
        for path in names:
            path.write_bytes(content)
        data = toy_data(rows=20)
        with pytest.raises(MmgenError):
            Trainer(epochs=2).fit(MultimodalVAE.create("elbo", data, latent_dim=2), data, output=str(run), resume=True)
    else:
        (run / file).write_bytes(content)
        with pytest.raises(MmgenError, match="is damaged"):
            _ = load_run(run).model
    assert not trace.exists()
    pickle.loads(content)
    assert trace.exists(), "the test would not notice"


@pytest.mark.parametrize(
    "tag", ["!!python/object/apply:pathlib.Path.touch", "!!python/name:evil_module.Mine", "!!python/module:evil_module"]
)
def test_tags_of_python_in_yaml_are_errors(tag, run, evil, tmp_path, command_line):
    edit_text(
        run / "config.yaml",
        "name: elbo",
        f"name: {tag} ['{tmp_path / 'executed'}']" if "apply" in tag else f"name: {tag} ''",
    )
    with pytest.raises(MmgenError, match="is not valid YAML"):
        load_run(run)
    (tmp_path / "mine.yaml").write_text(f"objective: {tag} []\n")
    code, _, err = command_line("train", "--config", tmp_path / "mine.yaml", "--dataset", "table")
    assert code == 2 and "is not valid YAML" in err
    assert not evil[1].exists() and not (tmp_path / "executed").exists()
