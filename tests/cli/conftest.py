"""A fresh folder with somebody's own data in it, and the command line as they would use it."""

import pytest

from mmgen.testing import write_toy_table


@pytest.fixture
def home(tmp_path, monkeypatch):
    """The current folder: my.csv of 60 rows (some cells missing) and my.yaml."""
    monkeypatch.chdir(tmp_path)
    write_toy_table(tmp_path, shift=100.0, gaps=True)
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
