"""Mean-field inference against the energy of the whole machine, and the likelihood of its tags."""

import itertools
import math

import pytest
import torch

from mmgen.testing import make_model, toy_data
from mmgen_plugin_dbm.generation import ReplicatedSoftmax

KINDS = ("vector", "tags")
SIZES = {"image_hidden": (3, 2), "text_hidden": (2, 3)}


def made(seed=0, **options):
    model = make_model("dbm", toy_data(KINDS), **SIZES, **options).requires_grad_(False)
    torch.manual_seed(seed)
    for parameter in model.parameters():
        parameter.copy_(0.4 * torch.randn_like(parameter))
    model.objective.text1.words.fill_(2.5)
    return model


def energy(machines, row):
    """The energy as printed, of one row: per path (values, first layer, second layer, number of words or None), and the
    joint layer.
    """
    paths, z = row
    joint, total, first = machines[-1], 0.0, 0
    for (v, one, two, words), (lower, upper) in zip(paths, machines[0]):
        for i, value in enumerate(v):
            total += 0.5 * (value - lower["b"][i]) ** 2 if words is None else -lower["b"][i] * value
            total -= sum(value * lower["w"][i][j] * h for j, h in enumerate(one))
        for j, h in enumerate(one):
            total -= (1 if words is None else words) * lower["a"][j] * h + upper["b"][j] * h
            total -= sum(h * upper["w"][j][k] * g for k, g in enumerate(two))
        for k, g in enumerate(two):
            total -= upper["a"][k] * g + joint["b"][first + k] * g
            total -= sum(g * joint["w"][first + k][d] * q for d, q in enumerate(z))
        first += len(two)
    return total - sum(joint["a"][d] * q for d, q in enumerate(z))


def machines_of(model):
    def numbers(machine):
        return {"w": machine.weight.tolist(), "b": machine.visible_bias.tolist(), "a": machine.hidden_bias.tolist()}

    objective = model.objective
    paths = [
        [numbers(objective.image1), numbers(objective.image2)],
        [numbers(objective.text1), numbers(objective.text2)],
    ]
    return paths, numbers(objective.joint)


def gap(machines, row, units, k):
    """Energy of the row with unit ``k`` of the list ``units`` (within the row) off, less that with it on."""
    kept, sides = units[k], []
    for state in (0.0, 1.0):
        units[k] = state
        sides.append(energy(machines, row))
    units[k] = kept
    return sides[0] - sides[1]


def sigmoid(x):
    return 1 / (1 + math.exp(-x))


def row_of(z, states, words, b):
    paths = [
        [state.visible[b].tolist(), state.first[b].tolist(), state.second[b].tolist(), n]
        for state, n in zip(states, (None, words))
    ]
    return paths, z[b].tolist()


@pytest.mark.parametrize("clamp", ["input", "path"])
@pytest.mark.parametrize("given", [("vector",), ("tags",), ("vector", "tags"), ()])
def test_a_fixed_point_satisfies_the_mean_field_equations(given, clamp):
    model = made(clamp=clamp, sweeps=300)
    objective, machines = model.objective, machines_of(model)
    batch = model.prepare(toy_data(KINDS).train[:24])
    with_tags = batch.data["tags"].sum(-1) > 0
    known = objective.given(batch, model.mask(batch, given))
    z, states = objective.machine.infer(objective.values(batch), known, 300, clamp)
    assert {bool(value) for value in with_tags} == {True, False}, "the toy has rows without any tag"
    for b in range(24):
        clamped = ["vector" in given, "tags" in given and bool(with_tags[b])]
        words = float(batch.data["tags"][b].sum()) if clamped[1] else 2.5
        row = row_of(z, states, words, b)
        for d, q in enumerate(row[1]):
            assert q == pytest.approx(sigmoid(gap(machines, row, row[1], d)), abs=1e-9)
        for side, (v, one, two, _) in enumerate(row[0]):
            if clamped[side]:
                assert v == batch.data[KINDS[side]][b].tolist()
            if clamped[side] and clamp == "path":
                continue
            for layer in (one, two):
                for k, q in enumerate(layer):
                    assert q == pytest.approx(sigmoid(gap(machines, row, layer, k)), abs=1e-9)
            if not clamped[side]:
                pulls = [
                    gap(machines, row, v, i) for i in range(len(v))
                ]  # E is linear in counts, and a parabola in numbers
                total = sum(map(math.exp, pulls))
                expected = [pull + 0.5 if side == 0 else words * math.exp(pull) / total for pull in pulls]
                assert v == pytest.approx(expected, abs=1e-8)


def test_it_begins_with_doubled_passes():
    model = made(sweeps=0)
    (paths, joint), batch = machines_of(model), model.prepare(toy_data(KINDS).train[:6])
    (lower, upper), (words, above) = paths
    given = [torch.ones(6, dtype=torch.bool), torch.zeros(6, dtype=torch.bool)]
    z, states = model.objective.machine.infer(model.objective.values(batch), given, 0, "path")

    def up(machine, x):
        return [
            machine["a"][j] + sum(value * machine["w"][i][j] for i, value in enumerate(x))
            for j in range(len(machine["a"]))
        ]

    def down(machine, x, rows):
        return [machine["b"][i] + sum(machine["w"][i][j] * value for j, value in enumerate(x)) for i in rows]

    for b in range(6):
        v = batch.data["vector"][b].tolist()
        one = [sigmoid(2 * x) for x in up(lower, v)]
        two = [sigmoid(2 * x) for x in up(upper, one)]
        top = [sigmoid(x) for x in up(joint, [*two, 0.0, 0.0, 0.0])]
        assert z[b].tolist() == pytest.approx(top, rel=1e-9)
        assert states[0].second[b].tolist() == pytest.approx(two, rel=1e-9)
        second = [sigmoid(2 * x) for x in down(joint, top, (2, 3, 4))]
        first = [sigmoid(2 * x) for x in down(above, second, (0, 1))]
        scores = [math.exp(x) for x in down(words, first, (0, 1, 2))]
        assert states[1].second[b].tolist() == pytest.approx(second, rel=1e-9)
        assert states[1].first[b].tolist() == pytest.approx(first, rel=1e-9)
        assert states[1].visible[b].tolist() == pytest.approx([2.5 * score / sum(scores) for score in scores], rel=1e-9)


def test_decoding_the_joint_layer_ends_where_inference_ends():
    model = made(sweeps=300)
    batch = toy_data(KINDS).test[:8]
    prepared = model.prepare(batch)
    values, given = model.objective.values(prepared), model.objective.given(prepared, model.mask(batch, ["vector"]))
    z, states = model.objective.machine.infer(values, given, 300, "path")
    torch.testing.assert_close(model.encode(batch, ["vector"]).mean, z)
    expected = states[1].visible  # counts of 2.5 words
    torch.testing.assert_close(model.decode(z, "tags")[:, 0].exp(), expected)
    got = model.generate(batch, ["vector"], ["tags"])["tags"][0]
    torch.testing.assert_close(got, 1 - (1 - expected / 2.5) ** 2.5)


def test_subsets_are_inferred_at_once_as_one_by_one():
    model = made()
    batch = toy_data(KINDS).test[:8]
    subsets = [["vector"], ["tags"], ["vector", "tags"], []]
    masks = torch.stack([model.mask(batch, given) for given in subsets])
    together = model.posterior(batch, masks)
    assert together.mean.shape == (4, 8, 3)
    assert (together.variance == 0).all(), "a point"
    for number, mask in enumerate(masks):
        torch.testing.assert_close(together.mean[number], model.posterior(batch, mask).mean)
    assert not torch.allclose(together.mean[0], together.mean[1])
    torch.testing.assert_close(together.rsample(), together.mean)


def test_a_row_without_tags_is_a_row_that_lacks_them():
    model = made()
    batch = toy_data(KINDS).train[:24]
    rows = batch[(batch.data["tags"].sum(-1) == 0).nonzero().squeeze(1)]
    torch.testing.assert_close(model.encode(rows).mean, model.encode(rows, ["vector"]).mean)


WORDS, TAGS = 3, 4


@pytest.mark.parametrize("binary", [False, True])
def test_the_likelihood_of_a_replicated_softmax_is_that_of_its_words(binary):
    torch.manual_seed(1)
    logits = torch.randn(2, TAGS, dtype=torch.float64)
    p = logits.softmax(-1)
    likelihood = ReplicatedSoftmax((2, 2), binary)
    parameters = (math.log(WORDS) + p.log()).reshape(2, 1, 2, 2)
    found = {}
    for words in itertools.product(range(TAGS), repeat=WORDS):
        counts = tuple(words.count(tag) for tag in range(TAGS))
        chance = [math.prod(float(p[b, word]) for word in words) for b in range(2)]
        found[counts] = [one + other for one, other in zip(found.get(counts, [0.0, 0.0]), chance)]
    for counts, chance in found.items():
        x = torch.tensor(counts, dtype=torch.float64).reshape(1, 2, 2).expand(2, -1, -1)
        assert likelihood.log_prob(parameters, x).exp().tolist() == pytest.approx(chance, rel=1e-9)
    mean = likelihood.mean(parameters).flatten(1)
    for b, tag in itertools.product(range(2), range(TAGS)):
        expected = sum((counts[tag] > 0 if binary else counts[tag]) * chance[b] for counts, chance in found.items())
        assert float(mean[b, tag]) == pytest.approx(expected, rel=1e-9)
    torch.manual_seed(0)
    drawn = torch.stack([likelihood.sample(parameters) for _ in range(2000)]).flatten(2)
    torch.testing.assert_close(drawn.mean(0), mean, rtol=0, atol=0.06)
    assert (drawn.max() <= 1) if binary else bool((drawn.sum(-1) == WORDS).all())


def test_a_tag_that_is_certain_is_certain():
    likelihood = ReplicatedSoftmax((2,), binary=True)
    mean = likelihood.mean(torch.tensor([[[2.0, -300.0]]]))
    assert mean.isfinite().all()
    torch.testing.assert_close(mean, torch.tensor([[1.0, 0.0]]), rtol=0, atol=1e-6)
