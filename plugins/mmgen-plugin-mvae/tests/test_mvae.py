"""MVAE against its equation in loops, the law of its random subsets, and what it is where the product of experts is
exact.
"""

import itertools
import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from mmgen import MmgenError
from mmgen.testing import (
    LinearGaussianWorld,
    check_absence_in_model,
    make_model,
    masks,
    sampled_value,
    toy_data,
    toy_model,
    world_batch,
    world_model,
)

KINDS = ("vector", "counts", "tags", "labels")


def product(parts):
    """Precision-weighted product of the experts (mean, log-variance) and N(0, I)."""
    mean, log_variance = [], []
    for d in range(3):
        total = 1 + sum(math.exp(-v[d]) for _, v in parts)
        mean.append(sum(m[d] * math.exp(-v[d]) for m, v in parts) / total)
        log_variance.append(-math.log(total))
    return mean, log_variance


def kl_to_normal(mean, log_variance):
    return sum(0.5 * (math.exp(v) + m**2 - 1 - v) for m, v in zip(mean, log_variance))


def weighted(weights, **options):
    """A model of four kinds of modality with likelihood weights."""
    data = toy_data(KINDS, missing=0.3)
    changes = {name: {"weight": weight} for name, weight in zip(KINDS, weights)}
    return data, make_model("mvae", data, modalities=changes, **options).requires_grad_(False)


@pytest.mark.parametrize("unimodal_weights", ["same", "one"])
@pytest.mark.parametrize("subsets", [0, 1, 3, "all"])
@settings(max_examples=4)
@given(seed=st.integers(0, 1000))
def test_is_the_equation_written_literally(subsets, unimodal_weights, seed):
    weights = (4.0, 0.5, 1.0, 0.0)
    data, model = weighted(weights, subsets=subsets, unimodal_weights=unimodal_weights)
    rows = 4
    batch = model.prepare(data.train[4 : 4 + rows])
    torch.manual_seed(seed)
    several, _ = model.objective.subsets_of(batch.available)
    count = len(several)
    noise = torch.randn(count + 4, rows, 3, dtype=torch.float64)
    torch.manual_seed(seed)
    terms = model(batch)
    experts = model.experts(batch)
    for b in range(rows):
        have = [m for m in range(4) if batch.available[b, m]]
        drawn = [(s, [m for m in range(4) if several[s, b, m]]) for s in range(count)]
        drawn = [(s, members) for s, members in drawn if members]
        sizes = [len(members) for _, members in drawn]
        if subsets == "all":
            expected = [list(c) for size in range(2, len(have) + 1) for c in itertools.combinations(have, size)]
            assert sorted(members for _, members in drawn) == sorted(expected)
        else:
            assert sizes.count(len(have)) == (1 if len(have) > 1 else 0)
            assert len(drawn) == (0 if len(have) == 1 else 1 if len(have) == 2 else 1 + subsets)
        assert all(set(members) <= set(have) for _, members in drawn)
        likelihood, divergence = [0.0] * 4, 0.0
        for s, members in [*drawn, *((count + m, [m]) for m in have)]:
            mean, log_variance = product(
                [(experts.mean[m, b].tolist(), experts.log_variance[m, b].tolist()) for m in members]
            )
            z = torch.tensor(
                [u + math.exp(0.5 * v) * float(e) for u, v, e in zip(mean, log_variance, noise[s, b])],
                dtype=torch.float64,
            )
            divergence += kl_to_normal(mean, log_variance)
            for m in members:
                weight = 1.0 if len(members) == 1 and unimodal_weights == "one" and weights[m] else weights[m]
                log_prob = model.likelihoods[m].log_prob(model.decode(z[None], KINDS[m])[0], batch.data[KINDS[m]][b])
                likelihood[m] += weight * float(log_prob)
        torch.testing.assert_close(terms.log_likelihood[:, b].tolist(), likelihood, rtol=1e-8, atol=1e-8)
        assert float(terms.divergence[b]) == pytest.approx(divergence, rel=1e-9, abs=1e-9)


@pytest.mark.parametrize(
    "options", [{}, {"subsets": 0}, {"subsets": "all"}, {"subsets": 2, "unimodal_weights": "one"}], ids=str
)
def test_a_masked_row_is_a_row_of_the_model_of_what_it_has(options):
    weights = (4.0, 0.5, 1.0, 2.0)
    data, model = weighted(weights, **options)

    def make(kinds):
        return toy_model("mvae", {kind: weights[KINDS.index(kind)] for kind in kinds}, **options)

    subsets = [(0,), (1, 3), (0, 2), (0, 1, 3), (0, 1, 2, 3)]
    check_absence_in_model(model, make, data.train[:6], subsets=subsets)


def world_like(batch, model, available):
    """The same values for the modalities of ``model``, as available as said."""
    return type(batch)({name: batch.data[name] for name in model.modalities}, available, batch.labels, batch.rows)


@given(available=masks(12, 5, empty_rows=True), seed=st.integers(0, 100))
def test_random_subsets_are_of_what_a_row_has_and_neither_single_nor_all(available, seed):
    model = make_model("mvae", toy_data((*KINDS, "text")), subsets=3)
    torch.manual_seed(seed)
    several, factor = model.objective.subsets_of(available)
    have, sizes = available.sum(-1), several.sum(-1)
    assert not (several & ~available).any()
    assert torch.equal(sizes[0], have.where(have > 1, 0))
    drawn = have > 2
    assert (sizes[1:, ~drawn] == 0).all()
    assert (sizes[1:, drawn] >= 2).all() and (sizes[1:, drawn] < have[drawn]).all()
    assert (factor == 1).all()


def test_random_subsets_have_a_uniform_size_and_are_uniform_within_it():
    model = make_model("mvae", toy_data((*KINDS, "text")))
    torch.manual_seed(0)
    rows = 30_000
    available = torch.ones(rows, 5, dtype=torch.bool)
    available[: rows // 2, 1] = False
    several, _ = model.objective.subsets_of(available)
    code = (several[1] * 2 ** torch.arange(5)).sum(-1)
    for half, have in ((code[: rows // 2], (0, 2, 3, 4)), (code[rows // 2 :], (0, 1, 2, 3, 4))):
        counts = torch.bincount(half, minlength=32).double()
        chi, subsets = 0.0, 0
        for size in range(2, len(have)):
            of_size = list(itertools.combinations(have, size))
            expected = rows / 2 / (len(have) - 2) / len(of_size)
            for members in of_size:
                chi += (float(counts[sum(2**m for m in members)]) - expected) ** 2 / expected
            subsets += len(of_size)
        assert chi < subsets - 1 + 4.5 * math.sqrt(2 * (subsets - 1))
        assert int((counts > 0).sum()) == subsets


def test_two_modalities_have_no_random_subsets():
    model = make_model("mvae", toy_data(("vector", "counts")), subsets=4)
    several, _ = model.objective.subsets_of(torch.tensor([[True, True], [True, False]]))
    assert several.tolist() == [[[True, True], [False, False]]]


def test_all_subsets_are_drawn_without_bias_where_they_are_too_many():
    data, model = weighted((1.0, 1.0, 1.0, 1.0), subsets="all")
    _, drawing = weighted((1.0, 1.0, 1.0, 1.0), subsets="all", max_subsets=3)
    drawing.load_state_dict(model.state_dict())
    full = torch.ones(6000, 4, dtype=torch.bool)
    full[3000:, 1] = False
    rows = world_like(data.train[torch.zeros(6000, dtype=torch.int64)], model, full)
    torch.manual_seed(0)
    listed, drawn = model(rows).value(1.0), drawing(rows).value(1.0)
    assert drawn.std() > listed.std()
    for half in (slice(3000), slice(3000, None)):
        error = math.sqrt(float(listed[half].var() + drawn[half].var()) / 3000)
        assert abs(float(listed[half].mean() - drawn[half].mean())) < 4.5 * error


@pytest.mark.parametrize("subsets", [0, "all"])
def test_is_the_sum_of_the_exact_evidences_where_products_are_exact(subsets):
    world = LinearGaussianWorld((3, 4, 3), 2, orthogonal=True, seed=4)
    model = world_model(world, "mvae", subsets=subsets).requires_grad_(False)
    _, x = world.sample(4)
    value, error = sampled_value(model, world_batch(x))
    chosen = [[0], [1], [2], [0, 1, 2]] + ([[0, 1], [0, 2], [1, 2]] if subsets == "all" else [])
    exact = sum(world.log_evidence(x, members) for members in chosen)
    assert ((value - exact).abs() < 5 * error + 1e-9).all()


def test_after_training_every_subset_has_its_product_with_the_prior():
    data, model = weighted((1.0, 1.0, 1.0, 1.0))
    batch = world_like(data.test[:3], model, torch.ones(3, 4, dtype=torch.bool))
    experts = model.experts(batch)
    for members in ([0], [1, 2], [0, 1, 2, 3]):
        got = model.encode(batch, [KINDS[m] for m in members])
        for b in range(3):
            mean, log_variance = product(
                [(experts.mean[m, b].tolist(), experts.log_variance[m, b].tolist()) for m in members]
            )
            torch.testing.assert_close(got.mean[b].tolist(), mean)
            torch.testing.assert_close(got.variance[b].log().tolist(), log_variance)


def test_a_prior_with_learned_scales_counts_nothing_for_absent_subsets():
    data, model = weighted((1.0, 1.0, 1.0, 1.0), prior="scaled-normal", subsets=0)
    model.objective.prior_for.log_scale.vector.copy_(torch.tensor([0.5, 0.0, -1.0]))
    alone = torch.zeros(3, 4, dtype=torch.bool)
    alone[:, 2] = True
    batch = world_like(data.train[:3], model, alone)
    scale = [3 * math.exp(v) / (math.exp(0.5) + 1 + math.exp(-1)) for v in (0.5, 0.0, -1.0)]
    posterior = model.encode(batch)
    for b in range(3):
        expected = 0.0
        for d in range(3):
            variance = float(posterior.variance[b, d]) / scale[d] ** 2
            expected += 0.5 * (variance + float(posterior.mean[b, d]) ** 2 / scale[d] ** 2 - 1 - math.log(variance))
        assert float(model(batch).divergence[b]) == pytest.approx(expected, rel=1e-6)


@pytest.mark.parametrize("count", [2, 20])
def test_any_number_of_modalities(count):
    world = LinearGaussianWorld((2,) * count, 2, seed=0)
    _, x = world.sample(5)
    for options in ({}, {"subsets": "all", "max_subsets": 15}):
        value = world_model(world, "mvae", **options)(world_batch(x)).value(1.0)
        assert value.isfinite().all()


@pytest.mark.parametrize("subsets", [-1, "some", 1.5])
def test_a_number_of_subsets_that_means_nothing_is_refused(subsets):
    with pytest.raises(MmgenError, match="subsets"):
        make_model("mvae", toy_data(), subsets=subsets)
