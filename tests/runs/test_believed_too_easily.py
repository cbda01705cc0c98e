"""What files say of themselves is checked: facts of the cache, recipes that extend each other, names, links."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

import mmgen
from mmgen.cli.guarded import is_sentence
from mmgen.data.prepared import read_prepared, write_prepared
from mmgen.errors import MmgenError, PluginError
from mmgen.registry import find, known_distribution, requirements
from mmgen.runs.config import from_assignments
from mmgen.testing import raises_sentence, toy_data, write_toy_table


@pytest.mark.parametrize(
    ("part", "value"), [("labels", {"class": ["u", "v", "w"]}), ("notes", ["nothing was left out"])]
)
def test_facts_of_the_cache_cannot_be_edited(tmp_path, part, value):
    write_prepared(tmp_path, toy_data(rows=20).dataset.splits())
    assert read_prepared(tmp_path) is not None
    facts = json.loads((tmp_path / "facts.json").read_text())
    assert facts[part] != value
    (tmp_path / "facts.json").write_text(json.dumps({**facts, part: value}))
    assert read_prepared(tmp_path) is None  # and so it is prepared anew


@pytest.mark.parametrize("text", ["prior=[1]", "objective=[1]", "prior.name=[1]", "prior.name={a: 1}"])
def test_names_are_words(text):
    with pytest.raises(MmgenError, match=r"is not right|its name is a word"):
        from_assignments([text])
    with raises_sentence(r"a prior is a word, such as those of mmgen list priors, and not \[1\]", PluginError):
        find("priors", [1])


def test_links_in_a_circle_and_homes_of_nobody(tmp_path, monkeypatch):
    write_toy_table(tmp_path)
    monkeypatch.chdir(tmp_path)
    Path("loop.csv").symlink_to("loop.csv")
    for path in ("loop.csv", "~nobody-of-this-name/my.csv"):
        with pytest.raises(MmgenError, match=r"There is no file or folder"):
            mmgen.load_dataset("table", config="my.yaml", path=path)


def test_want_of_memory_is_a_sentence():
    assert is_sentence(MemoryError("Unable to allocate 3 GiB"))
    assert is_sentence(RuntimeError("[enforce fail at alloc_cpu.cpp:117] DefaultCPUAllocator: can't allocate memory"))
    assert not is_sentence(RuntimeError("mat1 and mat2 shapes cannot be multiplied"))


def test_only_known_distributions_are_in_commands():
    assert known_distribution("MMGEN_plugin.MVAE") == "mmgen-plugin-mvae"
    assert known_distribution("somebody-elses") is None
    assert requirements({"mmgen-core": "0.1.0; rm -rf ~", "somebody-elses": "1.0"}) == "mmgen-core"
