"""Posterior and variance collapse against the rule word by word, and models that are collapsed by construction."""

import math
from dataclasses import replace

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from mmgen import Evaluation, MultimodalVAE, Trainer
from mmgen.distributions import Gaussian
from mmgen.evaluation.collapse import (
    PosteriorCollapse,
    PosteriorCollapseConfig,
    VarianceCollapse,
    VarianceCollapseConfig,
    collapsed_shares,
)
from mmgen.evaluation.figures import save_figures
from mmgen.testing import toy_data

WITH_SCALES = {"vector": {"likelihood": {"scale_kind": "predicted"}}}


def literally(values, epsilon, delta):
    """One dimension after the other, one row after the other."""
    rows, dimensions = len(values), len(values[0])
    collapsed = 0
    for j in range(dimensions):
        close = 0
        for row in values:
            close += row[j] <= epsilon
        collapsed += close * 1000 >= round((1 - delta) * 1000) * rows  # in whole thousandths
    return collapsed / dimensions


@given(st.integers(0, 2**31), st.integers(1, 210), st.integers(1, 5), st.sampled_from([0.0, 0.01, 0.05, 0.3]))
def test_the_curve_is_the_rule_word_by_word(seed, rows, dimensions, delta):
    random = np.random.default_rng(seed)
    values = (random.integers(0, 5, (rows, dimensions)) / 4) ** (
        8 * random.random(dimensions)
    )  # ties, and dimensions with few large ones
    values[random.random((rows, dimensions)) < 0.01] = np.nan
    levels = [0.0, 0.01, 0.25, 0.5, 1.0]
    found, n = collapsed_shares(iter(torch.from_numpy(values).split(50)), levels, delta)
    assert n == rows
    assert found.tolist() == pytest.approx([literally(values.tolist(), level, delta) for level in levels])


def test_one_row_in_a_hundred_may_be_far():
    near = torch.zeros(100, 1)
    near[3] = 9
    assert collapsed_shares(iter([near]), [1.0], 0.01)[0].tolist() == [1.0]
    near[4] = 9
    assert collapsed_shares(iter([near]), [1.0], 0.01)[0].tolist() == [0.0]


@pytest.fixture
def data():
    return toy_data(("vector", "counts"), rows=48)


def heads_of(model, name):
    return model.encoders[list(model.modalities).index(name)].head


@torch.no_grad()
def say_nothing(model, name, dimensions):
    """The posterior of one modality is N(0, 1) in some dimensions."""
    head = heads_of(model, name)
    for layer in (head.mean, head.spread):
        layer.weight[dimensions] = 0
        layer.bias[dimensions] = 0


@torch.no_grad()
def say_much(model, name):
    """Every dimension of the posterior of one modality is far from 0, and narrow."""
    head = heads_of(model, name)
    head.mean.bias.fill_(5)
    head.spread.bias.fill_(-6)


def numbers(rows, measure="collapsed"):
    return {row["label"]: row["value"] for row in rows if row["measure"] == measure}


def test_a_collapsed_posterior_is_called_collapsed_and_a_healthy_one_healthy(data):
    model = MultimodalVAE.create("elbo", data, latent_dim=4, aggregator="mean")
    say_much(model, "vector")
    say_nothing(model, "counts", [0, 1, 2, 3])
    rows = PosteriorCollapse().compute(Evaluation(model, data))
    collapsed, area = numbers(rows), numbers(rows, "area")
    assert collapsed["KL(q(z|vector) ‖ N(0,1))"] == area["KL(q(z|vector) ‖ N(0,1))"] == 0
    assert collapsed["KL(q(z|counts) ‖ N(0,1))"] == area["KL(q(z|counts) ‖ N(0,1))"] == 1
    assert collapsed["KL(q(z|vector) ‖ q(z|counts))"] == 0
    assert set(collapsed) == {
        *(f"KL({q} ‖ N(0,1))" for q in ("q(z|vector)", "q(z|counts)", "q(z|vector,counts)")),
        *(f"KL(q(z|vector) ‖ {q})" for q in ("q(z|counts)", "q(z|vector,counts)")),
        "KL(q(z|counts) ‖ q(z|vector,counts))",
    }
    say_much(model, "counts")
    say_nothing(model, "counts", [2])
    assert numbers(PosteriorCollapse().compute(Evaluation(model, data)))["KL(q(z|counts) ‖ N(0,1))"] == 0.25


def test_training_that_weighs_nothing_but_the_divergence_collapses_the_posterior(data):
    """The rule on trained models: β of 100 against β of 0.01."""
    found = []
    for beta in (100.0, 0.01):
        model = MultimodalVAE.create("elbo", data, latent_dim=2, aggregator="mean", beta=beta)
        Trainer(epochs=15, batch_size=16, learning_rate=2e-2).fit(model, data)
        found.append(
            numbers(PosteriorCollapse().compute(Evaluation(model, data)), "area")["KL(q(z|vector,counts) ‖ N(0,1))"]
        )
    collapsed, healthy = found
    assert collapsed >= 39 / 40, "everywhere but at ε = 0"
    assert healthy < 0.6


def kl_by_hand(m, v, n, w):
    return 0.5 * (math.log(w / v) + (v + (m - n) ** 2) / w - 1)


def test_divergences_are_of_each_dimension_in_the_order_that_the_objective_gives(data, monkeypatch):
    model = MultimodalVAE.create("elbo", data, latent_dim=2)
    means, variances = torch.tensor([[0.5, 0.0], [1.5, 2.0]]), torch.tensor([[1.0, 0.5], [0.2, 1.0]])
    made = {f"p{i}": Gaussian(means[i].expand(24, 2), variances[i].log().expand(24, 2)) for i in range(2)}
    monkeypatch.setattr(
        model.objective, "gaussians", lambda model, batch: {k: q[: len(batch)] for k, q in made.items()}
    )
    evaluation = Evaluation(model, data, batch_size=10)
    p, q = zip(means[0].tolist(), variances[0].tolist()), zip(means[1].tolist(), variances[1].tolist())
    for j, ((m, v), (n, w)) in enumerate(zip(p, q)):
        for law, exact in (("KL(p0 ‖ N(0,1))", kl_by_hand(m, v, 0, 1)), ("KL(p0 ‖ p1)", kl_by_hand(m, v, n, w))):
            above, below = (
                numbers(PosteriorCollapse(PosteriorCollapseConfig(epsilon=epsilon)).compute(evaluation))[law]
                for epsilon in (exact * 1.001, exact * 0.999)
            )
            assert above - below == 0.5, f"dimension {j} is collapsed in {law} from {exact} on"


def test_only_complete_rows_count_and_they_come_with_their_labels(monkeypatch):
    data = toy_data(("vector", "counts"), rows=48, missing=0.4)
    model = MultimodalVAE.create("elbo", data, latent_dim=2)
    seen = []
    original = model.objective.gaussians
    monkeypatch.setattr(model.objective, "gaussians", lambda model, batch: seen.append(batch) or original(model, batch))
    evaluation = Evaluation(model, data)
    rows = PosteriorCollapse().compute(evaluation)
    complete = data.test.available.all(-1)
    assert {row["n"] for row in rows if row["label"]} == {int(complete.sum())}
    assert torch.equal(seen[0].labels["class"], data.test.labels["class"][complete])
    incomplete = replace(data, test=data.test.select((~complete).nonzero().squeeze(1)))
    assert PosteriorCollapse().unavailable_reason(Evaluation(model, incomplete)) == "no row has every modality"


def test_with_more_than_three_distributions_each_is_compared_with_the_standard_normal_alone():
    data = toy_data(("vector", "counts", "tags"))
    rows = PosteriorCollapse().compute(Evaluation(MultimodalVAE.create("elbo", data, latent_dim=2), data))
    assert len([row for row in rows if row["label"]]) == 2 * 4
    assert all(row["label"].endswith("‖ N(0,1))") for row in rows if row["label"])


def test_points_are_no_distributions(data, monkeypatch):
    model = MultimodalVAE.create("elbo", data, latent_dim=2)
    point = torch.zeros(24, 2)
    monkeypatch.setattr(
        model.objective, "gaussians", lambda model, batch: {"q(z|x)": Gaussian(point, point - torch.inf)}
    )
    assert PosteriorCollapse().unavailable_reason(Evaluation(model, data)) == "the objective has no Gaussian posteriors"


def predicting(data, log_scales):
    """A model whose decoder predicts these scales of the vector, whatever z is."""
    model = MultimodalVAE.create("elbo", data, latent_dim=2, modalities=WITH_SCALES)
    last = [layer for layer in model.decoders[0].modules() if isinstance(layer, torch.nn.Linear)][-1]
    with torch.no_grad():
        last.weight.view(2, 5, -1)[1] = 0
        last.bias.view(2, 5)[1] = torch.tensor(log_scales)
    return model


def test_a_decoder_that_predicts_no_variance_is_called_collapsed(data):
    evaluation = Evaluation(predicting(data, [-6.0, -6.0, 0.0, 0.0, math.log(0.3)]), data, batch_size=9)
    rows = {(row["measure"], row["target"]): row for row in VarianceCollapse().compute(evaluation)}
    assert set(rows) == {(measure, target) for measure in ("collapsed", "area") for target in ("vector", "mean")}
    assert rows["collapsed", "vector"]["value"] == rows["collapsed", "mean"]["value"] == pytest.approx(0.4)
    assert (rows["collapsed", "vector"]["given"], rows["collapsed", "vector"]["n"]) == ("vector+counts", 24)
    (curve,) = VarianceCollapse().curves(evaluation)
    assert curve.levels.tolist() == pytest.approx(np.linspace(0, 0.13, 40).tolist())
    by_hand = [
        sum(variance <= level for variance in (math.exp(-12), math.exp(-12), 1, 1, 0.09)) / 5 for level in curve.levels
    ]
    assert curve.shares.tolist() == pytest.approx(by_hand)
    wider = VarianceCollapse(VarianceCollapseConfig(epsilon=0.1)).compute(evaluation)
    assert wider[0]["value"] == pytest.approx(0.6)


def test_a_learned_variance_counts_and_a_fixed_one_does_not(data):
    fixed = Evaluation(MultimodalVAE.create("elbo", data, latent_dim=2), data)
    assert (
        VarianceCollapse().unavailable_reason(fixed)
        == "no modality that the model generates has a learned or predicted scale"
    )
    learned = MultimodalVAE.create(
        "elbo", data, latent_dim=2, modalities={"vector": {"likelihood": {"scale_kind": "learned"}}}
    )
    with torch.no_grad():
        learned.likelihoods[0].log_scale[1:] = -4
    assert VarianceCollapse().compute(Evaluation(learned, data))[0]["value"] == pytest.approx(0.8)


def test_the_figure_has_a_panel_for_each_curve_and_follows_the_options(data, tmp_path):
    model = predicting(data, [-6.0] * 5)
    evaluation = Evaluation(model, data)
    both = [PosteriorCollapse(), VarianceCollapse()]
    figure = both[0].figures(evaluation, both)["collapse"]
    assert both[1].figures(evaluation, both) == {}, "the first draws the figure of both"
    panels = [axes for axes in figure.axes if axes.get_visible()]
    assert len(panels) == 6 + 1
    assert panels[0].get_title() == "KL(q(z|vector) ‖ N(0,1))"
    assert (panels[0].get_xlabel(), panels[-1].get_xlabel()) == ("ε (nats)", "ε (variance)")
    assert panels[-1].lines[0].get_ydata().tolist() == [0.0] + [1.0] * 39
    shorter = PosteriorCollapse(PosteriorCollapseConfig(points=3, largest=2.0)).figures(evaluation)
    assert shorter["collapse"].axes[0].lines[0].get_xdata().tolist() == [0.0, 1.0, 2.0]
    evaluation.targets = []  # no pictures of what is generated
    made = save_figures(evaluation, [], tmp_path, options={"posterior-collapse": {"points": 5}})
    assert tmp_path / "collapse.png" in made
    assert (tmp_path / "collapse.png").stat().st_size > 5000


def test_there_is_no_figure_where_there_is_nothing_to_draw(data, monkeypatch, tmp_path):
    model = MultimodalVAE.create("elbo", data, latent_dim=2)
    monkeypatch.setattr(model.objective, "gaussians", lambda model, batch: {})
    assert "collapse.png" not in {path.name for path in save_figures(Evaluation(model, data), [], tmp_path)}
