"""Digits and their labels: official files read back, and pixels that are drawn once."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from pydantic import ValidationError

import mmgen
from mmgen.testing import all_rows, check_recipe, write_idx
from mmgen_plugin_two_view_mnist.config import MnistLabelsConfig
from mmgen_plugin_two_view_mnist.mnist_labels import MnistLabels
from mmgen_plugin_vision.digits import FILES


@pytest.fixture
def official(tmp_path):
    """A folder in the official layout, and its images and labels."""
    draw = np.random.default_rng(0)
    parts = {}
    for part, count in (("train", 120), ("test", 40)):
        images, labels = draw.integers(0, 256, (count, 28, 28), dtype=np.uint8), np.arange(count, dtype=np.uint8) % 10
        for name, values in zip(FILES[part], (images, labels)):
            write_idx(tmp_path / f"{name}.gz", values)
        parts[part] = images, labels
    return tmp_path, parts


def test_official_files_come_back_as_they_were(official):
    folder, parts = official
    dataset = MnistLabels(MnistLabelsConfig(digits=folder))
    splits = dataset.splits()
    assert [len(each) for each in (splits.train, splits.val, splits.test)] == [100, 20, 40]
    assert torch.bincount(splits.val.labels["digit"]).tolist() == [2] * 10
    table = all_rows(splits)
    images, labels = (np.concatenate([parts[part][place] for part in ("train", "test")]) for place in (0, 1))
    assert torch.equal(table.data["image"][:, 0], torch.from_numpy(images))
    assert table.data["label"][:, 0].tolist() == table.labels["digit"].tolist() == labels.tolist()
    assert splits.provenance.kind == "real" and "and their labels" in splits.provenance.summary
    assert len(dataset.sources()) == 4


def test_pixels_are_drawn_by_their_grey_level(official):
    folder, _ = official
    images = np.broadcast_to(np.arange(196, dtype=np.uint8).repeat(4).reshape(28, 28), (120, 28, 28)).copy()
    images[:, 0, :4], images[:, 27, 24:] = 0, 255
    write_idx(folder / f"{FILES['train'][0]}.gz", images)
    drawn, again, other = (
        all_rows(MnistLabels(MnistLabelsConfig(digits=folder, binarised=True, seed=seed)).splits()).data["image"][
            :120, 0
        ]
        for seed in (1, 1, 2)
    )
    assert set(drawn.unique().tolist()) == {0, 255} and torch.equal(drawn, again) and not torch.equal(drawn, other)
    share = (drawn > 0).float().mean(0).reshape(196, 4).mean(1)  # over 120 images and four pixels of a grey level
    assert share[0] == 0 and share[-1] == 1
    expected = torch.arange(1, 195) / 255
    assert ((share[1:-1] - expected).abs() / (expected * (1 - expected) / 480).sqrt()).max() < 4.5


def test_a_model_names_a_digit():
    data = mmgen.open_dataset("mnist-labels", MnistLabels.toy(), {"all": {"hidden": [16]}})
    model = mmgen.MultimodalVAE.create("elbo", data, latent_dim=4)
    assert model(data.train[:6]).value(1.0).isfinite().all()
    label = model.generate(data.test[:3], given=["image"], targets=["label"])["label"]
    assert label.shape[-1:] == (1,) and set(label.flatten().tolist()) <= set(range(10))
    assert data.modalities["label"].cells(np.array([7])) == ["7"]


@pytest.mark.parametrize("name", ["mnist-labels-desk", "elbo-mnist-labels-desk", "elbo-mnist-labels-paper"])
def test_recipes_resolve(name):
    check_recipe(name)


def test_a_download_needs_a_folder():
    with pytest.raises(ValidationError, match="set digits"):
        MnistLabelsConfig(download=True)
