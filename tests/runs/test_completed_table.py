"""The table again: what was there comes back as it stood there, whatever it was read from, and only gaps are others."""

import csv

import numpy as np
import pandas as pd
import pytest

import mmgen
import mmgen.runs.completed as imputed
from mmgen.testing import toy_run

MODALITIES = {
    "genes": {"columns": "g*", "kind": "vector", "hidden": [4]},
    "reads": {"columns": ["c0"], "kind": "counts", "hidden": [4]},
    "ward": {"columns": "ward", "kind": "labels", "hidden": [4]},
    "smokes": {"columns": "smoker", "kind": "tags", "hidden": [4]},
    "report": {"columns": "words", "kind": "text", "hidden": [4]},
}
ROLES = {"id": "patient", "label": "diagnosis", "covariates": ["site"], "group": "family"}
HEADER = ["words", "patient", "g1", "site", "age", "ward", "g0", "c0", "note", "diagnosis", "smoker", "family", "code"]
GAPS = {"g0": 5, "c0": 6, "ward": 7, "smoker": 8, "words": 9}  # a column and of how many rows one lacks it
ROWS = 30


def texts():
    """Cells as people write them: every column is either of a modality or of none."""
    draw, rows = np.random.default_rng(0), []
    for i in range(ROWS):
        row = {
            "words": "ab"[i % 2] * 3,
            "patient": f"{i:05d}",
            "g1": f"{draw.normal():.16f}",
            "site": "AB"[i % 2],
            "age": f"{30 + i}",
            "ward": ["east", "007"][i % 2],
            "g0": f"{draw.normal():.1f}0",
            "c0": f"{draw.poisson(3)}",
            "note": f'so, "{i}" ; NA' if i % 3 else "",
            "diagnosis": ["ill", "None"][i // 2 % 2],
            "smoker": ["true", "false"][i % 2],
            "family": f"f{i // 2}",
            "code": f"{i:03d}",
        }
        rows.append(row | {name: "" for name, every in GAPS.items() if i % every == 1})
    return rows


def lines_of(path, **dialect):
    with open(path, newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file, **dialect))


def is_gap(row, name):
    return name in GAPS and row[name] == ""


@pytest.mark.parametrize(("separator", "decimal"), [(",", "."), (";", ","), ("\t", ".")])
def test_a_text_file_comes_back_letter_by_letter(tmp_path, monkeypatch, separator, decimal):
    rows = [{**row, **{name: row[name].replace(".", decimal) for name in ("g0", "g1")}} for row in texts()]
    with (tmp_path / "my.csv").open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, HEADER, delimiter=separator)
        writer.writeheader()
        writer.writerows(rows)
    run = toy_run(mmgen.load_dataset("table", path=str(tmp_path / "my.csv"), modalities=MODALITIES, **ROLES))
    imputation = run.imputation(draws=3)
    imputation.write_text(tmp_path / "out.csv", mask=True)
    found = lines_of(tmp_path / "out.csv", delimiter=separator)
    assert list(found[0])[: len(HEADER) + 1] == ["row", "patient", *(name for name in HEADER if name != "patient")]
    assert [name for name in found[0] if name.endswith("_imputed")] == [
        f"{name}_imputed" for name in ("g1", "g0", "c0", "ward", "smoker", "words")
    ]
    for before, after in zip(rows, found, strict=True):
        for name in HEADER:
            if is_gap(before, name):
                assert after[name] and after[f"{name}_imputed"] == "1"
                assert name in ("ward", "words") or np.isfinite(float(after[name].replace(decimal, ".")))
            else:
                assert after[name] == before[name]
    asked = []
    monkeypatch.setattr(imputed, "_shortest", lambda values: asked.append(len(values)) or values.astype(np.float64))
    frame = run.impute(draws=3)
    assert sum(asked) == sum(is_gap(row, name) for row in rows for name in ("g0", "c0", "smoker")), "gaps alone"
    assert frame.index.tolist() == [row["patient"] for row in rows]
    assert frame["age"].tolist() == [*range(30, 30 + ROWS)] and frame["code"].tolist() == [row["code"] for row in rows]
    assert frame["g1"].tolist() == [float(row["g1"].replace(decimal, ".")) for row in rows], "in 64 bits"
    imputation.frame().to_parquet(tmp_path / "out.parquet")


def typed_frame():
    frame = pd.DataFrame(texts()).replace({name: {"": None} for name in GAPS})
    for name in ("g0", "g1", "c0"):
        frame[name] = frame[name].astype(np.float64)
    frame["age"] = frame["age"].astype(np.int16)
    frame["smoker"] = [None if cell is None else cell == "true" for cell in frame["smoker"]]
    return frame.assign(seen=pd.to_datetime("2024-01-01"), g2=np.arange(ROWS), patient=np.arange(ROWS) + 10**12)


def check_types(found, frame):
    """What has no gap has the type that it had."""
    for name in frame.columns.drop("patient"):
        there = frame[name].notna()
        assert found.loc[there, name].tolist() == frame.loc[there, name].tolist(), name
        assert found[name].notna().all() or name not in GAPS
        assert name in GAPS or found[name].dtype == frame[name].dtype, name


@pytest.mark.parametrize("source", ["parquet", "frame"])
def test_columns_keep_their_types(tmp_path, source):
    frame = typed_frame()
    frame.to_parquet(tmp_path / "my.parquet")
    stored = pd.read_parquet(tmp_path / "my.parquet")
    run = toy_run(mmgen.load_dataset("table", path=str(tmp_path / "my.parquet"), modalities=MODALITIES, **ROLES))
    imputation = (run if source == "parquet" else run.on(stored)).imputation(draws=3)
    found = imputation.frame()
    assert found["patient"].tolist() == stored["patient"].tolist() and found["patient"].dtype == np.int64
    check_types(found, stored)
    found.to_parquet(tmp_path / "out.parquet")
    check_types(pd.read_parquet(tmp_path / "out.parquet"), stored)
    imputation.write_text(tmp_path / "out.csv")
    assert [line["age"] for line in lines_of(tmp_path / "out.csv")] == [str(age) for age in stored["age"]]
    assert run.impute(stored, draws=3).index.tolist() == [str(name) for name in stored["patient"]], "as run.encode"


def test_all_columns_of_several_files_come_back(tmp_path):
    """In the order of their samples, whichever file has them; of one that says something else in two files both."""
    rows = texts()
    files = {
        "clinic.csv": ["patient", "diagnosis", "site", "note", "code", "family"],
        "genes.csv": ["patient", "g1", "g0", "age"],
        "rest.csv": ["patient", "c0", "ward", "age"],
    }
    for name, columns in files.items():
        chosen = rows[: ROWS - 4] if name == "rest.csv" else rows
        with (tmp_path / name).open("w", newline="", encoding="utf-8") as file:
            writer = csv.DictWriter(file, columns, extrasaction="ignore")
            writer.writeheader()
            writer.writerows(reversed([{**row, "age": row["age"] + "." + "0" * len(name)} for row in chosen]))
    places = {"genes": "genes.csv", "reads": "rest.csv", "ward": "rest.csv"}
    described = {name: {**MODALITIES[name], "path": str(tmp_path / path)} for name, path in places.items()}
    options = {**ROLES, "path": str(tmp_path / "clinic.csv"), "modalities": described}
    imputation = toy_run(mmgen.load_dataset("table", **options)).imputation(draws=3)
    imputation.write_text(tmp_path / "out.csv")
    found = {line["patient"]: line for line in lines_of(tmp_path / "out.csv")}
    assert list(found) == [row["patient"] for row in reversed(rows)]
    assert list(next(iter(found.values()))) == [
        *("row", "patient", "diagnosis", "site", "note", "code", "family", "g1", "g0"),
        *("age (genes.csv)", "age (rest.csv)", "c0", "ward"),
    ]
    for i, row in enumerate(rows):
        line, lacking = found[row["patient"]], i >= ROWS - 4
        for name in ("diagnosis", "site", "note", "code", "family", "g1", "g0", "c0", "ward"):
            lost = is_gap(row, name) or (lacking and name in ("c0", "ward"))
            assert (
                line[name] and line[name] != row[name] if lost and name != "ward" else line[name] == row[name] or lost
            )
        assert line["age (rest.csv)"] == ("" if lacking else row["age"] + "." + "0" * 8)
    assert imputation.frame()["age (genes.csv)"].notna().all()


def test_entries_of_memory_and_arrays_come_back(tmp_path):
    draw = np.random.default_rng(0)
    genes = pd.DataFrame(draw.normal(size=(ROWS, 2)), columns=["g0", "g1"])
    genes.loc[3, "g0"] = np.nan
    ages, scans = np.arange(ROWS), draw.normal(size=(ROWS, 3)).astype(np.float32)
    scans[4, 1] = np.nan
    label = pd.Series(["ill", "well"] * (ROWS // 2))
    run = toy_run(
        mmgen.load_dataset({"genes": genes, "scans": scans, "age": ages, "d": label}, label="d", covariates=["age"])
    )
    found = run.impute(draws=3)
    assert found.columns[2:].tolist() == ["g0", "g1", "scans_0", "scans_1", "scans_2"]
    assert found["d"].tolist() == label.tolist() and found["age"].tolist() == ages.tolist()
    there = genes.notna().to_numpy()
    np.testing.assert_array_equal(found[["g0", "g1"]].to_numpy()[there], genes.to_numpy()[there])
    there = np.isfinite(scans)
    np.testing.assert_array_equal(found.filter(like="scans").to_numpy().astype(np.float32)[there], scans[there])
    assert found.notna().all(axis=None)

    np.savez(tmp_path / "my.npz", scans=scans, age=ages, raw=scans, name=[f"{i:03d}" for i in range(ROWS)])
    modalities = {"scans": {"array": "scans", "kind": "vector", "hidden": [4]}}
    data = mmgen.load_dataset("table", path=str(tmp_path / "my.npz"), modalities=modalities)
    with pytest.warns(mmgen.DataWarning, match="several values per row that are no modality are left out: raw"):
        found = toy_run(data).impute(draws=3)
    assert found.columns.tolist() == ["age", "name", "scans_0", "scans_1", "scans_2"]
    assert found["name"].tolist() == [f"{i:03d}" for i in range(ROWS)]
