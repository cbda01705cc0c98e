"""The sentence network's last layer is the encoder's embedding: one parameter, wherever the model goes."""

import copy

import pytest
import torch
from safetensors import safe_open

from mmgen import MultimodalVAE, TextModality, Trainer, load_run
from mmgen.testing import central_noise, toy_data

TINY = {"text": {"network": "sentence", "channels": [4, 4], "embedding": 16}}


@pytest.fixture
def data():
    return toy_data(("text", "vector"), rows=33)


@pytest.fixture
def model(data):
    return MultimodalVAE.create("elbo", data, latent_dim=3, modalities=TINY)


def words(model):
    return model.encoders[0].trunk.embedding.weight


def logits(model, z):
    return model.eval().decode(z, "text")


def test_the_decoder_ends_in_the_embedding(model):
    z = torch.randn(2, 3)
    layers = model.decoders[0].layers.eval()
    expected = torch.einsum("nle,ae->nal", layers(z).squeeze(1), words(model)) + model.decoders[0].bias[:, None]
    torch.testing.assert_close(logits(model, z), expected)
    before = logits(model, z)
    with torch.no_grad():
        words(model).mul_(2)
        model.decoders[0].bias.zero_()
    torch.testing.assert_close(logits(model, z), 2 * before)


def test_gradients_come_from_both_places(model, data):
    batch = model.prepare(data.train[:8])
    model.encoders[0](batch.data["text"])[0].sum().backward()
    from_encoder = words(model).grad.clone()
    model.zero_grad()
    model.decode(torch.randn(4, 3), "text").square().sum().backward()
    from_decoder = words(model).grad.clone()
    assert from_encoder.abs().sum() > 0 and from_decoder.abs().sum() > 0
    model.zero_grad()
    model.encoders[0](batch.data["text"])[0].sum().backward()
    torch.manual_seed(0)
    z = torch.randn(4, 3)
    (2 * model.decode(z, "text").square().sum()).backward()
    both = words(model).grad.clone()
    model.zero_grad()
    (2 * model.decode(z, "text").square().sum()).backward()
    torch.testing.assert_close(both - words(model).grad, from_encoder, atol=1e-3, rtol=1e-3)


def test_it_is_one_parameter_that_is_saved_once(model):
    shape = words(model).shape
    assert shape == (4, 16)
    assert [name for name, p in model.named_parameters() if p.shape == shape] == ["encoders.0.trunk.embedding.weight"]
    assert [name for name, p in model.state_dict().items() if p.shape == shape] == ["encoders.0.trunk.embedding.weight"]


def test_it_stays_tied_through_copies_precision_and_loading(model, data):
    z = torch.randn(2, 3)
    before = logits(model, z)
    copied = copy.deepcopy(model)
    with torch.no_grad():
        words(copied).zero_()
    assert torch.equal(logits(model, z), before)  # a copy has an embedding of its own
    assert logits(copied, z).sub(copied.decoders[0].bias[:, None]).abs().max() == 0
    other = MultimodalVAE.create("elbo", data, latent_dim=3, modalities=TINY, seed=1)
    assert not torch.equal(logits(other, z), before)
    other.load_state_dict(model.state_dict())
    assert torch.equal(logits(other, z), before)
    exact = logits(other.double(), z.double())
    assert exact.dtype == torch.float64
    torch.testing.assert_close(exact.float(), before, atol=1e-4, rtol=1e-4)


def test_a_run_is_the_same_model_when_it_is_loaded(data, tmp_path):
    model = MultimodalVAE.create("elbo", data, latent_dim=3, modalities=TINY)
    start = words(model).detach().clone()
    run = Trainer(epochs=2, batch_size=16, seed=0).fit(model, data, output=str(tmp_path / "run"))
    assert not torch.equal(words(model).detach(), start)
    with safe_open(run.path / "model.safetensors", framework="pt") as file:
        assert [name for name in file.keys() if list(file.get_slice(name).get_shape()) == [4, 16]] == [  # noqa: SIM118 - not a mapping
            "encoders.0.trunk.embedding.weight"
        ]
    again = load_run(tmp_path / "run").model
    batch = data.test[:6]
    with central_noise():
        one, two = run.model.eval()(batch).value(1.0), again.eval()(batch).value(1.0)
        assert torch.equal(one, two)
        assert torch.equal(run.model.generate(batch, ["vector"])["text"], again.generate(batch, ["vector"])["text"])
    with torch.no_grad():
        words(again).add_(1.0)
    assert not torch.equal(again(batch).log_likelihood[0], run.model(batch).log_likelihood[0])


def test_an_untied_decoder_has_its_own_weight():
    modality = TextModality(shape=(8,), alphabet=("a", "b", "c"), network="sentence")
    decoder = modality.decoder(3)
    assert decoder.weight.shape == (3, 128)
    decoder(torch.randn(4, 3)).sum().backward()
    assert decoder.weight.grad is not None
    encoder = modality.encoder(3)
    modality.tie(encoder.trunk, decoder)
    assert decoder.weight is None and "weight" not in decoder.state_dict()
    other = TextModality(shape=(8,), alphabet=("a", "b", "c"), network="conv")
    other.tie(other.encoder(3).trunk, untouched := other.decoder(3))
    assert sum(p.shape == (3, 128, 1) for p in untouched.parameters()) == 1
