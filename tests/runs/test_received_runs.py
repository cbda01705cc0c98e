"""Runs that somebody sent: damaged, or made to do what they say."""

from __future__ import annotations

import json
import os
import shutil
import socket

import pytest
import torch
import yaml
from safetensors.torch import load_file, save_file

import mmgen
from mmgen.errors import MmgenError
from mmgen.runs.rebuilding import Within
from mmgen.testing import edit_text, raises_sentence, write_toy_table
from mmgen.training.checkpoint import LAST, Checkpoint


@pytest.fixture(scope="module")
def original(tmp_path_factory):
    folder = tmp_path_factory.mktemp("received")
    config = write_toy_table(folder)
    dataset = mmgen.make_dataset("table", {"config": str(config)})
    run = mmgen.train("elbo", dataset, output=folder / "run", epochs=1, latent_dim=2, quiet=True)
    run.evaluate(metrics=["reconstruction"])
    return folder / "run"


@pytest.fixture
def run(original, tmp_path):
    return shutil.copytree(original, tmp_path / "run")


def change(path, **sections):
    content = yaml.safe_load(path.read_text())
    for name, value in sections.items():
        content[name] = {**content[name], **value} if isinstance(value, dict) else value
    path.write_text(yaml.safe_dump(content, sort_keys=False))


def use(run):
    """Everything that is done with a run whose data are not asked for."""
    opened = mmgen.load_run(run)
    _ = opened.history, opened.results, opened._repr_html_()
    opened.generate(n=2)


@pytest.mark.parametrize("side", ["train", "val"])
@pytest.mark.parametrize(
    "terms", [{}, {"lost": 1.0}, {"loss": None}, {"loss": "1e"}, {"loss": 1.0, "kl": [1]}], ids=str
)
def test_an_epoch_without_its_numbers_is_named(run, side, terms):
    with (run / "history.jsonl").open("a") as file:
        file.write(json.dumps({"epoch": 7, "train": {"loss": 1.0}, side: terms}) + "\n")
    with raises_sentence(rf"history\.jsonl' is damaged in line \d+: {side}", MmgenError):
        use(run)


@pytest.mark.parametrize("option", ["latent_dim", "beta"])
def test_a_model_without_its_numbers_is_named(run, option):
    content = yaml.safe_load((run / "config.yaml").read_text())
    del content["model"][option]
    (run / "config.yaml").write_text(yaml.safe_dump(content, sort_keys=False))
    with raises_sentence(rf"config\.yaml' is damaged: model\.{option}", MmgenError):
        use(run)


LINES = {
    "no JSON": "x",
    "no row": "null",
    "a list": "[1]",
    "a row of something else": '{"a": 1}',
    "nested without end": "[" * 100_000,
    "a number of digits without end": '{"epoch": ' + "9" * 5000 + "}",
}


@pytest.mark.parametrize("line", LINES)
@pytest.mark.parametrize("name", ["history.jsonl", "results.jsonl"])
def test_a_damaged_line_is_named(run, name, line):
    count = len((run / name).read_text().splitlines())
    with (run / name).open("a") as file:
        file.write(f"{LINES[line]}\n")
    with raises_sentence(f"{name}' is damaged in line {count + 1}:", MmgenError):
        use(run)


ENVIRONMENTS = {
    "no JSON": b"{",
    "no text": b"\xff",
    "a list": b"[]",
    "components that are none": b'{"components": [1]}',
    "a component without a name": b'{"components": [{"kind": "objectives"}]}',
    "data that are none": b'{"data": []}',
    "rows that are none": b'{"data": {"rows": {"train": "many"}}}',
    "nested without end": b"[" * 100_000,
}


@pytest.mark.parametrize("content", ENVIRONMENTS)
def test_a_damaged_environment_is_named(run, content):
    (run / "environment.json").write_bytes(ENVIRONMENTS[content])
    with raises_sentence(r"environment\.json' is damaged: ", MmgenError):
        use(run)


@pytest.mark.parametrize(
    ("sections", "sentence"),
    [
        ({"prior": 3}, r"config\.yaml' is damaged: prior"),
        ({"objective": {"name": [1]}}, r"config\.yaml' is damaged: objective"),
        ({"modalities": {}}, "describes another model|does not describe its model"),
        ({"modalities": {"genes": 3}}, r"config\.yaml' is damaged: modalities\.genes"),
        ({"training": {"seed": "x"}}, r"config\.yaml' is damaged: training\.seed"),
        ({"labels": {"a": 3}}, r"config\.yaml' is damaged: labels"),
        ({"more": 3}, r"config\.yaml' is damaged: more"),
        ({"model": {"latent_dim": 5}}, r"describes another model than its model\.safetensors holds: '.*' is stored as"),
        ({"model": {"latent_dim": 10**9}}, "larger than the stored weights"),
        (
            {"model": {"latent_dim": 0}},
            r"config\.yaml of the run in '.*' does not describe its model: model\.latent_dim",
        ),
        ({"prior": None}, r"config\.yaml of the run in '.*' does not describe its model: it has no section 'prior'"),
        ({"aggregator": None}, r"does not describe its model: it has no section 'aggregator'"),
    ],
)
def test_a_damaged_configuration_is_named(run, sections, sentence):
    content = yaml.safe_load((run / "config.yaml").read_text())
    for name, value in sections.items():
        merged = {**content.get(name, {}), **value} if isinstance(value, dict) and value else value
        content[name] = merged
    (run / "config.yaml").write_text(yaml.safe_dump(content, sort_keys=False))
    with raises_sentence(sentence, MmgenError):
        use(run)


FILES = ("config.yaml", "environment.json", "model.safetensors", "rows.safetensors", "history.jsonl", "results.jsonl")


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="this system has no named pipes")
@pytest.mark.parametrize("make", [os.mkfifo, lambda path: path.symlink_to("/dev/zero")], ids=["pipe", "device"])
@pytest.mark.parametrize("name", FILES)
def test_what_never_begins_or_never_ends_is_no_file_of_a_run(run, name, make):
    (run / name).unlink()
    make(run / name)
    with raises_sentence("it is a device or a pipe, and no file", MmgenError, naming=name):
        use(run)
        mmgen.load_run(run).evaluate(metrics=["reconstruction"])


@pytest.mark.parametrize("hidden", [[10**9], [10**6] * 3, [4] * 20_000])
def test_a_model_that_is_larger_than_its_weights_is_not_built(run, hidden):
    content = yaml.safe_load((run / "config.yaml").read_text())
    next(iter(content["modalities"].values()))["hidden"] = hidden
    (run / "config.yaml").write_text(yaml.safe_dump(content, sort_keys=False))
    with raises_sentence("larger than the stored weights", MmgenError):
        use(run)


@pytest.mark.parametrize("make", [lambda: torch.empty(2**45), lambda: torch.eye(2**22), lambda: torch.arange(2**45)])
def test_memory_is_refused_before_it_is_taken(make):
    with Within({}), pytest.raises(Exception, match="larger than the stored weights"):
        make()


def test_weights_of_another_model_are_named(run):
    weights = load_file(run / "model.safetensors")
    name = next(iter(weights))
    save_file({**weights, "more": torch.zeros(1)}, run / "model.safetensors")
    with raises_sentence("'more' is none of its tensors", MmgenError):
        use(run)
    save_file({key: value for key, value in weights.items() if key != name}, run / "model.safetensors")
    with raises_sentence("is not stored", MmgenError):
        use(run)


def test_a_checkpoint_that_is_none_is_named(run):
    (run / "checkpoints").mkdir(exist_ok=True)
    shutil.copy(run / "model.safetensors", run / LAST)
    with raises_sentence(r"last\.safetensors' is damaged: it does not say how far", MmgenError):
        Checkpoint.read(mmgen.load_run(run).folder)


def test_a_damaged_record_of_rows_is_named(run):
    save_file({"other": torch.zeros(1)}, run / "rows.safetensors")
    with raises_sentence(r"rows\.safetensors' is damaged", MmgenError):
        _ = mmgen.load_run(run).data


@pytest.fixture
def no_network(monkeypatch):
    """Connections and names of hosts that were asked for."""
    asked = []

    def refuse(*arguments, **words):
        asked.append(arguments)
        raise OSError("no network here")

    monkeypatch.setattr(socket.socket, "connect", refuse)
    monkeypatch.setattr(socket, "getaddrinfo", refuse)
    return asked


def test_a_run_cannot_have_anything_fetched(run, tmp_path, no_network):
    evil = tmp_path / "evil" / "where"
    change(run / "config.yaml", dataset={"name": "cub", "root": str(evil), "download": True})
    content = yaml.safe_load((run / "config.yaml").read_text())
    content["dataset"] = {"name": "cub", "root": str(evil), "download": True}
    (run / "config.yaml").write_text(yaml.safe_dump(content))
    (run / "environment.json").unlink()
    with pytest.raises(MmgenError):
        _ = mmgen.load_run(run).data
    assert not no_network
    assert not evil.parent.exists()


def test_a_run_cannot_name_a_dataset_of_the_hub(run, no_network, monkeypatch):
    import datasets
    import huggingface_hub.constants

    for module in (datasets.config, huggingface_hub.constants):  # as they are where nobody said otherwise
        monkeypatch.setattr(module, "HF_HUB_OFFLINE", False)
    change(run / "config.yaml", dataset={"path": "somebody/tracks"})
    with raises_sentence("opening a run fetches nothing that the run names: say --set dataset.path=somebody/tracks"):
        _ = mmgen.load_run(run).data
    assert not no_network
    assert datasets.config.HF_HUB_OFFLINE is False, "only while the run is opened"


def test_words_of_a_run_are_no_command(run):
    facts = json.loads((run / "environment.json").read_text())
    facts["components"].append({"kind": "objectives", "name": "x", "distribution": "evil; rm -rf ~", "version": "1"})
    (run / "environment.json").write_text(json.dumps(facts))
    with pytest.raises(MmgenError) as raised:
        _ = mmgen.load_run(run).model
    assert "pip install" not in str(raised.value)
    assert "'evil; rm -rf ~'" in str(raised.value)


def test_versions_of_a_run_are_versions(run):
    edit_text(
        run / "environment.json",
        '"name": "elbo",\n      "distribution": "mmgen-core",\n      "version": "0.1.0"',
        '"name": "gone",\n      "distribution": "mmgen-plugin-mvae",\n      "version": "1 --index-url http://evil"',
    )
    with pytest.raises(MmgenError, match=r"pip install mmgen-plugin-mvae$"):
        _ = mmgen.load_run(run).model
