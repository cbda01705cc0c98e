"""Every command as a person would use it on their own data."""

import csv
import json

import numpy as np
import pytest
import yaml
from PIL import Image

import mmgen as library


def test_train_evaluate_generate_and_encode(trained, command_line, home):
    assert {path.name for path in trained.iterdir()} >= {
        "config.yaml",
        "environment.json",
        "model.safetensors",
        "history.jsonl",
    }
    code, out, err = command_line("evaluate", "run")
    assert code == 0, err
    assert "coherence" in out
    assert "latent-classification" in out
    rows = [json.loads(line) for line in (trained / "results.jsonl").read_text().splitlines()]
    everyday = {
        "coherence",
        "latent-classification",
        "reconstruction",
        "clustering",
        "cosine-similarity",
        "fd-classifier",
        "imputation",
        "posterior-collapse",
        "variance-collapse",
        "variance-explained",
        "modality-gain",
    }
    assert {row["metric"] for row in rows} == everyday, "no text, no weights for the FID, and nothing that is costly"
    assert {row["data"] for row in rows} == {"real"}
    assert "Computed too, and shown by --metrics NAME: cosine-similarity, fd-classifier" in " ".join(out.split())
    for name in ("latents", "generations", "learning-curves", "variance-explained", "loadings", "modality-gain"):
        with Image.open(trained / "figures" / f"{name}.png") as picture:
            assert picture.width > 300
    loadings = (trained / "loadings.csv").read_text().splitlines()
    assert "loadings.csv" in out and loadings[0].startswith("modality,column,z0,z1,")
    assert [line.split(",")[:2] for line in loadings[1:3]] == [["genes", "g0"], ["genes", "g1"]]
    code, out, err = command_line("encode", "run", "--given", "genes", "--split", "all", "--out", "latents.npz")
    assert code == 0, err
    with np.load("latents.npz", allow_pickle=False) as arrays:
        assert arrays["mean"].shape == (58, 16)
        assert set(arrays["diagnosis"]) == {"ill", "well"}
        assert (arrays["scale"] > 0).all()


@pytest.mark.parametrize("ending", ["csv", "parquet"])
def test_encode_into_a_table(trained, command_line, ending):
    import pandas as pd

    assert command_line("encode", "run", "--out", f"z.{ending}")[0] == 0
    frame = pd.read_csv("z.csv") if ending == "csv" else pd.read_parquet("z.parquet")
    assert {"row", "given", "diagnosis", "z0", "z15", "z0_scale"} <= set(frame.columns)


def test_a_metric_that_is_asked_for_is_shown(trained, command_line):
    code, out, err = command_line("evaluate", "run", "--metrics", "cosine-similarity", "--no-figures")
    assert code == 0 and "shuffled" in out and "Computed too" not in out, err


def test_a_quiet_training_prints_nothing_but_errors(home, command_line):
    words = ("train", "--objective", "elbo", "--dataset", "table", "--epochs", "1", "--output", "run", "--quiet")
    code, out, err = command_line(*words, "--set", "dataset.config=your.yaml")
    assert code == 2 and out == "" and "your.yaml" in err
    code, out, err = command_line(*words, "--set", "dataset.config=my.yaml")
    assert (code, out, err) == (0, "", "") and (home / "run" / "model.safetensors").exists()


@pytest.mark.filterwarnings("ignore::mmgen.errors.DataWarning")
@pytest.mark.parametrize("data", [None, "genes-alone.csv"])
def test_what_rows_really_had_is_said_in_one_form(trained, home, command_line, data):
    """By latents and by generated values, in their files and on the screen; ``given`` is what was asked for of it."""
    new = [] if data is None else ["--data", data]
    if data is not None:
        (home / data).write_text("g0,g1,g2\n1,2,3\n4,,6\n")
    had = {}
    for command, options in (("encode", ["--split", "all"]), ("generate", ["--given", "proteins,genes"])):
        code, out, err = command_line(command, "run", *options, *new, "--out", f"{command}.csv")
        assert code == 0, err
        with open(f"{command}.csv", newline="") as file:
            had[command] = [row["given"] for row in csv.DictReader(file)]
        code, _, err = command_line(command, "run", *options, *new, "--out", f"{command}.npz")
        assert code == 0, err
        with np.load(f"{command}.npz", allow_pickle=False) as arrays:
            assert arrays["given"].tolist() == had[command]
        assert ("given genes: " if data else "given genes+proteins (45 rows), genes (10), proteins (3): ") in out
    assert had["encode"] == had["generate"]
    assert (
        had["encode"] == ["genes", "genes"]
        if data
        else sorted(set(had["encode"])) == ["genes", "genes+proteins", "proteins"]
    )


def test_imputation_is_one_line_per_row_in_the_units_of_the_table(trained, command_line):
    code, out, err = command_line(
        "generate", "run", "--given", "genes", "--targets", "proteins,genes", "--out", "imputed.csv", "--samples", "4"
    )
    assert code == 0, err
    assert "58 items" in out
    with open("imputed.csv", newline="") as file:
        rows = list(csv.DictReader(file))
    assert list(rows[0]) == ["row", "given", "p0", "p1", "g0", "g1", "g2"]
    assert [int(row["row"]) for row in rows] == [i for i in range(60) if i not in (0, 35)], (
        "rows without any measurement are left out"
    )
    assert rows[6]["row"] == "7"
    assert rows[6]["given"] == "", "row 7 lacks its genes"
    assert rows[0]["given"] == "genes"
    genes = [float(row["g0"]) for row in rows]
    assert min(genes) < 100 < max(genes) + 100, "not in the units of the table"


def test_imputation_says_which_rows_it_has_not(trained, command_line):
    code, out, err = command_line("impute", "run", "--out", "complete.csv")
    assert code == 0, err
    assert "Rows of the table without any modality are left out: 2." in out
    with open("complete.csv", newline="") as file:
        assert len(list(csv.DictReader(file))) == 58
    assert "left out" not in command_line("impute", "run", "--split", "test", "--out", "test.csv")[1]


def test_generate_pictures_and_arrays(trained, command_line):
    assert command_line("generate", "run")[0] == 0
    assert (trained / "figures" / "generated.png").exists()
    assert command_line("generate", "run", "--given", "genes", "-n", "3", "--samples", "2", "--out", "x.png")[0] == 0
    assert (
        command_line(
            "generate",
            "run",
            "--given",
            "genes",
            "--targets",
            "proteins",
            "-n",
            "5",
            "--samples",
            "2",
            "--out",
            "x.npz",
        )[0]
        == 0
    )
    with np.load("x.npz", allow_pickle=False) as arrays:
        assert arrays["proteins"].shape == (2, 5, 2)
        assert arrays["row"].tolist() == [1, 2, 3, 4, 5]


def test_the_written_configuration_repeats_the_run(trained, command_line, home):
    assert command_line("train", "--config", "run/config.yaml", "--output", "again")[0] == 0
    assert (home / "again" / "model.safetensors").read_bytes() == (trained / "model.safetensors").read_bytes()
    written = yaml.safe_load((trained / "config.yaml").read_text())
    assert written["modalities"]["proteins"]["likelihood"]["name"] == "poisson"
    assert written["dataset"]["label"] == "diagnosis"


def test_the_same_keys_as_options_are_the_same_data(trained, command_line):
    words = [
        "path=my.csv",
        "label=diagnosis",
        "group=subject",
        "modalities.genes={columns: 'g*', kind: vector, hidden: [8]}",
    ]
    words += ["modalities.proteins={columns: [p0, p1], kind: counts, likelihood: poisson, hidden: [8]}"]
    sets = [part for word in words for part in ("--set", f"dataset.{word}")]
    words = ["train", "--objective", "elbo", "--dataset", "table", *sets, "--epochs", "3", "--output", "run2"]
    assert command_line(*words)[0] == 0
    assert (trained.parent / "run2" / "model.safetensors").read_bytes() == (trained / "model.safetensors").read_bytes()


def test_options_are_stronger_than_set_the_file_and_defaults(home, command_line):
    (home / "c.yaml").write_text(
        "objective: elbo\ndataset: {name: table, config: my.yaml}\ntraining: {epochs: 2, batch_size: 7}\nmodel: "
        "{latent_dim: 3}\n"
    )
    assert (
        command_line(
            "train",
            "--config",
            "c.yaml",
            "--set",
            "training.epochs=3",
            "--set",
            "model.beta=1e-3",
            "--epochs",
            "1",
            "--output",
            "r",
        )[0]
        == 0
    )
    written = yaml.safe_load((home / "r" / "config.yaml").read_text())
    assert written["training"]["epochs"] == 1
    assert written["training"]["batch_size"] == 7
    chosen = {"latent_dim": 3, "beta": 0.001, "likelihood_weights": "official", "private_dim": 0}
    assert {name: written["model"][name] for name in chosen} == chosen


def test_a_second_run_gets_a_folder_of_its_own_and_resume_finds_the_last(home, command_line):
    words = ("train", "--objective", "elbo", "--dataset", "table", "--set", "dataset.config=my.yaml", "--epochs", "1")
    assert command_line(*words)[0] == 0
    assert command_line(*words)[0] == 0
    assert {path.name for path in (home / "runs").iterdir()} == {"table-elbo", "table-elbo-2"}
    code, out, _ = command_line(*words, "--resume")
    assert code == 0
    assert "already finished" in out
    assert "table-elbo-2" in out


def test_objectives_are_listed_by_family_and_recipes_apart(command_line):
    code, out, _ = command_line("list")
    assert code == 0
    assert "objectives: products-of-experts. One Gaussian for each subset" in out
    assert "recipes: mmgen list recipes." in out and "-desk" not in out
    assert "-desk" in command_line("list", "recipes")[1]
    listed = json.loads(command_line("list", "objectives", "--json")[1])["objectives"]
    assert next(item for item in listed if item["name"] == "elbo")["family"] == "products-of-experts"


def test_a_family_is_compared(command_line):
    code, out, _ = command_line("info", "products-of-experts")
    assert code == 0
    assert all(word in out for word in ("family products-of-experts", "elbo", "lower bound", "missing modalities"))
    compared = json.loads(command_line("info", "family/products-of-experts", "--json")[1])
    member = next(each for each in compared["members"] if each["name"] == "elbo")
    assert (member["aggregator"], member["lower bound"], member["labels"]) == ("poe", "of log p(X)", "no")
    code, _, err = command_line("info", "product-of-experts")
    assert code == 2 and "did you mean 'products-of-experts'" in err


def test_lists_and_descriptions(command_line):
    code, out, _ = command_line("list")
    assert code == 0
    assert all(word in out for word in ("elbo", "poe", "normal", "vector", "table", "coherence"))
    assert json.loads(command_line("list", "priors", "--json")[1])["priors"][0]["name"] == "flow"
    code, out, _ = command_line("info", "elbo")
    assert code == 0
    assert all(word in out for word in ("KL", "mixture_sampling", "Kingma", "any of barycentre, flow", "log p(X)"))
    assert json.loads(command_line("info", "table", "--json")[1])["options"][0]["description"]
    code, out, _ = command_line("info", "metric/coherence")
    assert "metrics.coherence.trustworthy" in out
    described = json.loads(command_line("info", "train", "--json")[1])
    assert (described["kind"], described["facts"]) == ("command", {"usage": "mmgen train [OPTIONS]"})
    epochs = next(option for option in described["options"] if option["option"] == "--epochs")
    assert (epochs["type"], epochs["default"]) == ("int | none", "None")
    assert all(option["description"] for option in described["options"])
    code, out, _ = command_line("info", "command/encode")
    assert code == 0
    assert all(word in out for word in ("Write the latents of a split", "mmgen encode [OPTIONS] RUN", "--given"))
    code, _, err = command_line("info", "encod")
    assert code == 2
    assert "did you mean 'encode'" in err
    code, out, _ = command_line("plugins")
    assert code == 0
    assert "mmgen-core" in out
    assert "run\n" in command_line("schema")[1]
    assert json.loads(command_line("schema", "training")[1])["properties"]["epochs"]["description"]


def test_ten_lines_of_python(home):
    data = library.load_dataset("table", config="my.yaml")
    model = library.MultimodalVAE.create("elbo", data, latent_dim=2, beta=1e-3)
    run = library.Trainer(epochs=2, seed=0).fit(model, data, output="runs/mine")
    batch = data.test[:10]
    assert model.encode(batch, given=["genes"]).mean.shape == (10, 2)
    assert model.generate(batch, given=["genes"], targets=["proteins"], samples=8)["proteins"].shape == (8, 10, 2)
    assert len(run.evaluate(metrics=["latent-classification", "coherence"]))
    again = library.load_run("runs/mine")
    assert again.model.encode(batch).mean.tolist() == model.encode(batch).mean.tolist()
    assert len(again.history) == 2
