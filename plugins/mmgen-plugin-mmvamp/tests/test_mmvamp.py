"""MM-VAMP and its baselines against their equations in loops, and the identities between the estimators."""

import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from mmgen.distributions import Gaussian
from mmgen.testing import central_noise, check_absence, check_recipe, experts_and_masks, make_model, toy_data
from mmgen.testing.literal import kl, log_normal, unit

ESTIMATORS = ("pairwise", "mc", "variational")


def model_of(**options):
    return make_model("mmvamp", toy_data(), **options)


def divergence(model, experts, available, z):
    """R of given experts and samples."""
    return model.objective.divergence(model, experts, available, z)


def literal(estimator, alpha, experts, seen, z):
    """R of one row: lists of (mean, log-variance), the modalities that are there, and samples [K][m]."""
    total, count = 0.0, len(seen)
    normal = unit(len(experts[0][0]))
    for m in seen:
        if estimator == "pairwise":
            total += alpha * kl(experts[m], normal)
            for j in seen:
                total += (1 - alpha) / count * kl(experts[m], experts[j])
        elif estimator == "variational":
            inside = alpha * math.exp(-kl(experts[m], normal))
            for j in seen:
                inside += (1 - alpha) / count * math.exp(-kl(experts[m], experts[j]))
            total -= math.log(inside)
        else:
            for sample in z:
                mixture = alpha * math.exp(log_normal(sample[m], normal))
                for j in seen:
                    mixture += (1 - alpha) / count * math.exp(log_normal(sample[m], experts[j]))
                total += (log_normal(sample[m], experts[m]) - math.log(mixture)) / len(z)
    return total


@pytest.mark.parametrize("estimator", ESTIMATORS)
@given(
    case=experts_and_masks(mean=2.0, log_variance=(-2.0, 2.0)),
    alpha=st.sampled_from([0.0, 1e-12, 0.3, 1.0]),
    samples=st.integers(1, 3),
)
def test_is_the_equation_written_literally(estimator, case, alpha, samples):
    experts, available = case
    torch.manual_seed(0)
    z = experts.rsample((samples,))
    got = divergence(model_of(estimator=estimator, standard_normal_weight=alpha), experts, available, z)
    for b in range(available.shape[0]):
        seen = [m for m in range(available.shape[1]) if available[b, m]]
        row = [(experts.mean[m, b].tolist(), experts.log_variance[m, b].tolist()) for m in range(available.shape[1])]
        expected = literal(estimator, alpha, row, seen, z[:, :, b].tolist())
        torch.testing.assert_close(float(got[b]), expected, rtol=1e-7, atol=1e-7)


@pytest.mark.parametrize("estimator", ESTIMATORS)
@pytest.mark.parametrize("alpha", [0.0, 1e-12, 0.3, 1.0])
def test_far_from_the_standard_normal_the_weight_is_still_exact(estimator, alpha):
    """Posteriors 40 and −40 from the origin have log-densities of −800 under N(0, I), which no other weight may
    hide.
    """
    mean = torch.tensor([[[40.0]], [[-40.0]]], dtype=torch.float64, requires_grad=True)
    log_variance = torch.zeros_like(mean, requires_grad=True)
    experts, z = Gaussian(mean, log_variance), mean[None].detach().clone()
    ours, both = model_of(estimator=estimator, standard_normal_weight=alpha), torch.ones(1, 2, dtype=torch.bool)
    value = divergence(ours, experts, both, mean[None])
    row = [([40.0], [0.0]), ([-40.0], [0.0])]
    expected = {  # log q(z)/N(z; 0, I) at the mean is 800, as is KL(q ‖ N(0, I)); to each other the KL is 3200
        0.0: 3200.0 if estimator == "pairwise" else 2 * math.log(2),
        1e-12: literal(estimator, 1e-12, row, [0, 1], z[:, :, 0].tolist()),
        0.3: literal(estimator, 0.3, row, [0, 1], z[:, :, 0].tolist()),
        1.0: 1600.0,
    }[alpha]
    assert float(value.detach()) == pytest.approx(expected, rel=1e-12)
    gradients = torch.autograd.grad(value.sum(), [mean, log_variance])
    assert all(gradient.isfinite().all() for gradient in gradients)
    if alpha == 1.0:
        torch.testing.assert_close(gradients[0][:, 0, 0], torch.tensor([40.0, -40.0], dtype=torch.float64))


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("estimator", ESTIMATORS)
def test_annealing_starts_at_the_standard_normal_alone_and_gradients_are_finite_throughout(estimator, dtype):
    ours, alone = (
        model_of(estimator=estimator, anneal_steps=100),
        model_of(estimator=estimator, standard_normal_weight=1.0),
    )
    available = torch.tensor([[True, True], [True, False]])
    for step in (0, 1, 50, 100, 10_000_000):
        ours.objective.step.fill_(step)
        mean = torch.tensor([[[30.0], [1.0]], [[-30.0], [0.0]]], dtype=dtype, requires_grad=True)
        experts = Gaussian(mean, torch.zeros_like(mean))
        value = divergence(ours, experts, available, experts.mean[None])
        (gradient,) = torch.autograd.grad(value.sum(), mean)
        assert value.isfinite().all()
        assert gradient.isfinite().all()
        if step == 0:
            assert torch.equal(value, divergence(alone, experts, available, experts.mean[None]))
    siblings = divergence(model_of(estimator=estimator), experts, available, experts.mean[None])
    assert torch.equal(value, siblings), "the weight has underflown to 0"


@given(case=experts_and_masks(mean=3.0, log_variance=(-3.0, 3.0)))
def test_the_estimators_are_ordered_and_the_mixture_ones_saturate(case):
    experts, available = case
    torch.manual_seed(0)
    z = experts.rsample((4000,))
    mc, variational, pairwise = (
        divergence(model_of(estimator=e), experts, available, z) for e in ("mc", "variational", "pairwise")
    )
    limit = available.sum(-1) * available.sum(-1).log()
    noise = 0.1 + 0.05 * limit
    assert (mc >= -noise).all()
    assert (mc <= limit + noise).all()
    assert (variational >= mc - noise).all()
    assert (variational <= limit + 1e-9).all()
    assert (pairwise >= variational - 1e-9).all()


@pytest.mark.parametrize("estimator", ESTIMATORS)
@given(case=experts_and_masks(mean=2.0, log_variance=(-2.0, 2.0)))
def test_a_missing_modality_is_as_if_it_did_not_exist(estimator, case):
    model = model_of(estimator=estimator)
    check_absence(lambda experts, available: divergence(model, experts, available, experts.mean[None]), *case)


@pytest.mark.parametrize("estimator", ESTIMATORS)
def test_a_weight_of_one_is_independent_vaes(estimator):
    data = toy_data(missing=0.4)
    ours = make_model("mmvamp", data, estimator=estimator, standard_normal_weight=1.0, samples=400)
    theirs = make_model("independent", data)
    theirs.load_state_dict(ours.state_dict())
    torch.manual_seed(0)
    got, expected = ours(data.train[:8]).divergence, theirs(data.train[:8]).divergence
    tolerance = 0.2 if estimator == "mc" else 1e-8
    torch.testing.assert_close(got, expected, rtol=tolerance, atol=tolerance)


def test_the_weight_of_the_standard_normal_is_annealed_by_optimiser_steps():
    ours = model_of(anneal_steps=1000)
    for step in (0, 10, 500, 1000):
        ours.objective.step.fill_(step)
        alpha = ours.objective._log_weights(torch.zeros((), dtype=torch.float64))[0].exp()
        assert float(alpha) == pytest.approx(math.exp(step * math.log(1e-10) / 1000), rel=1e-6)


@pytest.mark.parametrize("annealing", ["exponential", "linear", "cosine"])
@pytest.mark.parametrize(("first", "last"), [(1.0, 0.0), (1.0, 0.2), (0.3, 0.0), (0.2, 0.9)])
def test_schedules_are_those_of_the_released_code_written_literally(annealing, first, last):
    ours = model_of(anneal_steps=100, annealing=annealing, initial_weight=first, standard_normal_weight=last)
    experts = Gaussian(*torch.randn(2, 2, 3, 4, dtype=torch.float64, generator=torch.Generator().manual_seed(0)))
    everything = torch.ones(3, 2, dtype=torch.bool)
    for step in (0, 1, 40, 99, 100, 250):
        share = min(step / 100, 1.0)
        alpha = {
            "exponential": (max if last < first else min)(
                first * math.exp(step * (math.log(last + 1e-10) - math.log(first + 1e-10)) / 100), last
            ),
            "linear": (1 - share) * first + share * last,
            "cosine": last + 0.5 * (first - last) * (1 + math.cos(share * math.pi)),
        }[annealing]
        ours.objective.step.fill_(step)
        got = divergence(ours, experts, everything, experts.mean[None])
        for b in range(3):
            row = [(experts.mean[m, b].tolist(), experts.log_variance[m, b].tolist()) for m in range(2)]
            assert float(got[b]) == pytest.approx(literal("pairwise", alpha, row, [0, 1], None), rel=1e-9)


@pytest.mark.parametrize("estimator", ["mc", "variational"])
def test_the_warm_up_is_pairwise_and_then_over(estimator):
    warm = model_of(estimator=estimator, warmup_steps=3)
    mean = torch.arange(6.0, dtype=torch.float64).reshape(2, 1, 3).requires_grad_()
    experts, available = Gaussian(mean, torch.zeros_like(mean)), torch.ones(1, 2, dtype=torch.bool)
    z = experts.rsample((2,))
    for step, expected in ((0, "pairwise"), (2, "pairwise"), (3, estimator), (100, estimator)):
        warm.objective.step.fill_(step)
        got, same = (divergence(each, experts, available, z) for each in (warm, model_of(estimator=expected)))
        torch.testing.assert_close(got, same)
        torch.testing.assert_close(
            *(torch.autograd.grad(value.sum(), mean, retain_graph=True)[0] for value in (got, same))
        )


@pytest.mark.parametrize("estimator", ESTIMATORS)
def test_gradients_flow_through_both_arguments(estimator):
    mean = torch.zeros(2, 1, 1, dtype=torch.float64, requires_grad=True)
    experts = Gaussian(mean + torch.tensor([0.0, 1.0], dtype=torch.float64)[:, None, None], torch.zeros_like(mean))
    each = model_of(estimator=estimator)
    torch.manual_seed(0)
    z = experts.rsample((500,))
    (gradient,) = torch.autograd.grad(divergence(each, experts, torch.ones(1, 2, dtype=torch.bool), z).sum(), mean)
    assert gradient[0, 0, 0] < -0.1, "the first posterior is not pulled up"
    assert gradient[1, 0, 0] > 0.1, "the second posterior is not pulled down"


@pytest.mark.parametrize("kl_weight", ["one", "modalities"])
@pytest.mark.parametrize("aggregator", ["mean", "barycentre"])
def test_aggregated_is_the_equation_written_literally(kl_weight, aggregator):
    data = toy_data(missing=0.4)
    model = make_model("aggregated", data, kl_weight=kl_weight, aggregator=aggregator)
    model.requires_grad_(False)
    batch = model.prepare(data.train[:8])
    with central_noise():
        terms = model(batch)
    experts = model.experts(batch)
    for b in range(8):
        seen = [m for m in range(3) if batch.available[b, m]]
        mean = [sum(float(experts.mean[m, b, d]) for m in seen) / len(seen) for d in range(3)]
        power = 1.0 if aggregator == "mean" else 0.5
        spread = [
            sum(math.exp(power * float(experts.log_variance[m, b, d])) for m in seen) / len(seen) for d in range(3)
        ]
        log_variance = [math.log(s) / power for s in spread]
        expected = kl((mean, log_variance), unit(3)) * (len(seen) if kl_weight == "modalities" else 1)
        assert float(terms.divergence[b]) == pytest.approx(expected, rel=1e-9)
        z = torch.tensor(mean, dtype=torch.float64)
        for m, name in enumerate(model.modalities):
            x = batch.data[name][b]
            likelihood = float(model.likelihoods[m].log_prob(model.decode(z[None], name)[0], x)) if m in seen else 0.0
            assert float(terms.log_likelihood[m, b]) == pytest.approx(likelihood, rel=1e-9, abs=1e-12)


def test_inference_is_the_own_expert_and_a_mixture_of_several():
    data = toy_data()
    model = make_model("mmvamp", data).requires_grad_(False)
    batch = data.test[:5]
    experts = model.experts(batch)
    torch.testing.assert_close(model.encode(batch, ["counts"]).mean, experts.mean[1])
    torch.testing.assert_close(model.encode(batch, ["vector", "tags"]).mean, (experts.mean[0] + experts.mean[2]) / 2)
    given_both = model.mask(batch, ["vector", "counts"])
    with central_noise(), torch.no_grad():
        own, _, other = model.sample_latents(batch, given_both, ["vector", "counts", "tags"])
        torch.testing.assert_close(own[0], experts.mean[0])
        assert not torch.allclose(other[0], experts.mean[2])


@pytest.mark.parametrize("name", ["mmvamp-cub-paper", "aggregated-cub-paper", "independent-cub-paper"])
def test_recipes_resolve(name):
    check_recipe(name)
