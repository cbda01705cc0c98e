"""Rows that a run has never seen, given to it in Python: frames, mappings and files, read by its schema."""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

import mmgen
from mmgen.errors import DataWarning
from mmgen.testing import toy_run

ROWS = 60
DRAW = np.random.default_rng(0)
TABLE = pd.DataFrame(
    {
        "patient": [f"p{row}" for row in range(ROWS)],
        "g0": DRAW.normal(size=ROWS),
        "g1": DRAW.normal(size=ROWS),
        "cells": DRAW.poisson(3, size=ROWS).astype(float),
        "organ": ["liver", "lung", "blood"] * 20,
        "diagnosis": ["ill", "well"] * 30,
        "site": ["A", "A", "B"] * 20,
    }
).mask(lambda frame: (frame.index.to_numpy()[:, None] % 9 == 4) & (frame.columns == "g1"))
MODALITIES = {
    "genes": {"columns": ["g0", "g1"], "kind": "vector", "hidden": [8]},
    "cells": {"columns": "cells", "kind": "counts", "hidden": [8]},
    "organ": {"columns": "organ", "kind": "labels", "hidden": [8]},
}
NEW = TABLE.assign(patient=[f"n{row}" for row in range(ROWS)], g0=TABLE["g0"] + 1, g1=TABLE["g1"].fillna(0))


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run on a CSV file."""
    place = tmp_path_factory.mktemp("runs")
    TABLE.to_csv(place / "my.csv", index=False)
    table = {"name": "table", "path": place / "my.csv", "modalities": MODALITIES, "id": "patient"}
    options = {"label": "diagnosis", "covariates": ["site"]}
    mmgen.train("mvtcae", {**table, **options}, epochs=2, latent_dim=2, quiet=True, output=place / "run")
    return place / "run"


@pytest.fixture(scope="module")
def run(folder: Path) -> mmgen.Run:
    return mmgen.load_run(folder)


@pytest.fixture(scope="module")
def in_memory() -> mmgen.Run:
    """A run on frames, without a folder."""
    frame = TABLE.set_index("patient")
    options = {"label": frame["diagnosis"], "covariates": {"site": frame["site"]}}
    return mmgen.train("mvtcae", blocks(frame), epochs=2, latent_dim=2, quiet=True, **options)


def blocks(frame: pd.DataFrame) -> dict[str, Any]:
    return {"genes": frame[["g0", "g1"]], "cells": frame[["cells"]], "organ": frame["organ"]}


def test_a_frame_has_the_columns_of_the_table(run: mmgen.Run, tmp_path: Path) -> None:
    NEW.to_csv(tmp_path / "new.csv", index=False)
    by_path = run.encode(tmp_path / "new.csv")
    assert by_path.index.tolist() == NEW["patient"].tolist() and by_path.index.name == "patient"
    pd.testing.assert_frame_equal(run.encode(NEW), by_path)
    pd.testing.assert_frame_equal(run.encode(str(tmp_path / "new.csv"), split="new"), by_path)
    turned = NEW[[*NEW.columns[::-1]]].iloc[::-1]
    pd.testing.assert_frame_equal(run.encode(turned).iloc[::-1], by_path, rtol=1e-4, atol=1e-6)
    assert by_path["diagnosis"].tolist() == NEW["diagnosis"].tolist()
    assert by_path["site"].tolist() == NEW["site"].tolist()
    labelled = NEW.set_index("patient")
    in_memory = run.encode({**blocks(labelled), "diagnosis": labelled["diagnosis"], "site": labelled["site"]})
    pd.testing.assert_frame_equal(in_memory, by_path, check_names=False)
    assert in_memory.index.name == "patient"


def test_an_index_comes_back_as_it_was(run: mmgen.Run) -> None:
    frame = NEW.drop(columns="patient").iloc[:5]
    numbers = frame.set_axis([30, 7, 12, 5, 9], axis=0)
    z = run.encode(numbers)
    assert z.index.tolist() == [30, 7, 12, 5, 9]
    assert numbers.join(z["z0"])["z0"].notna().all()
    levels = pd.MultiIndex.from_tuples([("a", 1), ("a", 2), ("b", 1), ("c", 1), ("c", 2)], names=["who", "visit"])
    assert run.impute(frame.set_axis(levels, axis=0)).index.equals(levels)
    made = run.generate(frame.set_axis(levels, axis=0), targets=["cells"])
    assert made.frame().index.equals(levels) and "given" in made.frame()
    assert run.encode(frame.reset_index(drop=True)).index.tolist() == [0, 1, 2, 3, 4]
    named = frame.set_axis(pd.Index(list("vwxyz"), name="patient"), axis=0)
    assert run.on(named).data.split("all").identity.ids.tolist() == list("vwxyz")  # type: ignore[union-attr]


def test_the_table_comes_back_complete(run: mmgen.Run) -> None:
    holes = NEW.copy()
    holes.loc[3, ["g0", "g1"]] = np.nan
    holes.loc[5, ["cells", "organ"]] = [np.nan, None]
    full = run.impute(holes, draws=5)
    assert full.index.tolist() == NEW["patient"].tolist()
    assert not full.isna().any().any()
    known = holes["g0"].notna().to_numpy()
    np.testing.assert_allclose(full["g0"][known], holes["g0"][known], rtol=1e-6)
    assert full.loc["n5", "organ"] in {"liver", "lung", "blood"}
    pd.testing.assert_frame_equal(full, run.impute(holes, draws=5))
    marked = run.impute(holes, mask=True, uncertainty=True, draws=5)
    assert marked.loc["n3", "g0_imputed"] == 1 and marked.loc["n4", "g0_imputed"] == 0


def test_values_are_generated_from_all_that_rows_have(run: mmgen.Run) -> None:
    made = run.generate(NEW, targets=["cells"], covariates={"site": "B"}, samples=3)
    assert made.given == ("genes", "cells", "organ") and made.values["cells"].shape == (3, ROWS, 1)
    assert repr(made) == "Generation(60 rows given genes+cells+organ; samples of each: 3; cells [1])"
    others = run.generate(NEW, targets=["cells"], covariates={"site": "A"}, samples=3)
    assert not np.array_equal(made.values["cells"], others.values["cells"])
    assert len(run.generate(NEW, given=["genes"], n=4)) == 4
    with pytest.raises(mmgen.MmgenError, match="nothing is taken from these rows"):
        run.generate(NEW, given=[])
    assert repr(run.generate(n=2)).startswith("Generation(2 items given nothing; ")


def test_numbers_about_new_rows_are_not_those_of_the_run(run: mmgen.Run, in_memory: mmgen.Run) -> None:
    frame = NEW.set_index("patient")
    for each, new in ((run, NEW), (in_memory, {**blocks(frame), "site": frame["site"]})):
        rows = each.measurements(new, metrics=["reconstruction"])
        frame = each.evaluate(new, metrics=["reconstruction"])
        assert frame.to_dict("records") == rows and frame.columns[:6].tolist() == [
            *("metric", "measure", "given", "target", "label", "value")
        ]
        assert frame["value"].dtype == np.float64 and frame["n"].dtype == np.int64
        assert {row["split"] for row in rows} == {"new"} and max(row["n"] for row in rows) == ROWS
        assert each.results == []
        with pytest.raises(mmgen.MmgenError, match="split 'all'"):
            each.measurements(new, split="all")


def test_probes_learn_from_the_rows_that_were_trained_on(in_memory: mmgen.Run) -> None:
    data = in_memory.on(NEW.rename(columns={"diagnosis": "label"}).set_index("patient")).data_to_evaluate()
    assert data.train is in_memory.data.train and data.new is not None and len(data.new) == ROWS


def test_a_training_row_is_never_a_new_one(run: mmgen.Run, in_memory: mmgen.Run) -> None:
    both = pd.concat([TABLE, NEW], ignore_index=True)
    for each, given in ((run, both), (in_memory, both.set_index("patient"))):
        own, data = each.data, each.on(given).data
        for side in ("train", "val", "test"):
            assert names_of(data.split(side)) == names_of(own.split(side))
        assert data.new is not None and len(data.new) == ROWS
        rows = data.split("all").rows
        assert rows is not None and rows.tolist() == list(range(2 * ROWS))


def names_of(table: mmgen.Table) -> list[str]:
    assert table.identity is not None and table.identity.ids is not None
    return list(table.identity.ids)


def test_a_run_in_memory_reads_frames_and_files(in_memory: mmgen.Run, tmp_path: Path) -> None:
    flat = NEW.rename(columns={"diagnosis": "label"}).set_index("patient")
    z = in_memory.encode(flat)
    assert z.index.equals(flat.index)
    mapped = in_memory.encode({**blocks(flat), "label": flat["label"], "site": flat["site"]})
    pd.testing.assert_frame_equal(z, mapped)
    flat.rename_axis("id").to_csv(tmp_path / "new.csv")
    pd.testing.assert_frame_equal(in_memory.encode(tmp_path / "new.csv"), z, check_names=False)
    arrays = {
        "genes": flat[["g0", "g1"]].to_numpy(),
        "cells": flat["cells"].to_numpy(),
        "organ": flat["organ"].tolist(),
    }
    np.savez(tmp_path / "new.npz", **{name: np.asarray(values) for name, values in arrays.items()})
    with pytest.warns(DataWarning, match="covariate 'site' of the run is not among these data"):
        by_file = in_memory.encode(tmp_path / "new.npz")
    with pytest.warns(DataWarning, match="covariate 'site' of the run is not among these data"):
        by_places = in_memory.encode(arrays)
    pd.testing.assert_frame_equal(by_file, by_places)
    assert by_places.index.tolist() == list(range(ROWS))


def test_any_run_reads_rows_of_its_modalities() -> None:
    run = mmgen.train("elbo", "mfeat", epochs=1, latent_dim=2, quiet=True)
    test = run.data.test
    arrays: dict[str, Any] = {name: values[:5].numpy() for name, values in test.data.items()}
    z = run.encode({**arrays, "digit": test.labels["digit"][:5].numpy()})
    own = run.encode()[:5]
    np.testing.assert_allclose(z[["z0", "z1"]], own[["z0", "z1"]], rtol=1e-4, atol=1e-5)
    assert z["digit"].tolist() == own["digit"].tolist()
    part = pd.DataFrame(arrays["mor"], columns=run.model.modalities["mor"].value_names("mor"))
    with pytest.warns(DataWarning, match="No column of .pix. is in .*, so every row lacks it"):
        assert set(run.encode(part)["given"]) == {"mor"}


def test_what_is_passed_over_is_said_where_it_was_asked_for(run: mmgen.Run) -> None:
    with pytest.warns(DataWarning) as said:
        run.encode(NEW.drop(columns=["organ", "site"]))
    (warning,) = said
    assert "No column of 'organ' is in" in str(warning.message)
    assert "covariate 'site' of the run is not among these data" in str(warning.message)
    assert warning.filename == __file__
    empty = NEW.assign(g0=np.nan, g1=np.nan, cells=np.nan)
    empty.loc[2, "organ"] = None
    with pytest.warns(DataWarning, match="1 of the 60 rows of the data in memory have nothing of the run's modalities"):
        assert len(run.encode(empty)) == ROWS - 1


@pytest.mark.parametrize(
    ("given", "sentence"),
    [
        ("nowhere.csv", "There is no file or folder 'nowhere.csv'"),
        (NEW.to_numpy(), "An object of the type ndarray is given as data, .* give a mapping of modalities"),
        (NEW[["diagnosis"]], "has nothing of the run's modalities"),
        (NEW.assign(cells=-1), "'cells' of the frame holds -1 in row 0"),
        (NEW.assign(organ="brain"), "holds 'brain' in row 0 .* dataset.unknown=missing"),
        ({"gene": NEW[["g0"]]}, r"data\['gene'\]: the run has no such modality; it has genes, cells, organ"),
        ({"genes": NEW[["g0", "g1"]], "cells": np.zeros((3, 1))}, "'genes'. has 60 rows, and data.'cells'. has 3"),
        (NEW.set_axis(["x"] * ROWS, axis=0).drop(columns="patient"), "holds 'x' twice"),
        (NEW.iloc[:0], "has no rows"),
    ],
)
def test_what_cannot_be_read_is_a_sentence(run: mmgen.Run, given: Any, sentence: str) -> None:
    with pytest.raises(mmgen.MmgenError, match=sentence) as caught:
        run.encode(given)
    assert "\n" not in str(caught.value) and str(caught.value).endswith(".")


def test_options_of_the_dataset_hold_for_new_rows(run: mmgen.Run) -> None:
    other = NEW.assign(organ=["brain", *NEW["organ"][1:]])
    with pytest.warns(DataWarning, match="1 rows with categories that the run does not know count as missing"):
        assert run.on(other, unknown="missing").encode(split="all")["given"].tolist()[0] == "genes+cells"
    with pytest.raises(
        mmgen.MmgenError, match=r"unknwon: the run's dataset has no such option; .* did you mean 'unknown'"
    ):
        run.on(other, unknwon="missing")


def test_a_run_is_opened_on_the_same_kinds(folder: Path, tmp_path: Path) -> None:
    with pytest.warns(DataWarning, match="None of the 60 rows"):
        opened = mmgen.load_run(folder, dataset=NEW).encode()
    NEW.to_csv(tmp_path / "new.csv", index=False)
    with pytest.warns(DataWarning, match=r"None of the 60 rows of new\.csv"):
        pd.testing.assert_frame_equal(mmgen.load_run(folder, dataset=tmp_path / "new.csv").encode(), opened)


def test_data_and_tables_say_what_they_are(run: mmgen.Run) -> None:
    described = "genes VectorModality [2], cells CountsModality [1], organ LabelsModality [1]"
    assert repr(run.data) == f"Data(table, real; rows: 42 train, 6 val, 12 test; {described})"
    assert repr(run.on(NEW).data) == f"Data(table, real; rows: 0 train, 0 val, 0 test, 60 new; {described})"
    assert repr(run.data.train) == "Table(42 rows; genes [2], cells [1], organ [1])"


def test_a_description_of_a_table_is_no_configuration_of_a_training(tmp_path: Path) -> None:
    (tmp_path / "my.yaml").write_text("path: my.csv\nmodalities:\n  genes: {columns: g*, kind: vector}\n")
    with pytest.raises(
        mmgen.MmgenError, match=r"describes a table \(path\) and no training; .*'name': 'table', 'config'"
    ):
        mmgen.train("mvtcae", "table", config=tmp_path / "my.yaml", quiet=True)


def write_patients(path: Path) -> pd.DataFrame:
    """A table in which some genes and some of what a clinic knows are missing, and some proteins altogether."""
    draw = np.random.default_rng(4)
    frame = pd.DataFrame(draw.normal(size=(30, 5)), columns=["g0", "g1", "g2", "p0", "p1"])
    frame["age"], frame["ward"] = draw.normal(60, 5, 30), ["east", "west"] * 15
    frame.loc[::4, "g1"] = frame.loc[::5, "age"] = np.nan
    frame.loc[::6, ["p0", "p1"]] = np.nan
    frame.to_csv(path, index=False)
    return frame


@pytest.mark.parametrize("new", ["frame", "file", "mapping"])
def test_a_column_that_is_not_there_is_missing_cells_where_cells_may_be_missing(tmp_path: Path, new: str) -> None:
    frame = write_patients(tmp_path / "my.csv")
    modalities = {
        "genes": {"columns": "g*", "kind": "vector", "hidden": [4]},
        "proteins": {"columns": "p*", "kind": "vector", "missing": "modality", "hidden": [4]},
        "clinic": {"columns": ["age", "ward"], "kind": "mixed", "hidden": [4]},
    }
    run = toy_run(mmgen.load_dataset("table", path=str(tmp_path / "my.csv"), modalities=modalities))
    blocks = {"genes": ["g0", "g2"], "proteins": ["p1", "p0"], "clinic": ["ward"]}
    lacking = frame.drop(columns=["g1", "age"]).assign(p0=frame["p0"])
    lacking.to_csv(tmp_path / "new.csv", index=False)
    of_mapping = {name: frame[columns] for name, columns in blocks.items()}
    given = {"frame": lacking, "file": tmp_path / "new.csv", "mapping": of_mapping}[new]
    with pytest.warns(DataWarning) as said:
        read = run.on(given).data.split("new")
    sentences = " ".join(str(each.message) for each in said)
    assert "lacks g1 of the 3 columns that the run has of 'genes'; their cells are missing in every row." in sentences
    assert "lacks age of the 2 columns that the run has of 'clinic'" in sentences
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DataWarning)
        empty = run.on(frame.assign(g1=np.nan, age=np.nan)).data.split("new")
    assert read.available.equal(empty.available) and read.available[:, 0].all()
    for name in ("genes", "clinic"):
        assert read.observed[name].equal(empty.observed[name]) and not read.observed[name].all()
        assert read.data[name][:].equal(empty.data[name][:])
    refused = lacking.drop(columns="p0") if new != "mapping" else {**of_mapping, "proteins": frame[["p1"]]}
    with pytest.raises(mmgen.MmgenError, match="lacks p0 of the 2 columns that the run has of 'proteins'; give it all"):
        run.on(refused)
