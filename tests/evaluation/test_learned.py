"""What a model has learned, against closed forms of linear decoders and the definitions word by word."""

import math
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
import torch

import mmgen
from mmgen import Evaluation, MultimodalVAE
from mmgen.data import Data, MixedModality, Provenance, Table
from mmgen.errors import MmgenError
from mmgen.evaluation.collapse import PosteriorCollapse
from mmgen.evaluation.data_figures import missingness_figure, predicted_figure
from mmgen.evaluation.decoder_inputs import decoder_inputs
from mmgen.evaluation.expected_columns import expected_columns
from mmgen.evaluation.learned_drawing import loadings_figure, variance_figure
from mmgen.evaluation.loadings import loadings, loadings_frame
from mmgen.evaluation.modality_gain import ModalityGain, ModalityGainConfig
from mmgen.evaluation.predictions import predictions, score
from mmgen.evaluation.variance_explained import Explained, VarianceExplained, VarianceExplainedConfig
from mmgen.models.latent_use import latent_use
from mmgen.models.linear_start import start_linear
from mmgen.testing import make_model, toy_data
from mmgen.testing.toys import ToyDataset, world_model, world_table
from mmgen.testing.worlds import LinearGaussianWorld

pytestmark = pytest.mark.usefixtures("as_long_as_usual")


@pytest.fixture(scope="module")
def world():
    return LinearGaussianWorld(dims=(4, 3, 2), latent_dim=2, orthogonal=True, seed=3)


@pytest.fixture(scope="module")
def linear(world):
    """The world's own model on 200 training and 150 test rows of it."""
    model = world_model(world)
    train, test = (world_table([part.double() for part in world.sample(n)[1]]) for n in (200, 150))
    provenance = Provenance("simulated", "A linear-Gaussian world.")
    data = Data("world", ToyDataset(), model.modalities, train, train, test, {}, provenance, "world")
    return Evaluation(model, data)


def number(rows, measure, target, label=""):
    (found,) = (r["value"] for r in rows if (r["measure"], r["target"], r["label"]) == (measure, target, label))
    return found


def test_variance_explained_is_the_closed_form_of_a_linear_decoder(world, linear):
    rows = VarianceExplained().compute(linear)
    test, train = linear.data.test, linear.data.train
    x = [test.data[f"m{m}"] for m in range(3)]
    z, _ = world.posterior(x)
    for m in range(3):
        variances = train.data[f"m{m}"].var(0, correction=0)
        for label, kept in (("z0", [0]), ("z1", [1]), ("", [0, 1])):
            whole = left = 0.0
            for c in range(world.dims[m]):  # one column after the other, and one row after the other
                values = x[m][:, c].tolist()
                guesses = [sum(float(world.loadings[m][c, k] * z[i, k]) for k in kept) for i in range(len(values))]
                rest = [value - guess for value, guess in zip(values, guesses, strict=True)]
                for series, which in ((values, "whole"), (rest, "left")):
                    middle = sum(series) / len(series)
                    squares = sum((each - middle) ** 2 for each in series) / float(variances[c])
                    whole, left = (whole + squares, left) if which == "whole" else (whole, left + squares)
            measure = "r2_of_dimension" if label else "r2"
            assert number(rows, measure, f"m{m}", label) == pytest.approx(1 - left / whole, abs=1e-9)


def test_loadings_are_weights_in_standard_deviations(world, linear):
    x = [linear.data.test.data[f"m{m}"] for m in range(3)]
    z, covariance = world.posterior(x)
    spread = (z.var(0, correction=0) + covariance.diagonal(dim1=1, dim2=2).mean(0)).sqrt()
    frame = loadings_frame(linear)
    assert frame.columns.tolist() == ["z0", "z1"]
    for m in range(3):
        deviations = linear.data.train.data[f"m{m}"].std(0, correction=0)
        expected = world.loadings[m] * spread / deviations[:, None]
        assert frame.loc[f"m{m}"].to_numpy() == pytest.approx(expected.numpy(), abs=1e-6)


def test_gain_is_what_a_prediction_loses(world, linear):
    """z is drawn, so the closed form, of the mean, is met to within the noise of many draws."""
    rows = ModalityGain(ModalityGainConfig(draws=400)).compute(linear)
    test, train = linear.data.test, linear.data.train
    x = [test.data[f"m{m}"] for m in range(3)]

    def r2(target, given):
        mask = torch.zeros(len(test), 3, dtype=torch.bool)
        mask[:, given] = True
        z, _ = world.posterior(x, mask)
        predicted = z @ world.loadings[target].T + world.offsets[target]
        variances = train.data[f"m{target}"].var(0, correction=0)
        left = ((x[target] - predicted) ** 2 / variances).sum()
        return float(1 - left / ((x[target] - x[target].mean(0)) ** 2 / variances).sum())

    for target in range(3):
        one, two = (m for m in range(3) if m != target)
        whole = r2(target, [one, two])
        assert number(rows, "r2", f"m{target}") == pytest.approx(whole, abs=0.03)
        for kept, left_out in ((one, two), (two, one)):
            found = number(rows, "gain", f"m{target}", f"m{left_out}")
            assert found == pytest.approx(whole - r2(target, [kept]), abs=0.04)


def test_without_any_other_modality_the_score_is_that_of_the_mean():
    data = toy_data(("vector", "labels"))
    rows = ModalityGain().compute(Evaluation(make_model("elbo", data).float(), data))
    assert number(rows, "gain", "vector", "labels") == number(rows, "r2", "vector")
    usual = data.train.data["labels"].flatten().mode().values
    chance = float((data.test.data["labels"].flatten() == usual).double().mean())
    assert number(rows, "accuracy_gain", "labels", "vector") == pytest.approx(
        number(rows, "accuracy", "labels") - chance
    )


KINDS = ("vector", "counts", "tags", "labels", "text", "image")


@pytest.mark.parametrize(
    "options",
    [
        {"aggregator": "poe"},
        {"aggregator": "moe"},
        {"aggregator": "none"},
        {"private_dim": 2},
        {"private_dim": {"vector": 1, "text": 2}, "aggregator": "mopoe"},
    ],
    ids=str,
)
def test_every_kind_of_model_and_modality(options):
    data = toy_data(KINDS, missing=0.3, cells=0.2, covariates=True)
    evaluation = Evaluation(MultimodalVAE.create("elbo", data, latent_dim=3, **options), data)
    rows = VarianceExplained().compute(evaluation)
    labels = {target: [r["label"] for r in rows if r["target"] == target and r["label"]] for target in KINDS}
    private = options.get("private_dim", 0)
    for target in KINDS:
        own = private if isinstance(private, int) else private.get(target, 0)
        assert labels[target] == ["z0", "z1", "z2", *(f"w{k}" for k in range(own)), "covariates"]
    assert all(math.isfinite(r["value"]) and (r["value"] <= 1 or r["measure"] == "empty_dimensions") for r in rows)
    frame = loadings_frame(evaluation)
    assert {*frame.index.get_level_values(0)} == {*KINDS} - {"text"}
    assert frame.loc[("image", "(pixels)"), "z0"] >= 0
    assert frame.loc["labels"].index.tolist() == ["labels=x", "labels=y", "labels=z"]
    assert ModalityGain().compute(evaluation)
    assert predicted_figure(evaluation) is not None and missingness_figure(evaluation) is not None
    for metric in (VarianceExplained(), ModalityGain()):
        assert metric.figures(evaluation)


@pytest.mark.parametrize("objective", ["cmmd", "vcca-private", "joint", "independent", "cca"])
def test_objectives_that_are_unlike_others(objective):
    """Decoders that see more than z, posteriors of everything alone, own latents, and no decoders at all."""
    data = toy_data(("vector", "counts"), rows=60)
    model = MultimodalVAE.create(objective, data, latent_dim=2)
    with torch.no_grad():
        model.solve(data.train)
    evaluation = Evaluation(model, data)
    explains, gains = VarianceExplained(), ModalityGain()
    if objective == "cca":
        assert explains.unavailable_reason(evaluation) == gains.unavailable_reason(evaluation)
        assert loadings(evaluation) == []
        return
    rows = explains.compute(evaluation)
    assert explains.unavailable_reason(evaluation) is None and loadings(evaluation)
    assert ("context" in {r["label"] for r in rows}) == (objective in ("cmmd", "vcca-private"))
    assert (gains.unavailable_reason(evaluation) is None) == (objective != "joint")


def test_probabilities_of_categories_sum_to_one():
    data = toy_data(("labels", "vector"))
    evaluation = Evaluation(make_model("elbo", data), data)
    columns, inputs = expected_columns(evaluation, "labels"), decoder_inputs(evaluation, "labels", 10)
    found = columns.expected(evaluation.model.decode(inputs.values, "labels").detach())
    logits = evaluation.model.decode(inputs.values, "labels").detach()
    assert found.numpy() == pytest.approx(logits.softmax(1)[..., 0].numpy())
    assert loadings(evaluation)[0].values.shape == (3, evaluation.model.config.latent_dim)


def test_pixels_are_measured_in_the_units_that_they_are_generated_in():
    data = toy_data(("image", "vector"))
    evaluation = Evaluation(make_model("elbo", data).float(), data)
    columns = expected_columns(evaluation, "image")
    found, there = columns.measured(data.test, torch.arange(4))
    assert data.test.data["image"].dtype == torch.uint8 and there.all()
    assert found.numpy() == pytest.approx(data.test.data["image"][:4].flatten(1).numpy() / 255, abs=1e-6)
    pixels = data.train.data["image"].double().flatten(1) / 255
    assert columns.mean.numpy() == pytest.approx(pixels.mean(0).numpy(), abs=1e-6)
    spread = pixels.var(0, correction=0).mean().sqrt()
    assert columns.scale.numpy() == pytest.approx(float(spread), rel=1e-5)


def mixed_data():
    modality = MixedModality(
        shape=(3,),
        columns=("age", "ward", "ill"),
        likelihoods={"ward": "categorical", "ill": "bernoulli"},
        categories={"ward": ("a", "b", "c")},
        hidden=(8,),
    )
    toy = toy_data(("vector",))

    def table(old):
        label = old.labels["class"]
        values = torch.stack([50.0 + 9 * label + old.data["vector"][:, 0], label.float(), (label > 1).float()], 1)
        return Table.of({"notes": values, "vector": old.data["vector"]}, labels=old.labels)

    parts = (table(part) for part in (toy.train, toy.val, toy.test))
    return Data(
        "mixed", toy.dataset, {"notes": modality, **toy.modalities}, *parts, toy.labels, toy.provenance, "mixed"
    )


def test_mixed_columns_keep_their_order_and_names():
    data = mixed_data()
    evaluation = Evaluation(MultimodalVAE.create("elbo", data, latent_dim=2), data)
    columns = expected_columns(evaluation, "notes")
    assert columns.names() == ["age", "ward=a", "ward=b", "ward=c", "ill"]
    found, there = columns.measured(data.test, torch.arange(3))
    assert there.all() and found[:, 1:4].tolist() == torch.eye(3).tolist()
    inputs = decoder_inputs(evaluation, "notes", 100)
    parameters = evaluation.model.decode(inputs.values, "notes").detach()
    expected = columns.expected(parameters)
    assert expected[:, 1:4].sum(1).numpy() == pytest.approx(1, abs=1e-6)
    mean = evaluation.model.output(inputs.values, "notes").detach()
    assert expected[:, 0].numpy() == pytest.approx(mean[:, 0].numpy(), rel=1e-5)
    assert expected[:, 4].numpy() == pytest.approx(mean[:, 2].numpy(), rel=1e-5)
    assert columns.scale[1] == columns.scale[2] == columns.scale[3]
    assert columns.scale[1] ** 2 == pytest.approx(float((columns.deviation[1:4] ** 2).sum()))
    assert VarianceExplained().compute(evaluation) and ModalityGain().compute(evaluation)


@pytest.mark.parametrize(("share", "text"), [(0.0004, "0.040"), (0.005, "0.50"), (0.42, "42"), (0.0, "0.00")])
def test_the_colours_of_variance_explained_span_what_there_is(share, text):
    data = toy_data(rows=12)
    evaluation = Evaluation(make_model("elbo", data), data)
    found = [Explained("vector", share, {"z0": share, "z1": share / 4}, np.arange(3), False, 0)]
    axes = variance_figure(evaluation, found).axes[0]
    assert axes.images[0].get_clim() == pytest.approx((0, 100 * share or 1))
    assert axes.texts[0].get_text() == text


def test_one_count_of_empty_dimensions_is_told_by_all_and_they_have_no_panels():
    data = toy_data(("vector", "counts"), rows=40)
    model = make_model("elbo", data, latent_dim=4).float()
    with torch.no_grad():
        for encoder in model.encoders:
            for head in (encoder.head.mean, encoder.head.spread):
                head.weight[[1, 3]] = 0
                head.bias[[1, 3]] = 0
    evaluation = Evaluation(model, data)
    use = latent_use(model, data.val, "val", lambda rows: data.val[rows], batch_size=7, seed=0)
    explained, collapsed = VarianceExplained().compute(evaluation), PosteriorCollapse().compute(evaluation)
    assert use.empty == (1, 3) and use.rows == len(data.val)
    for rows in (explained, collapsed):
        (count,) = (r for r in rows if r["measure"] == "empty_dimensions")
        assert (count["value"], count["n"], count["note"]) == (2, 20, "the same for all 20 validation rows")
    of_one = [r for r in explained if r["measure"] == "r2_of_dimension" and r["label"].startswith("z")]
    assert all(("an empty dimension" in r["note"]) == (r["label"] in ("z1", "z3")) for r in of_one)
    figure = loadings_figure(evaluation, loadings(evaluation))
    assert [axes.get_title() for axes in figure.axes if axes.get_visible()] == ["z0", "z2"]
    assert "2 empty dimensions are left out: the same for every row" in figure.get_suptitle()
    assert loadings_frame(evaluation).columns.tolist() == ["z0", "z1", "z2", "z3"], "the file has all"
    whole = VarianceExplained().figures(evaluation)["variance-explained"]
    assert "2 of 4 latent dimensions are empty" in whole.get_suptitle()


def test_what_a_negative_share_means_is_said(monkeypatch):
    data = toy_data(rows=12)
    evaluation = Evaluation(make_model("elbo", data).float(), data)
    for share, said in ((-0.03, True), (0.03, False)):
        found = [Explained("vector", 0.4, {"z0": 0.4, "covariates": share}, np.arange(3), False, 0)]
        monkeypatch.setattr(VarianceExplained, "_explained", lambda self, evaluation, found=found: found)
        rows = VarianceExplained().compute(evaluation)
        notes = {r["label"]: r["note"] for r in rows if r["target"] == "vector"}
        assert ("further from these rows than their mean" in notes["covariates"]) == said
        assert notes[""] == ""
        title = VarianceExplained().figures(evaluation)["variance-explained"].get_suptitle()
        assert ("below 0: what is decoded is further from these rows than their mean" in title) == said


def test_predictions_are_inferred_as_impute_infers(monkeypatch):
    """By the model's own likelihood where it can. E[x | z] is linear in z here, so that its mean is known."""
    random = np.random.default_rng(0)
    z = random.normal(size=(90, 2))
    tables = {name: z @ random.normal(size=(2, 3)) + 0.5 * random.normal(size=(90, 3)) for name in "abc"}
    data = mmgen.load_dataset(tables, modalities={name: {"kind": "vector"} for name in tables})
    torch.manual_seed(0)
    model = MultimodalVAE.create("elbo", data, latent_dim=2).eval()
    start_linear(model, data.train, data.val)
    evaluation = Evaluation(model, data)
    own, reason = evaluation.inference()
    assert own is not None, reason
    monkeypatch.setattr(MultimodalVAE, "sample_latents", None)  # which is how encoders are asked
    found = predictions(evaluation, ("a", "b"), "c", most=10, draws=4000)
    batch = model.prepare(data.test[found.places])
    with torch.no_grad():
        posterior = own.posterior(batch, model.mask(batch, ("a", "b")))
        expected = model.output(posterior.mean.float(), "c")
        draws = posterior.rsample((200,)).float()
        spread = float(model.output(draws.flatten(0, 1), "c").unflatten(0, (200, -1)).std(0).max())
    assert found.predicted.numpy() == pytest.approx(expected.numpy(), abs=5 * spread / math.sqrt(4000))
    assert score(found) > 0.3
    assert ModalityGain().compute(evaluation) and predicted_figure(evaluation) is not None


def test_a_decoder_that_ignores_a_dimension_has_no_loading_on_it():
    data = toy_data(("vector", "tags"))
    model = make_model("elbo", data, latent_dim=3)
    with torch.no_grad():
        for decoder in model.decoders:
            first = next(layer for layer in decoder.modules() if isinstance(layer, torch.nn.Linear))
            first.weight[:, 1] = 0
    evaluation = Evaluation(model, data)
    assert (loadings_frame(evaluation)["z1"] == 0).all()
    rows = VarianceExplained().compute(evaluation)
    assert number(rows, "r2_of_dimension", "vector", "z1") == pytest.approx(0, abs=1e-9)


def test_a_column_that_never_varies_has_no_loading():
    data = toy_data(("vector", "tags"))
    for part in (data.train, data.val, data.test):
        part.data["vector"][:, 2] = 7
    evaluation = Evaluation(make_model("elbo", data).float(), data)
    frame = loadings_frame(evaluation)
    assert frame.loc["vector"].isna().all(axis=1).tolist() == [False, False, True, False, False]
    assert VarianceExplained().compute(evaluation)


def test_dimensions_beyond_so_many_have_no_rows_and_it_is_said():
    data = toy_data(("vector", "tags"))
    evaluation = Evaluation(make_model("elbo", data, latent_dim=4), data)
    metric = VarianceExplained(VarianceExplainedConfig(dimensions=3))
    assert {r["label"] for r in metric.compute(evaluation)} == {"", "z0", "z1", "z2"}
    assert metric.omissions(evaluation) == [
        "the last 1 dimensions have no numbers of their own (its option dimensions)"
    ]


def test_modalities_beyond_so_many_are_given_always():
    data = toy_data(("vector", "counts", "tags"))
    evaluation = Evaluation(make_model("elbo", data), data)
    metric = ModalityGain(ModalityGainConfig(modalities=2))
    rows = metric.compute(evaluation)
    gains = [r for r in rows if r["measure"] == "gain"]
    assert len(gains) == 2 and metric.omissions(evaluation)


def test_texts_alone_have_no_loadings():
    data = toy_data(("text",))
    with pytest.raises(MmgenError, match="texts have no columns"):
        loadings_frame(Evaluation(make_model("elbo", data).float(), data))


def test_nothing_missing_has_no_map():
    data = toy_data(("vector", "tags"))
    assert missingness_figure(Evaluation(make_model("elbo", data), data)) is None


def test_only_rows_with_the_left_out_modality_count(linear):
    test = linear.data.test
    available = test.available.clone()
    available[:100, 1] = False
    data = replace(linear.data, test=replace(test, available=available))
    rows = ModalityGain().compute(Evaluation(linear.model, data))
    counts = {(r["target"], r["label"]): r["n"] for r in rows}
    assert counts["m0", ""] == 150 and counts["m0", "m1"] == 50 and counts["m1", "m2"] == 50


def test_what_stands_in_empty_cells_is_not_read():
    data = toy_data(("vector", "counts", "tags"), cells=0.3, missing=0.2)
    model = make_model("elbo", data).float()

    def filled(table):
        values = {
            name: torch.where(table.observed_cells(name), rows[:], torch.ones_like(rows[:]))
            for name, rows in table.data.items()
        }
        return replace(table, data=values)

    other = replace(data, **{side: filled(getattr(data, side)) for side in ("train", "val", "test")})
    one, two = Evaluation(model, data), Evaluation(model, other)
    for metric in (VarianceExplained(), ModalityGain()):
        assert metric.compute(one) == metric.compute(two)
    assert loadings_frame(one).equals(loadings_frame(two))


def test_a_run_has_loadings(tmp_path):
    run = mmgen.train("elbo", {"rna": frame("g"), "clinic": frame("c")}, epochs=1, quiet=True, output=tmp_path / "run")
    found = run.loadings()
    assert isinstance(found, pd.DataFrame) and found.index.names == ["modality", "column"]
    assert found.loc["rna"].index.tolist() == ["g0", "g1", "g2"]


def frame(prefix):
    random = np.random.default_rng(len(prefix))
    return pd.DataFrame(random.normal(size=(60, 3)), columns=[f"{prefix}{i}" for i in range(3)])
