"""CMMD against its equation in loops, its identities, what it infers, generates and answers, and its options."""

import math
from contextlib import contextmanager

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from mmgen import Batch
from mmgen.distributions import Gaussian, kl_gaussians
from mmgen.testing import (
    central_noise,
    check_gradients,
    check_objective,
    experts,
    make_model,
    substitute,
    toy_data,
    toy_model,
)
from mmgen_plugin_cmmd import cmmd
from mmgen_plugin_cmmd.divergences import kl_of_released_code, maximum_mean_discrepancy

WEIGHTS = {"vector": 2.5, "counts": 1.0, "tags": 0.5}
KINDS = tuple(WEIGHTS)
D = 3
CASES = experts(modalities=(2, 2), rows=(1, 4), latent_dim=(D, D), mean=2.0, log_variance=(-2.0, 2.0))  # p and q
CHOICES = [(("vector",), ("counts", "tags")), (("counts",), ("vector", "tags")), (("tags", "vector"), ("counts",))]


def model_of(**options):
    return toy_model("cmmd", WEIGHTS, **options)


def with_labels(batch, codes):
    return Batch(batch.data, batch.available, {"class": codes}, batch.rows, prepared=batch.prepared)


@contextmanager
def known(model, p, q, noise):
    """The conditional prior, the encoder's posterior and ε as given."""
    distributions = {"latent": lambda context: p, "encoded": lambda batch, context, codes: q}
    with substitute(model.objective, **distributions), substitute(cmmd, normal_noise=lambda shape, like: noise):
        yield


def kl(q, p, of_variances=0.5):
    """Of one row as lists of means and log-variances; shares no code with the implementation."""
    total = 0.0
    for (m, v), (n, w) in zip(zip(*q), zip(*p)):
        total += 0.5 * w - 0.5 - 0.5 * v + of_variances * math.exp(v) / math.exp(w) + 0.5 * (m - n) ** 2 / math.exp(w)
    return total


def kernel(a, b):
    return math.exp(-sum((x - y) ** 2 for x, y in zip(a, b)) / len(a) ** 2)


def mmd(first, second):
    """The mean over all pairs, those of a row with itself among them."""
    count, total = len(first), 0.0
    for i in range(count):
        for j in range(count):
            total += kernel(first[i], first[j]) + kernel(second[i], second[j]) - 2 * kernel(first[i], second[j])
    return total / count**2


def rows_of(gaussian):
    return list(zip(gaussian.mean.tolist(), gaussian.log_variance.tolist()))


def drawn(gaussian, noise):
    return [
        [m + e * math.exp(v / 2) for m, v, e in zip(*row, eps)] for row, eps in zip(rows_of(gaussian), noise.tolist())
    ]


def seen_by_networks(batch, b, kinds):
    """The values of a row in the order of the data, counts as log(1 + x)."""
    found = []
    for kind in KINDS:
        if kind in kinds:
            found += [math.log1p(x) if kind == "counts" else x for x in batch.data[kind][b].tolist()]
    return found


def log_likelihood(model, batch, b, kind, z, observed):
    """w_m log p(x_m | z, x_O) with the densities written out; only the decoder network is the model's."""
    taken = torch.tensor([z + seen_by_networks(batch, b, observed)], dtype=torch.float64)
    output = model.decode(taken, kind)[0, 0].tolist()
    total = 0.0
    for i, (o, value) in enumerate(zip(output, batch.data[kind][b].tolist())):
        if kind == "vector":
            total += -0.5 * math.log(2 * math.pi) - 0.5 * (value - o) ** 2
        elif kind == "tags":
            total += value * o - math.log1p(math.exp(o))
        else:
            mu, r = math.exp(o), math.exp(float(model.likelihoods[KINDS.index("counts")].log_dispersion[i]))
            total += math.lgamma(value + r) - math.lgamma(r) - math.lgamma(value + 1)
            total += r * math.log(r / (r + mu)) + value * math.log(mu / (r + mu))
    return WEIGHTS[kind] * total


def log_softmax(logits, code):
    return logits[code] - math.log(sum(math.exp(x) for x in logits))


def answer(model, z):
    return model.objective.classifier(torch.tensor([z], dtype=torch.float64))[0].tolist()


OPTIONS = [
    {},
    {"omega": 1.0, "alpha": 1.0},
    {"omega": 0.0, "mmd_weight": 7.0},
    {"omega": 0.3, "alpha": 10.0, "kl": "cmmd_code", "classifier_input": "sample"},
    {"supervision": "required"},
    {"supervision": "none"},
]


@pytest.mark.parametrize("options", OPTIONS, ids=str)
@pytest.mark.parametrize(("observed", "missing"), CHOICES, ids=str)
@settings(max_examples=6)
@given(case=CASES, seed=st.integers(0, 99), data=st.data())
def test_is_the_equation_written_literally(observed, missing, options, case, seed, data):
    model, (p, q) = model_of(observed=observed, **options), (case[0], case[1])
    chosen = {
        "omega": 0.5,
        "alpha": 1000.0,
        "mmd_weight": 1000.0,
        "kl": "correct",
        "supervision": "available",
        **options,
    }
    count = case.mean.shape[1]
    codes = data.draw(st.lists(st.integers(-1, 2), min_size=count, max_size=count))
    noise = torch.randn(count, D, dtype=torch.float64, generator=torch.Generator().manual_seed(seed))
    batch = with_labels(model.prepare(toy_data(KINDS).train[:count]), torch.tensor(codes))
    with known(model, p, q, noise):
        terms = model(batch)
    z_p, z_q = drawn(p, noise), drawn(q, noise)
    counted = [b for b in range(count) if chosen["supervision"] != "required" or codes[b] >= 0]
    total = {"vector": 0.0, "counts": 0.0, "tags": 0.0, "kl": 0.0, "class": 0.0}
    for b in counted:
        for kind in missing:
            total[kind] += log_likelihood(model, batch, b, kind, z_q[b], observed)
        total["kl"] += chosen["omega"] * kl(rows_of(q)[b], rows_of(p)[b], 1.0 if chosen["kl"] == "cmmd_code" else 0.5)
        if codes[b] >= 0 and chosen["supervision"] != "none":
            z = z_p[b] if chosen.get("classifier_input") == "sample" else rows_of(p)[b][0]
            total["class"] += chosen["alpha"] * log_softmax(answer(model, z), codes[b])
    mean = {name: value / max(len(counted), 1) for name, value in total.items()}
    for m, kind in enumerate(KINDS):
        assert float(terms.log_likelihood[m].mean()) == pytest.approx(mean[kind], rel=1e-8, abs=1e-8)
    assert float(terms.divergence.mean()) == pytest.approx(mean["kl"], rel=1e-8, abs=1e-8)
    assert float(terms.others["classification"].mean()) == pytest.approx(mean["class"], rel=1e-8, abs=1e-8)
    discrepancy = mmd([z_p[b] for b in counted], [z_q[b] for b in counted]) if counted else 0.0
    penalty = -(1 - chosen["omega"]) * chosen["mmd_weight"] * discrepancy
    torch.testing.assert_close(terms.others["negative_mmd"].tolist(), [penalty] * count, rtol=1e-8, atol=1e-8)
    value = sum(mean[kind] for kind in KINDS) + mean["class"] - 0.7 * mean["kl"] + penalty
    assert float(terms.value(0.7).mean()) == pytest.approx(value, rel=1e-8, abs=1e-8)


@settings(max_examples=15)
@given(case=CASES)
def test_terms_belong_to_their_rows(case):
    model, count = model_of(omega=1.0, alpha=3.0), case.mean.shape[1]
    codes = (torch.arange(count) % 4) - 1
    batch = with_labels(model.prepare(toy_data(KINDS).train[:count]), codes)
    noise = torch.full((count, D), 0.7, dtype=torch.float64)
    with known(model, case[0], case[1], noise):
        terms = model(batch)
    for b in range(count):
        p, q, z = rows_of(case[0])[b], rows_of(case[1])[b], drawn(case[1], noise)[b]
        expected = [log_likelihood(model, batch, b, kind, z, ("vector",)) for kind in ("counts", "tags")]
        torch.testing.assert_close(terms.log_likelihood[:, b].tolist(), [0.0, *expected], rtol=1e-8, atol=1e-8)
        assert float(terms.divergence[b]) == pytest.approx(kl(q, p), rel=1e-8, abs=1e-8)
        right = 3 * log_softmax(answer(model, p[0]), codes[b]) if codes[b] >= 0 else 0.0
        assert float(terms.others["classification"][b]) == pytest.approx(right, rel=1e-8, abs=1e-8)
        assert float(terms.others["negative_mmd"][b]) == 0, "ω = 1 is the evidence lower bound"


@settings(max_examples=30)
@given(case=experts(modalities=(2, 2), rows=(1, 5), latent_dim=(1, 4), mean=3.0))
def test_the_discrepancy_is_the_double_loop(case):
    first, second = case.mean
    count = len(first)
    uniform = torch.full((count,), 1 / count, dtype=torch.float64)
    found = float(maximum_mean_discrepancy(first, second, uniform))
    assert found == pytest.approx(mmd(first.tolist(), second.tolist()), abs=1e-12)
    assert found >= -1e-12
    assert float(maximum_mean_discrepancy(first, first, uniform)) == pytest.approx(0, abs=1e-14)
    some = torch.tensor([b % 2 == 0 for b in range(count)]).double()
    kept = [b for b in range(count) if b % 2 == 0]
    expected = mmd([first.tolist()[b] for b in kept], [second.tolist()[b] for b in kept])
    assert float(maximum_mean_discrepancy(first, second, some / some.sum())) == pytest.approx(expected, abs=1e-12)


@settings(max_examples=20)
@given(case=CASES)
def test_the_released_kl_is_another_one(case):
    found, correct = kl_of_released_code(case[1], case[0]), kl_gaussians(case[1], case[0])
    for b, (q, p) in enumerate(zip(rows_of(case[1]), rows_of(case[0]))):
        assert float(found[b]) == pytest.approx(kl(q, p, of_variances=1.0), rel=1e-9, abs=1e-9)
        assert float(correct[b]) == pytest.approx(kl(q, p), rel=1e-9, abs=1e-9)
        assert found[b] - correct[b] > 0.01


def test_the_released_kl_is_smallest_at_half_the_variance():
    log_variance = torch.full((1, 1), 0.3, dtype=torch.float64)
    p = Gaussian(torch.zeros_like(log_variance), log_variance)
    q = (log_variance + math.log(0.5)).requires_grad_()
    kl_of_released_code(Gaussian(torch.zeros_like(q), q), p).sum().backward()
    assert float(q.grad) == pytest.approx(0, abs=1e-12)


@settings(max_examples=10)
@given(case=CASES, seed=st.integers(0, 99))
def test_a_posterior_that_is_the_conditional_prior_costs_nothing(case, seed):
    model, count = model_of(), case.mean.shape[1]
    noise = torch.randn(count, D, dtype=torch.float64, generator=torch.Generator().manual_seed(seed))
    with known(model, case[0], case[0], noise):
        terms = model(toy_data(KINDS).train[:count])
    torch.testing.assert_close(terms.divergence, torch.zeros(count, dtype=torch.float64), rtol=0, atol=1e-12)
    torch.testing.assert_close(terms.others["negative_mmd"], torch.zeros(count, dtype=torch.float64), rtol=0, atol=1e-9)


@pytest.mark.parametrize(
    "options",
    [{"omega": 0.3, "alpha": 10.0}, {"omega": 0.6, "kl": "cmmd_code", "classifier_input": "sample", "alpha": 2.0}],
)
def test_gradients_are_those_of_the_equation(options):
    model = model_of(**options)
    chosen = {"kl": "correct", "classifier_input": "mean", **options}
    batch = model.prepare(toy_data(KINDS).train[:3])
    generator = torch.Generator().manual_seed(0)
    noise = torch.randn(3, D, dtype=torch.float64, generator=generator)
    parts = [torch.randn(3, D, dtype=torch.float64, generator=generator).requires_grad_() for _ in range(4)]
    with known(model, Gaussian(*parts[:2]), Gaussian(*parts[2:]), noise):
        model(batch).value(0.6).mean().backward()

    def value(*parts):
        p, q = Gaussian(*parts[:2]), Gaussian(*parts[2:])
        z_p, z_q, total = drawn(p, noise), drawn(q, noise), 0.0
        for b in range(3):
            total += sum(log_likelihood(model, batch, b, kind, z_q[b], ("vector",)) for kind in ("counts", "tags"))
            total -= (
                0.6 * options["omega"] * kl(rows_of(q)[b], rows_of(p)[b], 1.0 if chosen["kl"] == "cmmd_code" else 0.5)
            )
            z = z_p[b] if chosen["classifier_input"] == "sample" else rows_of(p)[b][0]
            total += options["alpha"] * log_softmax(answer(model, z), int(batch.labels["class"][b]))
        return total / 3 - (1 - options["omega"]) * 1000 * mmd(z_p, z_q)

    check_gradients(value, parts, absolute=1e-5)


def test_both_samples_have_one_noise():
    model = model_of()
    objective, batch = model.objective, model.prepare(toy_data(KINDS).train[:6])
    torch.manual_seed(3)
    terms = model(batch)
    torch.manual_seed(3)
    noise = torch.randn(6, D, dtype=torch.float64)
    context = objective.x_o(batch)
    p, q = objective.latent(context), objective.encoded(batch, context, objective.codes(batch))
    torch.testing.assert_close(
        terms.others["negative_mmd"][0].item(), -500 * mmd(drawn(p, noise), drawn(q, noise)), rtol=1e-8, atol=1e-8
    )
    z = torch.tensor(drawn(q, noise), dtype=torch.float64)
    assert float(terms.log_likelihood[2, 4]) == pytest.approx(
        log_likelihood(model, batch, 4, "tags", z[4].tolist(), ("vector",))
    )


@pytest.mark.parametrize("kinds", [KINDS, ("labels", "vector"), ("text", "image", "counts")])
def test_networks_see_flattened_values_one_hot_codes_and_the_label(kinds):
    data = toy_data(kinds)
    model = make_model("cmmd", data, observed=kinds[-1:])
    objective, batch = model.objective, model.prepare(data.train[:5])
    taken = []
    handles = [
        network.register_forward_pre_hook(lambda _, inputs: taken.append(inputs[0]))
        for network in (objective.conditional_prior, objective.encoder)
    ]
    model(with_labels(batch, torch.tensor([0, -1, 2, 1, -1])))
    for handle in handles:
        handle.remove()

    def flat(kind, b):
        value, sizes = batch.data[kind][b].flatten().tolist(), {"labels": 3, "text": 4}
        if kind in sizes:
            return [float(code == category) for code in value for category in range(sizes[kind])]
        return [math.log1p(x) for x in value] if kind == "counts" else value

    for b, label in enumerate([[1, 0, 0], [0, 0, 0], [0, 0, 1], [0, 1, 0], [0, 0, 0]]):
        context = flat(kinds[-1], b)
        torch.testing.assert_close(taken[0][b].tolist(), context)
        everything = context + [x for kind in kinds[:-1] for x in flat(kind, b)] + [float(x) for x in label]
        torch.testing.assert_close(taken[1][b].tolist(), everything)


def test_the_order_of_the_observed_list_does_not_matter():
    one, other = model_of(observed=("tags", "vector")), model_of(observed=("vector", "tags"))
    batch = toy_data(KINDS).train[:6]
    with central_noise():
        torch.testing.assert_close(one(batch).value(1.0), other(batch).value(1.0), rtol=0, atol=0)
    assert one.decoder_sizes == {"counts": D + 5 + 3}


def test_holds_the_contract_for_every_kind_of_modality():
    check_objective("cmmd")
    check_objective("cmmd", ("labels", "text", "image"))
