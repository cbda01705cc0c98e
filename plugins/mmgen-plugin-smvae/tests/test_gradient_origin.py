"""The gradient origin against its equation in loops, its double back-propagation against finite differences, and where
it must work.
"""

import functools
import itertools
import json
import math
import os
import subprocess
import sys
from contextlib import contextmanager

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from safetensors.torch import load_file

from mmgen import MmgenError, Trainer
from mmgen.cli.app import app
from mmgen.cli.guarded import run_guarded
from mmgen.distributions import Gaussian
from mmgen.testing import central_noise, check_gradients, finite_differences, make_model, toy_data, with_long_texts

KINDS, SIZES, WEIGHTS = ("vector", "tags"), (5, 3), (2.5, 0.5)
LINEAR = {kind: {"decoder_hidden": (), "weight": weight} for kind, weight in zip(KINDS, WEIGHTS)}
D, SCALE, BETA, OUTER = 3, 0.05, 0.6, (-0.4, 0.9, 0.3)
INNER = (0.7, -1.1, 0.2)  # ε of the inner pass, per latent dimension; OUTER is that of the outer one
NUMBERS = 2 * (D * D + D) + sum(size * D + size for size in SIZES)  # of the maps, then of the decoders


@functools.cache
def model_of(objective):
    model = make_model(objective, toy_data(KINDS), modalities=LINEAR, inner_scale=SCALE).train()
    assert len(list(learning(model))) == 2 * (2 + len(KINDS))
    return model


def learning(model):
    """Weights and biases of the two maps, and of the linear decoders."""
    for layer in (
        model.objective.origin.maps.mean,
        model.objective.origin.maps.spread,
        *(decoder.layers[-1] for decoder in model.decoders),
    ):
        yield from (layer.weight, layer.bias)


def set_numbers(model, numbers):
    with torch.no_grad():
        torch.nn.utils.vector_to_parameters(torch.tensor(numbers, dtype=torch.float64), learning(model))


@contextmanager
def noise(*several):
    """Samples with these ε, one after the other."""
    sample, left = Gaussian.rsample, list(several)
    Gaussian.rsample = lambda self, samples=(): self.mean + self.scale * torch.tensor(left.pop(0), dtype=torch.float64)
    try:
        yield
        assert not left, "fewer samples than were expected"
    finally:
        Gaussian.rsample = sample


# The equation in loops: the decoders are linear, so that the gradient of the inner bound can be written out -----------


def layers_of(numbers):
    """(matrix as rows, bias) of the two maps and of each decoder."""
    left, made = list(numbers), []
    for outputs in (D, D, *SIZES):
        matrix = [[left.pop(0) for _ in range(D)] for _ in range(outputs)]
        made.append((matrix, [left.pop(0) for _ in range(outputs)]))
    assert not left
    return made


def affine(layer, x):
    matrix, bias = layer
    return [b + sum(w * v for w, v in zip(row, x)) for row, b in zip(matrix, bias)]


def clamped(log_variance):
    return [min(max(value, -15.0), 15.0) for value in log_variance]


def kl_to_prior(mean, log_variance):
    return sum(0.5 * (math.exp(v) + m * m - 1 - v) for m, v in zip(mean, log_variance))


def log_likelihoods(layers, z, row):
    """w_m log p(x_m | z): normal with scale 1, and Bernoulli."""
    vector = sum(-0.5 * math.log(2 * math.pi) - 0.5 * (x - o) ** 2 for o, x in zip(affine(layers[2], z), row[0]))
    tags = sum(x * o - math.log1p(math.exp(o)) for o, x in zip(affine(layers[3], z), row[1]))
    return [WEIGHTS[0] * vector, WEIGHTS[1] * tags]


def inner_bound(layers, z0, row, epsilon):
    mean, log_variance = affine(layers[0], z0), clamped(affine(layers[1], z0))
    z = [m + e * math.exp(v / 2) for m, v, e in zip(mean, log_variance, epsilon)]
    return sum(log_likelihoods(layers, z, row)) - kl_to_prior(mean, log_variance)


def gradient_at_origin(layers, row, epsilon):
    """Written out by the chain rule, backwards: x → z → (μ, ℓ) → z0."""
    mean, log_variance = layers[0][1], clamped(layers[1][1])
    z = [m + e * math.exp(v / 2) for m, v, e in zip(mean, log_variance, epsilon)]
    by_z = [0.0] * D
    for i, o in enumerate(affine(layers[2], z)):
        for d in range(D):
            by_z[d] += WEIGHTS[0] * (row[0][i] - o) * layers[2][0][i][d]
    for i, o in enumerate(affine(layers[3], z)):
        for d in range(D):
            by_z[d] += WEIGHTS[1] * (row[1][i] - 1 / (1 + math.exp(-o))) * layers[3][0][i][d]
    by_mean = [g - m for g, m in zip(by_z, mean)]
    by_spread = [
        0.5 * e * math.exp(v / 2) * g - 0.5 * (math.exp(v) - 1) for g, v, e in zip(by_z, log_variance, epsilon)
    ]
    return [
        sum(layers[0][0][j][d] * by_mean[j] + layers[1][0][j][d] * by_spread[j] for j in range(D)) for d in range(D)
    ]


def origin_posterior(layers, row, epsilon):
    z0 = [SCALE * value for value in gradient_at_origin(layers, row, epsilon)]
    return affine(layers[0], z0), clamped(affine(layers[1], z0))


def literal(layers, row, inner=INNER):
    """Likelihood of each modality, and KL to the prior."""
    mean, log_variance = origin_posterior(layers, row, inner)
    z = [m + e * math.exp(v / 2) for m, v, e in zip(mean, log_variance, OUTER)]
    return log_likelihoods(layers, z, row), kl_to_prior(mean, log_variance), (mean, log_variance)


def subset_terms(q, row):
    """Σ_S KL(q_S ‖ q) / 2^M over the non-empty subsets, with N(0, I) as an expert in each."""
    total = 0.0
    for members in [members for size in (1, 2) for members in itertools.combinations(row, size)]:
        for d in range(D):
            precision = 1 + sum(math.exp(-v[d]) for _, v in members)
            mean = sum(m[d] * math.exp(-v[d]) for m, v in members) / precision
            variance = math.exp(q[1][d])
            total += 0.5 * (math.log(variance * precision) + (1 / precision + (mean - q[0][d]) ** 2) / variance - 1)
    return total / 2 ** len(row)


def rows_of(batch):
    return list(zip(*(batch.data[kind].tolist() for kind in KINDS)))


def experts_of(model, batch):
    with torch.no_grad():
        experts = model.experts(batch)
    return [
        [(m.tolist(), v.tolist()) for m, v in zip(experts.mean[:, b], experts.log_variance[:, b])]
        for b in range(experts.mean.shape[1])
    ]


VALUES = st.lists(st.floats(-1.0, 1.0, allow_subnormal=False), min_size=NUMBERS, max_size=NUMBERS)


def test_the_gradient_that_the_tests_write_out_is_one():
    random = np.random.default_rng(0)
    layers, row = layers_of(random.normal(size=NUMBERS).tolist()), (random.normal(size=5).tolist(), [0.0, 1.0, 1.0])
    gradient = torch.tensor(gradient_at_origin(layers, row, INNER), dtype=torch.float64)
    z0 = torch.zeros(D, dtype=torch.float64)
    check_gradients(
        lambda z0: inner_bound(layers, z0.tolist(), row, INNER), [z0], [gradient], relative=1e-6, absolute=0
    )


@pytest.mark.parametrize("objective", ["vgon", "smvgon"])
@settings(max_examples=15)
@given(numbers=VALUES, rows=st.integers(1, 4))
def test_is_the_equation_written_literally(objective, numbers, rows):
    model = model_of(objective)
    set_numbers(model, numbers)
    batch, layers = model.prepare(toy_data(KINDS).train[:rows]), layers_of(numbers)
    experts = experts_of(model, batch)
    with noise(INNER, OUTER), torch.no_grad():  # also where the caller has no gradients
        terms = model(batch)
    for b, row in enumerate(rows_of(batch)):
        likelihoods, divergence, q = literal(layers, row)
        torch.testing.assert_close(terms.log_likelihood[:, b].tolist(), likelihoods, rtol=1e-8, atol=1e-8)
        if objective == "vgon":
            torch.testing.assert_close(float(terms.divergence[b]), divergence, rtol=1e-8, atol=1e-8)
            assert not terms.others
        else:
            torch.testing.assert_close(float(terms.divergence[b]), subset_terms(q, experts[b]), rtol=1e-8, atol=1e-8)
            torch.testing.assert_close(
                float(terms.others["negative_kl_to_prior"][b]), -divergence, rtol=1e-8, atol=1e-8
            )


@pytest.mark.parametrize("objective", ["vgon", "smvgon"])
def test_double_back_propagation_is_the_gradient_of_the_literal_loss(objective):
    numbers = np.random.default_rng(1).normal(scale=0.5, size=NUMBERS).tolist()
    model = model_of(objective)
    set_numbers(model, numbers)
    batch = model.prepare(toy_data(KINDS).train[3:6])
    experts = experts_of(model, batch)
    model.zero_grad()
    with noise(INNER, OUTER):
        model(batch).value(BETA).sum().backward()
    gradient = torch.cat([parameter.grad.flatten() for parameter in learning(model)])

    def value(numbers, fixed=None):
        """The value with the gradient at the origin through these numbers; or, wrongly, as a constant from others."""
        total, layers = 0.0, layers_of(numbers.tolist())
        for b, row in enumerate(rows_of(batch)):
            likelihoods, divergence, q = (
                literal(layers, row) if fixed is None else without_inner(layers, layers_of(fixed), row)
            )
            total += sum(likelihoods)
            total -= BETA * divergence if objective == "vgon" else divergence + BETA * subset_terms(q, experts[b])
        return total

    point = torch.tensor(numbers, dtype=torch.float64)
    check_gradients(value, [point], [gradient])
    (stopped,) = finite_differences(lambda values: value(values, fixed=numbers), [point])
    assert float((gradient - stopped).abs().max()) > 0.1, "the test would not see a gradient that stops at ẑ0"


def without_inner(layers, fixed, row):
    z0 = [SCALE * value for value in gradient_at_origin(fixed, row, INNER)]
    mean, log_variance = affine(layers[0], z0), clamped(affine(layers[1], z0))
    z = [m + e * math.exp(v / 2) for m, v, e in zip(mean, log_variance, OUTER)]
    return log_likelihoods(layers, z, row), kl_to_prior(mean, log_variance), (mean, log_variance)


def test_in_evaluation_the_inner_noise_is_off():
    numbers = np.random.default_rng(2).normal(size=NUMBERS).tolist()
    model = model_of("vgon")
    set_numbers(model, numbers)
    batch, layers = model.prepare(toy_data(KINDS).train[:4]), layers_of(numbers)
    model.eval()
    try:
        with noise(OUTER), torch.no_grad():
            terms = model(batch)
    finally:
        model.train()
    with torch.no_grad():
        posterior = model.posterior(batch, batch.available)  # also of a model in training
    for b, row in enumerate(rows_of(batch)):
        likelihoods, divergence, (mean, log_variance) = literal(layers, row, (0.0,) * D)
        torch.testing.assert_close(terms.log_likelihood[:, b].tolist(), likelihoods, rtol=1e-8, atol=1e-8)
        torch.testing.assert_close(float(terms.divergence[b]), divergence, rtol=1e-8, atol=1e-8)
        torch.testing.assert_close(posterior.components.mean[0, b].tolist(), mean, rtol=1e-8, atol=1e-8)
        torch.testing.assert_close(posterior.components.log_variance[0, b].tolist(), log_variance, rtol=1e-8, atol=1e-8)


def test_smvgon_without_its_subsets_is_vgon():
    data = toy_data()
    smvgon, vgon = make_model("smvgon", data, subset_weight=0.0).train(), make_model("vgon", data).train()
    outcome = vgon.load_state_dict(smvgon.state_dict(), strict=False)
    assert not outcome.missing_keys and all(name.startswith("encoders.") for name in outcome.unexpected_keys)
    values = []
    for model in (smvgon, vgon):
        torch.manual_seed(0)
        values.append(model(data.train[:8]))
    torch.testing.assert_close(values[0].value(0.3), values[1].value(1.0))
    assert not any(name.startswith("encoders.") for name, _ in vgon.named_parameters())


# Where it must work ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kinds", [("vector", "counts", "tags"), ("image", "text", "labels")])
def test_the_posterior_of_a_row_depends_on_no_other_row_and_on_no_noise(kinds):
    model, data = make_model("vgon", toy_data(kinds)), toy_data(kinds)
    whole = model.encode(data.test[:8])
    assert len({tuple(mean) for mean in whole.mean.round(decimals=9).tolist()}) > 1, (
        "different rows have different posteriors"
    )
    torch.testing.assert_close(model.encode(data.test[:8]).mean, whole.mean, rtol=0, atol=0)
    for row in range(8):
        alone = model.encode(data.test[row : row + 1])
        torch.testing.assert_close(alone.mean[0], whole.mean[row])
        torch.testing.assert_close(alone.variance[0], whole.variance[row])


def test_inference_leaves_no_graph_and_no_gradients_behind():
    model, data = make_model("vgon", toy_data()), toy_data()
    posterior = model.encode(data.test[:4])
    assert not posterior.mean.requires_grad and not posterior.components.log_variance.requires_grad
    with torch.no_grad():
        assert not model(data.test[:4]).value(1.0).requires_grad
        assert not torch.is_grad_enabled()
    assert all(parameter.grad is None and parameter.requires_grad for parameter in model.parameters())
    with_graph = model.posterior(data.test[:4], data.test[:4].available)
    assert with_graph.mean.requires_grad
    torch.testing.assert_close(with_graph.mean.detach(), posterior.mean)


def test_vgon_infers_nothing_where_anything_is_missing():
    model, data = make_model("vgon", toy_data()), toy_data()
    batch = data.test[:6].restrict(torch.tensor([[True] * 3] * 5 + [[True, True, False]]))
    subsets = torch.tensor([[True] * 3, [True, False, True], [False] * 3])[:, None].expand(-1, 6, -1)
    posterior, whole = model.posterior(batch, subsets), model.encode(data.test[:6])
    assert posterior.components.mean.shape == (3, 1, 6, 3) and (posterior.weights == 1).all()
    torch.testing.assert_close(posterior.mean[0, :5].detach(), whole.mean[:5])
    assert (posterior.mean[0, :5] != 0).all()
    for part in (
        posterior.mean[0, 5],
        posterior.mean[1:],
        posterior.components.log_variance[0, 0, 5],
        posterior.components.log_variance[1:],
    ):
        assert (part == 0).all()


@pytest.mark.parametrize("objective", ["smvgon", "vgon"])
def test_a_run_is_evaluated(objective):
    data = toy_data()
    run = Trainer(epochs=1, batch_size=16).fit(make_model(objective, data).float(), data)
    rows = run.measurements(metrics=["reconstruction", "latent-classification"])
    assert len(rows) and all(math.isfinite(row["value"]) for row in rows)


@pytest.mark.parametrize("objective", ["smvgon", "vgon"])
def test_half_precision_learns_the_same_to_its_digits(objective):
    data = toy_data(("image", "vector", "tags"))
    model = make_model(objective, data, inner_scale=0.1).float().train()
    found = []
    for enabled in (False, True):
        model.zero_grad()
        torch.manual_seed(0)
        with torch.autocast("cpu", torch.bfloat16, enabled=enabled):
            value = model(data.train[:24]).value(1.0)
        assert value.dtype == torch.float32 and value.isfinite().all()
        value.mean().backward()
        assert all(parameter.grad is not None for parameter in model.parameters())
        found.append({name: parameter.grad.flatten() for name, parameter in model.named_parameters()})
    for name, exact in found[0].items():
        assert torch.cosine_similarity(exact, found[1][name], dim=0) > 0.95, name
    Trainer(epochs=1, precision="bfloat16", device="cpu").fit(model, data)


SENTENCES = {"text": {"network": "sentence", "channels": (4, 4, 4), "embedding": 32}}


def sentences(objective):
    data = with_long_texts(toy_data(("vector", "text")))
    model = make_model(objective, data, modalities=SENTENCES)
    batch = model.prepare(data.train[:6])
    return model, type(batch)({**batch.data, "text": torch.randint(4, (6, 32))}, batch.available, prepared=True)


@pytest.mark.parametrize("objective", ["smvgon", "vgon"])
def test_running_statistics_are_those_of_the_outer_pass(objective):
    model, batch = sentences(objective)
    norms = [module for module in model.decoders.modules() if isinstance(module, torch.nn.modules.batchnorm._BatchNorm)]
    model.train()
    with central_noise():  # the outer latents are then the means of the posterior
        q = model.objective.origin(model, batch, model.objective.prior_for, noise=True)
        assert norms and all(int(norm.num_batches_tracked) == 0 for norm in norms)
        model(batch).value(1.0).sum().backward()
    assert all(int(norm.num_batches_tracked) == 1 and norm.track_running_stats for norm in norms)
    found = [norm.running_mean.clone() for norm in norms]
    for norm in norms:
        norm.reset_running_stats()
    model.log_likelihood(q.mean, batch)
    for norm, mean in zip(norms, found):
        torch.testing.assert_close(norm.running_mean, mean)


def test_a_decoder_of_vgon_has_words_of_its_own():
    model, batch = sentences("vgon")
    assert [name for name, p in model.named_parameters() if p.shape == (4, 32)] == ["decoders.1.weight"]
    model(batch).value(1.0).sum().backward()
    assert float(model.decoders[1].weight.grad.abs().sum()) > 0


def test_compiled_decoders_are_refused():
    model, data = make_model("vgon", toy_data()), toy_data()
    model.decoders[1].compile(backend="eager")
    with pytest.raises(MmgenError, match=r"leave training\.compile false"):
        model(data.train[:4])


YAML = (
    "path: my.npz\nmodalities:\n  a: {array: a, kind: vector, hidden: [8], dropout: 0}\n"
    "  b: {array: b, kind: counts, hidden: [8], dropout: 0}\n"
)
# Two forks of one process that train together. What follows a training is brief.
TOGETHER = """
import os, sys
from mmgen.cli.app import app
from mmgen.cli.guarded import run_guarded
from mmgen.models import aggregated, laplace_inference
import mmgen.training.trainer, mmgen.data.own_table, accelerate, sklearn.cluster, torch._dynamo

aggregated.MOST_ROWS, laplace_inference.STEPS, children = 15, 2, []
for rank in "01":
    children.append(os.fork())
    if children[-1] == 0:
        place = dict(MASTER_ADDR="127.0.0.1", MASTER_PORT=sys.argv[1])
        os.environ.update(RANK=rank, LOCAL_RANK=rank, WORLD_SIZE="2", **place)
        os._exit(run_guarded(app, sys.argv[2:]))
sys.exit(max(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) for child in children))
"""


def test_two_processes_learn_what_one_does(tmp_path, monkeypatch):
    random = np.random.default_rng(0)
    label = np.arange(90) % 3
    np.savez(
        tmp_path / "my.npz",
        a=label[:, None] + random.normal(size=(90, 4)),
        b=random.poisson(1 + label[:, None], (90, 3)),
    )
    (tmp_path / "my.yaml").write_text(YAML)
    monkeypatch.chdir(tmp_path)
    words = ["train", "--objective", "vgon", "--dataset", "table", "--set", "dataset.config=my.yaml"]
    words += ["--batch-size", "8", "--set", "objective.inner_scale=0.125", "--epochs", "3", "--output"]
    assert run_guarded(app, [*words, "one"]) == 0
    command = [sys.executable, "-c", TOGETHER, str(20000 + os.getpid() % 20000), *words, "two"]
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=240)
    assert done.returncode == 0, done.stdout + done.stderr
    histories = [
        [json.loads(line) for line in (tmp_path / name / "history.jsonl").read_text().splitlines()]
        for name in ("one", "two")
    ]
    for a, b in zip(*histories, strict=True):
        for part in ("train", "val"):
            assert a[part] == pytest.approx(b[part], rel=2e-4), part
    ours, theirs = (load_file(tmp_path / name / "model.safetensors") for name in ("one", "two"))
    for key, value in ours.items():
        torch.testing.assert_close(value, theirs[key], rtol=5e-3, atol=5e-4)
    assert json.loads((tmp_path / "two" / "environment.json").read_text())["processes"] == 2
