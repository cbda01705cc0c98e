"""CRMVAE against its equation in loops, its ablation against MVTCAE's equation, and how often its networks run."""

import itertools

import pytest
import torch
from hypothesis import given, settings

from mmgen import MmgenError
from mmgen.distributions import Gaussian
from mmgen.testing import (
    LinearGaussianWorld,
    check_absence_in_model,
    check_gradients,
    experts_and_masks,
    make_model,
    recorded_calls,
    substitute,
    toy_data,
    toy_model,
    world_batch,
    world_model,
)
from mmgen.testing.literal import at, average, constant_noise, kl, known_experts, product, row_of, unit
from mmgen.testing.literal import log_likelihood as literal_log_likelihood

WEIGHTS = {"vector": 2.5, "counts": 1.0, "tags": 0.5}
KINDS = tuple(WEIGHTS)
EPSILON = 0.7
CASES = experts_and_masks(modalities=(3, 3), rows=(1, 3), latent_dim=(3, 3), mean=2.0, log_variance=(-2.0, 2.0))
OPTIONS = [
    {},
    {"reconstruction": "half-pi"},
    {"reconstruction": "one"},
    {"unimodal": False},
    {"reconstruction": "one", "unimodal": False},
]
UNIT = unit(3)


def model_of(aggregator="poe", prior_expert=None, weights=WEIGHTS, **options):
    section = {"name": aggregator} | ({"prior_expert": prior_expert} if prior_expert else {})
    return toy_model("crmvae", weights, aggregator=section, **options)


def rows_of(model, available):
    return model.prepare(toy_data().train[: len(available)].restrict(available))


def log_likelihood(model, batch, b, m, q):
    """w_m log p(x_m | z) of row b at z = μ + ε σ of q."""
    return WEIGHTS[KINDS[m]] * literal_log_likelihood(model, batch, b, KINDS[m], at(q, EPSILON))


def literal(model, batch, row, b, seen, aggregator="poe", prior_expert="all", reconstruction="pi", unimodal=True):
    """Likelihood terms and divergence of one row, in the order of the equation."""
    pi = 1 / (len(seen) + 1)
    c = {"pi": pi, "half-pi": pi / 2, "one": 1.0}[reconstruction]
    extra = [UNIT] if prior_expert == "all" else []
    joint = product([row[m] for m in seen] + extra) if aggregator == "poe" else average([row[m] for m in seen])
    single = {m: product([row[m], *extra]) for m in seen}
    likelihoods, total = [0.0] * 3, kl(joint, UNIT)
    for m in seen:
        likelihoods[m] += c * log_likelihood(model, batch, b, m, joint)
        if unimodal:
            likelihoods[m] += c * log_likelihood(model, batch, b, m, single[m])
        total += kl(joint, single[m])
    return likelihoods, pi * total


@pytest.mark.parametrize("options", OPTIONS, ids=str)
@pytest.mark.parametrize(("aggregator", "prior_expert"), [("poe", "all"), ("poe", "none"), ("mean", None)])
@settings(max_examples=8)
@given(case=CASES)
def test_is_the_equation_written_literally(options, aggregator, prior_expert, case):
    experts, available = case
    model = model_of(aggregator, prior_expert, **options)
    batch = rows_of(model, available)
    with known_experts(model, experts), constant_noise(EPSILON):
        terms = model(batch)
    assert not terms.others
    for b in range(len(available)):
        seen = [m for m in range(3) if available[b, m]]
        likelihoods, expected = literal(model, batch, row_of(experts, b), b, seen, aggregator, prior_expert, **options)
        torch.testing.assert_close(terms.log_likelihood[:, b].tolist(), likelihoods, rtol=1e-8, atol=1e-8)
        torch.testing.assert_close(float(terms.divergence[b]), expected, rtol=1e-8, atol=1e-8)


@settings(max_examples=10)
@given(case=CASES)
def test_the_ablation_with_coefficient_1_is_mvtcae_with_prior_experts(case):
    """E_q Σ_m log p(x_m|z) − β π [KL(q ‖ p) + Σ_m KL(q ‖ q_m)], with N(0, I) as an expert of q and of every q_m."""
    experts, available = case
    model = model_of(reconstruction="one", unimodal=False)
    batch = rows_of(model, available)
    with known_experts(model, experts), constant_noise(EPSILON):
        got = model(batch).value(0.6)
    for b in range(len(available)):
        row, seen = row_of(experts, b), [m for m in range(3) if available[b, m]]
        q = product([UNIT, *(row[m] for m in seen)])
        kls = kl(q, UNIT) + sum(kl(q, product([UNIT, row[m]])) for m in seen)
        expected = sum(log_likelihood(model, batch, b, m, q) for m in seen) - 0.6 / (len(seen) + 1) * kls
        assert float(got[b]) == pytest.approx(expected, rel=1e-8, abs=1e-8)


@pytest.mark.parametrize("unimodal", [True, False])
def test_gradients_are_those_of_the_equation(unimodal):
    torch.manual_seed(0)
    mean, log_variance = (torch.randn(3, 1, 3, dtype=torch.float64, requires_grad=True) for _ in range(2))
    model, seen = model_of(unimodal=unimodal), [0, 2]
    batch = rows_of(model, torch.tensor([[True, False, True]]))
    with known_experts(model, Gaussian(mean, log_variance)), constant_noise(EPSILON):
        model(batch).value(0.6).sum().backward()

    def value(mean, log_variance):
        row = [(mean[m, 0].tolist(), log_variance[m, 0].tolist()) for m in range(3)]
        likelihoods, total = literal(model, batch, row, 0, seen, unimodal=unimodal)
        return sum(likelihoods) - 0.6 * total

    check_gradients(value, (mean, log_variance))


def test_joint_and_own_latents_have_noise_of_their_own():
    model = model_of()
    seen, log_likelihood_of = [], model.log_likelihood
    torch.manual_seed(0)
    batch = toy_data().train[:6]
    record = substitute(
        model, log_likelihood=lambda z, *rest, **options: seen.append(z) or log_likelihood_of(z, *rest, **options)
    )
    with record:
        model(batch)
    ((together, alone),) = (z.unbind(1) for z in seen)
    assert (together == together[:1]).all(), "all modalities are decoded from one joint latent"
    experts = model.experts(batch)
    every = torch.ones(6, 3, dtype=torch.bool)
    joint = model.posterior(batch, every).components[0]
    noises = [(together[0] - joint.mean) / joint.scale]
    for m in range(3):
        single = product_with_unit(experts[m])
        noises.append((alone[m] - single.mean) / single.scale)
    for one, two in itertools.combinations(noises, 2):
        assert not torch.isclose(one, two).any()
        assert float(torch.cat([one, two]).square().mean()) == pytest.approx(1.0, abs=0.6)


def product_with_unit(expert):
    precision = 1 + 1 / expert.variance
    return Gaussian(expert.mean / expert.variance / precision, -precision.log())


@pytest.mark.parametrize("unimodal", [True, False])
def test_every_network_runs_once(unimodal):
    model = model_of(unimodal=unimodal)
    with recorded_calls([*model.encoders, *model.decoders]) as calls:
        model(toy_data().train[:6])
    assert sorted(calls) == list(range(6))


@pytest.mark.parametrize("options", OPTIONS, ids=str)
@pytest.mark.parametrize(("aggregator", "prior_expert"), [("poe", "all"), ("poe", "none"), ("mean", None)])
def test_a_missing_modality_is_as_if_it_did_not_exist(options, aggregator, prior_expert):
    def make(kinds):
        return model_of(aggregator, prior_expert, {kind: WEIGHTS[kind] for kind in kinds}, **options)

    check_absence_in_model(make(KINDS), make, toy_data().train[:4])


@pytest.mark.parametrize("prior_expert", ["all", "none"])
def test_inference_is_the_product_of_what_is_given(prior_expert):
    model = model_of("poe", prior_expert)
    batch = toy_data().test[:5]
    experts, extra = model.experts(batch), [UNIT] if prior_expert == "all" else []
    for members in ([0], [2], [0, 1], [0, 1, 2]):
        got = model.encode(batch, [KINDS[m] for m in members])
        for b in range(5):
            mean, log_variance = product([row_of(experts, b)[m] for m in members] + extra)
            torch.testing.assert_close(got.mean[b].tolist(), mean, rtol=1e-9, atol=1e-9)
            torch.testing.assert_close(got.variance[b].log().tolist(), log_variance, rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("count", [2, 20])
def test_works_for_any_number_of_modalities(count):
    world = LinearGaussianWorld((2,) * count, 2, orthogonal=True, seed=1)
    model = world_model(world, "crmvae")
    _, x = world.sample(4)
    with torch.no_grad():
        terms = model(world_batch(x))
    assert terms.log_likelihood.shape == (count, 4)
    assert terms.value(1.0).isfinite().all()


def test_what_the_equation_cannot_mean_is_refused():
    with pytest.raises(MmgenError, match=r"objective\.reconstruction"):
        make_model("crmvae", toy_data(), reconstruction="two")
    with pytest.raises(MmgenError, match="cannot use the aggregator 'moe'"):
        make_model("crmvae", toy_data(), aggregator="moe")
    with pytest.raises(MmgenError, match="cannot use the prior 'mixture'"):
        make_model("crmvae", toy_data(), prior="mixture")
