"""Views of latents that have more than two dimensions."""

import sys
from importlib.util import find_spec
from types import ModuleType

import numpy as np
import pytest

from mmgen import Evaluation, MmgenError, MultimodalVAE
from mmgen.evaluation import Projection, check_view, latent_scatter, project
from mmgen.testing import toy_data


@pytest.fixture
def evaluation():
    data = toy_data(("vector", "counts"), rows=60)
    return Evaluation(MultimodalVAE.create("elbo", data, latent_dim=5), data)


@pytest.fixture
def three_groups():
    """Points of three groups around three corners of ten dimensions."""
    random = np.random.default_rng(0)
    groups = np.arange(60) % 3
    return groups, 12 * np.eye(10)[groups] + random.normal(size=(60, 10))


def test_t_sne_keeps_neighbours_together_and_is_the_same_each_time(three_groups):
    groups, points = three_groups
    made = project(points, "tsne").points
    assert made.shape == (60, 2)
    distances = np.linalg.norm(made[:, None] - made[None], axis=-1) + 1e9 * np.eye(60)
    assert (groups[distances.argmin(1)] == groups).all()
    assert np.array_equal(made, project(points, "tsne").points)


@pytest.mark.parametrize("view", ["pca", "tsne"])
def test_axes_and_points_say_which_view_it_is(evaluation, view):
    called = {"pca": "principal component", "tsne": "t-SNE"}[view]
    panels = latent_scatter(evaluation, view).axes
    assert [axes.get_xlabel() for axes in panels] == [f"{called} 1"] * 2
    assert panels[0].get_ylabel() == f"{called} 2"
    assert len(panels[0].collections[0].get_offsets()) == 2 * 30


def test_views_that_compare_points_see_a_few_of_them(evaluation, monkeypatch):
    monkeypatch.setattr("mmgen.evaluation.scatter.NEIGHBOURS", 25)
    of_label, of_given = latent_scatter(evaluation, "tsne").axes
    assert len(of_label.collections[0].get_offsets()) == len(of_given.collections[0].get_offsets()) == 25
    assert len(latent_scatter(evaluation, "pca").axes[0].collections[0].get_offsets()) == 60


def test_colours_stay_with_their_points(evaluation, monkeypatch):
    """Points made to be their row's class and what is given, thinned out: the colours must be those of the points."""
    monkeypatch.setattr("mmgen.evaluation.scatter.NEIGHBOURS", 40)
    latents = evaluation.latents()
    latents.means[..., 0] = evaluation.latents().table.labels["class"].float()
    latents.means[1, :, 1] = 7.0
    latents.means[0, :, 1] = -7.0
    monkeypatch.setattr("mmgen.evaluation.scatter.project", lambda points, view, seed: Projection(points[:, :2]))
    of_label, of_given = latent_scatter(evaluation, "tsne").axes
    for axes, of in ((of_label, lambda point: int(point[0])), (of_given, lambda point: int(point[1] > 0))):
        cloud = axes.collections[0]
        colours = {}
        for point, colour in zip(cloud.get_offsets(), cloud.get_facecolors()):
            colours.setdefault(of(point), set()).add(tuple(colour))
        assert all(len(each) == 1 for each in colours.values())
        assert len(set.union(*colours.values())) == len(colours) > 1


def test_one_or_two_dimensions_are_drawn_as_they_are():
    data = toy_data(("vector", "counts"), rows=12)
    evaluation = Evaluation(MultimodalVAE.create("elbo", data, latent_dim=2), data)
    axes = latent_scatter(evaluation, "tsne").axes[0]
    assert axes.get_xlabel() == "z 1"


def test_too_few_points_have_no_neighbours(three_groups):
    assert np.isfinite(project(three_groups[1][:3], "tsne").points).all()
    assert project(three_groups[1][:5], "tsne").points.shape == (5, 2)


def test_shares_of_the_variance_are_those_of_the_eigenvalues(three_groups):
    points = three_groups[1]
    eigenvalues = np.linalg.eigvalsh(np.cov(points.T))[::-1]
    projection = project(points)
    assert projection.shares == pytest.approx(eigenvalues[:2] / eigenvalues.sum())
    assert projection.points.var(0, ddof=1) == pytest.approx(eigenvalues[:2])
    assert project(points, "tsne").shares == project(points[:, :2]).shares == ()


def test_a_line_and_a_single_point_have_no_view(three_groups):
    points = three_groups[1]
    line = project(points[:, :1])
    assert np.array_equal(line.points, np.stack([points[:, 0], np.zeros(60)], 1)) and line.view == ""
    assert np.array_equal(project(points[:1]).points, points[:1, :2])


def test_a_view_that_there_is_not_is_refused():
    with pytest.raises(MmgenError, match=r"There is no view 'isomap' of latents; there are pca, tsne, umap\."):
        check_view("isomap")


@pytest.mark.skipif(find_spec("umap") is not None, reason="umap-learn is installed")
def test_umap_that_is_not_installed_is_one_sentence(evaluation):
    with pytest.raises(MmgenError, match=r"needs the package umap-learn: pip install 'mmgen-core\[umap\]'\."):
        latent_scatter(evaluation, "umap")


def test_umap_is_seeded_and_says_that_it_is_umap(evaluation, monkeypatch):
    asked = []

    class UMAP:
        def __init__(self, **options):
            asked.append(options)

        def fit_transform(self, points):
            return points[:, :2]

    module = ModuleType("umap")
    module.UMAP = UMAP
    monkeypatch.setitem(sys.modules, "umap", module)
    monkeypatch.setattr("mmgen.evaluation.projection.find_spec", lambda name: object())
    assert latent_scatter(evaluation, "umap").axes[0].get_xlabel() == "UMAP 1"
    assert asked[0]["random_state"] == evaluation.seed
    assert asked[0]["n_jobs"] == 1
