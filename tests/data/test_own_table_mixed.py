"""Columns of different types in one's own table: what is taken for what, errors with their place, a run's codes."""

import numpy as np
import pandas as pd
import pytest

import mmgen
from mmgen import DataError
from mmgen.data import load_dataset
from mmgen.errors import DataWarning

COLUMNS = ["age", "smoker", "vip", "ward", "lesions", "grade"]


@pytest.fixture
def frame():
    draw = np.random.default_rng(0)
    count = 60
    return pd.DataFrame(
        {
            "id": [f"p{i}" for i in range(count)],
            "age": draw.normal(60, 10, count).round(),
            "smoker": draw.integers(0, 2, count),
            "vip": np.where(draw.random(count) < 0.5, "true", "false"),
            "ward": draw.choice(["surgery", "medicine", "icu"], count),
            "lesions": np.r_[0, draw.poisson(3, count - 1)],
            "grade": draw.integers(1, 4, count),
            "gene": draw.normal(size=count),
        }
    )


@pytest.fixture
def load(tmp_path):
    """The data of a table with the modalities ``clinic``, mixed, and ``gene``."""

    def load(frame, columns=COLUMNS, **fields):
        path = tmp_path / "clinic.csv"
        frame.to_csv(path, index=False)
        clinic = {"columns": columns, "kind": "mixed", "hidden": [8], **fields}
        gene = {"columns": "gene", "kind": "vector", "hidden": [8]}
        return load_dataset("table", path=str(path), modalities={"clinic": clinic, "gene": gene})

    return load


def test_types_are_seen_in_the_values_and_said(frame, load):
    data = load(frame)
    clinic = data.modalities["clinic"]
    assert {column: clinic.choice(column).name for column in COLUMNS} == {
        "age": "normal",
        "smoker": "bernoulli",
        "vip": "bernoulli",
        "ward": "categorical",
        "lesions": "negative-binomial",
        "grade": "normal",
    }
    assert clinic.categories == {"ward": ("icu", "medicine", "surgery")}
    assert clinic.choice("age").options == {"scale": 1.0, "scale_kind": "learned", "least_scale": 0.03}
    (note,) = [note for note in data.notes if note.startswith("clinic: by their values")]
    assert "age, grade for numbers (normal); smoker, vip for yes/no answers (bernoulli)" in note
    assert "ward for categories (categorical)" in note and "lesions for counts (negative-binomial)" in note
    assert "likelihoods: {COLUMN: normal}" in note


def test_a_column_of_yes_and_no_with_a_slip_is_said(frame, load):
    frame["smoker"] = frame["smoker"].astype(float)
    frame.loc[frame.index[3], "smoker"] = 2
    data = load(frame)
    (note,) = [note for note in data.notes if "holds 0 and 1 but for" in note]
    assert "'smoker' holds 0 and 1 but for 1 of its values (2 in row 3" in note and "smoker: bernoulli" in note
    frame.loc[frame.index[5:12], "smoker"] = 3
    assert not [note for note in load(frame).notes if "holds 0 and 1 but for" in note], "counts, and no slips"


def test_values_are_those_of_the_table(frame, load):
    data = load(frame)
    clinic, rows = data.modalities["clinic"], data.train[:]
    for row, values in zip(rows.rows.tolist(), rows.data["clinic"].numpy()):
        truth = frame.iloc[row]
        assert clinic.cells(values) == [
            truth["age"], float(truth["smoker"]), float(truth["vip"] == "true"), truth["ward"], truth["lesions"],
            truth["grade"],
        ]  # fmt: skip


def test_columns_can_be_said_to_be_something_else(frame, load):
    said = {"grade": "ordinal", "lesions": {"name": "poisson", "offset": "none"}, "age": {"name": "student-t"}}
    clinic = load(frame, likelihoods=said).modalities["clinic"]
    assert (clinic.choice("grade").name, clinic.categories["grade"]) == ("ordinal", ("1", "2", "3"))
    assert clinic.choice("lesions").name == "poisson"
    assert (clinic.choice("age").name, clinic.choice("age").scale_kind) == ("student-t", "learned")
    order = {"ward": ["icu", "surgery", "medicine"]}
    clinic = load(frame, likelihoods={"ward": "ordinal"}, categories=order).modalities["clinic"]
    assert clinic.categories["ward"] == ("icu", "surgery", "medicine") and clinic.choice("ward").name == "ordinal"
    clinic = load(frame, categories={"smoker": ["1", "0"]}).modalities["clinic"]
    assert clinic.choice("smoker").name == "categorical" and clinic.categories["smoker"] == ("1", "0")


def test_a_run_reads_other_rows_by_its_types_and_codes_and_writes_them_by_name(frame, load, tmp_path):
    data = load(frame)
    model = mmgen.MultimodalVAE.create("elbo", data, latent_dim=2)
    mmgen.Trainer(epochs=1, batch_size=16).fit(model, data, output=tmp_path / "run")
    other = frame.iloc[:4].assign(
        id=["n0", "n1", "n2", "n3"], ward="surgery", lesions=[0, 1, 1, 0], age=[61.5, 62, 63, 64]
    )
    new = tmp_path / "new.csv"
    other[["ward", "lesions", "id", "grade", "gene", "age", "vip", "smoker"]].to_csv(new, index=False)
    run = mmgen.load_run(tmp_path / "run", dataset={"path": str(new)})
    with pytest.warns(DataWarning, match="None of the 4 rows"):
        clinic = run.data.modalities["clinic"]
    assert clinic.choice("lesions").name == "negative-binomial" and clinic.categories["ward"][2] == "surgery"
    rows = run.data.split("all")[:]
    assert rows.data["clinic"][:, 3].tolist() == [2.0] * 4, "the run's code of surgery"
    made = run.generate(given=["clinic"], targets=["clinic"], split="all")
    out = made.frame()
    assert list(out.columns[-6:]) == COLUMNS and set(out["ward"]) <= {"icu", "medicine", "surgery"}
    other.assign(ward="garden").to_csv(new, index=False)
    with pytest.raises(DataError, match=r"column 'ward' of new.csv holds 'garden' in row 0 .* not one of icu, med"):
        mmgen.load_run(tmp_path / "run", dataset={"path": str(new)}).data  # noqa: B018
    forgiving = mmgen.load_run(tmp_path / "run", dataset={"path": str(new), "unknown": "missing"})
    with pytest.warns(DataWarning, match="clinic: 4 categories of 'ward' that the run does not know count as missing"):
        rows = forgiving.data.split("all")
    assert rows.available.tolist() == [[False, True]] * 4


@pytest.mark.parametrize(
    ("column", "row", "value", "fields", "sentence"),
    [
        ("age", 7, "6o", {}, r"column 'age' of clinic.csv holds '6o' in row 7 .*likelihoods: \{age: categorical\}"),
        ("lesions", 3, -2, {"likelihoods": {"lesions": "poisson"}}, r"'lesions' .* holds -2 in row 3 .* whole number"),
        ("smoker", 2, 0.5, {"likelihoods": {"smoker": "bernoulli"}}, r"'smoker' .* holds 0.5 in row 2 .* 0 or 1"),
        ("age", 4, 0, {"likelihoods": {"age": "log-normal"}}, r"'age' .* holds 0 in row 4 .* numbers above 0"),
        ("ward", 1, "er", {"categories": {"ward": ["icu", "medicine", "surgery"]}}, r"holds 'er' in row 1 .* not one"),
        ("age", 0, 60, {"likelihoods": {"agee": "normal"}}, r"clinic.likelihoods: there is no column 'agee'"),
        ("age", 0, 60, {"likelihoods": {"age": "nrmal"}}, r"There is no likelihood 'nrmal'"),
        (
            "age",
            0,
            60,
            {"likelihoods": {"age": "normal"}, "categories": {"age": ["60"]}},
            r"clinic.categories: 'age' is said to have categories, and a likelihood of real numbers",
        ),
        ("age", 0, 60, {"likelihoods": ["normal"]}, r"clinic.likelihoods: \['normal'\] is no mapping"),
    ],
)
def test_what_does_not_fit_is_named(frame, load, column, row, value, fields, sentence):
    frame[column] = frame[column].astype(object)
    frame.loc[row, column] = value
    with pytest.raises(mmgen.MmgenError, match=sentence):
        load(frame, **fields)


def test_names_of_rows_and_constant_words_are_refused(frame, load):
    with pytest.raises(DataError, match=r"column 'id' .* has 60 different values in 60 rows, which are texts or names"):
        load(frame, columns=[*COLUMNS, "id"])
    with pytest.raises(DataError, match=r"'ward' .* has the one category 'icu', from which nothing can be learned"):
        load(frame.assign(ward="icu"))


def test_an_empty_cell_is_missing_alone(frame, load):
    frame.loc[5, "age"] = np.nan
    frame.loc[6, "ward"] = None
    data = load(frame)
    assert any(note.startswith("clinic: 2 of 60 rows have 2 empty cells") for note in data.notes)
    everything = data.split("all")
    assert everything.available.all() and int((~everything.observed["clinic"]).sum()) == 2
    model = mmgen.MultimodalVAE.create("elbo", data, latent_dim=2)
    filling = model.fillings[0].value
    ward = list(data.modalities["clinic"].columns).index("ward")
    assert float(filling[ward]) == -1, "no category stands in the place of an unknown one"
    run = mmgen.Trainer(epochs=2).fit(model, data)
    assert np.isfinite(run.history[-1]["train"]["loss"])
    whole = load(frame, missing="modality")
    assert int((~whole.split("all").available[:, 0]).sum()) == 2


def test_large_constants_come_back(frame, load):
    frame["age"] = 1.7e9 + np.arange(60)
    data = load(frame)
    clinic, rows = data.modalities["clinic"], data.train[:]
    found = [clinic.cells(values)[0] for values in rows.data["clinic"].numpy()]
    assert found == frame["age"].iloc[rows.rows.tolist()].tolist()


def test_values_outside_of_what_a_vectors_likelihood_is_for_are_named(frame, load, tmp_path):
    def vector(values, **fields):
        path = tmp_path / "gene.csv"
        pd.DataFrame({"gene": values}).to_csv(path, index=False)
        modalities = {"g": {"columns": "gene", "kind": "vector", **fields}}
        return load_dataset("table", path=str(path), modalities=modalities)

    share = np.linspace(0, 1, 30)
    with pytest.raises(
        DataError, match=r"'gene' of gene.csv holds 0 in row 0 .* between 0 and 1, without both; the op"
    ):
        vector(share, likelihood="beta")
    assert vector(share, likelihood="beta", squeeze=0.001).modalities["g"].squeeze == 0.001
    with pytest.raises(DataError, match=r"'gene' of gene.csv holds 1.03448 in row 20 .* numbers from 0 to 1"):
        vector(1.5 * share, likelihood="beta", squeeze=0.001)
    with pytest.raises(DataError, match=r"'gene' of gene.csv holds -1 in row 0 .* numbers above 0"):
        vector(share - 1, likelihood="log-normal")
    positive = vector(1e9 + share, likelihood="log-normal").modalities["g"]
    assert not positive.offset, "a constant would push them out of their range"


def test_several_samples_of_a_category_are_their_most_frequent_one(frame, load, tmp_path):
    from mmgen.testing import toy_run

    run = toy_run(load(frame))
    wards = set(run.data.modalities["clinic"].categories["ward"])
    named = run.generate(given=["clinic"], targets=["clinic"], samples=5).frame()["ward"]
    assert set(named) <= wards
    codes = run.generate(given=["clinic"], targets=["clinic"], samples=5).values["clinic"]
    place = list(run.data.modalities["clinic"].columns).index("ward")
    expected = [
        run.data.modalities["clinic"].categories["ward"][int(code)] for code in codes[:, :, place].mode(0).values
    ]
    assert named.tolist() == expected
