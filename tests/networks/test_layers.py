"""Every network against its table: kind, channels, kernel, whether there is a bias, and what size leaves the layer.

The tables are those of the papers and their released code, written out as numbers; the networks are made on the device
"meta", without memory.
"""

import math

import pytest
import torch
from torch import nn

from mmgen import ImageModality, TextModality

J = 20
F = 128
LETTERS = tuple(map(chr, range(97, 97 + 71)))


def conv(i, o, k, out, bias=True):
    return ("conv", i, o, k if isinstance(k, tuple) else (k, k), bias, out)


def up(i, o, k, out, bias=True):
    return ("up", i, o, k if isinstance(k, tuple) else (k, k), bias, out)


def linear(i, o, bias=True):
    return ("linear", i, o, (), bias, ())


def norm(i, out):
    return ("norm", i, i, (), True, out)


def block(kind, i, o, k, before, after):
    """Norm, 1-wide convolution, norm, convolution; shortcut: convolution without bias, norm. Convolutions of texts have
    a bias.
    """
    dims = len(before)
    bias, one, wide = dims == 1, (1,) * dims, k * dims
    return [
        (kind, i, o, wide, False, after),
        norm(o, after),
        norm(i, before),
        ("conv", i, i, one, bias, before),
        norm(i, before),
        (kind, i, o, wide, bias, after),
    ]


MNIST = [linear(784, 400)], [linear(J, 400), linear(400, 784)]
POLYMNIST = (
    [conv(3, 32, 3, (14, 14)), conv(32, 64, 3, (7, 7)), conv(64, 128, 3, (4, 4)), linear(2048, J)],
    [linear(J, 2048), up(128, 64, 3, (7, 7)), up(64, 32, 3, (14, 14)), up(32, 3, 3, (28, 28))],
)
SVHN = (
    [conv(3, 32, 4, (16, 16)), conv(32, 64, 4, (8, 8)), conv(64, 64, 4, (4, 4)), conv(64, 128, 4, (1, 1))],
    [linear(J, 128), up(128, 64, 4, (4, 4)), up(64, 64, 4, (8, 8)), up(64, 32, 4, (16, 16)), up(32, 3, 4, (32, 32))],
)
TRANSLATED = (
    [
        conv(3, 64, 3, (28, 28)),
        conv(64, 64, 3, (28, 28)),
        conv(64, 64, 3, (28, 28)),
        conv(64, 128, 1, (14, 14), False),
        conv(64, 64, 3, (14, 14)),
        conv(64, 128, 3, (14, 14)),
        conv(128, 256, 1, (7, 7), False),
        conv(128, 128, 3, (7, 7)),
        conv(128, 256, 3, (7, 7)),
    ],
    [
        linear(J, 12544),
        conv(256, 128, 1, (7, 7), False),
        conv(256, 128, 3, (7, 7)),
        conv(128, 128, 3, (7, 7)),
        conv(128, 64, 1, (14, 14), False),
        conv(128, 64, 3, (14, 14)),
        conv(64, 64, 3, (14, 14)),
        conv(64, 64, 3, (28, 28)),
        conv(64, 64, 3, (28, 28)),
        conv(64, 3, 3, (28, 28)),
    ],
)
CUB_IMAGE = (
    [
        conv(3, 64, 3, (64, 64)),
        conv(64, 64, 3, (64, 64)),
        conv(64, 64, 3, (64, 64)),
        conv(64, 128, 1, (32, 32), False),
        conv(64, 64, 3, (32, 32)),
        conv(64, 128, 3, (32, 32)),
        conv(128, 256, 1, (16, 16), False),
        conv(128, 128, 3, (16, 16)),
        conv(128, 256, 3, (16, 16)),
    ],
    [
        linear(J, 65536),
        conv(256, 128, 1, (16, 16), False),
        conv(256, 128, 3, (16, 16)),
        conv(128, 128, 3, (16, 16)),
        conv(128, 64, 1, (32, 32), False),
        conv(128, 64, 3, (32, 32)),
        conv(64, 64, 3, (32, 32)),
        conv(64, 64, 3, (64, 64)),
        conv(64, 64, 3, (64, 64)),
        conv(64, 3, 3, (64, 64)),
    ],
)
CELEBA_IMAGE = (
    [
        conv(3, 128, 3, (33, 33), False),
        *block("conv", 128, 256, (4,), (33, 33), (16, 16)),
        *block("conv", 256, 384, (4,), (16, 16), (8, 8)),
        *block("conv", 384, 512, (4,), (8, 8), (4, 4)),
        *block("conv", 512, 640, (4,), (4, 4), (1, 1)),
    ],
    [
        linear(J, 640),
        *block("up", 640, 512, (4,), (1, 1), (4, 4)),
        *block("up", 512, 384, (4,), (4, 4), (8, 8)),
        *block("up", 384, 256, (4,), (8, 8), (16, 16)),
        *block("up", 256, 128, (4,), (16, 16), (32, 32)),
        up(128, 3, 3, (64, 64)),
    ],
)
CELEBA_TEXT = (
    [
        conv(71, 128, (4,), (128,)),
        *block("conv", 128, 256, (4,), (128,), (64,)),
        *block("conv", 256, 384, (4,), (64,), (32,)),
        *block("conv", 384, 512, (4,), (32,), (16,)),
        *block("conv", 512, 640, (4,), (16,), (8,)),
        *block("conv", 640, 640, (4,), (8,), (4,)),
        *block("conv", 640, 640, (4,), (4,), (1,)),
    ],
    [
        linear(J, 640),
        *block("up", 640, 640, (4,), (1,), (4,)),
        *block("up", 640, 640, (4,), (4,), (8,)),
        *block("up", 640, 512, (4,), (8,), (16,)),
        *block("up", 512, 384, (4,), (16,), (32,)),
        *block("up", 384, 256, (4,), (32,), (64,)),
        *block("up", 256, 128, (4,), (64,), (128,)),
        up(128, 71, (4,), (256,)),
    ],
)
DIGIT_WORDS = (
    [conv(71, 128, (1,), (8,)), conv(128, 128, (4,), (4,)), conv(128, 128, (4,), (1,))],
    [linear(J, 128), up(128, 128, (4,), (4,)), up(128, 128, (4,), (8,)), conv(128, 71, (1,), (8,))],
)
SENTENCE = (
    [
        ("embedding", 1590, 128, (), False, ()),
        conv(1, 32, 4, (16, 64), False),
        norm(32, (16, 64)),
        conv(32, 64, 4, (8, 32), False),
        norm(64, (8, 32)),
        conv(64, 128, 4, (4, 16), False),
        norm(128, (4, 16)),
        conv(128, 128, (1, 4), (4, 8), False),
        norm(128, (4, 8)),
        conv(128, 128, (1, 4), (4, 4), False),
        norm(128, (4, 4)),
    ],
    [
        linear(J, 2048, False),
        norm(128, (4, 4)),
        up(128, 128, (1, 4), (4, 8), False),
        norm(128, (4, 8)),
        up(128, 128, (1, 4), (4, 16), False),
        norm(128, (4, 16)),
        up(128, 64, 4, (8, 32), False),
        norm(64, (8, 32)),
        up(64, 32, 4, (16, 64), False),
        norm(32, (16, 64)),
        up(32, 1, 4, (32, 128), False),
    ],
)
CASES = {
    "mnist": (lambda: ImageModality(shape=(1, 28, 28), network="mlp", hidden=(400,), output="sigmoid"), MNIST, 400, 0),
    "polymnist": (lambda: ImageModality(shape=(3, 28, 28), network="conv", bottleneck=True), POLYMNIST, J, 0),
    "svhn": (lambda: ImageModality(shape=(3, 32, 32), network="conv4"), SVHN, 128, 0),
    "translated-polymnist": (lambda: ImageModality(shape=(3, 28, 28), network="resnet"), TRANSLATED, 12544, 0),
    "cub-image": (lambda: ImageModality(shape=(3, 64, 64), network="resnet", activated=True), CUB_IMAGE, 65536, 0),
    "celeba-image": (lambda: ImageModality(shape=(3, 64, 64), network="resnet-bn"), CELEBA_IMAGE, 640, 0),
    "digit-words": (lambda: TextModality(shape=(8,), alphabet=LETTERS, network="conv"), DIGIT_WORDS, 128, 0),
    "celeba-text": (lambda: TextModality(shape=(256,), alphabet=LETTERS, network="resnet"), CELEBA_TEXT, 640, 0),
    # Beside its layers the decoder has a bias for every word; its weight is the embedding.
    "cub-sentence": (
        lambda: TextModality(shape=(32,), alphabet=tuple(map(str, range(1590))), network="sentence"),
        SENTENCE,
        2048,
        1590,
    ),
}
KINDS = {
    nn.Conv1d: "conv",
    nn.Conv2d: "conv",
    nn.ConvTranspose1d: "up",
    nn.ConvTranspose2d: "up",
    nn.Linear: "linear",
    nn.Embedding: "embedding",
}


def observed(network, x):
    """The layers that have weights, in the order in which they are used."""
    seen = []

    def note(layer, inputs, output):
        kind = KINDS.get(type(layer), "norm")
        size = tuple(output.shape[2:]) if kind in ("conv", "up", "norm") else ()
        if kind == "norm":
            seen.append(("norm", layer.num_features, layer.num_features, (), True, size))
        elif kind == "embedding":
            seen.append((kind, layer.num_embeddings, layer.embedding_dim, (), False, ()))
        elif kind == "linear":
            seen.append((kind, layer.in_features, layer.out_features, (), layer.bias is not None, ()))
        else:
            seen.append((kind, layer.in_channels, layer.out_channels, layer.kernel_size, layer.bias is not None, size))

    for layer in network.modules():
        if isinstance(layer, (*KINDS, nn.BatchNorm1d, nn.BatchNorm2d)):
            layer.register_forward_hook(note)
    output = network(x)
    return seen, output


def count(table):
    """Parameters of a table's layers."""
    return sum(
        2 * i if kind == "norm" else i * o if kind == "embedding" else i * o * math.prod(k) + o * bias
        for kind, i, o, k, bias, _ in table
    )


@pytest.mark.parametrize("name", CASES)
def test_layers_and_parameters_are_those_of_the_table(name):
    make, (encoder_table, decoder_table), features, beside = CASES[name]
    modality = make()
    with torch.device("meta"):
        encoder, decoder = modality.encoder(J), modality.decoder(J)
        modality.tie(encoder.trunk, decoder)
        x = torch.zeros(2, *modality.shape, dtype=torch.long if isinstance(modality, TextModality) else None)
        seen, output = observed(encoder.trunk, x)
        assert seen == encoder_table
        assert output.shape == (2, features) and encoder.trunk.features == features
        seen, output = observed(decoder, torch.zeros(2, J))
    assert seen == decoder_table
    assert output.shape == (2, modality.make_likelihood().outputs, *modality.shape)
    assert sum(p.numel() for p in encoder.trunk.parameters()) == count(encoder_table)
    assert sum(p.numel() for p in decoder.parameters()) == count(decoder_table) + beside
    assert [(h.in_features, h.out_features) for h in (encoder.head.mean, encoder.head.spread)] == [(features, J)] * 2


@pytest.mark.parametrize(
    ("name", "activations", "between"),
    [
        ("mnist", {nn.ReLU: (1, 1)}, None),
        ("polymnist", {nn.ReLU: (4, 3)}, None),
        ("svhn", {nn.ReLU: (4, 4)}, None),
        ("translated-polymnist", {nn.LeakyReLU: (6, 7), nn.AvgPool2d: (2, 0), nn.Upsample: (0, 2)}, 0.2),
        ("cub-image", {nn.LeakyReLU: (7, 7), nn.AvgPool2d: (2, 0), nn.Upsample: (0, 2)}, 0.2),
        ("celeba-image", {nn.ReLU: (8, 8), nn.Dropout2d: (8, 8), nn.Dropout: (0, 0)}, None),
        ("digit-words", {nn.ReLU: (3, 2)}, None),
        ("celeba-text", {nn.ReLU: (12, 12), nn.Dropout: (12, 12), nn.Dropout2d: (0, 0)}, None),
        ("cub-sentence", {nn.ReLU: (5, 6)}, None),
    ],
)
def test_what_stands_between_the_layers(name, activations, between):
    modality = CASES[name][0]()
    with torch.device("meta"):
        networks = modality.trunk(J), modality.decoder(J)
    for kind, counts in activations.items():
        found = [[layer for layer in network.modules() if type(layer) is kind] for network in networks]
        assert tuple(map(len, found)) == counts, kind
        if kind is nn.LeakyReLU:
            assert {layer.negative_slope for layers in found for layer in layers} == {between}
        if kind in (nn.Dropout, nn.Dropout2d):
            assert {layer.p for layers in found for layer in layers} <= {0.5}
        if kind is nn.Upsample:
            assert {layer.mode for layers in found for layer in layers} == {"nearest"}
        if kind is nn.AvgPool2d:
            assert {(layer.kernel_size, layer.stride, layer.padding) for layers in found for layer in layers} == {
                (3, 2, 1)
            }


def test_strides_and_paddings():
    def geometry(network):
        layers = [
            each
            for each in network.modules()
            if isinstance(each, nn.Conv2d | nn.Conv1d | nn.ConvTranspose2d | nn.ConvTranspose1d)
        ]
        return [(set(each.stride), set(each.padding)) for each in layers if each.kernel_size[-1] > 1]

    half, whole = ({2}, {1}), ({1}, {0})
    with torch.device("meta"):
        assert geometry(CASES["polymnist"][0]().trunk(J)) == [half] * 3
        assert geometry(CASES["svhn"][0]().trunk(J)) == [
            half,
            half,
            half,
            whole,
        ]  # one position: its stride does not matter
        assert geometry(CASES["svhn"][0]().decoder(J)) == [whole, half, half, half]
        assert geometry(CASES["celeba-image"][0]().trunk(J)) == [({2}, {2}), *[half] * 6, *[whole] * 2]
        assert geometry(CASES["celeba-text"][0]().decoder(J)) == [*[whole] * 2, *[half] * 10, half]
        assert geometry(CASES["cub-sentence"][0]().trunk(J)) == [half] * 3 + [({1, 2}, {0, 1})] * 2


@pytest.mark.parametrize(
    ("network", "length", "channels", "left"),
    [
        ("conv", 4, (128, 128), 4),
        ("conv", 8, (128, 128, 128), 4),
        ("conv", 27, (128,) * 4, 6),
        ("conv", 256, (128,) * 8, 4),
        ("resnet", 4, (128, 256), 2),
        ("resnet", 8, (128, 256), 4),
        ("resnet", 27, (128, 256, 384), 6),
        ("resnet", 60, (128, 256, 384, 512), 7),
        ("resnet", 256, (128, 256, 384, 512, 640, 640, 640), 4),
    ],
)
def test_texts_of_other_lengths_have_as_many_layers_as_leave_a_few_positions(network, length, channels, left):
    own = TextModality(shape=(length,), alphabet=("a", "b"), network=network)
    given = own.model_copy(update={"channels": channels})
    with torch.device("meta"):
        x = torch.zeros(2, length, dtype=torch.long)
        layers, _ = observed(own.trunk(J), x)
        assert layers == observed(given.trunk(J), x)[0]
        assert observed(own.decoder(J), torch.zeros(2, J))[0] == observed(given.decoder(J), torch.zeros(2, J))[0]
    assert layers[-1][2:4] == (channels[-1], (left,))


def test_networks_of_other_sizes_end_in_one_pixel():
    for side in (28, 32, 64, 128):
        with torch.device("meta"):
            modality = ImageModality(shape=(3, side, side), network="resnet-bn")
            seen, _ = observed(modality.trunk(J), torch.zeros(2, 3, side, side))
            assert seen[-1][-1] == (1, 1)
            assert {layer[3] for layer in seen if layer[0] == "conv"} == {
                (3, 3),
                (1, 1),
                (4, 4),
                ({28: 1, 32: 2, 64: 4, 128: 8}[side],) * 2,
            }
            assert modality.decoder(J)(torch.zeros(2, J)).shape == (2, 1, 3, side, side)
