"""Restricted Boltzmann machines against the enumeration of all their states, copies of units included."""

import itertools
import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from mmgen.distributions import central_noise
from mmgen.testing import check_gradients
from mmgen_plugin_dbm.rbm import RBM

COPIES = [("gaussian", 1, 1), ("gaussian", 2, 1), ("softmax", 1, 1), ("softmax", 2, 1)]
COPIES += [("binary", up, down) for up in (1, 2) for down in (1, 2)]
VISIBLE, HIDDEN, WORDS = 3, 2, 3
SEEDS = st.integers(0, 10_000)


def make(units, up, down, seed, scale=0.7):
    torch.manual_seed(seed)
    machine = RBM(VISIBLE, HIDDEN, units, up=up, down=down).double()
    with torch.no_grad():
        for parameter in machine.parameters():
            parameter.copy_(scale * torch.randn_like(parameter))
    return machine, machine.weight.tolist(), machine.visible_bias.tolist(), machine.hidden_bias.tolist()


def values(units, rows=1):
    """Rows of visible values; of a replicated softmax the counts of three words."""
    if units == "gaussian":
        return torch.randn(rows, VISIBLE, dtype=torch.float64)
    if units == "binary":
        return torch.randint(2, (rows, VISIBLE)).double()
    return torch.stack(
        [torch.bincount(torch.randint(VISIBLE, (WORDS,)), minlength=VISIBLE) for _ in range(rows)]
    ).double()


def energy(units, w, b, a, v, h):
    """The energy of one copy, as printed; ``v`` are numbers, bits, or the words of a text one after the other."""
    total = 0.0
    if units == "softmax":
        for word in v:
            total -= b[word] + sum(w[word][j] * h[j] for j in range(HIDDEN))
        return total - len(v) * sum(a[j] * h[j] for j in range(HIDDEN))
    for i in range(VISIBLE):
        total += 0.5 * (v[i] - b[i]) ** 2 if units == "gaussian" else -b[i] * v[i]
        total -= sum(v[i] * w[i][j] * h[j] for j in range(HIDDEN))
    return total - sum(a[j] * h[j] for j in range(HIDDEN))


def with_copies(units, up, down, parameters, v, h):
    """Σ over the copies of the units ``v`` (a list of ``up`` copies) and ``h`` (of ``down``); both doubled: the one
    machine with doubled parameters.
    """
    if up == down:
        return up * energy(units, *parameters, v[0], h[0])
    return sum(energy(units, *parameters, one, other) for one in v for other in h)


def hidden_states(up, down):
    """All states of all copies of the hidden units; where both sides are doubled there is one copy."""
    states = list(itertools.product((0, 1), repeat=HIDDEN))
    return [list(several) for several in itertools.product(states, repeat=down if up == 1 else 1)]


def spelled(units, v):
    """A row as numbers, or its counts as a text."""
    return (
        [word for word, count in enumerate(v.tolist()) for _ in range(int(count))] if units == "softmax" else v.tolist()
    )


@pytest.mark.parametrize(("units", "up", "down"), COPIES)
@settings(max_examples=6)
@given(seed=SEEDS)
def test_free_energy_is_the_sum_over_all_hidden_states(units, up, down, seed):
    machine, *parameters = make(units, up, down, seed)
    for v in values(units, 3):
        copies = [spelled(units, v)] * up
        total = sum(math.exp(-with_copies(units, up, down, parameters, copies, h)) for h in hidden_states(up, down))
        assert machine.free_energy(v).item() == pytest.approx(-math.log(total) / max(up, down), rel=1e-10, abs=1e-10)


@pytest.mark.parametrize(("units", "up", "down"), COPIES)
@settings(max_examples=6)
@given(seed=SEEDS)
def test_hidden_probabilities_are_those_of_the_enumeration(units, up, down, seed):
    machine, *parameters = make(units, up, down, seed)
    v = values(units)[0]
    copies = [spelled(units, v)] * up
    weights = {
        tuple(h): math.exp(-with_copies(units, up, down, parameters, copies, list(h)))
        for h in map(tuple, hidden_states(up, down))
    }
    for j in range(HIDDEN):
        expected = sum(weight for h, weight in weights.items() if h[0][j]) / sum(weights.values())
        assert machine.hidden(v)[j].item() == pytest.approx(expected, rel=1e-10)


@pytest.mark.parametrize(("up", "down"), [(1, 1), (2, 1), (1, 2), (2, 2)])
@settings(max_examples=6)
@given(seed=SEEDS)
def test_binary_visible_probabilities_are_those_of_the_enumeration(up, down, seed):
    machine, *parameters = make("binary", up, down, seed)
    h = torch.randint(2, (HIDDEN,)).double()
    copies = up if down == 1 else 1
    states = list(itertools.product(itertools.product((0, 1), repeat=VISIBLE), repeat=copies))
    weights = [math.exp(-with_copies("binary", up, down, parameters, list(v), [h.tolist()] * down)) for v in states]
    for i in range(VISIBLE):
        expected = sum(weight for v, weight in zip(states, weights) if v[0][i]) / sum(weights)
        assert machine.visible(h)[i].item() == pytest.approx(expected, rel=1e-10)


@given(seed=SEEDS)
@settings(max_examples=6)
def test_a_text_of_several_words_is_drawn_word_by_word(seed):
    machine, *parameters = make("softmax", 2, 1, seed)
    h = torch.randint(2, (HIDDEN,)).double()
    texts = list(itertools.product(range(VISIBLE), repeat=WORDS))
    weights = [math.exp(-energy("softmax", *parameters, text, h.tolist())) for text in texts]
    got = machine.visible(h, torch.tensor([float(WORDS)]))
    for word in range(VISIBLE):
        expected = sum(text.count(word) * weight for text, weight in zip(texts, weights)) / sum(weights)
        assert got[word].item() == pytest.approx(expected, rel=1e-10)
    machine.words.fill_(5.0)
    torch.testing.assert_close(machine.visible(h), got * 5 / WORDS)


@pytest.mark.parametrize("up", [1, 2])
@given(seed=SEEDS)
@settings(max_examples=6)
def test_the_mean_of_gaussian_units_is_where_the_energy_is_least(up, seed):
    machine, *parameters = make("gaussian", up, 1, seed)
    h = torch.randint(2, (HIDDEN,)).double()
    best = machine.visible(h).tolist()
    at_best = energy("gaussian", *parameters, best, h.tolist())
    for i in range(VISIBLE):
        moved = [value + (0.1 if i == k else 0.0) for k, value in enumerate(best)]
        assert energy("gaussian", *parameters, moved, h.tolist()) == pytest.approx(at_best + 0.005), (
            "a parabola of variance 1"
        )


@pytest.mark.parametrize(("units", "up", "down"), COPIES)
def test_contrastive_divergence_is_the_difference_of_correlations(units, up, down):
    machine, w, _, a = make(units, up, down, 3)
    data, model = values(units, 4), values(units, 4)
    if units == "softmax":
        model = 0.5 * (model + values(units, 4))  # expected counts
    machine.reconstruct = lambda v, steps: model
    machine.contrastive_divergence(data, 1).sum().backward()
    found = {name: [0.0] * HIDDEN if name == "a" else [0.0] * VISIBLE for name in "ab"}
    weights = [[0.0] * HIDDEN for _ in range(VISIBLE)]
    for sign, rows in (
        (1, model),
        (-1, data),
    ):  # of F(v) − F(v_k), which is minimised: ⟨v h⟩ of the model less that of the data
        for v in rows.tolist():
            words = sum(v) if units == "softmax" else 1
            for j in range(HIDDEN):
                h = 1 / (1 + math.exp(-up * (words * a[j] + sum(v[i] * w[i][j] for i in range(VISIBLE)))))
                found["a"][j] += sign * words * h
                for i in range(VISIBLE):
                    weights[i][j] += sign * v[i] * h
            for i in range(VISIBLE):
                found["b"][i] += sign * v[i]
    torch.testing.assert_close(machine.weight.grad.tolist(), weights, rtol=1e-9, atol=1e-9)
    torch.testing.assert_close(machine.hidden_bias.grad.tolist(), found["a"], rtol=1e-9, atol=1e-9)
    torch.testing.assert_close(machine.visible_bias.grad.tolist(), found["b"], rtol=1e-9, atol=1e-9)


def test_with_exact_samples_it_is_the_gradient_of_the_likelihood():
    machine, *parameters = make("binary", 1, 1, 5)
    data = values("binary")
    states = torch.tensor(list(itertools.product((0.0, 1.0), repeat=VISIBLE)), dtype=torch.float64)
    probabilities = (-machine.free_energy(states)).softmax(0).detach()
    total = sum(p * (machine.free_energy(v) - machine.free_energy(data[0])) for p, v in zip(probabilities, states))
    total.backward()

    def log_likelihood(w):
        sums = []
        for v in [data[0].tolist(), *states.tolist()]:
            hs = itertools.product((0, 1), repeat=HIDDEN)
            sums.append(sum(math.exp(-energy("binary", w, *parameters[1:], v, h)) for h in hs))
        return math.log(sums[0] / sum(sums[1:]))

    check_gradients(lambda w: log_likelihood(w.tolist()), [machine.weight], relative=1e-6, absolute=1e-8)


@pytest.mark.parametrize(("units", "up", "down"), COPIES)
@pytest.mark.parametrize("steps", [1, 3])
def test_a_chain_goes_to_hidden_units_and_back(units, up, down, steps):
    machine, w, b, a = make(units, up, down, 11, scale=2.0)
    start = values(units, 3)
    with central_noise(), torch.no_grad():
        got = machine.reconstruct(start, steps)
    for row, v in zip(got.tolist(), start.tolist()):
        words = sum(v) if units == "softmax" else 1
        for _ in range(steps):
            h = [
                float(words * a[j] + sum(v[i] * w[i][j] for i in range(VISIBLE)) > 0) for j in range(HIDDEN)
            ]  # drawn with ½
            given = [b[i] + sum(w[i][j] * h[j] for j in range(HIDDEN)) for i in range(VISIBLE)]
            if units == "binary":
                v = [1 / (1 + math.exp(-down * value)) for value in given]
            elif units == "softmax":
                v = [words * math.exp(value) / sum(map(math.exp, given)) for value in given]
            else:
                v = given
        assert row == pytest.approx(v, rel=1e-9)


def test_hidden_units_are_drawn_with_their_probabilities():
    machine, *_ = make("gaussian", 2, 1, 0)
    with torch.no_grad():
        machine.weight.copy_(torch.eye(VISIBLE, HIDDEN))  # what comes back minus b is the hidden state
        machine.visible_bias.zero_()
        v = torch.tensor([[0.3, -0.4, 0.0]], dtype=torch.float64).expand(4000, -1)
        torch.manual_seed(0)
        states = machine.reconstruct(v, 1)[:, :HIDDEN]
    assert set(states.unique().tolist()) == {0.0, 1.0}
    torch.testing.assert_close(states.mean(0), machine.hidden(v[0]).detach(), rtol=0, atol=0.04)
