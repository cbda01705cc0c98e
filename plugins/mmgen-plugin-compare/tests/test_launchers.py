"""Processes, Ray and Slurm: they are killed, stopped and resumed, and the models are the same to the byte."""

import importlib.util
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import ClassVar

import psutil
import pytest
from pydantic import Field

import mmgen
from mmgen import MmgenError
from mmgen.cli.app import app
from mmgen.cli.guarded import run_guarded
from mmgen_plugin_compare import LauncherConfig
from mmgen_plugin_compare.launchers import local, make_launcher
from mmgen_plugin_compare.testing import InThisProcess

SETTINGS = [
    "training.select=last",
    "dataset.config=my.yaml",
    "training.epochs=50",
    "training.checkpoint_seconds=0",
    "model.latent_dim=2",
]
WORDS = ["compare", "--objectives", "elbo", "--dataset", "table", "--metrics", "reconstruction", "--output", "c"]
COMMAND = [*WORDS, *(part for text in SETTINGS for part in ("--set", text))]
RUN = Path("c/elbo/beta-1/seed-0")


def epochs(run=RUN):
    """How many epochs a run has had."""
    history = run / "history.jsonl"
    return history.read_bytes().count(b"\n") if history.exists() else 0


def trained_alone(seed):
    """The bytes of the model that ``mmgen train`` makes in one go."""
    words = ["train", "--objective", "elbo", "--dataset", "table", "--seed", str(seed), "--output", f"alone-{seed}"]
    assert run_guarded(app, [*words, *(part for text in SETTINGS for part in ("--set", text))]) == 0
    return Path(f"alone-{seed}/model.safetensors").read_bytes()


class Disturbed(local.LocalLauncher):
    """Calls ``disturb`` once a run has had some epochs."""

    disturb = None

    def poll(self):
        if type(self).disturb and self.running and epochs() > type(self).after:
            (process,) = self.running.values()
            type(self).disturb(process)
            type(self).disturb = None
        return super().poll()


def test_killed_then_interrupted_then_gone_on_with_ends_where_it_would_have(home, capfd, monkeypatch):
    monkeypatch.setattr(local, "LocalLauncher", Disturbed)
    Disturbed.disturb, Disturbed.after = staticmethod(lambda process: process.kill()), 5
    assert run_guarded(app, COMMAND) == 1
    said = capfd.readouterr().out
    assert "1 failed" in said
    assert "elbo, β 1, seed 0: Its process was ended by SIGKILL; the same command goes on with it" in said
    at = epochs()
    assert 5 < at < 50
    assert not (RUN / "model.safetensors").exists()
    Disturbed.disturb, Disturbed.after = staticmethod(lambda process: signal.raise_signal(signal.SIGINT)), at + 5
    assert run_guarded(app, COMMAND) == 130
    assert "Stopped. The same command goes on" in capfd.readouterr().out
    assert at < epochs() < 50
    assert '"stopped"' in Path("c/jobs/elbo_beta-1_seed-0.json").read_text()
    assert run_guarded(app, COMMAND) == 0
    assert (RUN / "model.safetensors").read_bytes() == trained_alone(0)
    assert not list(Path("c").rglob("*.tmp"))


def test_a_folder_belongs_to_one_command_at_a_time(home, capfd):
    from filelock import FileLock

    Path("c/jobs").mkdir(parents=True)
    with FileLock("c/jobs/compare.lock"):
        assert run_guarded(app, COMMAND) == 2
    assert "Another mmgen compare is at work in 'c'" in capfd.readouterr().err


def test_children_share_the_cores_unless_the_user_says_otherwise(monkeypatch):
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: set(range(8)))
    monkeypatch.delenv("OMP_NUM_THREADS", raising=False)
    assert make_launcher("local", Path(), {"jobs": 3}).environment["OMP_NUM_THREADS"] == "2"
    assert make_launcher("local", Path(), {"jobs": 16}).environment["OMP_NUM_THREADS"] == "1"
    monkeypatch.setenv("OMP_NUM_THREADS", "5")
    assert make_launcher("local", Path(), {"jobs": 3}).environment["OMP_NUM_THREADS"] == "5"


@pytest.mark.parametrize(
    ("name", "options", "sentence"),
    [
        ("rai", {}, r"There is no launcher 'rai'; installed are: local, ray, slurm.*did you mean 'ray'"),
        ("local", {"jobs": 0}, r"launcher\.jobs: 0 is not right; it should be greater than or equal to 1"),
        ("local", {"cpus": 2}, r"launcher\.cpus: there is no such option; there are jobs\."),
        ("ray", {"cpu": 2}, r"launcher\.cpu: there is no such option; there are .* did you mean 'cpus'"),
        ("ray", {"address": "auto", "jobs": 2}, "jobs does nothing with address=auto, it is for address=none"),
        ("slurm", {"jobs": 2}, r"launcher\.jobs: there is no such option; there are account, "),
        ("slurm", {"cluster": "x"}, r"launcher\.cluster: 'x' is not right; it should be 'slurm' or 'local'"),
    ],
)
def test_options_that_a_launcher_does_not_have(tmp_path, name, options, sentence):
    with pytest.raises(MmgenError, match=sentence):
        make_launcher(name, tmp_path, options)


class ShelfConfig(LauncherConfig):
    """Options of a launcher of somebody else's."""

    shelf: int = Field(description="Which one.")
    labels: dict[str, str] = Field({}, description="What is written on it.")


class Shelf(InThisProcess):
    """A launcher with options of its own."""

    Config = ShelfConfig
    configs: ClassVar = []

    def __init__(self, folder, config):
        super().__init__(folder, config)
        self.configs.append(config)


@pytest.fixture
def shelf(monkeypatch):
    """The options with which the launcher ``shelf`` was made."""
    monkeypatch.setattr(Shelf, "configs", [])
    monkeypatch.setattr("mmgen_plugin_compare.launchers.load", lambda kind, name: Shelf)
    return Shelf.configs


def test_a_launcher_has_options_of_its_own_at_both_doors(home, shelf, capfd):
    words = ["--set", "training.epochs=1", "--launcher", "shelf"]
    options = ["--launcher-option", "shelf=3", "--launcher-option", "labels={a: b}"]
    assert run_guarded(app, [*COMMAND, *words, *options]) == 0, capfd.readouterr()
    mmgen.compare(
        ["elbo"],
        "table",
        output="d",
        launcher="shelf",
        launcher_options={"shelf": "3", "labels": {"a": "b"}},
        metrics=["reconstruction"],
        assignments=[*SETTINGS, "training.epochs=1"],
    )
    assert shelf == [ShelfConfig(shelf=3, labels={"a": "b"})] * 2
    capfd.readouterr()
    for wrong, sentence in (
        ([], "launcher.shelf: this option must be given."),
        (["--launcher-option", "shelf=x"], "launcher.shelf: 'x' is not right; it should be integer"),
        (["--launcher-option", "shelf"], "--launcher-option 'shelf': write it as key=value"),
        (["--launcher-option", "shelf=1", "--launcher-option", "shelf=2"], "--launcher-option shelf: it is given"),
        ([*options, "--jobs", "2"], "launcher.jobs: there is no such option; there are labels, shelf."),
        (["--launcher-option", "jobs=2", "--jobs", "2"], "jobs is given twice, alone and among the options"),
    ):
        assert run_guarded(app, [*COMMAND, *words, "--output", "e", *wrong]) == 2
        assert sentence in capfd.readouterr().err
    with pytest.raises(MmgenError, match=r"launcher\.shelv: there is no such option; .* did you mean 'shelf'"):
        mmgen.compare(
            ["elbo"], "table", output="e", launcher="shelf", launcher_options={"shelv": 1}, assignments=SETTINGS
        )
    assert not Path("e").exists()


def test_a_launcher_is_described_with_its_options(capsys):
    assert run_guarded(app, ["info", "slurm", "--json"]) == 0
    described = json.loads(capsys.readouterr().out)
    assert (described["kind"], described["text"][:26]) == ("launcher", "A job of Slurm for each ru")
    options = {option.pop("option"): option for option in described["options"]}
    assert options["launcher.time"] == {
        "type": "int | str",
        "default": "240",
        "description": "Minutes of a job, or a time as sbatch has it.",
    }


@pytest.mark.parametrize(("name", "package"), [("ray", "ray"), ("slurm", "submitit")])
def test_a_missing_extra_is_named(tmp_path, monkeypatch, name, package):
    monkeypatch.setitem(sys.modules, package, None)
    with pytest.raises(MmgenError, match=rf"--launcher {name} needs the extra mmgen-plugin-compare\[{name}\]"):
        make_launcher(name, tmp_path)


def needs(package):
    """Marks a test of an engine that is an extra."""
    return pytest.mark.skipif(
        importlib.util.find_spec(package) is None, reason=f"{package} is an extra, and not installed here"
    )


@needs("submitit")
def test_slurm_options_are_checked(tmp_path):
    with pytest.raises(
        MmgenError, match=r"launcher\.parameters\.wckei: there is no such option; .* did you mean 'wckey'"
    ):
        make_launcher("slurm", tmp_path, {"parameters": {"wckei": "mine"}})
    with pytest.raises(MmgenError, match=r"launcher\.parameters\.cpus_per_task: there is no such option"):
        make_launcher("slurm", tmp_path, {"parameters": {"cpus_per_task": 2}})
    with pytest.raises(MmgenError, match="--launcher slurm: "):
        make_launcher("slurm", tmp_path, {"partition": "gpu"})  # there is no Slurm here


@needs("submitit")
def test_slurm_makes_the_same_model(home, capfd):
    """Through submitit's local executor: its pickles, its processes, its polling."""
    assignments = ("cluster=local", "gpus=0", "time=60", "partition=1")
    options = ["--launcher", "slurm", *(word for text in assignments for word in ("--launcher-option", text))]
    assert run_guarded(app, [*COMMAND, *options]) == 0, capfd.readouterr()
    assert (RUN / "model.safetensors").read_bytes() == trained_alone(0)


@needs("ray")
def test_ray_goes_on_when_a_worker_is_killed(home):
    """Two workers of a real Ray on this machine; one is killed while it trains, and its run is resumed elsewhere."""
    options = ["--launcher", "ray", "--jobs", "2", "--seeds", "0,1"]
    process = subprocess.Popen(
        [sys.executable, "-m", "mmgen", *COMMAND, *options], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    )
    try:
        killed = False
        while process.poll() is None:
            if not killed and epochs() > 5:
                training = [
                    child for child in psutil.Process(process.pid).children(recursive=True) if _trains(child, "seed-0")
                ]
                if training:
                    training[0].send_signal(signal.SIGKILL)
                    killed = True
            time.sleep(0.05)
        out = process.stdout.read()
    finally:
        process.kill()
        process.stdout.close()
    assert process.returncode == 0, out
    assert killed
    starts = sum(path.read_text().count("Model: elbo") for path in Path("c/jobs").glob("*.log"))
    assert starts == 3, "two runs, one of them submitted again"
    for seed in (0, 1):
        assert (RUN.parent / f"seed-{seed}" / "model.safetensors").read_bytes() == trained_alone(seed)


def _trains(process, run):
    """Whether it is the worker that holds the lock of a run; the other one may not have begun."""
    try:
        return "ray::work" in " ".join(process.cmdline()) and any(run in file.path for file in process.open_files())
    except psutil.Error:
        return False
