"""SMVAE, SMVGON and VGON against their equations in loops, exact evidence, and their posteriors for every subset."""

import copy
import itertools
import math
from contextlib import contextmanager

import pytest
import torch
from hypothesis import given, settings

from mmgen import MmgenError, Trainer
from mmgen.distributions import Gaussian, powerset
from mmgen.testing import (
    ConstantNetwork,
    LinearGaussianWorld,
    check_gradients,
    check_objective,
    experts,
    make_model,
    recorded_calls,
    sampled_value,
    set_exact_joint_encoder,
    substitute,
    toy_data,
    toy_model,
    world_batch,
    world_model,
)
from mmgen.testing.literal import at, constant_noise, kl, known_experts, product, row_of, unit
from mmgen.testing.literal import log_likelihood as literal_log_likelihood

WEIGHTS = {"vector": 2.5, "counts": 1.0, "tags": 0.5}
KINDS = tuple(WEIGHTS)
UNIT = unit(3)
EPSILON = 0.7
CASES = experts(
    modalities=(4, 4), rows=(1, 3), latent_dim=(3, 3), mean=2.0, log_variance=(-2.0, 2.0)
)  # q_Λ and three experts


def model_of(expert="all", **options):
    return toy_model("smvae", WEIGHTS, aggregator={"name": "poe", "prior_expert": expert}, **options)


@contextmanager
def known(model, experts, joint):
    """Experts and q_Λ as given, and constant noise."""
    with (
        known_experts(model, experts),
        substitute(model.objective, joint=ConstantNetwork(joint)),
        constant_noise(EPSILON),
    ):
        yield


def log_likelihood(model, batch, b, m, q):
    """w_m log p(x_m | z) of row b at z = μ + ε σ of q."""
    return WEIGHTS[KINDS[m]] * literal_log_likelihood(model, batch, b, KINDS[m], at(q, EPSILON))


def subset_terms(q, row, *, prior=True, forward=False):
    """Σ_S KL(q_S ‖ q) / 2^M of one row over the non-empty subsets; perhaps without N(0, I), or with the KLs turned
    round.
    """
    total = 0.0
    for size in range(1, len(row) + 1):
        for members in itertools.combinations(row, size):
            subset = product([*members, UNIT] if prior else list(members))
            total += kl(q, subset) if forward else kl(subset, q)
    return total / 2 ** len(row)


@pytest.mark.parametrize(("weight", "expert"), [(1.0, "all"), (2.5, "all"), (0.0, "all"), (1.0, "none")])
@settings(max_examples=12)
@given(case=CASES)
def test_smvae_is_the_equation_written_literally(weight, expert, case):
    model, rows = model_of(expert, subset_weight=weight), case.mean.shape[1]
    batch = model.prepare(toy_data().train[:rows])
    with known(model, case[1:], case[0]):
        terms = model(batch)
    for b in range(rows):
        q, *row = row_of(case, b)
        likelihoods = [log_likelihood(model, batch, b, m, q) for m in range(3)]
        divergence = weight * subset_terms(q, row, prior=expert == "all")
        torch.testing.assert_close(terms.log_likelihood[:, b].tolist(), likelihoods, rtol=1e-8, atol=1e-8)
        torch.testing.assert_close(float(terms.divergence[b]), divergence, rtol=1e-8, atol=1e-8)
        value = sum(likelihoods) - kl(q, UNIT) - 0.3 * divergence
        torch.testing.assert_close(float(terms.value(0.3)[b]), value, rtol=1e-8, atol=1e-8)


def test_direction_of_the_kl_and_the_expert_of_the_prior_matter():
    torch.manual_seed(0)
    case = Gaussian(torch.randn(4, 5, 3, dtype=torch.float64), torch.randn(4, 5, 3, dtype=torch.float64))
    model = model_of()
    with known(model, case[1:], case[0]):
        divergence = model(toy_data().train[:5]).divergence.tolist()
    for b, found in enumerate(divergence):
        q, *row = row_of(case, b)
        assert found == pytest.approx(subset_terms(q, row), rel=1e-9)
        for wrong in ({"forward": True}, {"prior": False}, {"forward": True, "prior": False}):
            assert abs(found - subset_terms(q, row, **wrong)) > 1e-2 * found, wrong


@pytest.mark.parametrize("beta", [0.6, 1.0])
def test_gradients_of_smvae_are_those_of_the_equation(beta):
    """Both sides of the KLs learn: the experts and the surrogate."""
    torch.manual_seed(0)
    mean, log_variance = (torch.randn(4, 1, 3, dtype=torch.float64, requires_grad=True) for _ in range(2))
    model = model_of()
    batch, gaussians = model.prepare(toy_data().train[:1]), Gaussian(mean, log_variance)
    with known(model, gaussians[1:], gaussians[0]):
        model(batch).value(beta).sum().backward()

    def value(mean, log_variance):
        q, *row = row_of(Gaussian(mean, log_variance), 0)
        likelihoods = sum(log_likelihood(model, batch, 0, m, q) for m in range(3))
        return likelihoods - kl(q, UNIT) - beta * subset_terms(q, row)

    check_gradients(value, (mean, log_variance))


def test_drawn_subsets_leave_the_sum_as_it_is_in_expectation():
    torch.manual_seed(0)
    case = Gaussian(torch.randn(4, 1, 3, dtype=torch.float64), torch.randn(4, 1, 3, dtype=torch.float64))
    q, *row = row_of(case, 0)
    expected, draws = subset_terms(q, row), 20000
    many = case.map(lambda value: value.expand(-1, draws, -1))
    for count in (1, 3, 7):
        model = model_of(max_subsets=count)
        with known(model, many[1:], many[0]):
            values = model.objective.to_surrogate(model, toy_data().train[:1], many[0])
        assert values.shape == (draws,)
        if count == 7:  # as many as there are: they are listed
            assert values.tolist() == pytest.approx([expected] * draws, rel=1e-9)
            continue
        assert len(set(values.mul(1e9).round().tolist())) == math.comb(7 + count - 1, count), (
            "as many as ways to draw, with replacement"
        )
        assert float((values.mean() - expected).abs()) < 4 * float(values.std()) / draws**0.5


def test_without_subsets_no_encoder_runs_and_the_elbo_is_that_of_the_surrogate():
    data = toy_data()
    whole, alone = make_model("smvae", data), make_model("smvae", data, subset_weight=0.0)
    values = []
    with recorded_calls(alone.encoders) as calls:
        for model in (whole, alone):
            torch.manual_seed(0)
            values.append(model(data.train[:8]))
    torch.testing.assert_close(values[1].value(1.0), values[0].value(0.0))
    assert not calls
    assert not torch.allclose(values[0].value(1.0), values[0].value(0.0))


@pytest.mark.parametrize("objective", ["smvae", "smvgon", "vgon"])
def test_holds_the_contract(objective):
    check_objective(objective)
    check_objective(objective, ("image", "text", "labels"))


@pytest.mark.parametrize("objective", ["smvae", "smvgon"])
def test_every_subset_has_the_product_of_its_experts_and_the_prior_also_the_full_one(objective):
    model, data = make_model(objective, toy_data()), toy_data()
    subsets = torch.cat([powerset(3), torch.zeros(1, 3, dtype=torch.bool)])
    given = subsets[
        torch.randint(8, (2, 5, 12), generator=torch.Generator().manual_seed(0))
    ]  # [2, 5, B, M]: each row has another subset
    available = subsets[[6, 6, 6, 6, 6, 6, 6, 6, 0, 3, 5, 7]]
    batch = data.test[:12].restrict(available)
    posterior, experts = model.posterior(batch, given), model.experts(batch)
    assert posterior.components.mean.shape == (2, 5, 1, 12, 3)
    for i, j, b in itertools.product(range(2), range(5), range(12)):
        row = row_of(experts, b)
        mean, log_variance = product([UNIT, *(row[m] for m in range(3) if given[i, j, b, m] and available[b, m])])
        got = posterior.components[i, j, 0, b]
        torch.testing.assert_close(got.mean.tolist(), mean, rtol=1e-9, atol=1e-9)
        torch.testing.assert_close(got.log_variance.tolist(), log_variance, rtol=1e-9, atol=1e-9)


def size(module):
    return sum(parameter.numel() for parameter in module.parameters())


@pytest.mark.parametrize("kinds", [("vector", "tags"), ("vector", "counts", "tags", "image")])
def test_parameters_are_as_many_as_the_paper_says(kinds):
    """SMVAE doubles the encoders (one head on all features has one pair of biases in place of M); SMVGON has two linear
    maps; VGON these alone.
    """
    data = toy_data(kinds)
    plain, smvae, smvgon, vgon = (make_model(objective, data) for objective in ("elbo", "smvae", "smvgon", "vgon"))
    assert size(smvae) - size(plain) == size(plain.encoders) - (len(kinds) - 1) * 2 * 3
    assert size(smvgon) - size(plain) == 2 * (3 * 3 + 3)
    assert size(vgon) == size(plain) - size(plain.encoders) + 2 * (3 * 3 + 3)


def set_exact_origin(origin, world):
    """Give a gradient origin the true posterior of an orthogonal world.

    At z = 0 the gradient is A Σ_m W_mᵀ(x_m − b_m)/s_m², and A = Λ^−½ maps it to the mean and makes it.
    """
    maps, precision = origin.maps, 1 + sum(w.square().sum(0) / s**2 for w, s in zip(world.loadings, world.scales))
    with torch.no_grad():
        maps.mean.weight.copy_(torch.diag(precision.rsqrt()))
        maps.mean.bias.zero_()
        maps.spread.weight.zero_()
        maps.spread.bias.copy_(-precision.log())


@pytest.mark.parametrize("exact", [False, True])
@pytest.mark.parametrize("objective", ["smvae", "smvgon"])
def test_is_a_lower_bound_of_the_exact_evidence_and_tight_with_the_true_posterior(objective, exact):
    world = LinearGaussianWorld((3, 4, 3), 2, orthogonal=True, seed=3)
    model = world_model(world, objective)
    if exact and objective == "smvae":
        set_exact_joint_encoder(model.objective.joint, world)
    elif exact:
        set_exact_origin(model.objective.origin, world)
    _, x = world.sample(16)
    batch, evidence = world_batch(x), world.log_evidence(x)
    for training in (False, True):
        model.train(training)
        for beta in (0.0, 0.4, 1.0):
            value, error = sampled_value(model, batch, draws=200, beta=beta)
            assert (value <= evidence + 5 * error + 1e-9).all()
            tight = (value - evidence).abs() < 5 * error + 1e-9
            if exact and beta == 0 and (objective == "smvae" or not training):
                assert tight.all()
            if not exact:
                assert not tight.all(), "any posterior would do"
    if exact and objective == "smvae":  # the product of the exact experts and N(0, I) is then q_Λ itself
        full = model.encode(batch)
        joint = model.objective.joint(model.prepare(batch))
        torch.testing.assert_close(full.mean, joint.mean)


@pytest.mark.parametrize("objective", ["smvae", "smvgon"])
@pytest.mark.parametrize("count", [2, 20])
def test_works_for_any_number_of_modalities(objective, count):
    world = LinearGaussianWorld((2,) * count, 2, orthogonal=True, seed=1)
    model = world_model(world, objective, max_subsets=100).train()
    _, x = world.sample(4)
    value = model(world_batch(x)).value(1.0)
    value.mean().backward()
    assert value.isfinite().all() and value.shape == (4,)
    assert all(p.grad.isfinite().all() for p in model.parameters())


@pytest.mark.parametrize(
    ("objective", "expected"),
    [("smvae", [0, 1, 2, 3, 4, 5, 6]), ("smvgon", [0, 1, 2, 4, 4, 5, 5, 6, 6]), ("vgon", [4, 4, 5, 5, 6, 6])],
)
def test_every_encoder_runs_once_and_decoders_once_per_pass(objective, expected):
    model = make_model(objective, toy_data())
    networks = [
        *(model.encoders if objective != "vgon" else [None] * 3),
        getattr(model.objective, "joint", None),
        *model.decoders,
    ]
    with recorded_calls(networks) as calls:
        model(toy_data().train[:6])
    assert sorted(calls) == expected


@pytest.mark.parametrize("objective", ["smvae", "smvgon", "vgon"])
def test_rows_that_lack_modalities_are_refused(objective):
    data = toy_data(missing=0.4)
    with pytest.raises(MmgenError, match="needs every modality in every training row"):
        Trainer(epochs=1).fit(make_model(objective, data).float(), data)


@pytest.mark.parametrize(
    ("objective", "options"),
    [("smvae", {"max_subsets": 2}), ("smvgon", {"inner_scale": 0.1}), ("vgon", {"inner_scale": 0.1})],
)
def test_microbatches_do_not_change_what_is_learned(objective, options):
    data = toy_data()
    models = [make_model(objective, data, **options)]
    models.append(copy.deepcopy(models[0]))
    for model, parts in zip(models, (1, 3)):
        Trainer(epochs=2, batch_size=12, microbatches=parts, device="cpu").fit(model, data)
    for one, two in zip(models[0].parameters(), models[1].parameters()):
        torch.testing.assert_close(one, two, rtol=1e-7, atol=1e-9)


@pytest.mark.parametrize(("objective", "surrogate"), [("smvae", "objective.joint"), ("smvgon", "objective.origin")])
def test_two_stages_train_the_surrogate_first_and_then_the_encoders_alone(objective, surrogate):
    data = toy_data()
    first, second = (
        {"epochs": 2, "train": ["decoders", "likelihoods", surrogate], "objective": {"subset_weight": 0.0}},
        {"train": ["encoders"]},
    )
    start, after_one, after_two = (make_model(objective, data).float() for _ in range(3))
    with pytest.raises(MmgenError, match="max_subsets"):
        Trainer(epochs=3, stages=[{**first, "objective": {"max_subsets": 3}}, second]).fit(start, data)
    Trainer(epochs=3, batch_size=16, stages=[first, second]).fit(after_two, data)
    after_one.objective.config = after_one.objective.config.model_copy(update={"subset_weight": 0.0})
    after_one.encoders.requires_grad_(False)
    Trainer(epochs=2, batch_size=16).fit(after_one, data)
    for (name, a), b, c in zip(start.named_parameters(), after_one.parameters(), after_two.parameters()):
        if name.startswith("encoders."):
            assert torch.equal(a, b) and not torch.equal(a, c), name
        else:
            assert torch.equal(b, c) and not torch.equal(a, c), name
