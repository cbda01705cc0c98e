"""MMVAE against its equations in loops, values and gradients, and against exact evidence."""

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from mmgen.distributions import laplace_noise, normal_noise
from mmgen.testing import (
    LinearGaussianWorld,
    ObjectiveContract,
    check_absence_in_model,
    make_model,
    toy_data,
    toy_model,
    world_batch,
    world_model,
)

KINDS = ("vector", "counts", "tags")
WEIGHTS = (2.0, 0.5, 1.0)
PRIORS = {
    "normal": "normal",
    "scaled-normal": "scaled-normal",
    "laplace": "laplace",
    "learned": {"name": "laplace", "learned": True},
}
VECTOR = (0.7, 0.0, -0.9)
FAMILIES = [("gaussian", "normal"), ("laplace", "learned"), ("gaussian", "scaled-normal")]
LOG_MEANS = [("iwae", "looser"), ("looser", "looser"), ("dreg", "looser"), ("dreg", "tight")]


def log_normal(z, mean, scale):
    return sum(-0.5 * math.log(2 * math.pi) - s.log() - 0.5 * ((x - m) / s) ** 2 for x, m, s in zip(z, mean, scale))


def log_laplace(z, mean, scale):
    return sum(-(2 * s).log() - (x - m).abs() / s for x, m, s in zip(z, mean, scale))


DENSITY = {"gaussian": log_normal, "laplace": log_laplace}


def weighted_model(prior="normal", missing=0.4, **options):
    """A model with likelihood weights and, if it is learned, a prior that is not at its start."""
    data = toy_data(KINDS, missing=missing)
    changes = {name: {"weight": weight} for name, weight in zip(KINDS, WEIGHTS)}
    model = make_model("mmvae", data, modalities=changes, prior=PRIORS[prior], **options)
    for name, parameter in model.named_parameters():
        if name.endswith("vector"):
            parameter.data.copy_(torch.tensor(VECTOR))
    return data, model


def posteriors(model, batch, scale_rule):
    """(mean, scale) of every modality, ``[M][B][D]``, with the graph to the encoders."""
    found = []
    for encoder, name in zip(model.encoders, KINDS):
        mean, log_variance = encoder(batch.data[name])
        scale = (0.5 * log_variance).exp()
        found.append((mean, scale / scale.mean(-1, keepdim=True) if scale_rule == "normalised" else scale))
    return found


def log_prior(model, prior, z):
    scale = torch.ones(3, dtype=torch.float64)
    if prior in ("learned", "scaled-normal"):
        exponentials = model.objective.prior_for.log_scale.vector.exp()
        scale = 3 * exponentials / exponentials.sum()
    return (log_laplace if prior in ("learned", "laplace") else log_normal)(
        z, torch.zeros(3, dtype=torch.float64), scale
    )


def joint_log_likelihood(model, batch, b, z, have):
    """w_m log p(x_m | z) of the modalities that the row has."""
    return {
        m: WEIGHTS[m] * model.likelihoods[m].log_prob(model.decode(z[None], KINDS[m])[0], batch.data[KINDS[m]][b])
        for m in have
    }


def log_weights(model, batch, b, eps, family, prior, scale_rule, beta, constant_q):
    """log w[r][k] of one row with its samples and parts, by the plain formula; with ``constant_q`` the parameters of
    q(z|X) are constants in the density.
    """
    have = [m for m in range(3) if batch.available[b, m]]
    q = [(mean[b], scale[b]) for mean, scale in posteriors(model, batch, scale_rule)]
    found = {}
    for r in have:
        for k in range(len(eps)):
            z = q[r][0] + q[r][1] * eps[k, r, b]
            mixture = 0.0
            for m in have:
                mean, scale = (value.detach() for value in q[m]) if constant_q else q[m]
                mixture = mixture + DENSITY[family](z, mean, scale).exp() / len(have)
            likelihoods = joint_log_likelihood(model, batch, b, z, have)
            ratio = mixture.log() - log_prior(model, prior, z)
            found[r, k] = (sum(likelihoods.values()) - beta * ratio, z, likelihoods, ratio)
    return have, found


def groups(have, samples, tight):
    """The (r, k) under each logarithm."""
    each = [[(r, k) for k in range(samples)] for r in have]
    return [[key for group in each for key in group]] if tight else each


@pytest.mark.parametrize(("family", "prior"), FAMILIES)
@pytest.mark.parametrize(("estimator", "dreg_bound"), LOG_MEANS)
@settings(max_examples=3)
@given(seed=st.integers(0, 1000), scale_rule=st.sampled_from(["free", "normalised"]), beta=st.sampled_from([1.0, 0.3]))
def test_weighted_estimators_are_the_equations_in_value_and_gradient(
    estimator, dreg_bound, family, prior, seed, scale_rule, beta
):
    samples, rows = 2, 2
    options = {
        "estimator": estimator,
        "dreg_bound": dreg_bound,
        "samples": samples,
        "posterior_scale": scale_rule,
        "posterior": family,
    }
    data, model = weighted_model(prior, beta=beta, **options)
    start = seed % 30
    batch = model.prepare(data.train[start : start + rows])
    torch.manual_seed(seed)
    eps = (laplace_noise if family == "laplace" else normal_noise)(
        (samples, 3, rows, 3), torch.zeros((), dtype=torch.float64)
    )
    torch.manual_seed(seed)
    terms = model(batch)
    value = terms.value(beta)
    names = [name for name, _ in model.named_parameters()]
    parameters = list(model.parameters())
    got = torch.autograd.grad(value.sum(), parameters, allow_unused=True)
    expected = [torch.zeros_like(parameter) for parameter in parameters]
    for b in range(rows):
        have, found = log_weights(model, batch, b, eps, family, prior, scale_rule, beta, constant_q=estimator == "dreg")
        under = groups(have, samples, tight=estimator == "iwae" or (estimator, dreg_bound) == ("dreg", "tight"))
        bounds, likelihood, divergence, surrogate = [], [0.0] * 3, 0.0, 0.0
        for group in under:
            total = sum(found[key][0].exp() for key in group)
            bounds.append((total / len(group)).log())
            for key in group:
                log_w, z, likelihoods, ratio = found[key]
                share = float((log_w.exp() / total).detach())
                for m in have:
                    likelihood[m] += share * float(likelihoods[m].detach()) / len(under)
                divergence += share * float(ratio.detach()) / len(under)
                if (
                    estimator == "dreg"
                ):  # encoders through z with the squared weight, everything else with the weight and z constant
                    (to_z,) = torch.autograd.grad(log_w, z, retain_graph=True)
                    surrogate = surrogate + share**2 * (to_z.detach() * z).sum() / len(under)
                    fixed = z.detach()
                    direct = sum(joint_log_likelihood(model, batch, b, fixed, have).values()) + beta * log_prior(
                        model, prior, fixed
                    )
                    surrogate = surrogate + share * direct / len(under)
        bound = sum(bounds) / len(under)
        assert float(value[b].detach()) == pytest.approx(float(bound.detach()), rel=1e-9, abs=1e-9)
        torch.testing.assert_close(terms.log_likelihood[:, b].tolist(), likelihood, rtol=1e-7, atol=1e-9)
        assert float(terms.divergence[b].detach()) == pytest.approx(divergence, rel=1e-7, abs=1e-9)
        assert float(terms.others["importance"][b]) <= 1e-12
        plain = torch.autograd.grad(surrogate if estimator == "dreg" else bound, parameters, allow_unused=True)
        expected = [e if p is None else e + p for e, p in zip(expected, plain)]
    for name, one, two in zip(names, got, expected):
        torch.testing.assert_close(
            torch.zeros_like(two) if one is None else one,
            two,
            rtol=1e-6,
            atol=1e-8,
            msg=lambda text, name=name: f"{name}: {text}",
        )


def kl(family, prior, model, mean, scale, samples):
    """KL(q_r ‖ p) of one row in closed form within a family, else by the samples."""
    total = 0.0
    other = (
        [3 * math.exp(v) / sum(map(math.exp, VECTOR)) for v in VECTOR]
        if prior in ("learned", "scaled-normal")
        else [1.0] * 3
    )
    for m, s, o in zip(mean.tolist(), scale.tolist(), other):
        if family == "gaussian" and prior in ("normal", "scaled-normal"):
            total += 0.5 * ((s**2 + m**2) / o**2 - 1) - math.log(s / o)
        elif family == "laplace" and prior in ("laplace", "learned"):
            total += math.log(o / s) + abs(m) / o + s / o * math.exp(-abs(m) / s) - 1
    if (family == "gaussian") == (prior in ("normal", "scaled-normal")):
        return total
    return sum(float(DENSITY[family](z, mean, scale) - log_prior(model, prior, z)) for z in samples) / len(samples)


@pytest.mark.parametrize("prior", PRIORS)
@pytest.mark.parametrize("family", ["gaussian", "laplace"])
@settings(max_examples=3)
@given(seed=st.integers(0, 1000), scale_rule=st.sampled_from(["free", "normalised"]), samples=st.integers(1, 2))
def test_elbo_over_all_posteriors_is_the_equation_written_literally(family, prior, seed, scale_rule, samples):
    data, model = weighted_model(
        prior, mixture_sampling="all", samples=samples, posterior=family, posterior_scale=scale_rule
    )
    model.requires_grad_(False)
    start, rows = seed % 30, 3
    batch = model.prepare(data.train[start : start + rows])
    torch.manual_seed(seed)
    eps = (laplace_noise if family == "laplace" else normal_noise)(
        (samples, 3, rows, 3), torch.zeros((), dtype=torch.float64)
    )
    torch.manual_seed(seed)
    terms = model(batch)
    q = posteriors(model, batch, scale_rule)
    for b in range(rows):
        have = [m for m in range(3) if batch.available[b, m]]
        likelihood, divergence = [0.0] * 3, 0.0
        for r in have:
            mean, scale = q[r][0][b], q[r][1][b]
            z = [mean + scale * eps[k, r, b] for k in range(samples)]
            divergence += kl(family, prior, model, mean, scale, z) / len(have)
            for sample in z:
                for m, value in joint_log_likelihood(model, batch, b, sample, have).items():
                    likelihood[m] += float(value) / len(have) / samples
        torch.testing.assert_close(terms.log_likelihood[:, b].tolist(), likelihood, rtol=1e-8, atol=1e-9)
        assert float(terms.divergence[b]) == pytest.approx(divergence, rel=1e-7, abs=1e-8)
        assert not terms.others


@pytest.mark.parametrize("mixture_sampling", ["stratified", "all"])
def test_elbo_is_the_core_objective_with_the_mixture_of_experts(mixture_sampling):
    data, model = weighted_model(mixture_sampling=mixture_sampling)
    changes = {name: {"weight": weight} for name, weight in zip(KINDS, WEIGHTS)}
    core = make_model("elbo", data, aggregator="moe", mixture_sampling=mixture_sampling, modalities=changes)
    core.load_state_dict(model.state_dict())
    values = []
    for each in (model, core):
        torch.manual_seed(1)
        values.append(each(data.train[:10]))
    torch.testing.assert_close(values[0].log_likelihood, values[1].log_likelihood)
    torch.testing.assert_close(values[0].divergence, values[1].divergence)


@pytest.mark.parametrize("family", ["gaussian", "laplace"])
def test_one_posterior_per_row_has_the_mean_of_all(family):
    data, stratified = weighted_model(posterior=family, prior="laplace" if family == "laplace" else "normal", samples=2)
    _, everyone = weighted_model(
        posterior=family, prior="laplace" if family == "laplace" else "normal", mixture_sampling="all"
    )
    everyone.load_state_dict(stratified.state_dict())
    rows = data.train[torch.full((9000,), 4)]
    torch.manual_seed(0)
    with torch.no_grad():
        one, two = (model(rows).log_likelihood for model in (stratified, everyone))
    error = ((one.var(1) + two.var(1)) / 9000).sqrt()
    assert ((one.mean(1) - two.mean(1)).abs() <= 4.5 * error).all()


OPTIONS = [
    *(
        {"estimator": estimator, "dreg_bound": bound, "samples": 3, "posterior": "laplace"}
        for estimator, bound in LOG_MEANS
    ),
    {"mixture_sampling": "all", "posterior": "laplace"},
    {},
]


@pytest.mark.parametrize("options", OPTIONS, ids=lambda options: "-".join(map(str, options.values())))
def test_a_masked_row_is_a_row_of_the_model_of_what_it_has(options):
    data, model = weighted_model("normal", missing=0.0, **options)

    def make(kinds):
        return toy_model("mmvae", {kind: WEIGHTS[KINDS.index(kind)] for kind in kinds}, **options)

    subsets = [(1,), (0, 2), (1, 2), (0, 1, 2)]
    check_absence_in_model(model, make, data.train[:5], terms=("value", "log_likelihood"), subsets=subsets)


@pytest.mark.parametrize("options", [{"estimator": "looser", "samples": 2}, {"mixture_sampling": "all"}], ids=str)
def test_draws_of_experts_that_a_row_lacks_are_seen_by_no_network(options):
    """Batch normalisation in decoders would see them, whatever their weight."""
    ObjectiveContract.of("mmvae", options=options)().test_what_is_missing_does_not_matter()


@pytest.mark.parametrize("prior", PRIORS)
def test_all_estimators_bound_the_evidence_and_are_ordered(prior):
    world = LinearGaussianWorld((3, 4, 3), 2, orthogonal=True, seed=3)
    _, x = world.sample(8)
    values = {}
    for estimator in ("elbo", "looser", "iwae"):
        sampling = {"mixture_sampling": "all"} if estimator == "elbo" else {}
        model = world_model(world, "mmvae", estimator=estimator, samples=4, prior=PRIORS[prior], **sampling)
        torch.manual_seed(0)
        with torch.no_grad():
            values[estimator] = torch.stack([model(world_batch(x)).value(1.0) for _ in range(50)])
    assert (values["looser"] <= values["iwae"] + 1e-9).all()  # the same samples, and the logarithm is concave
    assert (values["elbo"].mean(0) < values["looser"].mean(0)).all()
    if prior == "normal":
        assert (values["iwae"].mean(0) <= world.log_evidence(x) + 5 * values["iwae"].std(0) / 50**0.5).all()


@pytest.mark.parametrize("family", ["gaussian", "laplace"])
def test_many_samples_give_the_exact_evidence_under_one_logarithm(family):
    world = LinearGaussianWorld((3, 4, 3), 2, orthogonal=True, seed=3)
    model = world_model(world, "mmvae", estimator="iwae", samples=20_000, posterior=family)
    _, x = world.sample(4)
    available = torch.tensor([[True, True, True], [True, False, True], [False, True, False], [True, True, True]])
    torch.manual_seed(0)
    with torch.no_grad():
        got = model(world_batch(x, available)).value(1.0)
    torch.testing.assert_close(got, world.log_evidence(x, available), rtol=0, atol=0.1)


def test_a_change_of_beta_gives_a_lower_bound():
    data, model = weighted_model(estimator="iwae", samples=4, beta=1.0)
    _, other = weighted_model(estimator="iwae", samples=4, beta=0.2)
    other.load_state_dict(model.state_dict())
    values = []
    for each in (model, other):
        torch.manual_seed(0)
        values.append(each(data.train[:8]).value(0.2).detach())
    assert (values[0] <= values[1] + 1e-9).all()
    assert (values[0] < values[1] - 1e-6).any()


def test_doubly_reparameterised_gradients_have_the_mean_of_plain_ones_for_one_posterior():
    means = {}
    for estimator in ("looser", "dreg"):
        data, model = weighted_model(missing=0.0, estimator=estimator, samples=3)
        rows = data.train[torch.full((300,), 2)]
        alone = torch.zeros(300, 3, dtype=torch.bool)
        alone[:, 0] = True
        torch.manual_seed(0)
        bias = model.encoders[0].head.mean.bias
        chunks = [torch.autograd.grad(model(rows.restrict(alone)).value(1.0).mean(), bias)[0] for _ in range(25)]
        means[estimator] = torch.stack(chunks)
    difference = means["looser"].mean(0) - means["dreg"].mean(0)
    error = ((means["looser"].var(0) + means["dreg"].var(0)) / 25).sqrt()
    assert (difference.abs() <= 4.5 * error).all()
    assert (means["dreg"].std(0) < means["looser"].std(0)).all()


@pytest.mark.parametrize("family", ["gaussian", "laplace"])
@pytest.mark.parametrize("scale_rule", ["free", "normalised"])
def test_after_training_one_modality_has_its_posterior_and_several_the_mixture(family, scale_rule):
    data, model = weighted_model(missing=0.0, posterior=family, posterior_scale=scale_rule)
    model.requires_grad_(False)
    batch = model.prepare(data.test[:4])
    q = posteriors(model, batch, scale_rule)
    factor = 2.0 if family == "laplace" else 1.0
    for m, name in enumerate(KINDS):
        alone = model.encode(batch, [name])
        torch.testing.assert_close(alone.mean, q[m][0])
        torch.testing.assert_close(alone.variance, factor * q[m][1].square())
    both = model.encode(batch, ["vector", "tags"])
    torch.testing.assert_close(both.mean, (q[0][0] + q[2][0]) / 2)
    second = sum(factor * q[m][1].square() + q[m][0].square() for m in (0, 2)) / 2
    torch.testing.assert_close(both.variance, second - both.mean.square())
    assert model.generate(batch, given=["counts"], samples=2)["vector"].shape == (2, 4, 5)
    if scale_rule == "normalised":
        torch.testing.assert_close((alone.variance / factor).sqrt().sum(-1), torch.full((4,), 3.0, dtype=torch.float64))


@pytest.mark.parametrize("prior", PRIORS)
def test_the_prior_is_what_is_sampled_from_and_its_scales_sum_to_the_dimensions(prior):
    _, model = weighted_model(prior)
    learned = prior in ("learned", "scaled-normal")
    scale = torch.tensor(
        [3 * math.exp(v) / sum(map(math.exp, VECTOR)) for v in VECTOR] if learned else [1.0] * 3, dtype=torch.float64
    )
    with torch.no_grad():
        torch.testing.assert_close(model.unconditional_prior(2).scale[0], scale, rtol=1e-6, atol=0)
        torch.manual_seed(0)
        z = model.sample_prior(40_000)
    assert float(model.unconditional_prior(1).scale.sum().detach()) == pytest.approx(3)
    distance = scale if prior in ("laplace", "learned") else scale * math.sqrt(2 / math.pi)
    torch.testing.assert_close(z.abs().mean(0), distance, rtol=0.03, atol=0)
    assert (z.mean(0).abs() < 5 * z.std(0) / 200).all()


@pytest.mark.parametrize("count", [2, 20])
def test_any_number_of_modalities(count):
    world = LinearGaussianWorld((2,) * count, 2, seed=0)
    _, x = world.sample(5)
    for estimator in ("elbo", "dreg"):
        assert world_model(world, "mmvae", estimator=estimator, samples=2)(world_batch(x)).value(1.0).isfinite().all()
