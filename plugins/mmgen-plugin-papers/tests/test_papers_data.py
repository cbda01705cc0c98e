"""The papers: each file is valid, every printed number is there once, and what runs are made of resolves where it
is installed.
"""

import math

import pytest

from mmgen.models import ModelConfig
from mmgen.options import validated
from mmgen.registry import entries, load
from mmgen.runs import TrainingConfig
from mmgen_plugin_papers import papers, read_paper
from mmgen_plugin_papers.answer_checks import measures_of
from mmgen_plugin_papers.experiment_grids import experiment_grids
from mmgen_plugin_papers.experiments import SCALES
from mmgen_plugin_papers.paper import missing_plugins
from mmgen_plugin_papers.request import ReproductionRequest

NAMES = tuple(papers())  # of whatever distribution
OF_THIS_PACKAGE = tuple(name for name, path in papers().items() if path.parts[-3] == "mmgen_plugin_papers")
# how many numbers each paper prints, their sum, and the sum of the printed deviations, as counted in the papers
PRINTED = {
    "cmmd": (113, 2978.0441, 0.56859),
    "crmvae": (1, 0.30, 0.0),
    "mmvamp": (0, 0.0, 0.0),
    "smvae": (158, 112.03, 0.0),
}


@pytest.fixture(scope="module")
def read():
    return {name: read_paper(name) for name in NAMES}


def test_every_paper_of_this_package_has_been_counted():
    assert set(OF_THIS_PACKAGE) == set(PRINTED), "PRINTED has a line for each paper"


@pytest.mark.parametrize("name", OF_THIS_PACKAGE)
def test_every_printed_number_is_there(read, name):
    cells = [cell for table in read[name].tables for row in table.printed.values() for cell in row if cell is not None]
    count, total, deviations = PRINTED[name]
    assert len(cells) == count
    assert math.fsum(cell.value for cell in cells) == pytest.approx(total, abs=1e-6)
    assert math.fsum(cell.std or 0 for cell in cells) == pytest.approx(deviations, abs=1e-6)


@pytest.mark.parametrize(
    ("paper", "table", "method", "column", "value", "std"),
    [
        ("crmvae", "table-1", "mvae", "S → M", 0.30, None),
        ("smvae", "table-1", "mmvae", "S", 0.83, None),
        ("smvae", "table-2", "smvae", "T → S", 0.82, None),
        ("smvae", "table-2", "mvae", "M+S+T → S", 0.78, None),
        ("smvae", "table-3", "mvae", "T → I", 0.30, None),
        ("smvae", "table-4", "smvae", "latent, I", 0.58, None),
        ("smvae", "table-6", "vgon", "I+T → T", 0.45, None),
        ("cmmd", "table-1", "mmvae-iwae", "fold 3, error %", 60.2, None),
        ("cmmd", "table-1", "cmmd", "average, rmse", 0.76, None),
        ("cmmd", "table-2-mnist", "dcca-pretrained", "error %", 2.9, None),
        ("cmmd", "table-2-xrmb", "cmmd", "error %", 21.1, None),
        ("cmmd", "table-2-flickr", "mvae", "mAP %", 65.0, None),
        ("cmmd", "table-3", "cmmd", "accuracy %", 97.6, 0.08),
        ("cmmd", "table-4", "cmmd-two", "accuracy %", 98.9, 0.13),
        ("cmmd", "table-6", "cmmd", "speaker 28, rmse", 0.56704, None),
        ("cmmd", "table-6", "cmmd", "average, error", 0.21161, 0.03685),
        ("cmmd", "text-4.3.4", "badino", "test set", 2.14, None),
        ("cmmd", "figure-2", "mmvae-elbo", "variances at most 0.06", 0.45, None),
    ],
)
def test_some_numbers_are_where_the_paper_has_them(read, paper, table, method, column, value, std):
    layout = read[paper].table(table)
    place = [one.name for one in layout.columns].index(column)
    cell = layout.printed[method][place]
    assert (cell.value, cell.std) == (value, std)


@pytest.mark.parametrize("name", NAMES)
def test_what_columns_ask_for_is_a_measure_of_a_metric(read, name):
    for table in read[name].tables:
        for answer in (answer for column in table.columns for answer in column.answers):
            metric = load("metrics", answer.metric)
            assert answer.measure in measures_of(metric)
            source = " ".join([metric.__doc__ or "", *(base.__doc__ or "" for base in metric.__mro__)])
            assert answer.measure.removesuffix("_map") in source or answer.measure in (*metric.headline, "FID"), (
                f"{table.id}: {answer.measure}"
            )


@pytest.mark.parametrize("name", NAMES)
def test_every_objective_and_dataset_has_a_distribution_to_install(read, name):
    paper = read[name]
    for experiment in paper.experiments.values():
        objectives = {method.objective for method in experiment.methods.values() if method.objective}
        for component in {experiment.dataset, *objectives}:
            assert paper.plugins[component].startswith("mmgen-plugin-")
    installed = {entry.name: entry.distribution for kind in ("objectives", "datasets") for entry in entries(kind)}
    for component, distribution in paper.plugins.items():
        assert installed.get(component, distribution) == distribution


@pytest.mark.parametrize("scale", SCALES)
@pytest.mark.parametrize("name", NAMES)
def test_every_run_has_a_recipe_and_a_valid_configuration_where_its_plugins_are_installed(read, name, scale, tmp_path):
    paper = read[name]
    tables = [table for table in paper.tables if table.experiment is not None and not missing_plugins(paper, [table])]
    if not tables:
        pytest.skip("none of its plugins are installed")
    for one in experiment_grids(ReproductionRequest(name, paper, tuple(tables), scale), tmp_path):
        for key, series in one.grid.series.items():
            config, where = series.config, f"{one.name}: {key}"
            objective = paper.experiments[one.experiment].methods[key].objective
            data = config["dataset"]["name"]
            of_any = [f"{data}-{scale}"] if scale == "desk" else []
            assert config["recipe"] in (f"{objective}-{data}-{scale}", *of_any), where
            validated(TrainingConfig, config["training"], where)
            validated(ModelConfig, config["model"], where)
            for section, kind in (("objective", "objectives"), ("dataset", "datasets")):
                options = dict(config[section])
                validated(load(kind, options.pop("name")).Config, options, f"{where}, {section}")
            for metric, options in config.get("metrics", {}).items():
                validated(load("metrics", metric).Config, options, where)
            for stage in config["training"].get("stages", []):
                assert set(stage.get("objective", {})) <= set(load("objectives", objective).staged), where


def test_the_loss_of_the_rats_is_on_the_axis_of_the_figure():
    """The released code has no constant: −Σ (x − μ)² instead of log N(x; μ, ½), which is less by ½ log π per value."""
    modalities = load("datasets", "rats")().modalities().values()
    assert {modality.likelihood.name for modality in modalities} == {"squared-error"}
    (answer,) = read_paper("mmvamp").table("figure-5").columns[0].answers
    assert answer.plus == pytest.approx(-0.5 * math.log(math.pi) * sum(modality.dimension for modality in modalities))
