"""``mmgen impute`` as a person would use it on their own data."""

import csv

import pandas as pd
import pytest


def lines_of(path):
    with open(path, newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def test_the_table_again(trained, command_line):
    code, out, err = command_line("impute", "run", "--out", "complete.csv")
    assert code == 0, err
    before = [line for i, line in enumerate(lines_of("my.csv")) if i not in (0, 35)]  # without those that have nothing
    after = lines_of("complete.csv")
    columns = ["g0", "g1", "g2", "p0", "p1"]
    gaps = sum(line[column] == "" for line in before for column in columns)
    assert f"58 rows, {gaps} gaps filled in: complete.csv" in out
    assert list(after[0]) == ["row", "subject", "diagnosis", *columns, "empty"]
    assert [int(line["row"]) for line in after] == [i for i in range(60) if i not in (0, 35)]
    for old, new in zip(before, after, strict=True):
        for column in columns:
            assert new[column] != ""
            assert old[column] in ("", new[column]), "letter by letter"
        assert all(old[column] == new[column] for column in ("subject", "diagnosis", "empty"))


@pytest.mark.filterwarnings("ignore::mmgen.errors.DataWarning")
def test_other_rows_their_uncertainty_and_which_cells_are_filled(trained, command_line):
    with open("new.csv", "w") as file:
        file.write("p1,g0,g1,g2,p0\n3,,1.5,2.5,4\n2,,,,1\n,0.5,1,2,\n")
    code, _, err = command_line(
        "impute", "run", "--data", "new.csv", "--out", "new.parquet", "--uncertainty", "--mask", "--seed", "2"
    )
    assert code == 0, err
    frame = pd.read_parquet("new.parquet")
    assert frame["row"].tolist() == [0, 1, 2]
    assert frame["g0_imputed"].tolist() == [1, 1, 0]
    assert frame["p1_imputed"].tolist() == [0, 0, 1]
    assert frame["g0"][2] == 0.5
    assert frame["g0_sd"].notna().tolist() == [True, True, False]
    assert (frame["p1_q05"] <= frame["p1_q95"])[2]
    assert not frame[["g0", "g1", "g2", "p0", "p1"]].isna().any(axis=None)


def test_a_file_of_text_and_one_of_numbers_hold_the_same(trained, command_line):
    for ending in ("csv", "parquet"):
        assert command_line("impute", "run", "--out", f"x.{ending}", "--mask", "--draws", "3")[0] == 0
    pd.testing.assert_frame_equal(pd.read_csv("x.csv"), pd.read_parquet("x.parquet"), check_dtype=False)


def test_rows_that_stay_empty_are_said(trained, command_line):
    code, out, err = command_line("impute", "run", "--given", "genes", "--out", "x.csv")
    assert code == 0, err
    assert "infers nothing from what they have of genes in" in " ".join(out.split())
    assert any(line["g0"] == "" for line in lines_of("x.csv"))


@pytest.mark.parametrize("word", ["impute", "gap"])
def test_help(command_line, word):
    assert word in command_line("impute", "--help")[1]
