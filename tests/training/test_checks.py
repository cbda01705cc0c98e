"""What a training refuses before it begins, and what it says about its data."""

import io
import json
from dataclasses import replace
from types import SimpleNamespace

import pytest
import torch
from rich.console import Console

from mmgen import MmgenError, MultimodalVAE, Trainer
from mmgen.data import Table
from mmgen.testing import toy_data
from mmgen.training import TrainingConfig, trainer
from mmgen.training.checks import check_machine, notices
from mmgen.training.randomness import random_state, restore_random_state
from mmgen.training.term_sums import TermSums


def lacking(data, name, sides=("train",)):
    """The data without a modality on some sides."""

    def without(table):
        available = table.available.clone()
        available[:, list(data.modalities).index(name)] = False
        return Table(table.data, available, table.labels, table.rows, table.groups)

    return replace(data, **{side: without(getattr(data, side)) for side in sides})


def train(data, output=None, **options):
    said = io.StringIO()
    model = MultimodalVAE.create("elbo", data, latent_dim=2)
    Trainer(TrainingConfig(epochs=1, **options), console=Console(file=said, width=300)).fit(
        model, data, None if output is None else str(output)
    )
    return said.getvalue()


def test_a_modality_that_no_training_row_has_is_refused(tmp_path):
    data = lacking(toy_data(rows=20), "counts")
    with pytest.raises(MmgenError, match=r"None of the 20 training rows of 'toy' has counts, .* learned: leave it out"):
        train(data, tmp_path / "run")
    assert not (tmp_path / "run").exists()
    with pytest.raises(MmgenError, match=r"has counts, .*: lower dataset\.missing_rate"):
        train(replace(data, complete={"train": toy_data(rows=20).train}))


def test_labels_that_no_training_row_has_are_refused_where_they_are_needed(monkeypatch):
    data = toy_data(rows=20)
    data.train.labels["class"].fill_(-1)
    train(data)
    model = MultimodalVAE.create("elbo", data, latent_dim=2)
    monkeypatch.setattr(type(model.objective), "needs_labels", True)
    with pytest.raises(MmgenError, match=r"'elbo' learns from labels, and no training row of 'toy' has a known class"):
        Trainer(epochs=1).fit(model, data)


def test_a_training_says_which_rows_have_what_and_writes_it(tmp_path):
    data = toy_data(rows=20)
    assert "All 3 modalities are in every row." in train(data)
    said = train(lacking(data, "counts", ("test",)), tmp_path / "run")
    assert "In every row: vector, tags\ncounts: 20 of 20 training rows, 10 of 10 validation, 0 of 10 test\n" in said
    written = json.loads((tmp_path / "run" / "environment.json").read_text())["data"]
    assert written["modalities"]["counts"] == {"train": 20, "val": 10, "test": 0}
    assert written["notes"] == ["No test row has counts: it cannot be judged there."]
    assert written["notes"][0] in said


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ({}, "There are no validation rows to watch the training by."),
        ({"select": "best"}, "no validation rows to watch the training by: training.select=best keeps the last model."),
        ({"early_stopping": 3}, "training.early_stopping=3 never stops it, and the last model is kept."),
    ],
)
def test_what_follows_from_no_validation_rows_is_said(options, sentence):
    data = toy_data(rows=20)
    nobody = data.val.select(torch.zeros(0, dtype=torch.int64))
    assert sentence in notices(replace(data, val=nobody), TrainingConfig(**options))[0]
    assert sentence in train(replace(data, val=nobody), **options)
    _, second = notices(replace(data, val=nobody, test=nobody), TrainingConfig())
    assert second == "There are no test rows: nothing can be evaluated that training has not learned from."
    (only,) = notices(replace(data, test=nobody), TrainingConfig())
    assert "only validation rows (--split val) can be evaluated" in only
    assert notices(data, TrainingConfig()) == []


def test_few_steps_on_a_table_are_said():
    data = toy_data(rows=20)
    (sentence,) = notices(data, TrainingConfig(select="imputation", epochs=60))
    assert sentence.startswith(
        "60 epochs of these rows are 60 steps, which are few: training.epochs=auto would make 1,"
    )
    assert notices(data, TrainingConfig(epochs=60)) == []
    assert notices(data, TrainingConfig(select="imputation", epochs="auto").for_rows(len(data.train))) == []


# Apple's GPU, which is not here ---------------------------------------------------------------------------------------


@pytest.fixture
def apple(monkeypatch):
    """As if torch could use one."""
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: True)


def test_a_gpu_of_apple_that_is_not_there_is_a_sentence(monkeypatch):
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: False)
    with pytest.raises(MmgenError, match=r"training\.device is 'mps', and there is no Apple GPU here"):
        check_machine(TrainingConfig(device="mps"))


def test_a_gpu_of_apple_is_taken_where_it_is_named(apple, monkeypatch):
    check_machine(TrainingConfig(device="mps", precision="bfloat16"))
    asked = []
    monkeypatch.setattr(trainer, "Accelerator", lambda **options: asked.append(options["cpu"]))
    for device in ("mps", "cpu"):
        trainer._accelerator(TrainingConfig(device=device), None)
    assert asked == [False, True]
    with pytest.raises(MmgenError, match="'float16' needs a GPU of CUDA"):
        check_machine(TrainingConfig(device="mps", precision="float16"))


def test_one_process_uses_a_gpu_of_apple(apple, monkeypatch):
    monkeypatch.setattr("mmgen.training.checks.PartialState", lambda: SimpleNamespace(num_processes=2))
    with pytest.raises(MmgenError, match="'mps', which one process alone can use"):
        check_machine(TrainingConfig(device="mps"))


def test_the_random_numbers_of_every_device_are_kept(apple, monkeypatch):
    state, restored = torch.arange(3, dtype=torch.uint8), []
    monkeypatch.setattr(torch.mps, "get_rng_state", lambda: state)
    monkeypatch.setattr(torch.mps, "set_rng_state", restored.append)
    kept = random_state()
    assert torch.equal(kept["random/mps"], state)
    first = torch.rand(3)
    restore_random_state(kept)
    assert torch.equal(torch.rand(3), first)
    assert len(restored) == 1 and torch.equal(restored[0], state)


@pytest.mark.parametrize(("device", "dtype"), [("mps", torch.float32), ("cpu", torch.float64), ("cuda", torch.float64)])
def test_sums_are_as_wide_as_the_device_allows(device, dtype):
    assert TermSums(SimpleNamespace(device=torch.device(device)), ["a"]).dtype == dtype
