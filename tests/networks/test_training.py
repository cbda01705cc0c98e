"""Every network in a model: a few steps of training, with a last batch of a single row, and every modality
generated.
"""

import pytest
import torch

from mmgen import MultimodalVAE, Trainer
from mmgen.networks import ImageClassifierTrunk, TextClassifierTrunk
from mmgen.testing import toy_data

LEARNED, PREDICTED = {"scale_kind": "learned"}, {"scale_kind": "predicted"}
CHANGES = {
    "image-mlp": ("image", {"network": "mlp", "hidden": [8]}),
    "image-conv": ("image", {"network": "conv", "channels": None, "bottleneck": True}),
    "image-conv4": ("image", {"network": "conv4", "channels": None, "output": "sigmoid"}),
    "image-resnet": (
        "image",
        {"network": "resnet", "channels": [4, 6], "activated": True, "likelihood": LEARNED},
    ),
    "image-resnet-bn": (
        "image",
        {"network": "resnet-bn", "channels": [4, 6, 8, 8], "likelihood": PREDICTED},
    ),
    "image-bernoulli": ("image", {"network": "resnet", "channels": [4], "likelihood": "bernoulli"}),
    "text-embedding": ("text", {"network": "embedding"}),
    "text-conv": ("text", {"network": "conv"}),
    "text-resnet": ("text", {"network": "resnet", "channels": [4, 6]}),
    "text-sentence": ("text", {"network": "sentence", "channels": [4, 6], "embedding": 16}),
}


@pytest.mark.parametrize("name", CHANGES)
def test_every_network_trains(name):
    modality, change = CHANGES[name]
    data = toy_data(("vector", modality), rows=33, missing=0.3)
    model = MultimodalVAE.create("elbo", data, latent_dim=2, modalities={modality: change})
    start = {key: value.clone() for key, value in model.named_parameters()}
    run = Trainer(epochs=2, batch_size=16, seed=0).fit(model, data)  # the third batch has one row
    assert len(run.history) == 2 and all(torch.tensor(record["train"]["loss"]).isfinite() for record in run.history)
    moved = [key for key, value in model.named_parameters() if not torch.equal(value, start[key])]
    assert set(moved) == set(start)
    batch = data.test[:4]
    made = model.generate(batch, ["vector"], samples=2)[modality]
    assert made.shape == (2, 4, *data.modalities[modality].shape) and made.isfinite().all()
    if change.get("output") == "sigmoid" or change.get("likelihood") == "bernoulli":
        assert made.min() >= 0 and made.max() <= 1


def test_in_evaluation_rows_do_not_depend_on_their_batch():
    data = toy_data(("image", "text"), rows=24)
    changes = {
        name: CHANGES[f"{name}-{network}"][1] for name, network in (("image", "resnet-bn"), ("text", "sentence"))
    }
    model = MultimodalVAE.create("elbo", data, latent_dim=2, modalities=changes)
    in_training = model.train().experts(data.train[:8]).mean
    assert not torch.allclose(in_training[:, :4], model.experts(data.train[:4]).mean, atol=1e-3)
    whole = model.eval().experts(data.train[:8]).mean
    torch.testing.assert_close(model.experts(data.train[:4]).mean, whole[:, :4], atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize("size", [(1, 8, 8), (3, 28, 28), (3, 27, 50), (3, 64, 64)], ids=str)
def test_classifiers_of_images_of_any_size(size):
    trunk = ImageClassifierTrunk(size)
    x = torch.rand(2, *size)
    assert trunk(x).shape == (2, trunk.features)
    stages = sum(isinstance(layer, torch.nn.MaxPool2d) for layer in trunk.modules()) + 1
    assert stages == {8: 1, 28: 3, 50: 4, 64: 4}[max(size)]
    assert any(isinstance(layer, torch.nn.Dropout) for layer in trunk.modules())
    assert all(value.is_contiguous() for value in trunk.state_dict().values())


@pytest.mark.parametrize("length", [1, 6, 8, 33, 256])
def test_classifiers_of_texts_of_any_length(length):
    trunk = TextClassifierTrunk(5)
    x = torch.randint(-1, 5, (3, length))
    assert trunk(x).shape == (3, trunk.features)


def test_a_classifier_of_texts_finds_a_word_wherever_it_begins():
    trunk = TextClassifierTrunk(5).eval()
    word = torch.tensor([1, 4, 2, 3])
    texts = torch.zeros(2, 40, dtype=torch.int64)
    texts[0, 8:12], texts[1, 25:29] = word, word
    other = torch.zeros(1, 40, dtype=torch.int64)
    other[0, 8:12] = word.flip(0)
    with torch.no_grad():
        one, two, three = trunk(texts[:1]), trunk(texts[1:]), trunk(other)
    assert torch.allclose(one, two, atol=1e-6)
    assert not torch.allclose(one, three, atol=1e-3)
