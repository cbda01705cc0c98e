"""MMVAE+ against its equation in loops, values and gradients, and against exact evidence."""

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
    check_recipe,
    make_model,
    raises_sentence,
    toy_data,
    world_batch,
    world_model,
)

KINDS = ("vector", "counts", "tags")
WEIGHTS = (2.0, 0.5, 1.0)
D, P = 3, 2
BETA, PRIVATE_BETA = 0.7, 0.6
SCALES = (0.4, -0.3)
OWN = {"latent_dim": D, "private_dim": P, "private_beta": PRIVATE_BETA}
ESTIMATORS = [
    {"estimator": "looser"},
    {"estimator": "iwae"},
    {"estimator": "dreg"},
    {"estimator": "dreg", "dreg_bound": "tight"},
    {"estimator": "dreg", "dreg_density": "live"},
]


class TestContract(ObjectiveContract):
    component = "mmvaeplus"
    options = {"private_dim": 2}


class TestAsPublished(ObjectiveContract):
    component = "mmvaeplus"
    options = {
        "private_dim": 2,
        "estimator": "dreg",
        "samples": 1,  # with more, weights of draws depend on β
        "posterior": "laplace",
        "posterior_scale": "normalised",
        "private_prior": "learned",
        "generation": "auxiliary",
        "prior": "laplace",
    }


def weighted_model(missing=0.4, **options):
    data = toy_data(KINDS, missing=missing)
    changes = {name: {"weight": weight} for name, weight in zip(KINDS, WEIGHTS)}
    model = make_model("mmvaeplus", data, modalities=changes, beta=BETA, **OWN, **options)
    for name, parameter in model.named_parameters():
        if name.endswith("vector"):
            parameter.data.copy_(torch.tensor(SCALES))
    return data, model


def log_density(family, x, mean, scale):
    if family == "laplace":
        return sum(-(2 * s).log() - (v - m).abs() / s for v, m, s in zip(x, mean, scale))
    return sum(-0.5 * math.log(2 * math.pi) - s.log() - 0.5 * ((v - m) / s) ** 2 for v, m, s in zip(x, mean, scale))


def scale_of(log_variance, rule):
    scale = (0.5 * log_variance).exp()
    return scale / scale.mean(-1, keepdim=True) if rule == "normalised" else scale


def learned(scales, m):
    exponentials = scales[m].vector.exp() if len(scales) else torch.ones(P, dtype=torch.float64)
    return P * exponentials / exponentials.sum()


def noises(family, samples, rows, seed):
    """The noise of z, of every w_m and of every auxiliary draw, in the order in which they are drawn."""
    draw, like = (laplace_noise if family == "laplace" else normal_noise), torch.zeros((), dtype=torch.float64)
    torch.manual_seed(seed)
    z = draw((samples, 3, rows, D), like)
    w = [draw((samples, rows, P), like) for _ in KINDS]
    return z, w, [draw((samples, 3, rows, P), like) for _ in KINDS]


def log_weights(model, batch, b, eps, options):
    """log ω[r][k] of one row with what it is made of, by the plain formula."""
    family, rule, objective = options["posterior"], options["posterior_scale"], model.objective
    have = [m for m in range(3) if batch.available[b, m]]
    heads = [encoder(batch.data[name][b : b + 1]) for encoder, name in zip(model.encoders, KINDS)]
    q_z = [(mean[0, :D], scale_of(spread[0, :D], rule)) for mean, spread in heads]
    q_w = [(mean[0, D:], scale_of(spread[0, D:], rule)) for mean, spread in heads]
    constant = options.get("estimator") == "dreg" and options.get("dreg_density") != "live"
    fixed = (lambda pair: tuple(value.detach() for value in pair)) if constant else (lambda pair: pair)
    zeros, ones = torch.zeros(D, dtype=torch.float64), torch.ones(D, dtype=torch.float64)
    found = {}
    for r in have:
        for k in range(len(eps[0])):
            z = q_z[r][0] + q_z[r][1] * eps[0][k, r, b]
            own = {m: q_w[m][0] + q_w[m][1] * eps[1][m][k, b] for m in have}
            likelihoods = {}
            for m in have:
                if m == r or options["auxiliary"] == "own":
                    w = own[m]
                else:
                    scales = (
                        objective.auxiliary_scales if options["auxiliary"] == "learned" else objective.private_scales
                    )
                    w = learned(scales, m) * eps[2][m][k, r, b]
                output = model.decode(torch.cat([z, w])[None], KINDS[m])[0]
                likelihoods[m] = WEIGHTS[m] * model.likelihoods[m].log_prob(output, batch.data[KINDS[m]][b])
            mixture = sum(log_density(family, z, *fixed(q_z[m])).exp() for m in have) / len(have)
            ratio = mixture.log() - log_density(family, z, zeros, ones)
            prior_w = log_density(family, own[r], zeros[:P], learned(objective.private_scales, r))
            ratio = ratio + PRIVATE_BETA * (log_density(family, own[r], *fixed(q_w[r])) - prior_w)
            found[r, k] = sum(likelihoods.values()) - BETA * ratio, z, own[r], likelihoods, ratio
    return have, found


def groups(have, samples, tight):
    each = [[(r, k) for k in range(samples)] for r in have]
    return [[key for group in each for key in group]] if tight else each


@pytest.mark.parametrize("auxiliary", ["learned", "prior", "own"])
@pytest.mark.parametrize("family", ["gaussian", "laplace"])
@pytest.mark.parametrize("estimator", ESTIMATORS, ids=lambda options: "-".join(options.values()))
@settings(max_examples=2)
@given(
    seed=st.integers(0, 1000), rule=st.sampled_from(["free", "normalised"]), p=st.sampled_from(["standard", "learned"])
)
def test_every_estimator_is_the_equation_in_value(estimator, family, auxiliary, seed, rule, p):
    options = {
        **estimator,
        "posterior": family,
        "posterior_scale": rule,
        "auxiliary": auxiliary,
        "private_prior": p,
    }
    samples, rows = 2, 3
    prior = "laplace" if family == "laplace" else "normal"
    data, model = weighted_model(samples=samples, prior=prior, **options)
    model.requires_grad_(False)
    batch = model.prepare(data.train[seed % 30 : seed % 30 + rows])
    eps = noises(family, samples, rows, seed)
    torch.manual_seed(seed)
    terms = model(batch)
    tight = "iwae" in estimator.values() or "tight" in estimator.values()
    for b in range(rows):
        have, found = log_weights(model, batch, b, eps, options)
        bounds, likelihood, divergence = [], [0.0] * 3, 0.0
        under = groups(have, samples, tight)
        for group in under:
            total = sum(found[key][0].exp() for key in group)
            bounds.append(float((total / len(group)).log()))
            for key in group:
                share = float(found[key][0].exp() / total) / len(under)
                divergence += share * float(found[key][4])
                for m in have:
                    likelihood[m] += share * float(found[key][3][m])
        assert float(terms.value(BETA)[b]) == pytest.approx(sum(bounds) / len(under), rel=1e-9, abs=1e-9)
        torch.testing.assert_close(terms.log_likelihood[:, b].tolist(), likelihood, rtol=1e-7, atol=1e-9)
        assert float(terms.divergence[b]) == pytest.approx(divergence, rel=1e-7, abs=1e-9)


@pytest.mark.parametrize("estimator", ESTIMATORS, ids=lambda options: "-".join(options.values()))
def test_every_estimator_is_the_equation_in_gradient(estimator):
    """Doubly reparameterised: what flows into z and w_r has the squared weight, all else the weight."""
    samples, rows, seed = 2, 2, 3
    options = {**estimator, "posterior": "gaussian", "posterior_scale": "free", "auxiliary": "learned"}
    data, model = weighted_model(samples=samples, private_prior="learned", **options)
    batch = model.prepare(data.train[4 : 4 + rows])
    eps = noises("gaussian", samples, rows, seed)
    torch.manual_seed(seed)
    named = dict(model.named_parameters())
    got = torch.autograd.grad(model(batch).value(BETA).sum(), list(named.values()), allow_unused=True)
    dreg, tight = estimator["estimator"] == "dreg", "iwae" in estimator.values() or "tight" in estimator.values()
    surrogate = 0.0
    for b in range(rows):
        have, found = log_weights(model, batch, b, eps, options)
        under = groups(have, samples, tight)
        for group in under:
            total = sum(found[key][0].exp() for key in group)
            if not dreg:
                surrogate = surrogate + (total / len(group)).log() / len(under)
                continue
            for key in group:
                log_w, z, w = found[key][:3]
                share = float((log_w.exp() / total).detach())
                through = torch.autograd.grad(log_w, (z, w), retain_graph=True)
                again = sum((g.detach() * value).sum() for g, value in zip(through, (z, w)))
                surrogate = surrogate + (share * log_w + (share**2 - share) * again) / len(under)
    expected = torch.autograd.grad(surrogate, list(named.values()), allow_unused=True)
    for name, one, two in zip(named, got, expected):
        one, two = (torch.zeros_like(named[name]) if each is None else each for each in (one, two))
        torch.testing.assert_close(one, two, rtol=1e-6, atol=1e-8, msg=lambda text, name=name: f"{name}: {text}")


@pytest.mark.parametrize("options", [{}, {"estimator": "iwae", "samples": 3, "auxiliary": "prior"}], ids=str)
def test_a_masked_row_is_a_row_of_the_model_of_what_it_has(options):
    data, model = weighted_model(missing=0.0, **options)

    def make(kinds):
        smaller = make_model("mmvaeplus", toy_data(kinds), beta=BETA, **OWN, **options)
        smaller.likelihood_weights = [WEIGHTS[KINDS.index(kind)] for kind in kinds]
        for name, parameter in smaller.named_parameters():
            if name.endswith("vector"):
                parameter.data.copy_(torch.tensor(SCALES))
        return smaller

    check_absence_in_model(model, make, data.train[:5], terms=("value", "log_likelihood"))


def private_world():
    """x_m = W_m z + V_m w_m + b_m + noise: a world of [z, w_1, w_2, w_3] in which loadings are 0 elsewhere."""
    world = LinearGaussianWorld((3, 4, 3), 5, seed=1)
    for m, loading in enumerate(world.loadings):
        keep = [0, 1, 2 + m]
        loading[:, [d for d in range(5) if d not in keep]] = 0.0
    return world


@pytest.mark.parametrize("estimator", ["looser", "iwae"])
def test_it_bounds_the_evidence_where_the_auxiliary_is_the_prior(estimator):
    world = private_world()
    _, x = world.sample(6)
    two = LinearGaussianWorld((3, 4, 3), 2, seed=1)
    model = world_model(two, "mmvaeplus", private_dim=1, auxiliary="prior", estimator=estimator, samples=4)
    with torch.no_grad():
        for m in range(3):
            layer = model.decoders[m].layers[-1]
            layer.weight.copy_(world.loadings[m][:, [0, 1, 2 + m]])
            layer.bias.copy_(world.offsets[m])
            model.likelihoods[m].log_scale.fill_(math.log(float(world.scales[m])))
        torch.manual_seed(0)
        values = torch.stack([model(world_batch(x)).value(1.0) for _ in range(100)])
    assert (values.mean(0) <= world.log_evidence(x) + 5 * values.std(0) / 10).all()
    assert (values.mean(0) > world.log_evidence(x) - 1000).all()


def test_w_is_drawn_from_the_prior_or_the_auxiliary_where_its_modality_is_not_given():
    for generation, vector in (("prior", (0.0, 0.0)), ("auxiliary", SCALES)):
        data, model = weighted_model(missing=0.0, generation=generation)
        batch = model.prepare(data.test[:4])
        scale = 2 * torch.tensor(vector).double().softmax(0)
        absent = model.encode_private(batch, ["counts"])["vector"]
        torch.testing.assert_close(absent.variance, scale.square().expand(4, -1))
        assert not absent.mean.any()
        head = model.private_posteriors(batch)["counts"]
        torch.testing.assert_close(model.encode_private(batch, ["counts"])["counts"].mean, head.mean)
        torch.manual_seed(0)
        z = torch.zeros(20_000, 4, D, dtype=torch.float64)
        taken = model.decoder_input(z, "vector", batch, model.mask(batch, ["counts"]))
        torch.testing.assert_close(taken.values[..., D:].std((0, 1)), scale.detach(), rtol=0.02, atol=0)
        assert not taken.log_ratio.any()


def test_what_makes_no_sense_ends_in_a_sentence():
    data = toy_data(KINDS)
    with raises_sentence("model.private_dim.*mmvae"):
        make_model("mmvaeplus", data, private_dim=0)
    with raises_sentence("model.private_from_prior.*leave it out"):
        make_model("mmvaeplus", data, private_from_prior=0.1)
    with raises_sentence("generation.*auxiliary"):
        make_model("mmvaeplus", data, auxiliary="prior", generation="auxiliary")


@pytest.mark.parametrize("name", [f"{data}-{scale}" for data in ("cub", "polymnist") for scale in ("desk", "paper")])
def test_recipes_resolve(name):
    check_recipe(f"mmvaeplus-{name}")
