"""The rows are those that scikit-learn ships, each in the right modality, and every diagnosis has its share of each
split.
"""

import csv
from importlib.resources import files

import torch

from mmgen_plugin_example import BreastCancer


def published():
    """The file that scikit-learn ships, read once more: 30 values and the diagnosis in each line."""
    with files("sklearn.datasets").joinpath("data", "breast_cancer.csv").open(encoding="utf-8") as file:
        header, *lines = list(csv.reader(file))
    assert header == ["569", "30", "malignant", "benign"]
    return lines


def test_the_rows_are_the_published_ones():
    splits, lines = BreastCancer().splits(), published()
    assert splits.labels == {"diagnosis": ("malignant", "benign")}
    seen = []
    for table in (splits.train, splits.val, splits.test):
        for n, row in enumerate(table.rows.tolist()):
            seen.append(row)
            for start, name in ((0, "mean"), (10, "error"), (20, "worst")):
                expected = torch.tensor([float(cell) for cell in lines[row][start : start + 10]])
                torch.testing.assert_close(table.data[name][n], expected)
            assert int(table.labels["diagnosis"][n]) == int(lines[row][30])
    assert sorted(seen) == list(range(569))


def test_every_diagnosis_has_its_share():
    splits = BreastCancer().splits()
    for code, count in ((0, 212), (1, 357)):
        for table, share in ((splits.train, 0.7), (splits.val, 0.1), (splits.test, 0.2)):
            assert abs(int((table.labels["diagnosis"] == code).sum()) - share * count) <= 1


def test_the_columns_are_named_by_what_they_hold():
    modalities = BreastCancer().modalities()
    assert modalities["error"].value_names("error")[:2] == ["error_radius", "error_texture"]
    worst, mean = (
        dict(zip(modalities[name].columns, BreastCancer().splits().train.data[name].T)) for name in ("worst", "mean")
    )
    for name in ("radius", "area", "concave_points"):
        assert (worst[f"worst_{name}"] >= mean[f"mean_{name}"]).all(), (
            "the three largest values are at least the mean of all"
        )
