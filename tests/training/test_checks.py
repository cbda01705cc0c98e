"""What a training refuses before it begins, and what it says about its data."""

import io
import json
from dataclasses import replace

import pytest
import torch
from rich.console import Console

from mmgen import MmgenError, MultimodalVAE, Trainer
from mmgen.data import Table
from mmgen.testing import toy_data
from mmgen.training import TrainingConfig
from mmgen.training.checks import notices


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
