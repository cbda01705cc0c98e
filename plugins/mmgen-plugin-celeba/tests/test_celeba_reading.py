"""The official layouts, written small and read back."""

from __future__ import annotations

import string

import numpy as np
import pytest
import torch
from PIL import Image
from pydantic import ValidationError

import mmgen
from mmgen.testing import check_dataset
from mmgen_plugin_celeba import ALPHABETS, ATTRIBUTES, CelebA, CelebAConfig
from mmgen_plugin_celeba.attributes import encode_texts

LETTERS_71 = [*string.ascii_lowercase, *"0123456789", *"-,;.!?:'\"/\\|_@#$%^&*~`+-=<>()[]{}", " ", "\n"]
LETTERS_41 = [*string.ascii_lowercase, *"0123456789", ",", '"', " ", "*", "\n"]


def splits(official, **options) -> mmgen.Splits:
    return CelebA(CelebAConfig(root=official.root, **options)).splits()


def as_published(path) -> np.ndarray:
    """Decode, crop 148×148 from row 35 and column 15, reduce with Pillow's bicubic filter."""
    pixels = np.asarray(Image.open(path))
    assert pixels.shape == (218, 178, 3)
    small = Image.fromarray(np.ascontiguousarray(pixels[35 : 35 + 148, 15 : 15 + 148])).resize((64, 64), Image.BICUBIC)
    return np.moveaxis(np.asarray(small), 2, 0)


def written(codes, alphabet) -> str:
    return "".join(alphabet[code] for code in codes.tolist())


@pytest.mark.parametrize("alphabet", [71, 41])
def test_the_csv_layout_is_read_back_identical(official, alphabet):
    made = official()
    assert made.present.any(0).all() and not made.present.all(0).any()
    result = splits(made, alphabet=alphabet)
    letters = LETTERS_71 if alphabet == 71 else LETTERS_41
    for number, table in enumerate((result.train, result.val, result.test)):
        wanted = np.flatnonzero(made.partition == number)
        assert table.rows.tolist() == table.groups.tolist() == wanted.tolist()
        assert list(table.data) == ["image", "text"]
        assert table.data["image"].dtype == table.data["text"].dtype == torch.uint8
        assert np.array_equal(table.labels["attributes"].numpy(), made.present[wanted])
        assert table.available.all()
        for place, row in enumerate(wanted):
            assert np.array_equal(
                table.data["image"][place], as_published(made.root / "img_align_celeba" / made.images[row])
            )
            assert written(table.data["text"][place], letters) == made.texts[row]
    assert result.labels == {"attributes": ATTRIBUTES}
    assert (result.provenance.kind, result.provenance.source) == ("real", str(made.root))
    assert "10/10/10 images of CelebA with their attribute texts" in result.provenance.summary
    assert "partition 1" not in result.provenance.summary


@pytest.mark.parametrize("absent", [-1, 0])
@pytest.mark.parametrize("folder", ["", "celeba", "CelebA"])
def test_the_text_files_of_the_authors_and_other_folders(official, absent, folder, published_text):
    made = official(layout="txt", text=False, absent=absent, folder=folder)
    result = CelebA(CelebAConfig(root=made.root.parent if folder else made.root, seed=4)).splits()
    for number, table in enumerate((result.train, result.val, result.test)):
        wanted = np.flatnonzero(made.partition == number)
        assert table.rows.tolist() == wanted.tolist()
        assert np.array_equal(table.labels["attributes"].numpy(), made.present[wanted])
        for place, row in enumerate(wanted):
            text = written(table.data["text"][place], LETTERS_71)
            assert len(text) == 256
            assert text.strip("*") == published_text(made.present[row])
    assert "texts made from their attributes by the published rule" in result.provenance.summary
    assert result.facts["text"] == "made from the attributes"


def test_made_texts_are_drawn_once_from_the_seed(official):
    made = official(text=False)
    first, again, other = (splits(made, seed=seed).train.data["text"] for seed in (1, 1, 2))
    assert torch.equal(first, again)
    assert not torch.equal(first, other)
    assert torch.equal(
        splits(made, seed=1, max_rows=4).train.data["text"], first[:4]
    )  # a text does not depend on which rows are used


def test_test_partition_one_as_published(official):
    made = official()
    result = splits(made, test_partition=1, seed=3)
    assert sorted(result.train.rows.tolist() + result.val.rows.tolist()) == np.flatnonzero(made.partition == 0).tolist()
    assert len(result.val) == 1
    assert result.test.rows.tolist() == np.flatnonzero(made.partition == 1).tolist()
    assert "tested on partition 1, CelebA's validation images, as published results are" in result.provenance.summary
    assert result.facts["test_partition"] == 1
    for table in (result.train, result.val):
        assert np.array_equal(table.labels["attributes"].numpy(), made.present[table.rows.numpy()])


def test_max_rows_takes_the_first_of_each_partition(official):
    made = official()
    for k in np.flatnonzero(made.partition == 1)[6:]:
        (made.root / "img_align_celeba" / made.images[k]).unlink()  # images that are not used need not be there
    result = splits(made, max_rows=6)
    for number, table in enumerate((result.train, result.val, result.test)):
        assert table.rows.tolist() == np.flatnonzero(made.partition == number)[:6].tolist()
    assert "6/6/6 images" in result.provenance.summary


def test_archives_that_unpack_twice_and_grey_images(official):
    made = official()
    before = splits(made)
    folder = made.root / "img_align_celeba"
    grey = made.images[int(before.train.rows[2])]
    Image.open(folder / grey).convert("L").save(folder / grey)
    folder.rename(made.root / "inner")
    folder.mkdir()
    (made.root / "inner").rename(folder / "img_align_celeba")
    after = splits(made)
    assert torch.equal(after.test.data["image"], before.test.data["image"])
    image = after.train.data["image"][2]
    assert torch.equal(image[0], image[1]) and torch.equal(image[0], image[2])


def test_by_name_through_the_cache(official, tmp_path, monkeypatch):
    monkeypatch.setenv("MMGEN_CACHE", str(tmp_path / "cache"))
    made = official()
    data = mmgen.load_dataset("celeba", root=str(made.root))
    assert data.fingerprint == mmgen.load_dataset("celeba", root=made.root).fingerprint
    (made.root / "list_attr_text_256_False_True_celeba.csv").unlink()
    changed = mmgen.load_dataset("celeba", root=str(made.root))
    assert changed.fingerprint != data.fingerprint
    assert "made from their attributes" in changed.provenance.summary


def test_the_schema():
    assert all(field.description for field in CelebAConfig.model_fields.values())
    image, text = CelebA().modalities().values()
    assert (image.shape, image.network, image.likelihood.name, image.likelihood.scale) == (
        (3, 64, 64),
        "resnet-bn",
        "laplace",
        0.75,
    )
    assert text.weight / image.weight == pytest.approx(48)
    assert text.weight == 16
    assert (text.shape, text.network, text.alphabet) == ((256,), "resnet", ALPHABETS[71])
    assert len(CelebA(CelebAConfig(alphabet=41)).modalities()["text"].alphabet) == 41
    code = encode_texts(["male, young".center(256, "*")], 71)[0]
    assert text.cells(code) == ["male, young"]


def test_the_toy_holds_the_contract():
    check_dataset(CelebA.toy())
    assert CelebA.toy().sources() == []


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ({"download": True}, "a download needs a place: set dataset.root=FOLDER as well"),
        ({"alphabet": 26}, "71"),
        ({"test_partition": 0}, "2"),
        ({"max_rows": 0}, "greater than or equal to 1"),
        ({"count": 3}, "greater than or equal to 20"),
        ({"seed": -1}, "greater than or equal to 0"),
    ],
)
def test_options_that_make_no_sense_are_refused(options, sentence):
    with pytest.raises(ValidationError, match=sentence):
        CelebAConfig(**options)
