"""MLD against its equation in loops: noise, loss, statistics, steps back; and its stages and posterior."""

import itertools
import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from mmgen import Trainer
from mmgen.distributions import central_noise, is_drawn, normal_noise, uniform_noise
from mmgen.testing import ObjectiveContract, check_recipe, make_model, raises_sentence, toy_data
from mmgen.testing.literal import log_likelihood
from mmgen_plugin_mld.standard import Standard

KINDS = ("vector", "counts", "tags")
SIZES = {"vector": 3, "counts": 1, "tags": 2}
WEIGHTS, D = (2.0, 0.5, 1.0), 6
SMALL = {"width": 8, "blocks": 2, "steps": 4}
OWN = {**SMALL, "sizes": SIZES, "latent_dim": D}


class TestContract(ObjectiveContract):
    component = "mld"
    options = OWN


class TestContractOfRepeatedSteps(ObjectiveContract):
    component = "mld"
    options = {**SMALL, "repeats": 3, "jump": 2, "joint": 0.0}


def made(missing=0.4, **options):
    data = toy_data(KINDS, missing=missing)
    changes = {name: {"weight": weight} for name, weight in zip(KINDS, WEIGHTS)}
    model = make_model("mld", data, modalities=changes, **{**OWN, **options}).requires_grad_(False)
    standard = model.objective.standard
    standard.mean.copy_(torch.linspace(-0.3, 0.4, D))
    standard.variance.copy_(torch.linspace(0.2, 3.0, D))
    return data, model


def latents(model, batch, b):
    """z of a row, by modality; zeros where it lacks one."""
    networks = model.objective.encoders.networks
    return {
        name: networks[m](batch.data[name][b : b + 1])[0].tolist() if batch.available[b, m] else [0.0] * SIZES[name]
        for m, name in enumerate(KINDS)
    }


def standardised(model, z):
    standard = model.objective.standard
    flat = list(itertools.chain(*z.values()))
    return [(x - m) / math.sqrt(v + 1e-8) for x, m, v in zip(flat, standard.mean.tolist(), standard.variance.tolist())]


def found(model, u, times):
    """What the network says of one row."""
    tensors = (torch.tensor([each], dtype=torch.float64) for each in (u, times))
    return model.objective.network(*tensors)[0].tolist()


def alpha_sigma(t, first=0.1, last=20.0, parts=2000):
    """Of du = −½ β u dt + √β dw: the decay of the mean, and the standard deviation, by Simpson's rule for ∫ β."""
    h = t / parts
    total = sum(
        (1 if k in (0, parts) else 4 if k % 2 else 2) * (first + k * h * (last - first)) for k in range(parts + 1)
    )
    integral = total * h / 3
    return math.exp(-0.5 * integral), math.sqrt(1 - math.exp(-integral))


OWNERS = [m for m, size in enumerate(SIZES.values()) for _ in range(size)]


@settings(max_examples=6)
@given(start=st.integers(0, 40), joint=st.sampled_from([0.0, 0.5, 1.0]), seed=st.integers(0, 1000))
def test_it_is_the_equation_written_literally(start, joint, seed):
    data, model = made(joint=joint)
    batch = model.prepare(data.train[start : start + 4])
    torch.manual_seed(seed)
    like = torch.zeros((), dtype=torch.float64)
    times, together, which = uniform_noise((3, 4), like).tolist()
    noise = normal_noise((4, D), like).tolist()
    torch.manual_seed(seed)
    terms = model(batch)
    subsets = [[m for m in range(3) if number & 1 << m] for number in range(1, 7)]
    for b in range(4):
        z = latents(model, batch, b)
        for m, name in enumerate(KINDS):
            expected = 0.0
            if batch.available[b, m]:
                expected = WEIGHTS[m] * log_likelihood(model, batch, b, name, z[name])
            assert float(terms.log_likelihood[m, b]) == pytest.approx(expected, rel=1e-9)
        assert float(terms.divergence[b]) == 0
        if not batch.available[b].all():
            assert float(terms.others["denoising"][b]) == 0
            continue
        noised = [0, 1, 2] if together[b] < joint else subsets[math.floor(which[b] * 6)]
        alpha, sigma = alpha_sigma(times[b])
        u = standardised(model, z)
        seen = [alpha * u[d] + sigma * noise[b][d] if OWNERS[d] in noised else u[d] for d in range(D)]
        said = found(model, seen, [times[b] if m in noised else 0.0 for m in range(3)])
        size = sum(SIZES[KINDS[m]] for m in noised)
        error = sum((said[d] - noise[b][d]) ** 2 for d in range(D) if OWNERS[d] in noised)
        assert float(terms.others["denoising"][b]) == pytest.approx(-error * D / size, rel=1e-7)


@settings(max_examples=6)
@given(
    subset=st.sampled_from([(), (0,), (1,), (2,), (0, 2), (1, 2), (0, 1, 2)]),
    plan=st.sampled_from([(1, 1, 10), (4, 1, 10), (4, 3, 2), (5, 2, 2)]),
    seed=st.integers(0, 1000),
)
def test_steps_back_are_those_of_the_paper_written_literally(subset, plan, seed):
    steps, repeats, jump = plan
    changed = {"jump": jump} if repeats > 1 else {}
    data, model = made(missing=0.0, steps=steps, repeats=repeats, **changed)
    batch = model.prepare(data.test[:2])
    mask = torch.tensor([m in subset for m in range(3)]).expand(2, 3)
    torch.manual_seed(seed)
    drawn = model.posterior(batch, mask).rsample((1,))[0].tolist()
    torch.manual_seed(seed)
    like = torch.zeros((), dtype=torch.float64)
    standard = model.objective.standard
    known = [standardised(model, latents(model, batch, b)) for b in range(2)]

    def held(u, b):
        return [known[b][d] if OWNERS[d] in subset else u[d] for d in range(D)]

    def noise():
        return normal_noise((1, 2, D), like)[0].tolist() if len(subset) < 3 else [[0.0] * D] * 2

    u = [held(e, b) for b, e in enumerate(noise())]

    def forward(u, low, high):
        ratio = alpha_sigma(high / steps)[0] / alpha_sigma(low / steps)[0]
        spread = math.sqrt(1 - ratio**2)
        return [held([ratio * u[b][d] + spread * each[d] for d in range(D)], b) for b, each in enumerate(noise())]

    def back(u, k):
        t, h = k / steps, 1 / steps
        beta, sigma = 0.1 + t * 19.9, alpha_sigma(t)[1]
        noises = noise() if k > 1 else [[0.0] * D] * 2
        result = []
        for b in range(2):
            said = found(model, u[b], [0.0 if m in subset else t for m in range(3)])
            drift = [-0.5 * beta * u[b][d] - beta * (-said[d] / sigma) for d in range(D)]
            moved = [u[b][d] - h * drift[d] + math.sqrt(beta * h) * noises[b][d] for d in range(D)]
            result.append(held(moved, b))
        return result

    # Times that are multiples of ``jump`` are come to ``repeats`` times from above, but from the first time.
    boundaries = sorted({steps, *range(0, steps, jump)}, reverse=True)
    for high, low in itertools.pairwise(boundaries):
        for repeat in range(1 if high == steps else repeats):
            if repeat:
                u = forward(u, low, high)
            for k in range(high, low, -1):
                u = back(u, k)
    for b in range(2):
        z = list(itertools.chain(*latents(model, batch, b).values()))
        scales = [math.sqrt(v + 1e-8) for v in standard.variance.tolist()]
        expected = [z[d] if OWNERS[d] in subset else standard.mean.tolist()[d] + scales[d] * u[b][d] for d in range(D)]
        torch.testing.assert_close(drawn[b], expected, rtol=1e-7, atol=1e-9)


def test_parts_that_are_noised_are_any_but_none_and_all():
    _, model = made(joint=0.25)
    torch.manual_seed(0)
    noised = model.objective.noised(*uniform_noise((2, 12_000), torch.zeros((), dtype=torch.float64)))
    numbers = (noised * torch.tensor([1, 2, 4])).sum(-1)
    shares = torch.bincount(numbers, minlength=8) / len(numbers)
    torch.testing.assert_close(shares, torch.tensor([0.0, *[0.125] * 6, 0.25]), rtol=0, atol=0.012)


def test_one_modality_is_noised_always():
    model = make_model("mld", toy_data(("vector",)), joint=0.0, **SMALL)
    assert model.objective.noised(*torch.rand(2, 50)).all()


@settings(max_examples=10)
@given(sizes=st.lists(st.integers(1, 5), min_size=1, max_size=4), seed=st.integers(0, 1000))
def test_statistics_of_the_first_batches_are_those_of_all_their_rows(sizes, seed):
    """Of batches of one size they are the moments of everything; what is not there has no part in them."""
    draw = torch.Generator().manual_seed(seed)
    standard = Standard(2).double()
    batches = [torch.randn(3, 2, dtype=torch.float64, generator=draw) * size + size for size in sizes]
    for batch in batches:
        there = torch.tensor([[True, True], [True, True], [True, True], [False, False]])
        standard.see(torch.cat([batch, torch.full((1, 2), 99.0)]), there)
    rows = torch.cat(batches)
    torch.testing.assert_close(standard.mean, rows.mean(0))
    torch.testing.assert_close(standard.variance, rows.var(0, correction=0))
    z = torch.randn(4, 2, dtype=torch.float64, generator=draw)
    torch.testing.assert_close(standard.inverse(standard(z)), z)


def test_statistics_follow_latents_that_move_and_wait_where_nothing_is_there():
    standard = Standard(1).double()
    there = torch.ones(50, 1, dtype=torch.bool)
    for _ in range(200):
        standard.see(torch.zeros(50, 1).double(), there)
    for _ in range(900):
        standard.see(5 + torch.linspace(-1, 1, 50)[:, None].double(), there)
    before = standard.mean.clone()
    assert float(before) == pytest.approx(5, abs=0.01)
    standard.see(torch.full((50, 1), 7.0).double(), ~there)
    assert torch.equal(standard.mean, before)


def test_rows_do_not_depend_on_each_other():
    """Given the statistics of earlier batches; the contract leaves it out where a batch stays in one piece."""
    data, model = made()
    with central_noise():
        whole, mean = model(data.train[:6]).value(1.0), model.encode(data.train[:6], ["vector"]).mean
        for row in (0, 3, 5):
            alone = data.train[row : row + 1]
            torch.testing.assert_close(model(alone).value(1.0)[0], whole[row])
            torch.testing.assert_close(model.encode(alone, ["vector"]).mean[0], mean[row])


def test_autoencoders_and_diffusion_learn_apart():
    data, model = made(missing=0.0)
    model.requires_grad_(True)
    terms = model(data.train[:12])
    for name, parameter in model.named_parameters():
        (found,) = torch.autograd.grad(terms.others["denoising"].sum(), parameter, retain_graph=True, allow_unused=True)
        assert (found is not None and bool(found.any())) == name.startswith("objective.network."), name
    for m, name in enumerate(KINDS):
        reached = torch.autograd.grad(
            terms.log_likelihood[m].sum(), list(model.parameters()), retain_graph=True, allow_unused=True
        )
        for (called, _), gradient in zip(model.named_parameters(), reached):
            own = (f"objective.encoders.networks.{m}.", f"decoders.{m}.", f"likelihoods.{m}.")
            assert gradient is None or not gradient.any() or called.startswith(own), (name, called)


def test_two_stages():
    """The first moves everything but the diffusion, the second that alone, and does not decode."""
    data = toy_data(KINDS, missing=0.2)
    model = make_model("mld", data, **OWN).float()
    before = {name: value.clone() for name, value in model.named_parameters()}
    stages = [
        {"epochs": 1, "objective": {"learns": "autoencoders"}},
        {"train": ["objective.network"], "objective": {"learns": "diffusion"}},
    ]
    run = Trainer(epochs=2, batch_size=16, select="last", stages=stages).fit(model, data)
    first, second = (record["train"] for record in run.history)
    likelihoods = [[value for name, value in each.items() if name.startswith("log_lik")] for each in (first, second)]
    assert first["denoising"] == 0 and len(likelihoods[0]) == 3 and all(likelihoods[0])
    assert second["denoising"] < 0 and not any(likelihoods[1])
    assert all(not torch.equal(value, before[name]) for name, value in model.named_parameters())
    assert (model.objective.standard.seen > 0).all() and model.objective.config.learns == "all"


def test_what_is_given_is_held_and_decoded_from_its_own_latent():
    data, model = made(missing=0.0)
    batch = model.prepare(data.test[:4])
    posterior = model.posterior(batch, ["counts", "tags"])
    assert is_drawn(posterior)
    own = [list(itertools.chain(*latents(model, batch, b).values())) for b in range(4)]
    for z in (posterior.mean, posterior.rsample((2,))[1]):
        torch.testing.assert_close(z[:, 3:].tolist(), [row[3:] for row in own])
    assert (posterior.variance[:, :3] > 0).all() and not posterior.variance[:, 3:].any()
    everything = model.posterior(batch)
    torch.testing.assert_close(everything.mean.tolist(), own)
    assert not everything.variance.any()
    z = torch.arange(12.0).reshape(2, 6)
    places = [model.decoder_input(z, name).values.tolist() for name in KINDS]
    assert places == [[[0, 1, 2], [6, 7, 8]], [[3], [9]], [[4, 5], [10, 11]]]


def test_many_subsets_are_drawn_at_once():
    data, model = made()
    batch = model.prepare(data.test[:3])
    masks = model.subset_masks([[], ["vector"], ["counts", "tags"], list(KINDS)])
    posterior = model.posterior(batch, masks)
    assert posterior.mean.shape == (4, 3, D) and posterior.rsample((2,)).shape == (2, 4, 3, D)
    torch.testing.assert_close(
        posterior.mean[3][batch.available.all(-1)], model.encode(batch).mean[batch.available.all(-1)]
    )


def test_all_is_generated_from_nothing():
    _, model = made()
    values = model.generate(samples=5)
    assert {name: tuple(each.shape) for name, each in values.items()} == {
        name: (5, *modality.shape) for name, modality in model.modalities.items()
    }


@pytest.mark.parametrize(
    ("options", "what"),
    [
        ({"sizes": {"vector": 2, "counts": 2, "tags": 3}}, "objective.sizes sum to 7"),
        ({"sizes": {"vector": 6}}, "objective.sizes has dimensions of vector"),
        ({"sizes": {}, "latent_dim": 2}, "model.latent_dim is 2"),
        ({"jump": 5}, "jump does nothing with repeats=1"),
    ],
)
def test_options_that_do_not_fit_end_in_a_sentence(options, what):
    with raises_sentence(what):
        make_model("mld", toy_data(KINDS), **{**OWN, **options})


def test_equal_shares():
    model = make_model("mld", toy_data(KINDS), latent_dim=8, **SMALL)
    assert model.decoder_sizes == {"vector": 3, "counts": 3, "tags": 2}


@pytest.mark.parametrize("name", ["mfeat-desk", "mfeat-paper", "polymnist-desk", "polymnist-paper"])
def test_recipes_resolve(name):
    check_recipe(f"mld-{name}")
