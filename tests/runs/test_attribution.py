"""Integrated gradients of the posterior mean, against linear encoders and the axiom of completeness."""

import sys
from dataclasses import replace

import numpy as np
import pytest
import torch

import mmgen
from mmgen.data import MixedModality, Table
from mmgen.errors import MmgenError
from mmgen.models import MultimodalVAE
from mmgen.runs.attribution import attribution
from mmgen.testing import make_model, toy_data, toy_run
from mmgen.testing.toys import world_model, world_table
from mmgen.testing.worlds import LinearGaussianWorld

pytest.importorskip("captum", reason="captum is not installed")


def test_attributions_of_linear_encoders_are_weights_times_values():
    world = LinearGaussianWorld(dims=(4, 3), latent_dim=2, orthogonal=True, seed=5)
    model, x = world_model(world), [part.double() for part in world.sample(60)[1]]
    found = attribution(model, world_table(x), ["m0", "m1"], rows=60, steps=4)
    zero = [torch.zeros(1, dim, dtype=torch.float64) for dim in world.dims]
    z, _ = world.posterior(x)
    for m, dim in enumerate(world.dims):
        for c in range(dim):
            for k in range(2):
                one = [part.clone() for part in zero]
                one[m][0, c] = 1
                weight = float(world.posterior(one)[0][0, k] - world.posterior(zero)[0][0, k])
                moved = (x[m][:, c] - x[m][:, c].mean()).abs().mean()
                expected = weight * float(moved) / float(z[:, k].std(correction=0))
                assert found.loc[(f"m{m}", f"m{m}_{c}"), f"z{k}"] == pytest.approx(expected, abs=1e-7)


def test_attributions_are_integrals_of_gradients():
    """One row, column and point of the line after the other, with the midpoint rule."""
    data = toy_data(("vector", "counts"))
    model = make_model("elbo", data)
    batch = model.prepare(data.test[:3])
    names = ["vector", "counts"]
    start = {name: batch.data[name].mean(0) for name in names}
    sums = {name: torch.zeros(3, batch.data[name].shape[1], model.config.latent_dim) for name in names}
    points = 120
    for i in range(3):
        for k in range(model.config.latent_dim):
            for p in range(points):
                t = (p + 0.5) / points
                at = {n: (start[n] + t * (batch.data[n][i] - start[n]))[None].requires_grad_() for n in names}
                z = model.posterior(replace(batch[[i]], data=at)).mean[0, k]
                for name, gradient in zip(names, torch.autograd.grad(z, [at[n] for n in names]), strict=True):
                    sums[name][i, :, k] += (gradient[0] * (batch.data[name][i] - start[name])) / points
    spread = model.posterior(batch).mean.detach().std(0, correction=0)
    found = attribution(model, data.test.select(torch.arange(3)), names, rows=3, steps=100)
    for name in names:
        size = sums[name].abs().mean(0) / spread
        moved = (batch.data[name] - start[name])[..., None]
        expected = size * (sums[name] * moved).sum(0).sign()
        assert found.loc[name].to_numpy() == pytest.approx(expected.numpy(), abs=0.02)


@pytest.mark.parametrize("options", [{}, {"aggregator": "moe"}, {"aggregator": "none"}, {"private_dim": 2}], ids=str)
def test_every_kind_that_has_gradients(options):
    data = toy_data(("vector", "counts", "tags", "labels", "text", "image"), missing=0.3, cells=0.2, covariates=True)
    model = MultimodalVAE.create("elbo", data, latent_dim=3, **options)
    found = attribution(model, data.test, list(data.modalities), rows=20, steps=8)
    assert {*found.index.get_level_values(0)} == {"vector", "counts", "tags", "image"}
    assert np.isfinite(found.to_numpy()).all() and found.loc[("image", "(pixels)"), "z0"] >= 0
    assert all(parameter.grad is None for parameter in model.parameters())


def test_masks_and_categories_are_held():
    toy = toy_data(("vector", "tags"), cells=0.3)
    model = MultimodalVAE.create("elbo", toy, latent_dim=2, modalities={"vector": {"mask_input": True}})
    assert len(attribution(model, toy.test, ["vector"], rows=20, steps=8)) == 5
    mixed = MixedModality(
        shape=(2,), columns=("age", "ward"), likelihoods={"ward": "categorical"}, categories={"ward": ("a", "b", "c")}
    )
    values = torch.stack([toy.test.data["vector"][:, 0], toy.test.labels["class"].float()], 1)
    table = Table.of({"notes": values})
    data = mmgen.data.Data("m", toy.dataset, {"notes": mixed}, table, table, table, {}, toy.provenance, "m")
    found = attribution(MultimodalVAE.create("elbo", data, latent_dim=2), table, ["notes"], steps=8)
    assert found.isna().all(axis=1).tolist() == [False, True]


def test_what_a_posterior_does_not_look_at_has_no_attribution():
    data = toy_data(("vector", "counts"))
    model = MultimodalVAE.create("vcca", data, latent_dim=2)  # q(z | x_1) alone
    found = attribution(model, data.test, ["vector", "counts"], rows=10, steps=4)
    assert (found.loc["counts"] == 0).all(axis=None) and (found.loc["vector"] != 0).any(axis=None)


def test_codes_alone_are_a_sentence():
    data = toy_data(("labels", "text"))
    with pytest.raises(MmgenError, match="Nothing of labels, text has gradients"):
        attribution(make_model("elbo", data).float(), data.test, ["labels", "text"])


def test_a_run_gives_it_and_asks_for_captum(monkeypatch):
    run = toy_run()
    one, again = run.attribution(rows=10, steps=4), run.attribution(rows=10, steps=4)
    assert one.equals(again) and one.columns.tolist() == ["z0", "z1"]
    assert run.attribution(given="vector", rows=10, steps=4).index.get_level_values(0).unique().tolist() == ["vector"]
    monkeypatch.setitem(sys.modules, "captum.attr", None)
    with pytest.raises(MmgenError, match=r"needs the package captum: pip install 'mmgen-core\[attribution\]'"):
        run.attribution()
