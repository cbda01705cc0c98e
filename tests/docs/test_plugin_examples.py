"""The ``>>>`` examples of plugins that do something with trained models are run, in the small world of the pages."""

import doctest
from importlib import import_module

import pytest

from mmgen_plugin_compare import runner
from mmgen_plugin_compare.testing import run_here

EXAMPLES = {  # module to the public names that have an example there
    "mmgen_plugin_compare.comparison": ("compare",),
    "mmgen_plugin_compare.summary": ("summarise",),
    "mmgen_plugin_papers.costs": ("listing",),
    "mmgen_plugin_papers.reproduction": ("dry_run", "reproduce"),
    "mmgen_plugin_report.hub.export": ("export_run", "push"),
    "mmgen_plugin_report.page": ("write_report",),
    "mmgen_plugin_samples.film": ("make_film",),
    "mmgen_plugin_vision.digits": ("load_digits",),
    "mmgen_plugin_vision.street_numbers": ("load_street_numbers",),
}


@pytest.fixture
def short_world(world, monkeypatch):
    """The world of the pages, in which comparisons and reproductions make their runs here, each of a single epoch."""
    run_here(monkeypatch)
    for module in ("mmgen_plugin_compare.comparison", "mmgen_plugin_papers.reproduction"):
        monkeypatch.setattr(f"{module}.make_runs", runner.make_runs)
    return world


@pytest.mark.parametrize(("module", "name"), [(module, name) for module, names in EXAMPLES.items() for name in names])
def test_an_example_of_a_plugin(module, name, short_world):
    function = getattr(import_module(module), name)
    (test,) = [one for one in doctest.DocTestFinder(recurse=False).find(function, name) if one.examples]
    text = []
    outcome = doctest.DocTestRunner().run(test, out=text.append)
    assert outcome.attempted and not outcome.failed, "".join(text)


def test_no_example_is_left_out():
    for module, names in EXAMPLES.items():
        tests = doctest.DocTestFinder().find(import_module(module), module)
        assert {test.name.removeprefix(f"{module}.") for test in tests if test.examples} == set(names)
