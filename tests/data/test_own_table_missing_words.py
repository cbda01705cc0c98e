"""What counts as missing, what is said about it, and what is done for numbers that 32 bits do not hold."""

from __future__ import annotations

import datetime
import decimal
import json
import math
import statistics
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as parquet
import pytest

from mmgen.data.own_table import OwnTable, OwnTableConfig
from mmgen.data.own_table.content import find_roles, make_requests
from mmgen.data.own_table.number_columns import read_numbers
from mmgen.data.own_table.opening import open_source
from mmgen.data.own_table.text_columns import read_categories, read_text
from mmgen.errors import MmgenError, PluginError

# pandas.read_csv's documentation, in its order
PANDAS = [
    " ",
    "#N/A",
    "#N/A N/A",
    "#NA",
    "-1.#IND",
    "-1.#QNAN",
    "-NaN",
    "-nan",
    "1.#IND",
    "1.#QNAN",
    "<NA>",
    "N/A",
    "NA",
    "NULL",
    "NaN",
]
PANDAS += ["None", "n/a", "nan", "null"]
READERS = {
    "vector": read_numbers,
    "counts": read_numbers,
    "tags": read_numbers,
    "labels": read_categories,
    "text": read_text,
}


def read(path: Path, columns="*", kind: str = "vector", fields=None, **options):
    """One modality of a file, and the notes that were made."""
    described = {"it": {"columns": columns, "kind": kind, **(fields or {})}}
    table = OwnTable(OwnTableConfig.model_validate({"path": path, "modalities": described, **options}))
    source = open_source(str(path), None, table.config.reading)
    (request,) = make_requests(table.config, None, source, find_roles(table.config, None, source))
    found = READERS[kind](request, source)
    return found.modality, found.stored, found.available, source.notes


def csv(folder: Path, text: str) -> Path:
    (folder / "my.csv").write_text(text, encoding="utf-8")
    return folder / "my.csv"


def test_numbers_are_missing_where_pandas_says_so(tmp_path):
    path = csv(tmp_path, "id,g0\n" + "".join(f"s{i},{word}\n" for i, word in enumerate([*PANDAS, "1.5"])))
    _, values, available, notes = read(path, "g0")
    assert available.tolist() == [False] * len(PANDAS) + [True]
    assert values.tolist() == [[0]] * len(PANDAS) + [[1.5]]
    assert notes == [f"it: {len(PANDAS)} of {len(PANDAS) + 1} rows have none of it."]


def test_words_that_are_named_take_their_place(tmp_path):
    path = csv(tmp_path, "g0,g1\n1,-\n-999.0,2\n3,\n4,5\n")
    _, _, available, _ = read(path, missing=["-", "-999"])
    assert available.tolist() == [True, True, True, True]
    _, _, available, _ = read(path, missing=["-", "-999"], fields={"missing": "modality"})
    assert available.tolist() == [False, False, False, True]
    with pytest.raises(MmgenError, match=r"holds 'NA' in row 0 .*not a number"):
        read(csv(tmp_path, "g0\nNA\n1\n"), missing=["-"])
    parquet.write_table(pa.table({"g0": [-999, 1], "g1": [2.0, -999.0]}), tmp_path / "my.parquet")
    assert read(tmp_path / "my.parquet", ["g0"], missing="-999")[2].tolist() == [False, True]
    assert read(tmp_path / "my.parquet", ["g1"], missing="-999")[2].tolist() == [True, False]


def test_classes_that_are_words_for_nothing_are_counted_aloud(tmp_path):
    path = csv(tmp_path, "id,drug\n" + "s0,None\ns1,NA\ns2,a\ns3,b\ns4,None\ns5,\n")
    modality, _, available, notes = read(path, "drug", "labels")
    assert modality.categories == ("a", "b")
    assert available.tolist() == [False, False, True, True, False, False]
    assert notes[0].startswith(
        "dataset.modalities.it: the column 'drug' of my.csv: 4 of 6 rows count as unknown, because 'None' (2), 'NA' (1)"
    )
    assert 'dataset.missing: ["NaN"]' in notes[0]
    modality, _, available, notes = read(path, "drug", "labels", missing=["NaN"])
    assert modality.categories == ("NA", "None", "a", "b")
    assert available.tolist() == [True] * 5 + [False]
    assert notes == ["it: 1 of 6 rows have none of it."]


def test_a_spreadsheets_error_is_no_class(tmp_path):
    with pytest.raises(MmgenError, match=r"holds '#REF!' in row 1 .*which is an error of a spreadsheet"):
        read(csv(tmp_path, "id,c\n1,a\n2,#REF!\n3,b\n"), "c", "labels")


def test_in_a_text_only_the_empty_cell_is_missing_unless_words_were_named(tmp_path):
    path = csv(tmp_path, "id,note\n1,null\n2,None\n3,\n4,NA\n")
    assert read(path, "note", "text")[2].tolist() == [True, True, False, True]
    assert read(path, "note", "text", missing=["NA"])[2].tolist() == [True, True, False, False]


def test_classes_that_python_takes_for_numbers_stay_apart(tmp_path):
    modality = read(csv(tmp_path, "id,c\n1,1_000\n2,1000\n3,infinity\n"), "c", "labels")[0]
    assert modality.categories == ("1000", "1_000", "infinity")


def test_rows_that_single_cells_take_are_counted(tmp_path):
    rows = [[1, 2, 3], ["", 2, 3], ["", "", 3], ["", "", ""], [4, 5, 6]]
    path = csv(tmp_path, "g0,g1,g2,id\n" + "".join(",".join(map(str, row)) + f",s{i}\n" for i, row in enumerate(rows)))
    *_, notes = read(path, "g*", fields={"missing": "modality"})
    assert notes == ["it: 2 of 5 rows lose it to 3 empty cells among its 3 columns, and 1 of 5 rows have none of it."]
    *_, notes = read(path, "g*")
    some = "it: 2 of 5 rows have 3 empty cells among its 3 columns, which alone are missing"
    assert notes == [f"{some}, and 1 of 5 rows have none of it."]


def test_tags_are_read_as_programs_write_them(tmp_path):
    values = read(csv(tmp_path, "t0,t1\n1,TRUE\n0,False\nfalse,true\n"), "t*", "tags")[1]
    assert values.tolist() == [[1, 1], [0, 0], [0, 1]]
    parquet.write_table(pa.table({"t0": [True, None, False]}), tmp_path / "my.parquet")
    _, values, available, _ = read(tmp_path / "my.parquet", "t0", "tags")
    assert (values.tolist(), available.tolist()) == ([[1], [0], [0]], [True, False, True])


TYPES = {
    "bool": (
        [True, False],
        None,
        r"'x' of my.parquet has the type bool, and not numbers; columns of true and false are of the kind tags",
    ),
    "date": (
        [datetime.date(2024, 1, 2)] * 2,
        None,
        r"'x' of my.parquet has the type date32\[day\], and not numbers; write times as numbers",
    ),
    "time": (
        [datetime.datetime(2024, 1, 2)] * 2,
        None,
        r"'x' of my.parquet has the type timestamp\[us\], and not numbers",
    ),
    "list": (
        [[1.0], [2.0]],
        None,
        r"'x' of my.parquet has the type list<.*double>, and not numbers; a column of lists",
    ),
    "struct": ([{"a": 1}, None], None, r"'x' of my.parquet has the type struct<.*>, and not numbers"),
    "binary": ([b"1", b"2"], None, r"'x' of my.parquet has the type binary, and not numbers"),
    "null": ([None, None], None, r"'x' of my.parquet has no value at all"),
    "integers": ([1, 2**53 + 1], None, r"'x' of my.parquet holds 9007199254740993 in row 1 .*does not hold exactly"),
    "text": (["1", " 1_0"], None, r"'x' of my.parquet holds '1_0' in row 1 .*without the underscore"),
}


@pytest.mark.parametrize("kind", TYPES)
def test_columns_of_other_types_are_named_with_their_type(tmp_path, kind):
    values, arrow, sentence = TYPES[kind]
    parquet.write_table(pa.table({"x": pa.array(values, arrow)}), tmp_path / "my.parquet")
    with pytest.raises(MmgenError, match=sentence):
        read(tmp_path / "my.parquet", "x")


@pytest.mark.parametrize(
    "column",
    [
        pa.array([np.float16(1.5), None, np.float16(-2.0)], pa.float16()),
        pa.array([decimal.Decimal("1.5"), None, decimal.Decimal(-2)]),
        pa.array(["1.5", "NA", "-2"]),
        pa.array(["1.5", "", " -2 "], pa.large_string()),
        pa.array(["1.5", None, "-2"]).dictionary_encode(),
        pa.array([3, None, -4], pa.int8()),
    ],
)
def test_columns_of_any_numbers_are_read(tmp_path, column):
    parquet.write_table(pa.table({"x": column}), tmp_path / "my.parquet")
    _, values, available, _ = read(tmp_path / "my.parquet", "x")
    assert available.tolist() == [True, False, True]
    assert values.tolist() == ([[3], [0], [-4]] if pa.types.is_integer(column.type) else [[1.5], [0], [-2]])


def test_lists_of_one_length_in_parquet_are_an_array(tmp_path):
    numbers = np.random.default_rng(0).normal(size=(5, 3))
    parquet.write_table(pa.table({"x": list(numbers)}), tmp_path / "my.parquet")
    source = open_source(str(tmp_path / "my.parquet"))
    assert np.array_equal(source.array("x")[0], numbers)
    parquet.write_table(pa.table({"x": [[1.0], [1.0, 2.0]]}), tmp_path / "my.parquet")
    with pytest.raises(MmgenError, match="differ in size"):
        open_source(str(tmp_path / "my.parquet")).array("x")


LINES = {
    "null": ('{"x": 1}\nnull\n', r"Line 2 of .*my.jsonl is null, and not an object of names and values"),
    "number": ("3\n", r"Line 1 of .*my.jsonl is 3, and not an object"),
    "nested": ('{"x": {"a": 1}}\n', r"'x' of my.jsonl holds {'a': 1} in row 0 .*not a number but of the type dict"),
    "true": ('{"x": 1}\n{"x": true}\n', r"holds True in row 1 .*true or false; such a column is of the kind tags"),
    "large": ('{"x": 9007199254740993}\n', r"holds 9007199254740993 in row 0 .*does not hold exactly"),
    "twice": ('{"x": 1, "x": 2}\n', r"a row has the name 'x' twice"),
    "broken": ('{"x": 1}\n{"x": \n', r"line 2 is not JSON"),
    "deep": ("[" * 100_000, r"nested too deeply"),
}


@pytest.mark.parametrize("kind", LINES)
def test_json_lines_that_are_no_rows(tmp_path, kind):
    text, sentence = LINES[kind]
    (tmp_path / "my.jsonl").write_text(text, encoding="utf-8")
    with pytest.raises(MmgenError, match=sentence):
        read(tmp_path / "my.jsonl", "x")


def test_json_lines_with_gaps(tmp_path):
    rows = [{"x": 1.5, "y": None}, {"y": 2}, {"x": math.nan, "y": "3"}, {"y": 4, "x": -1}]
    (tmp_path / "my.jsonl").write_text("\n\n".join(map(json.dumps, rows)), encoding="utf-8")
    _, values, available, _ = read(tmp_path / "my.jsonl", ["x", "y"])
    assert available.tolist() == [True, True, True, True]
    _, values, available, _ = read(tmp_path / "my.jsonl", ["x", "y"], fields={"missing": "modality"})
    assert available.tolist() == [False, False, False, True]
    assert values[3].tolist() == [-1, 4]


BASE = {"seconds": 1.7e9, "positions": 248_956_422.0, "plain": 0.0}


@pytest.mark.parametrize("kind", BASE)
def test_differences_survive_32_bits(tmp_path, kind):
    draw = np.random.default_rng(1)
    small = draw.normal(size=50)
    column = [BASE[kind] + value for value in small.tolist()]
    path = csv(
        tmp_path,
        "id,t,g\n" + "".join(f"s0,{value!r},{other!r}\n" for value, other in zip(column, small.tolist())),
    )
    modality, values, _, notes = read(path, ["t", "g"])
    spread = statistics.pstdev(column)
    offset = modality.offset[0] if modality.offset else 0
    assert max(abs(found + offset - value) for found, value in zip(values[:, 0].tolist(), column)) < 1e-3 * spread
    assert np.array_equal(values[:, 1], small.astype(np.float32))
    if kind == "plain":
        assert (modality.offset, modality.factor, notes) == ((), (), [])
        return
    assert modality.offset == (BASE[kind], 0.0)  # rounded to the power of ten above the standard deviation, which is 1
    assert notes[0].startswith("it: 1 of 2 columns (t) are stored less a constant")
    for stored, value in zip(values, column):
        assert abs(modality.cells(stored)[0] - value) < 1e-6 * spread
        assert modality.in_source_units(stored).dtype == np.float64


@pytest.mark.parametrize("magnitude", [1e30, 1e-40])
def test_magnitudes_whose_squares_float32_does_not_hold(tmp_path, magnitude):
    small = np.random.default_rng(2).normal(size=50)
    path = csv(tmp_path, "g\n" + "".join(f"{value * magnitude!r}\n" for value in small.tolist()))
    modality, values, _, notes = read(path, "g")
    assert np.isfinite(np.square(values)).all()
    assert np.square(values).min() > 0
    assert "stored divided by a power of ten" in notes[0]
    for stored, value in zip(values, small):
        assert modality.cells(stored)[0] == pytest.approx(value * magnitude, rel=1e-6)


def test_an_offset_that_is_given_is_used(tmp_path):
    path = csv(tmp_path, "t,g\n" + "".join(f"{1_700_000_000 + i},{i}\n" for i in range(9)))
    modality, values, _, notes = read(path, ["t", "g"], fields={"offset": [1_700_000_004.0, 1.0]})
    assert values.tolist() == [[i - 4, i - 1] for i in range(9)]
    assert (modality.offset, notes) == ((1_700_000_004.0, 1.0), [])
    with pytest.raises(MmgenError, match=r"offset has 3 numbers, and a value has 2"):
        read(path, ["t", "g"], fields={"offset": [0, 0, 0]})


def test_arrays_are_centred_too_and_large_counts_are_said_to_be_rounded(tmp_path):
    np.savez(tmp_path / "my.npz", t=1_700_000_000 + np.arange(12).reshape(6, 2))
    described = {"t": {"array": "t", "kind": "vector"}}
    table = OwnTable(OwnTableConfig.model_validate({"path": tmp_path / "my.npz", "modalities": described}))
    stored = table.splits().train
    modality = table.modalities()["t"]
    found = modality.in_source_units(stored.data["t"].numpy())
    assert np.array_equal(found, (1_700_000_000 + np.arange(12).reshape(6, 2))[stored.rows])
    *_, notes = read(csv(tmp_path, "p\n16777217\n3\n"), "p", "counts")
    assert notes == ["it: counts above 16,777,216 are rounded to 24 binary digits."]


@pytest.mark.parametrize(
    ("name", "sentence"),
    [
        ("my.loom", r"my.loom is a Loom file: open it with anndata.read_loom"),
        ("my.xls", r"is a workbook: save the sheet as CSV in UTF-8, or write pandas.read_excel\('my.xls'\)"),
        ("my.rds", r"R's own format: in R, write.csv"),
        ("my.mat", r"Matlab's own format"),
        ("my.feather", r"pandas.read_feather\('my.feather'\)"),
        ("my.csv.gz", r"is packed: unpack it"),
        ("my.pkl", r"is a pickle: it may run code"),
    ],
)
def test_files_that_are_not_read_say_how_to_get_there(tmp_path, name, sentence):
    (tmp_path / name).write_bytes(b"1")
    with pytest.raises(MmgenError, match=sentence):
        open_source(str(tmp_path / name))


@pytest.mark.parametrize(
    ("ending", "plugin"), [("h5ad", "scverse"), ("h5mu", "scverse"), ("zarr", "scverse"), ("nwb", "nwb")]
)
def test_files_that_a_plugin_reads_say_how_it_is_installed(tmp_path, ending, plugin, monkeypatch):
    monkeypatch.setenv("MMGEN_LOAD_PLUGINS", "mmgen-core")
    (tmp_path / f"my.{ending}").write_bytes(b"1")
    with pytest.raises(PluginError, match=rf"my.{ending} is read by mmgen-plugin-{plugin}, .*: pip install mmgen-plug"):
        open_source(str(tmp_path / f"my.{ending}"))


def test_data_in_the_place_of_a_path():
    with pytest.raises(ValueError, match="a dict is given"):
        OwnTableConfig.model_validate({"path": {"a": 1}, "modalities": {"it": {"columns": "x", "kind": "vector"}}})
