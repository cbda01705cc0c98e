"""Samplers of a run: fitted when they are first asked for, kept whole or not at all, found again; and what they are
for: draws that belong together.
"""

from __future__ import annotations

import json
import shutil
from dataclasses import replace

import numpy as np
import pytest
import torch
from safetensors import safe_open

import mmgen
import mmgen.models.sampling
from mmgen import Metric, Run, Sampler, load_run
from mmgen.errors import WriteError
from mmgen.evaluation import row
from mmgen.evaluation.coherence import Coherence, CoherenceConfig
from mmgen.evaluation.frechet import FDClassifier, FDClassifierConfig
from mmgen.runs import RunFolder
from mmgen.testing import raises_sentence, toy_data

TWO = {"name": "gmm", "components": 2}
KINDS = ("vector", "counts")


def two_classes(**options):
    """The toy without its third class."""
    data = toy_data(KINDS, rows=120, **options)

    def some(table):
        return table.select((table.labels["class"] < 2).nonzero()[:, 0])

    return replace(data, **{side: some(getattr(data, side)) for side in ("train", "val", "test")})


@pytest.fixture(scope="module")
def two_clusters():
    """A model whose latents given everything are two clusters far apart, as little holds them close to N(0, I)."""
    data = two_classes()
    model = mmgen.MultimodalVAE.create("elbo", data, latent_dim=2, beta=0.02)
    mmgen.Trainer(epochs=60, learning_rate=1e-2, seed=0).fit(model, data)
    return model, data


@pytest.fixture(scope="module")
def own_latents():
    """A model whose modalities keep their own latents."""
    data = two_classes()
    model = mmgen.MultimodalVAE.create("elbo", data, latent_dim=2, beta=0.05, aggregator="none")
    mmgen.Trainer(epochs=60, learning_rate=1e-2, seed=0).fit(model, data)
    return model, data


@pytest.fixture
def folder(home_of_a_run, tmp_path):
    """A copy of a run's folder."""
    shutil.copytree(home_of_a_run, tmp_path / "run")
    return tmp_path / "run"


@pytest.fixture(scope="module")
def home_of_a_run(tmp_path_factory):
    folder = tmp_path_factory.mktemp("home") / "run"
    mmgen.train("elbo", "mfeat", epochs=1, latent_dim=2, quiet=True, output=str(folder))
    return folder


def files_of(folder):
    """What was kept since the training, which keeps the Gaussian by which values are imputed."""
    kept = sorted((folder / "samplers").glob("*")) if (folder / "samplers").exists() else []
    return [path for path in kept if not path.name.startswith("aggregated-")]


def fits(monkeypatch):
    """A list that grows by every fit."""
    seen, fit = [], mmgen.runs.run.fit_sampler
    monkeypatch.setattr(mmgen.runs.run, "fit_sampler", lambda *words, **more: (seen.append(1), fit(*words, **more))[1])
    return seen


def joint_of(model, data, sampler, metric=Coherence, config=CoherenceConfig, **options):
    evaluation = mmgen.Evaluation(model, data, max_rows=800)
    rows = metric(config(sampler=sampler, classifier_steps=300, **options)).compute(evaluation)
    return [each for each in rows if each["given"] == "prior" or each["given"].startswith("sampler")]


def test_what_belongs_together_is_drawn_together(two_clusters, own_latents):
    for (model, data), least in ((two_clusters, 0.02), (own_latents, 0.25)):
        (prior,), (mixture,) = joint_of(model, data, "prior"), joint_of(model, data, TWO)
        assert prior["given"] == "prior" and mixture["given"] == "sampler gmm (components=2)"
        assert (prior["measure"], prior["label"], prior["n"]) == (mixture["measure"], mixture["label"], mixture["n"])
        assert mixture["value"] > prior["value"] + least


def test_the_latents_are_two_clusters(two_clusters):
    model, data = two_clusters
    latents = torch.cat([model.joint_draw(batch) for batch in data.train.batches(64)])
    codes = data.train.labels["class"]
    middles = torch.stack([latents[codes == code].mean(0) for code in (0, 1)])
    spread = max(float(latents[codes == code].std(0).max()) for code in (0, 1))
    assert float((middles[0] - middles[1]).norm()) > 4 * spread
    torch.manual_seed(0)
    sampler = mmgen.models.fit_sampler(model, mmgen.models.choose_sampler(TWO), data.train, 0)
    means = sampler.means[sampler.means[:, 0].argsort()]
    assert torch.allclose(means, middles[middles[:, 0].argsort()].double(), atol=3 * spread)


def test_frechet_distances_of_a_sampler_are_smaller(two_clusters):
    model, data = two_clusters
    of = {"metric": FDClassifier, "config": FDClassifierConfig}
    prior, mixture = (joint_of(model, data, sampler, **of) for sampler in ("prior", TWO))
    assert [each["measure"] for each in prior] == [each["measure"] for each in mixture]

    def mean(rows):
        (value,) = [each["value"] for each in rows if each["measure"] == "FD-classifier" and each["target"] == "mean"]
        return value

    assert mean(mixture) < mean(prior)


def test_a_dynamic_prior_has_a_cure(two_clusters):
    data = two_clusters[1]
    model = mmgen.MultimodalVAE.create("elbo", data, latent_dim=2, prior="geometric")
    (prior,), (mixture,) = joint_of(model, data, "prior"), joint_of(model, data, TWO)
    assert "the prior depends on data" in prior["note"] and "the prior depends on data" not in mixture["note"]


def test_each_pair_is_decoded_once_and_once_for_each_sampler(two_clusters, monkeypatch):
    evaluation = mmgen.Evaluation(*two_clusters, max_rows=200)
    seen, original = [], evaluation.generation

    def generation(given, target, truth=None, *, sampler=None, **options):
        seen.append((given or evaluation.origin(sampler), target))
        return original(given, target, truth, sampler=sampler, **options)

    monkeypatch.setattr(evaluation, "generation", generation)
    options = {"coherence": {"sampler": TWO, "classifier_steps": 5}, "fd-classifier": {"classifier_steps": 5}}
    rows = mmgen.evaluate(evaluation, ["coherence", "fd-classifier"], options=options)
    givens = [*evaluation.subsets, "prior", "sampler gmm (components=2)"]
    assert sorted(map(str, seen)) == sorted(str((given, target)) for given in givens for target in KINDS)
    drawn = {(each["metric"], each["given"]) for each in rows if each["given"] in givens}
    assert drawn == {("coherence", "sampler gmm (components=2)"), ("fd-classifier", "prior")}


def test_a_metric_that_says_nothing_of_samplers_draws_from_the_prior(two_clusters):
    class Drawn(Metric):
        """The mean of what is drawn."""

        def wants(self, evaluation, pair):
            return not pair[0]

        def judge(self, evaluation, generation):
            return float(generation.values.double().mean())

        def summarise(self, evaluation, judgements):
            return [row("mean", value, 1, given="prior", target=target) for (_, target), value in judgements.items()]

    evaluation = mmgen.Evaluation(*two_clusters, max_rows=100)
    usual, also = mmgen.evaluate(evaluation, [Drawn]), mmgen.evaluate(evaluation, [Drawn], sampler=TWO)
    assert usual == also


def test_a_run_keeps_what_it_fitted(folder, monkeypatch):
    fitted = fits(monkeypatch)
    first = load_run(folder).generate(n=4, sampler=TWO)
    (path,) = files_of(folder)
    assert path.name.startswith("gmm-") and path.suffix == ".safetensors"
    with safe_open(path, framework="pt") as file:
        facts = json.loads(file.metadata()["facts"])
    assert facts["sampler"]["components"] == 2 and facts["sampler"]["covariance"] == "full"
    content = path.read_bytes()
    again = load_run(folder).generate(n=4, sampler=TWO)
    assert len(fitted) == 1
    assert all(torch.equal(value, again.values[name]) for name, value in first.values.items())
    path.unlink()
    load_run(folder).sampler(TWO)
    assert path.read_bytes() == content and len(fitted) == 2


def test_other_options_another_model_and_a_damaged_file_are_fitted_anew(folder, monkeypatch):
    fitted = fits(monkeypatch)
    load_run(folder).sampler(TWO)
    load_run(folder).sampler({**TWO, "covariance": "diag"})
    assert len(fitted) == len(files_of(folder)) == 2
    run = load_run(folder)
    with torch.no_grad():
        next(run.model.parameters()).mul_(1.01)
    RunFolder(folder).write_tensors("model.safetensors", run.model.state_dict())
    load_run(folder).sampler(TWO)
    assert len(fitted) == 3 and len(files_of(folder)) == 2
    for path in files_of(folder):
        path.write_bytes(path.read_bytes()[:100])
    load_run(folder).sampler(TWO)
    load_run(folder).sampler(TWO)
    assert len(fitted) == 4
    for number, (name, value) in enumerate((("weights", -0.5), ("weights", torch.nan), ("means", torch.inf)), 5):
        for path in [path for path in files_of(folder) if path.stat().st_size > 100]:
            tensors, facts = RunFolder(folder).tensors(f"samplers/{path.name}")
            tensors[name][..., :] = value
            RunFolder(folder).write_tensors(f"samplers/{path.name}", tensors, facts)
        load_run(folder).generate(n=2, sampler=TWO)
        assert len(fitted) == number


def test_a_flow_is_kept_too(folder, monkeypatch):
    fitted = fits(monkeypatch)
    options = {"name": "flow", "epochs": 2, "transforms": 1, "hidden": (4,)}
    one, two = (load_run(folder).generate(n=3, sampler=options) for _ in range(2))
    assert len(fitted) == 1 and all(torch.equal(value, two.values[name]) for name, value in one.values.items())


@pytest.mark.parametrize("how", ["read-only", "somebody else's", "no room"])
def test_nothing_is_written_where_nothing_should_be(folder, monkeypatch, how):
    run = load_run(folder)
    if how == "read-only":
        monkeypatch.setattr("mmgen.runs.samplers.os.access", lambda *words: False)
    elif how == "somebody else's":
        monkeypatch.setattr("mmgen.runs.samplers.os.getuid", lambda: -1)
    else:

        def refuse(*words, **more):
            raise WriteError("a sampler", OSError(28, "No space left on device"))

        monkeypatch.setattr(RunFolder, "write_tensors", refuse)
    assert len(run.generate(n=3, sampler=TWO)) == 3
    assert not files_of(folder) and not list(folder.rglob(".*.tmp"))


def test_a_run_in_memory_fits_once(monkeypatch):
    fitted = fits(monkeypatch)
    data = toy_data(KINDS)
    model = mmgen.MultimodalVAE.create("elbo", data, latent_dim=2)
    run = mmgen.Trainer(epochs=1).fit(model, data)
    assert isinstance(run, Run) and run.sampler(TWO) is run.sampler(TWO)
    assert len(fitted) == 1
    assert run.generate(n=3, sampler=TWO).title.splitlines()[0].endswith("from the sampler gmm (components=2)")


def test_the_prior_by_name_changes_nothing(folder):
    run = load_run(folder)
    usual, named = run.generate(n=3), run.generate(n=3, sampler="prior")
    assert usual.title == named.title
    assert all(torch.equal(value, named.values[name]) for name, value in usual.values.items())
    assert not files_of(folder)


def test_results_of_several_samplers_stand_beside_each_other(folder):
    options = {"coherence": {"classifier_steps": 5}}
    run = load_run(folder)
    for sampler in (None, TWO, "gmm", TWO):
        run.evaluate(metrics=["coherence"], sampler=sampler, **options)
    joint = [each["given"] for each in run.results if each["measure"] == "joint"]
    assert sorted(joint) == ["prior", "sampler gmm", "sampler gmm (components=2)"]
    keys = [tuple(each[name] for name in ("metric", "measure", "given", "target", "label")) for each in run.results]
    assert len(set(keys)) == len(keys), "what does not depend on a sampler is there once"


class Middle(Sampler):
    """Always near the mean of the latents."""

    def build(self, model):
        self.register_buffer("mean", torch.zeros(0))

    def fit(self, latents):
        self.mean = latents.mean(0)

    def sample(self, count):
        return self.mean + 0.01 * torch.randn(count, len(self.mean))


def test_a_class_in_the_place_of_a_name(folder, monkeypatch):
    monkeypatch.setattr(mmgen.registry.components, "LOCAL", {})
    made = load_run(folder).generate(n=5, targets=["pix"], sampler=Middle).values["pix"]
    assert np.ptp(made.numpy(), axis=1).max() < 0.6, "all are nearly the same"
    (path,) = files_of(folder)
    assert path.name.startswith("middle-")
    with pytest.raises(NotImplementedError, match="Middle has no density"):
        load_run(folder).sampler(Middle).log_prob(torch.zeros(1, 2))


def test_given_and_a_sampler_are_refused(folder):
    with raises_sentence("A sampler draws where nothing is given"):
        load_run(folder).generate(given=["pix"], sampler="gmm")
