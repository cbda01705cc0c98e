"""One file per modality, joined by the ids of samples; dictionaries and plain loops are the oracle."""

from __future__ import annotations

import csv
import json
import math
import shutil
import warnings
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import mmgen
from mmgen.data.own_table import OwnTable, OwnTableConfig
from mmgen.errors import DataError

RNA = {f"p{i}": [i + 0.25, -i + 0.5] for i in range(0, 20)}
PROTEINS = {f"p{i}": [i % 5, 2 * i] for i in range(10, 30)}


def write(path: Path, header: list[str], rows: list[list]) -> Path:
    with path.open("w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows([header, *rows])
    return path


def two_files(folder: Path, **more) -> dict:
    write(folder / "rna.csv", ["id", "g0", "g1"], [[name, *values] for name, values in RNA.items()])
    pd.DataFrame(
        {
            "id": list(PROTEINS)[::-1],
            "a": [v[0] for v in PROTEINS.values()][::-1],
            "b": [v[1] for v in PROTEINS.values()][::-1],
        }
    ).to_parquet(folder / "prot.parquet", index=False)
    return {
        "id": "id",
        "modalities": {
            "rna": {"path": str(folder / "rna.csv")},
            "proteins": {"path": str(folder / "prot.parquet"), "kind": "counts"},
        },
        **more,
    }


def rows(options: dict) -> tuple[dict, mmgen.Splits]:
    """Id to the values of each modality, None where it is missing, in the units of the file."""
    table = OwnTable(OwnTableConfig.model_validate(options))
    splits = table.splits()
    modalities = splits.modalities
    found = {}
    for side in (splits.train, splits.val, splits.test):
        for n in range(len(side)):
            values = {}
            for m, name in enumerate(modalities):
                stored = modalities[name].in_source_units(side.data[name][:][n : n + 1].numpy())[0]
                cells = side.observed_cells(name)[n].flatten().tolist()
                words = [float(v) if there else None for v, there in zip(stored.reshape(-1), cells, strict=True)]
                values[name] = words if side.available[n, m] else None
            found[side.identity.ids[n]] = values
    return found, splits


def test_an_outer_join_of_two_files(tmp_path):
    found, splits = rows(two_files(tmp_path))
    assert set(found) == set(RNA) | set(PROTEINS)
    for name, values in found.items():
        assert values["rna"] == RNA.get(name)
        assert values["proteins"] == PROTEINS.get(name)
    assert type(splits.modalities["rna"]).__name__ == "VectorModality"
    assert splits.modalities["rna"].columns == ("g0", "g1")
    assert (
        "rna.csv (20 rows), prot.parquet (20 rows) are joined by id: 30 samples, of which 10 are in both."
        in splits.notes
    )
    assert any("rna vector; where one is something else" in note for note in splits.notes)


CELLS = st.one_of(st.none(), st.integers(-50, 50))


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.lists(
        st.dictionaries(st.integers(0, 12), st.tuples(CELLS, CELLS), min_size=1, max_size=8), min_size=2, max_size=3
    ),
    st.randoms(use_true_random=False),
)
def test_any_files_are_joined_as_dictionaries_are(tmp_path, files, random):
    options: dict = {"id": ["subject", "visit"], "modalities": {}, "test_fraction": 0, "val_fraction": 0}
    expected: dict = {}
    for number, content in enumerate(files):
        content[99] = (1.5, 2)  # every file has a value
        lines = [
            [key // 3, key % 3, *("" if cell is None else cell for cell in cells)] for key, cells in content.items()
        ]
        random.shuffle(lines)
        path = write(tmp_path / f"f{number}.csv", ["subject", "visit", f"x{number}", f"y{number}"], lines)
        options["modalities"][f"m{number}"] = {"path": str(path), "kind": "vector"}
        for key, cells in content.items():
            has = any(cell is not None for cell in cells)
            expected.setdefault(f"{key // 3}/{key % 3}", {})[f"m{number}"] = list(cells) if has else None
    found, _ = rows(options)
    wanted = {name: values for name, values in expected.items() if any(v is not None for v in values.values())}
    assert set(found) == set(wanted)
    for name, values in wanted.items():
        for modality in options["modalities"]:
            got = found[name][modality]
            want = values.get(modality)
            assert (got is None) == (want is None)
            if want is not None:
                assert all((a is None) == (b is None) for a, b in zip(got, want, strict=True))
                assert all(a is None or math.isclose(a, b, abs_tol=1e-5) for a, b in zip(got, want, strict=True))


def test_roles_are_found_in_whichever_file_has_them(tmp_path):
    write(
        tmp_path / "clinic.csv",
        ["patient", "diagnosis", "site"],
        [[f"p{i}", "ill" if i % 2 else "well", "AB"[i % 2]] for i in range(25)],
    )
    write(tmp_path / "rna.csv", ["patient", "g0", "site"], [[f"p{i}", i / 4, "AB"[i % 2]] for i in range(30)])
    write(tmp_path / "prot.csv", ["batch", "patient", "p0"], [[i // 10, f"p{i}", i / 8] for i in range(5, 30)])
    options = {
        "path": str(tmp_path / "clinic.csv"),
        "id": "patient",
        "modalities": {"rna": {"path": str(tmp_path / "rna.csv")}, "prot": {"path": str(tmp_path / "prot.csv")}},
        "label": "diagnosis",
        "covariates": ["site", "batch"],
    }
    found, splits = rows(options)
    assert len(found) == 30 and splits.labels == {"diagnosis": ("ill", "well")}
    assert splits.modalities["rna"].columns == ("g0",) and splits.modalities["prot"].columns == ("p0",)
    for side in (splits.train, splits.val, splits.test):
        for n, name in enumerate(side.identity.ids.tolist()):
            i = int(name[1:])
            label = int(side.labels["diagnosis"][n])
            assert label == ((0 if i % 2 else 1) if i < 25 else -1)
            assert int(side.covariates["site"][n]) == i % 2
            assert int(side.covariates["batch"][n]) == (i // 10 if i >= 5 else -1)


def test_two_files_that_say_something_else_of_one_sample(tmp_path):
    options = two_files(tmp_path, label="ill")
    write(tmp_path / "rna.csv", ["id", "g0", "ill"], [[f"p{i}", i, "yes"] for i in range(9)])
    write(tmp_path / "b.csv", ["id", "h0", "ill"], [[f"p{i}", i, "no" if i == 4 else ""] for i in range(9)])
    options["modalities"] = {name: {"path": str(tmp_path / f"{name}.csv")} for name in ("rna", "b")}
    with pytest.raises(DataError, match=r"'ill' of id 'p4' is 'yes' in rna.csv and 'no' in b.csv; correct one"):
        rows(options)


def test_a_file_with_some_of_the_id_columns_says_the_same_of_all_its_rows(tmp_path):
    write(tmp_path / "patients.csv", ["patient", "sex"], [[f"p{i}", "fm"[i % 2]] for i in range(8)])
    visits = [[f"p{i}", visit, i + visit / 10] for i in range(10) for visit in range(3)]
    write(tmp_path / "labs.csv", ["patient", "visit", "crp"], visits)
    options = {
        "path": str(tmp_path / "patients.csv"),
        "id": ["patient", "visit"],
        "group": "patient",
        "covariates": ["sex"],
        "modalities": {"labs": {"path": str(tmp_path / "labs.csv"), "kind": "vector"}},
    }
    found, splits = rows(options)
    assert len(found) == 30
    assert "patients.csv has one row for each patient, which counts for every row of that patient." in splits.notes
    for side in (splits.train, splits.val, splits.test):
        for n, name in enumerate(side.identity.ids.tolist()):
            i = int(name.split("/")[0][1:])
            assert int(side.covariates["sex"][n]) == (i % 2 if i < 8 else -1)
        assert set(side.identity.id_columns) == {"patient", "visit"}


def test_arrays_and_their_ids(tmp_path):
    names = np.array([f"s{i}" for i in range(12)])
    np.savez(tmp_path / "scans.npz", sample=names[::-1], scans=np.arange(48.0).reshape(12, 4)[::-1])
    write(tmp_path / "rna.csv", ["sample", "g"], [[name, i / 4] for i, name in enumerate(names)])
    options = {
        "id": "sample",
        "modalities": {"scans": {"path": str(tmp_path / "scans.npz")}, "rna": {"path": str(tmp_path / "rna.csv")}},
    }
    found, splits = rows(options)
    assert found["s3"] == {"scans": [12.0, 13.0, 14.0, 15.0], "rna": [0.75]} and len(found) == 12
    assert tuple(splits.modalities["scans"].shape) == (4,)


@pytest.mark.parametrize(
    ("rna", "other", "more", "sentence"),
    [
        (
            "id,g\na,1\nb,2\na,3",
            "id,h\na,1",
            {},
            r"'id' of rna.csv holds 'a' in rows 0 and 2 \(the first row is 0\); an id",
        ),
        ("id,g\na,1\n,2", "id,h\na,1", {}, r"'id' of rna.csv is empty in row 1"),
        (
            "id,g\na,1",
            "name,h\na,1",
            {},
            r"dataset.id: other.csv has no column 'id', by which files are joined; its col",
        ),
        (
            "patient,visit,g\na,1,1\na,2,1",
            "patient,visit,h\na,1,1",
            {"id": ["patient_id", "visit"]},
            r"no file has 'patient_id'; columns are patient, visit, g, h; did you mean 'patient'\?",
        ),
        ("name,g\na,1", "name,h\na,1", {"id": ()}, r"say which column has them, such as id: name \(columns of all"),
        ("a,g\nx,1", "b,h\nx,1", {"id": ()}, r"no column is in all of them"),
        (
            "id,g\na,1",
            "v,h\n1,1",
            {"id": ["id", "v"]},
            r"none of rna.csv, other.csv has all of the columns 'id' and 'v'",
        ),
    ],
)
def test_what_cannot_be_joined_is_a_sentence(tmp_path, rna, other, more, sentence):
    (tmp_path / "rna.csv").write_text(rna)
    (tmp_path / "other.csv").write_text(other)
    modalities = {name: {"path": str(tmp_path / f"{name}.csv"), "kind": "vector"} for name in ("rna", "other")}
    with pytest.raises(DataError, match=sentence):
        rows({"id": "id", "modalities": modalities, **more})


def test_files_without_a_common_sample_are_said_and_a_table_of_labels_is_an_error(tmp_path):
    write(tmp_path / "a.csv", ["id", "g"], [[f"{i:05d}", i / 4] for i in range(12)])
    write(tmp_path / "b.csv", ["id", "h"], [[i, i / 4] for i in range(12)])
    a, b = str(tmp_path / "a.csv"), str(tmp_path / "b.csv")
    _, splits = rows({"id": "id", "modalities": {"a": {"path": a}, "b": {"path": b}}})
    said = (
        "no id of a.csv is in b.csv: its first ids are '00000', '00001', '00002', and those of b.csv '0', '1', '2'; ids"
    )
    assert any(note.startswith(said) for note in splits.notes)
    with pytest.raises(
        DataError, match=r"dataset.id: no id of b.csv is in a.csv: .* differ in zeros at their beginning"
    ):
        rows({"id": "id", "path": b, "label": "h", "modalities": {"a": {"path": a}}})


def test_a_modality_without_a_place(tmp_path):
    options = two_files(tmp_path)
    options["modalities"]["lost"] = {"kind": "vector", "columns": "x*"}
    with pytest.raises(DataError, match=r"dataset.modalities.lost: say where it is: path"):
        rows(options)
    options["path"] = options["modalities"]["rna"]["path"]
    options["modalities"]["lost"] = {"kind": "vector"}
    with pytest.raises(DataError, match=r"dataset.modalities.lost: give either columns"):
        rows(options)


def test_text_files_that_are_written_differently(tmp_path):
    (tmp_path / "rna.csv").write_text("id;g\n" + "".join(f"p{i};{i},5\n" for i in range(12)))
    (tmp_path / "b.csv").write_text("id|h\n" + "".join(f"p{i}|{i}.25\n" for i in range(12)))
    options = {
        "id": "id",
        "separator": "|",
        "modalities": {
            "rna": {"path": str(tmp_path / "rna.csv"), "separator": ";", "decimal": ","},
            "b": {"path": str(tmp_path / "b.csv")},
        },
    }
    found, _ = rows(options)
    assert found["p3"] == {"rna": [3.5], "b": [3.25]}
    options["modalities"]["again"] = {"path": str(tmp_path / "rna.csv"), "columns": "g"}
    with pytest.raises(DataError, match=r"rna.csv is read in two ways"):
        rows(options)


def test_paths_are_relative_to_the_yaml_file(tmp_path, monkeypatch):
    options = two_files(tmp_path)
    for name in options["modalities"]:
        options["modalities"][name]["path"] = Path(options["modalities"][name]["path"]).name
    (tmp_path / "my.yaml").write_text(json.dumps(options))
    monkeypatch.chdir("/")
    table = OwnTable(OwnTableConfig.model_validate({"config": tmp_path / "my.yaml"}))
    assert table.sources() == [tmp_path / "rna.csv", tmp_path / "prot.parquet"]
    assert len(table.splits().train) == 21


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    folder = tmp_path_factory.mktemp("joined")
    (folder / "data").mkdir()
    options = two_files(folder / "data", label="well")
    write(folder / "data" / "clinic.csv", ["id", "well"], [[f"p{i}", "no" if i % 2 else "yes"] for i in range(30)])
    data = mmgen.load_dataset("table", path=str(folder / "data" / "clinic.csv"), **options)
    model = mmgen.MultimodalVAE.create("mvtcae", data, latent_dim=2)
    mmgen.Trainer(epochs=1).fit(model, data, output=str(folder / "run"))
    return folder / "run"


def quiet(run: Path, **options) -> mmgen.Run:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        found = mmgen.load_run(run, **options)
        _ = found.data
    return found


def test_a_run_reads_its_files_again_and_completes_them(trained):
    frame = mmgen.load_run(trained).impute()
    assert frame.index.name == "id" and sorted(frame.index) == sorted(set(RNA) | set(PROTEINS))
    assert not frame.isna().any(axis=None)
    for name, values in RNA.items():
        assert frame.loc[name, ["g0", "g1"]].tolist() == pytest.approx(values)


@pytest.mark.filterwarnings("ignore::mmgen.errors.DataWarning")
def test_new_files_of_the_same_names_in_another_folder(trained, tmp_path, command_line):
    write(tmp_path / "rna.csv", ["id", "g0", "g1"], [["new0", 1.5, 2.5], ["new1", 3, 4]])
    out = tmp_path / "z.csv"
    code, _, err = command_line("encode", str(trained), "--data", str(tmp_path), "--out", str(out))
    assert code == 0, err
    frame = pd.read_csv(out)
    assert frame["id"].tolist() == ["new0", "new1"] and frame["given"].tolist() == ["rna", "rna"]
    empty = tmp_path / "empty"
    empty.mkdir()
    code, _, err = command_line("encode", str(trained), "--data", str(empty), "--out", str(out))
    assert code == 2 and "has none of the files of the run, clinic.csv, rna.csv, prot.parquet" in " ".join(err.split())


@pytest.mark.filterwarnings("ignore::mmgen.errors.DataWarning")
def test_new_files_that_a_yaml_file_names(trained, tmp_path, command_line):
    write(tmp_path / "other.csv", ["name", "a", "b"], [["n0", 1, 2], ["n1", 3, 4], ["n2", 5, 6]])
    (tmp_path / "new.yaml").write_text("id: name\nmodalities: {proteins: {path: other.csv}}\n")
    out = tmp_path / "full.csv"
    code, _, err = command_line("impute", str(trained), "--data", str(tmp_path / "new.yaml"), "--out", str(out))
    assert code == 0, err
    frame = pd.read_csv(out)
    assert frame["name"].tolist() == ["n0", "n1", "n2"] and frame["a"].tolist() == [1, 3, 5]
    assert {"g0", "g1"} <= set(frame.columns) and not frame.isna().any(axis=None)
    (tmp_path / "new.yaml").write_text("modalities: {protein: {path: other.csv}}\n")
    code, _, err = command_line("impute", str(trained), "--data", str(tmp_path / "new.yaml"), "--out", str(out))
    assert code == 2 and "describes the modality 'protein'" in " ".join(err.split())


@pytest.mark.filterwarnings("ignore::mmgen.errors.DataWarning")
def test_one_new_file_with_some_or_all_columns(trained, tmp_path, command_line):
    write(tmp_path / "all.csv", ["id", "a", "b", "g0", "g1"], [["n0", 1, 2, 0.5, 0.25], ["n1", 3, 4, "", ""]])
    out = tmp_path / "z.csv"
    code, _, err = command_line("encode", str(trained), "--data", str(tmp_path / "all.csv"), "--out", str(out))
    assert code == 0, err
    assert pd.read_csv(out)["given"].tolist() == ["rna+proteins", "proteins"]
    assert "passed over" not in err


@pytest.mark.filterwarnings("ignore::mmgen.errors.DataWarning")
def test_one_of_the_files_elsewhere(trained, tmp_path, command_line):
    write(tmp_path / "moved.csv", ["id", "g0", "g1"], [["p10", 1.5, 2.5], ["new1", 3, 4]])
    out = tmp_path / "z.csv"
    setting = f"dataset.modalities.rna.path={tmp_path / 'moved.csv'}"
    code, _, err = command_line("encode", str(trained), "--set", setting, "--split", "all", "--out", str(out))
    assert code == 0, err
    frame = pd.read_csv(out).set_index("id")
    assert frame.loc[["p10", "new1", "p29"], "given"].tolist() == ["rna+proteins", "rna", "proteins"]


def test_files_that_are_gone(trained, tmp_path, command_line):
    moved = trained.parent / "data" / "rna.csv"
    moved.rename(moved.with_suffix(".bak"))
    try:
        code, _, err = command_line("encode", str(trained), "--out", str(tmp_path / "z.csv"))
    finally:
        moved.with_suffix(".bak").rename(moved)
    assert code == 2
    message = " ".join(err.split())
    assert (
        "rna.csv' (dataset.modalities.rna.path), and nothing is there now; say where they are: --data with" in message
    )


def test_files_that_moved_together_with_the_run_are_found(trained, tmp_path):
    shutil.copytree(trained.parent, tmp_path / "elsewhere")
    hidden = trained.parent.with_name("hidden")
    trained.parent.rename(hidden)
    try:
        assert len(quiet(tmp_path / "elsewhere" / "run").data.train) == 21
    finally:
        hidden.rename(trained.parent)


def test_several_id_columns_are_columns_of_their_own(tmp_path):
    write(tmp_path / "a.csv", ["subject", "visit", "g"], [[f"s{i}", v, i + v / 4] for i in range(10) for v in range(2)])
    write(tmp_path / "b.csv", ["visit", "subject", "h"], [[v, f"s{i}", i - v / 4] for i in range(10) for v in range(2)])
    modalities = {name: {"path": str(tmp_path / f"{name}.csv"), "kind": "vector"} for name in "ab"}
    data = mmgen.load_dataset("table", id=["subject", "visit"], group="subject", modalities=modalities)
    model = mmgen.MultimodalVAE.create("mvtcae", data, latent_dim=2)
    run = mmgen.Trainer(epochs=1).fit(model, data)
    frame = run.encode(split="all")
    assert frame.index.names == ["subject", "visit"] and ("s3", "1") in frame.index
    arrays = run.encoding(split="all").arrays()
    assert arrays["subject"].tolist() == [name for name, _ in frame.index]
    complete = run.impute()
    assert complete.index.names == ["subject", "visit"]
    assert complete.index.tolist() == [(f"s{i}", str(v)) for i in range(10) for v in range(2)]
