"""Small trained runs of a table whose labels try to be markup, shared by all tests of reports."""

import csv
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest

import mmgen
from mmgen.cli.app import app
from mmgen.cli.guarded import run_guarded

LABELS = ("well & good", "</script><img src=x onerror=alert(1)>")


@dataclass(frozen=True)
class ExampleRuns:
    """A folder with runs: seeds 0 and 1 with β = 1, seed 0 with β = 0.1, and one that stopped early."""

    folder: Path
    data: Path
    labels: tuple[str, ...] = LABELS

    @property
    def one(self) -> Path:
        return self.folder / "grid" / "b1-s0"


def train(data, folder, beta, seed, metrics):
    model = mmgen.MultimodalVAE.create("elbo", data, latent_dim=3, beta=beta, seed=seed)
    run = mmgen.Trainer(epochs=2, seed=seed, device="cpu").fit(model, data, output=str(folder))
    run.evaluate(metrics=metrics)
    return run


@pytest.fixture(scope="session")
def example_runs(tmp_path_factory):
    folder = tmp_path_factory.mktemp("reported runs")
    random = np.random.default_rng(0)
    table = folder / "private" / "my table.csv"
    table.parent.mkdir()
    with table.open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["subject", "diagnosis", "g0", "g1", "p0", "p1"])
        for i in range(60):
            ill = i % 2
            writer.writerow(
                [
                    f"s{i}",
                    LABELS[ill],
                    *(f"{3 * ill + random.normal():.3f}" for _ in range(2)),
                    *random.poisson(1 + 5 * ill, 2).tolist(),
                ]
            )
    modalities = {
        "genes": {"columns": "g*", "kind": "vector", "hidden": [4]},
        "proteins": {"columns": "p*", "kind": "counts", "likelihood": "poisson", "hidden": [4]},
    }
    data = mmgen.load_dataset("table", path=str(table), label="diagnosis", modalities=modalities)
    metrics = ["reconstruction", "latent-classification"]
    for beta, seed in ((1.0, 0), (1.0, 1), (0.1, 0)):
        train(data, folder / "grid" / f"b{beta:g}-s{seed}", beta, seed, metrics)
    return ExampleRuns(folder, table)


@pytest.fixture
def command(capfd):
    """A command in this process: ``code, out, err = command("report", folder)``."""

    def run(*words):
        code = run_guarded(app, [str(word) for word in words])
        out, err = capfd.readouterr()
        return code, out, err

    return run


@pytest.fixture
def without_pictures(monkeypatch):
    """Reports have none, which take most of their time."""
    monkeypatch.setattr("mmgen_plugin_report.pictures._draw", lambda evaluation: {})


@pytest.fixture(scope="session")
def pages(example_runs, tmp_path_factory):
    """The report of one run and of all of them."""
    from mmgen_plugin_report import write_report

    folder = tmp_path_factory.mktemp("pages")
    return {
        "one": write_report([example_runs.one], folder / "one.html"),
        "grid": write_report([example_runs.folder / "grid"], folder / "grid.html", max_points=60),
    }
