"""What may be called FID, and its features."""

import pytest
import torch

import mmgen
from mmgen import Evaluation, MultimodalVAE
from mmgen.testing import toy_data
from mmgen_plugin_vision import FID, FIDConfig, torchvision


@pytest.fixture
def data():
    return toy_data(("image", "vector"), rows=40)


@pytest.fixture
def evaluation(data):
    return Evaluation(MultimodalVAE.create("elbo", data, latent_dim=2), data, max_rows=30)


def test_there_is_no_fid_without_the_weights(evaluation, data, tmp_path):
    assert (
        FID()
        .unavailable_reason(evaluation)
        .startswith("it needs the weights of Inception, --set metrics.fid.weights=FILE")
    )
    assert FID(FIDConfig(weights=tmp_path / "w.pth")).unavailable_reason(evaluation) is None
    bare = toy_data(("vector", "counts"), rows=12)
    assert (
        FID().unavailable_reason(Evaluation(MultimodalVAE.create("elbo", bare, latent_dim=2), bare))
        == "there are no images in grey or in colours"
    )
    with pytest.raises(mmgen.MmgenError, match=r"metrics\.fid\.weights: there is no file .*w\.pth"):
        FID(FIDConfig(weights=tmp_path / "w.pth")).compute(evaluation)
    (tmp_path / "w.pth").write_bytes(b"nothing of the kind")
    with pytest.raises(mmgen.MmgenError, match=r"w\.pth does not hold the weights of Inception v3") as caught:
        FID(FIDConfig(weights=tmp_path / "w.pth")).compute(evaluation)
    assert "\n" not in str(caught.value)


def test_fid_with_weights_in_the_published_layout(evaluation, tmp_path):
    pytest.importorskip("torch_fidelity")
    torchvision()
    from torch_fidelity.feature_extractor_inceptionv3 import FeatureExtractorInceptionV3

    torch.manual_seed(0)
    with (
        pytest.MonkeyPatch.context() as patch
    ):  # its constructor would download: made up weights of the same names and shapes
        patch.setattr(FeatureExtractorInceptionV3, "load_state_dict", lambda self, state: None)
        patch.setattr("torch.load", lambda *_, **__: {})
        network = FeatureExtractorInceptionV3(
            "inception-v3-compat", ["2048"], feature_extractor_weights_path=str(tmp_path)
        )
    torch.save(network.state_dict(), tmp_path / "inception.pth")
    evaluation.max_rows = 4
    metric = FID(FIDConfig(weights=tmp_path / "inception.pth"))
    features = metric.features(evaluation, "image", evaluation.latents().table.data["image"])
    assert features.shape == (4, 2048)
    pixels = evaluation.latents().table.data["image"]
    torch.testing.assert_close(
        features, metric.features(evaluation, "image", pixels / 255)
    )  # bytes and [0, 1] are the same image
