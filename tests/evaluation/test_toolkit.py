"""What metrics are written with: sizes of subsets, means over them, and figures."""

import numpy as np
import pytest
from matplotlib.figure import Figure

from mmgen import Evaluation, Metric
from mmgen.errors import MmgenError, PluginError
from mmgen.evaluation import Means, SubsetSize, mean_row, row, save_figures, summed_over
from mmgen.evaluation.figures import figure
from mmgen.evaluation.metric import is_summary
from mmgen.evaluation.subsets import MEAN
from mmgen.testing import make_model, toy_data


@pytest.fixture
def evaluation():
    data = toy_data(rows=18)
    return Evaluation(make_model("elbo", data), data)


@pytest.mark.parametrize("size", [(1, 3), (2, 6), (12, 127)])
def test_a_size_is_read_as_it_is_written(size):
    assert SubsetSize.parse(str(SubsetSize(*size))) == SubsetSize(*size)
    assert str(SubsetSize(*size)) == f"{size[0]} of {size[1]}"


@pytest.mark.parametrize(
    "given", ["", "prior", "self", "real data", "vector+text", "speed of 3", "1 of", "1 of 3 of 5"]
)
def test_what_is_no_size_is_none(given):
    assert SubsetSize.parse(given) is None


def test_a_modality_whose_name_looks_like_a_size_is_no_summary():
    assert is_summary("2 of 3", "text") and not is_summary("angle of attack", "text")


def test_means_are_over_the_subsets_of_a_size_and_count_distinct_rows(evaluation):
    means = Means(evaluation, MEAN)
    first, second = np.arange(6) < 2, np.arange(6) < 3
    means.add("width", ("vector",), 1.0, first)
    means.add("width", ("text",), 4.0, second)
    means.add("width", ("vector", "text"), 7.0, first)
    means.add("width", (), 9.0, second)
    means.add("height", ("image",), 5.0, first, target="text", note="weak")
    found = [(r["measure"], r["given"], r["target"], r["value"], r["n"]) for r in means.rows("class")]
    assert found == [
        ("height", "1 of 3", "text", 5.0, 2),
        ("width", "prior", "mean", 9.0, 3),
        ("width", "1 of 3", "mean", 2.5, 3),
        ("width", "2 of 3", "mean", 7.0, 2),
    ]
    assert [numbers.measure for numbers in means.groups()] == ["width", "width", "width", "height"]
    assert next(numbers for numbers in means.groups() if numbers.measure == "height").notes == ["weak"]


def test_a_mean_over_targets_counts_distinct_rows():
    masks = [np.array([True, True, False]), np.array([False, True, False])]
    assert mean_row("x", [1.0, 2.0], masks, given="all of it") == row("x", 1.5, 2, given="all of it", target="mean")


def test_a_sum_names_what_it_is_over():
    assert summed_over({"b", "a"}, ["a", "b"]) == "all"
    assert summed_over(["c", "a"], ["a", "b", "c"]) == "a+c"


class Drawn(Metric):
    """A metric with a figure."""

    name = "drawn"

    def unavailable_reason(self, evaluation):
        return None if evaluation.split == "test" else "there is nothing to draw"

    def summarise(self, evaluation, judgements):
        return []

    def figures(self, evaluation, metrics=()):
        assert self in metrics
        return {self.name: Figure()}


class Clashing(Drawn):
    """A metric whose figure has the name of the core's."""

    name = "latents"


def test_a_metric_adds_a_figure_where_it_can_be_computed(evaluation, tmp_path):
    evaluation.targets = []  # no pictures of what is generated
    names = {path.name for path in save_figures(evaluation, [], tmp_path)}
    assert "drawn.png" not in names
    assert {path.name for path in save_figures(evaluation, [], tmp_path, metrics=[Drawn])} == {*names, "drawn.png"}
    other = Evaluation(evaluation.model, evaluation.data, split="val")
    other.targets = []
    assert "drawn.png" not in {path.name for path in save_figures(other, [], tmp_path, metrics=[Drawn])}


def test_a_figure_that_would_replace_another_is_refused(evaluation, tmp_path):
    evaluation.targets = []
    with pytest.raises(PluginError, match="Two figures of the run are called 'latents'"):
        save_figures(evaluation, [], tmp_path, metrics=[Clashing])


def test_one_figure_is_drawn_by_the_name_of_its_file(evaluation, tmp_path):
    evaluation.targets = []
    names = [path.stem for path in save_figures(evaluation, [], tmp_path)]
    assert {"latents", "collapse"} <= set(names)
    assert all(isinstance(figure(evaluation, name), Figure) for name in names)
    with pytest.raises(MmgenError, match=r"no figure 'latent' .* latents, .*did you mean 'latents'"):
        figure(evaluation, "latent")


def test_a_figure_of_numbers_has_them_computed():
    data = toy_data()
    evaluation = Evaluation(make_model("elbo", data).float(), data)
    options = {"imputation": {"draws": 40, "baselines": ["ridge"]}}
    assert "Skill" in figure(evaluation, "imputation", options=options).axes[0].get_title()
