"""What single layers compute, against the formula written out; and every network for other sizes: shapes, finite
numbers, gradients.
"""

import pytest
import torch
from torch import nn
from torch.nn.functional import conv1d, conv2d, conv_transpose2d, leaky_relu, relu

from mmgen import ImageModality, TextModality
from mmgen.networks import NormalisedBlock, OneHot, ResidualBlock, SequenceTrunk
from mmgen.networks.batch_norm import BatchNorm2d

J = 5
LETTERS = tuple(" abcdefghi")
IMAGES = [
    {"network": "mlp", "hidden": (9,)},
    {"network": "conv", "channels": (4, 6, 8)},
    {"network": "conv", "channels": (4, 6), "bottleneck": True},
    {"network": "conv4", "channels": (4, 6, 6, 8)},
    {"network": "resnet", "channels": (4, 6, 8), "activated": True},
    {"network": "resnet", "channels": (4,)},
    {"network": "resnet-bn", "channels": (4, 8, 8, 12, 16), "dropout": 0.1},
    {"network": "resnet-bn", "channels": (4, 8), "dropout": 0.1},
]
TEXTS = [
    {"network": "embedding", "hidden": (9,)},
    {"network": "conv"},
    {"network": "conv", "channels": (6, 4)},
    {"network": "resnet", "channels": (4, 8, 8), "dropout": 0.1},
    {"network": "resnet", "channels": (4, 8), "dropout": 0.1},
    {"network": "sentence", "channels": (4, 6, 8), "embedding": 32},
    {"network": "sentence", "channels": (4,), "embedding": 17},
]


def describe(options):
    return "-".join(str(value) for value in options.values())


def check(modality, x):
    """Shapes, finite numbers in training and evaluation, and a gradient for every parameter."""
    torch.manual_seed(0)
    encoder, decoder, likelihood = modality.encoder(J), modality.decoder(J), modality.make_likelihood()
    modality.tie(encoder.trunk, decoder)
    mean, log_variance = encoder(x)
    assert mean.shape == log_variance.shape == (len(x), J)
    output = decoder(mean + torch.randn_like(mean))
    assert output.shape == (len(x), likelihood.outputs, *modality.shape)
    (-likelihood.log_prob(output, x).mean() + log_variance.square().mean()).backward()
    for network in (encoder, decoder):
        for name, parameter in network.named_parameters():
            assert parameter.grad is not None and parameter.grad.isfinite().all(), name
            assert parameter.grad.abs().sum() > 0, name
        network.eval()
    whole = encoder(x)[0]
    assert whole.isfinite().all()
    torch.testing.assert_close(
        encoder(x[:1])[0], whole[:1], atol=1e-4, rtol=1e-4
    )  # in evaluation rows do not know each other
    assert decoder(whole).isfinite().all()


@pytest.mark.parametrize("options", IMAGES, ids=describe)
@pytest.mark.parametrize("size", [(27, 27), (30, 32), (50, 23), (64, 64)], ids=str)
def test_images_of_any_size(size, options):
    modality = ImageModality(shape=(3, *size), likelihood={"scale_kind": "predicted"}, output="sigmoid", **options)
    check(modality, torch.rand(4, 3, *size, generator=torch.Generator().manual_seed(1)))


@pytest.mark.parametrize("length", [8, 27, 30, 32, 50])
@pytest.mark.parametrize("options", TEXTS, ids=describe)
def test_texts_of_any_length(options, length):
    modality = TextModality(shape=(length,), alphabet=LETTERS, **options)
    x = torch.randint(-1, len(LETTERS), (8, length), generator=torch.Generator().manual_seed(1))
    check(modality, x)


def test_a_residual_block_is_its_formula():
    for inputs, outputs in ((6, 6), (4, 6), (6, 4)):
        torch.manual_seed(0)
        block = ResidualBlock(inputs, outputs).double()
        x = torch.randn(2, inputs, 5, 4, dtype=torch.float64)
        first, second = (layer for layer in block.branch if isinstance(layer, nn.Conv2d))
        assert first.weight.shape == (min(inputs, outputs), inputs, 3, 3)
        inner = conv2d(leaky_relu(x, 0.2), first.weight, first.bias, padding=1)
        branch = conv2d(leaky_relu(inner, 0.2), second.weight, second.bias, padding=1)
        shortcut = x if inputs == outputs else torch.einsum("oi,nihw->nohw", block.shortcut.weight[:, :, 0, 0], x)
        torch.testing.assert_close(block(x), shortcut + 0.1 * branch)


def normalised(x, layer):
    """Batch normalisation with the statistics of this batch, in which the variance is that of the population."""
    axes = (0, *range(2, x.dim()))
    mean, variance = x.mean(axes, keepdim=True), x.var(axes, correction=0, keepdim=True)
    shape = (1, -1, *[1] * (x.dim() - 2))
    return (x - mean) / (variance + 1e-5).sqrt() * layer.weight.reshape(shape) + layer.bias.reshape(shape)


def test_a_normalised_block_is_its_formula():
    torch.manual_seed(0)
    for dims, size, transposed in ((1, (8,), False), (2, (8, 6), False), (2, (4, 3), True)):
        convolve = {(1, False): conv1d, (2, False): conv2d, (2, True): conv_transpose2d}[dims, transposed]
        block = NormalisedBlock(dims, 3, 5, (2.0, 0.3), 0.0, transposed, kernel_size=4, stride=2, padding=1).double()
        for parameter in block.parameters():
            nn.init.normal_(parameter)
        x = torch.randn(4, 3, *size, dtype=torch.float64)
        norm1, _, one, _, norm2, _, wide, _ = block.branch
        inner = relu(normalised(x, norm1))
        inner = (conv1d if dims == 1 else conv2d)(inner, one.weight, one.bias)
        branch = convolve(relu(normalised(inner, norm2)), wide.weight, wide.bias, stride=2, padding=1)
        straight, norm3 = block.shortcut
        shortcut = normalised(convolve(x, straight.weight, stride=2, padding=1), norm3)
        torch.testing.assert_close(block(x), 2.0 * shortcut + 0.3 * branch)


def test_residual_and_dropout_reach_the_blocks():
    for modality in (
        ImageModality(shape=(3, 32, 32), network="resnet-bn", channels=(4, 6, 8), residual=(1.0, 1.0), dropout=0.25),
        TextModality(
            shape=(32,), alphabet=LETTERS, network="resnet", channels=(4, 6, 8), residual=(1.0, 1.0), dropout=0.25
        ),
    ):
        for network in (modality.trunk(J), modality.decoder(J)):
            blocks = [layer for layer in network.modules() if isinstance(layer, NormalisedBlock)]
            assert len(blocks) == 2 and {block.mix for block in blocks} == {(1.0, 1.0)}
            assert {layer.p for layer in network.modules() if isinstance(layer, nn.Dropout | nn.Dropout2d)} == {0.25}


def test_a_single_value_per_channel_is_normalised_as_in_evaluation():
    norm = BatchNorm2d(3)
    x = torch.randn(8, 3, 2, 2)
    torch.testing.assert_close(norm(x), nn.BatchNorm2d(3)(x))
    before = {name: value.clone() for name, value in norm.state_dict().items()}
    alone = torch.randn(1, 3, 1, 1)
    in_training = norm(alone)
    assert all(torch.equal(value, before[name]) for name, value in norm.state_dict().items())
    torch.testing.assert_close(in_training, norm.eval()(alone))
    with pytest.raises(ValueError, match="more than 1 value"):
        nn.BatchNorm2d(3)(alone)


def test_one_hot_of_nothing_is_nothing():
    one_hot = OneHot(3)
    assert one_hot(torch.tensor([[0, 2, -1]])).tolist() == [[[1, 0, 0], [0, 0, 1], [0, 0, 0]]]
    assert one_hot.double()(torch.tensor([1])).dtype == torch.float64
    assert not one_hot.state_dict()


def test_a_symbol_that_is_not_there_is_not_seen_by_the_embedding_either():
    torch.manual_seed(0)
    trunk = SequenceTrunk(4, 3, (6,))
    codes = torch.tensor([[0, 1, -1, 2]])
    seen = trunk(codes)
    with torch.no_grad():
        trunk.embedding.weight[0] += 1
    assert not torch.equal(trunk(codes), seen)  # code 0 is there, once
    with torch.no_grad():
        trunk.embedding.weight.zero_()
    torch.testing.assert_close(trunk(codes), trunk(torch.full((1, 4), -1)))


@pytest.mark.parametrize("options", [*IMAGES[1:2], {"network": "mlp", "hidden": (9,)}], ids=describe)
def test_a_sigmoid_bounds_locations_and_leaves_scales(options):
    torch.manual_seed(0)
    z = 100 * torch.randn(50, J)
    linear = ImageModality(shape=(1, 8, 8), likelihood={"scale_kind": "predicted"}, **options)
    squashed = linear.model_copy(update={"output": "sigmoid"})
    one, two = linear.decoder(J), squashed.decoder(J)
    two.load_state_dict({name: one.state_dict()[name] for name in two.state_dict()})
    torch.testing.assert_close(two(z)[:, :1], one(z)[:, :1].sigmoid())
    assert torch.equal(two(z)[:, 1:], one(z)[:, 1:]) and one(z).abs().max() > 1
    plain = squashed.model_copy(update={"likelihood": ImageModality(shape=(1, 8, 8)).likelihood}).decoder(J)(z)
    assert plain.shape == (50, 1, 1, 8, 8) and plain.min() >= 0 and plain.max() <= 1
