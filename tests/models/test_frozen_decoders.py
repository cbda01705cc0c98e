"""``log_likelihood(frozen=True)``: gradients reach z, and neither decoders nor likelihoods; and nothing is left
changed.
"""

import pytest
import torch

from mmgen.testing import make_model, toy_data, with_long_texts

LEARNED = {"vector": {"likelihood": {"scale_kind": "learned"}}}


def model_and_batch(kinds=("vector", "counts", "tags"), **modalities):
    data = with_long_texts(toy_data(kinds)) if "text" in kinds else toy_data(kinds)
    model = make_model("elbo", data, modalities={**({} if "vector" not in kinds else LEARNED), **modalities})
    return model, model.prepare(data.train[:6])


def constants(model):
    return {name: p for name, p in model.named_parameters() if name.startswith(("decoders.", "likelihoods."))}


def latents(own):
    torch.manual_seed(0)
    return torch.randn(*([3, 2] if own else [2]), 6, 3, dtype=torch.float64, requires_grad=True)


@pytest.mark.parametrize("own", [False, True])
def test_gradients_reach_z_alone(own):
    model, batch = model_and_batch()
    z = latents(own)
    value = model.log_likelihood(z, batch, per_modality=own, frozen=True)
    assert value.shape == (3, 2, 6)
    value.sum().backward()
    assert (z.grad != 0).any(-1).all(), "every latent has a gradient"
    assert {name.split(".")[0] for name in constants(model)} == {"decoders", "likelihoods"}, (
        "the test should have scales that learn"
    )
    assert all(parameter.grad is None for parameter in model.parameters())


@pytest.mark.parametrize("own", [False, True])
def test_value_and_gradient_of_z_are_those_without(own):
    model, batch = model_and_batch()
    results = []
    for frozen in (False, True):
        z = latents(own)
        value = model.log_likelihood(z, batch, per_modality=own, frozen=frozen)
        results.append((value, *torch.autograd.grad(value.sum(), z)))
    for one, two in zip(*results):
        torch.testing.assert_close(one, two)


def test_other_calls_on_the_same_networks_keep_their_gradients():
    model, batch = model_and_batch()
    model.log_likelihood(latents(False), batch).sum().backward()
    expected = {name: parameter.grad.clone() for name, parameter in constants(model).items()}
    model.zero_grad()
    before = model.log_likelihood(latents(False), batch).sum() / 2
    frozen = model.log_likelihood(latents(True), batch, per_modality=True, frozen=True).sum()
    after = model.log_likelihood(latents(False), batch).sum() / 2
    (before + frozen + after).backward()
    for name, parameter in constants(model).items():
        torch.testing.assert_close(parameter.grad, expected[name])


@pytest.mark.parametrize("fails", ["nothing", "decoder", "likelihood"])
def test_what_learns_is_as_before_also_after_an_error(fails, monkeypatch):
    model, batch = model_and_batch()
    fixed = constants(model)
    fixed["decoders.0." + next(iter(dict(model.decoders[0].named_parameters())))].requires_grad_(False)
    before = {name: parameter.requires_grad for name, parameter in model.named_parameters()}
    assert set(before.values()) == {True, False}
    seen = []

    def broken(*arguments):
        seen.append(
            [parameter.requires_grad for m in (model.decoders[1], model.likelihoods[1]) for parameter in m.parameters()]
        )
        raise RuntimeError("on purpose")

    if fails == "decoder":
        monkeypatch.setattr(model.decoders[1], "forward", broken)
    if fails == "likelihood":
        monkeypatch.setattr(model.likelihoods[1], "log_prob", broken)
    if fails == "nothing":
        model.log_likelihood(latents(False), batch, frozen=True)
    else:
        with pytest.raises(RuntimeError, match="on purpose"):
            model.log_likelihood(latents(False), batch, frozen=True)
        assert seen and not any(seen[0]), "inside the call nothing learns"
    assert {name: parameter.requires_grad for name, parameter in model.named_parameters()} == before


def test_under_autocast_nothing_leaks_through_cached_weights():
    model, batch = model_and_batch()
    model.float()
    batch = type(batch)({name: value.float() for name, value in batch.data.items()}, batch.available, prepared=True)
    z = latents(False).detach().float().requires_grad_()
    with torch.autocast("cpu", torch.bfloat16):
        together = model.log_likelihood(z.detach(), batch).sum()
        frozen = model.log_likelihood(z, batch, frozen=True).sum()
    frozen.backward()
    assert float(z.grad.abs().sum()) > 0
    assert all(parameter.grad is None for parameter in model.parameters())
    together.backward()
    assert all(parameter.grad is not None for parameter in constants(model).values())


def test_nothing_reaches_a_weight_that_a_decoder_shares_with_its_encoder():
    sentences = {"network": "sentence", "channels": (4, 4, 4), "embedding": 32}
    model, batch = model_and_batch(("vector", "text"), text=sentences)
    z = torch.randn(6, 3, dtype=torch.float64, requires_grad=True)
    longer = type(batch)({**batch.data, "text": torch.zeros(6, 32, dtype=torch.int64)}, batch.available, prepared=True)
    model.log_likelihood(z, longer, frozen=True).sum().backward()
    assert z.grad.abs().sum() > 0
    assert model.encoders[1].trunk.embedding.weight.grad is None


def test_running_statistics_stay_as_they_are():
    sentences = {"network": "sentence", "channels": (4, 4, 4), "embedding": 32}
    model, batch = model_and_batch(("vector", "text"), text=sentences)
    model.train()
    longer = type(batch)({**batch.data, "text": torch.zeros(6, 32, dtype=torch.int64)}, batch.available, prepared=True)
    means = [value for name, value in model.decoders[1].named_buffers() if name.endswith("running_mean")]
    before = [mean.clone() for mean in means]
    z = torch.randn(6, 3, dtype=torch.float64)
    model.log_likelihood(z, longer, frozen=True)
    assert before and all(torch.equal(a, b) for a, b in zip(before, means))
    model.log_likelihood(z, longer)
    assert not all(torch.equal(a, b) for a, b in zip(before, means))
