"""Encoders without a variance, and latents of single modalities that are wider than z."""

import pytest
import torch

from mmgen import Objective, Terms
from mmgen.distributions import Gaussian, Mixture, kl_gaussians, standard_normal
from mmgen.models import Projections
from mmgen.testing import make_model, toy_data

KINDS = ("vector", "counts", "tags")


@pytest.mark.parametrize("training", [False, True])
def test_projections_see_the_rows_that_have_their_modality(training):
    data = toy_data((*KINDS, "image"), missing=0.5)
    image = {"image": {"network": "resnet-bn", "channels": (4, 6, 8), "dropout": 0.0}} if training else {}
    model = make_model("elbo", data, modalities=image)
    projections = Projections(model, 5).double().train(training)
    batch = model.prepare(data.train[:12])
    features = projections(batch)
    assert features.shape == (4, 12, 5)
    for m, name in enumerate(model.modalities):
        has = batch.available[:, m]
        assert not features[m, ~has].any()
        torch.testing.assert_close(features[m, has], projections.networks[m](batch.data[name][has]))


def test_projections_may_have_sizes_of_their_own():
    data = toy_data(KINDS, missing=0.5)
    model = make_model("elbo", data)
    sizes = {"vector": 4, "counts": 1, "tags": 3}
    projections = Projections(model, sizes).double()
    batch = model.prepare(data.train[:6])
    features = projections(batch)
    assert features.shape == (3, 6, 4)
    for m, (name, size) in enumerate(sizes.items()):
        has = batch.available[:, m]
        torch.testing.assert_close(features[m, has, :size], projections.networks[m](batch.data[name][has]))
        assert not features[m, :, size:].any()


class Below(Objective):
    """Latents of single modalities, each of its own size, and z from the first dimensions of the first."""

    supports_missing = True
    aggregator, prior = None, "normal"
    SIZES = {"vector": 5, "counts": 1, "tags": 4}

    def encodes(self, modalities, latent_dim):
        return {name: self.SIZES[name] for name in modalities}

    def decodes(self, modalities, latent_dim):
        return self.encodes(modalities, latent_dim)

    def terms(self, model, batch):
        experts = model.experts(batch)
        z = [each[:, : self.SIZES[name]] for name, each in zip(model.modalities, experts.rsample())]
        kl = kl_gaussians(experts, standard_normal(experts)).where(batch.available.T, 0.0).sum(0)
        return Terms(model.log_likelihood(z, batch, per_modality=True), kl)

    def posterior(self, model, batch, experts, given):
        share = given.to(experts.mean.dtype) / given.sum(-1, keepdim=True).clamp(min=1)
        mean = torch.einsum("...bm,mbd->...bd", share, experts.mean)[..., : model.config.latent_dim]
        return Mixture.of(Gaussian(mean, torch.zeros_like(mean)))


def test_latents_may_be_wider_than_z():
    data = toy_data(KINDS, missing=0.4)
    model = make_model(Below, data, latent_dim=2)
    batch = model.prepare(data.train[:8])
    experts = model.experts(batch)
    assert experts.mean.shape == (3, 8, 5)
    assert not experts.mean[1, :, 1:].any() and not experts.log_variance[1, :, 1:].any()
    for m, name in enumerate(KINDS):
        has = batch.available[:, m]
        mean, log_variance = model.encoders[m](batch.data[name][has])
        assert mean.shape[1] == Below.SIZES[name]
        torch.testing.assert_close(experts.mean[m, has, : mean.shape[1]], mean)
        torch.testing.assert_close(experts.log_variance[m, has, : mean.shape[1]], log_variance)
        assert not experts.mean[m, ~has].any()
    assert model.encode(data.train[:8]).mean.shape == (8, 2)


def test_private_latents_lie_behind_them():
    model = make_model(Below, data := toy_data(KINDS), latent_dim=2, private_dim=3)
    batch = model.prepare(data.train[:4])
    assert {name: q.mean.shape for name, q in model.private_posteriors(batch).items()} == dict.fromkeys(KINDS, (4, 3))
    assert model.experts(batch).mean.shape == (3, 4, 5)
