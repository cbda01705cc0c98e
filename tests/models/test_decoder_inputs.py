"""What decoders take beside z: levels that are drawn given z, whatever their sizes; and latents that are smaller in
some modalities.
"""

from typing import ClassVar

import pytest
import torch
from torch import nn

from mmgen import Run
from mmgen.data import Data, Provenance, Table, VectorModality
from mmgen.distributions import Gaussian, central_noise, kl_divergence
from mmgen.models import ELBO, DecoderInput, Terms
from mmgen.testing import make_model, toy_data
from mmgen.testing.toys import ToyDataset

D, U = 2, 1
A = torch.tensor([[0.8, -0.5]], dtype=torch.float64)


class Levels(ELBO):
    """z, then u ~ N(A z, 1), of which decoders see both: u is drawn from p(u|z), or with ``wrong`` from N(0, 2)."""

    wrong = False
    calls: ClassVar[list] = []

    def decodes(self, modalities, latent_dim):
        return dict.fromkeys(modalities, latent_dim + U)

    def terms(self, model, batch):
        experts = model.experts(batch)
        posterior = self.aggregate(experts, batch.available).components[0]
        z = posterior.rsample()
        u = z @ A.T + torch.randn(len(z), U, dtype=z.dtype)
        prior = self.prior_for(model, experts, batch.available)
        return Terms(model.log_likelihood(torch.cat([z, u], -1), batch), kl_divergence(posterior, prior, z))

    def decoder_input(self, model, z, target, batch, given):
        type(self).calls.append((target, batch is None))
        p = Gaussian(z @ A.T, torch.zeros(*z.shape[:-1], U, dtype=z.dtype))
        if not self.wrong:
            return torch.cat([z, p.rsample()], -1)
        q = Gaussian(torch.zeros_like(p.mean), torch.full_like(p.mean, 0.7))
        u = q.rsample()
        return DecoderInput(torch.cat([z, u], -1), p.log_prob(u) - q.log_prob(u))


class WrongLevels(Levels):
    wrong = True


def linear_data():
    torch.manual_seed(0)
    network = {"hidden": (), "decoder_hidden": (), "transform": "none", "likelihood": {"name": "normal", "scale": 0.8}}
    modalities = {"m0": VectorModality(shape=(4,), **network)}
    table = Table.of({"m0": torch.randn(150, 4, dtype=torch.float64)})
    return Data("w", ToyDataset(), modalities, table, table, table, {}, Provenance("simulated", "w"), "w")


@pytest.mark.parametrize("objective", [Levels, WrongLevels])
def test_the_evidence_is_integrated_over_every_level(objective):
    """x = W [z, u] + b + ε: N(b, W Σ Wᵀ + s²) with the covariance Σ of z and u, however u is drawn."""
    data = linear_data()
    model = make_model(objective, data, latent_dim=D)
    for layer, value in ((model.encoders[0].head.mean, 0.1), (model.encoders[0].head.spread, 0.3)):
        nn.init.zeros_(layer.weight)
        nn.init.constant_(layer.bias, value)
    run = Run({"training": {"seed": 0}}, None, model=model, data=data)
    rows = run.measurements(metrics=["log-likelihood"], log_likelihood={"samples": 20_000, "rows": 150})
    layer = model.decoders[0].layers[-1]
    eye = torch.eye(D, dtype=torch.float64)
    sigma = torch.cat([torch.cat([eye, A.T], 1), torch.cat([A, A @ A.T + 1], 1)])
    covariance = layer.weight @ sigma @ layer.weight.T + 0.64 * torch.eye(4, dtype=torch.float64)
    with torch.no_grad():
        density = torch.distributions.MultivariateNormal(layer.bias, covariance)
        evidence = density.log_prob(data.test.data["m0"]).mean()
    joint = next(row["value"] for row in rows if row["measure"] == "joint")
    assert joint == pytest.approx(float(evidence), abs=0.03)


def test_it_is_asked_for_every_target_also_where_sizes_are_equal():
    class Same(Levels):
        calls: ClassVar[list] = []

        def decodes(self, modalities, latent_dim):
            return dict.fromkeys(modalities, latent_dim)

        def decoder_input(self, model, z, target, batch, given):
            type(self).calls.append((target, batch is None))
            return -z

        def terms(self, model, batch):
            return ELBO.terms(self, model, batch)

    data = toy_data()
    model = make_model(Same, data)
    with central_noise():
        turned = model.generate(data.test[:3], given=["vector"])
        model.generate(samples=2, targets=["tags"])
    assert Same.calls == [("vector", False), ("counts", False), ("tags", False), ("tags", True)]
    model.objective.__class__.decoder_input = lambda self, model, z, target, batch, given: z
    with central_noise():
        straight = model.generate(data.test[:3], given=["vector"])
    assert not torch.allclose(turned["vector"], straight["vector"])


class Sizes(ELBO):
    """Latents of two dimensions for vectors and of one for counts, in a space of three."""

    def encodes(self, modalities, latent_dim):
        return {"vector": 2, "counts": 1}


def test_latents_may_be_smaller_in_some_modalities():
    """What a modality lacks is N(0, 1), in its expert and in every product of it."""
    data = toy_data(("vector", "counts", "tags"))
    model = make_model(Sizes, data)
    assert [encoder.head.mean.out_features for encoder in list(model.encoders)[:2]] == [2, 1]
    with torch.no_grad():
        experts = model.experts(data.train[:6])
        assert model(data.train[:6]).value(1.0).isfinite().all()
    assert experts.mean.shape == (3, 6, 3)
    for m, size in enumerate((2, 1, 0)):
        assert experts.mean[m, :, :size].all() or not size
        assert not experts.mean[m, :, size:].any() and not experts.log_variance[m, :, size:].any()
    private = make_model(Sizes, data, private_dim={"vector": 3})
    posterior = private.encode_private(data.train[:6])["vector"]
    assert posterior.mean.shape == (6, 3) and posterior.mean.all()
    assert private.experts(data.train[:6]).mean.shape == (3, 6, 3)
