"""Bad input: each defect of one's own table is one plain sentence that says what, where, and what would be right."""

from __future__ import annotations

import re
from pathlib import Path

import datasets
import numpy as np
import pytest

from mmgen.data.apart import ApartError
from mmgen.data.own_table import OwnTable, OwnTableConfig
from mmgen.errors import DataError
from mmgen.testing import raises_sentence

GOOD = "who,y,side,g0,g1,p0,empty,word\na,1,train,0.5,1,2,,x\nb,0,test,1.5,2,3,,y\n"
VECTOR = {"genes": {"columns": ["g0", "g1"], "kind": "vector"}}


def fails(path: Path | str, sentence: str, modalities=VECTOR, **options) -> None:
    """Reading fails with exactly one sentence."""
    dataset = OwnTable(OwnTableConfig.model_validate({"path": path, "modalities": modalities, **options}))
    with raises_sentence(sentence):
        dataset.splits()


def write(folder: Path, text: str = GOOD, name: str = "my.csv") -> Path:
    path = folder / name
    path.write_text(text, encoding="utf-8")
    return path


@pytest.mark.parametrize(
    ("modalities", "sentence"),
    [
        (
            {"a": {"columns": ["gg0"], "kind": "vector"}},
            r"dataset.modalities.a: my.csv has no column 'gg0'; its columns are who, .*; did you mean 'g0'\?",
        ),
        (
            {"a": {"columns": "q*", "kind": "vector"}},
            r"dataset.modalities.a: no column of my.csv matches 'q\*'; its columns are who, y",
        ),
        (
            {"a": {"columns": "emty*", "kind": "vector"}},
            r"no column of my.csv matches 'emty\*'; its columns are who, .*; did you mean 'empty\*'\?",
        ),
        ({"a": {"columns": "g0", "kind": "vectr"}}, r"There is no modality 'vectr'; .*did you mean 'vector'"),
        (
            {"a": {"columns": "g0", "kind": "vector", "likelihood": "poisson"}},
            r"dataset.modalities.a.likelihood: 'poisson' is a likelihood of counts, and the kind vector of real num",
        ),
        (
            {"a": {"columns": "g0", "kind": "vector", "hiden": [1]}},
            r"dataset.modalities.a.hiden: there is no such option; .*did you mean 'hidden'",
        ),
        (
            {"a": {"columns": "g0", "kind": "vector", "shape": [2]}},
            r"dataset.modalities.a.shape: \[2\] does not fit; a row of my.csv has 1 values",
        ),
        ({"a": {"columns": ["g0", "g0"], "kind": "vector"}}, r"dataset.modalities.a: 'g0' is used twice, by a and a"),
        (
            {**VECTOR, "b": {"columns": "*1", "kind": "vector"}},
            r"dataset.modalities.b: 'g1' is used twice, by genes and b",
        ),
        ({"a": {"array": "g0", "kind": "vector"}}, r"my.csv holds columns, and no array 'g0'; write columns: instead"),
        ({"a": {"array": "g0", "kind": "image"}}, r"holds '0.5' in row 0 .*; a cell of an image is the path"),
        ({"a": {"columns": "g0", "kind": "image"}}, r"holds '0.5' in row 0 .*; where every pixel has a column"),
        (
            {"a": {"columns": ["g0", "word"], "kind": "vector"}},
            r"the column 'word' of my.csv holds 'x' in row 0 \(the first row is 0\), which is not a n",
        ),
        (
            {"a": {"columns": ["g0", "empty"], "kind": "vector"}},
            r"the column 'empty' of my.csv has no value at all; fill it, or leave it out",
        ),
        ({"a": {"columns": "empty", "kind": "labels"}}, r"the column 'empty' of my.csv has no value at all"),
        ({"a": {"columns": "empty", "kind": "text"}}, r"the column 'empty' of my.csv has no value at all"),
        (
            {"a": {"columns": "g0", "kind": "counts"}},
            r"dataset.modalities.a: the column 'g0' of my.csv holds 0.5 in row 0 .*a count is a whole number",
        ),
        (
            {"a": {"columns": ["g1", "p0"], "kind": "tags"}},
            r"the column 'p0' of my.csv holds 2 in row 0 .*, and a tag is 0 or 1",
        ),
        (
            {"a": {"columns": ["word", "g1"], "kind": "text"}},
            r"text is one column, and these are 2; make a modality of each",
        ),
        (
            {"a": {"columns": "g0", "kind": "labels"}},
            r"the column 'g0' of my.csv holds '0.5' in row 0 .*; classes are words or whole numbers",
        ),
        (
            {"a": {"columns": "word", "kind": "labels", "categories": ["x", "z"]}},
            r"a.categories: the column 'word' "
            r"of my.csv holds 'y' in row 1 .the first row is 0., which is not one of x, z",
        ),
        ({"a": {"columns": ["g0", "g1"], "kind": "image"}}, r"the shape \[2\]; an image is \[height, width\]"),
    ],
)
def test_what_is_wrong_with_a_modality(tmp_path, modalities, sentence):
    fails(write(tmp_path), sentence, modalities)


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ({"label": "Y"}, r"dataset.label: my.csv has no column 'Y'; its columns are"),
        ({"label": "g0"}, r"dataset.modalities.genes: 'g0' is the label, and would leak into the modality"),
        ({"group": "g1"}, r"dataset.modalities.genes: 'g1' is the group"),
        ({"label": "empty"}, r"dataset.label: 'empty' of my.csv has no value at all"),
        ({"split": "word"}, r"dataset.split: 'word' of my.csv holds 'x' in row 0 .*, and not train, val or test"),
        ({"group": "whom"}, r"dataset.group: my.csv has no column 'whom'; .*did you mean 'who'"),
    ],
)
def test_what_is_wrong_with_a_role(tmp_path, options, sentence):
    fails(write(tmp_path), sentence, **options)


def test_a_label_is_no_measurement(tmp_path):
    fails(
        write(tmp_path, "y,g0,g1\n1,1,2\n0.25,1,2\n"),
        r"dataset.label: 'y' of my.csv holds '0.25' in row 1 .*classes are words",
        label="y",
    )


def test_a_group_on_two_sides(tmp_path):
    path = write(tmp_path, "who,side,g0,g1\na,train,1,2\nb,train,1,2\nb,test,1,2\n")
    fails(path, r"dataset.split: 'side' of my.csv puts the group of row 1 .*on two sides", split="side", group="who")


@pytest.mark.parametrize(
    ("value", "sentence"),
    [("inf", "holds inf in row 1 .*not a finite number"), ("1e300", "too large for a 32-bit number")],
)
def test_numbers_that_cannot_be_trained_on(tmp_path, value, sentence):
    fails(write(tmp_path, f"g0,g1\n1,2\n3,{value}\n"), sentence)


def test_lists_where_single_values_were_wanted(tmp_path):
    path = write(
        tmp_path, '{"g0": [[1, 2], [3, 4]], "g1": [1, 2]}', "my.json"
    )  # column by column: for the reader this is one row
    fails(path, r"the column 'g0' of my.json holds \[\[1, 2\], \[3, 4\]\] in row 0 .*, which is not a number")


def test_a_negative_count(tmp_path):
    fails(
        write(tmp_path, "p\n1\n-3\n"),
        r"the column 'p' of my.csv holds -3 in row 1",
        {"p": {"columns": "p", "kind": "counts"}},
    )


def test_columns_that_never_have_a_value_together(tmp_path):
    fails(
        write(tmp_path, "g0,g1\n1,\n,2\n"),
        r"dataset.modalities.genes: no row of my.csv has a value in every one of its columns; take fewer columns, or",
        {"genes": {**VECTOR["genes"], "missing": "modality"}},
    )


def test_one_category_teaches_nothing(tmp_path):
    path = write(tmp_path, "c,g0\nx,1\nx,2\n")
    fails(path, r"the column 'c' of my.csv has the one category 'x'", {"c": {"columns": "c", "kind": "labels"}})


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("", r"my.csv is empty; its first line should name the columns"),
        ("g0,g1\n", r"my.csv has a header and no rows"),
        ("g0,g1,g0\n1,2,3\n", r"The header of .*my.csv has the column 'g0' twice"),
        ("g0,g1\n1,2\n3\n", r"Line 3 of .*my.csv has 1 cells, and its header has 2; the file is truncated"),
        ("g0,g1\n1,2,3\n", r"Line 2 of .*my.csv has 3 cells, and its header has 2"),
        ('g0,g1\n1,"2\n', r"my.csv cannot be read as CSV, in line 2: unexpected end of data"),
    ],
)
def test_damaged_csv(tmp_path, text, sentence):
    fails(write(tmp_path, text), sentence)


def test_csv_that_is_not_text(tmp_path):
    (tmp_path / "my.csv").write_bytes(b"g0,g1\n1,\xff\n")
    fails(tmp_path / "my.csv", r"my.csv is not UTF-8 text")


def test_files_that_are_not_there_or_not_known(tmp_path):
    fails(tmp_path / "none.csv", r"There is no file or folder .*none.csv")
    fails(write(tmp_path, name="my.doc"), r"my.doc does not end in one of \.arrow, \.csv, .*; save it as one of them")


@pytest.mark.parametrize("ending", ["parquet", "arrow", "json", "jsonl", "npz", "safetensors"])
@pytest.mark.parametrize("content", [b"", b"{", b"PAR1PAR1", b"\x00" * 100])
def test_damaged_files(tmp_path, ending, content, caplog, capfd):
    path = tmp_path / f"my.{ending}"
    path.write_bytes(content)
    fails(path, rf"{re.escape(str(path))} (cannot be read|has no rows)")
    assert capfd.readouterr().err == ""


@pytest.mark.parametrize("ending", ["parquet", "npz", "safetensors"])
def test_truncated_files(tmp_path, ending):
    from safetensors.numpy import save_file

    path, values = tmp_path / f"my.{ending}", np.random.default_rng(0).normal(size=1000)
    if ending == "parquet":
        datasets.disable_progress_bars()
        datasets.Dataset.from_dict({"g0": values, "g1": values}).to_parquet(path)
    elif ending == "npz":
        np.savez(path, g0=values, g1=values)
    else:
        save_file({"g0": values, "g1": values}, path)
    path.write_bytes(path.read_bytes()[:5000])
    fails(path, rf"{re.escape(str(path))} cannot be read")


def test_empty_tables(tmp_path):
    datasets.disable_progress_bars()
    datasets.Dataset.from_dict({"g0": [1.0]}).select([]).to_parquet(tmp_path / "my.parquet")
    fails(tmp_path / "my.parquet", r"my.parquet has no rows")
    np.savez(tmp_path / "my.npz", g0=np.zeros(0), g1=np.zeros(0))
    fails(tmp_path / "my.npz", r"The array 'g0' of my.npz has no rows")
    np.savez(tmp_path / "none.npz")
    fails(tmp_path / "none.npz", r"none.npz holds no arrays")
    (tmp_path / "folder").mkdir()
    fails(tmp_path / "folder", r"folder cannot be read: .+")


def test_arrays_that_do_not_fit(tmp_path):
    path = tmp_path / "my.npz"
    np.savez(
        path,
        g=np.zeros((4, 2)),
        short=np.zeros((3, 2)),
        words=np.array(list("abcd")),
        things=np.array([{}, 1, 2, 3], dtype=object),
        single=np.float32(1),
        bad=np.full((4, 4, 4), 300.0),
        nothing=np.full((4, 2), np.nan),
        w=np.zeros((4, 2)),
        w_available=np.array([0, 1, 2, 1]),
    )
    fails(path, r"The arrays of my.npz differ in length: 'g' has 4 rows, and 'short' has 3",
          {"g": {"array": "g", "kind": "vector"}, "s": {"array": "short", "kind": "vector"}})  # fmt: skip
    for name, kind, sentence in [
        ("gee", "vector", r"my.npz has no array 'gee'; its arrays are g, short"),
        ("words", "vector", r"the array 'words' of my.npz holds text"),
        (
            "things",
            "vector",
            r"The array 'things' of .*my.npz cannot be read; .* Python objects, which are never loaded",
        ),
        ("single", "vector", r"The array 'single' of my.npz is a single value"),
        ("bad", "image", r"these go from 300 to 300; say what is black .*, such as value_range: \[299, 300\]"),
        ("g", "image", r"has the shape \[2\]; an image is"),
        ("nothing", "vector", r"the array 'nothing' of my.npz has no value at all"),
        ("w", "vector", r"the array 'w_available' of my.npz should hold a true or false for each row"),
    ]:
        fails(path, sentence, {"m": {"array": name, "kind": kind}})
    fails(
        path,
        r"'g' in my.npz is an array of shape \[4, 2\], and a single value per row",
        {"m": {"columns": "g", "kind": "vector"}},
    )


def test_images_of_two_sizes_and_columns_that_hold_no_lists(tmp_path):
    from PIL import Image

    datasets.disable_progress_bars()
    features = datasets.Features({"photo": datasets.Image(), "g0": datasets.Value("float32")})
    photos = [None, Image.new("L", (4, 4)), Image.new("L", (5, 4))]
    datasets.Dataset.from_dict({"photo": photos, "g0": [1, 2, 3]}, features=features).save_to_disk(tmp_path / "saved")
    fails(
        tmp_path / "saved",
        r"the pictures differ in size, 4×4 \(in row 1 of saved\) and 4×5 \(in row 2 of saved\); bring them to one",
        {"p": {"array": "photo", "kind": "image"}},
    )
    fails(
        tmp_path / "saved",
        r"The column 'g0' of saved holds '1.0' in row 0 .*write columns:",
        {"p": {"array": "g0", "kind": "vector"}},
    )


def test_a_broken_image(tmp_path):
    features = datasets.Features({"photo": datasets.Image(decode=False)})
    broken = datasets.Dataset.from_dict({"photo": [{"bytes": b"not a picture", "path": None}]}, features=features)
    broken.cast_column("photo", datasets.Image()).save_to_disk(tmp_path / "saved")
    sentence = r"The picture in row 0 of saved \(the first row is 0\) cannot be read: it is damaged, or of a format"
    fails(tmp_path / "saved", sentence, {"p": {"columns": "photo", "kind": "image"}})


def test_the_hub_does_not_answer(monkeypatch):
    def unreachable(path, subset, result, *, online):
        assert online
        raise ApartError("ConnectionError", "Couldn't reach 'owner/name' on the Hub")

    monkeypatch.setattr("mmgen.data.own_table.pooled.read_rows_apart", unreachable)
    fails(
        "owner/name",
        r"There is no file or folder owner/name, "
        r"and the Hugging Face Hub gives no dataset of that name: Couldn't reach",
    )


def test_an_error_leaves_nothing_in_the_cache(tmp_path, monkeypatch):
    from mmgen import load_dataset

    monkeypatch.setenv("MMGEN_CACHE", str(tmp_path / "cache"))
    write(tmp_path)
    (tmp_path / "my.yaml").write_text(
        "path: my.csv\nmodalities: {a: {columns: empty, kind: vector}}\n", encoding="utf-8"
    )
    with pytest.raises(DataError, match=r"'empty' of my.csv has no value at all"):
        load_dataset("table", config=tmp_path / "my.yaml")
    assert [path for path in (tmp_path / "cache" / "datasets").iterdir() if path.suffix != ".lock"] == []
