"""Text files as people have them: every way of writing a table gives the same table, or one sentence."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mmgen.data.own_table import OwnTableConfig
from mmgen.data.own_table.opening import open_source
from mmgen.data.own_table.source import Source
from mmgen.errors import MmgenError

NAMES = ["id", "g0", "g1", "y"]
ROWS = [["s0", "0.5", "-1e3", "case"], ["s1", "", "2", "control"], ["s2", "4.25", "7.125", "case"]]
NUMBERS = [[0.5, -1000.0], [np.nan, 2.0], [4.25, 7.125]]


def open_text(folder: Path, text: str | bytes, name: str = "my.csv", **options) -> Source:
    path = folder / name
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    described = {"genes": {"columns": "g*", "kind": "vector"}}
    config = OwnTableConfig.model_validate({"path": str(path), "modalities": described, **options})
    return open_source(str(config.path), None, config.reading)


def written(separator: str = ",", decimal: str = ".", end: str = "\n", names=NAMES, rows=ROWS) -> str:
    return end.join(separator.join(cell.replace(".", decimal) for cell in row) for row in [names, *rows]) + end


def holds_the_table(source: Source) -> None:
    assert [name for name in source.names if name] == NAMES
    assert np.array_equal(source.numbers(["g0", "g1"], "here"), NUMBERS, equal_nan=True)
    assert source.cells("y") == ["case", "control", "case"]
    assert source.cells("id") == ["s0", "s1", "s2"]
    assert source.count == 3


SAME = {
    "commas": (written(), "my.csv", {}, 0),
    "semicolons": (written(";"), "my.csv", {}, 1),
    "decimal commas": (written(";", ","), "my.csv", {}, 1),
    "decimal commas in tabs": (written("\t", ","), "my.csv", {}, 1),
    "tabs": (written("\t"), "my.txt", {}, 0),
    "tabs called CSV": (written("\t"), "my.csv", {}, 1),
    "commas called TSV": (written(), "my.tsv", {}, 1),
    "bars": (written("|"), "my.csv", {}, 1),
    "a separator of one's own": (written("^"), "my.csv", {"separator": "^"}, 1),
    "tabs by name": (written("\t"), "my.csv", {"separator": "tab"}, 1),
    "Excel's first line": ("sep=;\n" + written(";"), "my.csv", {}, 1),
    "comments": ("# exported\n# by assay 2, with care\n\n" + written(), "my.csv", {}, 1),
    "comments anywhere": (written().replace("s1", "% x\ns1"), "my.csv", {"comment": "%"}, 0),
    "blanks": (written(" , "), "my.csv", {}, 0),
    "blanks and marks": (
        '"id" , "g0", "g1" ,y \n "s0", 0.5 ,"-1e3","case" \ns1,,2, "control"\ns2 , "4.25" ,7.125,case\n',
        "my.csv",
        {},
        0,
    ),
    "line ends of Windows": (written(end="\r\n"), "my.csv", {}, 0),
    "line ends of old Macs": (written(end="\r"), "my.csv", {}, 0),
    "a byte-order mark": (b"\xef\xbb\xbf" + written().encode(), "my.csv", {}, 0),
    "UTF-16": (written("\t").encode("utf-16"), "my.txt", {}, 1),
    "latin-1": (written().encode("latin-1"), "my.csv", {"encoding": "latin-1"}, 0),
    "nameless columns": (written().replace("\n", ",,\n"), "my.csv", {}, 1),
    "separators that end the rows": (
        "id,g0,g1,y\n" + written().split("\n", 1)[1].replace("\n", ",\n"),
        "my.csv",
        {},
        1,
    ),
    "separators that end the header": (written().replace("y\n", "y,,\n", 1), "my.csv", {}, 1),
    "empty rows of Excel": (written(";") + ";;;\n;;;\n", "my.csv", {}, 2),
    "blank lines at the end": (written() + "\n  \n\n", "my.csv", {}, 0),
    "blank lines between": (written().replace("s1", "\ns1"), "my.csv", {}, 1),
    "names of rows": (written(names=NAMES, rows=[[f"r{i}", *row] for i, row in enumerate(ROWS)]), "my.csv", {}, 1),
    "numbers of rows": (written(names=NAMES, rows=[[f'"{i}"', *row] for i, row in enumerate(ROWS)]), "my.csv", {}, 1),
    "an index of pandas": (
        written(names=["", *NAMES], rows=[[str(i), *row] for i, row in enumerate(ROWS)]),
        "my.csv",
        {},
        0,
    ),
    "blanks as R writes them": (written(" ", rows=[[c or "NA" for c in row] for row in ROWS]), "my.txt", {}, 1),
}


@pytest.mark.parametrize("kind", SAME)
def test_every_way_of_writing_gives_the_same_table(tmp_path, kind):
    text, name, options, notes = SAME[kind]
    source = open_text(tmp_path, text, name, **options)
    holds_the_table(source)
    assert len(source.notes) == notes, source.notes
    assert all(note.endswith(".") and "\n" not in note for note in source.notes)


def test_what_was_found_out_is_said(tmp_path):
    (note,) = open_text(tmp_path, written(";", ",")).notes
    assert note == "my.csv is read with semicolons between its cells, and ',' as the decimal sign."


def test_what_stands_in_quotation_marks_is_kept(tmp_path):
    source = open_text(tmp_path, 'a, "b c" ,d\n" x ", y ,"1,5"\n"line\nbreak", "say ""hi"" ,",01\n')
    assert source.names == ("a", "b c", "d")
    assert source.cells("a") == [" x ", "line\nbreak"]
    assert source.cells("b c") == ["y", 'say "hi" ,']
    assert source.cells("d") == ["1,5", "01"]


def test_rows_in_several_chunks(tmp_path, monkeypatch):
    monkeypatch.setattr("mmgen.data.own_table.cell_store.CHUNK", 40)
    numbers = np.random.default_rng(0).normal(size=(100, 3))
    lines = [",".join(map(repr, row)) + f",w{i}" for i, row in enumerate(numbers.tolist())]
    source = open_text(tmp_path, "g0,g1,g2,word\n" + "\n".join(lines) + "\n")
    assert np.array_equal(source.numbers(["g2", "g0"], "here"), numbers[:, [2, 0]])
    assert source.cells("word") == [f"w{i}" for i in range(100)]
    with pytest.raises(MmgenError, match=r"here: the column 'word' of my.csv holds 'w0' in row 0"):
        source.numbers(["g1", "word"], "here")
    lines[87] = "1,2,x,w"
    with pytest.raises(MmgenError, match=r"here: the column 'g2' of my.csv holds 'x' in row 87 "):
        open_text(tmp_path, "g0,g1,g2,word\n" + "\n".join(lines)).numbers(["g0", "g2"], "here")


@given(
    st.lists(
        st.lists(st.floats(allow_nan=False, allow_infinity=False) | st.none(), min_size=2, max_size=2),
        min_size=2,
        max_size=9,
    ),
    st.sampled_from(",;\t|"),
)
def test_numbers_come_back_to_the_last_digit(tmp_path_factory, rows, separator):
    text = f"id{separator}g0{separator}g1\n"
    cells = [["s0", *("" if cell is None else repr(cell) for cell in row)] for row in rows]
    text += "".join(separator.join(row) + "\n" for row in cells)
    found = open_text(tmp_path_factory.mktemp("table"), text).numbers(["g0", "g1"], "here")
    assert np.array_equal(found, [[np.nan if cell is None else cell for cell in row] for row in rows], equal_nan=True)


REFUSED = {
    "two separators": (
        "a,b;g\n1,2;3\n4,5;6\n",
        {},
        r"could be separated by commas \(2 columns\) or semicolons \(2 columns\); say which: sep",
    ),
    "a doubtful header": (
        "#id,g0\ns0,1\ns1,2\n",
        {},
        r"Line 1 of .*my.csv begins with '#' .*say comment: \"#\" .*or comment: \"\"",
    ),
    "a comment between": (
        "id,g0\ns0,1\n# bad day\ns1,2\n",
        {},
        r"Line 3 of .* has 1 cells, and its header has 2; where it is a comment",
    ),
    "a title": (
        "My study\nid,g0\ns0,1\n",
        {},
        r"has 2 cells, and its header has 1; where line 1 is a title or a comment, delete it",
    ),
    "a cell too many": ("id,g0\ns0,1,5\ns1,2\n", {}, r"Line 2 of .*my.csv has 3 cells, and its header has 2"),
    "doubtful names of rows": (
        "g0,g1\n1,0,5\n2,1,5\n",
        {},
        r"Line 2 of .* has 3 cells, and its header has 2; where the first is the name",
    ),
    "a nameless column": ("id,g0,\ns0,1,x\ns1,2,\n", {}, r"Column 3 of .*my.csv has no name, and holds 'x' in row 0"),
    "one name twice": ("id, g0,g0 \ns0,1,2\n", {}, r"has the column 'g0' twice"),
    "UTF-16 without a mark": (
        "id,g0\ns0,1\n".encode("utf-16-le"),
        {},
        r"is not UTF-8 text; where it is UTF-16, say encoding: utf-16-le",
    ),
    "latin-1": (
        "id,g0\ns0,1\ns\xe9,2\n".encode("latin-1"),
        {},
        r"is not UTF-8 text, in line 3; say its encoding, such as encoding: latin-1",
    ),
    "a wrong encoding": (b"id,g0\ns0,\xff\n", {"encoding": "utf-8"}, r"dataset.encoding: .*my.csv is not utf-8 text"),
    "no encoding": (b"id,g0\ns0,1\n", {"encoding": "latin-99"}, r"dataset.encoding: there is no encoding 'latin-99'"),
    "a workbook": (
        b"PK\x03\x04....",
        {},
        r"is not text, whatever its name says: it is an Excel workbook or a ZIP archive",
    ),
    "a web page": (b"<!DOCTYPE html><html></html>", {}, r"is a web page, and not the table"),
    "a separator of two": ("id,g0\ns0,1\n", {"separator": "::"}, r"'::' is not a single sign"),
}


@pytest.mark.parametrize("kind", REFUSED)
def test_what_could_mean_two_things_or_none_is_a_sentence(tmp_path, kind):
    text, options, sentence = REFUSED[kind]
    with pytest.raises((MmgenError, ValueError), match=sentence):
        open_text(tmp_path, text, **options)


NO_NUMBERS = {
    "1_000": "without the underscore",
    "\uff11": "in the digits 0 to 9",
    "\u22125": "in the digits 0 to 9",
    "0x1p3": "in decimal digits",
    "1.5D+03": "its exponent with e",
    "12%": "without the percent sign",
    "3.2 mg": "the unit into the name of the column",
    "1,234.5": "without separators of thousands",
    "1 000": "without separators of thousands",
    "1,234": 'not clear: where "," is the decimal sign, say decimal: ","',
    "0,5": 'where "," is the decimal sign of the file, say decimal: ","',
    "2024-01-31": "the days since the first",
    "<0.1": "the number alone",
    "#DIV/0!": "an error of a spreadsheet",
    "word": "an empty cell would mean a missing value",
    "True": "which is not a number",
    "9007199254740993": "does not hold exactly",
}


@pytest.mark.parametrize("cell", NO_NUMBERS)
def test_what_is_no_number_to_a_reader_of_tables_is_named(tmp_path, cell):
    source = open_text(tmp_path, f'id,g0\ns0,1\ns1,"{cell}"\n')
    with pytest.raises(MmgenError) as caught:
        source.numbers(["g0"], "here")
    shown = cell if cell.startswith("9007") else repr(cell)
    where = re.escape(f"here: the column 'g0' of my.csv holds {shown} in row 1 (the first row is 0), ")
    assert re.match(where, str(caught.value)), caught.value
    assert NO_NUMBERS[cell] in str(caught.value)


def test_the_decimal_sign_can_be_said(tmp_path):
    assert open_text(tmp_path, 'g0,g1\n"0,5",2\n', decimal=",").numbers(["g0", "g1"], "here").tolist() == [[0.5, 2]]
    assert open_text(tmp_path, "g0;g1\n1,234;2\n", decimal=",").numbers(["g0"], "here").tolist() == [[1.234]]
    with pytest.raises(MmgenError, match=r"holds '1,234' in row 0 .*which is not clear"):
        open_text(tmp_path, "g0;g1\n1,234;2\n").numbers(["g0"], "here")
    with pytest.raises(
        MmgenError, match=r"holds '1.5' in row 1 .*which has a point, and the decimal sign of the file is"
    ):
        open_text(tmp_path, "g0;g1\n1,25;2\n1.5;2\n", decimal=",").numbers(["g0"], "here")


def test_options_of_text_files_are_for_text_files(tmp_path):
    np.savez(tmp_path / "my.npz", g0=np.zeros(3))
    with pytest.raises(MmgenError, match=r"dataset.separator: .*my.npz is not a text file \(.csv, .tsv, .txt\); leave"):
        open_source(
            str(tmp_path / "my.npz"),
            None,
            OwnTableConfig(
                path=tmp_path / "my.npz", modalities={"a": {"kind": "vector", "columns": "g0"}}, separator=";"
            ).reading,
        )
