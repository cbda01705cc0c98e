"""Rows of which only what is not zero is stored: like the tensors that they stand for, in tables and in models."""

import time

import numpy as np
import pytest
import scipy.sparse
import torch
from hypothesis import given
from hypothesis import strategies as st

import mmgen
from mmgen import Sparse, Table
from mmgen.data.identity import content_keys
from mmgen.data.indexed import concatenate, select
from mmgen.data.transforms import Standardise


def matrix(rows=7, width=5, density=0.4, seed=0):
    draw = np.random.default_rng(seed)
    return np.where(draw.random((rows, width)) < density, draw.poisson(4, (rows, width)) + 1, 0).astype(np.float32)


@pytest.fixture
def dense():
    values = matrix()
    values[2] = 0
    return values


@pytest.fixture
def rows(dense):
    return Sparse.of(scipy.sparse.csr_array(dense))


@pytest.mark.parametrize("form", ["csr_array", "csc_array", "coo_array", "csr_matrix", "csc_matrix"])
def test_every_form_of_scipy_becomes_the_same_rows_and_stays_as_it_is(form, dense):
    given = getattr(scipy.sparse, form)(dense)
    assert np.array_equal(Sparse.of(given)[:].numpy(), dense)
    assert np.array_equal(given.toarray(), dense)


def test_what_is_stored_twice_is_summed_and_stored_zeros_go():
    given = scipy.sparse.csr_array(([1.0, 2.0, 0.0, 5.0], [2, 2, 0, 1], [0, 3, 4]), shape=(2, 3))
    rows = Sparse.of(given)
    assert rows[:].tolist() == [[0, 0, 3], [0, 5, 0]]
    assert len(rows.values) == 2
    assert given.nnz == 4


def test_it_is_like_the_tensor_that_it_stands_for(rows, dense):
    whole = torch.from_numpy(dense)
    assert (len(rows), rows.shape, rows.dtype, rows.is_floating_point()) == (7, whole.shape, torch.float32, True)
    for index in (slice(None), slice(1, 4), slice(0, 0), torch.tensor([4, 0]), [2, 2], torch.arange(7) % 2 == 0):
        picked = torch.as_tensor(index) if isinstance(index, list) else index
        assert torch.equal(rows[index], whole[picked])
        if not isinstance(index, list):
            assert torch.equal(rows.select(index)[:], whole[picked])
    assert torch.equal(rows[3], whole[3])
    assert torch.equal(torch.cat(list(rows.blocks())), whole)


def test_rows_may_have_any_shape():
    values = matrix(4, 6).reshape(4, 2, 3)
    rows = Sparse.of(scipy.sparse.csr_array(values.reshape(4, 6)), (2, 3))
    assert rows.shape == (4, 2, 3)
    assert torch.equal(rows[[3, 1]], torch.from_numpy(values)[[3, 1]])
    assert rows.sums().shape == (2, 3)


@given(st.integers(0, 6), st.integers(1, 5), st.integers(0, 1000))
def test_sums_and_moments_are_those_of_the_dense_rows(count, width, seed):
    values = matrix(count, width, seed=seed)
    rows = Sparse.of(scipy.sparse.csr_array(values))
    exact = values.astype(np.float64)
    assert np.allclose(rows.totals(), exact.sum(1))
    assert np.allclose(rows.sums(), exact.sum(0))
    if count:
        mean, scale = rows.moments()
        assert np.allclose(mean, exact.mean(0))
        assert np.allclose(scale, exact.std(0))


def test_standardising_learns_from_moments_what_it_learns_from_rows(rows, dense):
    both = [Standardise((5,)), Standardise((5,))]
    both[0].fit(torch.from_numpy(dense))
    assert both[1].fit_moments(*rows.moments())
    assert torch.allclose(both[0].mean, both[1].mean)
    assert torch.allclose(both[0].scale, both[1].scale)


@pytest.mark.parametrize("name", ["poisson", "negative-binomial"])
def test_counts_learn_from_sums_what_they_learn_from_rows(name, rows, dense):
    both = [mmgen.data.make_likelihood(name, (5,), offset="total") for _ in range(2)]
    both[0].fit(torch.from_numpy(dense))
    assert both[1].fit_sums(rows.totals(), rows.sums())
    assert both[0].usual_log_total == both[1].usual_log_total != 0
    assert torch.equal(both[0].usual_share, both[1].usual_share)


def test_parts_are_put_together_and_selected(rows, dense):
    both = concatenate([rows, rows.select(torch.tensor([6, 0]))])
    assert isinstance(both, Sparse)
    assert np.array_equal(both[:].numpy(), np.concatenate([dense, dense[[6, 0]]]))
    assert isinstance(select(rows, torch.tensor([1])), Sparse)
    assert torch.equal(concatenate([rows, torch.from_numpy(dense)]), torch.from_numpy(np.tile(dense, (2, 1))))


def test_a_table_is_saved_sparse_gathered_and_opened(rows, dense, tmp_path):
    table = Table.of({"rna": rows, "caption": torch.arange(7.0)[:, None]})
    table.save(tmp_path / "t.safetensors")
    again = Table.open(tmp_path / "t.safetensors")
    assert isinstance(again.data["rna"], Sparse)
    assert list(again.data) == ["rna", "caption"]
    for each in (table, again, table.to("cpu"), Table.concatenate([again.select(torch.arange(3)), again])):
        batch = each[torch.tensor([-1, 2])]
        assert torch.equal(batch.data["rna"], torch.from_numpy(dense)[[-1, 2]])
    assert table.nbytes == rows.values.numel() * 8 + 8 * 8 + 2 * 8 + 7 * 4


def test_rows_have_the_keys_that_they_have_when_they_are_dense(rows, dense):
    others = {"b": np.arange(7, dtype=np.float32)[:, None]}
    available = np.ones((7, 2), dtype=bool)
    available[1, 0] = False
    keys = [content_keys({"a": values, **others}, available) for values in (rows, dense)]
    assert torch.equal(*keys)
    assert keys[0][1, 0] == 0 and len(keys[0].unique()) == 14


def test_a_model_learns_the_same_statistics_and_gives_the_same_as_of_dense_rows(dense):
    both = []
    for sparse in (False, True):
        big = matrix(60, 12, seed=3)
        values = Sparse.of(scipy.sparse.csr_array(big)) if sparse else torch.from_numpy(big)

        class Cells(mmgen.Dataset):
            def modalities(self):
                return {
                    "rna": mmgen.CountsModality(
                        shape=(12,), hidden=(8,), likelihood={"name": "negative-binomial", "offset": "total"}
                    ),
                    "logs": mmgen.VectorModality(shape=(12,), hidden=(8,)),
                }

            def splits(self, values=values):
                table = Table.of({"rna": values, "logs": values})
                sides = mmgen.split_rows(60, test=0.2, val=0.1, seed=0)
                tables = [table.select(torch.from_numpy(index)) for index in sides.values()]
                return mmgen.Splits(*tables, mmgen.Provenance("simulated", "noise"))

            @classmethod
            def toy(cls):
                return cls()

        data = mmgen.load_dataset(Cells)
        assert isinstance(data.train.data["rna"], Sparse) is sparse
        model = mmgen.MultimodalVAE.create("mopoe", data, latent_dim=2)
        run = mmgen.Trainer(epochs=2, seed=0).fit(model, data)
        both.append((run.model.state_dict(), run.measurements(metrics=["reconstruction"])))
    for name, values in both[0][0].items():
        assert torch.allclose(values, both[1][0][name], atol=1e-6), name
    first, second = ([row["value"] for row in rows] for _, rows in both)
    assert first == pytest.approx(second, rel=1e-4)


def test_a_batch_of_wide_rows_is_gathered_in_milliseconds():
    wide = scipy.sparse.random_array((500, 30_000), density=0.05, format="csr", rng=np.random.default_rng(0))
    rows = Sparse.of(wide)
    index = torch.randperm(500)[:128]
    rows[index]
    took = []
    for _ in range(5):
        start = time.perf_counter()
        rows[index]
        took.append(time.perf_counter() - start)
    assert min(took) < 0.2  # 5 ms on an idle core


def cells(rows=80, width=200, seed=0):
    draw = np.random.default_rng(seed)
    return scipy.sparse.csr_array(draw.poisson(0.1, (rows, width)).astype(np.float32))


def test_a_matrix_in_memory_stays_sparse(monkeypatch):
    counts = cells()
    for form in ("toarray", "todense"):
        monkeypatch.setattr(scipy.sparse.csr_array, form, lambda self, **_: pytest.fail("the matrix was made dense"))
    data = mmgen.load_dataset({"rna": counts, "logs": counts.log1p(), "open": (counts > 0)})
    kinds = [type(modality).__name__ for modality in data.modalities.values()]
    assert kinds == ["CountsModality", "VectorModality", "TagsModality"]
    assert all(isinstance(rows, Sparse) for rows in data.train.data.values())
    model = mmgen.MultimodalVAE.create("mopoe", data, latent_dim=2)
    mmgen.Trainer(epochs=1).fit(model, data)


def test_a_sparse_and_a_dense_matrix_are_the_same_data():
    counts = cells()
    first, second = (
        mmgen.load_dataset({"rna": values, "logs": np.log1p(counts.toarray())}) for values in (counts, counts.toarray())
    )
    assert torch.equal(first.split("all").data["rna"][:], second.split("all").data["rna"][:])
    assert torch.equal(first.train.identity.content, second.train.identity.content)


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        (-2.0, "the array 'rna' of data['rna'] holds -2 in row 3"),
        (2.5, "holds 2.5 in row 3"),
        (np.inf, "not a finite number"),
        (1e300, "too large"),
    ],
)
def test_a_value_that_is_none_of_its_kind_is_named(change, sentence):
    counts = cells().astype(np.float64)
    counts.data[counts.indptr[3]] = change
    with pytest.raises(mmgen.DataError) as error:
        mmgen.load_dataset({"rna": counts}, modalities={"rna": {"kind": "counts"}})
    assert sentence in str(error.value)


def test_nan_makes_cells_missing_as_in_a_dense_matrix():
    counts = cells()
    counts.data[counts.indptr[3]] = np.nan
    data = mmgen.load_dataset({"rna": counts})
    assert data.modalities["rna"].missing == "cell"
    assert int((~data.split("all").observed["rna"]).sum()) == 1


def test_a_run_reads_a_file_without_one_of_its_sparse_modalities(tmp_path):
    counts = cells()
    logs = np.log1p(counts[:, :3].toarray()) + 0.1
    run = mmgen.train("mopoe", {"rna": counts, "logs": logs}, output=tmp_path / "run", epochs=1, latent_dim=2)
    with pytest.warns(mmgen.errors.DataWarning, match="5 rows"):
        rows = mmgen.load_run(run.path, dataset={"logs": logs[:5]}).data.split("all")
    assert isinstance(rows.data["rna"], Sparse)
    assert not rows.available[:, 0].any()


def test_a_likelihood_set_anew_is_checked_in_blocks():
    data = mmgen.load_dataset({"logs": cells().log1p()})
    with pytest.raises(mmgen.DataError, match="holds 0 in training row 0"):
        mmgen.MultimodalVAE.create("mopoe", data, latent_dim=2, modalities={"logs": {"likelihood": "log-normal"}})


@pytest.mark.parametrize("form", ["csr_array", "csc_array", "csr_matrix"])
def test_a_file_that_scipy_wrote_stays_sparse(form, tmp_path):
    counts = cells()
    scipy.sparse.save_npz(tmp_path / "my.npz", getattr(scipy.sparse, form)(counts))
    path = str(tmp_path / "my.npz")
    data = mmgen.load_dataset("table", path=path, modalities={"rna": {"kind": "counts", "array": "matrix"}})
    assert isinstance(data.train.data["rna"], Sparse)
    assert np.array_equal(data.split("all").data["rna"][:].numpy(), counts.toarray())


@pytest.mark.parametrize(
    "change",
    [
        {"indices": np.full(3, 9)},
        {"indptr": np.array([0, 3, 1, 3])},
        {"indptr": np.array([0, 3])},
        {"format": np.array(b"coo")},
        {"format": np.array(7)},
    ],
)
def test_a_damaged_matrix_of_scipy_is_a_sentence(change, tmp_path):
    parts = {"data": np.ones(3), "indices": np.zeros(3, np.int32), "indptr": np.arange(4), "shape": np.array([3, 2])}
    np.savez(tmp_path / "my.npz", **{**parts, "format": np.array(b"csr"), **change})
    modalities = {"rna": {"kind": "counts", "array": "matrix"}}
    with pytest.raises(mmgen.DataError, match=r"The sparse matrix of .*my.npz cannot be read"):
        mmgen.load_dataset("table", path=str(tmp_path / "my.npz"), modalities=modalities)
