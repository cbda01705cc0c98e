"""Attributes as a modality: the official layout read back, and images as MVAE reduces them."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from PIL import Image

from mmgen.testing import check_recipe
from mmgen_plugin_celeba import ATTRIBUTES, VISIBLE, CelebAAttributes, CelebAAttributesConfig

# The numbers that the released codes of MVAE and MultiVae keep, from 0.
KEPT = [4, 5, 8, 9, 11, 12, 15, 17, 18, 20, 21, 22, 26, 28, 31, 32, 33, 35]


def as_published(path) -> np.ndarray:
    """torchvision's Resize(64) of the shorter side, bilinear, and CenterCrop(64)."""
    image = Image.open(path)
    width, height = image.size
    small = image.resize((64, int(64 * height / width)), Image.BILINEAR)
    top = round((small.height - 64) / 2)
    return np.moveaxis(np.asarray(small)[top : top + 64], 2, 0)


def test_the_eighteen_are_those_of_the_released_code():
    assert [ATTRIBUTES[number] for number in KEPT] == list(VISIBLE)


@pytest.mark.parametrize("count", [18, 40])
def test_the_official_layout_is_read_back(official, count):
    made = official()
    dataset = CelebAAttributes(CelebAAttributesConfig(root=made.root, attributes=count))
    splits = dataset.splits()
    numbers = KEPT if count == 18 else list(range(40))
    for number, table in enumerate((splits.train, splits.val, splits.test)):
        wanted = np.flatnonzero(made.partition == number)
        assert table.rows.tolist() == wanted.tolist() and list(table.data) == ["image", "attributes"]
        assert np.array_equal(table.data["attributes"].numpy(), made.present[wanted][:, numbers])
        assert np.array_equal(table.labels["attributes"].numpy(), made.present[wanted][:, numbers])
        for place, row in enumerate(wanted):
            expected = as_published(made.root / "img_align_celeba" / made.images[row])
            assert np.array_equal(table.data["image"][place], expected)
    names = tuple(ATTRIBUTES[number] for number in numbers)
    assert splits.labels == {"attributes": names} and dataset.modalities()["attributes"].columns == names
    assert splits.provenance.kind == "real" and f"with {count} attributes" in splits.provenance.summary
    assert not any("text" in path.name for path in dataset.sources())


def test_the_smaller_square_is_that_of_celeba(official):
    from mmgen_plugin_celeba import CelebA, CelebAConfig

    made = official()
    smaller = CelebAAttributes(CelebAAttributesConfig(root=made.root, crop=148)).splits()
    assert torch.equal(smaller.test.data["image"], CelebA(CelebAConfig(root=made.root)).splits().test.data["image"])


def test_drawn_faces_say_so():
    splits = CelebAAttributes.toy().splits()
    assert splits.provenance.kind == "stand-in" and "18 attributes, not photographs" in splits.provenance.summary


@pytest.mark.parametrize("name", ["celeba-attributes-desk", "elbo-celeba-attributes-paper", "celeba-desk"])
def test_recipes_resolve(name):
    check_recipe(name)
