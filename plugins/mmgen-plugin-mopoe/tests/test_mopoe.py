"""MoPoE-VAE against its equation in loops, what its estimators draw, and its coincidences with other methods."""

import itertools
import math
from functools import cache

import pytest
import torch
from hypothesis import given

from mmgen.distributions import Gaussian
from mmgen.testing import (
    LinearGaussianWorld,
    central_noise,
    check_gradients,
    experts_and_masks,
    make_model,
    sampled_value,
    toy_data,
    world_batch,
    world_model,
)
from mmgen.testing.literal import at, constant_noise, kl, known_experts, product, row_of, unit, world_log_likelihood

WORLD = LinearGaussianWorld((2, 3, 1), 2, seed=1)
X = WORLD.sample(3)[1]
WEIGHTS = [3 / 2, 1.0, 3.0]
VARIANTS = [
    ("mopoe", "full"),
    ("mopoe", "all"),
    ("mopoe", "none"),
    ("poe", "full"),
    ("poe", "all"),
    ("poe", "none"),
    ("moe", None),
]


def every_component(aggregator):
    """Without draws of components; a product is one Gaussian, and has none."""
    return {} if aggregator == "poe" else {"mixture_sampling": "all"}


@cache
def model_of(aggregator, prior_expert, **options):
    chosen = {"name": aggregator} | ({} if prior_expert is None else {"prior_expert": prior_expert})
    return world_model(WORLD, "mopoe", aggregator=chosen, likelihood_weights="dimension", **options)


def components(aggregator, prior_expert, experts, present):
    """The components of one row's mixture; all have the same weight."""
    if aggregator == "moe":
        return [experts[m] for m in present]
    sizes = range(1, len(present) + 1) if aggregator == "mopoe" else [len(present)]
    made = []
    for size in sizes:
        for subset in itertools.combinations(present, size):
            with_prior = prior_expert == "all" or (prior_expert == "full" and size == 3)
            made.append(product([experts[m] for m in subset] + ([unit(2)] if with_prior else [])))
    return made


def literal(aggregator, prior_expert, experts, present, x, noise=0.5):
    """Reconstruction of each modality and the divergence of one row; ``experts`` and ``x`` are lists over
    modalities.
    """
    mixture = components(aggregator, prior_expert, experts, present)
    reconstruction, divergence = [0.0] * len(experts), 0.0
    for mean, log_variance in mixture:
        z = at((mean, log_variance), noise)
        for m in present:
            reconstruction[m] += WEIGHTS[m] * world_log_likelihood(WORLD, m, z, x[m]) / len(mixture)
        divergence += kl((mean, log_variance), unit(2)) / len(mixture)
    return reconstruction, divergence


def terms_of(model, experts, available, x=X):
    """The terms with given experts in place of the encoders'."""
    with known_experts(model, experts):
        return model(world_batch([values[: available.shape[0]] for values in x], available))


@pytest.mark.parametrize(("aggregator", "prior_expert"), VARIANTS)
@given(case=experts_and_masks(modalities=(3, 3), latent_dim=(2, 2), mean=2.0, log_variance=(-3.0, 2.0)))
def test_is_the_equation_written_literally(aggregator, prior_expert, case):
    experts, available = case
    with constant_noise(0.5), torch.no_grad():
        terms = terms_of(model_of(aggregator, prior_expert, **every_component(aggregator)), experts, available)
        drawn = terms_of(model_of(aggregator, prior_expert), experts, available)
    torch.testing.assert_close(drawn.divergence, terms.divergence)  # of all components, whatever is drawn
    for b in range(available.shape[0]):
        present = [m for m in range(3) if available[b, m]]
        expected = literal(aggregator, prior_expert, row_of(experts, b), present, [values[b].tolist() for values in X])
        torch.testing.assert_close(terms.log_likelihood[:, b].tolist(), expected[0], rtol=1e-8, atol=1e-8)
        torch.testing.assert_close(float(terms.divergence[b]), expected[1], rtol=1e-8, atol=1e-8)


@pytest.mark.parametrize("present", [[0, 1, 2], [0, 2]])
def test_gradients_are_those_of_the_equation(present):
    torch.manual_seed(0)
    parameters = torch.randn(2, 3, 1, 2, dtype=torch.float64).requires_grad_()
    available = torch.tensor([[m in present for m in range(3)]])
    with constant_noise(0.5):
        value = terms_of(model_of("mopoe", "full", mixture_sampling="all"), Gaussian(*parameters), available).value(0.7)
    gradients = torch.autograd.grad(value.sum(), parameters)

    def equation(values):
        reconstruction, divergence = literal(
            "mopoe", "full", row_of(Gaussian(*values), 0), present, [x[0].tolist() for x in X]
        )
        return sum(reconstruction) - 0.7 * divergence

    check_gradients(equation, [parameters], gradients, relative=1e-5, absolute=1e-7)


def drawn_subsets(modalities, rows, repeats=1, available=None):
    """Which subset each row was decoded from: experts that hardly vary at the unit vectors have products that tell
    their members.
    """
    world = LinearGaussianWorld((1,) * modalities, modalities)
    model = world_model(world, "mopoe")
    unit = torch.eye(modalities, dtype=torch.float64)[:, None].expand(-1, rows, -1)
    decoded = []
    model.experts = lambda batch: Gaussian(unit, torch.full_like(unit, -14.0))
    model.log_likelihood = lambda z, batch: (
        decoded.extend(z) or torch.zeros(modalities, *z.shape[:-1], dtype=torch.float64)
    )
    with torch.no_grad():
        for _ in range(repeats):
            model(world_batch(world.sample(rows)[1], available))
    assert all(z.shape == (rows, modalities) for z in decoded), "a row is decoded more than once"
    members = torch.stack(decoded) > 0.5 / modalities
    return (members * 2 ** torch.arange(modalities)).sum(-1)


def test_the_subsets_share_the_rows_of_a_batch():
    torch.manual_seed(0)
    counts = torch.bincount(drawn_subsets(5, 256)[0], minlength=32)
    assert counts[0] == 0
    assert set(counts[1:].tolist()) == {8, 9}


def test_each_subset_is_as_likely_where_there_are_fewer_rows_than_subsets():
    torch.manual_seed(0)
    repeats = 400
    drawn = drawn_subsets(4, 3, repeats)
    assert (drawn[:, 0] != drawn[:, 1]).all(), "the rows of a batch share one subset"
    for row in range(3):
        counts = torch.bincount(drawn[:, row], minlength=16)
        assert counts[0] == 0
        error = math.sqrt(repeats * 1 / 15 * 14 / 15)
        assert ((counts[1:] - repeats / 15).abs() < 5 * error).all()


def test_a_row_draws_only_from_subsets_of_what_it_has():
    torch.manual_seed(0)
    available = torch.tensor([[True, False, True, True]] * 70)
    counts = torch.bincount(drawn_subsets(4, 70, available=available)[0], minlength=16)
    assert {subset for subset in range(16) if counts[subset]} == {
        subset for subset in range(1, 16) if not subset & 0b0010
    }
    assert counts.max() == 10  # 70 rows, 7 subsets


def test_drawn_subsets_are_unbiased():
    torch.manual_seed(0)
    rows = 4000
    chosen = {"name": "mopoe", "prior_expert": "full", "max_subsets": 2}
    model = world_model(WORLD, "mopoe", aggregator=chosen, likelihood_weights="dimension", mixture_sampling="all")
    one = torch.randn(2, 3, 1, 2, dtype=torch.float64)
    for present in ([0, 1, 2], [1, 2]):
        available = torch.tensor([[m in present for m in range(3)]]).expand(rows, -1)
        with constant_noise(0.5), torch.no_grad():
            terms = terms_of(
                model, Gaussian(*one.expand(-1, -1, rows, -1)), available, [x[:1].expand(rows, -1) for x in X]
            )
        expected = literal("mopoe", "full", row_of(Gaussian(*one), 0), present, [x[0].tolist() for x in X])
        for got, wanted in ((terms.log_likelihood.sum(0), sum(expected[0])), (terms.divergence, expected[1])):
            assert got.std() > 0
            assert abs(float(got.mean()) - wanted) < 5 * float(got.std()) / rows**0.5


@pytest.mark.parametrize("modalities", [2, 10, 20])
def test_any_number_of_modalities_is_decoded_once_per_row(modalities):
    world = LinearGaussianWorld((1,) * modalities, 2)
    model = world_model(world, "mopoe")
    latents = []
    model.decoders[0].register_forward_hook(lambda module, inputs, output: latents.append(inputs[0].shape))
    value = model(world_batch(world.sample(4)[1])).value(1.0)
    value.sum().backward()
    assert value.isfinite().all()
    assert latents == [(4, 2)]
    assert all(encoder.head.mean.weight.grad.abs().sum() > 0 for encoder in model.encoders)


@pytest.mark.parametrize("prior_expert", ["full", "all", "none"])
def test_a_known_subset_has_its_own_product(prior_expert):
    model = model_of("mopoe", prior_expert)
    torch.manual_seed(0)
    experts = Gaussian(*torch.randn(2, 3, 3, 2, dtype=torch.float64))
    for size in (1, 2, 3):
        for subset in itertools.combinations(range(3), size):
            mask = torch.tensor([[m in subset for m in range(3)]] * 3)
            with known_experts(model, experts):
                posterior = model.posterior(world_batch(X), mask)
            assert posterior.weights.tolist() == [[1.0] * 3]
            for b in range(3):
                members = [row_of(experts, b)[m] for m in subset]
                mean, log_variance = product(
                    members + ([unit(2)] if prior_expert == "all" or (prior_expert == "full" and size == 3) else [])
                )
                torch.testing.assert_close(posterior.components.mean[0, b].tolist(), mean)
                torch.testing.assert_close(posterior.components.log_variance[0, b].tolist(), log_variance)


@pytest.mark.parametrize(
    "aggregator", [{"name": "poe", "prior_expert": p} for p in ("full", "all", "none")] + [{"name": "moe"}]
)
def test_restricted_to_the_full_subset_or_to_single_modalities_it_is_a_known_method(aggregator):
    data = toy_data(missing=0.4)
    sampling = every_component(aggregator["name"])
    ours, theirs = (make_model(name, data, aggregator=aggregator, **sampling) for name in ("mopoe", "elbo"))
    theirs.load_state_dict(ours.state_dict())
    with central_noise(), torch.no_grad():
        for got, expected in zip(*(vars(model(data.train[:8])).values() for model in (ours, theirs))):
            torch.testing.assert_close(got, expected)


def test_with_two_modalities_it_is_the_mean_of_the_product_and_the_mixture():
    data = toy_data(("vector", "counts"))
    whole, full, single = (
        make_model("mopoe", data, aggregator=aggregator, **every_component(aggregator["name"]))
        for aggregator in ({"name": "mopoe"}, {"name": "poe"}, {"name": "moe"})
    )
    for other in (full, single):
        other.load_state_dict(whole.state_dict())
    with central_noise(), torch.no_grad():
        got, of_full, of_single = (model(data.train[:8]).value(0.7) for model in (whole, full, single))
    torch.testing.assert_close(got, (of_full + 2 * of_single) / 3)


@pytest.mark.parametrize("prior_expert", ["full", "all", "none"])
def test_is_a_lower_bound_of_the_exact_evidence(prior_expert):
    world = LinearGaussianWorld((3, 4, 3), 2, orthogonal=True, seed=3)
    model = world_model(
        world, "mopoe", aggregator={"name": "mopoe", "prior_expert": prior_expert}, mixture_sampling="all"
    )
    _, x = world.sample(16)
    available = torch.rand(16, 3, generator=torch.Generator().manual_seed(0)) < 0.6
    for mask in (None, available):
        value, error = sampled_value(model, world_batch(x, mask), draws=80)
        assert (value <= world.log_evidence(x, mask) + 5 * error + 1e-9).all()
