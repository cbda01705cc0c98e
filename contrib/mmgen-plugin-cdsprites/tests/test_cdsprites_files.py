"""Files in the official layouts: read back as written, and every defect one sentence."""

from __future__ import annotations

import zipfile

import h5py
import numpy as np
import pytest
import torch
from PIL import Image

from mmgen import DataError
from mmgen.testing import all_rows, raises_sentence
from mmgen_plugin_cdsprites import sprites, textures
from mmgen_plugin_cdsprites.attributes import LEVELS, VALUES, all_captions
from mmgen_plugin_cdsprites.cdsprites import CdSprites, CdSpritesConfig
from mmgen_plugin_cdsprites.official import read_file


def pictures(captions, draw):
    """Noise in red, green and blue ``[N, 64, 64, 3]``, red where the caption says so."""
    values = draw.integers(0, 100, (len(captions), 64, 64, 3), dtype=np.uint8)
    for row, caption in enumerate(captions):
        if "red" in caption.split():
            values[row, 20:40, 20:40] = (240, 80, 0)
    return values


def write(path, level, *, blue_first=True, repeats=3, texts=None):
    """A file as the released generator writes it."""
    captions = list(all_captions(level)) * repeats
    images = pictures(captions, np.random.default_rng(level))
    path.parent.mkdir(parents=True, exist_ok=True)
    with h5py.File(path, "w") as file:
        file.create_dataset("image", data=images[..., ::-1] if blue_first else images)
        file.create_dataset("text", data=captions if texts is None else texts)
    return images, captions


@pytest.mark.parametrize("level", LEVELS)
@pytest.mark.parametrize("blue_first", [True, False])
def test_the_file_is_read_as_written(tmp_path, level, blue_first):
    images, captions = write(tmp_path / f"level{level}" / "traindata.h5", level, blue_first=blue_first or level < 3)
    dataset = CdSprites(CdSpritesConfig(level=level, root=tmp_path))
    splits = dataset.splits()
    table = all_rows(splits)
    assert torch.equal(table.data["image"][:], torch.from_numpy(images).permute(0, 3, 1, 2))
    text = dataset.modalities()["text"]
    assert [text.cells(row.numpy())[0] for row in table.data["text"][:]] == captions
    words = zip(*(table.labels[name].tolist() for name in LEVELS[level]), strict=True)
    named = [" ".join(VALUES[name][code] for name, code in zip(LEVELS[level], row, strict=True)) for row in words]
    assert named == captions
    assert splits.provenance.kind == "simulated" and f"level {level}" in splits.provenance.summary
    assert dataset.sources() == [tmp_path / f"level{level}" / "traindata.h5"]
    here = CdSprites(CdSpritesConfig(level=level, root=tmp_path / f"level{level}"))
    assert here.sources() == dataset.sources()


def test_some_pictures_of_the_file(tmp_path):
    write(tmp_path / "level3" / "traindata.h5", 3, repeats=4)
    splits = CdSprites(CdSpritesConfig(level=3, root=tmp_path, count=60)).splits()
    assert len(all_rows(splits)) == 60 and "60 of the 120" in splits.provenance.summary
    assert torch.bincount(all_rows(splits).labels["colour"]).tolist() == [12] * 5


def test_defects_of_the_file_are_named(tmp_path):
    path = tmp_path / "level2" / "traindata.h5"
    with raises_sentence("no level2/traindata.h5", DataError, naming=tmp_path):
        CdSprites(CdSpritesConfig(level=2, root=tmp_path)).sources()
    write(path, 2)
    content = path.read_bytes()
    path.write_bytes(content[: len(content) // 2])
    with raises_sentence("cannot be read as a file of CdSprites", DataError, naming=path):
        read_file(path, 2)
    path.write_bytes(b"nothing of the kind")
    with raises_sentence("cannot be read as a file of CdSprites", DataError, naming=path):
        read_file(path, 2)
    write(path, 3)
    with raises_sentence("one of level 3", DataError, naming=path):
        read_file(path, 2)
    write(path, 2, texts=["a small heart", *all_captions(2)[1:]] * 3)
    with raises_sentence("no caption of level 2; they are like", DataError, naming=path):
        read_file(path, 2)
    write(path, 2, texts=list(all_captions(2)))
    with raises_sentence("and 6 texts", DataError, naming=path):
        read_file(path, 2)
    with h5py.File(path, "w") as file:
        file.create_dataset("image", data=np.zeros((0, 64, 64, 3), np.uint8))
        file.create_dataset("text", data=np.array([], dtype="S5"))
    with raises_sentence("has no images", DataError, naming=path):
        read_file(path, 2)


@pytest.fixture
def archive(tmp_path, monkeypatch):
    """An archive in the layout of dSprites with fewer factors, of noise; and its images."""
    monkeypatch.setattr(sprites, "ORIENTATIONS", 3)
    monkeypatch.setattr(sprites, "PLACES", 4)
    monkeypatch.setattr(sprites, "BLOCK", 100)
    images = np.random.default_rng(0).integers(0, 2, (3 * 6 * 3 * 16, 64, 64), dtype=np.uint8)
    np.savez_compressed(tmp_path / sprites.ARCHIVE, imgs=images, latents_classes=np.zeros(3))
    return tmp_path, images


def test_the_archive_of_dsprites_is_read_in_its_order(archive):
    folder, images = archive
    draw = np.random.default_rng(1)
    factors = np.stack([draw.integers(0, size, 40) for size in (3, 6, 3, 4, 4)], axis=1)
    found = sprites.read_sprites(folder, factors)
    for (shape, scale, orientation, x, y), mask in zip(factors, found):
        place = (((shape * 6 + scale) * 3 + orientation) * 4 + x) * 4 + y
        assert (mask == images[place]).all()


def test_defects_of_the_archive_are_named(archive, tmp_path):
    folder, _ = archive
    factors, path = np.array([[2, 5, 2, 3, 3]]), folder / sprites.ARCHIVE
    content = path.read_bytes()
    path.write_bytes(content[: len(content) // 2])
    with raises_sentence("cannot be read as the images of dSprites", DataError, naming=path):
        sprites.read_sprites(folder, factors)
    with zipfile.ZipFile(path, "w") as other:
        other.writestr("imgs.npy", b"\x93NUMPY\x01\x00")
    with raises_sentence("cannot be read as the images of dSprites", DataError, naming=path):
        sprites.read_sprites(folder, factors)
    np.savez(path, imgs=np.zeros((5, 64, 64), np.uint8))
    with raises_sentence("864 images", DataError, naming=path):
        sprites.read_sprites(folder, factors)
    path.unlink()
    with raises_sentence("published with dSprites", DataError, naming=folder):
        sprites.read_sprites(folder, factors)


def test_textures_are_read_from_a_folder(tmp_path):
    draw = np.random.default_rng(0)
    for kind, size in (("dotted", (80, 100)), ("woven", (64, 64))):
        (tmp_path / "dtd" / "images" / kind).mkdir(parents=True)
        Image.fromarray(draw.integers(0, 256, (*size, 3), dtype=np.uint8)).save(
            tmp_path / "dtd" / "images" / kind / f"{kind}_0001.png"
        )
    assert [path.name for path in textures.texture_files(tmp_path)] == ["dotted_0001.png", "woven_0001.png"]
    assert len(textures.read_textures(tmp_path)) == 2
    dataset = CdSprites(CdSpritesConfig(level=5, textures=tmp_path, count=240))
    splits = dataset.splits()
    assert "2 textures of" in splits.provenance.summary and splits.provenance.kind == "stand-in"  # drawn sprites
    assert len(dataset.sources()) == 2
    broken = tmp_path / "dtd" / "images" / "woven" / "woven_0002.jpg"
    broken.write_bytes(b"no picture")
    with raises_sentence("cannot be read as a picture", DataError, naming=broken):
        textures.read_textures(tmp_path)


def test_a_folder_without_textures_is_named(tmp_path):
    with raises_sentence("holds no pictures", DataError, naming=tmp_path):
        textures.read_textures(tmp_path)


def test_dsprites_and_textures_are_no_stand_in(archive, tmp_path, monkeypatch):
    from mmgen_plugin_cdsprites import painting

    folder, _ = archive
    for name, places in (("MIDDLE", (0, 1, 2, 3)), ("ORIENTATIONS", 3)):
        monkeypatch.setattr(painting, name, places)
    Image.fromarray(np.random.default_rng(0).integers(0, 256, (64, 64), dtype=np.uint8)).save(tmp_path / "one.png")
    splits = CdSprites(CdSpritesConfig(level=3, dsprites=folder, textures=tmp_path, count=300)).splits()
    assert splits.provenance.kind == "simulated" and "sprites of dSprites" in splits.provenance.summary
