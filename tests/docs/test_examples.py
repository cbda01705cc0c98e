"""Every ``>>>`` example of a docstring is run, in the small world of ``conftest.py``."""

import doctest
from importlib import import_module
from pathlib import Path

import pytest

from mmgen_plugin_compare import runner
from mmgen_plugin_compare.testing import run_here

ROOT = Path(__file__).parents[2]
MODULES = [
    ".".join(path.relative_to(folder).with_suffix("").parts).removesuffix(".__init__")
    for folder in (ROOT, *sorted(ROOT.glob("plugins/*")))
    for path in sorted(folder.glob("mmgen*/**/*.py"))
    if ">>>" in path.read_text(encoding="utf-8")
]
ENTRIES = (  # where the functions are that people begin with
    "mmgen.data.loading",
    "mmgen.evaluation.evaluate",
    "mmgen.evaluation.metric",
    "mmgen.registry.registered",
    "mmgen.runs.run",
    "mmgen.training.train",
    "mmgen_plugin_compare.comparison",
    "mmgen_plugin_papers.reproduction",
    "mmgen_plugin_report.hub.export",
    "mmgen_plugin_report.page",
    "mmgen_plugin_vision.digits",
)


@pytest.fixture
def short_world(world, monkeypatch):
    """The world of the pages, in which comparisons and reproductions make their runs here, each of a single epoch."""
    run_here(monkeypatch)
    for module in ("mmgen_plugin_compare.comparison", "mmgen_plugin_papers.reproduction"):
        monkeypatch.setattr(f"{module}.make_runs", runner.make_runs)


@pytest.mark.parametrize("name", MODULES)
def test_examples_say_what_happens(name, short_world):
    results = doctest.testmod(import_module(name), raise_on_error=False, verbose=False)
    assert results.attempted, f"{name} has '>>>' where no example is found"
    assert not results.failed, f"{results.failed} examples of {name} are wrong; the output above says how"


def test_the_entry_points_have_examples():
    assert set(ENTRIES) <= set(MODULES)
