"""What CMMD and the classifier on x_O share: labels of every sort, what is observed, refusals, training in stages,
runs; and the classifier itself.
"""

import math
from dataclasses import replace

import pytest
import torch
from safetensors.torch import load_file, save_file

from mmgen import Batch, MmgenError, MultimodalVAE, Trainer, load_run
from mmgen.evaluation import Evaluation
from mmgen.testing import central_noise, check_objective, make_model, toy_data

KINDS = ("vector", "counts", "tags")
BOTH = ("cmmd", "available-only")
SMALL = {"prior_hidden": (16,), "encoder_hidden": (16,), "classifier_hidden": (8,), "dropout": 0.0}


def made(objective, data, **options):
    return make_model(objective, data, **options).requires_grad_(False)


def labelled(data, classes, **codes_of):
    """The toy data with other labels: name to a function of a table."""
    sides = {side: getattr(data, side) for side in ("train", "val", "test")}
    tables = {
        side: replace(table, labels={name: of(table) for name, of in codes_of.items()}) for side, table in sides.items()
    }
    return replace(data, **tables, labels=dict.fromkeys(codes_of, classes))


def answers(table):
    """Two yes/no answers that the class decides, some of them unknown."""
    codes = table.labels["class"]
    both = torch.stack([codes == 0, codes >= 1], 1).long()
    both[::4, 1] = -1
    both[3] = -1
    return both


def class_of(table):
    return table.labels["class"]


def without(batch):
    return Batch(batch.data, batch.available, {}, batch.rows, prepared=batch.prepared)


def changed(before, after):
    return {name for name in before if not torch.equal(before[name], after[name])}


# Labels ---------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("objective", BOTH)
def test_several_answers_have_a_sigmoid_each_and_unknown_ones_do_not_count(objective):
    data = labelled(toy_data(KINDS), ("a", "b"), parts=answers)
    model = made(objective, data)
    batch = model.prepare(data.train[:8])
    with central_noise():
        terms = model(batch)
    logits = model.classify(batch)["parts"].tolist()
    weight = 1000.0 if objective == "cmmd" else 1.0
    for b in range(8):
        total = 0.0
        for logit, code in zip(logits[b], batch.labels["parts"][b].tolist()):
            if code >= 0:
                probability = 1 / (1 + math.exp(-logit))
                total += math.log(probability if code else 1 - probability)
        assert float(terms.others["classification"][b]) == pytest.approx(weight * total, rel=1e-9, abs=1e-12)
    assert (batch.labels["parts"][3] == -1).all()
    assert terms.others["classification"][3] == 0


def test_the_encoder_sees_answers_and_zeros_for_unknown_ones():
    data = labelled(toy_data(KINDS), ("a", "b"), parts=answers)
    target = made("cmmd", data).objective.target
    assert target.columns(torch.tensor([[1, 0], [-1, 1], [-1, -1]])).tolist() == [[1, 0], [0, 1], [0, 0]]
    assert target.known(torch.tensor([[1, 0], [-1, 1], [-1, -1]])).tolist() == [True, True, False]


@pytest.mark.parametrize("objective", BOTH)
def test_two_classes_are_a_sigmoid_of_the_difference_of_the_logits(objective):
    data = labelled(toy_data(KINDS), ("no", "yes"), sick=lambda table: (class_of(table) == 1).long())
    model = made(objective, data)
    batch = model.prepare(data.train[:6])
    with central_noise():
        right = model(batch).others["classification"] / (1000.0 if objective == "cmmd" else 1.0)
    for row, (no, yes), code in zip(
        right.tolist(), model.classify(batch)["sick"].tolist(), batch.labels["sick"].tolist()
    ):
        assert row == pytest.approx(-math.log1p(math.exp(no - yes if code else yes - no)))


@pytest.mark.parametrize("objective", BOTH)
def test_rows_without_a_label_have_no_classification_and_change_nothing_else(objective):
    data = toy_data(KINDS)
    model = made(objective, data)
    batch = model.prepare(data.train[:6])
    some = replace(batch, labels={"class": torch.tensor([0, -1, 2, -1, 1, 2])})
    with central_noise():
        part, none = model(some), model(without(batch))
    assert (part.others["classification"] == 0).tolist() == [False, True, False, True, False, False]
    assert (none.others["classification"] == 0).all()
    torch.testing.assert_close(part.log_likelihood[:, [1, 3]], none.log_likelihood[:, [1, 3]])
    torch.testing.assert_close(part.divergence[[1, 3]], none.divergence[[1, 3]])


def test_required_labels_are_the_objective_of_the_labelled_rows_alone():
    data = toy_data(KINDS)
    model = made("cmmd", data, supervision="required")
    batch = model.prepare(data.train[:8])
    codes = torch.tensor([0, -1, 2, -1, 1, 2, -1, -1])
    kept = (codes >= 0).nonzero().squeeze(1)
    with central_noise():
        whole = model(replace(batch, labels={"class": codes})).value(0.7)
        alone = model(batch[kept]).value(0.7)
        nothing = model(replace(batch, labels={"class": torch.full((8,), -1)})).value(0.7)
    torch.testing.assert_close(whole.mean(), alone.mean())
    assert (nothing == 0).all()


def test_ignored_labels_are_no_labels():
    data = toy_data(KINDS)
    ignoring, usual = made("cmmd", data, supervision="none"), made("cmmd", data)
    batch = data.train[:8]
    with central_noise():
        torch.testing.assert_close(ignoring(batch).value(1.0), usual(without(batch)).value(1.0), rtol=0, atol=0)
        assert not torch.allclose(ignoring(batch).divergence, usual(batch).divergence)


# Stages ---------------------------------------------------------------------------------------------------------------


def test_two_stages_train_without_labels_and_then_with_them():
    data = toy_data(KINDS, rows=48)
    data.train.labels["class"][::2] = -1
    model = MultimodalVAE.create("cmmd", data, latent_dim=3, **SMALL)
    start = {name: value.clone() for name, value in model.state_dict().items()}
    options = {"batch_size": 16, "learning_rate": 1e-2}
    first = MultimodalVAE.create("cmmd", data, latent_dim=3, **SMALL)
    stages = [{"epochs": 4, "objective": {"supervision": "none"}}, {"objective": {"supervision": "required"}}]
    Trainer(epochs=5, stages=stages, **options).fit(model, data)
    Trainer(epochs=4, stages=[{"objective": {"supervision": "none"}}], **options).fit(first, data)
    moved = changed(start, first.state_dict())
    assert "objective.encoder.trunk.layers.0.weight" in moved
    assert not any(name.startswith("objective.classifier") for name in moved), (
        "the classifier is fresh after the first stage"
    )
    columns = slice(-3, None)
    weight = "objective.encoder.trunk.layers.0.weight"
    assert torch.equal(start[weight][:, columns], first.state_dict()[weight][:, columns]), (
        "so are the columns of the label"
    )
    assert not torch.equal(start[weight][:, : columns.start], first.state_dict()[weight][:, : columns.start])
    assert not torch.equal(model.state_dict()[weight][:, columns], start[weight][:, columns]), (
        "both learn in the second"
    )
    assert any(name.startswith("objective.classifier") for name in changed(start, model.state_dict()))


def test_stages_record_no_classification_before_there_are_labels():
    data = toy_data(KINDS, rows=48)
    data.train.labels["class"][::3] = -1
    model = MultimodalVAE.create("cmmd", data, latent_dim=3, **SMALL)
    stages = [{"epochs": 3, "objective": {"supervision": "none"}}, {"objective": {"supervision": "required"}}]
    history = Trainer(epochs=12, stages=stages, batch_size=16, learning_rate=1e-2).fit(model, data).history
    answered = [record["train"]["classification"] for record in history]
    assert answered[:3] == [0, 0, 0]
    assert answered[3] < answered[-1] < 0
    assert history[2]["train"]["log_likelihood.tags"] > history[0]["train"]["log_likelihood.tags"]
    with pytest.raises(
        MmgenError,
        match=r"cannot change its option 'kl' between stages; it can change supervision, omega, alpha, mmd_weight\.",
    ):
        Trainer(epochs=2, stages=[{"objective": {"kl": "cmmd_code"}}]).fit(model, data)


# What is inferred, generated and answered -----------------------------------------------------------------------------


def test_it_infers_from_what_is_observed_and_looks_at_nothing_else():
    data = toy_data(KINDS)
    model = made("cmmd", data, observed=("vector", "tags"))
    batch = data.test[:5]
    prior = model.objective.latent(model.objective.x_o(model.prepare(batch)))
    other = replace(batch, data={**batch.data, "counts": batch.data["counts"] + 3}, labels={})
    for rows, given in ((batch, ["vector", "tags"]), (batch, None), (other, None)):
        posterior = model.encode(rows, given)
        torch.testing.assert_close(posterior.mean, prior.mean)
        torch.testing.assert_close(posterior.variance, prior.variance)
    lacking = batch.restrict(
        torch.tensor([[True, True, False], [True, False, True], [False, True, True], [True] * 3, [False] * 3])
    )
    posterior = model.encode(lacking)
    nothing = torch.tensor([0, 2, 4])
    assert (posterior.mean[nothing] == 0).all()
    assert (posterior.variance[nothing] == 1).all()
    torch.testing.assert_close(posterior.mean[[1, 3]], prior.mean[[1, 3]])
    guess = model.objective.classifier(torch.zeros(3, 3, dtype=torch.float64))
    torch.testing.assert_close(model.classify(lacking)["class"][nothing], guess)
    assert [
        s
        for s in (["vector"], ["counts", "tags"], [], ["tags", "vector"], list(KINDS))
        if model.objective.infers(model, s)
    ] == [
        ["tags", "vector"],
        list(KINDS),
    ]


def test_it_decodes_the_mean_beside_what_is_observed():
    data = toy_data(KINDS)
    model = made("cmmd", data)
    batch = data.test[:5]
    prepared = model.prepare(batch)
    z = torch.cat([model.encode(batch, ["vector"]).mean, prepared.data["vector"]], 1)
    generated = model.generate(batch, ["vector"], samples=2)
    assert list(generated) == ["counts", "tags"]
    for name, values in generated.items():
        for sample in values:
            torch.testing.assert_close(sample, model.output(z, name))
    found = Evaluation(model, data, batch_size=7).generation(("vector", "tags"), "counts").values
    torch.testing.assert_close(found[:5], model.output(z, "counts"))
    torch.testing.assert_close(model.classify(batch)["class"], model.objective.classifier(z[:, :3]))
    lacking = batch.restrict(torch.tensor([False, True, True]).expand(5, -1))
    torch.testing.assert_close(
        model.generate(lacking, targets=["tags"])["tags"][0], model.output(torch.zeros_like(z), "tags")
    )


def test_what_it_cannot_generate_or_infer_ends_in_a_sentence():
    data = toy_data(KINDS)
    model = made("cmmd", data)
    with pytest.raises(MmgenError, match=r"'cmmd' does not generate 'vector'; it generates counts, tags\."):
        model.generate(data.test[:2], ["vector"], ["vector"])
    with pytest.raises(
        MmgenError, match=r"infers nothing from counts\+tags alone; it can from vector, vector\+counts, vector\+tags\."
    ):
        model.generate(data.test[:2], ["counts", "tags"])
    with pytest.raises(MmgenError, match="has no prior to generate from"):
        model.generate()
    with pytest.raises(MmgenError, match="generates nothing: it has no decoders"):
        made("available-only", data).generate(data.test[:2])


def test_gaussians_are_the_conditional_prior_and_the_encoder_with_the_true_label():
    data = toy_data(KINDS)
    model = made("cmmd", data, observed=("counts", "vector"))
    objective, batch = model.objective, model.prepare(data.test[:6])
    found = objective.gaussians(model, batch)
    assert list(found) == ["p(z|vector,counts)", "q(z|vector,counts,tags,class)"]
    prior, posterior = found.values()
    torch.testing.assert_close(prior.mean, model.encode(batch, ["vector", "counts"]).mean)
    values = torch.cat([batch.data["vector"], torch.log1p(batch.data["counts"]), batch.data["tags"]], 1)
    label = torch.eye(3, dtype=torch.float64)[batch.labels["class"]]
    torch.testing.assert_close(posterior.mean, objective.encoder(torch.cat([values, label], 1))[0])
    assert made("available-only", data).objective.gaussians(model, batch) == {}


# Options that do not fit ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("objective", BOTH)
@pytest.mark.parametrize(
    ("observed", "sentence"),
    [
        (["word"], r"objective\.observed: there is no modality 'word'; there are vector, counts, tags\."),
        (
            ["tags", "vector", "counts"],
            r"objective\.observed: tags, vector, counts are all the modalities there are; at least one must be left",
        ),
        (
            [],
            r"objective\.observed: the list is empty; name at least one modality, "
            r"or leave the option out to observe the first\.",
        ),
        (
            ["tags", "tags"],
            r"objective\.observed: the modality 'tags' is named more than once; name each of them once\.",
        ),
    ],
)
def test_a_list_of_observed_modalities_that_does_not_fit(objective, observed, sentence):
    with pytest.raises(MmgenError, match=sentence):
        made(objective, toy_data(KINDS), observed=observed)


@pytest.mark.parametrize("objective", BOTH)
def test_a_label_that_does_not_fit(objective):
    data = toy_data(KINDS)
    with pytest.raises(MmgenError, match=r"objective\.label: there is no label 'klass'; there are class\."):
        made(objective, data, label="klass")
    two = labelled(data, ("x", "y", "z"), colour=class_of, shape=class_of)
    with pytest.raises(MmgenError, match=r"objective\.label: say which of the labels to predict: colour, shape\."):
        made(objective, two)
    assert list(made(objective, two, label="shape").classify(data.test[:2])) == ["shape"]
    with pytest.raises(
        MmgenError, match=rf"The objective '{objective}' needs labels, and the dataset 'toy' has none\."
    ):
        made(objective, labelled(data, ()))
    with pytest.raises(
        MmgenError, match=r"needs every modality in every training row, and \d+ of 48 rows of 'toy' lack some"
    ):
        Trainer(epochs=1).fit(made(objective, toy_data(KINDS, missing=0.4)), toy_data(KINDS, missing=0.4))


@pytest.mark.parametrize("option", ["omega", "alpha", "mmd_weight", "dropout"])
def test_numbers_out_of_range_are_refused(option):
    with pytest.raises(MmgenError, match=rf"objective\.{option}: "):
        made("cmmd", toy_data(KINDS), **{option: -0.1})


def test_one_batch_is_one_piece():
    data = toy_data(KINDS)
    with pytest.raises(MmgenError, match=r"training\.microbatches must be 1"):
        Trainer(epochs=1, microbatches=2).fit(made("cmmd", data), data)


def test_small_initial_weights_are_those_of_the_released_code():
    model = made("cmmd", toy_data(KINDS), initial="small")
    layers = [
        module
        for part in (model.objective, model.decoders)
        for module in part.modules()
        if isinstance(module, torch.nn.Linear)
    ]
    assert len(layers) > 10
    assert all((layer.bias == 0).all() for layer in layers)
    weights = torch.cat([layer.weight.flatten() for layer in layers])
    assert float(weights.std()) == pytest.approx(1e-3, rel=0.02)
    assert float(weights.mean().abs()) < 2e-5


def test_dropout_is_after_every_hidden_layer_of_the_three_networks():
    model = made("cmmd", toy_data(KINDS), prior_hidden=(8, 7), encoder_hidden=(9,), classifier_hidden=(6, 5, 4))
    layers = [type(module).__name__ for module in model.objective.modules()]
    assert layers.count("Dropout") == layers.count("Softplus") == 6


# The classifier on what is observed -----------------------------------------------------------------------------------


def test_the_classifier_is_a_perceptron_with_tanh_whose_last_hidden_layer_is_encoded():
    data = toy_data(KINDS)
    model = MultimodalVAE.create("available-only", data).double().eval().requires_grad_(False)
    batch = model.prepare(data.test[:5])
    [(first, a), (second, b), (last, c)] = [
        (m.weight, m.bias) for m in model.objective.modules() if isinstance(m, torch.nn.Linear)
    ]
    assert [list(w.shape) for w in (first, second, last)] == [[70, 5], [70, 70], [3, 70]]
    hidden = torch.tanh(torch.tanh(batch.data["vector"] @ first.T + a) @ second.T + b)
    posterior = model.encode(batch)
    torch.testing.assert_close(posterior.mean, hidden)
    assert (posterior.variance == 0).all()
    torch.testing.assert_close(model.classify(batch)["class"], hidden @ last.T + c)
    terms, scores = model(batch), (hidden @ last.T + c).tolist()
    for row, (logits, code) in enumerate(zip(scores, batch.labels["class"].tolist())):
        expected = logits[code] - math.log(sum(math.exp(x) for x in logits))
        assert float(terms.value(5.0)[row]) == pytest.approx(expected)


def test_the_classifier_holds_the_contract():
    check_objective("available-only")
    check_objective("available-only", ("text", "labels"))


# Runs -----------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("objective", BOTH)
def test_a_run_is_trained_loaded_evaluated_and_answers(objective, tmp_path, monkeypatch):
    monkeypatch.setenv("MMGEN_CACHE", str(tmp_path / "cache"))
    data = toy_data(KINDS, rows=48)
    options = SMALL if objective == "cmmd" else {"hidden": (16,)}
    model = MultimodalVAE.create(objective, data, latent_dim=4, **options)
    run = Trainer(epochs=25, batch_size=16, learning_rate=2e-2).fit(model, data, str(tmp_path / "run"))
    again, batch = load_run(tmp_path / "run").model, data.test[slice(None)]
    torch.testing.assert_close(again.encode(batch, ["vector"]).mean, model.encode(batch).mean, rtol=0, atol=0)
    logits = again.classify(batch)["class"]
    torch.testing.assert_close(logits, model.classify(batch)["class"], rtol=0, atol=0)
    assert (logits.argmax(1) == batch.labels["class"]).double().mean() > 0.9
    rows = run.measurements(
        metrics=["reconstruction", "latent-classification"], **{"latent-classification": {"probes": ["per_subset"]}}
    )
    given = {row["given"] for row in rows}
    assert {"vector", "vector+counts", "vector+tags", "vector+counts+tags"} <= given
    assert not given & {"counts", "tags", "counts+tags"}
    decoded = {row["target"] for row in rows if row["metric"] == "reconstruction"}
    assert decoded == ({"counts", "tags", "counts+tags"} if objective == "cmmd" else set())
    assert next(row["value"] for row in rows if row["measure"] == "per_subset" and row["given"] == "vector") > 0.9


@pytest.mark.parametrize("objective", BOTH)
def test_saved_tensors_are_the_whole_model(objective, tmp_path):
    data = labelled(toy_data(KINDS), ("a", "b"), parts=answers)
    model = made(objective, data, observed=("tags", "counts"))
    save_file(model.state_dict(), tmp_path / "model.safetensors")
    again = MultimodalVAE.rebuild(model.description).double().eval()
    again.load_state_dict(load_file(tmp_path / "model.safetensors"))
    with central_noise():
        torch.testing.assert_close(again(data.train[:5]).value(1.0), model(data.train[:5]).value(1.0), rtol=0, atol=0)
    torch.testing.assert_close(
        again.classify(data.test[:5])["parts"], model.classify(data.test[:5])["parts"], rtol=0, atol=0
    )
