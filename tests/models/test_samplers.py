"""Samplers: densities in plain loops, known mixtures that draws recover, seeds and saved bytes, models with one latent,
several, and none to draw from.
"""

import math

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import kstest, norm
from sklearn.mixture import GaussianMixture

from mmgen.models import ELBO, build_sampler, choose_sampler, fit_sampler
from mmgen.models.flow_sampler import FlowSampler, FlowSamplerConfig
from mmgen.models.samplers import GaussianMixtureConfig, GaussianMixtureSampler
from mmgen.models.sampling import in_words
from mmgen.testing import make_model, raises_sentence, toy_data

KINDS = ("vector", "counts")
MIDDLES = torch.tensor([[-3.0, 0.0], [3.0, 1.0], [0.0, 5.0]], dtype=torch.float64)
SHARES = (0.5, 0.3, 0.2)
QUICK = {"hidden": (16,), "transforms": 2, "epochs": 60, "learning_rate": 1e-2}


def known_mixture(count, seed=0):
    """Draws of Σ_k w_k N(μ_k, ½² I), ``[N, 2]``."""
    draw = np.random.default_rng(seed)
    k = draw.choice(3, size=count, p=SHARES)
    return MIDDLES[k] + 0.5 * torch.from_numpy(draw.normal(size=(count, 2)))


def model_of(latent_dim=2, **options):
    return make_model("elbo", toy_data(KINDS), latent_dim=latent_dim, **options)


def fitted(sampler, latents, seed=0, **model):
    sampler.build(model_of(latents.shape[-1], **model))
    torch.manual_seed(seed)
    sampler.fit(latents)
    return sampler


def literal_density(sampler, z):
    """log Σ_k w_k N(z; μ_k, L_k L_kᵀ) of one z, with loops for every sum and the determinant by the diagonal."""
    total, dims = 0.0, len(z)
    for weight, mean, factor in zip(sampler.weights.tolist(), sampler.means.tolist(), sampler.factors.tolist()):
        left, log_density = [], -0.5 * dims * math.log(2 * math.pi)
        for i in range(dims):  # L u = z − μ, from the first dimension on
            rest = z[i] - mean[i] - sum(factor[i][j] * left[j] for j in range(i))
            left.append(rest / factor[i][i])
            log_density += -0.5 * left[i] ** 2 - math.log(factor[i][i])
        total += weight * math.exp(log_density)
    return math.log(total)


@pytest.mark.parametrize("covariance", ["full", "diag"])
@given(seed=st.integers(0, 5), components=st.integers(1, 4))
def test_the_density_of_a_mixture_is_that_of_the_equation_and_of_scikit_learn(covariance, seed, components):
    rows = known_mixture(60, seed) @ torch.tensor([[1.0, 0.4], [0.0, 0.7]], dtype=torch.float64)
    sampler = fitted(GaussianMixtureSampler(GaussianMixtureConfig(components=components, covariance=covariance)), rows)
    found = sampler.log_prob(rows[:8])
    assert found.tolist() == pytest.approx([literal_density(sampler, z) for z in rows[:8].tolist()], rel=1e-9)
    torch.manual_seed(0)
    state = int(torch.randint(2**31 - 1, ()))
    theirs = GaussianMixture(components, covariance_type=covariance, max_iter=200, random_state=state).fit(rows.numpy())
    assert found.tolist() == pytest.approx(theirs.score_samples(rows[:8].numpy()).tolist(), rel=1e-8)


@pytest.mark.parametrize("name", ["gmm", "flow"])
def test_draws_recover_a_known_mixture(name):
    of_flow = {"kind": "nsf", "hidden": (32, 32), "epochs": 40, "learning_rate": 3e-3}
    options = {"components": 3} if name == "gmm" else of_flow
    sampler = fitted(choose_sampler({"name": name, **options}).build(), known_mixture(4000))
    torch.manual_seed(1)
    drawn = sampler.sample(2000)
    for angle in (0.0, 0.7, math.pi / 2, 2.2):
        direction = torch.tensor([math.cos(angle), math.sin(angle)], dtype=torch.float64)
        middles = (MIDDLES @ direction).tolist()

        def distribution(x, middles=middles):
            return sum(w * norm.cdf(x, middle, 0.5) for w, middle in zip(SHARES, middles))

        distance = kstest((drawn @ direction).numpy(), distribution).statistic
        assert distance < (0.035 if name == "gmm" else 0.06)


@pytest.mark.parametrize("kind", ["maf", "nsf"])
def test_the_density_of_a_flow_integrates_to_one_in_two_dimensions(kind):
    sampler = fitted(FlowSampler(FlowSamplerConfig(kind=kind, **QUICK)), known_mixture(600))
    axis = torch.linspace(-15, 15, 401, dtype=torch.float64)
    grid = torch.stack(torch.meshgrid(axis, axis + 2, indexing="ij"), -1)
    with torch.no_grad():
        density = sampler.log_prob(grid).exp()
    assert float(torch.trapezoid(torch.trapezoid(density, axis), axis)) == pytest.approx(1.0, abs=2e-3)


@pytest.mark.parametrize("criterion", ["held-out", "bic"])
def test_auto_finds_the_number_of_clusters_that_is_there(criterion):
    draw = np.random.default_rng(0)
    corners = np.array([[-6.0, -6.0], [6.0, -6.0], [-6.0, 6.0], [6.0, 6.0]])
    rows = torch.from_numpy(corners[draw.integers(4, size=800)] + draw.normal(size=(800, 2)))
    sampler = fitted(GaussianMixtureSampler(GaussianMixtureConfig(components="auto", criterion=criterion)), rows)
    count = len(sampler.weights)
    assert count == 4 if criterion == "bic" else count >= 4


@pytest.mark.parametrize("options", ["gmm", {"name": "flow", **QUICK}], ids=["gmm", "flow"])
def test_a_seed_is_a_fit(options):
    model, data = model_of(3), toy_data(KINDS)
    first, again, other = (fit_sampler(model, choose_sampler(options), data.train, seed) for seed in (0, 0, 1))
    assert all(torch.equal(value, again.state_dict()[name]) for name, value in first.state_dict().items())
    assert not all(torch.equal(value, other.state_dict()[name]) for name, value in first.state_dict().items())


def test_a_flow_stops_early(monkeypatch):
    steps, step = [], torch.optim.Adam.step
    monkeypatch.setattr(torch.optim.Adam, "step", lambda self: (steps.append(1), step(self))[1])
    sampler = FlowSampler(FlowSamplerConfig(**{**QUICK, "epochs": 1000, "hidden": (64, 64)}, patience=3))
    fitted(sampler, known_mixture(60))
    assert len(steps) < 300, "1000 passes of one step each would learn 54 rows by heart"
    with torch.no_grad():
        assert float(sampler.log_prob(known_mixture(500, seed=9)).mean()) > -6, "the entropy is 4.1 nats at most"


def test_joint_draws_are_what_a_row_has():
    """With a latent for each modality: its own where there is one, of the others where a row lacks it."""
    model, batch = model_of(2, aggregator="none"), toy_data(KINDS).train[:6]
    torch.manual_seed(0)
    drawn = model.joint_draw(batch)
    assert drawn.shape == (6, 4)
    available = batch.available.clone()
    available[:3, 0] = False
    with torch.no_grad():
        partial = model.prepare(batch.restrict(available))
        expert = model.experts(partial)[1]
        torch.manual_seed(0)
        draws = torch.stack([model.joint_draw(partial) for _ in range(400)])
    off = (draws[:, :3, :2].mean(0) - expert.mean[:3]).abs() / expert.scale[:3]
    assert (off < 6 / 20).all(), "what a row lacks is drawn from the expert of what it has"


def test_each_modality_is_decoded_from_its_part(monkeypatch):
    model = model_of(2, aggregator="none")
    sampler = fit_sampler(model, choose_sampler("gmm"), toy_data(KINDS).train, 0)
    torch.manual_seed(3)
    made = model.generate(samples=5, sampler=sampler)
    torch.manual_seed(3)
    z = sampler.sample(5)
    with torch.no_grad():
        for m, name in enumerate(KINDS):
            assert torch.equal(made[name], model.output(z[:, 2 * m : 2 * m + 2].double(), name))


def test_private_latents_come_from_their_prior():
    model = model_of(2, private_dim=3)
    sampler = fit_sampler(model, choose_sampler({"name": "gmm", "components": 2}), toy_data(KINDS).train, 0)
    assert sampler.means.shape == (2, 2), "a sampler is of z alone"
    z = torch.zeros(4000, 2, dtype=torch.float64)
    torch.manual_seed(0)
    private = model.decoder_input(z, "vector").values[:, 2:]
    assert private.shape == (4000, 3) and abs(float(private.mean())) < 0.05 and abs(float(private.std()) - 1) < 0.03
    assert model.generate(samples=4, sampler=sampler)["vector"].shape == (4, 5)


def test_the_prior_is_what_it_was():
    for options in ({}, {"aggregator": "none"}, {"private_dim": 2}, {"prior": "geometric"}):
        model = model_of(2, **options)
        prior = build_sampler(model, choose_sampler("prior"))
        torch.manual_seed(0)
        usual = model.generate(samples=4)
        torch.manual_seed(0)
        assert all(torch.equal(usual[name], made) for name, made in model.generate(samples=4, sampler=prior).items())
    z = torch.randn(3, 2, 4, dtype=torch.float64)
    both = build_sampler(model_of(2, aggregator="none"), choose_sampler("prior")).log_prob(z)
    assert torch.allclose(both, -0.5 * z.square().sum(-1) - 2 * math.log(2 * math.pi))


class NoPrior(ELBO):
    """An autoencoder: nothing to draw from."""

    prior = None


class SeesRows(NoPrior):
    """One whose decoders see more than z."""

    def decoder_input(self, model, z, target, batch, given):
        return z


def test_a_model_without_a_prior_generates_from_a_sampler():
    data = toy_data(KINDS)
    model = make_model(NoPrior, data, latent_dim=2)
    with raises_sentence("has no prior to generate from"):
        model.generate(samples=2)
    with raises_sentence("has no prior to generate from"):
        build_sampler(model, choose_sampler("prior"))
    made = model.generate(samples=2, sampler=fit_sampler(model, choose_sampler("gmm"), data.train, 0))
    assert made["vector"].shape == (2, 5)
    with raises_sentence("has no prior to generate from"):
        build_sampler(make_model(SeesRows, data, latent_dim=2), choose_sampler("gmm"))


def test_what_is_wrong_is_a_sentence():
    model, data = model_of(), toy_data(KINDS)
    with raises_sentence("no sampler 'gm'"):
        choose_sampler("gm")
    with raises_sentence("sampler.components"):
        choose_sampler({"name": "gmm", "components": 0})
    with raises_sentence("most does nothing"):
        choose_sampler({"name": "gmm", "most": 3})
    with raises_sentence("50 Gaussians need as many rows, and there are 48"):
        fit_sampler(model, choose_sampler({"name": "gmm", "components": 50}), data.train, 0)
    with raises_sentence("fitted to training rows"):
        fit_sampler(model, choose_sampler("gmm"), data.train.select(torch.arange(0)), 0)
    with raises_sentence("two rows at least"):
        fit_sampler(model, choose_sampler("flow"), data.train.select(torch.arange(1)), 0)
    with raises_sentence("not finite"):
        fitted(GaussianMixtureSampler(), torch.full((20, 2), math.nan))


def test_a_sampler_in_words_has_what_was_changed():
    assert in_words(choose_sampler(None)) == "prior"
    assert in_words(choose_sampler({"name": "gmm", "components": 10})) == "gmm"
    assert in_words(choose_sampler({"name": "flow", "kind": "nsf", "epochs": 3})) == "flow (kind=nsf, epochs=3)"
