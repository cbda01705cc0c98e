"""Options of images and texts: what a user can get wrong is a sentence, and what is set is what is made."""

import numpy as np
import pytest
import torch
from torch import nn

from mmgen import ImageModality, MmgenError, TextModality, VectorModality
from mmgen.data.describing import change_modalities, describe_modality
from mmgen.options import validated

IMAGE = {"shape": (3, 28, 28)}
TEXT = {"shape": (6,), "alphabet": (" ", "a", "b", "c")}


def error(kind, declared, **options):
    with pytest.raises(MmgenError) as caught:
        change_modalities({"m": kind(**declared)}, {"m": options})
    return str(caught.value)


@pytest.mark.parametrize(
    ("options", "says"),
    [
        (
            {"network": "unet"},
            "modalities.m.network: 'unet' is not right; it should be 'conv', 'conv4', 'resnet', 'resnet-bn' or 'mlp'.",
        ),
        (
            {"network": "conv4", "channels": [4] * 6},
            "network conv4 takes 1 to 5 channels for images of 28×28 pixels, not 6",
        ),
        (
            {"network": "conv", "channels": [4] * 8},
            "network conv takes 1 to 6 channels for images of 28×28 pixels, not 8",
        ),
        (
            {"network": "resnet-bn", "channels": [4]},
            "network resnet-bn takes 2 to 5 channels for images of 28×28 pixels, not 1",
        ),
        ({"channels": [8, 0]}, "modalities.m.channels.1: 0 is not right; it should be greater than 0."),
        ({"output": "sigmoid", "likelihood": "bernoulli"}, "the likelihood bernoulli has a sigmoid of its own"),
        ({"dropout": 1.0}, "modalities.m.dropout: 1.0 is not right; it should be less than 1."),
        ({"shape": [28, 28]}, "the shape of an image is [channels, height, width]"),
    ],
)
def test_images_say_what_is_wrong(options, says):
    message = error(ImageModality, IMAGE, **options)
    assert says in message and "\n" not in message and message.endswith(".")


def test_small_images_say_how_many_channels_a_network_takes():
    with pytest.raises(MmgenError, match="network resnet-bn takes 2 to 4 channels for images of 8×8 pixels, not 5"):
        validated(ImageModality, {"network": "resnet-bn", "channels": [4] * 5, "shape": [3, 8, 8]}, "modalities.m")


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"pad": "*"}, "modalities.m: pad '*' is not in the alphabet."),
        ({"end": "."}, "modalities.m: end '.' is not in the alphabet."),
        ({"unknown": "?"}, "modalities.m: unknown '?' is not in the alphabet."),
        ({"shape": [2, 3]}, "the shape of a text is its length, such as [32], not [2, 3]"),
        (
            {"network": "resnet", "channels": [4, 4, 4, 4]},
            "network resnet takes 2 to 3 channels for texts of 6 symbols, not 4",
        ),
        ({"network": "resnet", "shape": [1]}, "network resnet takes texts of at least 2 symbols, not 1"),
        ({"network": "conv", "channels": [4]}, "network conv takes 2 to 4 channels for texts of 6 symbols, not 1"),
        ({"network": "sentence"}, "network sentence takes 1 to 2 channels for texts of 6 symbols, not 3"),
        (
            {"network": "sentence", "channels": [4, 4], "embedding": 8},
            "network sentence with 2 channels takes an embedding of at least 16 numbers, not 8",
        ),
    ],
)
def test_texts_say_what_is_wrong(options, says):
    message = error(TextModality, TEXT, **options)
    assert says in message and "\n" not in message and message.endswith(".")


def test_channels_of_none_follow_the_network():
    declared = {"m": ImageModality(**IMAGE)}
    widths = {
        network: [layer.out_channels for layer in modality.trunk(4).modules() if isinstance(layer, nn.Conv2d)]
        for network in ("conv", "conv4", "resnet")
        for modality in change_modalities(declared, {"m": {"network": network}}).values()
    }
    assert widths == {
        "conv": [32, 64, 128],
        "conv4": [32, 64, 64, 128],
        "resnet": [64, 64, 64, 64, 128, 128, 128, 256, 256],
    }


def test_a_description_makes_the_same_modality_again():
    made = [
        ImageModality(
            **IMAGE, network="resnet-bn", channels=(4, 8), residual=(1.0, 1.0), dropout=0.2, output="sigmoid"
        ),
        TextModality(
            **TEXT, network="sentence", channels=(4,), embedding=16, pad="c", end="b", unknown="a", joiner=" "
        ),
    ]
    for modality in made:
        description = describe_modality(modality)
        assert change_modalities({}, {"m": description}) == {"m": modality}
    assert describe_modality(made[0])["kind"] == "image" and describe_modality(made[1])["kind"] == "text"


def test_the_encoder_of_polymnist_narrows_to_the_latent_space():
    narrow = ImageModality(**IMAGE, bottleneck=True)
    assert narrow.trunk(7).features == 7 and narrow.encoder(7).head.mean.in_features == 7
    assert ImageModality(**IMAGE).trunk(7).features == 2048
    assert (narrow.trunk(7)(torch.rand(3, 3, 28, 28)) >= 0).all()  # behind a ReLU


def test_the_activation_before_the_heads_is_an_option():
    x = torch.rand(2, 3, 28, 28)
    torch.manual_seed(0)
    plain, activated = (
        ImageModality(**IMAGE, network="resnet", channels=(4, 4), activated=each).trunk(3) for each in (False, True)
    )
    activated.load_state_dict(plain.state_dict())
    assert plain(x).min() < 0
    torch.testing.assert_close(activated(x), nn.functional.leaky_relu(plain(x), 0.2))


def test_dimensions_that_a_weight_per_dimension_counts():
    assert VectorModality(shape=(3, 5)).dimension == 15
    assert ImageModality(**IMAGE).dimension == 2352
    assert TextModality(**TEXT).dimension == 6


@pytest.mark.parametrize(
    ("options", "text", "codes", "shown"),
    [
        ({}, "ab", [1, 2, 0, 0, 0, 0], "ab"),
        ({}, "a?b", [1, 2, 0, 0, 0, 0], "ab"),
        ({}, "abcabcabc", [1, 2, 3, 1, 2, 3], "abcabc"),
        ({}, " a  b ", [0, 1, 0, 0, 2, 0], "a  b"),
        ({"pad": "c"}, "ab", [1, 2, 3, 3, 3, 3], "ab"),
        ({"pad": "c"}, " ab ", [0, 1, 2, 0, 3, 3], " ab "),
        ({"end": "c"}, "ab", [1, 2, 3, 0, 0, 0], "ab"),
        ({"end": "c"}, "abababab", [1, 2, 1, 2, 1, 3], "ababa"),
        ({"end": "c"}, "acb", [1, 3, 2, 3, 0, 0], "a"),
        ({"unknown": "c"}, "a?b", [1, 3, 2, 0, 0, 0], "acb"),
        ({"alphabet": (" ", "a", "b", "a", " ")}, "aba", [1, 2, 1, 0, 0, 0], "aba"),
    ],
)
def test_characters_are_read_and_shown(options, text, codes, shown):
    modality = TextModality(**{**TEXT, **options})
    assert modality.encode_text(text) == codes
    assert modality.render(np.array(codes)).content == shown
    assert modality.cells(np.array(codes)) == [shown]


WORDS = ("<exc>", "<pad>", "<eos>", "bird", "red", "wing")


@pytest.mark.parametrize(
    ("text", "codes", "shown"),
    [
        ("red  wing", [4, 5, 2, 1, 1, 1], "red wing"),
        ("blue wing", [0, 5, 2, 1, 1, 1], "<exc> wing"),
        ("bird bird bird bird bird bird bird", [3, 3, 3, 3, 3, 2], "bird bird bird bird bird"),
        ("", [2, 1, 1, 1, 1, 1], ""),
    ],
)
def test_words_are_read_and_shown(text, codes, shown):
    modality = TextModality(shape=(6,), alphabet=WORDS, joiner=" ", pad="<pad>", end="<eos>", unknown="<exc>")
    assert modality.encode_text(text) == codes
    assert modality.render(np.array(codes)).content == shown


def test_what_is_not_there_is_shown_as_padding():
    modality = TextModality(**TEXT)
    assert modality.cells(np.array([-1, 1, -1, 2, -1, 0])) == ["a b"]
    assert modality.model_copy(update={"unknown": "c"}).cells(np.array([1, -1, 2, 0, 0, 0])) == ["acb"]
    repeated = TextModality(shape=(4,), alphabet=("*", "a", "*"))
    assert repeated.cells(np.array([2, 0, 1, 2])) == ["a"]


def test_every_option_is_described():
    for kind in (ImageModality, TextModality):
        assert all(field.description for field in kind.model_fields.values())
        properties = kind.model_json_schema()["properties"]
        assert {"network", "channels", "residual", "dropout"} <= set(properties)
        assert all(option["description"] for option in properties.values())


def test_what_is_said_of_all_modalities_holds_unless_one_is_named():
    declared = {name: ImageModality(shape=(3, 8, 8), network="resnet") for name in ("a", "b", "c")}
    changed = change_modalities(
        declared, {"b": {"channels": [5]}, "all": {"network": "conv", "channels": [4, 6], "weight": 2.0}}
    )
    assert list(changed) == ["a", "b", "c"]
    assert [modality.network for modality in changed.values()] == ["conv"] * 3
    assert [modality.channels for modality in changed.values()] == [(4, 6), (5,), (4, 6)]
    assert [modality.weight for modality in changed.values()] == [2.0] * 3
    with pytest.raises(MmgenError, match=r"modalities\.a\.chanels: there is no such option; .*did you mean 'channels'"):
        change_modalities(declared, {"all": {"chanels": [4]}})
