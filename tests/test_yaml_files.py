"""YAML as people write it: scalars of YAML 1.2, names as they are written, and what is written comes back."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mmgen.errors import MmgenError
from mmgen.testing import raises_sentence
from mmgen.yaml_files import dump_yaml, parse_yaml, read_mapping


@pytest.mark.parametrize(
    ("text", "value"),
    [
        *[
            (word, word)
            for word in (
                "NO",
                "yes",
                "on",
                "Off",
                "y",
                "010",
                "01.5",
                "0x1F",
                "0o7",
                "12:30",
                "2024-01-01",
                "1e",
                "NaN",
            )
        ],
        *[("true", True), ("FALSE", False), ("~", None), ("null", None), ("", None), (".inf", float("inf"))],
        *[
            ("0", 0),
            ("-12", -12),
            ("1_000", 1000),
            ("1e-3", 1e-3),
            ("1.", 1.0),
            (".5", 0.5),
            ("0.25", 0.25),
            ("+3", 3),
            ("1e3", 1000.0),
        ],
    ],
)
def test_scalars(text, value):
    found = parse_yaml(text, "It")
    assert (found, type(found)) == (value, type(value))


def test_names_are_what_is_written():
    text = "a: {NO: [1e3, null, 'x', 2024-01-01], 1e1: ~}\nb: 010\nc:\nd: null\n"
    assert parse_yaml(text, "It", (("a", "*"), ("a",), ("b",), ("c",), ("d",))) == {
        "a": {"NO": ["1e3", "null", "x", "2024-01-01"], "1e1": None},
        "b": "010",
        "c": None,
        "d": None,
    }


texts = st.text(st.characters(exclude_categories=["C", "Zl", "Zp"]), max_size=8)  # without line ends, which YAML folds
scalars = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | texts
words = st.sampled_from(
    ["1e3", "NO", "y", "010", "2024-01-01", "1:30", "~", "null", "<<", "=", "0x1", "1_0", ".5", "true"]
)


def lists_and_mappings(inner):
    return st.lists(inner, max_size=4) | st.dictionaries(texts | words, inner, max_size=4)


@given(st.recursive(scalars | words, lists_and_mappings))
def test_what_is_written_comes_back(value):
    assert parse_yaml(dump_yaml(value), "It") == value


NESTED = "a: &a [x,x,x,x,x,x,x,x,x]\n" + "".join(
    f"{chr(98 + j)}: &{chr(98 + j)} [{','.join([f'*{chr(97 + j)}'] * 9)}]\n" for j in range(12)
)


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        (NESTED, r"has more than 1000000 values once its aliases \(\*\) are written out"),
        ("a: &a [*a]", "a value holds itself"),
        ("[" * 100_000, "has more than 200 levels"),
        ("- " * 100_000, "has more than 200 levels"),
        ("!!timestamp x", r"not of the kind that its tag \(!!\) says"),
        ("!!python/object:os.system x", "not valid YAML in line 1: could not determine a constructor"),
        ("a: [", "not valid YAML in line 2"),
    ],
)
def test_what_is_no_yaml_is_a_sentence(text, sentence):
    with raises_sentence(sentence, MmgenError):
        parse_yaml(text, "It")


def test_a_file_without_end_is_a_sentence(tmp_path, monkeypatch):
    monkeypatch.setattr("mmgen.yaml_files._LARGEST", 2**20)
    path = tmp_path / "a.yaml"
    path.symlink_to("/dev/zero")
    with raises_sentence("is larger than 1 MiB; what is read as YAML is not", MmgenError, naming=path):
        read_mapping(path)
