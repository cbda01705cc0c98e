"""A run is opened from its folder, or by a plugin that knows another layout; where none does, a sentence says so."""

import pytest

from mmgen import MmgenError, MultimodalVAE, Trainer, load_run
from mmgen.registry import refresh
from mmgen.testing import toy_data

OPENER = """
from pathlib import Path
from mmgen.runs import RunFolder

def open_link(path):
    file = Path(path)
    return RunFolder(file.read_text().strip()) if file.suffix == ".link" else None
"""


@pytest.fixture
def install(tmp_path, monkeypatch):
    """Puts a distribution with an opener on the path, as pip would."""
    site = tmp_path / "site"
    site.mkdir()
    monkeypatch.syspath_prepend(site)

    def put(module, source):
        info = site / "mmgen_plugin_links-1.0.dist-info"
        info.mkdir()
        (info / "METADATA").write_text("Metadata-Version: 2.1\nName: mmgen-plugin-links\nVersion: 1.0\n")
        (info / "entry_points.txt").write_text(f"[mmgen.openers]\nlink = {module}:open_link\n")
        (site / f"{module}.py").write_text(source)
        refresh()

    yield put
    monkeypatch.undo()
    refresh()


@pytest.fixture
def run(tmp_path):
    data = toy_data(rows=20)
    model = MultimodalVAE.create("elbo", data, latent_dim=2)
    return Trainer(epochs=1).fit(model, data, output=str(tmp_path / "run"))


def test_a_plugin_opens_what_is_no_run_folder(run, install, tmp_path):
    (tmp_path / "mine.link").write_text(str(run.path))
    install("opening_links", OPENER)
    assert load_run(tmp_path / "mine.link").config == run.config
    with pytest.raises(MmgenError, match=r"There is no run in .*nothing"):
        load_run(tmp_path / "nothing")


def test_a_broken_opener_costs_what_it_would_open(run, install, tmp_path):
    install("opening_nothing", "import nothing_like_this\n")
    assert load_run(run.path).config == run.config
    with pytest.raises(MmgenError, match=r"mmgen-plugin-links .* cannot be imported"):
        load_run(tmp_path / "nothing")


def test_without_the_plugin_a_sentence_says_what_opens_the_hub(run, tmp_path, monkeypatch):
    monkeypatch.setenv("MMGEN_LOAD_PLUGINS", "")
    assert load_run(run.path).config == run.config
    for path in (tmp_path, "user/name"):
        with pytest.raises(MmgenError, match=r"There is no run in .*pip install mmgen-plugin-report"):
            load_run(path)
