"""Imputation gives a table again: measured cells as they are, gaps as its draws have them."""

from __future__ import annotations

import csv
import warnings
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch

import mmgen
from mmgen.errors import DataWarning
from mmgen.runs.completed import in_source_digits
from mmgen.testing import toy_data, toy_run

KINDS = ("vector", "counts", "tags", "labels", "text")


@pytest.fixture(scope="module")
def run():
    """A run on rows that lack modalities and cells, of every kind that has a place in a table."""
    return toy_run(toy_data(KINDS, missing=0.3, cells=0.2))


def names_of(run, name):
    return run.model.modalities[name].value_names(name)


def gaps_of(run, name, split="train"):
    """Which cells rows lack, ``[N, C]``, cell by cell."""
    table = run.data.split(split)
    m = list(run.model.modalities).index(name)
    found = np.zeros((len(table), len(names_of(run, name))), dtype=bool)
    for row in range(len(table)):
        for cell in range(found.shape[1]):
            here = name not in table.observed or bool(table.observed[name][row].reshape(-1)[cell])
            found[row, cell] = not (bool(table.available[row, m]) and here)
    return found


def test_measured_cells_are_untouched_and_gaps_are_the_mean_of_the_draws(run):
    """The equation by hand: one z after the other, from the same seed."""
    frame, table = run.impute(split="train", draws=7, seed=3, inference="encoder"), run.data.train
    gaps = {name: gaps_of(run, name) for name in KINDS}
    rows = np.flatnonzero(np.concatenate(list(gaps.values()), 1).any(1))
    batch = table[torch.from_numpy(rows)]
    posterior = run.model.encode(batch)
    torch.manual_seed(3)
    z = posterior.rsample((7,))
    assert z.shape == (7, len(rows), 2)
    for name in ("vector", "counts", "tags"):
        total = 0.0
        with torch.no_grad():
            for one in z:
                total = total + run.model.output(one, name).double()
        expected = (total / 7).numpy()
        found = frame[names_of(run, name)].to_numpy()
        stored = table.data[name][:].numpy()
        assert gaps[name].any()
        assert (found[~gaps[name]].astype(stored.dtype) == stored[~gaps[name]]).all(), "byte by byte"
        assert found[rows][gaps[name][rows]] == pytest.approx(expected[gaps[name][rows]], rel=1e-5, abs=1e-6)


@pytest.mark.parametrize("name", ["labels", "text"])
def test_categories_and_symbols_are_what_most_draws_say(run, name):
    frame = run.impute(split="train", draws=5, seed=1, inference="encoder")
    table, modality = run.data.train, run.model.modalities[name]
    gaps = np.concatenate([gaps_of(run, each) for each in KINDS], 1).any(1)
    lacks, rows = gaps_of(run, name)[:, 0], np.flatnonzero(gaps)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(1)
        z = run.model.encode(table[torch.from_numpy(rows)]).rsample((5,))
    with torch.no_grad():
        drawn = np.stack([run.model.output(one, name).numpy() for one in z])
    for place, row in enumerate(rows):
        voted = [np.bincount(drawn[:, place, i]).argmax() for i in range(drawn.shape[2])]
        stored = table.data[name][row : row + 1][0].numpy()
        expected = modality.cells(np.array(voted) if lacks[row] else stored)
        assert frame[names_of(run, name)].iloc[row].tolist() == expected


def test_the_seed_decides_and_uncertainty_changes_no_value(run):
    before = torch.random.get_rng_state()
    first, again, other = (run.impute(split="train", draws=4, seed=seed) for seed in (0, 0, 1))
    more = run.impute(split="train", draws=4, uncertainty=True, mask=True)
    assert torch.equal(before, torch.random.get_rng_state())
    pd.testing.assert_frame_equal(first, again)
    pd.testing.assert_frame_equal(first, more[first.columns])
    assert not first.equals(other)


def test_uncertainty_and_mask_say_what_is_filled(run):
    frame = run.impute(split="train", draws=200, uncertainty=True, mask=True)
    for name in KINDS:
        gaps = gaps_of(run, name)
        for i, column in enumerate(names_of(run, name)):
            assert (frame[f"{column}_imputed"] == gaps[:, i]).all()
            if name not in ("vector", "counts"):
                assert f"{column}_sd" not in frame
                continue
            low, high, sd = (frame[f"{column}_{each}"] for each in ("q05", "q95", "sd"))
            for statistic in (low, high, sd):
                assert (statistic.notna() == gaps[:, i]).all()
            assert (low <= high)[gaps[:, i]].all()
            assert (sd[gaps[:, i]] > 0).all()


def test_uncertainty_is_of_z_and_of_the_scatter_of_values():
    """A decoder that says z itself, with a scale of 0.75: the variance is that of q(z) plus 0.75²."""
    run = toy_run(toy_data(("vector", "tags"), missing=0.4, rows=30), options={"latent_dim": 5})
    run.model.decoders[0] = torch.nn.Unflatten(1, (1, 5))
    transform, likelihood = run.model.transforms[0], run.model.likelihoods[0]
    rows = (~run.data.train.available[:, 0]).nonzero().squeeze(1)
    posterior = run.model.encode(run.data.train[rows])
    frame = run.impute(split="train", draws=4000, uncertainty=True, inference="encoder").iloc[rows.numpy()]
    noise = likelihood.variance(torch.zeros(1, 1, 5)).detach()
    sd = (transform.scale * (posterior.variance + noise).sqrt()).numpy()
    mean = transform.inverse(posterior.mean).numpy()
    names = names_of(run, "vector")
    widest = float(sd.max())
    assert frame[names].to_numpy() == pytest.approx(mean, abs=0.1 * widest)
    assert frame[[f"{name}_sd" for name in names]].to_numpy() == pytest.approx(sd, rel=0.08)
    high = frame[[f"{name}_q95" for name in names]].to_numpy()
    assert high == pytest.approx(mean + 1.645 * sd, abs=0.2 * widest)


def test_numbers_have_the_digits_of_their_source(monkeypatch):
    monkeypatch.setattr("mmgen.runs.completed.WORDS_AT_ONCE", 7)
    source = np.array([[0.1, 1e-30, 123456.7], [-2.5, 1 / 3, 3e38], [0.0, 7.0, 16777216.0], [1e10, 0.3, 1e-5]])
    stored = source.astype(np.float32)
    plain = mmgen.VectorModality(shape=(3,))
    written = in_source_digits(plain, stored)
    assert (written.astype(np.float32) == stored).all()
    assert (written == np.where(source == 1 / 3, np.float64("0.33333334"), source)).all()
    moved = mmgen.VectorModality(shape=(3,), offset=(1.7e9, 0.0, 0.0), factor=(1.0, 1e30, 1.0))
    found = in_source_digits(moved, np.array([[0.1, 0.1, 0.1], [25.5, 3.0, 2.0]], dtype=np.float32))
    assert found.tolist() == [[1700000000.1, 1e29, 0.1], [1700000025.5, 3e30, 2.0]]


def test_batches_change_no_value(run, monkeypatch):
    """Rows are taken a few at a time where draws or modalities are large, and every gap is filled nevertheless."""
    whole = run.impute(split="train", draws=300)
    monkeypatch.setattr("mmgen.evaluation.drawn.CELLS_AT_ONCE", 300 * 6 * 4)
    parts = run.impute(split="train", draws=300)
    numbers = names_of(run, "vector")
    assert (whole.isna().to_numpy() == parts.isna().to_numpy()).all()
    assert parts[numbers].to_numpy() == pytest.approx(whole[numbers].to_numpy(), abs=0.5)


def test_given_is_what_values_are_inferred_from(run):
    with pytest.warns(DataWarning, match=r"infers nothing from what they have of tags in \d+ rows, whose gaps stay"):
        frame = run.impute(given=["tags"], split="train", draws=3)
    has_tags = run.data.train.available[:, list(KINDS).index("tags")].numpy()
    gaps = gaps_of(run, "vector")
    assert frame[names_of(run, "vector")].isna().to_numpy().tolist() == (gaps & ~has_tags[:, None]).tolist()
    with pytest.raises(mmgen.MmgenError, match="no modality 'tag'"):
        run.impute(given=["tag"])
    with pytest.raises(mmgen.MmgenError, match="from no modality"):
        run.impute(given=[])


def test_what_an_objective_does_not_infer_stays_empty_and_is_counted():
    """JMVAE infers from complete rows only, so modalities stay missing, and cells are filled."""
    data = toy_data(("vector", "counts"), cells=0.2)
    available = data.test.available.clone()
    available[::4, 0] = False
    run = toy_run(data, objective="joint")
    run._data = replace(data, test=replace(data.test, available=available))
    with pytest.warns(DataWarning, match="'joint' infers nothing from what they have in 6 rows, whose gaps stay empty"):
        frame = run.impute(split="test")
    empty = frame.isna().to_numpy()
    assert empty[::4, :5].all()
    assert not np.delete(empty, np.s_[::4], 0).any()
    assert run.imputation(split="test").filled == sum(
        int(np.delete(gaps_of(run, name, "test"), np.s_[::4], 0).sum()) for name in ("vector", "counts")
    )


def test_where_no_row_can_be_filled_the_table_is_what_it_was():
    data = toy_data(("vector", "counts"), rows=12)
    available = torch.tensor([[True, False], [False, True]]).repeat(3, 1)
    run = toy_run(data, objective="joint")
    run._data = replace(data, test=replace(data.test, available=available))
    with pytest.warns(DataWarning, match="in 6 rows, whose gaps stay empty"):
        frame = run.impute(split="test", uncertainty=True, mask=True)
    assert frame[names_of(run, "counts")].isna().all(axis=1).tolist() == [True, False] * 3
    assert frame["vector_0_sd"].isna().all()
    assert not frame["vector_0_imputed"].any()


def test_a_model_without_decoders_is_refused_and_modalities_that_it_does_not_generate_stay_empty():
    data = toy_data(("vector", "counts"), rows=12)
    with pytest.raises(mmgen.MmgenError, match="'cca' generates nothing"):
        toy_run(data, objective="cca").impute()
    run = toy_run(data, objective="cmmd")
    available = torch.tensor([[True, True], [True, False], [False, True]]).repeat(2, 1)
    run._data = replace(data, test=replace(data.test, available=available))
    (never,) = set(run.model.modalities) - set(run.model.decoder_sizes)
    with pytest.warns(DataWarning, match=f"'cmmd' does not generate '{never}'; .* gaps in it stay empty"):
        frame = run.impute(split="test")
    has = available[:, list(run.model.modalities).index(never)].tolist()
    assert frame[names_of(run, never)].notna().all(axis=1).tolist() == has


def test_images_are_left_out_or_refused():
    run = toy_run(toy_data(("vector", "image"), missing=0.3, rows=20))
    with pytest.warns(DataWarning, match="Images have no place in a table and are left out: image"):
        frame = run.impute(split="train", draws=2)
    assert frame.columns.tolist() == names_of(run, "vector")
    assert not frame.isna().any(axis=None)
    with pytest.raises(mmgen.MmgenError, match="All modalities are pictures"):
        toy_run(toy_data(("image",), rows=12)).impute()


def test_too_few_draws_are_refused(run):
    with pytest.raises(mmgen.MmgenError, match="draws 0: there must be at least 1"):
        run.impute(draws=0)
    with pytest.raises(mmgen.MmgenError, match="draws 1: an uncertainty needs at least 2"):
        run.impute(draws=1, uncertainty=True)


# One's own table -------------------------------------------------------------------------------------------------


def own_rows(count, seed, first=0):
    """People of one factor, seen in genes, counts and a ward."""
    draw = np.random.default_rng(seed)
    rows = []
    for i in range(first, first + count):
        factor = draw.normal()
        genes = [f"{1e6 + 3 * factor + 0.3 * draw.normal():.2f}", f"{factor + 0.1 * draw.normal():.3f}"]
        reads = [str(draw.poisson(np.exp(1 + factor))) for _ in range(2)]
        rows.append([f"r{i}", *genes, *reads, "east" if factor > 0 else "west", "0" if factor > 0 else "1"])
    return rows


HEADER = ["name", "g0", "g1", "c0", "c1", "ward", "smoker"]


def write(path: Path, rows) -> Path:
    with path.open("w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows([HEADER, *rows])
    return path


@pytest.fixture(scope="module")
def own(tmp_path_factory):
    """The folder of a run on 300 such people, of whom some lack something, and the rows."""
    folder = tmp_path_factory.mktemp("own")
    rows = own_rows(300, 0)
    for i in range(0, 300, 5):
        rows[i][1:3] = "", ""
    for i in range(1, 300, 5):
        rows[i][3] = ""
    for i in range(2, 300, 10):
        rows[i][5] = ""
    write(folder / "my.csv", rows)
    data = mmgen.load_dataset(
        "table",
        path=str(folder / "my.csv"),
        id="name",
        modalities={
            "genes": {"columns": ["g0", "g1"], "kind": "vector", "hidden": [16]},
            "reads": {"columns": ["c0", "c1"], "kind": "counts", "hidden": [16]},
            "ward": {"columns": "ward", "kind": "labels", "hidden": [8]},
            "habits": {"columns": "smoker", "kind": "tags", "hidden": [8]},
        },
    )
    model = mmgen.MultimodalVAE.create("mvtcae", data, latent_dim=2)
    mmgen.Trainer(epochs=60, batch_size=64, learning_rate=5e-3).fit(model, data, output=str(folder / "run"))
    return folder / "run", rows


def opened(run, path, **more):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DataWarning)
        found = mmgen.load_run(run, dataset={"path": str(path), **more})
        _ = found.data
    return found


def test_the_table_again_in_its_own_order(own):
    run, rows = own
    frame = mmgen.load_run(run).impute()
    assert frame.index.name == "name"
    assert frame.index.tolist() == [row[0] for row in rows]
    assert frame.columns.tolist() == HEADER[1:]
    assert not frame.isna().any(axis=None)
    for row, found in zip(rows, frame.itertuples(index=False), strict=True):
        for cell, number in zip(row[1:5], found[:4], strict=True):
            assert cell == "" or float(cell) == number
        assert row[5] in ("", found[4])
        assert found[4] in ("east", "west")


def test_new_rows_are_filled_in_any_order_better_than_by_the_mean(own, tmp_path):
    run, known = own
    truth = own_rows(200, 1, 1000)
    rows = [[*row] for row in truth]
    for i, row in enumerate(rows):
        hidden = {0: (1, 2), 1: (2,), 2: (3, 4), 3: (5,)}[i % 4]
        for place in hidden:
            row[place] = ""
    frame = opened(run, write(tmp_path / "new.csv", rows)).impute()
    turned = opened(run, write(tmp_path / "turned.csv", rows[::-1])).impute()
    assert turned.index.tolist() == frame.index.tolist()[::-1]
    assert turned["g1"].to_numpy()[::-1] == pytest.approx(frame["g1"].to_numpy(), abs=0.5)
    for column in ("g0", "g1", "c1"):
        place = HEADER.index(column)
        hidden = [i for i, row in enumerate(rows) if row[place] == ""]
        expected = np.array([float(truth[i][place]) for i in hidden])
        mean = np.mean([float(row[place]) for row in known if row[place] != ""])
        error, usual = ((frame[column].to_numpy()[hidden] - expected) ** 2).mean(), ((mean - expected) ** 2).mean()
        assert error < 0.5 * usual, column
    hidden = [i for i, row in enumerate(rows) if row[5] == ""]
    right = np.mean([frame["ward"].iloc[i] == truth[i][5] for i in hidden])
    assert right > 0.8


def test_a_modality_that_a_file_lacks_and_an_unknown_category_are_filled(own, tmp_path):
    run, _ = own
    rows = own_rows(6, 2, 2000)
    rows[2][5] = "north"
    path = write(tmp_path / "new.csv", rows)
    with pytest.raises(mmgen.DataError, match="north"):
        opened(run, path)
    frame = opened(run, path, unknown="missing").impute(mask=True)
    assert frame["ward_imputed"].tolist() == [0, 0, 1, 0, 0, 0]
    assert frame["ward"].isin(["east", "west"]).all()
    pd.read_csv(path, dtype=str)[["name", "c0", "c1"]].to_csv(tmp_path / "part.csv", index=False)
    part = opened(run, tmp_path / "part.csv").impute()
    assert part.columns.tolist() == ["c0", "c1", "g0", "g1", "ward", "smoker"], "what the file lacks follows"
    assert not part.isna().any(axis=None)


def test_names_that_two_modalities_have_are_told_apart():
    data = toy_data(("vector", "counts"), missing=0.2, rows=12)
    columns = {"vector": ("a", "b", "c", "d", "row"), "counts": ("a", "b", "row", "y")}
    changed = {
        name: modality.model_copy(update={"columns": columns[name]}) for name, modality in data.modalities.items()
    }
    imputation = toy_run(replace(data, modalities=changed)).imputation()
    names = ["row", "a", "b", "c", "d", "vector_row", "counts_a", "counts_b", "counts_row", "y"]
    assert imputation.frame().columns.tolist() == names


def test_columns_of_different_types_are_filled_by_type(tmp_path):
    rows = [[row[2], row[3], row[5], row[6], row[1]] for row in own_rows(80, 0)]
    for i in range(0, 80, 4):
        rows[i][i // 4 % 4] = ""
    with (tmp_path / "clinic.csv").open("w", newline="") as file:
        csv.writer(file).writerows([["score", "reads", "ward", "smoker", "gene"], *rows])
    modalities = {
        "clinic": {"columns": ["score", "reads", "ward", "smoker"], "kind": "mixed", "hidden": [8]},
        "gene": {"columns": "gene", "kind": "vector", "hidden": [8]},
    }
    data = mmgen.load_dataset("table", path=str(tmp_path / "clinic.csv"), modalities=modalities)
    frame = toy_run(data).impute(uncertainty=True, mask=True, draws=20)
    assert not frame[["score", "reads", "ward", "smoker", "gene"]].isna().any(axis=None)
    assert set(frame["ward"]) <= {"east", "west"}
    assert {"score_sd", "reads_q95"} <= set(frame.columns)
    assert not {"ward_sd", "smoker_sd"} & set(frame.columns)
    for i, row in enumerate(rows):
        for cell, found in zip(row, frame.iloc[i][["score", "reads", "ward", "smoker", "gene"]], strict=True):
            assert cell in ("", found) or float(cell) == found
