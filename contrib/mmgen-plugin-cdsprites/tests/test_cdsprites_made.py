"""Pictures that are made: captions, sprites, textures, and the rules of the released generator in plain loops."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from mmgen.testing import DatasetContract, all_rows, check_recipe, raises_sentence
from mmgen_plugin_cdsprites import painting, sprites, textures
from mmgen_plugin_cdsprites.attributes import (
    ALPHABET,
    LEVELS,
    VALUES,
    all_captions,
    caption_codes,
    caption_labels,
    caption_length,
)
from mmgen_plugin_cdsprites.cdsprites import CdSprites, CdSpritesConfig


class TestContract(DatasetContract):
    component = "cdsprites"


@pytest.mark.parametrize("level", LEVELS)
class TestEveryLevel(DatasetContract):
    component = CdSprites.toy()

    @pytest.fixture(autouse=True)
    def _of_level(self, level):
        type(self).component = CdSprites(CdSpritesConfig(level=level, count=240, drawn_textures=10))


@pytest.mark.parametrize("name", ["cdsprites-desk", "elbo-cdsprites-paper"])
def test_recipes_can_be_resolved(name):
    check_recipe(name)


def test_captions_are_those_of_the_levels():
    assert [len(all_captions(level)) for level in LEVELS] == [3, 6, 30, 120, 240]
    assert [caption_length(level) for level in LEVELS] == [7, 13, 20, 36, 45]  # 45 characters in the toolkit
    assert len(ALPHABET) == 27
    examples = ["heart", "big square", "small red ellipse", "big pink heart at top right"]
    for level, caption in enumerate([*examples, "small yellow ellipse at bottom right on light"], 1):
        assert caption in all_captions(level)
        place = all_captions(level).index(caption)
        labels = {name: VALUES[name][codes[place]] for name, codes in caption_labels(level).items()}
        assert " ".join(labels.values()) == caption
        for masked, blank in ((False, 0), (True, -1)):
            codes = caption_codes(level, masked)[place]
            assert "".join(ALPHABET[code] for code in codes[: len(caption)]) == caption
            assert (codes[len(caption) :] == blank).all()


def _stretched(values):
    """To 0 … 255 in whole numbers, halves to the even one, as OpenCV does."""
    flat = [float(each) for each in np.asarray(values).reshape(-1)]
    low, high = min(flat), max(flat)
    return np.array([round((each - low) * 255 / (high - low)) for each in flat]).reshape(np.shape(values))


def _generator(sprite, colour, texture, background, shade):
    """The released generator's picture in loops, with bytes that overflow as there; textures have a picture's size."""
    grey = _stretched(texture)
    picture = np.zeros((3, 64, 64))
    for row in range(64):
        for column in range(64):
            value = int(grey[row, column])
            value = 255 if value > 255 - 125 else value + 125
            for channel in range(3):
                picture[channel, row, column] = sprite[row, column] * value * colour[channel] / 255
    picture = _stretched(picture)
    if background is None:
        return picture
    grey = _stretched(background)
    for row in range(64):
        for column in range(64):
            if any(picture[channel, row, column] for channel in range(3)):
                continue
            value = int(grey[row, column])
            if shade == "on light":
                value = 255 if value > 255 - 125 else value + 125
            else:
                if value < 200:
                    value = 0
                if value <= 200:
                    value = (value - 200) % 256
            picture[:, row, column] = value
    return _stretched(picture)


@settings(max_examples=8, deadline=None)
@given(st.integers(0, 2**20), st.sampled_from([3, 4, 5]))
def test_pictures_are_those_of_the_generator(seed, level):
    draw = np.random.default_rng(seed)
    grey = [draw.integers(0, 256, (64, 64)) for _ in range(3)]
    caption = int(draw.integers(len(all_captions(level))))
    words = {name: VALUES[name][codes[caption]] for name, codes in caption_labels(level).items()}
    known = np.random.default_rng(seed)
    factors = painting.draw_factors(level, np.array([caption]), known)
    chosen = known.integers(3, size=(2, 1))
    picture = painting.paint(
        level, np.array([caption]), sprites.draw_sprites, textures.Textures(grey), np.random.default_rng(seed)
    )[0]
    sprite = sprites.draw_sprites(factors)[0]
    background = grey[chosen[1, 0]] if level == 5 else None
    expected = _generator(
        sprite, painting.COLOURS[words["colour"]], grey[chosen[0, 0]], background, words.get("background")
    )
    assert np.abs(picture.astype(int) - expected).max() <= 1  # halves are rounded from other last digits
    assert (picture == expected).mean() > 0.999


def test_places_are_those_of_the_generator():
    draw = np.random.default_rng(0)
    for level in LEVELS:
        captions = painting.share_out(level, 12_000)
        counts = np.bincount(captions)
        assert counts.min() + 1 >= counts.max() and len(counts) == len(all_captions(level))
        factors = painting.draw_factors(level, captions, draw)
        labels = caption_labels(level)
        for caption in range(len(counts)):
            of_caption = factors[captions == caption]
            assert len(np.unique(of_caption, axis=0)) == len(of_caption)  # none occurs twice
        shape = labels["shape"][captions]
        assert (factors[:, 0] == shape).all() and set(factors[:, 2]) == set(range(40))
        big = np.ones(len(captions), bool) if level == 1 else labels["size"][captions] == 1
        assert (factors[:, 1] == np.where(big, 5, 0)).all()
        if level < 4:
            assert set(factors[:, 3]) == set(factors[:, 4]) == set(range(5, 30))
            continue
        for code, place in enumerate(VALUES["position"]):
            rows = factors[labels["position"][captions] == code]
            low, high = {1, 2, 3, 5, 6, 7, 8, 9}, {26, 27, 28, 29, 30, 31}
            assert set(rows[:, 3]) == (low if place.endswith("left") else high)
            assert set(rows[:, 4]) == (low if "top" in place else high)


def test_drawn_sprites_have_their_size_and_place():
    factors = np.array([[shape, scale, angle, 7, 22] for shape in range(3) for scale in (0, 5) for angle in range(40)])
    masks = sprites.draw_sprites(factors)
    down, right = np.mgrid[:64, :64] + 0.5
    for (shape, scale, _, x, y), mask in zip(factors, masks):
        size = 0.5 if scale == 0 else 1.0
        assert abs(mask.sum() / (17 * size) ** 2 - 1) < 0.15  # an edge of a small one is a pixel of nine
        centre = np.array([(mask * right).sum(), (mask * down).sum()]) / mask.sum()
        off = 3 if shape == 2 else 0.6  # of a heart the centre is above the middle
        assert np.abs(centre - [16.5 + x, 16.5 + y]).max() < off * size + 0.1
    upright = sprites.draw_sprites(np.array([[0, 5, 0, 0, 0]]))[0]
    assert upright[8:25, 8:25].all() and upright.sum() == 17 * 17
    corners = np.array([[s, 5, o, x, y] for s in range(3) for o in range(40) for x in (0, 31) for y in (0, 31)])
    whole = sprites.draw_sprites(corners)
    assert not whole[:, 0].any() and not whole[:, -1].any() and not whole[:, :, 0].any() and not whole[:, :, -1].any()
    heart = sprites.draw_sprites(np.array([[2, 5, 0, 0, 0]]))[0]
    rows = np.flatnonzero(heart.any(1))
    assert heart[rows[0] : rows[0] + 6].sum() > 2 * heart[rows[-1] - 5 : rows[-1] + 1].sum()  # its tip is below
    assert (heart[:, :33] == heart[:, :33][:, ::-1]).all()


def test_drawn_textures_differ_and_fill_their_range():
    drawn = textures.draw_textures(40, seed=3)
    assert len(drawn) == 40 and drawn.light.shape == (40, 64, 64)
    assert len({each.tobytes() for each in drawn.light}) == 40
    assert drawn.light.min() == 125 and drawn.light.max() == 255 and (drawn.light.std(axis=(1, 2)) > 5).all()
    assert {0, 56} < set(np.unique(drawn.dark)) | {0} and drawn.dark.mean() < drawn.light.mean()
    assert (drawn.light == textures.draw_textures(40, seed=3).light).all()
    assert (drawn.light != textures.draw_textures(40, seed=4).light).any()


def test_sides_share_captions_and_no_picture():
    splits = CdSprites(CdSpritesConfig(level=1, count=3000)).splits()
    assert [len(each) for each in (splits.train, splits.val, splits.test)] == [2400, 300, 300]
    whole = all_rows(splits)
    assert torch.bincount(whole.labels["shape"]).tolist() == [1000, 1000, 1000]
    sides = (splits.train, splits.val, splits.test)
    prints = [{bytes(each.numpy()) for each in side.data["image"][:]} for side in sides]
    assert not (prints[0] & prints[1] or prints[0] & prints[2] or prints[1] & prints[2])
    assert set(np.unique(whole.data["image"][:])) == {0, 255}
    for side in (splits.train, splits.val, splits.test):
        share = torch.bincount(side.labels["shape"]) / len(side)
        assert (share - 1 / 3).abs().max() < 0.01


def test_texts_name_what_pictures_show():
    splits = CdSprites(CdSpritesConfig(level=5, count=480, drawn_textures=20)).splits()
    table = splits.train
    text = CdSprites(CdSpritesConfig(level=5)).modalities()["text"]
    for row in range(0, len(table), 7):
        caption = text.cells(table.data["text"][row : row + 1][0].numpy())[0]
        words = [VALUES[name][int(table.labels[name][row])] for name in LEVELS[5]]
        assert caption == " ".join(words)
    grey = table.data["image"][:].float().mean(dim=(1, 2, 3))
    dark = table.labels["background"] == VALUES["background"].index("on dark")
    assert grey[~dark].mean() > 1.5 * grey[dark].mean()
    assert splits.provenance.kind == "stand-in" and "drawn textures" in splits.provenance.summary


def test_options_that_do_not_go_together(tmp_path):
    with raises_sentence("set one of them"):
        _options(root=tmp_path, textures=tmp_path)
    with raises_sentence("240 captions"):
        _options(level=5, count=100)


def _options(**values):
    import mmgen

    return mmgen.load_dataset("cdsprites", **values)
