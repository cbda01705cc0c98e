"""Sites that z holds where nothing says them, and need not where networks are told; as a user would ask for it."""

import json

import numpy as np
import pandas as pd
import pytest

import mmgen
from mmgen.testing import raises_sentence

ROWS = 3000


@pytest.fixture(scope="module")
def clinic(tmp_path_factory):
    """A file of two measurements of one factor, at three sites that shift and stretch them."""
    random = np.random.default_rng(0)
    site = random.integers(0, 3, ROWS)
    factor = random.normal(size=(ROWS, 2))
    shift = random.normal(size=(3, 2, 6)) * 3
    frame = {"site": np.array(["north", "south", "west"])[site]}
    for m, name in enumerate(("blood", "urine")):
        loadings = random.normal(size=(2, 6))
        values = factor @ loadings + shift[site, m] + 0.3 * random.normal(size=(ROWS, 6))
        frame |= {f"{name}{j}": values[:, j] for j in range(6)}
    path = tmp_path_factory.mktemp("clinic") / "clinic.csv"
    pd.DataFrame(frame).to_csv(path, index=False)
    return path


def trained(path, output, epochs=1, **dataset):
    modalities = {
        name: {"columns": [f"{name}{j}" for j in range(6)], "kind": "vector", "hidden": [32]}
        for name in ("blood", "urine")
    }
    data = {"path": str(path), "modalities": modalities, "test_fraction": 0.5, **dataset}
    return mmgen.train(
        "mopoe",
        mmgen.make_dataset("table", data),
        output=output,
        latent_dim=2,
        epochs=epochs,
        batch_size=64,
        learning_rate=3e-3,
        quiet=True,
    )


def leakage(run, **options):
    rows = run.measurements(metrics=["covariate-leakage"], covariate_leakage=options)
    return {(row["given"], row["measure"]): row["value"] for row in rows if row["label"] == "site"}


def test_z_holds_a_site_unless_networks_are_told(clinic, tmp_path):
    alone = leakage(trained(clinic, tmp_path / "alone", 25, label="site"), labels=["site"])
    told = leakage(trained(clinic, tmp_path / "told", 25, covariates=["site"]))
    assert alone["blood+urine", "accuracy"] >= 0.98
    assert abs(told["blood+urine", "accuracy"] - told["blood+urine", "chance"]) <= 0.05, told
    assert abs(told["blood+urine", "chance"] - 1 / 3) < 0.1


def test_the_commands_export_private_latents_and_generate_as_if_measured_elsewhere(clinic, tmp_path, command_line):
    settings = ["--set", f"dataset.path={clinic}", "--set", "dataset.covariates=[site]", "--set", "model.private_dim=2"]
    columns = ", ".join(
        f"{name}: {{kind: vector, hidden: [8], columns: [{', '.join(f'{name}{j}' for j in range(6))}]}}"
        for name in ("blood", "urine")
    )
    settings += ["--set", f"dataset.modalities={{{columns}}}"]
    run = tmp_path / "run"
    settings += ["--set", "training.select=last", "--epochs", "2"]  # the model of the start has nothing in private ones
    command_line("train", "--objective", "mopoe", "--dataset", "table", *settings, "--output", str(run))
    assert command_line("encode", str(run), "--given", "blood", "--private", "--out", str(tmp_path / "z.csv"))[0] == 0
    frame = pd.read_csv(tmp_path / "z.csv")
    assert {"site", "z0", "w_blood0", "w_blood1_scale", "w_urine1"} <= set(frame.columns)
    assert not frame[["w_urine0", "w_urine1"]].any(axis=None) and frame["w_blood0"].std() > 0
    for site in ("north", "west"):
        told = ["--set", f"covariates.site={site}", "--seed", "3", "--out", str(tmp_path / f"{site}.csv")]
        assert command_line("generate", str(run), "--given", "blood", "--targets", "urine", *told)[0] == 0
    one, two = (pd.read_csv(tmp_path / f"{site}.csv") for site in ("north", "west"))
    assert one["row"].equals(two["row"]) and not np.allclose(one["urine0"], two["urine0"])
    for words, sentence in (
        (["covariates.site=mars"], "covariates.site: there is no class 'mars'"),
        (["covariates.age=3"], "covariates: there is no covariate 'age'"),
    ):
        code, _, err = command_line("generate", str(run), "--set", *words, "--out", str(tmp_path / "x.csv"))
        assert code == 2 and sentence in err
    assert json.loads((run / "environment.json").read_text())["data"]["rows"]["train"] > 0


def test_labels_that_are_not_there_are_a_sentence(clinic, tmp_path):
    run = trained(clinic, tmp_path / "run", label="site")
    with raises_sentence("there is no label of one class per row 'sit'"):
        leakage(run, labels=["sit"])
    sentences = []
    assert run.measurements(metrics=["covariate-leakage"], notify=sentences.append) == []
    assert "the data have no covariates" in sentences[0]


def test_a_summary_shows_how_much_is_read_given_everything(clinic, tmp_path, command_line):
    run = trained(clinic, tmp_path / "run", covariates=["site"])
    rows = run.measurements(metrics=["covariate-leakage"])
    assert {row["given"] for row in rows} == {"blood", "urine", "blood+urine", "1 of 2", "2 of 2"}
    code, out, _ = command_line("evaluate", tmp_path / "run", "--metrics", "covariate-leakage", "--no-figures")
    assert code == 0 and "2 of 2" in out and "accuracy" in out
