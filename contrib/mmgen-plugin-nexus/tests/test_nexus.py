"""Nexus against its equation in loops, with dropped messages and missing modalities, and its two levels."""

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from mmgen.distributions import uniform_noise
from mmgen.testing import ObjectiveContract, check_absence_in_model, check_recipe, make_model, raises_sentence, toy_data
from mmgen.testing.literal import at, constant_noise, kl, log_likelihood, log_normal, unit

KINDS = ("vector", "counts", "tags")
SIZES = {"vector": 4, "counts": 2, "tags": 5}  # below three dimensions of z
WEIGHTS, GAMMAS, BETAS = (2.0, 0.5, 1.0), (0.3, 1.0, 2.0), (1.0, 0.4, 0.0)
D, BETA, TOP_BETA = 3, 0.7, 0.6
OWN = {"bottom_dim": SIZES, "message_dim": 4, "hidden": (6,), "latent_dim": D}


class TestContract(ObjectiveContract):
    component = "nexus"
    options = {**OWN, "latent_scale": "learned"}


class TestContractOfDrawnBottoms(ObjectiveContract):
    component = "nexus"
    options = {"bottom_dim": 2, "points": 4, "generation": "draw", "dropout": 1.0}


def made(missing=0.4, **options):
    data = toy_data(KINDS, missing=missing)
    changes = {name: {"weight": weight} for name, weight in zip(KINDS, WEIGHTS)}
    weights = {"latent_weight": dict(zip(KINDS, GAMMAS)), "bottom_beta": dict(zip(KINDS, BETAS)), "top_beta": TOP_BETA}
    model = make_model("nexus", data, modalities=changes, beta=BETA, **{**OWN, **weights, **options})
    return data, model.requires_grad_(False)


def numbers(network, values):
    return network(torch.tensor([values], dtype=torch.float64))[0].tolist()


def below(model, batch, b):
    """q(z_m | x_m) of what a row has."""
    have = [m for m in range(3) if batch.available[b, m]]
    encoded = {m: model.encoders[m](batch.data[KINDS[m]][b : b + 1]) for m in have}
    return {m: (mean[0].tolist(), spread[0].tolist()) for m, (mean, spread) in encoded.items()}


def above(model, places):
    """q(z | c) of the mean message."""
    sent = [numbers(model.objective.senders[m], place) for m, place in places.items()]
    mean = [sum(each) / len(sent) for each in zip(*sent)]
    moments = model.objective.top(torch.tensor([mean], dtype=torch.float64))
    return moments[0][0].tolist(), moments[1][0].tolist()


@pytest.mark.parametrize("dropout", [0.0, 0.5])
@settings(max_examples=4)
@given(start=st.integers(0, 40), epsilon=st.sampled_from([-0.8, 0.0, 0.5]), scale=st.sampled_from(["one", "learned"]))
def test_it_is_the_equation_written_literally(dropout, start, epsilon, scale):
    data, model = made(dropout=dropout, latent_scale=scale)
    scales = [1.0, 1.0, 1.0]
    if scale == "learned":
        scales = [0.5, 1.5, 2.0]
        model.objective.log_scales.copy_(torch.tensor(scales).log())
    batch = model.prepare(data.train[start : start + 4])
    torch.manual_seed(start)
    chance, size, *order = uniform_noise((5, 4), torch.zeros((), dtype=torch.float64)).tolist()
    torch.manual_seed(start)
    with constant_noise(epsilon):
        terms = model(batch)
    for b in range(4):
        q = below(model, batch, b)
        places = {m: at(each, epsilon) for m, each in q.items()}
        seen = sorted(q, key=lambda m: order[m][b])
        if len(q) > 1 and chance[b] < dropout:
            seen = seen[: 1 + math.floor(size[b] * (len(q) - 1))]
        top = above(model, {m: places[m] for m in sorted(seen)})
        z = at(top, epsilon)
        likelihood, divergence, latent = [0.0] * 3, TOP_BETA * kl(top, unit(D)), 0.0
        for m, place in places.items():
            likelihood[m] = WEIGHTS[m] * log_likelihood(model, batch, b, KINDS[m], place)
            divergence += BETAS[m] * kl(q[m], unit(len(place)))
            spread = [2 * math.log(scales[m])] * len(place)
            latent += GAMMAS[m] * log_normal(place, (numbers(model.objective.receivers[m], z), spread))
        torch.testing.assert_close(terms.log_likelihood[:, b].tolist(), likelihood)
        assert float(terms.divergence[b]) == pytest.approx(divergence, rel=1e-9)
        assert float(terms.others["latent_likelihood"][b]) == pytest.approx(latent, rel=1e-7)


def test_parts_that_are_seen_are_subsets_of_every_size():
    """Shares of sizes are uniform below all that a row has, and every modality is as likely."""
    _, model = made(dropout=1.0)
    has = torch.tensor([[1, 1, 1], [1, 0, 1], [0, 1, 0]]).bool().repeat(2000, 1)
    torch.manual_seed(0)
    seen = model.objective.seen(has)
    assert not (seen & ~has).any()
    assert torch.equal(seen[2::3], has[2::3])
    assert (seen[1::3].sum(-1) == 1).all()
    sizes = seen[::3].sum(-1)
    assert float((sizes == 1).double().mean()) == pytest.approx(0.5, abs=0.06) and not (sizes == 3).any()
    torch.testing.assert_close(
        seen[::3].double().mean(0), torch.full((3,), 0.5, dtype=torch.float64), rtol=0, atol=0.06
    )


def test_the_levels_learn_apart():
    data, model = made()
    model.requires_grad_(True)
    terms = model(data.train[:12])
    for name, parameter in model.named_parameters():
        (gradient,) = torch.autograd.grad(
            terms.others["latent_likelihood"].sum(), parameter, retain_graph=True, allow_unused=True
        )
        assert (gradient is not None and bool(gradient.any())) == name.startswith("objective."), name


def test_a_masked_row_is_a_row_of_the_model_of_what_it_has():
    data, model = made(missing=0.0, dropout=0.0, bottom_dim=4, bottom_beta=0.5, latent_weight=0.3)

    def make(kinds):
        weights = {"latent_weight": 0.3, "bottom_beta": 0.5, "top_beta": TOP_BETA, "dropout": 0.0}
        smaller = make_model("nexus", toy_data(kinds), beta=BETA, **{**OWN, "bottom_dim": 4, **weights})
        smaller.likelihood_weights = [WEIGHTS[KINDS.index(kind)] for kind in kinds]
        for m, kind in enumerate(kinds):
            for part in ("senders", "receivers"):
                theirs = getattr(model.objective, part)[KINDS.index(kind)].state_dict()
                getattr(smaller.objective, part)[m].load_state_dict(theirs)
        smaller.objective.top.load_state_dict(model.objective.top.state_dict())
        return smaller

    check_absence_in_model(model, make, data.train[:5])


def test_what_is_given_is_decoded_from_its_own_latent_and_the_rest_from_z():
    data, model = made(missing=0.0)
    batch = model.prepare(data.test[:3])
    z = torch.randn(3, D, dtype=torch.float64)
    mask = torch.tensor([[1, 0, 0], [0, 1, 0], [1, 1, 1]]).bool()
    with constant_noise(0.5):
        taken = model.decoder_input(z, "vector", batch, mask)
        free = model.decoder_input(z, "vector")
    for b in range(3):
        mean = numbers(model.objective.receivers[0], z[b].tolist())
        torch.testing.assert_close(free.values[b].tolist(), mean)
        if not mask[b, 0]:
            torch.testing.assert_close(taken.values[b].tolist(), mean)
            assert float(taken.log_ratio[b]) == 0
            continue
        q = below(model, batch, b)[0]
        place = at(q, 0.5)
        torch.testing.assert_close(taken.values[b].tolist(), place)
        ratio = log_normal(place, (mean, [0.0] * 4)) - log_normal(place, q)
        assert float(taken.log_ratio[b]) == pytest.approx(ratio, rel=1e-8)


@pytest.mark.parametrize("options", [{"points": 3}, {"bottom_dim": {"vector": 2}}, {"latent_weight": {"other": 1.0}}])
def test_options_that_do_not_fit_end_in_a_sentence(options):
    with raises_sentence("objective.(points|bottom_dim|latent_weight)"):
        make_model("nexus", toy_data(KINDS), **options)


@pytest.mark.parametrize("name", ["mfeat-desk", "mhd-paper", "polymnist-desk", "polymnist-paper"])
def test_recipes_resolve(name):
    check_recipe(f"nexus-{name}")
