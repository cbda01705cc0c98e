"""The layout of the Hugging Face Hub: data only, nothing of this machine, and the same model when it is loaded
again.
"""

import json
import re
from pathlib import Path

import pytest
import torch
import yaml

import mmgen
from mmgen.errors import MmgenError
from mmgen_plugin_report import export_run, push
from mmgen_plugin_report.hub.layout import LATENTS, hide_paths, is_local_path, last_part, without_paths

FILES = {"config.json", "model.safetensors", "README.md", "history.jsonl", "results.jsonl", LATENTS}


@pytest.fixture
def exported(example_runs, tmp_path):
    return export_run(example_runs.one, tmp_path / "elbo-on-mine")


def test_an_exported_run_is_the_same_run(example_runs, exported):
    before, after = mmgen.load_run(example_runs.one), mmgen.load_run(exported)
    batch = before.data.test[:5]
    assert torch.equal(after.model.encode(batch).mean, before.model.encode(batch).mean)
    assert after.results == before.results and after.history == before.history
    assert {**after.config, "dataset": None} == {**before.config, "dataset": None}
    assert len(mmgen.load_run(str(exported), dataset={"path": str(example_runs.data)}).data.test) == len(
        before.data.test
    )


def test_nothing_but_data_and_nothing_of_this_machine(example_runs, exported):
    assert {str(path.relative_to(exported)) for path in exported.rglob("*") if path.is_file()} == FILES
    for path in filter(Path.is_file, exported.rglob("*")):
        content = path.read_bytes()
        for place in (
            str(example_runs.folder),
            str(example_runs.folder.parent),
            str(Path.home()) + "/",
            str(Path.cwd()) + "/",
        ):
            assert place.encode() not in content, (path.name, place)
    config = json.loads((exported / "config.json").read_text())
    assert config["run"]["dataset"]["path"] == "./my table.csv", (
        "the option is kept: without it the data would be others"
    )
    assert set(config["environment"]) == {"versions", "components", "data"}


def test_data_that_stayed_behind_are_said_to_be_missing(exported, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("MMGEN_CACHE", str(tmp_path / "empty"))
    with pytest.raises(MmgenError, match=r"my table\.csv"):
        _ = mmgen.load_run(exported).data


def test_the_card(exported):
    text = (exported / "README.md").read_text()
    _, front, body = text.split("---\n", 2)
    assert yaml.safe_load(front) == {
        "library_name": "mmgen",
        "license": "unknown",
        "tags": ["mmgen", "multimodal", "variational-autoencoder", "elbo"],
    }
    for sentence in (
        "# elbo on table",
        "Real data, measured.",
        "Kingma & Welling 2014",
        "run = mmgen.load_run('elbo-on-mine')",
        "dataset.path",
        "One training with seed 0",
        "No licence has been chosen",
        "| reconstruction |",
        "| latent-classification |",
    ):
        assert sentence in body
    assert "<img" not in body.replace("\\<img", "")
    code = re.search(r"```python\n(.*?)```", body, re.S).group(1)
    compile(code, "card", "exec")


def test_what_cannot_be_exported(example_runs, exported, tmp_path, command):
    assert command("export", example_runs.one, "--to", exported)[0] == 2, "it is there already"
    code, _, err = command("export", example_runs.folder, "--to", tmp_path / "new")
    assert code == 2 and "There is no run" in err
    unfinished = tmp_path / "unfinished"
    unfinished.mkdir()
    (unfinished / "config.yaml").write_text((example_runs.one / "config.yaml").read_text())
    code, _, err = command("export", unfinished, "--to", tmp_path / "new")
    assert code == 2 and "has not finished" in err
    assert not (tmp_path / "new").exists()
    code, out, _ = command("export", example_runs.one, "--to", tmp_path / "good")
    assert code == 0 and "mmgen.load_run" in out


def test_a_config_of_something_else(tmp_path):
    (tmp_path / "config.json").write_text('{"model_type": "bert"}')
    with pytest.raises(MmgenError, match="not that of an mmgen model"):
        mmgen.load_run(tmp_path)
    (tmp_path / "config.json").write_text("{")
    with pytest.raises(MmgenError, match="damaged"):
        mmgen.load_run(tmp_path)


def test_loading_from_the_hub(exported, monkeypatch, tmp_path):
    download = {}

    def snapshot(repository, allow_patterns):
        download.update(repository=repository, patterns=set(allow_patterns))
        return str(exported)

    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("huggingface_hub.snapshot_download", snapshot)
    assert mmgen.load_run("somebody/model").config["objective"]["name"] == "elbo"
    assert download == {"repository": "somebody/model", "patterns": FILES}
    download.clear()
    with pytest.raises(MmgenError, match="There is no run in"):
        mmgen.load_run(Path("somebody/model"))
    (tmp_path / "runs" / "mine").mkdir(parents=True)
    with pytest.raises(MmgenError, match="There is no run in"):
        mmgen.load_run("runs/mine")
    assert not download, "a path, and a folder that is there, are never looked for elsewhere"

    def fails(*_, **__):
        raise OSError("no network\nmore")

    monkeypatch.setattr("huggingface_hub.snapshot_download", fails)
    with pytest.raises(
        MmgenError, match=r"no run in the folder 'runs/typo', .* could not be read from the Hub: no network\.$"
    ):
        mmgen.load_run("runs/typo")


class FakeHub:
    """Takes what is uploaded, in place of the client."""

    calls: list

    def __init__(self, token):
        FakeHub.calls = [("token", token)]

    def create_repo(self, repository, private, exist_ok):
        FakeHub.calls.append(("create", repository, private, exist_ok))

    def upload_folder(self, repo_id, folder_path, allow_patterns, commit_message):
        there = {path.relative_to(folder_path).as_posix() for path in Path(folder_path).rglob("*")}
        FakeHub.calls.append(
            ("upload", repo_id, there & set(allow_patterns), (Path(folder_path) / "README.md").read_text())
        )


def test_push(example_runs, exported, monkeypatch, command):
    monkeypatch.setattr("huggingface_hub.HfApi", FakeHub)
    monkeypatch.setattr("huggingface_hub.get_token", lambda: None)
    code, _, err = command("push", example_runs.one, "--repo", "me/model")
    assert code == 2 and "needs a token" in err
    code, _, err = command("push", example_runs.one, "--repo", "model")
    assert code == 2 and "user/name" in err
    monkeypatch.setattr("huggingface_hub.get_token", lambda: "secret")
    (exported / "notes.py").write_text("code")
    for source in (example_runs.one, exported):
        code, out, err = command("push", source, "--repo", "me/model")
        assert code == 0 and "https://huggingface.co/me/model" in out and "secret" not in out + err
        token, create, upload = FakeHub.calls
        assert (token, create) == (("token", "secret"), ("create", "me/model", True, True)), (
            "private unless its owner decides otherwise"
        )
        assert upload[2] == FILES
    assert "mmgen.load_run('elbo-on-mine')" in upload[3]


def test_what_the_hub_refuses(exported, monkeypatch):
    class Refusing(FakeHub):
        def create_repo(self, repository, private, exist_ok):
            raise RuntimeError("403 Forbidden\nsecret details")

    monkeypatch.setattr("huggingface_hub.HfApi", Refusing)
    monkeypatch.setattr("huggingface_hub.get_token", lambda: "secret")
    with pytest.raises(MmgenError, match=r"did not succeed: 403 Forbidden\.$"):
        push(exported, "me/model")


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("/home/me/data", "data"),
        ("C:\\Users\\me\\data", "data"),
        ("~/data", "data"),
        ("file:///home/me/x.csv", "x.csv"),
        ("/home/me/my data/x y.csv", "x y.csv"),
        ("https://archive.org/a/b", "https://archive.org/a/b"),
        ("read from /home/me/data/x.csv, twice", "read from x.csv, twice"),
        ("doi:10.1/2 and/or 3 / 4", "doi:10.1/2 and/or 3 / 4"),
        ("the file '/a/b c.csv' is", "the file 'b c.csv' is"),
    ],
)
def test_paths_are_shortened(text, shown):
    assert hide_paths(text) == shown


def test_only_paths_in_options_are_changed():
    config = {
        "dataset": {"root": "/data/a", "files": ["/data/b", "c"], "name": "x", "ratio": 0.5},
        "modalities": {"text": {"alphabet": ["/", "/a"]}},
        "metrics": {"fid": {"weights": "/w/inception.pth"}},
    }
    shown, options = without_paths(config)
    assert shown["dataset"] == {"root": "./a", "files": ["./b", "c"], "name": "x", "ratio": 0.5}
    assert shown["modalities"] == config["modalities"], "the letters of a text are not paths"
    assert options == ["dataset.root", "dataset.files", "metrics.fid.weights"]
    assert config["dataset"]["root"] == "/data/a", "the original stays"
    assert not is_local_path("/") and last_part("/") == "/"
