"""MMJSD and MMJSD-PoE against their equations in loops, what they sample from, and what they coincide with."""

import itertools
from functools import cache

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from mmgen import MmgenError
from mmgen.distributions import Gaussian, standard_normal
from mmgen.testing import (
    LinearGaussianWorld,
    central_noise,
    check_gradients,
    experts_and_masks,
    make_model,
    masks,
    sampled_value,
    toy_data,
    world_batch,
    world_model,
)
from mmgen.testing.literal import at, constant_noise, kl, known_experts, product, row_of, world_log_likelihood
from mmgen_plugin_mmjsd.jensen_shannon import geometric_jensen_shannon

WORLD = LinearGaussianWorld((2, 3, 1), 2, seed=1)
X = WORLD.sample(3)[1]
SCALING = [3 / 2, 1.0, 3.0]
EQUAL, UNEQUAL = (1.0, 1.0, 1.0, 1.0), (3.0, 0.5, 4.0, 2.0)
VARIANTS = [("mmjsd", {}), ("mmjsd", {"prior_component": True}), ("mmjsd-poe", {})]


def every_component(objective):
    """Without draws of components; the product of MMJSD-PoE is one Gaussian, and has none."""
    return {"mixture_sampling": "all"} if objective == "mmjsd" else {}


@cache
def model_of(objective, weights, **options):
    chosen = options if weights == EQUAL else {"weights": weights, **options}
    return world_model(WORLD, objective, likelihood_weights="dimension", **chosen)


def divergence(objective, experts, available):
    """Of experts and N(0, I), with an objective's weights."""
    prior, weights = standard_normal(experts[0]), objective.weights[1:]
    return geometric_jensen_shannon(experts, available, prior, weights, objective.prior_weight)


def literal_divergence(weights, experts, present):
    """Σ_k π_k KL(q_k ‖ f) of one row, q_0 = N(0, I) first among the weights."""
    zeros = [0.0] * len(experts[0][0])
    members, shares = [(zeros, zeros)], [weights[0]]
    for m in present:
        members.append(experts[m])
        shares.append(weights[m + 1])
    shares = [share / sum(shares) for share in shares]
    dynamic = product(members, shares)
    return sum(share * kl(member, dynamic) for member, share in zip(members, shares))


def literal_mixture(objective, weights, experts, present, prior_component):
    """What one row is reconstructed from: (weight, mean, log-variance) of each component."""
    zeros = [0.0] * len(experts[0][0])
    if objective == "mmjsd-poe":
        return [(1.0, *product([experts[m] for m in present] + [(zeros, zeros)]))]
    parts = [(weights[m + 1], *experts[m]) for m in present] + ([(weights[0], zeros, zeros)] if prior_component else [])
    total = sum(weight for weight, _, _ in parts)
    return [(weight / total, mean, log_variance) for weight, mean, log_variance in parts]


def literal(objective, weights, experts, present, x, prior_component=False):
    """Reconstruction of each modality and the divergence of one row; ``experts`` and ``x`` are lists over
    modalities.
    """
    reconstruction = [0.0] * len(experts)
    for weight, mean, log_variance in literal_mixture(objective, weights, experts, present, prior_component):
        z = at((mean, log_variance), 0.5)
        for m in present:
            reconstruction[m] += weight * SCALING[m] * world_log_likelihood(WORLD, m, z, x[m])
    return reconstruction, literal_divergence(weights, experts, present)


def terms_of(model, experts, available):
    """The terms with given experts in place of the encoders'."""
    with known_experts(model, experts):
        return model(world_batch([values[: available.shape[0]] for values in X], available))


@pytest.mark.parametrize("weights", [EQUAL, UNEQUAL])
@pytest.mark.parametrize(("objective", "options"), VARIANTS)
@given(case=experts_and_masks(modalities=(3, 3), latent_dim=(2, 2), mean=2.0, log_variance=(-3.0, 2.0)))
def test_is_the_equation_written_literally(objective, options, weights, case):
    experts, available = case
    with constant_noise(0.5), torch.no_grad():
        terms = terms_of(model_of(objective, weights, **every_component(objective), **options), experts, available)
        drawn = terms_of(model_of(objective, weights, **options), experts, available)
    torch.testing.assert_close(drawn.divergence, terms.divergence)
    for b in range(available.shape[0]):
        present = [m for m in range(3) if available[b, m]]
        expected = literal(
            objective, weights, row_of(experts, b), present, [values[b].tolist() for values in X], **options
        )
        torch.testing.assert_close(terms.log_likelihood[:, b].tolist(), expected[0], rtol=1e-8, atol=1e-8)
        torch.testing.assert_close(float(terms.divergence[b]), expected[1], rtol=1e-8, atol=1e-8)


@pytest.mark.parametrize("present", [[0, 1, 2], [0, 2]])
@pytest.mark.parametrize(("objective", "options"), VARIANTS)
def test_gradients_are_those_of_the_equation(objective, options, present):
    torch.manual_seed(0)
    parameters = torch.randn(2, 3, 1, 2, dtype=torch.float64).requires_grad_()
    available = torch.tensor([[m in present for m in range(3)]])
    model = model_of(objective, UNEQUAL, **every_component(objective), **options)
    with constant_noise(0.5):
        value = terms_of(model, Gaussian(*parameters), available).value(0.7)
    gradients = torch.autograd.grad(value.sum(), parameters)

    def equation(values):
        terms = literal(
            objective, UNEQUAL, row_of(Gaussian(*values), 0), present, [x[0].tolist() for x in X], **options
        )
        return sum(terms[0]) - 0.7 * terms[1]

    check_gradients(equation, [parameters], gradients, relative=1e-5, absolute=1e-7)


@pytest.mark.parametrize("objective", ["mmjsd", "mmjsd-poe"])
@given(
    case=experts_and_masks(modalities=(20, 20), rows=(2, 2), latent_dim=(1, 2), mean=3.0, log_variance=(-4.0, 4.0)),
    data=st.data(),
)
def test_twenty_modalities_with_weights(objective, case, data):
    experts, available = case
    weights = tuple(data.draw(st.lists(st.sampled_from([0.25, 1.0, 3.0]), min_size=21, max_size=21)))
    world = LinearGaussianWorld((1,) * 20, 2)
    got = divergence(world_model(world, objective, weights=weights).objective, experts, available)
    for b in range(2):
        present = [m for m in range(20) if available[b, m]]
        assert float(got[b]) == pytest.approx(
            literal_divergence(weights, row_of(experts, b), present), rel=1e-8, abs=1e-9
        )


@pytest.mark.parametrize("objective", ["mmjsd", "mmjsd-poe"])
@pytest.mark.parametrize("modalities", [2, 20])
def test_any_number_of_modalities_is_decoded_once_per_row(objective, modalities):
    world = LinearGaussianWorld((1,) * modalities, 2)
    model = world_model(world, objective)
    latents = []
    model.decoders[0].register_forward_hook(lambda module, inputs, output: latents.append(inputs[0].shape))
    value = model(world_batch(world.sample(4)[1])).value(1.0)
    value.sum().backward()
    assert value.isfinite().all()
    assert latents == [(4, 2)]
    assert all(encoder.head.mean.weight.grad.abs().sum() > 0 for encoder in model.encoders)


@pytest.mark.parametrize(
    ("options", "available", "expected"),
    [
        ({}, [True, True, True], [0, 20, 20, 20]),
        ({"prior_component": True}, [True, True, True], [15, 15, 15, 15]),
        ({"weights": (7.0, 3.0, 2.0, 1.0)}, [True, True, True], [0, 30, 20, 10]),
        ({"weights": (4.0, 3.0, 2.0, 1.0), "prior_component": True}, [True, True, True], [24, 18, 12, 6]),
        ({"weights": (2.0, 3.0, 5.0, 1.0), "prior_component": True}, [True, False, True], [20, 30, 0, 10]),
        ({"weights": (7.0, 2.0, 5.0, 1.0)}, [True, False, True], [0, 40, 0, 20]),
    ],
)
def test_the_components_of_the_mixture_share_the_rows_by_weight(options, available, expected):
    """Experts that hardly vary at 10, 20 and 30 tell which of them, or N(0, I), a row was decoded from."""
    model = world_model(WORLD, "mmjsd", **options)
    mean = torch.tensor([10.0, 20.0, 30.0], dtype=torch.float64)[:, None, None].expand(3, 60, 2)
    decoded = []
    model.experts = lambda batch: Gaussian(mean, torch.full_like(mean, -14.0))
    model.log_likelihood = lambda z, batch: decoded.extend(z) or torch.zeros(3, *z.shape[:-1], dtype=torch.float64)
    torch.manual_seed(0)
    with torch.no_grad():
        model(world_batch(WORLD.sample(60)[1], torch.tensor([available] * 60)))
    counts = torch.bincount((decoded[0][:, 0] / 10).round().clamp(min=0).long(), minlength=4)
    assert (counts - torch.tensor(expected)).abs().max() <= 1


def literal_posterior(objective, subset_posterior, weights, experts, subset):
    if objective == "mmjsd" and subset_posterior == "dynamic-prior":
        zeros = [0.0] * len(experts[0][0])
        if len(subset) == 1:
            return [(1.0, *experts[subset[0]])]
        shares = [weights[0]] + [weights[m + 1] for m in subset]
        return [
            (1.0, *product([(zeros, zeros)] + [experts[m] for m in subset], [share / sum(shares) for share in shares]))
        ]
    return literal_mixture(objective, weights, experts, subset, False)


@pytest.mark.parametrize("weights", [EQUAL, UNEQUAL])
@pytest.mark.parametrize(
    ("objective", "options"),
    [
        ("mmjsd", {}),
        ("mmjsd", {"prior_component": True}),
        ("mmjsd", {"subset_posterior": "dynamic-prior"}),
        ("mmjsd-poe", {}),
    ],
)
def test_a_known_subset_has_its_posterior(objective, options, weights):
    model = model_of(objective, weights, **options)
    torch.manual_seed(0)
    experts = Gaussian(*torch.randn(2, 3, 3, 2, dtype=torch.float64))
    subsets = [subset for size in (1, 2, 3) for subset in itertools.combinations(range(3), size)]
    given_ = torch.tensor([[[m in subset for m in range(3)]] * 3 for subset in subsets])
    with known_experts(model, experts):
        posterior = model.posterior(world_batch(X), given_)  # all subsets at once, [7, C, B, D]
    for s, subset in enumerate(subsets):
        for b in range(3):
            expected = literal_posterior(
                objective, options.get("subset_posterior"), weights, row_of(experts, b), subset
            )
            got = [c for c in range(posterior.weights.shape[1]) if posterior.weights[s, c, b] > 0]
            assert len(got) == len(expected)
            for c, (weight, mean, log_variance) in zip(got, expected):
                assert float(posterior.weights[s, c, b]) == pytest.approx(weight)
                torch.testing.assert_close(posterior.components.mean[s, c, b].tolist(), mean)
                torch.testing.assert_close(posterior.components.log_variance[s, c, b].tolist(), log_variance)
    nothing = model.posterior(world_batch(X), torch.zeros(3, 3, dtype=torch.bool))
    torch.testing.assert_close(nothing.mean, torch.zeros(3, 2, dtype=torch.float64))
    torch.testing.assert_close(nothing.variance, torch.ones(3, 2, dtype=torch.float64))


@pytest.mark.parametrize("objective", ["mmjsd", "mmjsd-poe"])
@given(case=experts_and_masks(modalities=(3, 3), mean=3.0, log_variance=(-3.0, 3.0)), data=st.data())
def test_a_missing_modality_is_as_if_it_did_not_exist(objective, case, data):
    experts, _ = case
    keep = data.draw(masks(1, 3))[0]
    kinds = ("vector", "counts", "tags")
    kept = tuple(kind for kind, there in zip(kinds, keep) if there)
    rows = experts.mean.shape[1]
    fewer = (UNEQUAL[0], *(weight for weight, there in zip(UNEQUAL[1:], keep) if there))
    for weights, part_weights in ((None, None), (UNEQUAL, fewer)):
        whole = make_model(objective, toy_data(kinds), weights=weights).objective
        part = make_model(objective, toy_data(kept), weights=part_weights).objective
        there = torch.ones(rows, len(kept), dtype=torch.bool)
        masked = keep.expand(rows, -1)
        prior = standard_normal(experts[0])
        torch.testing.assert_close(divergence(whole, experts, masked), divergence(part, experts[keep], there))
        got, expected = whole.mixture(experts, masked, prior), part.mixture(experts[keep], there, prior)
        torch.testing.assert_close(got.mean, expected.mean)
        torch.testing.assert_close(got.variance, expected.variance)


@pytest.mark.parametrize("objective", ["mmjsd", "mmjsd-poe"])
def test_equal_weights_are_the_default_whatever_their_size(objective):
    default, sevens = (
        make_model(objective, toy_data(missing=0.4)),
        make_model(objective, toy_data(missing=0.4), weights=(7.0,) * 4),
    )
    batch = toy_data(missing=0.4).train[:8]
    for model in (default, sevens):
        torch.manual_seed(0)
        model.value = model(batch).value(0.7)
    torch.testing.assert_close(default.value, sevens.value)


def test_with_the_mixture_as_its_posterior_mmjsd_poe_is_mmjsd():
    data = toy_data(missing=0.4)
    ours = make_model("mmjsd", data, mixture_sampling="all")
    theirs = make_model("mmjsd-poe", data, mixture_sampling="all", aggregator="moe")
    theirs.load_state_dict(ours.state_dict())
    with central_noise(), torch.no_grad():
        for got, expected in zip(*(vars(model(data.train[:8])).values() for model in (ours, theirs))):
            torch.testing.assert_close(got, expected)


def test_it_is_the_elbo_under_the_dynamic_prior_up_to_the_prior_as_an_expert():
    """Σ_k π_k KL(q_k ‖ f) = M/(M+1) · (1/M) Σ_m KL(q_m ‖ f) + 1/(M+1) · KL(N(0, I) ‖ f)."""
    data = toy_data()
    ours = make_model("mmjsd", data, mixture_sampling="all")
    theirs = make_model("elbo", data, aggregator="moe", prior="geometric", mixture_sampling="all")
    theirs.load_state_dict(ours.state_dict())
    batch = data.train[:8]
    with central_noise(), torch.no_grad():
        got, expected = ours(batch), theirs(batch)
        experts = ours.experts(batch)
    torch.testing.assert_close(got.log_likelihood, expected.log_likelihood)
    zeros = [0.0] * 3
    for b in range(8):
        dynamic = product([*row_of(experts, b), (zeros, zeros)], [0.25] * 4)
        assert float(got.divergence[b]) == pytest.approx(
            0.75 * float(expected.divergence[b]) + 0.25 * kl((zeros, zeros), dynamic)
        )


def test_mmjsd_can_lie_above_the_evidence():
    """Far from the origin the dynamic prior follows the experts, which N(0, I) does not."""
    world = LinearGaussianWorld((2, 2, 2), 2, orthogonal=True, seed=0)
    z = torch.full((1, 2), 6.0, dtype=torch.float64)
    x = [z @ w.T + b for w, b in zip(world.loadings, world.offsets)]
    model = world_model(world, "mmjsd", mixture_sampling="all")
    value, error = sampled_value(model, world_batch(x), draws=200)
    assert (value - 5 * error > world.log_evidence(x)).all()
    assert model.objective.bound is None


@pytest.mark.parametrize("weights", [(1.0, 1.0, 1.0), (1.0,) * 5])
def test_a_wrong_number_of_weights_is_said(weights):
    with pytest.raises(MmgenError, match=f"there are {len(weights)} numbers; there should be 4"):
        make_model("mmjsd", toy_data(), weights=weights)


@pytest.mark.parametrize("weight", [0.0, -1.0, float("nan"), float("inf")])
def test_a_weight_that_is_none_is_said(weight):
    with pytest.raises(MmgenError, match=r"objective\.weights: every weight should be a number above 0"):
        make_model("mmjsd", toy_data(), weights=(weight, 1.0, 1.0, 1.0))


def test_mmjsd_refuses_a_posterior_that_is_no_mixture_of_experts():
    with pytest.raises(MmgenError, match="cannot use the aggregator 'poe'"):
        make_model("mmjsd", toy_data(), aggregator="poe")
