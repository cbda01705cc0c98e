"""mAAE, mWAE and mWAE with a kernel against their equations in loops, with missing modalities."""

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from mmgen.distributions import normal_noise, uniform_noise
from mmgen.testing import ObjectiveContract, check_absence_in_model, check_recipe, make_model, toy_data
from mmgen.testing.literal import log_likelihood

KINDS = ("vector", "counts", "tags")
WEIGHTS = (2.0, 0.5, 1.0)
D, BETA = 3, 0.7
SMALL = {"adversary_hidden": (6,)}
POINTS = {"test_noise_is_seeded": "encoders give points, and terms of the adversary alone draw from the prior"}


class TestMAAEContract(ObjectiveContract):
    component = "maae"
    options = SMALL
    skip = POINTS


class TestMWAEContract(ObjectiveContract):
    component = "mwae"
    options = SMALL
    skip = POINTS


class TestMWAEMMDContract(ObjectiveContract):
    component = "mwae-mmd"


def made(objective, missing=0.4, **options):
    data = toy_data(KINDS, missing=missing)
    changes = {name: {"weight": weight} for name, weight in zip(KINDS, WEIGHTS)}
    return data, make_model(objective, data, modalities=changes, beta=BETA, latent_dim=D, **options).requires_grad_(
        False
    )


def points(model, batch):
    """z_m of every row that has x_m."""
    networks, rows = model.objective.points.networks, range(len(batch))
    return [
        {m: networks[m](batch.data[KINDS[m]][b : b + 1])[0].tolist() for m in range(3) if batch.available[b, m]}
        for b in rows
    ]


def judged(model, z):
    return float(model.objective.adversary(torch.tensor([z], dtype=torch.float64)))


def sigmoid(logit):
    return 1 / (1 + math.exp(-logit))


def check_likelihood(model, batch, terms, z):
    for b, own in enumerate(z):
        for i in range(3):
            expected = 0.0
            if i in own:
                each = [WEIGHTS[i] * log_likelihood(model, batch, b, KINDS[i], place) for place in own.values()]
                expected = sum(each) / len(own)
            assert float(terms.log_likelihood[i, b]) == pytest.approx(expected, rel=1e-9)


@settings(max_examples=4)
@given(seed=st.integers(0, 1000))
def test_maae_is_the_equation_written_literally(seed):
    data, model = made("maae", **SMALL)
    batch = model.prepare(data.train[seed % 40 : seed % 40 + 4])
    terms, z = model(batch), points(model, batch)
    check_likelihood(model, batch, terms, z)
    torch.manual_seed(seed)
    against = model.adversary_terms(batch)
    torch.manual_seed(seed)
    prior = normal_noise((4, D), torch.zeros((), dtype=torch.float64)).tolist()
    for b, own in enumerate(z):
        found = [sigmoid(judged(model, place)) for place in own.values()]
        assert float(terms.divergence[b]) == pytest.approx(-sum(math.log(d) for d in found) / len(own), rel=1e-9)
        told = sum(math.log(1 - d) for d in found) / len(own)
        expected = math.log(sigmoid(judged(model, prior[b]))) + told
        assert float(against[b]) == pytest.approx(expected, rel=1e-9)


@settings(max_examples=4)
@given(seed=st.integers(0, 1000), penalty=st.sampled_from([0.0, 3.0]))
def test_mwae_is_the_equation_written_literally(seed, penalty):
    """Slopes by differences of the critic."""
    data, model = made("mwae", penalty=penalty, **SMALL)
    batch = model.prepare(data.train[seed % 40 : seed % 40 + 4])
    terms, z = model(batch), points(model, batch)
    check_likelihood(model, batch, terms, z)
    torch.manual_seed(seed)
    against = model.adversary_terms(batch).detach()
    torch.manual_seed(seed)
    like = torch.zeros((), dtype=torch.float64)
    prior, u = normal_noise((4, D), like).tolist(), uniform_noise((3, 4), like).tolist()

    def slope(place):
        step, squares = 1e-6, 0.0
        for d in range(D):
            up, down = ([v + sign * step * (k == d) for k, v in enumerate(place)] for sign in (1, -1))
            squares += ((judged(model, up) - judged(model, down)) / (2 * step)) ** 2
        return math.sqrt(squares)

    for b, own in enumerate(z):
        values = {m: judged(model, place) for m, place in own.items()}
        assert float(terms.divergence[b]) == pytest.approx(-sum(values.values()) / len(own), rel=1e-9)
        expected = judged(model, prior[b])
        for m, place in own.items():
            between = [u[m][b] * v + (1 - u[m][b]) * w for v, w in zip(place, prior[b])]
            expected -= (values[m] + penalty * (slope(between) - 1) ** 2) / len(own)
        assert float(against[b]) == pytest.approx(expected, rel=1e-6)


@settings(max_examples=4)
@given(seed=st.integers(0, 1000))
def test_the_discrepancy_is_the_equation_written_literally(seed):
    data, model = made("mwae-mmd")
    batch = model.prepare(data.train[seed % 40 : seed % 40 + 5])
    torch.manual_seed(seed)
    terms, z = model(batch), points(model, batch)
    check_likelihood(model, batch, terms, z)
    torch.manual_seed(seed)
    prior = normal_noise((5, D), torch.zeros((), dtype=torch.float64)).tolist()

    def k(one, other):
        distance = sum((v - w) ** 2 for v, w in zip(one, other))
        return sum(2 * D * s / (2 * D * s + distance) for s in (0.1, 0.2, 0.5, 1, 2, 5, 10))

    total = 0.0
    for m in range(3):
        have = [b for b in range(5) if m in z[b]]
        pairs = [(b, c) for b in have for c in have if b != c]
        for b, c in pairs:
            both = k(z[b][m], z[c][m]) + k(prior[b], prior[c]) - 2 * k(z[b][m], prior[c])
            total += both / len(pairs) / 3
    torch.testing.assert_close(terms.divergence.tolist(), [total] * 5)


@pytest.mark.parametrize("objective", ["maae", "mwae"])
def test_a_masked_row_is_a_row_of_the_model_of_what_it_has(objective):
    data, model = made(objective, missing=0.0, **SMALL)

    def make(kinds):
        smaller = make_model(objective, toy_data(kinds), beta=BETA, latent_dim=D, **SMALL)
        smaller.likelihood_weights = [WEIGHTS[KINDS.index(kind)] for kind in kinds]
        for m, kind in enumerate(kinds):
            theirs = model.objective.points.networks[KINDS.index(kind)].state_dict()
            smaller.objective.points.networks[m].load_state_dict(theirs)
        smaller.objective.adversary.load_state_dict(model.objective.adversary.state_dict())
        return smaller

    check_absence_in_model(model, make, data.train[:5])


def test_points_that_are_told_apart_move_to_the_prior():
    """Points far off and an adversary that knows: a step along the gradient of the terms brings them nearer."""
    data, model = made("maae", missing=0.0)
    model.objective.adversary = torch.nn.Linear(D, 1).double()
    with torch.no_grad():
        model.objective.adversary.weight.fill_(-1.0)
        model.objective.adversary.bias.fill_(5.0)
    z = torch.full((3, 4, D), 4.0, dtype=torch.float64, requires_grad=True)
    batch = model.prepare(data.train[:4])
    (gradient,) = torch.autograd.grad(-model.objective.distance(model, batch, z).sum(), z)
    assert (gradient < 0).all()


@pytest.mark.parametrize("name", ["maae-mfeat-desk", "mwae-mfeat-desk", "mwae-mmd-mfeat-desk", "maae-mfeat-paper"])
def test_recipes_resolve(name):
    check_recipe(name)
