"""A run is opened from its folder, or by a plugin that knows another layout; where none does, a sentence says so."""

import pytest

from mmgen import MmgenError, load_run
from mmgen.testing import toy_run

OPENER = """
from pathlib import Path
from mmgen.runs import RunFolder

def open_link(path):
    file = Path(path)
    return RunFolder(file.read_text().strip()) if file.suffix == ".link" else None
"""


@pytest.fixture
def install_opener(install):
    """Puts a distribution with an opener, and the module that has it, on the path."""

    def put(module, source):
        install("mmgen-plugin-links", {"mmgen.openers": {"link": f"{module}:open_link"}}, {module: source})

    return put


@pytest.fixture
def run(tmp_path):
    return toy_run(output=tmp_path / "run")


def test_a_plugin_opens_what_is_no_run_folder(run, install_opener, tmp_path):
    (tmp_path / "mine.link").write_text(str(run.path))
    install_opener("opening_links", OPENER)
    assert load_run(tmp_path / "mine.link").config == run.config
    with pytest.raises(MmgenError, match=r"There is no run in .*nothing"):
        load_run(tmp_path / "nothing")


def test_a_broken_opener_costs_what_it_would_open(run, install_opener, tmp_path):
    install_opener("opening_nothing", "import nothing_like_this\n")
    assert load_run(run.path).config == run.config
    with pytest.raises(MmgenError, match=r"mmgen-plugin-links .* cannot be imported"):
        load_run(tmp_path / "nothing")


def test_without_the_plugin_a_sentence_says_what_opens_the_hub(run, tmp_path, monkeypatch):
    monkeypatch.setenv("MMGEN_LOAD_PLUGINS", "")
    assert load_run(run.path).config == run.config
    for path in (tmp_path, "user/name"):
        with pytest.raises(MmgenError, match=r"There is no run in .*pip install mmgen-plugin-report"):
            load_run(path)
