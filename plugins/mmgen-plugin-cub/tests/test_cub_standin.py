"""The drawn birds: the same schema, the same bytes, and captions that tell the truth."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from PIL import Image

import mmgen
from mmgen.testing import check_dataset
from mmgen_plugin_cub import files
from mmgen_plugin_cub.colours import COLOURS, PARTS, label_captions
from mmgen_plugin_cub.cub import Cub, CubConfig
from mmgen_plugin_cub.drawing import RGB, draw_bird
from mmgen_plugin_cub.species import Photograph, Species, make_species
from mmgen_plugin_cub.standin import imagine_birds, stand_in_captions, write_folder
from mmgen_plugin_cub.tokens import LENGTH, tokens


@pytest.fixture(scope="module")
def birds():
    """Those of the default options."""
    return imagine_birds(CubConfig().species, CubConfig().images_per_species, 0)


@pytest.fixture(scope="module")
def splits():
    return Cub.toy().splits()


def test_labels_recover_the_true_colours(birds):
    captions = [tokens(caption) for bird in birds for caption in bird.captions]
    labels = label_captions(captions, np.repeat(np.arange(len(birds)), 10).tolist())
    for label, codes in labels.items():
        truth = np.repeat([COLOURS.index(getattr(bird.species, label)) for bird in birds], 10)
        known = codes >= 0
        assert (codes[known] == truth[known]).mean() > 0.999
        assert known.reshape(-1, 10).any(1).mean() > 0.99  # of the pictures
        assert known.mean() == 1 if label == "colour" else 0.4 < known.mean() < 0.75


def test_captions_are_sentences_in_varied_words(birds):
    captions = [caption for bird in birds for caption in bird.captions]
    assert len(set(captions)) > 0.6 * len(captions)
    words = [tokens(caption) for caption in captions]
    assert np.mean([len(each) < LENGTH for each in words]) > 0.97
    vocabulary = set().union(*words)
    assert 80 < len(vocabulary) < 200
    for caption in captions:
        assert (
            caption == caption.lower().strip() and caption.endswith(".") and "  " not in caption and " ." not in caption
        )
        assert " a orange" not in f" {caption}" and " an " not in caption.replace("an orange", "").replace("an eye", "")


def test_all_values_occur_in_training_and_species_are_not_shared(birds):
    train, test = ({bird.species for bird in birds if bird.side == side} for side in ("train", "test"))
    assert (len(train), len(test)) == (225, 75)
    for label in PARTS:
        assert {getattr(species, label) for species in train} == set(COLOURS)
    assert not {bird.name for bird in birds if bird.side == "train"} & {
        bird.name for bird in birds if bird.side == "test"
    }
    assert len({bird.photograph for bird in birds}) == len(birds)


SPECIES = Species("red", "yellow", "blue", "white", "black", "short", "grey", "medium", "plain", False, False)
POSE = Photograph(False, False, "sky", 1.0, (0.0, 0.0), 0.0, 1.0, 0.0, 1.0, 5)


def share(image: Image.Image, colour: str) -> float:
    """Of the pixels that are nearly this colour."""
    pixels = np.asarray(image, dtype=np.float64)
    return float((np.abs(pixels - RGB[colour]).max(-1) < 40).mean())


@pytest.mark.parametrize("flying", [False, True])
@pytest.mark.parametrize(("part", "least"), [("colour", 0.01), ("crown", 0.01), ("wings", 0.02), ("belly", 0.01)])
def test_every_named_colour_is_in_the_picture(part, least, flying):
    pose = Photograph(**{**vars(POSE), "flying": flying, "scene": "dusk"})
    base = {"colour": "black", "crown": "black", "wings": "black", "belly": "black"}
    for colour in ("red", "blue", "green", "yellow"):
        with_it, without = (
            draw_bird(Species(**{**vars(SPECIES), **base, part: name}), pose) for name in (colour, "black")
        )
        assert share(with_it, colour) > share(without, colour) + least


def test_a_bird_that_looks_left_is_the_mirror_of_one_that_looks_right():
    right, left = (
        np.asarray(draw_bird(SPECIES, Photograph(**{**vars(POSE), "left": left}))).astype(int) for left in (False, True)
    )
    blue = [np.abs(image - RGB["blue"]).max(-1) < 40 for image in (right, left)]
    assert (blue[0] == blue[1][:, ::-1]).mean() > 0.97
    assert (blue[0] == blue[1]).mean() < 0.97


def test_species_repeat_with_the_seed_alone():
    assert make_species(30, 3) == make_species(30, 3) != make_species(30, 4)


def test_the_schema(splits):
    check_dataset(Cub.toy())
    tables = (splits.train, splits.val, splits.test)
    assert [len(table) for table in tables] == [30, 10, 20]
    assert splits.provenance.kind == "stand-in"
    assert splits.provenance.summary.startswith("6 parametric drawings of birds with ten generated captions each")
    assert dict(splits.labels) == dict.fromkeys(PARTS, COLOURS)
    assert splits.facts["captions_with_label"]["colour"] == 1
    image, caption = Cub.toy().modalities().values()
    assert (image.shape, image.network, image.likelihood.name, image.likelihood.scale, image.weight) == (
        (3, 64, 64),
        "resnet",
        "laplace",
        0.75,
        1,
    )
    assert image.activated
    assert (caption.shape, caption.network, caption.weight, caption.joiner) == ((32,), "sentence", 384, " ")
    assert caption.alphabet[:3] == ("<exc>", "<pad>", "<eos>") == (caption.unknown, caption.pad, caption.end)
    assert splits.facts["words"] == len(caption.alphabet)


def test_captions_are_written_out_again(splits):
    caption = Cub.toy().modalities()["caption"]
    (text,) = caption.cells(splits.train.data["caption"][0].numpy())
    written = [" ".join(tokens(line)) for line in stand_in_captions(imagine_birds(6, 1, 0), "train")]
    shown = written[int(splits.train.rows[0])].split(" ")
    assert text.split(" ") == [word if word in caption.alphabet else "<exc>" for word in shown]


def test_the_same_seed_gives_the_same_bytes(splits):
    again, other = Cub.toy().splits(), Cub(Cub.toy().config.model_copy(update={"seed": 1})).splits()
    for side in ("train", "val", "test"):
        for name in ("image", "caption"):
            assert torch.equal(getattr(again, side).data[name][:], getattr(splits, side).data[name][:])
    assert not torch.equal(other.test.data["image"][:], splits.test.data["image"][:])


def test_a_written_stand_in_stays_one(splits, tmp_path):
    write_folder(imagine_birds(6, 1, 0), tmp_path / "cub")
    read = Cub(CubConfig(root=tmp_path, val_fraction=0.25)).splits()
    assert read.provenance.kind == "stand-in"
    assert torch.equal(read.train.data["image"][:], splits.train.data["image"][:])
    assert torch.equal(read.test.data["caption"], splits.test.data["caption"])
    (tmp_path / "cub" / files.MARKER).unlink()
    assert Cub(CubConfig(root=tmp_path)).splits().provenance.kind == "real"


def test_a_masked_model_trains_and_generates():
    dataset = Cub(Cub.toy().config.model_copy(update={"mask_padding": True}))
    parts = dataset.splits()
    tables = {"train": parts.train, "val": parts.val, "test": parts.test}
    modalities = mmgen.data.loading.change_modalities(
        dataset.modalities(), {"image": {"network": "conv4", "channels": [4, 4, 4, 4]}}
    )
    data = mmgen.Data(
        "cub", dataset, modalities, **tables, labels=parts.labels, provenance=parts.provenance, fingerprint="x"
    )
    model = mmgen.MultimodalVAE.create("elbo", data, latent_dim=3)
    terms = model(data.train[:10])
    assert terms.value(1.0).isfinite().all()
    made = model.generate(data.test[:4], given=["image"], targets=["caption"], samples=2)["caption"]
    assert made.shape == (2, 4, 32)
