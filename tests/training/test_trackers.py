"""Trackers: one that cannot be had is refused before anything is written; one that fails costs nothing else."""

import os
import warnings

import accelerate.tracking
import pytest
from accelerate.tracking import LOGGER_TYPE_TO_CLASS, GeneralTracker
from safetensors.torch import load_file

from mmgen import MmgenError
from mmgen.testing import toy_run
from mmgen.training.trackers import TrackerWarning, usable_trackers


@pytest.fixture
def nothing_installed(monkeypatch):
    monkeypatch.setattr(accelerate.tracking, "_available_trackers", [])


@pytest.mark.usefixtures("nothing_installed")
@pytest.mark.parametrize("name", [*LOGGER_TYPE_TO_CLASS, "all", "wandv"])
def test_what_is_not_installed_or_unknown_is_a_sentence_before_anything_is_written(name, tmp_path):
    sentence = {
        "all": r"training\.log_with=all: no tracker is installed",
        "wandv": r"there is no tracker 'wandv'; there are aim, .*, all; did you mean 'wandb'\?",
        "comet_ml": "comet_ml is not installed; pip install comet-ml, or leave out",
        "aim": "aim is not installed; pip install 'aim<4', or leave out",
    }.get(name, f"training.log_with={name}: {name} is not installed; pip install {name}, or leave out")
    with pytest.raises(MmgenError, match=sentence):
        toy_run(output=tmp_path / "run", epochs=2, log_with=name)
    assert list(tmp_path.iterdir()) == [], "the folder was claimed"


def test_a_tracker_that_keeps_files_needs_a_folder_and_all_does_without_it(monkeypatch, tmp_path):
    with pytest.raises(MmgenError, match="it writes into the run's folder, and there is none"):
        usable_trackers("tensorboard", None)
    monkeypatch.setattr(accelerate.tracking, "_available_trackers", ["tensorboard", "wandb"])
    assert usable_trackers("all", None) == ["wandb"]
    assert usable_trackers("all", tmp_path) == ["tensorboard", "wandb"]
    assert usable_trackers(None, tmp_path) == []


def test_tensorboard_gets_the_terms(tmp_path):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        toy_run(output=tmp_path / "run", epochs=2, log_with="tensorboard")
    assert [name for _, _, files in os.walk(tmp_path / "run") for name in files if "tfevents" in name]


class Recorder(GeneralTracker):
    """Keeps what it gets; fails where it is told to."""

    name, requires_logging_directory, fails, got = "recorder", False, "", []

    def __init__(self, run_name):
        super().__init__(_blank=True)

    tracker = None

    def _do(self, what, content=None):
        if what == self.fails:
            raise ConnectionError(f"no login in {what}.\nand more")
        self.got.append((what, content))

    def start(self):
        self._do("start")

    def store_init_configuration(self, values):
        self._do("configuration", values)

    def log(self, values, step=None, **options):
        self._do("log", (step, sorted(values)))

    def finish(self):
        self._do("finish")


@pytest.fixture
def recorder(monkeypatch):
    monkeypatch.setitem(LOGGER_TYPE_TO_CLASS, "recorder", Recorder)
    monkeypatch.setattr(Recorder, "got", [])
    return Recorder


def test_a_tracker_gets_the_configuration_and_every_epoch(recorder, tmp_path):
    toy_run(output=tmp_path / "run", epochs=2, log_with="recorder")
    assert [what for what, _ in recorder.got] == ["start", "configuration", "log", "log", "finish"]
    assert recorder.got[1][1]["training.epochs"] == 2
    step, names = recorder.got[3][1]
    assert step == 2
    assert {"train/loss", "val/divergence", "train/log_likelihood.vector"} <= set(names)


@pytest.mark.parametrize("place", ["start", "configuration", "log", "finish"])
def test_a_tracker_that_fails_is_a_sentence_and_the_training_is_the_same(recorder, place, tmp_path, monkeypatch):
    toy_run(output=tmp_path / "whole", epochs=2)
    monkeypatch.setattr(recorder, "fails", place)
    sentence = rf"The tracker recorder failed \(no login in {place}\)\. The training goes on without it"
    with pytest.warns(TrackerWarning, match=sentence):
        run = toy_run(output=tmp_path / "run", epochs=2, log_with="recorder")
    assert sum(what == "log" for what, _ in recorder.got) == (2 if place == "finish" else 0)
    one, two = (load_file(folder / "model.safetensors") for folder in (tmp_path / "whole", run.path))
    assert all((one[key] == two[key]).all() for key in one)
