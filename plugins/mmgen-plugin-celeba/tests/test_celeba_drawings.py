"""Drawn faces: their layout, their reproducibility, and that attributes can be seen."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from PIL import Image, ImageChops

from mmgen_plugin_celeba import ATTRIBUTES, CelebA, CelebAConfig, write_drawings
from mmgen_plugin_celeba.drawing.person import draw_attributes, draw_person
from mmgen_plugin_celeba.drawing.portrait import portrait
from mmgen_plugin_celeba.pictures import CROP


@pytest.fixture(scope="module")
def drawings(tmp_path_factory):
    folder = tmp_path_factory.mktemp("faces") / "celeba"
    write_drawings(folder, 40, 0)
    return folder


@pytest.fixture(scope="module")
def people():
    return [draw_person(np.random.default_rng([11, i])) for i in range(400)]


def test_a_folder_of_drawings_is_a_stand_in_and_reads_like_the_toy(drawings):
    read, toy = CelebA(CelebAConfig(root=drawings)).splits(), CelebA.toy().splits()
    for side, count in (("train", 32), ("val", 4), ("test", 4)):
        one, two = getattr(read, side), getattr(toy, side)
        assert len(one) == count
        for name in ("image", "text"):
            assert torch.equal(one.data[name], two.data[name])
        assert torch.equal(one.labels["attributes"], two.labels["attributes"])
    for splits in (read, toy):
        assert splits.provenance.kind == "stand-in"
        assert splits.provenance.summary.startswith(
            "32/4/4 parametric drawings of faces with their attribute texts, not photographs, in the layout"
        )
    assert toy.provenance.source == "mmgen_plugin_celeba.drawing"
    assert read.provenance.source == str(drawings)


def test_without_its_mark_a_folder_is_taken_for_the_real_one(drawings, tmp_path):
    for path in drawings.iterdir():
        if path.name != "STAND-IN":
            (tmp_path / path.name).symlink_to(path)
    assert CelebA(CelebAConfig(root=tmp_path)).splits().provenance.kind == "real"


def test_the_seed_decides_every_byte(drawings, tmp_path):
    write_drawings(tmp_path / "again", 40, 0)
    write_drawings(tmp_path / "other", 40, 1)
    files = sorted(path.relative_to(drawings) for path in drawings.rglob("*") if path.is_file())
    assert len(files) == 44
    assert all((tmp_path / "again" / file).read_bytes() == (drawings / file).read_bytes() for file in files)
    assert all(
        (tmp_path / "other" / file).read_bytes() != (drawings / file).read_bytes()
        for file in files
        if file.suffix == ".jpg"
    )
    with Image.open(drawings / "img_align_celeba" / "000001.jpg") as image:
        assert image.size == (178, 218)


def test_attributes_have_sensible_frequencies_and_dependencies():
    people = [draw_attributes(np.random.default_rng([2, i])) for i in range(1500)]
    table = np.array([[person[name] for name in ATTRIBUTES] for person in people])
    assert all(list(person) == list(ATTRIBUTES) for person in people)
    share = dict(zip(ATTRIBUTES, table.mean(0)))
    assert all(0.02 < value < 0.9 for value in share.values())
    assert share["Male"] == pytest.approx(0.42, abs=0.05)
    assert share["Smiling"] == pytest.approx(0.48, abs=0.05)
    assert share["Young"] == pytest.approx(0.77, abs=0.05)

    def count(*names):
        return sum(all(person[name] for name in names) for person in people)

    hair = ("Black_Hair", "Blond_Hair", "Brown_Hair", "Gray_Hair", "Bald")
    assert all(sum(person[name] for name in hair) <= 1 for person in people)
    beards = ("5_o_Clock_Shadow", "Goatee", "Mustache", "Sideburns")
    for beard in beards:
        assert count(beard, "Male") == count(beard)
        assert count(beard, "No_Beard") == 0
    assert sum(not person["No_Beard"] and not any(person[name] for name in beards) for person in people) > 10
    for one, two in (
        ("Wavy_Hair", "Straight_Hair"),
        ("Bald", "Bangs"),
        ("Bald", "Wearing_Hat"),
        ("Wearing_Hat", "Receding_Hairline"),
    ):
        assert count(one, two) == 0
    assert count("Smiling", "Mouth_Slightly_Open") > 2 * (
        count("Mouth_Slightly_Open") - count("Smiling", "Mouth_Slightly_Open")
    )
    attractive = table[:, ATTRIBUTES.index("Attractive")]
    young = table[:, ATTRIBUTES.index("Young")]
    assert attractive[young].mean() > attractive[~young].mean() + 0.3


@pytest.mark.parametrize("name", [name for name in ATTRIBUTES if name != "Attractive"])
def test_every_attribute_but_attractive_is_seen_within_the_crop(people, name):
    hiding = {"Blurry", "Wearing_Hat"} - {name}
    person = next(person for person in people if person.has[name] and not any(person.has[other] for other in hiding))
    without = replace(person, has={**person.has, name: False})
    if name in (
        "Black_Hair",
        "Blond_Hair",
        "Brown_Hair",
        "Gray_Hair",
        "Pale_Skin",
    ):  # their colours were drawn with the person
        draw = np.random.default_rng(0), np.random.default_rng(0)
        person, without = (draw_person(generator, who.has) for generator, who in zip(draw, (person, without)))
    one, two = (portrait(who).crop(CROP).resize((64, 64), Image.Resampling.BICUBIC) for who in (person, without))
    changed = np.asarray(ImageChops.difference(one, two)).max(2) > 24
    assert changed.sum() >= 6


def test_attractive_is_not_drawn(people):
    person = people[0]
    other = replace(person, has={**person.has, "Attractive": not person.has["Attractive"]})
    assert portrait(person).tobytes() == portrait(other).tobytes()


def test_private_factors_change_the_picture_and_not_the_text(people):
    has = people[0].has
    pictures = {portrait(draw_person(np.random.default_rng(seed), has)).tobytes() for seed in range(6)}
    assert len(pictures) == 6


def test_the_images_tell_the_attributes():
    """Neighbours in the colour of the forehead's upper edge share their hair colour: images and labels belong
    together.
    """
    splits = CelebA(CelebAConfig(count=150)).splits()
    rows = torch.cat([splits.train.data["image"], splits.test.data["image"]]).float()
    labels = torch.cat([splits.train.labels["attributes"], splits.test.labels["attributes"]])
    forehead = rows[:, :, 8:14, 26:38].mean((2, 3))  # of hair, mostly
    distance = torch.cdist(forehead, forehead)
    distance.fill_diagonal_(torch.inf)
    near = distance.topk(8, largest=False).indices
    blond = labels[:, ATTRIBUTES.index("Blond_Hair")].float()
    assert blond[near].mean(1)[blond == 1].mean() > 2 * blond.mean()
