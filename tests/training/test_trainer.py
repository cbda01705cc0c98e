"""The loop: resume, guards, micro-batches, precision, what is written."""

import json
import math
import signal
from dataclasses import replace

import pytest
import torch
from safetensors.torch import load_file

from mmgen import MmgenError, MultimodalVAE, NonFiniteError, Trainer, hookimpl, load_run
from mmgen.registry import hooks as hooks_module
from mmgen.testing import toy_data
from mmgen.training import TrainingStopped
from mmgen.training.guard import FiniteGuard


@pytest.fixture
def data():
    return toy_data(rows=40)


def model_for(data, **options):
    return MultimodalVAE.create("elbo", data, latent_dim=2, **options)


def train(data, output=None, *, resume=False, model=None, **options):
    settings = {"epochs": 4, "batch_size": 16, "checkpoint_seconds": 0, **options}
    return Trainer(**settings).fit(
        model or model_for(data), data, None if output is None else str(output), resume=resume
    )


def weights(run):
    return load_file(run.path / "model.safetensors")


def same(one, two):
    return one.keys() == two.keys() and all(torch.equal(one[key], two[key]) for key in one)


class StopAt:
    """A hook that raises a signal, or an error, at the end of an epoch or within one."""

    def __init__(self, epoch, error=None, number=None):
        self.epoch, self.error, self.number = epoch, error, number

    @hookimpl
    def mmgen_epoch_end(self, record):
        if record["epoch"] == self.epoch and self.number:
            signal.raise_signal(self.number)


@pytest.fixture
def hook(monkeypatch):
    """Adds a hook plugin to every training."""

    def add(plugin):
        real = hooks_module.Hooks
        monkeypatch.setattr("mmgen.training.session.Hooks", lambda: real({"test": plugin}))

    return add


def test_the_loss_goes_down_and_everything_is_written(data, tmp_path):
    run = train(data, tmp_path / "run", epochs=15, learning_rate=5e-3)
    history = run.history
    assert len(history) == 15
    assert history[-1]["train"]["loss"] < history[0]["train"]["loss"]
    assert {"log_likelihood.vector", "log_likelihood.counts", "log_likelihood.tags", "divergence", "loss"} == set(
        history[0]["val"]
    )
    total = sum(v for k, v in history[0]["train"].items() if k.startswith("log_l")) - history[0]["train"]["divergence"]
    assert history[0]["train"]["loss"] == pytest.approx(-total)
    names = {path.name for path in run.path.iterdir()}
    assert names == {"config.yaml", "environment.json", "model.safetensors", "history.jsonl", "checkpoints", "samplers"}
    environment = json.loads((run.path / "environment.json").read_text())
    assert environment["data"]["provenance"]["kind"] == "simulated"
    assert {
        "kind": "objectives",
        "name": "elbo",
        "distribution": "mmgen-core",
        "version": environment["versions"]["mmgen-core"],
    } in environment["components"]
    again = load_run(run.path).model
    batch = data.test[:5]
    torch.testing.assert_close(again.encode(batch).mean, run.model.encode(batch).mean, rtol=0, atol=0)


def test_the_same_seed_gives_the_same_model_and_another_seed_another(data, tmp_path):
    one, two, three = (train(data, tmp_path / str(i), seed=seed) for i, seed in enumerate((0, 0, 1)))
    assert same(weights(one), weights(two))
    assert not same(weights(one), weights(three))


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_stops_after_the_step_and_resuming_ends_bit_for_bit_where_it_would_have(
    data, tmp_path, hook, monkeypatch, number
):
    whole = train(data, tmp_path / "whole")
    hook(StopAt(2, number=number))  # arrives between two epochs and is seen after the first step of the next one
    with pytest.raises(TrainingStopped, match="--resume") as stopped:
        train(data, tmp_path / "run")
    assert stopped.value.code == 128 + number
    facts = load_file(tmp_path / "run" / "checkpoints" / "last.safetensors")
    assert "random/cpu" in facts, "the stop was within an epoch"
    assert not (tmp_path / "run" / "model.safetensors").exists()
    monkeypatch.undo()
    resumed = train(data, tmp_path / "run", resume=True)
    assert same(weights(whole), weights(resumed))
    for one, two in zip(whole.history, resumed.history, strict=True):
        assert one["train"] == pytest.approx(two["train"], rel=1e-12)
        assert one["val"] == two["val"]


def test_resuming_a_finished_run_changes_nothing_and_more_epochs_go_on(data, tmp_path):
    whole = train(data, tmp_path / "whole", epochs=6)
    run = train(data, tmp_path / "run", epochs=4)
    before = weights(run)
    assert same(before, weights(train(data, tmp_path / "run", resume=True, epochs=4)))
    assert same(weights(whole), weights(train(data, tmp_path / "run", resume=True, epochs=6)))


def test_a_damaged_checkpoint_is_a_sentence(data, tmp_path):
    train(data, tmp_path / "run", epochs=1)
    (tmp_path / "run" / "checkpoints" / "last.safetensors").write_bytes(b"nonsense")
    with pytest.raises(MmgenError, match=r"last\.safetensors' is damaged"):
        train(data, tmp_path / "run", resume=True)


@pytest.mark.parametrize("missing", [0.0, 0.7])
def test_micro_batches_change_nothing_but_rounding(tmp_path, missing):
    data = toy_data(missing=missing)
    one = train(data, tmp_path / "one", model=model_for(data).double())
    four = train(data, tmp_path / "four", model=model_for(data).double(), microbatches=4)
    for key, value in weights(one).items():
        torch.testing.assert_close(value, weights(four)[key], rtol=1e-9, atol=1e-9)


def test_a_loss_that_is_not_a_number_stops_at_that_step_and_names_term_and_modality(data, tmp_path):
    data.train.data["counts"][7] = torch.iinfo(torch.uint8).max
    model = model_for(data)
    with torch.no_grad():
        model.decoders[0].layers[-1].bias[0] = math.nan
    with pytest.raises(
        NonFiniteError, match=r"step 0: the log-likelihood of the modality 'vector' is not a finite number"
    ):
        train(data, tmp_path / "run", model=model)
    assert not (tmp_path / "run" / "model.safetensors").exists()


def test_the_guard_remembers_the_first_bad_step_between_its_looks():
    guard = FiniteGuard(["log_likelihood.a", "divergence", "loss"], torch.device("cpu"))
    guard.every = 100
    guard.watch(torch.tensor([1.0, 2.0, 3.0]), 0)
    guard.watch(torch.tensor([1.0, math.inf, math.nan]), 1)
    guard.watch(torch.tensor([math.nan, math.nan, math.nan]), 2)
    with pytest.raises(NonFiniteError, match=r"step 1: the divergence is not"):
        guard.check()


def test_early_stopping_keeps_the_best_model(data, tmp_path):
    run = train(data, tmp_path / "run", epochs=60, learning_rate=0.1, early_stopping=3)
    losses = [record["val"]["loss"] for record in run.history]
    assert len(losses) < 60
    assert losses.index(min(losses)) == len(losses) - 4
    checkpoint = load_file(run.path / "checkpoints" / "last.safetensors")
    best = {name.removeprefix("best/"): value for name, value in checkpoint.items() if name.startswith("best/")}
    assert same(best, weights(run))


def test_lower_precision_keeps_the_learning_curve(data):
    full = train(data, epochs=6).history
    low = train(data, epochs=6, precision="bfloat16").history
    for one, two in zip(full, low, strict=True):
        assert one["val"]["loss"] == pytest.approx(two["val"]["loss"], rel=0.03)


def test_gradients_are_clipped(data):
    model = model_for(data)
    start = {key: value.clone() for key, value in model.state_dict().items()}
    train(data, model=model, epochs=1, learning_rate=1e-3, gradient_clip=1e-12)
    moved = max(
        float((value.float() - start[key].float()).abs().max())
        for key, value in model.state_dict().items()
        if key != "objective.step"
    )
    assert moved < 1e-3, "a gradient of norm 1e-12 is below Adam's epsilon"


@pytest.fixture
def scaling(monkeypatch):
    """Trains with a scaled loss, as float16 does on a GPU; the scalers that were made."""
    from mmgen.training import trainer

    make, made = trainer._accelerator, []

    def start(scale):
        def accelerator(*arguments):
            accelerator = make(*arguments)
            accelerator.scaler = torch.amp.GradScaler("cpu", init_scale=scale)
            made.append(accelerator.scaler)
            return accelerator

        monkeypatch.setattr(trainer, "_accelerator", accelerator)
        return made

    return start


@pytest.mark.parametrize("clip", [None, 0.5])
def test_a_scaled_loss_trains_as_an_unscaled_one(data, scaling, clip):
    """With a power of two that is exact, and the clipping sees gradients as they are."""
    plain, scaled = model_for(data), model_for(data)
    train(data, model=plain, epochs=2, gradient_clip=clip)
    scaling(2.0**10)
    train(data, model=scaled, epochs=2, gradient_clip=clip)
    for name, value in plain.state_dict().items():
        torch.testing.assert_close(scaled.state_dict()[name], value, rtol=1e-5, atol=1e-6)


def test_a_step_whose_scaled_gradients_overflow_is_left_out(data, scaling):
    largest = torch.finfo(torch.float32).max
    made, model = scaling(largest), model_for(data)
    before = {name: value.clone() for name, value in model.named_parameters()}
    train(data, model=model, epochs=1, batch_size=40)
    assert all(torch.equal(value, before[name]) for name, value in model.named_parameters())
    assert made[0].get_scale() == largest / 2


def test_a_folder_that_holds_a_run_or_something_else_is_refused(data, tmp_path):
    train(data, tmp_path / "run", epochs=1)
    with pytest.raises(MmgenError, match="holds a run already; choose another --output, or go on with it by --resume"):
        train(data, tmp_path / "run", epochs=1)
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "file").touch()
    with pytest.raises(MmgenError, match="is not empty"):
        train(data, tmp_path / "other", epochs=1)
    with pytest.raises(MmgenError, match="cannot be written"):
        train(data, tmp_path / "other" / "file" / "run", epochs=1)


def test_what_cannot_be_trained_is_a_sentence(data):
    with pytest.raises(MmgenError, match="no GPU"):
        train(data, device="cuda")
    with pytest.raises(MmgenError, match=r"float16.* needs a GPU of CUDA"):
        train(data, device="cpu", precision="float16")
    with pytest.raises(MmgenError, match=r"training\.epochs: 0 is not right; it should be greater than 0 or 'auto'"):
        Trainer(epochs=0)
    with pytest.raises(MmgenError, match=r"training\.epoch: there is no such option; .* did you mean 'epochs'"):
        Trainer(epoch=3)


def test_rows_that_lack_modalities_are_refused_by_objectives_that_need_them(monkeypatch):
    data = toy_data(missing=0.5)
    model = model_for(data)
    monkeypatch.setattr(type(model.objective), "supports_missing", False)
    with pytest.raises(MmgenError, match=r"'elbo' needs every modality in every training row, and \d+ of 48 rows"):
        train(data, model=model)
    complete = replace(data, train=toy_data().train)
    with pytest.raises(MmgenError, match=r"'elbo' needs every modality in every validation row, and \d+ of 24 rows"):
        train(complete, model=model)


def test_training_without_a_folder_and_evaluating_it(data):
    run = train(data)
    assert run.path is None
    rows = run.measurements(metrics=["reconstruction"])
    assert rows == run.results
    assert {row["data"] for row in rows} == {"simulated"}
