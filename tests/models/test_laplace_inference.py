"""z by the model's own likelihood: the closed form where there is one, a grid where there is none."""

from __future__ import annotations

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

import mmgen
from mmgen.distributions import FullGaussian, GaussianMixture, Posterior, fit_mixture
from mmgen.models import (
    LaplaceInference,
    build_sampler,
    choose_sampler,
    inferred_by_model,
    own_inference,
    why_not,
)
from mmgen.models.aggregated import all_but_one, best_count, everything, predictions, seen_in
from mmgen.models.laplace_inference import OwnPosterior
from mmgen.testing import LinearGaussianWorld, make_model, raises_sentence, toy_data, world_batch, world_model
from mmgen.testing.toys import world_table

pytestmark = pytest.mark.usefixtures("as_long_as_usual")


def inference_of(model, mean=None, covariance=None):
    size = model.config.latent_dim
    mean = torch.zeros(size) if mean is None else mean
    return LaplaceInference(model, GaussianMixture.one(mean, torch.eye(size) if covariance is None else covariance))


def covariance_of(posterior):
    """Of the only Gaussian of a posterior."""
    (covariance,) = posterior.mixture.components.covariance
    return covariance


def closed_form(world, x, mask, mean, covariance):
    """Row by row, with the inverse of p̂'s covariance: the mean and the covariance of p(z | x_S)."""
    means, covariances = [], []
    for b in range(len(mask)):
        precision = torch.linalg.inv(covariance)
        pull = precision @ mean
        for m, loading in enumerate(world.loadings):
            for cell in range(loading.shape[0]):
                if not mask[b, m] or not torch.isfinite(x[m][b, cell]):
                    continue
                w, noise = loading[cell], world.scales[m] ** 2
                precision = precision + torch.outer(w, w) / noise
                pull = pull + w * (x[m][b, cell] - world.offsets[m][cell]) / noise
        covariances.append(torch.linalg.inv(precision))
        means.append(covariances[-1] @ pull)
    return torch.stack(means), torch.stack(covariances)


@settings(max_examples=8, deadline=None)
@given(st.integers(0, 10_000), st.sampled_from([1, 2, 4]))
def test_it_is_the_posterior_of_a_linear_gaussian_world(seed, size):
    """With any Gaussian p̂, and rows that lack modalities; in one that has none it is p̂ itself."""
    world = LinearGaussianWorld((4, 3, 5), size, seed=seed)
    model, (_, x) = world_model(world), world.sample(9)
    generator = torch.Generator().manual_seed(seed)
    root = torch.randn(size, size + 2, dtype=torch.float64, generator=generator)
    mean, covariance = torch.randn(size, dtype=torch.float64, generator=generator), root @ root.T
    mask = torch.rand(9, 3, generator=generator) < 0.6
    mask[0] = False
    posterior = inference_of(model, mean, covariance).posterior(world_batch(x), mask)
    expected = closed_form(world, x, mask, mean, covariance)
    assert (posterior.mean - expected[0]).abs().max() < 1e-8 * (1 + expected[0].abs().max())
    assert (covariance_of(posterior) - expected[1]).abs().max() < 1e-8 * (1 + expected[1].abs().max())
    assert (posterior.variance - expected[1].diagonal(dim1=1, dim2=2)).abs().max() < 1e-8 * (1 + expected[1].max())


def linear_model(cells=False, covariates=False, rows=30):
    """Two vectors with linear decoders and scales that differ by column; perhaps covariates, and empty cells."""
    generator = torch.Generator().manual_seed(0)
    z = torch.randn(rows, 3, generator=generator)
    data = {
        "a": z @ torch.randn(3, 6, generator=generator) + 0.3 * torch.randn(rows, 6, generator=generator),
        "b": z @ torch.randn(3, 4, generator=generator) + 0.3 * torch.randn(rows, 4, generator=generator),
    }
    options = {}
    if cells:
        for values in data.values():
            values[torch.rand(values.shape, generator=generator) < 0.3] = torch.nan
    if covariates:
        data["age"] = torch.randn(rows, generator=generator).numpy()
        options["covariates"] = ["age"]
    loaded = mmgen.load_dataset(data, **options)
    kinds = {
        name: {"decoder_hidden": [], "likelihood": {"name": "normal", "scale_kind": "learned"}} for name in ("a", "b")
    }
    if cells:
        kinds = {name: {**each, "missing": "cell"} for name, each in kinds.items()}
    model = mmgen.MultimodalVAE.create("elbo", loaded, latent_dim=3, modalities=kinds).eval()
    for likelihood in model.likelihoods:
        likelihood.log_scale.data.uniform_(-1.0, 0.0, generator=generator)
    return model, loaded.train


def test_a_round_makes_training_rows_more_probable():
    """Moments over rows of the closed form, one row after another; and what they say of the rows never less."""
    model, table = linear_model()
    model = model.double()
    loadings = torch.cat([decoder.layers[-1].weight.detach() for decoder in model.decoders])
    offsets = torch.cat([decoder.layers[-1].bias.detach() for decoder in model.decoders])
    noise = torch.cat([likelihood.log_scale.detach().exp() ** 2 for likelihood in model.likelihoods])
    prepared = model.prepare(table[:])
    x = torch.cat([prepared.data["a"], prepared.data["b"]], 1).double()

    def log_p(mean, covariance):
        marginal = loadings @ covariance @ loadings.T + noise.diag()
        return torch.distributions.MultivariateNormal(offsets + loadings @ mean, marginal).log_prob(x).sum()

    mean, covariance = torch.full((3,), 0.5, dtype=torch.float64), 0.3 * torch.eye(3, dtype=torch.float64)
    for _ in range(3):
        inference = inference_of(model, mean, covariance)
        units = fit_mixture(everything(*seen_in(inference, table)[:2]), 1, iterations=0, floor=1e-12)
        found = units.mapped(inference.mean, inference.factor).moments
        precision = torch.linalg.inv(covariance) + loadings.T @ (loadings / noise[:, None])
        own = torch.linalg.inv(precision)
        means = []
        for row in x:
            pull = torch.linalg.inv(covariance) @ mean
            for cell in range(10):
                pull = pull + loadings[cell] * (row[cell] - offsets[cell]) / noise[cell]
            means.append(own @ pull)
        centre = sum(means) / len(x)
        spread = own + sum(torch.outer(each - centre, each - centre) for each in means) / len(x)
        assert found[0] == pytest.approx(centre, rel=1e-6, abs=1e-8)
        assert found[1].flatten() == pytest.approx(spread.flatten(), rel=1e-6, abs=1e-8)
        assert log_p(*found) > log_p(mean, covariance)
        mean, covariance = found


@given(seed=st.integers(0, 2**16))
@settings(max_examples=20)
def test_modes_are_those_of_the_posterior_from_wherever_one_begins(seed):
    world = LinearGaussianWorld((4, 3, 5), 2, seed=seed)
    model, (_, x) = world_model(world), world.sample(5)
    batch, own = world_batch(x), inference_of(model)
    precision, pull, modes = own.seen(batch)
    torch.testing.assert_close(modes, own.posterior(batch).mean.to(modes), rtol=1e-4, atol=1e-4)
    near = modes + torch.randn(modes.shape, dtype=modes.dtype, generator=torch.Generator().manual_seed(seed))
    for again, known in zip(own.seen(batch, near=near), (precision, pull, modes), strict=True):
        torch.testing.assert_close(again, known, rtol=1e-6, atol=1e-6)


def test_what_is_inferred_by_does_not_shrink_as_encoders_do():
    """Encoders whose posteriors are half as wide as they should be, and half as far out: p̂ is nearly N(0, I) again."""
    world = LinearGaussianWorld((4, 3, 5), 2, seed=3)
    model, (_, x) = world_model(world), world.sample(400)
    latents, rounds = (
        build_sampler(model, choose_sampler({"name": "aggregated", "rounds": n, "components": 1})) for n in (0, 2)
    )
    z = 0.5 * torch.randn(400, 2, generator=torch.Generator().manual_seed(0))
    for sampler in (latents, rounds):
        sampler.fit(z)
        sampler.see(model, world_table(x))
    assert (latents.mixture.moments[1].diagonal() < 0.35).all()
    assert (rounds.mixture.moments[1].diagonal() > 0.75).all()


@pytest.mark.parametrize("covariates", [False, True])
@pytest.mark.parametrize("cells", [False, True])
def test_observed_cells_count_and_covariates_are_told(cells, covariates):
    """Weights from the decoders, in plain loops over rows and cells."""
    model, table = linear_model(cells, covariates)
    model = model.double()
    batch = model.prepare(table[:])
    found = inference_of(model).posterior(batch)
    for b in range(len(batch)):
        precision, pull = torch.eye(3, dtype=torch.float64), torch.zeros(3, dtype=torch.float64)
        for m, name in enumerate(("a", "b")):
            if not batch.available[b, m]:
                continue
            layer = model.decoders[m].layers[-1]
            for cell in range(layer.out_features):
                if name in batch.observed and not batch.observed[name][b, cell]:
                    continue
                weight = layer.weight.detach()[cell]
                place = layer.bias.detach()[cell]
                if covariates:
                    place = place + weight[3:] @ batch.told[b].double()
                noise = model.likelihoods[m].log_scale.detach()[cell].exp() ** 2
                precision += torch.outer(weight[:3], weight[:3]) / noise
                pull += weight[:3] * (batch.data[name][b, cell].double() - place) / noise
        covariance = torch.linalg.inv(precision)
        assert found.mean[b] == pytest.approx(covariance @ pull, abs=1e-8)
        assert covariance_of(found)[b].numpy() == pytest.approx(covariance.numpy(), abs=1e-8)


def one_dimension(kind, likelihood=None):
    """A float64 model of one z and one modality, with weights that matter."""
    options = {"hidden": [7], "activation": "tanh"} if kind == "vector" else {"decoder_hidden": []}
    if likelihood:
        options["likelihood"] = likelihood
    data = toy_data((kind,), rows=24)
    model = make_model("elbo", data, latent_dim=1, modalities={kind: options}).double()
    generator = torch.Generator().manual_seed(3)
    for parameter in model.decoders.parameters():
        parameter.data.normal_(0.0, 0.7, generator=generator)
    return model, model.prepare(data.train[:])


@pytest.mark.parametrize(
    ("kind", "likelihood"),
    [("counts", "poisson"), ("counts", "negative-binomial"), ("tags", None), ("labels", None), ("vector", None)],
)
def test_mode_and_curvature_against_a_grid(kind, likelihood):
    """log p(z) + log p(x | z) of one z at 4,001 places; the curvature by second differences, of linear decoders."""
    model, batch = one_dimension(kind, likelihood)
    found = inference_of(model).posterior(batch)
    grid = torch.linspace(-5, 5, 4001, dtype=torch.float64)
    with torch.no_grad():
        log_p = model.log_likelihood(grid[:, None, None].expand(-1, len(batch), 1), batch).sum(0)
        log_p = log_p - 0.5 * grid[:, None] ** 2 - 0.5 * math.log(2 * math.pi)
    best = log_p.max(0)
    at = ((found.mean[:, 0] + 5) / 2.5e-3).round().long()
    assert (log_p.gather(0, at[None])[0] > best.values - 1e-4).float().mean() > (0.8 if kind == "vector" else 0.99)
    inner = (best.indices > 0) & (best.indices < 4000)
    if kind != "vector":
        assert found.mean[:, 0][inner] == pytest.approx(grid[best.indices][inner], abs=3e-3)
        i = best.indices[inner].clamp(20, 3980)
        here = log_p[:, inner]
        bend = (here.gather(0, i[None] - 20) - 2 * here.gather(0, i[None]) + here.gather(0, i[None] + 20))[0] / 0.05**2
        assert found.variance[:, 0][inner] == pytest.approx(-1 / bend, rel=1e-2)


def test_draws_have_the_moments_of_the_true_posterior_also_where_it_is_not_gaussian():
    """Counts: the mean and the variance by the grid, which the mode and the curvature alone miss."""
    model, batch = one_dimension("counts", "poisson")
    batch = batch[:8]
    posterior = inference_of(model).posterior(batch)
    torch.manual_seed(0)
    drawn = posterior.rsample((5_000,))
    grid = torch.linspace(-6, 6, 6001, dtype=torch.float64)
    with torch.no_grad():
        log_p = model.log_likelihood(grid[:, None, None].expand(-1, len(batch), 1), batch).sum(0)
    weights = (log_p - 0.5 * grid[:, None] ** 2).softmax(0)
    mean = (weights * grid[:, None]).sum(0)
    variance = (weights * (grid[:, None] - mean) ** 2).sum(0)
    error = variance.sqrt()
    assert ((drawn.mean(0)[:, 0] - mean) / error).abs().max() < 0.06
    assert drawn.var(0)[:, 0] == pytest.approx(variance, rel=0.1)
    gaussian = ((posterior.mean[:, 0] - mean) / error).abs().max()
    assert gaussian > 0.02, "the mode is not the mean here"


def test_draws_of_an_exact_posterior_are_independent_ones():
    """Weights are equal, so that no candidate is taken twice."""
    world = LinearGaussianWorld((4, 3), 2, seed=4)
    model, (_, x) = world_model(world), world.sample(5)
    posterior = inference_of(model).posterior(world_batch(x))
    torch.manual_seed(1)
    drawn = posterior.rsample((2000,))
    mean, covariance = world.posterior(x)
    assert all(len(drawn[:, b].unique(dim=0)) == 2000 for b in range(5))
    deviation = covariance.diagonal(dim1=1, dim2=2).sqrt()
    assert ((drawn.mean(0) - mean) / deviation).abs().max() < 0.08
    for b in range(5):
        assert torch.cov(drawn[:, b].T).numpy() == pytest.approx(
            covariance[b].numpy(), abs=0.1 * float(covariance.max())
        )


def nonlinear(rows=40):
    data = toy_data(("vector", "counts", "tags"), rows=rows, missing=0.3, cells=0.2)
    model = make_model("elbo", data, latent_dim=3, modalities={"vector": {"hidden": [16]}})
    generator = torch.Generator().manual_seed(5)
    for parameter in model.decoders.parameters():
        parameter.data += 0.5 * torch.randn(parameter.shape, generator=generator)
    return model, data.train[:]


def test_the_mode_is_never_worse_than_where_it_began_and_rows_do_not_know_each_other():
    model, batch = nonlinear()
    inference = inference_of(model)
    posterior = inference.posterior(batch)
    density = inference._density(model.prepare(batch), batch.available, torch.float64)
    at = [density.at(density.u(z.double())) for z in (posterior.mean, model.encode(batch).mean)]
    assert (at[0] >= at[1] - 1e-4).all()
    assert (at[0] > at[1] + 0.01).any()
    for rows in (torch.tensor([7]), torch.tensor([21, 3, 7, 14])):
        part = inference.posterior(batch[rows])
        assert part.mean == pytest.approx(posterior.mean[rows], abs=1e-5)
        assert covariance_of(part) == pytest.approx(covariance_of(posterior)[rows], abs=1e-5)


def test_rows_are_taken_in_parts(monkeypatch):
    model, batch = nonlinear()
    whole = inference_of(model).posterior(batch)
    torch.manual_seed(0)
    drawn = whole.rsample((6,))
    monkeypatch.setattr("mmgen.models.laplace_inference.NUMBERS_AT_ONCE", 1)
    parts = inference_of(model).posterior(batch)
    assert parts.mean == pytest.approx(whole.mean, abs=1e-5)
    torch.manual_seed(0)
    assert parts.rsample((6,)) == pytest.approx(drawn, abs=1e-4)
    some = torch.tensor([5, 1])
    assert parts[some].mean.equal(parts.mean[some])


def test_it_is_seeded_and_changes_nothing_of_the_model():
    model, batch = nonlinear()
    model.train()
    before = {name: value.clone() for name, value in model.state_dict().items()}
    posterior = inference_of(model).posterior(batch)
    drawn = []
    for seed in (0, 0, 1):
        torch.manual_seed(seed)
        drawn.append(posterior.rsample((2, 3)))
    assert drawn[0].shape == (2, 3, len(batch), 3)
    assert drawn[0].equal(drawn[1])
    assert not drawn[0].equal(drawn[2])
    assert model.training
    assert all(value.equal(before[name]) for name, value in model.state_dict().items())
    assert all(parameter.requires_grad for parameter in model.parameters())


def test_rows_without_a_mode_have_what_the_encoders_say_or_the_prior():
    model, batch = nonlinear()
    values = {**batch.data, "vector": batch.data["vector"].clone()}
    rows = batch.available[:, 0].nonzero()[:2, 0]
    values["vector"][rows[0]] = 1e200 if values["vector"].dtype == torch.float64 else 3e38
    values["vector"][rows[1]] = torch.nan
    broken = mmgen.Batch(data=values, available=batch.available, observed=batch.observed)
    mean, covariance = torch.full((3,), 0.5), 0.25 * torch.eye(3)
    found = inference_of(model, mean, covariance).posterior(broken)
    drawn = found.rsample((5,))
    for values_of in (found.mean, found.variance, covariance_of(found), drawn):
        assert values_of.isfinite().all()
    encoded = model.encode(broken)
    lost = ~encoded.mean.isfinite().all(1)
    assert lost[rows[1]]
    assert found.mean[rows[1]] == pytest.approx(mean)
    assert found.variance[rows[1]] == pytest.approx(covariance.diagonal())
    well = inference_of(model, mean, covariance).posterior(batch)
    others = torch.ones(len(batch), dtype=torch.bool)
    others[rows] = False
    assert found.mean[others] == pytest.approx(well.mean[others], abs=1e-5)


def test_a_full_gaussian_is_torch_s():
    generator = torch.Generator().manual_seed(2)
    root = torch.randn(4, 3, 3, dtype=torch.float64, generator=generator)
    factor = torch.linalg.cholesky(root @ root.mT + 0.1 * torch.eye(3))
    mean, z = (torch.randn(4, 3, dtype=torch.float64, generator=generator) for _ in range(2))
    ours = FullGaussian(mean, factor)
    theirs = torch.distributions.MultivariateNormal(mean, scale_tril=factor)
    assert ours.log_prob(z) == pytest.approx(theirs.log_prob(z))
    assert ours.log_prob(torch.stack([z, mean])) == pytest.approx(theirs.log_prob(torch.stack([z, mean])))
    assert ours.covariance == pytest.approx(theirs.covariance_matrix)
    assert ours.variance == pytest.approx(theirs.variance)
    assert ours[1:3].log_prob(z[1:3]) == pytest.approx(theirs.log_prob(z)[1:3])
    torch.manual_seed(0)
    assert torch.cov(ours.rsample((20_000,))[:, 0].T).numpy() == pytest.approx(
        ours.covariance[0].numpy(), rel=0.1, abs=0.1
    )


def test_where_it_applies_is_one_decision():
    kinds = ("vector", "image", "text")
    model = make_model("elbo", toy_data(kinds), latent_dim=2)
    assert why_not(model) is None
    assert why_not(model, ["vector"]) is None
    assert why_not(model, ["vector", "image"]) == "it is for tables alone, and not for image"
    assert why_not(model, kinds) == "it is for tables alone, and not for image, text"
    asked = torch.tensor([[True, False, False], [True, True, False], [False, False, False]])
    assert inferred_by_model(model, asked).tolist() == [True, False, False]
    assert "latents of their own" in why_not(make_model("elbo", toy_data(), aggregator="none"))
    assert "private" in why_not(make_model("elbo", toy_data(), private_dim=2))
    assert "64" in why_not(make_model("elbo", toy_data(), latent_dim=65))
    straight = make_model("elbo", toy_data(("vector",)), modalities={"vector": {"likelihood": "laplace"}})
    assert why_not(straight) == "a log-density without curvature (laplace) has vector"


def test_asking_for_what_cannot_be_is_a_sentence():
    images = make_model("elbo", toy_data(("image",)), latent_dim=2)
    with raises_sentence("inference: .*image.*encoder"):
        own_inference(images, lambda sampler: pytest.fail("nothing is fitted"), "model")
    assert own_inference(images, lambda sampler: None, None) == (None, "it is for tables alone, and not for image")
    assert own_inference(images, lambda sampler: None, "encoder")[0] is None

    def none(sampler):
        raise mmgen.MmgenError("The sampler 'gaussian' is fitted to training rows, and these data have none.")

    table = make_model("elbo", toy_data(), latent_dim=2)
    own, reason = own_inference(table, none, None)
    assert own is None
    assert "none" in reason
    with raises_sentence("inference: .*training rows"):
        own_inference(table, none, "model")


def test_it_is_a_posterior():
    model, batch = nonlinear()
    posterior = inference_of(model).posterior(batch)
    assert isinstance(posterior, OwnPosterior)
    assert isinstance(posterior, Posterior)
    assert posterior.mean.dtype == next(model.parameters()).dtype


@settings(max_examples=8, deadline=None)
@given(st.integers(0, 10_000), st.sampled_from([1, 3]), st.sampled_from([2, 3]))
def test_with_a_mixture_it_is_the_posterior_of_a_linear_gaussian_world(seed, size, count):
    """Each Gaussian's posterior by the closed form, with weights by its density of the row's values."""
    world = LinearGaussianWorld((4, 3, 5), size, seed=seed)
    model, (_, x) = world_model(world), world.sample(6)
    generator = torch.Generator().manual_seed(seed)
    roots = torch.randn(count, size, size + 2, dtype=torch.float64, generator=generator)
    covariances, means = roots @ roots.mT, 2 * torch.randn(count, size, dtype=torch.float64, generator=generator)
    weights = torch.rand(count, dtype=torch.float64, generator=generator) + 0.2
    weights = weights / weights.sum()
    mask = torch.rand(6, 3, generator=generator) < 0.6
    mask[0] = False
    prior = GaussianMixture(weights.log(), means, torch.linalg.cholesky(covariances))
    posterior = LaplaceInference(model, prior).posterior(world_batch(x), mask)
    for b in range(6):
        logs, mean, second = [], torch.zeros(size, dtype=torch.float64), torch.zeros(size, dtype=torch.float64)
        parts = [closed_form(world, x, mask, means[k], covariances[k]) for k in range(count)]
        for k in range(count):
            log_p = weights[k].log()
            if mask[b].any():
                seen = [m for m in range(3) if mask[b, m]]
                loadings = torch.cat([world.loadings[m] for m in seen])
                noise = torch.cat([torch.full((len(world.loadings[m]),), float(world.scales[m]) ** 2) for m in seen])
                offsets = torch.cat([world.offsets[m] for m in seen])
                marginal = loadings @ covariances[k] @ loadings.T + noise.double().diag()
                values = torch.cat([x[m][b] for m in seen])
                normal = torch.distributions.MultivariateNormal(offsets + loadings @ means[k], marginal)
                log_p = log_p + normal.log_prob(values)
            logs.append(log_p)
        shares = torch.stack(logs).softmax(0)
        for share, (own_mean, own_covariance) in zip(shares, parts, strict=True):
            mean = mean + share * own_mean[b]
            second = second + share * (own_covariance[b].diagonal() + own_mean[b] ** 2)
        assert posterior.mean[b].tolist() == pytest.approx(mean.tolist(), rel=1e-6, abs=1e-7)
        assert posterior.variance[b].tolist() == pytest.approx((second - mean**2).tolist(), rel=1e-6, abs=1e-6)


def test_draws_have_the_moments_of_a_mixture():
    world = LinearGaussianWorld((4, 3), 2, seed=4)
    model, (_, x) = world_model(world), world.sample(5)
    prior = GaussianMixture(
        torch.tensor([0.4, 0.6], dtype=torch.float64).log(),
        torch.tensor([[-2.0, 0.0], [2.0, 1.0]], dtype=torch.float64),
        0.5 * torch.eye(2, dtype=torch.float64).repeat(2, 1, 1),
    )
    posterior = LaplaceInference(model, prior).posterior(world_batch(x))
    torch.manual_seed(1)
    drawn = posterior.rsample((4000,))
    deviation = posterior.variance.sqrt()
    assert ((drawn.mean(0) - posterior.mean) / deviation).abs().max() < 0.08
    assert drawn.var(0).numpy() == pytest.approx(posterior.variance.numpy(), rel=0.12)


@pytest.mark.parametrize("clusters", [True, False])
def test_as_many_gaussians_as_predict_rows_that_are_left_out(clusters):
    """More than one where rows are in clusters, and one where they are not; the decoders are the true ones."""
    world = LinearGaussianWorld((5, 4, 4), 3, seed=2)
    model, (z, x) = world_model(world), world.sample(240)
    if clusters:
        draw = torch.Generator().manual_seed(0)
        middles = 3 * torch.randn(4, 3, dtype=torch.float64, generator=draw)
        moved = middles[torch.arange(240) % 4] - 0.7 * z
        x = [values + moved @ loading.T for values, loading in zip(x, world.loadings, strict=True)]
    sampler = build_sampler(model, choose_sampler({"name": "aggregated"}))
    torch.manual_seed(0)
    sampler.fit(torch.randn(240, 3, dtype=torch.float64))
    sampler.see(model, world_table(x))
    assert (len(sampler.mixture) > 1) == clusters
    if clusters:
        one = build_sampler(model, choose_sampler({"name": "aggregated", "components": 1}))
        one.fit(torch.randn(240, 3, dtype=torch.float64))
        one.see(model, world_table(x))
        gain = sampler.log_prob(middles) - one.log_prob(middles)
        assert (gain > 1).all(), "where clusters are, z is more probable"


def test_visits_of_a_patient_are_no_cluster():
    """Patients of one Gaussian, whose six visits are alike: left out one by one they are found again, together not."""
    world = LinearGaussianWorld((5, 4), 2, seed=2)
    model, (_, x) = world_model(world), world.sample(24)
    patients = torch.arange(24).repeat(6)
    precision, pull, _ = seen_in(inference_of(model), world_table([values.repeat(6, 1) for values in x]))
    assert best_count(precision, pull, 16, 0) > 1
    assert best_count(precision, pull, 16, 0, patients) == 1
    assert best_count(precision, pull, 16, 0, torch.arange(144)) == best_count(precision, pull, 16, 0)
    assert best_count(precision, pull, 16, 0, torch.zeros(144, dtype=torch.int64)) == 1


@settings(max_examples=6, deadline=None)
@given(st.integers(0, 10_000), st.sampled_from([1, 2]))
def test_what_numbers_of_gaussians_are_compared_by(seed, count):
    """log p(x_m | x_others) as a difference of marginal densities, and log p(x_m | z) at the mean given the others."""
    world = LinearGaussianWorld((4, 3, 5), 2, seed=seed)
    model, (_, x) = world_model(world), world.sample(5)
    generator = torch.Generator().manual_seed(seed)
    roots = torch.randn(count, 2, 4, dtype=torch.float64, generator=generator)
    covariances, means = roots @ roots.mT, torch.randn(count, 2, dtype=torch.float64, generator=generator)
    density = GaussianMixture(
        torch.full((count,), -math.log(count), dtype=torch.float64), means, torch.linalg.cholesky(covariances)
    )
    told = inference_of(model).seen(world_batch(x))[:2]
    found = predictions(density, everything(*told), all_but_one(*told), *told)

    def log_p(modalities, row):
        loadings = torch.cat([world.loadings[m] for m in modalities])
        noise = torch.cat([torch.full((len(world.loadings[m]),), float(world.scales[m]) ** 2) for m in modalities])
        offsets = torch.cat([world.offsets[m] for m in modalities])
        values = torch.cat([x[m][row] for m in modalities])
        logs = [
            torch.distributions.MultivariateNormal(
                offsets + loadings @ means[k], loadings @ covariances[k] @ loadings.T + noise.double().diag()
            ).log_prob(values)
            for k in range(count)
        ]
        return torch.stack(logs).logsumexp(0) - math.log(count)

    def log_given(m, row, z):
        return (
            torch.distributions.Normal(
                world.offsets[m] + world.loadings[m] @ z, torch.as_tensor(world.scales[m]).double()
            )
            .log_prob(x[m][row])
            .sum()
        )

    zero = torch.zeros(2, dtype=torch.float64)
    for row in range(5):
        logs = points = 0.0
        for m in range(3):
            others = [n for n in range(3) if n != m]
            constant = log_given(m, row, zero)
            logs += float(log_p([0, 1, 2], row) - log_p(others, row) - constant)
            mask = torch.tensor([[n != m for n in range(3)]]).expand(5, 3)
            z = LaplaceInference(model, density).posterior(world_batch(x), mask).mean[row]
            points += float(log_given(m, row, z) - constant)
        assert found[0, row].item() == pytest.approx(logs, rel=1e-6, abs=1e-6)
        assert found[1, row].item() == pytest.approx(points, rel=1e-6, abs=1e-6)
