"""Networks that run in one pass give what they give one after the other."""

from __future__ import annotations

import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor, nn

from mmgen.networks import Encoder, MLPDecoder, MLPTrunk, each
from mmgen.networks.grouped import LARGEST


def encoders(
    count: int, shape: tuple[int, ...], hidden: tuple[int, ...], activation: str = "relu", spread: str = "log-variance"
) -> list[Encoder]:
    return [Encoder(MLPTrunk(shape, hidden, activation), 3, spread).double() for _ in range(count)]  # type: ignore[arg-type]


def alone(networks: list[nn.Module], inputs: list[Tensor]) -> list[Tensor]:
    """Every output, one network after the other."""
    outputs = [network(x) for network, x in zip(networks, inputs, strict=True)]
    return [torch.stack(output) if isinstance(output, tuple) else output for output in outputs]


def together(networks: list[nn.Module], inputs: list[Tensor]) -> list[Tensor]:
    found = dict(each(networks, inputs))
    assert sorted(found) == list(range(len(networks)))
    return [torch.stack(found[k]) if isinstance(found[k], tuple) else found[k] for k in range(len(networks))]


def gradients(networks: list[nn.Module], outputs: list[Tensor]) -> list[Tensor]:
    parameters = [p for network in networks for p in network.parameters()]
    loss = sum((output**2).sum() * (k + 1) for k, output in enumerate(outputs))
    return list(torch.autograd.grad(loss, parameters))  # type: ignore[arg-type]


def calls(kind: str, networks: list[nn.Module], inputs: list[Tensor]) -> int:
    """How many operators of a kind a pass calls."""
    with torch.profiler.profile(activities=[torch.profiler.ProfilerActivity.CPU]) as profile:
        list(each(networks, inputs))
    return sum(event.count for event in profile.key_averages() if event.key == kind)


@settings(deadline=None, max_examples=30)
@given(
    count=st.integers(1, 6),
    rows=st.integers(0, 4),
    hidden=st.lists(st.integers(1, 5), max_size=2),
    activation=st.sampled_from(["relu", "gelu", "tanh", "leaky-relu"]),
    spread=st.sampled_from(["log-variance", "log-scale"]),
)
def test_encoders(count: int, rows: int, hidden: list[int], activation: str, spread: str) -> None:
    networks: list[nn.Module] = list(encoders(count, (2, 3), tuple(hidden), activation, spread))
    inputs = [torch.randn(rows, 2, 3, dtype=torch.float64) for _ in range(count)]
    expected, found = alone(networks, inputs), together(networks, inputs)
    for a, b in zip(expected, found, strict=True):
        torch.testing.assert_close(a, b)
    for a, b in zip(gradients(networks, expected), gradients(networks, found), strict=True):
        torch.testing.assert_close(a, b)


def test_decoders_of_the_same_latents_and_of_their_own() -> None:
    networks: list[nn.Module] = [MLPDecoder(3, (1, 2, 2), (5,)).double() for _ in range(4)]
    shared = torch.randn(7, 3, dtype=torch.float64, requires_grad=True)
    for inputs in ([shared] * 4, [torch.randn(7, 3, dtype=torch.float64) for _ in range(4)]):
        assert calls("aten::addmm", networks, inputs) == 0
        expected, found = alone(networks, inputs), together(networks, inputs)
        for a, b in zip(expected, found, strict=True):
            assert b.shape == (7, 1, 2, 2)
            torch.testing.assert_close(a, b)
    before, after = (
        torch.autograd.grad(sum(x.square().sum() for x in run(networks, [shared] * 4)), shared)[0]
        for run in (alone, together)
    )  # type: ignore[arg-type]
    torch.testing.assert_close(before, after)


def test_derivatives_of_derivatives() -> None:
    networks: list[nn.Module] = [MLPDecoder(2, (3,), (4,), "tanh").double() for _ in range(3)]
    z = torch.randn(2, 2, dtype=torch.float64, requires_grad=True)

    def total(z: Tensor) -> Tensor:
        return torch.stack([x for _, x in each(networks, [z] * 3)]).square().sum()

    assert torch.autograd.gradgradcheck(total, (z,))


def test_only_what_is_built_alike_runs_together() -> None:
    three: list[nn.Module] = list(encoders(3, (4,), (5,)))
    others: list[nn.Module] = [
        *encoders(1, (6,), (5,)),
        *encoders(1, (4,), (5,), "tanh"),
        *encoders(1, (4,), (5,), spread="log-scale"),
    ]
    networks = [others[0], three[0], others[1], three[1], others[2], three[2]]
    inputs = [torch.randn(2, 6 if k == 0 else 4, dtype=torch.float64) for k in range(6)]
    assert calls("aten::addmm", networks, inputs) == 3 * 3
    for a, b in zip(alone(networks, inputs), together(networks, inputs), strict=True):
        torch.testing.assert_close(a, b)


def test_two_and_large_ones_run_alone() -> None:
    inputs = [torch.randn(2, 4, dtype=torch.float64)] * 3
    assert calls("aten::addmm", list(encoders(2, (4,), (5,))), inputs[:2]) == 6
    large: list[nn.Module] = [nn.Linear(4, LARGEST // 4 + 1).double() for _ in range(3)]
    assert calls("aten::addmm", large, inputs) == 3


def test_watched_compiled_and_replaced_networks_run_alone() -> None:
    networks: list[nn.Module] = list(encoders(3, (4,), (5,)))
    inputs = [torch.randn(2, 4, dtype=torch.float64) for _ in range(3)]
    seen: list[int] = []
    handle = networks[0].get_submodule("trunk.layers.0").register_forward_hook(lambda *_: seen.append(1))
    list(each(networks, inputs))
    assert seen == [1]
    handle.remove()
    networks[1].compile(backend="eager")
    assert calls("aten::addmm", networks[:1] + networks[2:] + networks[:1], inputs) == 0
    networks[2].forward = lambda x: "replaced"  # type: ignore[assignment, method-assign]
    assert dict(each(networks, inputs))[2] == "replaced"


def test_values_with_positions_are_not_flattened() -> None:
    """A plain linear map works on the last dimension."""
    networks: list[nn.Module] = [nn.Linear(4, 2).double() for _ in range(3)]
    inputs = [torch.randn(2, 5, 4, dtype=torch.float64) for _ in range(3)]
    for a, b in zip(alone(networks, inputs), together(networks, inputs), strict=True):
        torch.testing.assert_close(a, b)


def test_dropout_is_each_networks_own() -> None:
    networks: list[nn.Module] = [MLPDecoder(3, (400,), (500,), dropout=0.5).double() for _ in range(3)]
    for network in networks[1:]:
        network.load_state_dict(networks[0].state_dict())
    z = [torch.randn(2, 3, dtype=torch.float64)] * 3
    first, second, third = together(networks, z)
    assert not torch.equal(first, second) and not torch.equal(second, third)
    for network in networks:
        network.eval()
    for a, b in zip(alone(networks, z), together(networks, z), strict=True):
        torch.testing.assert_close(a, b)


@settings(deadline=None, max_examples=20)
@given(
    count=st.integers(3, 5),
    rows=st.integers(0, 4),
    hidden=st.lists(st.integers(1, 5), max_size=2),
    mixed=st.booleans(),
)
def test_linear_paths(count: int, rows: int, hidden: list[int], mixed: bool) -> None:
    """Also where some have one and others not, and with dropout, which does not reach it."""
    path = [not mixed or k % 2 == 0 for k in range(count)]
    coders: list[nn.Module] = [Encoder(MLPTrunk((2, 3), hidden, "relu", 0.5, linear), 3).double() for linear in path]
    decoders: list[nn.Module] = [MLPDecoder(3, (1, 4), hidden, "relu", 0.5, linear).double() for linear in path]
    for networks, shape in ((coders, (2, 3)), (decoders, (3,))):
        for network in networks:
            network.eval()
        inputs = [torch.randn(rows, *shape, dtype=torch.float64) for _ in range(count)]
        expected, found = alone(networks, inputs), together(networks, inputs)
        for a, b in zip(expected, found, strict=True):
            torch.testing.assert_close(a, b)
        for a, b in zip(gradients(networks, expected), gradients(networks, found), strict=True):
            torch.testing.assert_close(a, b)
