"""VCCA, MVCL and the split autoencoder against their equations in loops; what all two-view methods infer, generate and
refuse.
"""

import itertools
import math
from contextlib import contextmanager

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from torch import nn

import mmgen
from mmgen import MmgenError, MultimodalVAE, Trainer, load_run
from mmgen.distributions import central_noise
from mmgen.evaluation import SubsetSize
from mmgen.registry import load, recipes
from mmgen.runs import TrainingConfig, layered
from mmgen.testing import (
    ConstantNetwork,
    LinearGaussianWorld,
    check_objective,
    make_model,
    sampled_value,
    substitute,
    toy_data,
    toy_model,
    world_batch,
    world_model,
)
from mmgen.testing.literal import constant_noise
from mmgen_plugin_cca.mvcl import other_rows

OBJECTIVES = ("cca", "dcca", "dccae", "vcca", "vcca-private", "mvcl", "split-autoencoder")
WEIGHTS = {"vector": 2.5, "tags": 0.5}
KINDS = tuple(WEIGHTS)
EPSILON = 0.7
NUMBERS = st.floats(-2, 2).map(lambda x: round(x, 3))


@contextmanager
def known(objective, **networks):
    """Networks of an objective with outputs as given, and ε = 0.7 in every latent dimension."""
    with substitute(objective, **networks), constant_noise(EPSILON):
        yield


def drawn(mean, log_variance):
    return [m + EPSILON * math.exp(v / 2) for m, v in zip(mean, log_variance)]


def kl(mean, log_variance):
    return sum(0.5 * (math.exp(v) + m * m - 1 - v) for m, v in zip(mean, log_variance))


def log_likelihood(model, batch, b, m, taken):
    """w_m log p(x_m | taken) of row b, with the densities written out; only the decoder network is the model's."""
    output = model.decoders[m](torch.tensor([taken], dtype=torch.float64))[0, 0].tolist()
    total = 0.0
    for o, x in zip(output, batch.data[KINDS[m]][b].tolist()):
        total += -0.5 * math.log(2 * math.pi) - 0.5 * (x - o) ** 2 if m == 0 else x * o - math.log(1 + math.exp(o))
    return WEIGHTS[KINDS[m]] * total


POSTERIOR = arrays(np.float64, (2, 4, 3), elements=NUMBERS)  # mean and log-variance


@pytest.mark.parametrize("available", KINDS)
@settings(max_examples=8)
@given(q=POSTERIOR)
def test_vcca_is_the_lower_bound_written_out(available, q):
    model = toy_model("vcca", WEIGHTS, available=available)
    batch = model.prepare(toy_data(KINDS).train[:4])
    with known(model.objective, encoder=ConstantNetwork(tuple(torch.from_numpy(q)))):
        terms = model(batch)
    for b in range(4):
        z = drawn(*q[:, b].tolist())
        expected = [log_likelihood(model, batch, b, m, z) for m in range(2)]
        assert terms.log_likelihood[:, b].tolist() == pytest.approx(expected, rel=1e-9, abs=1e-9)
        assert float(terms.divergence[b]) == pytest.approx(kl(*q[:, b].tolist()), rel=1e-9, abs=1e-9)
    assert not terms.others


@pytest.mark.parametrize("sizes", [(2, 1), (2, 0), (0, 1)])
@settings(max_examples=8)
@given(q=POSTERIOR, h=POSTERIOR)
def test_vcca_private_has_the_private_latents_and_their_kls(sizes, q, h):
    model = toy_model("vcca-private", WEIGHTS, private_dims=dict(zip(KINDS, sizes)))
    assert model.decoder_sizes == {kind: 3 + size for kind, size in zip(KINDS, sizes)}
    batch = model.prepare(toy_data(KINDS).train[:4])
    private = [(h + m)[:, :, :size] for m, size in enumerate(sizes)]
    networks = nn.ModuleList(ConstantNetwork(tuple(torch.from_numpy(each))) for each in private)
    with known(model.objective, encoder=ConstantNetwork(tuple(torch.from_numpy(q))), private=networks):
        terms = model(batch)
    for b in range(4):
        z, expected, divergence = drawn(*q[:, b].tolist()), [], kl(*q[:, b].tolist())
        for m in range(2):
            expected.append(log_likelihood(model, batch, b, m, z + drawn(*private[m][:, b].tolist())))
            divergence += kl(*private[m][:, b].tolist())
        assert terms.log_likelihood[:, b].tolist() == pytest.approx(expected, rel=1e-9, abs=1e-9)
        assert float(terms.divergence[b]) == pytest.approx(divergence, rel=1e-9, abs=1e-9)


def test_vcca_is_below_the_exact_evidence():
    world = LinearGaussianWorld((3, 4), 2, seed=1)
    x = world.sample(16)[1]
    model, batch = world_model(world, "vcca"), world_batch(x)
    value, error = sampled_value(model, batch)
    assert (value - 5 * error < world.log_evidence(x)).all()


def test_dropout_leaves_out_samples_in_training_alone():
    model = make_model("vcca", toy_data(KINDS), sample_dropout=0.5)
    wide = torch.ones(1000, 4)
    torch.manual_seed(0)
    assert torch.equal(model.objective.dropout(wide), wide)
    values = model.train().objective.dropout(wide)
    assert 0.45 < float((values == 0).float().mean()) < 0.55 and torch.allclose(values[values != 0], torch.tensor(2.0))


@settings(max_examples=10)
@given(
    outputs=arrays(np.float64, (2, 5, 3), elements=NUMBERS),
    margin=st.sampled_from([0.2, 0.5, 2.0]),
    seed=st.integers(0, 99),
)
def test_mvcl_is_the_hinge_of_cosine_distances_in_loops(outputs, margin, seed):
    outputs = outputs + 1e-3  # no row of zeros, which has no direction
    model = toy_model("mvcl", WEIGHTS, margin=margin, available="tags")
    networks = nn.ModuleList(ConstantNetwork(torch.from_numpy(side)) for side in outputs)
    torch.manual_seed(seed)
    other = other_rows(torch.empty(5, 3, dtype=torch.float64)).tolist()
    torch.manual_seed(seed)
    with known(model.objective, networks=networks):
        terms = model(toy_data(KINDS).train[:5])

    def distance(u, v):
        return 1 - sum(a * b for a, b in zip(u, v)) / math.sqrt(sum(a * a for a in u)) / math.sqrt(
            sum(b * b for b in v)
        )

    f, g = outputs[1].tolist(), outputs[0].tolist()
    expected = [-max(0.0, margin + distance(f[b], g[b]) - distance(f[b], g[other[b]])) for b in range(5)]
    assert terms.others["negative_margin_loss"].tolist() == pytest.approx(expected, rel=1e-6, abs=1e-6)
    assert not terms.log_likelihood.any() and not terms.divergence.any()


def test_contrasts_are_other_rows_each_as_likely():
    torch.manual_seed(0)
    counts = torch.zeros(4, 4)
    for _ in range(1200):
        other = other_rows(torch.empty(4, 1))
        assert sorted(other.tolist()) == [0, 1, 2, 3]
        counts[torch.arange(4), other] += 1
    assert (counts.diagonal() == 0).all()
    assert (counts[~torch.eye(4, dtype=torch.bool)] - 400).abs().max() < 90
    assert other_rows(torch.empty(1, 3)).tolist() == [0]


@settings(max_examples=8)
@given(z=arrays(np.float64, (4, 3), elements=NUMBERS))
def test_the_split_autoencoder_has_the_squared_errors_of_both_views(z):
    model = toy_model("split-autoencoder", WEIGHTS, available="tags")
    batch = model.prepare(toy_data(KINDS).train[:4])
    with known(model.objective, network=ConstantNetwork(torch.from_numpy(z))):
        terms = model(batch)
    for b in range(4):
        for m, kind in enumerate(KINDS):
            output = model.decoders[m](torch.from_numpy(z[b : b + 1]))[0, 0].tolist()
            means = [o if m == 0 else 1 / (1 + math.exp(-o)) for o in output]
            expected = -WEIGHTS[kind] * sum((x - mean) ** 2 for x, mean in zip(batch.data[kind][b].tolist(), means))
            assert float(terms.log_likelihood[m, b]) == pytest.approx(expected, rel=1e-9, abs=1e-9)
    assert not terms.divergence.any()


def test_the_split_autoencoder_can_keep_the_likelihoods():
    squared, kept = (
        make_model("split-autoencoder", toy_data(("counts", "labels")), reconstruction=by)
        for by in ("squared-error", "likelihood")
    )
    kept.load_state_dict(squared.state_dict(), strict=False)
    batch = kept.prepare(toy_data(("counts", "labels")).train[:3])
    output = kept.decode(kept.encode(batch).mean, "counts")
    torch.testing.assert_close(
        kept(batch).log_likelihood[0], kept.likelihoods[0].log_prob(output, batch.data["counts"])
    )
    assert "likelihoods.0.eighth" in dict(kept.named_parameters()) and not list(squared.likelihoods.parameters())
    torch.testing.assert_close(
        kept(batch).log_likelihood[1], squared(batch).log_likelihood[1]
    )  # codes have no squared error


@pytest.mark.parametrize("available", [None, "tags"])
@pytest.mark.parametrize("objective", OBJECTIVES)
def test_z_is_inferred_from_the_available_view_alone(objective, available):
    data = toy_data(KINDS)
    model = make_model(objective, data, available=available)
    if objective in ("cca", "dcca", "dccae"):
        with torch.no_grad():
            model.objective.solve(model, data.train)
    name = available or "vector"
    other = "tags" if name == "vector" else "vector"
    batch = data.test[:6]
    alone, both = model.encode(batch, [name]), model.encode(batch)
    assert alone.mean.shape == (6, 3) and torch.equal(alone.mean, both.mean) and float(alone.mean.std(0).min()) > 0
    restricted = batch.restrict(model.mask(batch, [name]))
    assert torch.equal(model.encode(restricted).mean, alone.mean)
    assert bool((alone.variance == 0).all()) == (not objective.startswith("vcca"))
    with pytest.raises(MmgenError, match=f"infers nothing from {other} alone; it can from {name},"):
        model.encode(batch, [other])
    with torch.no_grad():  # rows that happen to lack it
        posterior = model.posterior(
            batch, torch.tensor([[True, True], [name == "tags", name == "vector"]])[:, None].expand(2, 6, 2)
        )
    assert (
        torch.equal(posterior.mean[0], alone.mean)
        and not posterior.mean[1].any()
        and bool((posterior.variance[1] == 1).all())
    )


@pytest.mark.parametrize("objective", OBJECTIVES)
def test_what_it_generates_and_what_it_refuses(objective):
    data = toy_data(KINDS)
    model = make_model(objective, data)
    batch = data.test[:4]
    if not objective.startswith(("vcca", "split")):
        with pytest.raises(MmgenError, match=f"'{objective}' does not generate 'tags'; it generates nothing"):
            model.generate(batch, given=["vector"], targets=["tags"])
        return
    generated = model.generate(batch, given=["vector"], samples=2)
    assert {name: value.shape for name, value in generated.items()} == {"vector": (2, 4, 5), "tags": (2, 4, 3)}
    if objective == "split-autoencoder":
        z = model.encode(batch).mean
        torch.testing.assert_close(generated["tags"][0], model.decoders[1](z)[:, 0].sigmoid())
        with pytest.raises(MmgenError, match="has no prior to generate from"):
            model.generate()
    else:
        assert model.generate(samples=3)["tags"].shape == (3, 3)


def test_private_latents_come_from_the_view_where_it_is_given_and_from_the_prior_elsewhere():
    data = toy_data(KINDS)
    model = make_model("vcca-private", data, private_dims={"vector": 4, "tags": 2})
    batch = model.prepare(data.test[:500])
    z = torch.zeros(3, len(batch), 3, dtype=torch.float64)
    given = model.mask(batch, ["vector"])
    given[0] = False
    h = model.objective.inferred_private(batch, "vector")
    with torch.no_grad(), central_noise():
        own, other = (model.decoder_input(z, name, batch, given).values for name in KINDS)
    assert own.shape == (3, len(batch), 7) and other.shape == (3, len(batch), 5)
    torch.testing.assert_close(own[1, 1:, 3:], h.mean[1:].detach())
    assert not own[:, 0].any() and not other.any()
    torch.manual_seed(0)
    with torch.no_grad():
        many = torch.cat([model.decoder_input(z, "tags", batch, given).values[..., 3:].flatten() for _ in range(40)])
        one = torch.stack([model.decoder_input(z, "vector", batch, given).values[0, 1, 3:] for _ in range(400)])
    assert abs(float(many.mean())) < 0.1 and float(many.std()) == pytest.approx(1, abs=0.1)
    torch.testing.assert_close(one.std(0), h.scale[1].detach(), rtol=0.2, atol=0)
    prior = model.decoder_input(z[0], "vector").values
    assert prior.shape == (len(batch), 7) and float(prior[:, 3:].std()) > 0.5


@pytest.mark.parametrize("objective", OBJECTIVES)
def test_it_holds_the_contract(objective):
    check_objective(objective)
    check_objective(objective, ("image", "labels"))


@pytest.mark.parametrize(
    ("objective", "kinds", "options", "sentence"),
    [
        (
            "vcca",
            KINDS,
            {"available": "tagz"},
            r"objective\.available: there is no modality 'tagz'; there are vector and tags",
        ),
        ("dcca", ("vector",), {}, "for two views, and the data have one modality: vector"),
        ("mvcl", (*KINDS, "counts"), {}, "for at most 2 modalities"),
        (
            "vcca-private",
            KINDS,
            {"private_dims": {"noisy": 3}},
            r"objective\.private_dims: there is no modality 'noisy'",
        ),
        ("vcca-private", KINDS, {"private_dims": {"tags": -1}}, "private_dims"),
        ("dcca", KINDS, {"ridge": 0.0}, "ridge"),
        ("mvcl", KINDS, {"margin": 0.0}, "margin"),
        ("split-autoencoder", KINDS, {"reconstruction": "absolute"}, "reconstruction"),
    ],
)
def test_options_that_do_not_fit_end_in_a_sentence(objective, kinds, options, sentence):
    with pytest.raises(MmgenError, match=sentence):
        MultimodalVAE.create(objective, toy_data(kinds), latent_dim=2, **options)


@pytest.mark.parametrize("objective", OBJECTIVES)
def test_rows_that_lack_a_view_are_refused(objective):
    data = toy_data(KINDS, missing=0.5)
    with pytest.raises(MmgenError, match="needs every modality in every training row"):
        Trainer(epochs=1).fit(MultimodalVAE.create(objective, data, latent_dim=2), data)


@pytest.mark.parametrize("objective", ["dcca", "dccae", "mvcl"])
def test_batches_stay_whole(objective):
    data = toy_data(KINDS)
    with pytest.raises(MmgenError, match="microbatches must be 1"):
        Trainer(epochs=1, microbatches=2).fit(MultimodalVAE.create(objective, data, latent_dim=2), data)


def test_from_a_run_to_its_results(tmp_path, command_line):
    random = np.random.default_rng(0)
    lines = ["kind,a0,a1,a2,b0,b1"]
    for i in range(60):
        shared = random.normal(size=2) + 3 * (i % 2)
        lines.append(
            ",".join(
                [
                    "ill" if i % 2 else "well",
                    *(f"{value:.4f}" for value in (*shared, random.normal(), *(shared + random.normal(size=2)))),
                ]
            )
        )
    (tmp_path / "my.csv").write_text("\n".join(lines))
    data = mmgen.load_dataset(
        "table",
        path=tmp_path / "my.csv",
        label="kind",
        modalities={"a": {"columns": "a*", "kind": "vector"}, "b": {"columns": "b*", "kind": "vector"}},
    )
    model = MultimodalVAE.create("cca", data, latent_dim=2, available="b")
    Trainer(epochs=4).fit(model, data, output=str(tmp_path / "run"))
    run = load_run(tmp_path / "run")
    batch = data.test[slice(None)]
    assert torch.equal(run.model.encode(batch, ["b"]).mean, model.encode(batch, ["b"]).mean)
    rows = run.measurements(metrics=["latent-classification"])
    scores = {
        row["given"]: row["value"]
        for row in rows
        if row["measure"] == "per_subset" and SubsetSize.parse(row["given"]) is None
    }
    assert set(scores) == {"b", "a+b"} and scores["b"] == scores["a+b"] > 0.7
    code, _, err = command_line("generate", tmp_path / "run", "--given", "b", "--targets", "a")
    assert code == 2
    assert "does not generate 'a'; it generates nothing" in " ".join(err.split())
    assert not (tmp_path / "run" / "figures").exists()


def test_recipes_are_there_and_resolve():
    own = [
        name
        for name in recipes()
        if name.rsplit("-two-view-mnist-", 1)[0].rsplit("-xrmb-", 1)[0].rsplit("-mirflickr-", 1)[0] in OBJECTIVES
    ]
    wanted = itertools.product(OBJECTIVES, ("two-view-mnist", "xrmb", "mirflickr"), ("desk", "paper"))
    assert set(own) == {"-".join(words) for words in wanted}
    for name in own:
        config = layered(recipe=name)
        TrainingConfig.model_validate(config["training"])
        for section, kind in (("objective", "objectives"), ("dataset", "datasets")):
            options = dict(config[section])
            load(kind, options.pop("name")).Config.model_validate(options)
