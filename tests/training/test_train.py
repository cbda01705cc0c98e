"""``mmgen.train``: the same as the command, with names, classes, objects and settings."""

import subprocess
import sys
from copy import copy

import pytest
import torch
from safetensors.torch import load_file

import mmgen
from mmgen import MmgenError
from mmgen.evaluation import row
from mmgen.models import ELBO
from mmgen.models.aggregators import ProductOfExperts
from mmgen.models.priors import StandardNormal
from mmgen.testing import ToyDataset
from mmgen.yaml_files import read_mapping


class Weighed(ELBO):
    """An objective that nobody has installed."""


class Pooled(ProductOfExperts):
    """Such an aggregator."""


class Flat(StandardNormal):
    """Such a prior."""


class Rows(mmgen.Metric):
    """How many rows there are."""

    headline = ("count",)

    def summarise(self, evaluation, judged):
        return [row("count", len(evaluation.rows(evaluation.split)), len(evaluation.rows(evaluation.split)))]


def quick(objective="elbo", dataset="mfeat", **settings):
    return mmgen.train(objective, dataset, **{"epochs": 1, "latent_dim": 2, "quiet": True, **settings})


def test_it_is_what_the_command_does(tmp_path):
    words = [sys.executable, "-m", "mmgen", "train", "--objective", "mmvamp", "--dataset", "mfeat"]
    words += ["--epochs", "1", "--beta", "0.5", "--aggregator", "none", "--set", "objective.samples=2"]
    words += ["--output", str(tmp_path / "command")]
    subprocess.run(words, check=True, capture_output=True)
    here = mmgen.train(
        "mmvamp", "mfeat", epochs=1, beta=0.5, aggregator="none", samples=2, quiet=True, output=tmp_path / "python"
    )
    assert read_mapping(tmp_path / "command/config.yaml") == here.config
    one, two = (load_file(tmp_path / name / "model.safetensors") for name in ("command", "python"))
    assert all(torch.equal(one[name], two[name]) for name in one)


def test_a_recipe_is_taken_and_said(capsys):
    run = mmgen.train("mmvamp", "rats", epochs=1, latent_dim=2)
    assert run.config["recipe"] == "mmvamp-rats-desk"
    assert "Recipe: mmvamp-rats-desk" in capsys.readouterr().out
    quick()
    assert not capsys.readouterr().out


def test_settings_find_their_sections():
    run = quick(
        {"name": "mmvamp", "samples": 3},
        {"name": "mfeat", "seed": 3},
        learning_rate=0.01,
        test_fraction=0.3,
        modalities={"all": {"hidden": [8]}},
        metrics={"coherence": {"classifier_steps": 5}},
        training={"batch_size": 50},
    )
    config = run.config
    assert config["objective"]["samples"] == 3
    assert (config["dataset"]["seed"], config["dataset"]["test_fraction"]) == (3, 0.3)
    assert (config["training"]["learning_rate"], config["training"]["batch_size"]) == (0.01, 50)
    assert config["modalities"]["pix"]["hidden"] == [8] and config["training"]["seed"] == 0
    assert config["metrics"]["coherence"]["classifier_steps"] == 5


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"epoch": 3}, r"epoch: there is no such setting .*did you mean 'epochs'\?"),
        ({"training": 3}, "training=3: this is a section"),
        ({"objective": {"samples": 3}}, "mapping without 'name'"),
        ({"dataset": {"root": "x"}}, "mapping without 'name'"),
        ({"aggregator": Flat}, "The class Flat is no subclass of mmgen.Aggregator, which an aggregator must be"),
        ({"objective": ToyDataset}, "The class ToyDataset is no subclass of mmgen.Objective"),
        ({"dataset": "mfeet"}, r"no dataset 'mfeet'.*did you mean 'mfeat'\?"),
        ({"dataset": ToyDataset(), "missing_rate": 0.5}, "dataset.missing_rate: the dataset is given as an object"),
        ({"objective": None}, "Say which objective"),
    ],
)
def test_what_cannot_be_meant_is_a_sentence(settings, message):
    with pytest.raises(MmgenError, match=message):
        quick(**settings)


def test_classes_stand_where_names_do(tmp_path):
    run = quick(Weighed, ToyDataset(), aggregator=Pooled, prior={"name": Flat}, output=tmp_path / "run")
    assert [run.config[part]["name"] for part in ("objective", "aggregator", "prior", "dataset")] == [
        "weighed",
        "pooled",
        "flat",
        "toy-dataset",
    ]
    assert isinstance(run.model.objective, Weighed) and isinstance(run.model.objective.aggregate, Pooled)
    assert run.config["classes"]["objectives/weighed"] == f"{__name__}:Weighed"
    (number,) = run.measurements(metrics=[Rows])
    assert (number["metric"], number["value"]) == ("rows", 24)
    again = mmgen.load_run(tmp_path / "run", dataset=ToyDataset())
    assert torch.equal(again.model.encode(again.data.test[:]).mean, run.model.encode(run.data.test[:]).mean)
    with pytest.raises(MmgenError, match="made from more than its options"):
        _ = mmgen.load_run(tmp_path / "run").data


def test_another_process_asks_for_the_class(tmp_path):
    quick(Weighed, output=tmp_path / "run")
    code = f"import mmgen; mmgen.load_run({str(tmp_path / 'run')!r}).model"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    expected = (
        f"The objective 'weighed' of this run was the class Weighed of {__name__}, which no distribution declares"
    )
    assert expected in done.stderr and "mmgen.register('objective', 'weighed', Weighed)" in done.stderr
    code = f"import mmgen; from mmgen.models import ELBO; mmgen.register('objective', 'weighed', ELBO); {code}"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True).returncode == 0


def test_data_that_are_open_already_are_used_as_they_are():
    data = mmgen.load_dataset("mfeat", seed=5)
    run = quick(dataset=data, modalities={"pix": {"hidden": [4]}})
    assert run.data.train is data.train and run.config["dataset"]["seed"] == 5
    assert run.model.modalities["pix"].hidden == (4,) and data.modalities["pix"].hidden != (4,)


def test_it_goes_on_where_it_was(tmp_path):
    quick(output=tmp_path / "run")
    run = mmgen.train(output=tmp_path / "run", resume=True, epochs=2, quiet=True)
    assert len(run.history) == 2
    whole = quick(epochs=2)
    assert run.history[-1]["val"] == whole.history[-1]["val"]
    with pytest.raises(MmgenError, match=r"started with model\.beta=1\.0, and now it would be 2\.0"):
        mmgen.train(output=tmp_path / "run", resume=True, beta=2.0, quiet=True)


def test_a_run_gives_frames_values_and_a_page():
    run = quick()
    frame = run.encode(given=["fou"], split="val")
    assert frame.shape == (200, 6) and frame.index.name == "row"
    assert frame.columns.tolist() == ["given", "digit", "z0", "z1", "z0_scale", "z1_scale"]
    generation = run.generate(given=["fou"], targets=["mor", "kar"], n=3, samples=4)
    assert generation.values["kar"].shape == (4, 3, 64) and len(generation) == 3
    assert generation.frame().shape == (3, 1 + 6 + 64)
    assert set(generation.arrays()) == {"row", "given", "mor", "kar"}
    assert torch.equal(
        run.generate(given=["fou"], targets=["kar"], n=3, seed=2).values["kar"],
        run.generate(given=["fou"], targets=["kar"], n=3, seed=2).values["kar"],
    )
    assert run.generate(targets=["mor"], n=5).values["mor"].shape == (1, 5, 6)
    assert "run.evaluate()" in run._repr_html_()
    run.measurements(metrics=["reconstruction"])
    page = run._repr_html_()
    assert "<b>reconstruction</b> on test rows" in page and "elbo" in page and "in memory" in repr(run)
    with pytest.raises(MmgenError, match="no modality 'x'"):
        run.encode(given=["x"])


class Bare(mmgen.Aggregator):
    """What somebody writes who returns the Gaussian itself."""

    def forward(self, experts, given):
        return experts[0]


class Flattened(mmgen.Prior):
    """What somebody writes who returns a tensor."""

    def forward(self, model, experts, given):
        return experts.mean[0]


def changed_terms(change):
    """An objective whose terms are those of the ELBO, changed."""

    class Changed(ELBO):
        """The ELBO, changed."""

        def terms(self, model, batch):
            return change(super().terms(model, batch))

    return Changed


def altered(terms, **fields):
    """The same with other fields, which no check of types sees."""
    other = copy(terms)
    for name, value in fields.items():
        object.__setattr__(other, name, value)
    return other


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda terms: (terms.log_likelihood, terms.divergence), r"terms of the objective Changed return a tuple"),
        (
            lambda terms: altered(terms, log_likelihood=terms.log_likelihood.sum(0)),
            r"log_likelihood in the terms .* has the shape \[\d+\]; it should be \[M, B\] = \[6, \d+\]",
        ),
        (
            lambda terms: altered(terms, divergence=terms.divergence.mean()),
            r"divergence in the terms .* has the shape \[\]; it should be \[B\]",
        ),
        (
            lambda terms: altered(terms, others={"aux": 0.0}),
            r"others\['aux'\] in the terms .* is a float; it should be \[B\]",
        ),
    ],
    ids=["a tuple", "summed", "a mean", "no tensor"],
)
def test_terms_that_are_no_number_for_each_row_are_a_sentence(change, message):
    with pytest.raises(MmgenError, match=message):
        quick(objective=changed_terms(change))


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"aggregator": Bare}, "The aggregator Bare returns a Gaussian; it should return a Mixture"),
        ({"prior": Flattened}, "The prior Flattened returns a Tensor; it should return a distribution"),
        ({"aggregator": Pooled()}, "is neither the name nor the class of an aggregator"),
        ({"objective": "mmvamp", "aggregator": "poe"}, "it can use only 'none'"),
    ],
)
def test_components_that_give_something_else_are_a_sentence(settings, message):
    with pytest.raises(MmgenError, match=message):
        quick(**settings)
