"""A fresh folder with somebody's own data in it, and the command line as they would use it."""

import csv

import numpy as np
import pytest

YAML = """
path: my.csv
label: diagnosis
group: subject
modalities:
  genes: {columns: "g*", kind: vector, hidden: [8]}
  proteins: {columns: [p0, p1], kind: counts, likelihood: poisson, hidden: [8]}
"""


@pytest.fixture
def home(tmp_path, monkeypatch):
    """The current folder: my.csv of 60 rows (some cells missing) and my.yaml."""
    monkeypatch.chdir(tmp_path)
    random = np.random.default_rng(0)
    with open("my.csv", "w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["subject", "diagnosis", "g0", "g1", "g2", "p0", "p1", "empty"])
        for i in range(60):
            ill = i % 2
            genes = [f"{100 * ill + random.normal():.3f}" for _ in range(3)] if i % 7 else ["", "1.0", "2.0"]
            proteins = random.poisson(1 + 5 * ill, 2).tolist() if i % 5 else ["", ""]
            writer.writerow([f"s{i // 2}", "ill" if ill else "well", *genes, *proteins, ""])
    (tmp_path / "my.yaml").write_text(YAML)
    return tmp_path


@pytest.fixture
def trained(home, command_line):
    """The folder of a small run on that data."""
    code, _, err = command_line(
        "train",
        "--objective",
        "elbo",
        "--dataset",
        "table",
        "--set",
        "dataset.config=my.yaml",
        "--epochs",
        "3",
        "--output",
        "run",
    )
    assert code == 0, err
    return home / "run"
