"""Linear paths beside multilayer perceptrons, written out."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from mmgen import CountsModality, MixedModality, TagsModality, VectorModality
from mmgen.networks import Encoder, MLPDecoder, MLPTrunk


def test_they_are_a_linear_map_beside_the_layers() -> None:
    decoder, trunk = MLPDecoder(3, (1, 4), (5,), linear_path=True), MLPTrunk((2, 3), (5,), linear_path=True)
    z, x = torch.randn(6, 3), torch.randn(6, 2, 3)
    assert decoder.straight is not None and trunk.features == 5 + 6
    expected = decoder.layers(z) + z @ decoder.straight.weight.T
    torch.testing.assert_close(decoder(z), expected.reshape(6, 1, 4))
    torch.testing.assert_close(trunk(x), torch.cat([trunk.layers(x.flatten(1)), x.flatten(1)], 1))
    beside = torch.randn(6, 5)
    torch.testing.assert_close(trunk(x, beside)[:, 5:], x.flatten(1))
    torch.testing.assert_close(trunk(x, beside)[:, :5], (trunk.layers[0](x.flatten(1)) + beside).relu())


def test_dropout_does_not_touch_them() -> None:
    decoder, trunk = MLPDecoder(3, (1, 4), (50,), "relu", 0.5, True), MLPTrunk((6,), (50,), "relu", 0.5, True)
    x, z = torch.randn(4, 6), torch.randn(4, 3)
    assert torch.equal(trunk(x)[:, 50:], x)
    decoder.become_linear(torch.randn(4, 3), torch.randn(4))
    assert torch.equal(decoder(z), decoder(z)), "the layers, from which units are dropped, add 0"


def test_without_they_are_what_they_were() -> None:
    """The same parameters, in the same order of draws."""
    torch.manual_seed(0)
    plain = MLPDecoder(3, (4,), (5,))
    torch.manual_seed(0)
    linear = MLPDecoder(3, (4,), (5,), linear_path=True)
    assert list(plain.state_dict()) == ["layers.0.weight", "layers.0.bias", "layers.2.weight", "layers.2.bias"]
    assert all(torch.equal(value, linear.state_dict()[name]) for name, value in plain.state_dict().items())


def test_what_is_told_has_a_linear_path_beside_that_of_the_data() -> None:
    encoder = Encoder(MLPTrunk((2, 3), (5,), linear_path=True), 2, told=4).double()
    x, told = torch.randn(7, 2, 3, dtype=torch.float64), torch.randn(7, 4, dtype=torch.float64)
    hidden = (encoder.trunk.layers[0](x.flatten(1)) + encoder.mixing(told)).relu()  # type: ignore[union-attr, index, operator, misc]
    expected = encoder.head.mean(torch.cat([hidden, x.flatten(1), told], 1))
    torch.testing.assert_close(encoder(x, told)[0], expected)
    weight, of_told, bias = (torch.randn(*s, dtype=torch.float64) for s in ((2, 6), (2, 4), (2,)))
    encoder.become_linear(weight, bias, bias, of_told)
    torch.testing.assert_close(encoder(x, told)[0], x.flatten(1) @ weight.T + told @ of_told.T + bias)
    torch.testing.assert_close(encoder(x, told)[1], bias.expand(7, 2))
    plain = Encoder(MLPTrunk((2, 3), (5,)), 2, told=4)
    assert plain.head.mean.in_features == 5, "without a linear path, nothing is beside the hidden layers"


@pytest.mark.parametrize("hidden", [(), (5,)])
@pytest.mark.parametrize("spread", ["log-variance", "log-scale"])
def test_networks_become_linear_maps(hidden: tuple[int, ...], spread: str) -> None:
    encoder = Encoder(MLPTrunk((2, 3), hidden, linear_path=True), 2, spread).double()  # type: ignore[arg-type]
    weight, bias, log_variance = (torch.randn(*s, dtype=torch.float64) for s in ((2, 3), (2,), (2,)))
    assert encoder.is_linear
    encoder.become_linear(weight, bias, log_variance)
    x = torch.randn(7, 2, 3, dtype=torch.float64)
    mean, found = encoder(x)
    torch.testing.assert_close(mean, x[:, 0] @ weight.T + bias)
    torch.testing.assert_close(found, log_variance.expand(7, 2), atol=1e-5, rtol=0)
    decoder = MLPDecoder(3, (4,), hidden, linear_path=True).double()
    weight, bias, z = (torch.randn(*s, dtype=torch.float64) for s in ((4, 3), (4,), (7, 3)))
    decoder.become_linear(weight, bias)
    torch.testing.assert_close(decoder(z), z @ weight.T + bias)
    outputs = decoder(z).square().sum()
    (gradient,) = torch.autograd.grad(outputs, decoder.layers[-1].weight)
    assert gradient.abs().max() > 0, "what adds 0 learns"


@pytest.mark.parametrize(
    "modality",
    [
        VectorModality(shape=(3,), hidden=(5,), linear_path=True),
        VectorModality(shape=(3,), hidden=(5,), likelihood="log-normal", linear_path=True),
        VectorModality(shape=(3,), hidden=(5,), missing="cell", mask_input=True, linear_path=True),
        CountsModality(shape=(3,), hidden=(5,), linear_path=True),
        TagsModality(shape=(3,), hidden=(5,), linear_path=True),
        MixedModality(
            shape=(2,),
            columns=("age", "ward"),
            likelihoods={"age": "normal", "ward": "categorical"},
            categories={"ward": ("a", "b")},
            hidden=(5,),
            linear_path=True,
        ),
    ],
)
@pytest.mark.parametrize("told", [0, 4])
def test_every_kind_has_them(modality: VectorModality, told: int) -> None:
    encoder, decoder = modality.encoder(2, told), modality.decoder(2 + told)
    inner = decoder[0] if isinstance(decoder, nn.Sequential) else decoder
    assert inner.straight is not None and encoder.trunk.linear_path
    values = torch.ones(4, *encoder_shape(modality))
    mean, _ = encoder(values, torch.randn(4, told)) if told else encoder(values)
    assert mean.shape == (4, 2) and decoder(torch.randn(4, 2 + told)).shape[0] == 4
    plain = modality.model_copy(update={"linear_path": False})
    assert plain.encoder(2, told).head.mean.in_features == 5


def encoder_shape(modality: VectorModality) -> tuple[int, ...]:
    """What an encoder sees of one value."""
    return (2, *modality.shape) if modality.mask_input else modality.shape
