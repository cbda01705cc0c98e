"""Objectives that encode or generate only some modalities, decode from more than z, classify, or are found in closed
form.
"""

import pytest
import torch
from safetensors.torch import load_file
from torch import nn

from mmgen import MmgenError, MultimodalVAE, Objective, Terms, Trainer
from mmgen.distributions import Gaussian, Mixture
from mmgen.evaluation import Evaluation
from mmgen.evaluation.grids import generation_grids
from mmgen.runs import Run
from mmgen.testing import toy_data


class Conditional(Objective):
    """q(z | vector), p(counts | z, vector), p(class | z): what is observed is not generated, and decoders see it beside
    z.
    """

    decodes_mean = True

    def encodes(self, modalities, latent_dim):
        return {"vector": latent_dim}

    def decodes(self, modalities, latent_dim):
        return {"counts": latent_dim + 5}

    def build(self, model):
        self.classifier = nn.Linear(model.config.latent_dim, len(model.labels["class"]))

    def taken(self, z, batch):
        return torch.cat([z, batch.data["vector"].expand(*z.shape[:-1], -1)], -1)

    def terms(self, model, batch):
        q = model.experts(batch)[0]
        z = q.rsample()
        right = -nn.functional.cross_entropy(self.classifier(q.mean), batch.labels["class"], reduction="none")
        return Terms(
            model.log_likelihood([z, self.taken(z, batch), z], batch, per_modality=True),
            q.mean.square().sum(-1),
            {"class": right},
        )

    def posterior(self, model, batch, experts, given):
        return Mixture.of(experts[0].map(lambda value: value.expand(*given.shape[:-1], -1)))

    def infers(self, model, given):
        return "vector" in given

    def decoder_input(self, model, z, target, batch, given):
        return self.taken(z, batch)

    def classify(self, model, batch):
        return {"class": self.classifier(model.experts(batch)[0].mean)}


class ClosedForm(Objective):
    """z is the first columns of one modality around their training mean: nothing learns by gradient, and nothing is
    generated.
    """

    whole_batch = True

    def encodes(self, modalities, latent_dim):
        return {}

    def decodes(self, modalities, latent_dim):
        return {}

    def build(self, model):
        self.register_buffer("centre", torch.zeros(model.config.latent_dim))

    def terms(self, model, batch):
        zeros = batch.data["vector"].new_zeros(len(batch))
        return Terms(zeros.expand(len(model.modalities), -1), zeros)

    def solve(self, model, train):
        self.centre.copy_(model.prepare(train[slice(None)]).data["vector"][:, : len(self.centre)].mean(0) + 7)

    def posterior(self, model, batch, experts, given):
        z = (batch.data["vector"][:, : len(self.centre)] - self.centre).expand(*given.shape[:-1], -1)
        return Mixture.of(Gaussian(z, torch.full_like(z, -torch.inf)))


@pytest.fixture
def data():
    return toy_data(("vector", "counts", "tags"), rows=48)


def model_of(kind, data):
    torch.manual_seed(0)
    example = MultimodalVAE.create("elbo", data, latent_dim=2)
    model = MultimodalVAE(
        data.modalities,
        kind(kind.Config(), example.objective.aggregate, example.objective.prior_for),
        example.config,
        data.labels,
    )
    model.description = {**example.description, "objective": {"name": kind.__name__}}
    model.fit_transforms(data.train)
    return model


def test_only_what_is_declared_has_networks(data):
    model = model_of(Conditional, data)
    parts = {".".join(name.split(".")[:2]) for name, _ in model.named_parameters()}
    assert parts - {"likelihoods.1"} == {"encoders.0", "decoders.1", "objective.classifier"}
    terms = model(data.train[:6])
    assert (terms.log_likelihood[[0, 2]] == 0).all() and (terms.log_likelihood[1] != 0).all()
    terms.value(1.0).sum().backward()
    assert all(parameter.grad is not None for parameter in model.parameters() if parameter.requires_grad)


def test_decoders_see_more_than_the_latents_wherever_something_is_generated(data):
    model, batch = model_of(Conditional, data), data.test[:5]
    expected = model.output(model.objective.taken(model.encode(batch).mean, model.prepare(batch)), "counts")
    generated = model.generate(batch, given=["vector"], samples=3)
    assert list(generated) == ["counts"]
    for sample in generated["counts"]:
        torch.testing.assert_close(sample, expected)
    evaluation = Evaluation(model, data, batch_size=7)
    assert evaluation.subsets == [("vector",), ("vector", "counts"), ("vector", "tags"), ("vector", "counts", "tags")]
    torch.testing.assert_close(evaluation.generated(("vector",), "counts", [0, 1, 2, 3, 4]), expected)
    torch.testing.assert_close(evaluation.generation(("vector", "tags"), "counts").values[:5], expected)


@pytest.mark.parametrize(
    ("asked", "sentence"),
    [
        ({"given": ["vector"], "targets": ["vector"]}, r"does not generate 'vector'; it generates counts\."),
        ({"given": ["counts"]}, "infers nothing from counts alone"),
        ({}, None),
    ],
)
def test_what_is_not_generated_or_inferred_is_refused(data, asked, sentence):
    model = model_of(Conditional, data)
    if sentence is None:
        with pytest.raises(MmgenError, match="has no prior to generate from"):
            model.generate()
        return
    with pytest.raises(MmgenError, match=sentence):
        model.generate(data.test[:2], **asked)


def test_grids_are_drawn_of_what_is_generated_alone(data):
    assert list(generation_grids(Evaluation(MultimodalVAE.create("elbo", data), data))) == ["generations", "prior"]
    assert list(generation_grids(Evaluation(model_of(Conditional, data), data))) == ["generations"]
    assert generation_grids(Evaluation(model_of(ClosedForm, data), data)) == {}


def test_its_own_classifier_answers(data):
    model, batch = model_of(Conditional, data), data.test[:5]
    logits = model.classify(batch)["class"]
    torch.testing.assert_close(logits, model.objective.classifier(model.encode(batch).mean))
    assert not logits.requires_grad
    assert MultimodalVAE.create("elbo", data).classify(batch) == {}


def test_an_evaluation_looks_at_what_is_generated_alone(data, monkeypatch, tmp_path):
    monkeypatch.setenv("MMGEN_CACHE", str(tmp_path))
    model, sentences = model_of(Conditional, data), []
    run = Run({"training": {"seed": 0}}, None, model=model, data=data)
    rows = run.measurements(
        metrics=["reconstruction", "coherence", "log-likelihood"],
        notify=sentences.append,
        coherence={"classifier_steps": 5},
    )
    assert {row["target"] for row in rows if row["metric"] == "coherence"} == {"counts", "mean"}
    assert {row["target"] for row in rows if row["metric"] == "reconstruction"} == {"counts"}
    likelihoods = [row for row in rows if row["metric"] == "log-likelihood"]
    assert {row["measure"] for row in likelihoods} == {"conditional_predictive"}, "there is no prior and no joint"
    assert {row["target"] for row in likelihoods} == {"counts", "mean"} and sentences == []
    nothing = Run({"training": {"seed": 0}}, None, model=model_of(ClosedForm, data), data=data)
    sentences.clear()
    metrics = ["reconstruction", "coherence", "text", "fd-classifier"]
    assert nothing.measurements(metrics=metrics, notify=sentences.append) == []
    assert len(sentences) == 4


def test_what_has_a_closed_form_is_solved_without_a_step(data, tmp_path):
    model = model_of(ClosedForm, data)
    run = Trainer(epochs=3).fit(model, data, str(tmp_path / "run"))
    expected = model.prepare(data.train[slice(None)]).data["vector"][:, :2].mean(0) + 7
    torch.testing.assert_close(load_file(tmp_path / "run" / "model.safetensors")["objective.centre"], expected)
    assert int(model.objective.step) == 0 and not run.history
    assert (model.encode(data.test[:4]).variance == 0).all()
    with pytest.raises(MmgenError, match="generates nothing: it has no decoders"):
        model.generate(data.test[:4])


def test_the_closed_form_comes_after_the_last_step(data, tmp_path):
    seen = []

    class Both(Conditional):
        def solve(self, model, train):
            seen.append((int(self.step), len(train), model.training, torch.is_grad_enabled()))

    Trainer(epochs=2, batch_size=16).fit(model_of(Both, data), data, str(tmp_path / "run"))
    assert seen == [(6, 48, False, False)]


def test_a_batch_whose_rows_see_each_other_stays_in_one_piece(data):
    with pytest.raises(
        MmgenError, match=r"compares the rows of a batch with each other, so training\.microbatches must be 1"
    ):
        Trainer(epochs=1, microbatches=2).fit(model_of(ClosedForm, data), data)


def test_more_modalities_than_an_equation_is_for_are_refused(data, monkeypatch):
    monkeypatch.setattr("mmgen.models.elbo.ELBO.most_modalities", 2)
    with pytest.raises(
        MmgenError, match=r"is for at most 2 modalities, and the dataset 'toy' has 3: vector, counts, tags\."
    ):
        MultimodalVAE.create("elbo", data)


def test_gaussians_are_those_of_single_modalities_and_of_all(data):
    model = MultimodalVAE.create("elbo", data, latent_dim=2)
    batch = model.prepare(data.test[:4])
    found = model.objective.gaussians(model, batch)
    assert list(found) == ["q(z|vector)", "q(z|counts)", "q(z|tags)", "q(z|vector,counts,tags)"]
    torch.testing.assert_close(found["q(z|counts)"].mean, model.encode(batch, ["counts"]).mean)
    mixture = MultimodalVAE.create("elbo", data, latent_dim=2, aggregator="moe")
    found = mixture.objective.gaussians(mixture, batch)
    assert list(found) == ["q(z|vector)", "q(z|counts)", "q(z|tags)"]  # of all it is a mixture of three
    torch.testing.assert_close(found["q(z|tags)"].log_variance, mixture.experts(batch).log_variance[2])
