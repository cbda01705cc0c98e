"""The YAML that describes one's own table, and the same keys as options."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mmgen.data.own_table import OwnTableConfig
from mmgen.errors import MmgenError
from mmgen.options import merge, validated
from mmgen.testing import raises_sentence

YAML = """
path: my.csv
label: diagnosis            # optional
group: subject              # optional
modalities:
  genes:    {columns: [g0, g1, g2], kind: vector}         # or columns: "g*"
  proteins: {columns: "p*", kind: counts, likelihood: poisson}
  scan:     {array: scan, kind: image}                    # an array of an NPZ or safetensors file
"""
OPTIONS = {
    "label": "diagnosis",
    "group": "subject",
    "modalities": {
        "genes": {"columns": ["g0", "g1", "g2"], "kind": "vector"},
        "proteins": {"columns": "p*", "kind": "counts", "likelihood": "poisson"},
        "scan": {"array": "scan", "kind": "image"},
    },
}


@pytest.fixture
def yaml_file(tmp_path) -> Path:
    path = tmp_path / "described" / "my.yaml"
    path.parent.mkdir()
    path.write_text(YAML, encoding="utf-8")
    return path


def check(**options) -> OwnTableConfig:
    return validated(OwnTableConfig, options, "dataset")


def test_the_file_and_the_options_say_the_same(yaml_file):
    config = check(config=str(yaml_file))
    assert config == check(path=yaml_file.parent / "my.csv", **OPTIONS)
    assert config.config is None
    assert config.path == str(yaml_file.parent / "my.csv")


def test_what_was_resolved_can_be_written_down_and_read_from_another_folder(yaml_file, tmp_path, monkeypatch):
    config = check(config=yaml_file)
    monkeypatch.chdir(tmp_path)
    assert check(**json.loads(json.dumps(config.model_dump(mode="json")))) == config


def test_options_win_over_the_file_key_by_key(yaml_file, monkeypatch):
    monkeypatch.chdir(yaml_file.parent.parent)
    config = check(
        config=yaml_file, path="other.csv", label="state", modalities={"proteins": {"likelihood": "negative-binomial"}}
    )
    assert config.path == str(Path("other.csv").resolve())
    assert (config.label, config.group) == ("state", "subject")
    assert config.modalities["proteins"].columns == ("p*",)
    assert config.modalities["proteins"].fields == {"likelihood": {"name": "negative-binomial"}}
    assert list(config.modalities) == ["genes", "proteins", "scan"]


def test_numbers_as_names_are_names():
    config = check(
        path="a.csv",
        label=5,
        modalities={"first": {"columns": [0, 1], "kind": "vector"}, "second": {"columns": 2, "kind": "vector"}},
    )
    assert config.modalities["first"].columns == ("0", "1")
    assert config.modalities["second"].columns == ("2",)
    assert config.label == "5"


@pytest.mark.parametrize(
    ("path", "hub"), [("owner/name", True), ("name", True), ("my.csv", False), ("./name", False), ("a/b/c", False)]
)
def test_names_on_the_hub_stay_names(path, hub, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert check(path=path, modalities=OPTIONS["modalities"]).path == (
        path if hub else str((tmp_path / path).resolve())
    )
    (tmp_path / "name").mkdir()
    assert check(path="name", modalities=OPTIONS["modalities"]).path == str(tmp_path / "name")


nested = st.recursive(
    st.integers(), lambda inner: st.dictionaries(st.sampled_from("abc"), inner, max_size=3), max_leaves=6
)
mappings = st.dictionaries(st.sampled_from("abc"), nested, max_size=3)


@given(mappings, mappings)
def test_merging(below, above):
    assert merge(below, {}) == below
    assert merge({}, above) == above
    assert merge(merge(below, above), above) == merge(below, above)
    assert set(merge(below, above)) == set(below) | set(above)


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("path: [my.csv", r"my.yaml' is not valid YAML in line \d+: .*\.$"),
        ("- path: my.csv", r"must hold keys with values"),
        ("", r"must hold keys with values"),
        ("path: my.csv\nlabels: x\n", r"has the key 'labels'; there are .*path, .*; did you mean 'label'\?"),
        ("config: other.yaml", r"has the key 'config'"),
        ("path: my.csv", r"dataset: give path \(a file\) and modalities"),
        ("path: my.csv\nmodalities: {a: {columns: x, kind: [x]}}", r"dataset.modalities.a.kind: "),
        (
            "path: my.csv\nmodalities: {a: {kind: vector, columns: x, array: y}}",
            r"dataset.modalities.a: give either columns .* or array",
        ),
        ("path: my.csv\nmodalities: [a]", r"dataset.modalities: \['a'\] is not right; it should be"),
        (YAML + "test_fraction: 0.6\nval_fraction: 0.5\n", r"leave nothing to train on"),
        (YAML + "test_fraction: 2\n", r"dataset.test_fraction: 2 is not right; it should be less than 1"),
    ],
)
def test_errors_of_the_file_are_sentences(yaml_file, text, sentence):
    yaml_file.write_text(text, encoding="utf-8")
    with raises_sentence(sentence, MmgenError):
        check(config=yaml_file)


def test_a_missing_an_unreadable_and_a_wrong_file(tmp_path):
    with pytest.raises(MmgenError, match=r"dataset.config: the file .*none.yaml' cannot be read: No such file"):
        check(config=tmp_path / "none.yaml")
    with pytest.raises(MmgenError, match=r"dataset.config: .* cannot be read: Is a directory"):
        check(config=tmp_path)
    (tmp_path / "bytes.yaml").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(MmgenError, match=r"bytes.yaml' cannot be read"):
        check(config=tmp_path / "bytes.yaml")
    with pytest.raises(MmgenError, match=r"dataset.config: 3: Input is not a valid path"):
        check(config=3)


def test_names_that_yaml_reads_as_something_else_are_what_is_written(yaml_file):
    names = ["NO", "y", "off", "1e3", "010", "2024-01-01", "12:30", "null", "~", "0x1F", "5"]
    columns = ", ".join(names)
    yaml_file.write_text(
        f"path: my.csv\nlabel: yes\ngroup: null\nsplit: 2024-02-02\nmissing: [NA, null, -999, '']\n"
        f"modalities:\n  NO: {{columns: [{columns}], kind: vector, transform: none}}\n  1e1: {{array: 1e2, kind: "
        f"vector}}\n"
        "  null: {columns: c, kind: labels, categories: [NO, 1.0, yes]}\n",
        encoding="utf-8",
    )
    config = check(config=yaml_file)
    assert (config.label, config.group, config.split) == ("yes", None, "2024-02-02")
    assert config.missing == ("NA", "null", "-999", "")
    assert list(config.modalities) == ["NO", "1e1", "null"]
    assert config.modalities["NO"].columns == tuple(names)
    assert config.modalities["1e1"].array == "1e2"
    assert config.modalities["null"].fields["categories"] == ["NO", "1.0", "yes"]


@pytest.mark.parametrize("value", [False, 1000.0])
def test_a_name_that_is_none_says_how_to_write_it(value):
    with pytest.raises(
        MmgenError, match="is not a name; write names that YAML reads as something else in quotation marks"
    ):
        check(path="a.csv", modalities={"a": {"columns": value, "kind": "vector"}})
    with pytest.raises(MmgenError, match=r"dataset.label: .* is not a name"):
        check(path="a.csv", label=value, modalities={"a": {"columns": "x", "kind": "vector"}})
