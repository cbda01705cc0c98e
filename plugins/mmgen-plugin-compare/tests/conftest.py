"""A folder with a small table in it, and runs that are made in this process."""

import csv
from pathlib import Path

import numpy as np
import pytest

from mmgen_plugin_compare.testing import run_here

YAML = """
path: my.csv
label: diagnosis
modalities:
  genes: {columns: "g*", kind: vector, hidden: [4]}
  proteins: {columns: [p0, p1], kind: counts, likelihood: poisson, hidden: [4]}
"""


@pytest.fixture
def home(tmp_path, monkeypatch):
    """The current folder: my.csv of 60 rows and my.yaml."""
    monkeypatch.chdir(tmp_path)
    random = np.random.default_rng(0)
    with Path("my.csv").open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["diagnosis", "g0", "g1", "g2", "p0", "p1"])
        for i in range(60):
            ill = i % 2
            genes = [f"{100 * ill + random.normal():.3f}" for _ in range(3)]
            writer.writerow(["ill" if ill else "well", *genes, *random.poisson(1 + 5 * ill, 2).tolist()])
    (tmp_path / "my.yaml").write_text(YAML)
    return tmp_path


@pytest.fixture
def asked():
    """What every comparison of these tests asks for: the table, few epochs, and metrics that take no time."""
    return {
        "dataset": "table",
        "metrics": ["reconstruction", "latent-classification"],
        "assignments": ["dataset.config=my.yaml", "training.epochs=2", "model.latent_dim=2"],
        "metric": "latent-classification:per_subset",
    }


@pytest.fixture
def here(monkeypatch):
    """Runs are made in this process; the launchers that were used."""
    return run_here(monkeypatch)
