"""Interrupted, refused for a number that is none, or out of space: what was there is kept, and is gone on with."""

import errno
import json
import math
import os
import signal
import time

import pytest
import torch
from safetensors.torch import load_file

from mmgen import MmgenError, MultimodalVAE, NonFiniteError, PluginError, Trainer, hookimpl
from mmgen.errors import WriteError
from mmgen.models import ELBO
from mmgen.registry import hooks as hooks_module
from mmgen.registry.hooks import HookWarning
from mmgen.runs import RunFolder
from mmgen.training.endings import LostProcessError, told_of_processes
from mmgen.training.guard import check_validation
from mmgen.training.keeper import Keeper
from mmgen.training.session import Session
from mmgen.training.signals import TrainingStopped
from mmgen.training.term_sums import TermSums


def model_for(data):
    return MultimodalVAE.create("elbo", data, latent_dim=2)


def train(data, output=None, *, resume=False, model=None, **options):
    settings = {"epochs": 3, "batch_size": 20, "checkpoint_seconds": 0, "select": "last", **options}
    output = None if output is None else str(output)
    return Trainer(**settings).fit(model or model_for(data), data, output, resume=resume)


def weights(run):
    return load_file(run.path / "model.safetensors")


def same(one, two):
    return one.keys() == two.keys() and all(torch.equal(one[key], two[key]) for key in one)


@pytest.fixture
def hook(monkeypatch):
    def add(plugin):
        real = hooks_module.Hooks
        monkeypatch.setattr("mmgen.training.session.Hooks", lambda: real({"test": plugin}))

    return add


class Killed(BaseException):
    """Stands for a kill: nothing catches it."""


@pytest.mark.parametrize("when", ["before", "meanwhile"])
def test_a_signal_after_the_last_step_is_obeyed_at_once_and_nothing_is_lost(data, tmp_path, monkeypatch, when):
    """What follows can take minutes, and asks nobody."""
    folder, waited = tmp_path / "run", []

    def sends(self):
        os.kill(os.getpid(), signal.SIGTERM)
        waited.append(time.sleep(0.01))

    with monkeypatch.context() as patch:
        if when == "before":
            patch.setattr(
                Keeper, "checkpoint", lambda self, *of, real=Keeper.checkpoint: (real(self, *of), sends(self))
            )
        else:
            patch.setattr(Session, "_look_at_latents", sends)
        with pytest.raises(TrainingStopped, match=r"stopped by SIGTERM.*--resume goes on from it") as caught:
            train(data, folder, checkpoint_seconds=1e6)
    assert caught.value.code == 143 and len(waited) == (when == "before")
    assert not (folder / "model.safetensors").exists()
    assert same(weights(train(data, folder, resume=True)), weights(train(data, tmp_path / "whole")))


def test_so_is_one_before_the_first_step(data, tmp_path, monkeypatch):
    """Which comes after a start that looks at all rows."""
    folder = tmp_path / "run"
    with monkeypatch.context() as patch:
        patch.setattr(Session, "_begin", lambda self: os.kill(os.getpid(), signal.SIGINT))
        with pytest.raises(TrainingStopped, match=r"stopped by SIGINT\. There is no checkpoint.*--resume begins anew"):
            train(data, folder)
    assert not (folder / "history.jsonl").exists()
    assert same(weights(train(data, folder, resume=True)), weights(train(data, tmp_path / "whole")))


# Killed ---------------------------------------------------------------------------------------------------------------


def test_what_a_kill_before_the_first_checkpoint_leaves_is_no_obstacle(data, tmp_path):
    folder = tmp_path / "run"
    folder.mkdir()
    (folder / ".config.yaml-0123abcd.tmp").write_text("half")
    run = train(data, folder, epochs=1)
    assert not list(folder.rglob(".*"))
    assert run.path == folder


def test_epochs_of_a_killed_training_without_a_checkpoint_are_not_counted_twice(data, tmp_path, monkeypatch):
    def killed(self, *arguments):
        raise Killed

    with monkeypatch.context() as patch:
        patch.setattr(Keeper, "checkpoint", killed)
        with pytest.raises(Killed):
            train(data, tmp_path / "run")
    assert len(RunFolder(tmp_path / "run").lines("history.jsonl")) == 1
    (tmp_path / "run" / ".last.safetensors-0123abcd.tmp").touch()
    run = train(data, tmp_path / "run", resume=True)
    assert [record["epoch"] for record in run.history] == [1, 2, 3]
    assert same(weights(run), weights(train(data, tmp_path / "whole")))
    assert not list(run.path.rglob(".*"))


@pytest.mark.parametrize("line", ["", '{"epoch": 2, "step"', '{"epoch": 2, "train": {"loss": 1.0}}\n{"epo'])
def test_a_history_that_is_longer_than_the_checkpoint_is_cut_there(data, tmp_path, monkeypatch, line):
    checkpoint = Keeper.checkpoint

    def once(self, *arguments):
        checkpoint(self, *arguments)
        raise Killed

    with monkeypatch.context() as patch:
        patch.setattr(Keeper, "checkpoint", once)
        with pytest.raises(Killed):
            train(data, tmp_path / "run")
    with (tmp_path / "run" / "history.jsonl").open("a") as file:
        file.write(line)
    assert [record["epoch"] for record in RunFolder(tmp_path / "run").lines("history.jsonl")][:1] == [1]
    run = train(data, tmp_path / "run", resume=True)
    assert [record["epoch"] for record in run.history] == [1, 2, 3]
    assert same(weights(run), weights(train(data, tmp_path / "whole")))


def test_a_history_that_is_shorter_than_the_checkpoint_is_a_sentence(data, tmp_path):
    run = train(data, tmp_path / "run")
    (run.path / "history.jsonl").write_text("")
    with pytest.raises(MmgenError, match=r"history\.jsonl' is damaged: it is shorter than when the last checkpoint"):
        train(data, tmp_path / "run", resume=True, epochs=4)


def test_an_extended_training_that_is_killed_before_its_model_is_written_is_not_finished(data, tmp_path, monkeypatch):
    whole = train(data, tmp_path / "whole", epochs=4)
    train(data, tmp_path / "run", epochs=2)

    def killed(self):
        raise Killed

    with monkeypatch.context() as patch:
        patch.setattr(Keeper, "write_model", killed)
        with pytest.raises(Killed):
            train(data, tmp_path / "run", epochs=4, resume=True)
    assert same(weights(whole), weights(train(data, tmp_path / "run", epochs=4, resume=True)))


def test_two_trainings_do_not_share_a_folder(data, tmp_path, hook):
    said = []

    class Second:
        @hookimpl
        def mmgen_epoch_end(self, record):
            if not said:
                for resume in (False, True):
                    with pytest.raises(MmgenError) as error, RunFolder(tmp_path / "run").claimed(resume=resume):
                        pass
                    said.append(str(error.value))

    hook(Second())
    train(data, tmp_path / "run", epochs=1)
    assert said[0].startswith(f"The folder {str(tmp_path / 'run')!r} holds a run already")
    assert (
        said[1] == f"Another training is at work in {str(tmp_path / 'run')!r}; wait for it, or choose another --output."
    )
    with RunFolder(tmp_path / "run").claimed(resume=True):
        pass


# Cost -----------------------------------------------------------------------------------------------------------------


def test_an_epoch_costs_the_same_however_many_came_before(data, tmp_path):
    """The history is appended to, and a checkpoint does not repeat it."""
    folder, sizes, inodes = tmp_path / "run", [], set()

    class Watch:
        def __init__(self, real):
            self.real = real

        def __call__(self, keeper, *arguments):
            self.real(keeper, *arguments)
            sizes.append((folder / "checkpoints" / "last.safetensors").stat().st_size)
            inodes.add((folder / "history.jsonl").stat().st_ino)

    real = Keeper.checkpoint
    try:
        watch = Watch(real)
        Keeper.checkpoint = lambda self, *arguments: watch(self, *arguments)
        run = train(data, folder, epochs=40, batch_size=40)
    finally:
        Keeper.checkpoint = real
    assert len(run.history) == 40 and len(inodes) == 1, "one file, which grows"
    assert max(sizes) - min(sizes) < 64, "numbers of more digits, and no more"


# No space -------------------------------------------------------------------------------------------------------------


def test_a_full_disk_is_a_sentence_and_the_training_goes_on_from_the_last_checkpoint(data, tmp_path, monkeypatch):
    whole, checkpoint, written = train(data, tmp_path / "whole"), Keeper.checkpoint, []

    def full(temporary, **options):
        raise OSError(errno.ENOSPC, "No space left on device")

    def second(self, *arguments):
        written.append(1)
        if len(written) == 2:
            with monkeypatch.context() as patch:
                patch.setattr("mmgen.runs.folder.save", lambda *a, **k: full(None))
                checkpoint(self, *arguments)
        checkpoint(self, *arguments)

    with monkeypatch.context() as patch:
        patch.setattr(Keeper, "checkpoint", second)
        with pytest.raises(WriteError) as error:
            train(data, tmp_path / "run")
    assert str(error.value).endswith(
        "last.safetensors' cannot be written: No space left on device. The last checkpoint is kept; --resume goes on "
        "from it."
    )
    assert same(weights(whole), weights(train(data, tmp_path / "run", resume=True)))


# Not a number ---------------------------------------------------------------------------------------------------------


def test_a_validation_that_is_not_finite_stops_the_training_and_names_the_row(data, tmp_path):
    data.val.data["vector"][3, 0] = 3e38
    data.val.data["vector"][3, 1] = -3e38
    row = 3 if data.val.rows is None else int(data.val.rows[3])
    said = rf"validation after epoch 1: the log-likelihood of the modality 'vector' .*\(of row {row} of the data\)"
    with pytest.raises(NonFiniteError, match=said):
        train(data, tmp_path / "run", early_stopping=2, select="best")
    assert not (tmp_path / "run" / "model.safetensors").exists()
    for line in (
        (tmp_path / "run" / "history.jsonl").read_text().splitlines()
        if (tmp_path / "run" / "history.jsonl").exists()
        else []
    ):
        json.loads(line, parse_constant=pytest.fail)


def test_terms_are_named_without_the_loss_that_they_are_in():
    with pytest.raises(NonFiniteError, match=r"after epoch 7: the divergence is not a finite number\. The last good"):
        check_validation({"divergence": math.inf, "loss": math.inf}, (), 7)
    check_validation({"divergence": 1.0, "loss": 2.0}, (3,), 7)


def test_weights_that_are_not_finite_are_never_written(data, tmp_path, monkeypatch):
    """Without validation rows nothing else sees that the last step was too long."""
    from dataclasses import replace

    alone = replace(data, val=data.val.select(torch.arange(0)))
    with pytest.raises(NonFiniteError, match=r"after step 1: the weights '.*' are not finite"):
        train(alone, tmp_path / "run", epochs=1, batch_size=100, learning_rate=3e38, optimizer="SGD")
    assert not list((tmp_path / "run").rglob("*.safetensors"))[1:], "the rows' keys alone"


class Others:
    """An accelerator of two processes, of which the other one met a number that is none."""

    num_processes, device = 2, torch.device("cpu")

    def reduce(self, values, how):
        assert how == "sum"
        return values + torch.tensor([math.nan] + [0.0] * (len(values) - 1), dtype=values.dtype)


def test_every_process_stops_where_one_meets_a_number_that_is_none():
    from mmgen.models import Terms

    sums = TermSums(Others(), ["a"])
    terms = Terms(log_likelihood=torch.zeros(1, 4), divergence=torch.zeros(4))
    mine = sums.of(terms, torch.zeros(4))
    assert bool(mine.isfinite().all())
    with pytest.raises(NonFiniteError, match=r"step 5: the log-likelihood of the modality 'a' is not"):
        sums.watch(mine, 5)


# Ends without a word --------------------------------------------------------------------------------------------------


class Quits(ELBO):
    """Ends Python in the middle of a step."""

    def terms(self, model, batch):
        raise SystemExit(0)


def test_an_objective_that_ends_python_does_not_end_a_training_as_if_all_were_well(data):
    with pytest.raises(PluginError, match=r"called sys\.exit\(0\) during a training"):
        train(data, model=MultimodalVAE.create(Quits, data, latent_dim=2))


class Meddles:
    """Changes what it is given, and then ends Python."""

    @hookimpl
    def mmgen_epoch_end(self, record):
        record["train"]["loss"] = "mine"
        record.clear()

    @hookimpl
    def mmgen_train_end(self):
        raise SystemExit(0)


def test_hooks_get_copies_and_cannot_end_a_training(data, tmp_path, hook):
    plain = train(data, tmp_path / "plain")
    hook(Meddles())
    with pytest.warns(HookWarning, match="failed in mmgen_train_end: SystemExit: 0"):
        run, in_memory = train(data, tmp_path / "run"), train(data)
    for other in (run, in_memory):
        assert [record["train"] for record in other.history] == [record["train"] for record in plain.history]


# Several processes ----------------------------------------------------------------------------------------------------


def test_a_process_says_that_another_has_ended_and_what_happened_to_it_alone():
    with pytest.raises(LostProcessError, match="Another of the 2 processes has ended"), told_of_processes(2):
        raise RuntimeError("[../gloo/transport/tcp/pair.cc:534] Connection closed by peer [127.0.0.1]:3211")
    with pytest.raises(ValueError, match="mine") as alone, told_of_processes(2):
        raise ValueError("mine")
    assert alone.value.everywhere
    with pytest.raises(NonFiniteError) as known, told_of_processes(2):
        raise NonFiniteError("known to all")
    assert not hasattr(known.value, "everywhere")
    with pytest.raises(RuntimeError, match="gloo"), told_of_processes(1):
        raise RuntimeError("gloo")
