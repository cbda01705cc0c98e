"""Private latents, covariates and empty cells: equations written out for methods that know nothing of them."""

import math
from contextlib import ExitStack, contextmanager
from dataclasses import replace

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

import mmgen.models.private
from mmgen import MmgenError, Run
from mmgen.data import Data, Provenance, Table, VectorModality
from mmgen.distributions import central_noise
from mmgen.testing import make_model, raises_sentence, substitute, toy_data
from mmgen.testing.literal import at, constant_noise, kl, log_normal, product, unit
from mmgen.testing.toys import ToyDataset

KINDS = ("vector", "counts", "tags")
D, P, BETA = 2, 3, 0.7
PRIVATE_BETA = 0.6
CONTENT = {"cells": 0.3, "covariates": True, "missing": 0.2}


@contextmanager
def noise(epsilon):
    """Every sample is μ + ε σ."""
    with ExitStack() as stack:
        stack.enter_context(constant_noise(epsilon))
        stack.enter_context(
            substitute(mmgen.models.private, normal_noise=lambda shape, like: like.new_full(shape, epsilon))
        )
        yield


def model_of(objective, **options):
    data = toy_data(KINDS, **CONTENT)
    modalities = {"vector": {"weight": 1.5, "mask_input": True}, "tags": {"weight": 0.5}}
    private = {"private_dim": P, "private_beta": PRIVATE_BETA}
    model = make_model(objective, data, latent_dim=D, modalities=modalities, **private, **options)
    return model.requires_grad_(False), data.train[:12]


def told(model, batch, b):
    """What networks are told of row ``b``, written out."""
    codes, age = model.covariate_codes, float(batch.covariates["age"][b])
    site = int(batch.covariates["site"][b])
    mean, scale = (float(x) for x in codes.scales[1])
    return [float(site == 0), float(site == 1), float(site < 0)] + (
        [0.0, 1.0] if math.isnan(age) else [(age - mean) / scale, 0.0]
    )


def heads(model, batch, b, m):
    """Mean and log-variance of z and of w_m of row ``b``, from what its encoder is given, cell by cell."""
    name = KINDS[m]
    cells = []
    for j, value in enumerate(batch.data[name][b].tolist()):
        known = bool(batch.observed[name][b, j])
        if name == "vector":
            mean, scale = float(model.transforms[m].mean[j]), float(model.transforms[m].scale[j])
            value = (value - mean) / scale
        cells.append(value if known else float(model.fillings[m].value[j]))
    if name == "vector":
        cells += [float(seen) for seen in batch.observed[name][b].tolist()]
    with torch.no_grad():
        inputs = torch.tensor([cells], dtype=torch.float64), torch.tensor([told(model, batch, b)], dtype=torch.float64)
        mean, log_variance = (each[0].tolist() for each in model.encoders[m](*inputs))
    return (mean[:D], log_variance[:D]), (mean[D:], log_variance[D:])


def likelihood(model, batch, b, m, z, w):
    """log p(x_m | z, w_m, c) over the observed cells, written out."""
    name = KINDS[m]
    taken = torch.tensor([[*z, *w, *told(model, batch, b)]], dtype=torch.float64)
    with torch.no_grad():
        outputs = model.decode(taken, name)[0, 0].tolist()
    total = 0.0
    for j, (output, x) in enumerate(zip(outputs, batch.data[name][b].tolist(), strict=True)):
        if not batch.observed[name][b, j]:
            continue
        if name == "vector":
            x = (x - float(model.transforms[m].mean[j])) / float(model.transforms[m].scale[j])
            total += -0.5 * math.log(2 * math.pi) - 0.5 * (x - output) ** 2
        elif name == "tags":
            total += x * output - math.log1p(math.exp(output))
        else:
            mu, r = math.exp(output), math.exp(float(model.likelihoods[m].log_dispersion[j]))
            total += math.lgamma(x + r) - math.lgamma(r) - math.lgamma(x + 1)
            total += r * math.log(r / (r + mu)) + x * math.log(mu / (r + mu))
    return total


def each_row(model, batch):
    for b in range(len(batch)):
        there = [m for m in range(3) if batch.available[b, m]]
        both = {m: heads(model, batch, b, m) for m in there}
        yield b, there, {m: q for m, (q, _) in both.items()}, {m: h for m, (_, h) in both.items()}


@settings(max_examples=8)
@given(epsilon=st.floats(-1.5, 1.5))
def test_the_elbo_of_a_product_with_everything(epsilon):
    """E log p(x_m|z, w_m, c) − β KL(q ‖ p) − β_w Σ_m KL(q(w_m|x_m) ‖ N(0, I)), over what is observed."""
    model, batch = model_of("elbo", aggregator="poe")
    with noise(epsilon), torch.no_grad():
        found = model(batch).value(BETA)
    for b, there, q, h in each_row(model, batch):
        joint = product([*q.values(), unit(D)])
        z = at(joint, epsilon)
        expected = -BETA * kl(joint, unit(D))
        for m in there:
            own = likelihood(model, batch, b, m, z, at(h[m], epsilon))
            expected += model.likelihood_weights[m] * own - PRIVATE_BETA * kl(h[m], unit(P))
        assert float(found[b]) == pytest.approx(expected, rel=1e-9)


@settings(max_examples=8)
@given(epsilon=st.floats(-1.5, 1.5))
def test_crmvae_with_everything(epsilon):
    """Eq. 8 of its paper, with log p(x_m|z) − β_w KL(q(w_m|x_m) ‖ N(0, I)) in the place of log p(x_m|z)."""
    model, batch = model_of("crmvae")
    with noise(epsilon), torch.no_grad():
        found = model(batch).value(BETA)
    for b, there, q, h in each_row(model, batch):
        pi, joint = 1 / (len(there) + 1), product([*q.values(), unit(D)])
        expected = -BETA * pi * kl(joint, unit(D))
        for m in there:
            single, w = product([q[m], unit(D)]), at(h[m], epsilon)
            for latent in (joint, single):
                own = likelihood(model, batch, b, m, at(latent, epsilon), w)
                expected += pi * (model.likelihood_weights[m] * own - PRIVATE_BETA * kl(h[m], unit(P)))
            expected -= BETA * pi * kl(joint, single)
        assert float(found[b]) == pytest.approx(expected, rel=1e-9)


@settings(max_examples=8)
@given(epsilon=st.floats(-1.5, 1.5))
def test_importance_weights_of_mmvae_with_everything(epsilon):
    """The IWAE bound with one sample: log w has log N(w_m) − log q(w_m|x_m) of the draw itself."""
    model, batch = model_of("mmvae", estimator="iwae", samples=1, beta=BETA)
    with noise(epsilon), torch.no_grad():
        found = model(batch).value(BETA)
    for b, there, q, h in each_row(model, batch):
        weights = []
        for r in there:
            z = at(q[r], epsilon)
            density = math.log(sum(math.exp(log_normal(z, q[m])) for m in there) / len(there))
            log_w = BETA * (log_normal(z, unit(D)) - density)
            for m in there:
                w = at(h[m], epsilon)
                log_w += model.likelihood_weights[m] * likelihood(model, batch, b, m, z, w)
                log_w += PRIVATE_BETA * (log_normal(w, unit(P)) - log_normal(w, h[m]))
            weights.append(log_w)
        expected = math.log(sum(math.exp(w - max(weights)) for w in weights) / len(there)) + max(weights)
        assert float(found[b]) == pytest.approx(expected, rel=1e-9)


def test_draws_from_the_prior_cost_nothing_and_are_as_many_as_asked_for():
    """In training; a trained model is evaluated with its posteriors."""
    data = toy_data(("vector",))
    model = make_model("elbo", data, private_dim=2, private_from_prior=1.0)
    batch = data.train[:8]
    with torch.no_grad():
        posterior = model.private_posteriors(model.prepare(batch))["vector"]
        assert float(kl_of(posterior).max()) > 1e-3
        alone = model.train().log_likelihood(torch.zeros(4000, 8, 3, dtype=torch.float64), batch)
        from_prior = alone.mean()
        model.config = model.config.model_copy(update={"private_from_prior": 0.0})
        of_posterior = model.log_likelihood(torch.zeros(4000, 8, 3, dtype=torch.float64), batch).mean()
        model.config = model.config.model_copy(update={"private_from_prior": 0.25})
        mixed = model.log_likelihood(torch.zeros(4000, 8, 3, dtype=torch.float64), batch).mean()
        evaluated = model.eval().log_likelihood(torch.zeros(4000, 8, 3, dtype=torch.float64), batch).mean()
    assert float(mixed) == pytest.approx(0.25 * float(from_prior) + 0.75 * float(of_posterior), abs=0.02)
    assert float(evaluated) == pytest.approx(float(of_posterior), abs=0.02)


def kl_of(q):
    return 0.5 * (q.variance + q.mean.square() - 1 - q.log_variance).sum(-1)


def test_private_latents_come_from_what_is_given_and_from_the_prior_elsewhere():
    data = toy_data(KINDS)
    model = make_model("elbo", data, private_dim={"vector": 2, "tags": 1})
    assert model.decoder_sizes == {"vector": 5, "counts": 3, "tags": 4}
    batch = model.prepare(data.test[:6])
    mask = model.mask(batch, ["vector"])
    z = torch.zeros(5, 6, 3, dtype=torch.float64)
    with torch.no_grad(), central_noise():
        own, other = (model.decoder_input(z, name, batch, mask) for name in ("vector", "tags"))
        h = model.private_posteriors(batch)["vector"]
    torch.testing.assert_close(own.values[..., 3:], h.mean.expand(5, 6, 2))
    assert not other.values[..., 3:].any() and not other.log_ratio.any()
    expected = [
        log_normal(m, unit(2)) - log_normal(m, (m, v)) for m, v in zip(h.mean.tolist(), h.log_variance.tolist())
    ]
    torch.testing.assert_close(own.log_ratio, torch.tensor(expected, dtype=torch.float64).expand(5, 6))


@pytest.mark.parametrize("share", [0.0, 0.5])
@pytest.mark.parametrize(
    "objective", [{"objective": "elbo", "aggregator": "poe"}, {"objective": "elbo", "aggregator": "mopoe"}]
)
def test_it_stays_a_lower_bound_of_the_evidence_of_a_linear_model(objective, share):
    """x_m = W z + V w_m + ε has a Gaussian density that is known exactly."""
    torch.manual_seed(1)
    modalities = {
        f"m{m}": VectorModality(
            shape=(3,), hidden=(), decoder_hidden=(), transform="none", likelihood={"name": "normal", "scale": 0.7}
        )
        for m in range(2)
    }
    x = {name: torch.randn(200, 3, dtype=torch.float64) for name in modalities}
    table = Table.of(x)
    data = Data("w", ToyDataset(), modalities, table, table, table, {}, Provenance("simulated", "w"), "w")
    options = dict(objective)
    model = make_model(options.pop("objective"), data, latent_dim=2, private_dim=1, private_from_prior=share, **options)
    model.train()
    with torch.no_grad():
        values = torch.stack([model(table[:]).value(1.0) for _ in range(60)]).mean(0)
        layers = [decoder.layers[-1] for decoder in model.decoders]
        shared = torch.cat([layer.weight[:, :2] for layer in layers])
        own = torch.block_diag(*(layer.weight[:, 2:] for layer in layers))
        covariance = shared @ shared.T + own @ own.T + 0.49 * torch.eye(6, dtype=torch.float64)
        mean = torch.cat([layer.bias for layer in layers])
        evidence = torch.distributions.MultivariateNormal(mean, covariance).log_prob(torch.cat(list(x.values()), 1))
    assert float((values - evidence).mean()) < 0
    for encoder in model.encoders:  # proposals that are wide enough: of z, and of w
        for layer, value in ((encoder.head.mean, [-0.2, 0.1, 0.3]), (encoder.head.spread, [0.1, 0.3, 0.2])):
            torch.nn.init.zeros_(layer.weight)
            layer.bias.data = torch.tensor(value, dtype=torch.float64)
    run = Run({"training": {"seed": 0}}, None, model=model.eval(), data=data)
    rows = run.measurements(
        metrics=["log-likelihood"], log_likelihood={"samples": 30000, "rows": 200, "conditional": ()}
    )
    joint = next(row for row in rows if row["measure"] == "joint")
    assert joint["value"] == pytest.approx(float(evidence.mean()), abs=0.05), "it integrates over private latents"


def test_an_unknown_covariate_has_its_own_code_where_that_was_learned_and_is_usual_elsewhere():
    data = toy_data(("vector",), covariates=True)
    model = make_model("elbo", data)
    batch = data.train[:3]
    unknown = replace(batch, covariates={"site": torch.full((3,), -1), "age": torch.full((3,), torch.nan)})
    assert model.covariate_codes(unknown).tolist() == [[0, 0, 1, 0, 1]] * 3
    known = {"site": data.train.covariates["site"].clamp(min=0), "age": torch.arange(48.0)}
    complete = replace(data, train=replace(data.train, covariates=known))
    usual = make_model("elbo", complete).covariate_codes
    torch.testing.assert_close(usual(unknown), usual.center.expand(3, -1))
    share = float((known["site"] == 1).double().mean())
    assert usual.center.tolist() == pytest.approx([1 - share, share, 0, 0, 0], abs=1e-6)


def test_generating_as_if_measured_elsewhere():
    data = toy_data(("vector", "counts"), covariates=True)
    model = make_model("elbo", data)
    batch = data.test[:5]
    sites = replace(batch, covariates={**batch.covariates, "site": torch.ones(5, dtype=torch.int64)})
    with central_noise():
        latents = model.sample_latents(batch, ["vector"], ["counts"], covariates={"site": "B", "age": 50})
        own = model.sample_latents(batch, ["vector"], ["counts"])
        told_so = model.sample_latents(sites, ["vector"], ["counts"])
    torch.testing.assert_close(latents[0][..., :3], own[0][..., :3])  # z is that of the row as it was measured
    assert latents[0][0, :, 3:6].tolist() == [[0, 1, 0]] * 5
    assert not torch.equal(told_so[0][..., :3], own[0][..., :3]), "encoders are told, too"
    prior = model.generate(samples=7, covariates={"site": "A"})
    assert prior["counts"].shape == (7, 4)


def test_what_cannot_be_is_refused_in_a_sentence():
    data = toy_data(("vector", "counts"), covariates=True)
    with raises_sentence("there is no modality 'vectr'"):
        make_model("elbo", data, private_dim={"vectr": 2})
    with raises_sentence("each modality keeps its own latent already"):
        make_model("elbo", data, aggregator="none", private_dim=2)
    with raises_sentence("does not both encode 'vector' by itself and generate it"):
        make_model("joint", data, private_dim=2)
    model = make_model("elbo", data)
    with raises_sentence("there is no covariate 'sex'"):
        model.generate(samples=2, covariates={"sex": 1})
    with raises_sentence("covariates.site: there is no class 'C'"):
        model.generate(samples=2, covariates={"site": "C"})
    with raises_sentence("covariates.age: 'old' is not a number"):
        model.generate(samples=2, covariates={"age": "old"})
    with pytest.raises(MmgenError, match="these rows lack site"):
        model.encode(replace(data.test[:2], covariates={}))
    plain = make_model("elbo", toy_data(("vector",)))
    with raises_sentence("this model is told none"):
        plain.generate(samples=1, covariates={"site": "A"})
    with raises_sentence("The model needs every cell of vector"):
        plain.encode(toy_data(("vector",), cells=0.3).test[:2])


def test_a_batch_that_is_restricted_keeps_its_masks():
    data = toy_data(KINDS, cells=0.3)
    model = make_model("elbo", data)
    batch = data.train[:6].restrict(torch.tensor([[True, False, True]]).expand(6, -1))
    assert all(cells.dtype == torch.bool for cells in batch.observed.values()) and not batch.observed["counts"].any()
    assert model.encode(batch).mean.isfinite().all()
