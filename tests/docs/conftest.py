"""A small world for the blocks of the documentation: every dataset is its toy, every training takes an epoch, and
nothing is uploaded or downloaded.
"""

import csv
import shutil
import tomllib
import warnings
from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace

import nibabel
import numpy as np
import pandas as pd
import pynwb
import pytest
import scipy.sparse
from anndata import AnnData
from PIL import Image

import mmgen
import mmgen.cli.train
import mmgen.data.loading
import mmgen.runs.config
import mmgen.runs.run
import mmgen_plugin_compare.comparison
import mmgen_plugin_papers.reproduction
from mmgen.data import DatasetConfig
from mmgen.errors import DataWarning
from mmgen.evaluation.classifiers import Budget
from mmgen.registry import refresh
from mmgen.runs import Plan
from mmgen.testing import install_distribution, write_toy_table
from mmgen.training.stages import Stages
from mmgen.training.train import train_run
from mmgen_plugin_compare import Outcome
from mmgen_plugin_scverse.objects import joined, write_object


def own_files(folder):
    """The files that pages speak of: my.csv with genes and proteins, my.yaml about it, and new.csv with a few rows
    more; my.npz and photos.csv, with pictures; clinic.csv, with columns of different types; labs.csv, with long
    tails and compositions; scans.csv, with volumes, and rat.nwb, a recording.
    """
    write_toy_table(folder)
    random = np.random.default_rng(1)  # other rows than those of my.csv
    new = [
        ["g0", "g1", "g2", "p0", "p1"],
        *([*random.normal(5 * (i % 2), 1, 3).round(3), *random.poisson(1 + 5 * (i % 2), 2)] for i in range(12)),
    ]
    with (folder / "new.csv").open("w", newline="") as file:
        csv.writer(file).writerows(new)
    genes, scan = (
        random.normal(size=(60, 3)).astype(np.float32),
        random.integers(0, 256, (60, 1, 8, 8)).astype(np.uint8),
    )
    np.savez(folder / "my.npz", genes=genes, scan=scan, diagnosis=np.array(["ill", "well"] * 30))
    (folder / "imgs").mkdir()
    for i, picture in enumerate(scan):
        Image.fromarray(picture[0]).save(folder / "imgs" / f"{i}.png")
    lines = [f"imgs/{i}.png,{g0:.3f},{g1:.3f}\n" for i, (g0, g1, _) in enumerate(genes.tolist())]
    clinic = "age,smoker,ward,grade,lesions,gene0,gene1\n"
    for i in range(40):
        ward, grade = ("icu", "er")[i % 2], ("none", "mild", "severe")[i % 3]
        clinic += f"{random.integers(20, 90)},{i % 2},{ward},{grade},{i % 4},{i % 5}.5,{i % 7}.5\n"
    (folder / "clinic.csv").write_text(clinic)
    patients = "g0,g1,t0,t1,t2,age,crp,ldl\n"
    for genes, taxa in zip(random.exponential(9, (40, 4)), random.dirichlet([1, 1, 1], 40), strict=True):
        numbers = [*genes[:2], *taxa, 50 + genes[2], *genes[2:]]
        patients += ",".join(f"{number:.4f}" for number in numbers) + "\n"
    (folder / "labs.csv").write_text(patients)
    (folder / "photos.csv").write_text("photo,g0,g1\n" + "".join(lines))
    scans = random.normal(size=(8, 24, 28, 24)).astype(np.float32)
    for i, values in enumerate(scans):
        nibabel.Nifti1Image(values, np.eye(4)).to_filename(folder / f"sub-{i:02}_T1w.nii")
    rows = [f"sub-{i:02}_T1w.nii,{60 + i},{20 + i},{'ab'[i % 2]}\n" for i in range(len(scans))]
    (folder / "scans.csv").write_text("scan,age,mmse,diagnosis\n" + "".join(rows))
    write_recording(folder / "rat.nwb", random)
    write_several_files(folder, scan)
    single_cells(folder)


def single_cells(folder):
    """cells.h5mu with three modalities; cells.h5ad with a layer, components and hashtags; new.h5ad with other cells."""
    draw, count = np.random.default_rng(2), 40
    obs = pd.DataFrame(
        {"cell_type": ["B", "T"] * 20, "donor": [f"d{i % 8}" for i in range(count)]},
        index=[f"cell{i}" for i in range(count)],
    )

    def cells(letters, width, rate):
        counts = scipy.sparse.csr_matrix(draw.poisson(rate, (count, width)).astype(np.float32))
        return AnnData(counts, obs.copy(), pd.DataFrame(index=[f"{letters}{i}" for i in range(width)]))

    rna, atac, tags = cells("G", 8, 2), cells("P", 6, 0.3), cells("HTO", 3, 9)
    write_object(joined({"rna": rna[:30].copy(), "atac": atac[10:].copy(), "prot": tags}), folder / "cells.h5mu")
    new = rna[::4].copy()
    new.obs_names = [f"new{name}" for name in new.obs_names]
    write_object(new, folder / "new.h5ad")
    tags.layers["counts"] = tags.X
    tags.obsm["X_pca"] = draw.normal(size=(count, 2))
    write_object(tags, folder / "cells.h5ad")


def write_several_files(folder, scan):
    """A file for each modality of patients, with one of what is known about them; and two recordings."""
    random = np.random.default_rng(2)
    names, about = [f"P{i:03d}" for i in range(60)], [("ill", "well")[i % 2] for i in range(60)]
    patients = pd.DataFrame({"patient_id": names, "diagnosis": about, "site": ["north", "south", "south"] * 20})
    patients.to_csv(folder / "patients.csv", index=False)
    rna = pd.DataFrame(random.normal(size=(50, 3)).round(3), columns=["g0", "g1", "g2"])
    rna.assign(patient_id=names[:50]).to_csv(folder / "rna.csv", index=False)
    proteins = pd.DataFrame(random.poisson(3, (40, 2)), columns=["p0", "p1"])
    proteins.assign(patient_id=names[20:]).to_parquet(folder / "proteins.parquet", index=False)
    np.savez(folder / "scans.npz", patient_id=np.array(names[:30]), scan=scan[:30])
    for name, trials in (("a", 60), ("b", 45)):
        spikes = pd.DataFrame(random.poisson(2, (trials, 4)), columns=[f"n{i}" for i in range(4)])
        order = random.permutation(trials)
        more = {"stimulus": [("tone", "light", "odour")[i % 3] for i in order], "session": order // 9}
        spikes.assign(**more).to_parquet(folder / f"{name}.parquet", index=False)


def write_recording(path, random):
    """Twenty trials of two odours, six units in two areas, and a speed."""
    begin = datetime(2020, 1, 1, tzinfo=UTC)
    file = pynwb.NWBFile(session_description="a rat", identifier="rat", session_start_time=begin)
    file.add_trial_column(name="odour", description="which")
    file.add_trial_column(name="odour_on", description="when")
    for i in range(20):
        file.add_trial(start_time=2.0 * i, stop_time=2.0 * i + 1.8, odour="AB"[i % 2], odour_on=2.0 * i + 0.5)
    file.add_unit_column(name="location", description="where")
    for i in range(6):
        file.add_unit(spike_times=np.sort(random.uniform(0, 40, 200)), location=("CA1", "PFC")[i % 2])
    speed = pynwb.TimeSeries(name="speed", data=random.normal(size=400), unit="m/s", starting_time=0.0, rate=10.0)
    file.add_acquisition(speed)
    with pynwb.NWBHDF5IO(path, "w") as out:
        out.write(file)


def short(config):
    """The options of a training that were asked for, with an epoch for each of its stages."""
    plan = config.plan
    lengths = [None if number == len(plan) else 1 for number in range(1, len(plan) + 1)]
    stages = tuple(stage.model_copy(update={"epochs": epochs}) for stage, epochs in zip(config.stages, lengths))
    return config.model_copy(update={"epochs": len(plan), "stages": stages, "device": "cpu"})


def toy_in_place_of(real):
    """``open_dataset``, but with the toy of the dataset, whose options have been checked already; one's own data are
    what they are.
    """

    def opened(name, dataset, modalities=None, **of_run):
        if name.rpartition(":")[2] not in ("table", "in-memory"):
            kept = {field: getattr(dataset.config, field) for field in DatasetConfig.model_fields}
            dataset = type(dataset).toy()
            dataset.config = dataset.config.model_copy(update=kept)
        return real(name, dataset, modalities, **of_run)

    return opened


@pytest.fixture(scope="session")
def a_run(tmp_path_factory, cache_folder):
    """A run of one epoch on somebody's own table, as the training of the front page makes it."""
    folder = tmp_path_factory.mktemp("somebody")
    own_files(folder)
    data = mmgen.load_dataset("table", config=str(folder / "my.yaml"))
    model = mmgen.MultimodalVAE.create("mmvamp", data, latent_dim=2)
    run = mmgen.Trainer(epochs=1).fit(model, data, output=str(folder / "run"))
    run.evaluate(metrics=["reconstruction"])
    return folder / "run"


class World:
    """What a page finds when its blocks are run."""

    def __init__(self, folder, run, monkeypatch):
        self.folder, self.run, self.monkeypatch = folder, run, monkeypatch

    def provide(self, path):
        """A run where a page speaks of one that an earlier page made."""
        if not Path(path).exists():
            shutil.copytree(self.run, path)

    def only_resolve(self, yes):
        """Whether ``mmgen train`` ends before its first step: with configuration, data, model and stages, for a run
        that no command of the page uses.
        """
        self.monkeypatch.setattr(mmgen.cli.train, "train_run", _resolved if yes else train_run)

    def declare(self, source):
        """What ``pip install -e source`` would tell this process: where the package is, and its entry points."""
        project = tomllib.loads((source / "pyproject.toml").read_text())["project"]
        site = self.folder / "site"
        for path in (site, source.resolve()):
            self.monkeypatch.syspath_prepend(str(path))
        install_distribution(site, project["name"], project["entry-points"], version=project["version"])


def _resolved(config, folder, *, resume, screen):
    plan = Plan.of(config)
    Stages(plan.model, plan.training.plan, plan.training.groups)
    if not plan.model.objective.supports_missing:
        assert bool(plan.data.train.available.all()), "the objective cannot train on rows that lack something"
    return SimpleNamespace(path=folder.path)


@pytest.fixture(scope="session")
def own_cache(tmp_path_factory):
    """Toys under the names of real data, and classifiers that have hardly learned, are nothing for the cache of other
    tests.
    """
    return tmp_path_factory.mktemp("docs-cache")


@pytest.fixture
def world(tmp_path, monkeypatch, a_run, own_cache):
    """The current folder is an empty one with :func:`own_files` in it."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("MMGEN_CACHE", str(own_cache))
    monkeypatch.setattr("mmgen.registry.components.LOCAL", {})  # what a page registers is gone after it
    monkeypatch.setattr("mmgen.evaluation.judges.Budget", lambda steps: Budget(5))
    monkeypatch.setattr("warnings.showwarning", warnings.showwarning)  # the command line sets its own
    own_files(tmp_path)
    real = mmgen.data.loading.open_dataset
    for module in (mmgen.data.loading, mmgen.runs.config, mmgen.runs.opening):
        monkeypatch.setattr(module, "open_dataset", toy_in_place_of(real))
    monkeypatch.setattr(
        "mmgen_plugin_papers.reproduction.check_names", lambda experiment, request: None
    )  # toys have fewer modalities than the data of papers
    made = mmgen.Trainer.__init__

    def shortened(self, *arguments, **options):
        made(self, *arguments, **options)
        self.config = short(self.config)

    monkeypatch.setattr(mmgen.Trainer, "__init__", shortened)
    for module in (mmgen_plugin_compare.comparison, mmgen_plugin_papers.reproduction):
        monkeypatch.setattr(module, "make_runs", lambda *_: Outcome())
    monkeypatch.setattr(
        "mmgen_plugin_papers.estimate._step", lambda *_: (0.1, 1000)
    )  # estimates time steps of networks at the scale of papers
    monkeypatch.setattr(
        "mmgen_plugin_report.page.pictures", lambda *_, **__: ([], "")
    )  # a few seconds for each run; the plugin's tests draw them
    monkeypatch.setattr(
        "mmgen_plugin_play.server.Server", lambda *_: SimpleNamespace(address="", run=lambda show: None)
    )  # which would serve until somebody ends it
    hub = SimpleNamespace(create_repo=lambda *_, **__: None, upload_folder=lambda **_: None)
    monkeypatch.setattr("huggingface_hub.HfApi", lambda token: hub)
    monkeypatch.setattr("huggingface_hub.get_token", lambda: "secret")
    monkeypatch.setattr(
        "huggingface_hub.snapshot_download", lambda *_, **__: str(next(tmp_path.glob("*/config.json")).parent)
    )
    with warnings.catch_warnings():
        warnings.simplefilter("default", DataWarning)  # a page may open other data than a run's
        yield World(tmp_path, a_run, monkeypatch)
    monkeypatch.undo()
    refresh()
