"""Cells as rows: every layout of the official packages, in files and in memory, gives the same data."""

from __future__ import annotations

import anndata
import h5py
import mudata
import numpy as np
import pandas as pd
import pytest
import scipy.sparse
from anndata import AnnData

import mmgen
from mmgen import DataError, Reading, Sparse
from mmgen.errors import DataWarning
from mmgen_plugin_scverse.annotated import MANY
from mmgen_plugin_scverse.files import H5adFile, H5muFile, ZarrFolder
from mmgen_plugin_scverse.objects import joined, write_object

CELLS = 90
KINDS = ("B", "NK", "T")


def rows_of(data, name="cells"):
    """The values of all cells, in the order of their names in the object."""
    return data.split("all").data[name][:].numpy()


def note_of(data):
    return " ".join(data.notes)


@pytest.mark.parametrize(
    "form",
    [
        scipy.sparse.csr_matrix,
        scipy.sparse.csc_matrix,
        scipy.sparse.csr_array,
        scipy.sparse.csc_array,
        lambda values: values.toarray(),
        lambda values: values.toarray().astype(np.int64),
        lambda values: scipy.sparse.csc_matrix(values.astype(np.uint16)),
    ],
)
@pytest.mark.parametrize("ending", ["h5ad", "zarr", "memory"])
def test_every_way_to_store_counts_is_the_same_data(form, ending, cells, tmp_path):
    expected = cells.X.toarray()
    cells.X = form(cells.X)
    if ending == "memory":
        data = mmgen.load_dataset(cells, label="cell_type")
    else:
        write_object(cells, tmp_path / f"cells.{ending}")
        data = mmgen.load_dataset("table", path=str(tmp_path / f"cells.{ending}"), label="cell_type")
    table = data.split("all")
    assert np.array_equal(rows_of(data), expected)
    assert isinstance(table.data["cells"], Sparse) == scipy.sparse.issparse(cells.X)
    assert table.identity.ids.tolist() == cells.obs_names.tolist()
    assert data.labels == {"cell_type": KINDS}
    modality = data.modalities["cells"]
    assert isinstance(modality, mmgen.CountsModality)
    assert modality.columns == tuple(cells.var_names)
    assert modality.likelihood.model_dump() == {"name": "negative-binomial", "offset": "none"}


@pytest.mark.parametrize(("count", "offset"), [(MANY - 1, "none"), (MANY, "total")])
def test_totals_of_small_panels_are_no_size_factors(count, offset):
    values = np.random.default_rng(0).poisson(2, (60, count)).astype(np.float32)
    (modality,) = mmgen.load_dataset(AnnData(scipy.sparse.csr_matrix(values))).modalities.values()
    assert modality.likelihood.model_dump() == {"name": "negative-binomial", "offset": offset}


def test_a_view_and_a_backed_object(cells, tmp_path):
    write_object(cells, tmp_path / "cells.h5ad")
    expected = cells.X.toarray()
    view = cells[10:50, ::2]
    assert np.array_equal(rows_of(mmgen.load_dataset(view)), expected[10:50, ::2])
    backed = anndata.read_h5ad(tmp_path / "cells.h5ad", backed="r")
    assert np.array_equal(rows_of(mmgen.load_dataset(backed)), expected)
    backed.file.close()


def test_kinds_by_their_values(cells):
    assert isinstance(mmgen.load_dataset(cells).modalities["cells"], mmgen.CountsModality)
    logs = AnnData(cells.X.log1p(), cells.obs, cells.var)
    data = mmgen.load_dataset(logs)
    assert isinstance(data.modalities["cells"], mmgen.VectorModality)
    assert isinstance(data.train.data["cells"], Sparse)
    assert isinstance(mmgen.load_dataset(AnnData(cells.X > 0, cells.obs)).modalities["cells"], mmgen.TagsModality)
    data = mmgen.load_dataset(cells, modalities={"cells": {"kind": "vector", "hidden": [8]}})
    assert isinstance(data.modalities["cells"], mmgen.VectorModality)
    assert data.modalities["cells"].hidden == (8,)


def test_the_layer_of_counts_is_taken_where_x_has_none(cells):
    both = AnnData(cells.X.log1p(), cells.obs, cells.var, layers={"counts": cells.X})
    data = mmgen.load_dataset(both)
    assert np.array_equal(rows_of(data), cells.X.toarray())
    assert "the layer 'counts' does; the layer is taken" in note_of(data)
    lone = AnnData(None, cells.obs, cells.var, layers={"counts": cells.X})
    assert np.array_equal(rows_of(mmgen.load_dataset(lone)), cells.X.toarray())


def test_matrices_columns_and_variables_by_name(cells, tmp_path):
    cells.layers["logs"] = cells.X.log1p()
    cells.obsm["X_pca"] = np.arange(2.0 * CELLS).reshape(CELLS, 2)
    cells.raw = cells.copy()
    write_object(cells, tmp_path / "cells.h5ad")
    described = {
        "logs": {"kind": "vector", "array": "layers/logs"},
        "pca": {"kind": "vector", "array": "obsm/X_pca"},
        "few": {"kind": "counts", "columns": ["G3", "G1"], "likelihood": "poisson"},
        "age": {"kind": "vector", "columns": "age"},
        "raw": {"kind": "counts", "array": "raw/X"},
    }
    for source in ({"path": str(tmp_path / "cells.h5ad")}, None):
        given = "table" if source else cells
        data = mmgen.load_dataset(given, label="cell_type", group="donor", modalities=described, **(source or {}))
        assert np.allclose(rows_of(data, "logs"), np.log1p(cells.X.toarray()))
        assert np.array_equal(rows_of(data, "pca"), cells.obsm["X_pca"])
        assert np.array_equal(rows_of(data, "few"), cells.X.toarray()[:, [3, 1]])
        assert data.modalities["few"].columns == ("G3", "G1")
        assert np.allclose(rows_of(data, "age")[:, 0], cells.obs["age"])
        assert np.array_equal(rows_of(data, "raw"), cells.X.toarray())
        assert isinstance(data.train.data["few"], Sparse)
        groups = [set(side.groups.tolist()) for side in (data.train, data.val, data.test)]
        assert not groups[0] & groups[1]
        assert not groups[0] & groups[2]


def test_covariates_are_columns_of_obs(cells):
    data = mmgen.load_dataset(cells, label="cell_type", covariates=["donor", "age"])
    assert set(data.covariates) == {"donor", "age"}
    assert data.covariates["age"] == ()


def test_a_pattern_means_variables_and_not_matrices(cells):
    data = mmgen.load_dataset(cells, modalities={"genes": {"kind": "counts", "columns": "G1*"}})
    assert data.modalities["genes"].columns == ("G1", *(f"G1{i}" for i in range(10)))


@pytest.mark.parametrize("ending", ["h5mu", "zarr", "memory"])
def test_the_union_of_cells(ending, several, tmp_path, make_cells):
    whole = make_cells()
    if ending == "memory":
        data = mmgen.load_dataset(several, label="cell_type")
    else:
        write_object(several, tmp_path / f"cells.{ending}")
        data = mmgen.load_dataset("table", path=str(tmp_path / f"cells.{ending}"), label="cell_type")
    table = data.split("all")
    ids = table.identity.ids.tolist()
    assert sorted(ids) == sorted(whole["rna"].obs_names)
    assert list(data.modalities) == ["rna", "atac", "prot"]
    assert isinstance(data.modalities["atac"], mmgen.TagsModality)
    for m, (name, mod) in enumerate(several.mod.items()):
        assert [word for word, has in zip(ids, table.available[:, m], strict=True) if has] == [
            word for word in ids if word in mod.obs_names
        ]
        expected = whole[name][ids].X
        expected = expected.toarray() if scipy.sparse.issparse(expected) else expected
        expected = np.where(table.available[:, m, None], expected, 0)
        assert np.array_equal(table.data[name][:].numpy(), expected)
        assert data.modalities[name].columns == tuple(mod.var_names)
    codes = [KINDS[code] for code in table.labels["cell_type"].tolist()]
    assert codes == whole["rna"][ids].obs["cell_type"].tolist()
    assert "20 of 90 rows have none of it" in note_of(data)


def test_columns_of_obs_with_the_name_of_their_modality(several):
    several["rna"].obs["batch"] = [f"b{i % 2}" for i in range(several["rna"].n_obs)]
    several["atac"].obs["batch"] = "another"
    several.obs["site"] = [f"s{i % 2}" for i in range(several.n_obs)]
    data = mmgen.load_dataset(several, label="rna:batch")
    assert data.labels == {"rna:batch": ("b0", "b1")}
    assert int((data.split("all").labels["rna:batch"] < 0).sum()) == 20
    assert mmgen.load_dataset(several, label="site").labels == {"site": ("s0", "s1")}
    with pytest.raises(DataError, match="has no column 'batch'"):
        mmgen.load_dataset(several, label="batch")


def test_columns_that_mudata_pulled(several):
    with mudata.set_options(pull_on_update=True):
        pulled = type(several)(dict(several.mod))
    assert "rna:cell_type" in pulled.obs
    for label in ("rna:cell_type", "cell_type"):
        assert mmgen.load_dataset(pulled, label=label).labels == {label: KINDS}


def test_types_of_variables_of_a_10x_file(tmp_path, make_cells):
    whole = make_cells()
    values = scipy.sparse.hstack([mod.X for mod in whole.values()], format="csr").tolil()
    values[:5, 70:] = 0  # five cells in which no antibody was counted
    types = ["Gene Expression"] * 40 + ["Peaks"] * 30 + ["Antibody Capture"] * 6
    names = [name for mod in whole.values() for name in mod.var_names]
    cells = AnnData(values.tocsr(), whole["rna"].obs, pd.DataFrame({"feature_types": types}, index=names))
    write_object(cells, tmp_path / "multi.h5ad")
    for data in (
        mmgen.load_dataset(cells, label="cell_type"),
        mmgen.load_dataset("table", path=str(tmp_path / "multi.h5ad"), label="cell_type"),
    ):
        assert list(data.modalities) == ["rna", "atac", "prot"]
        assert data.modalities["prot"].columns == tuple(whole["prot"].var_names)
        assert np.array_equal(rows_of(data, "rna"), whole["rna"].X.toarray())
        assert (~data.split("all").available[:, 2]).nonzero().flatten().tolist() == [0, 1, 2, 3, 4]
        assert "without a single count of a type of variables lacks that modality" in note_of(data)


def test_fields_beside_what_the_file_says(several, tmp_path):
    write_object(several, tmp_path / "cells.h5mu")
    path = str(tmp_path / "cells.h5mu")
    data = mmgen.load_dataset("table", path=path, modalities={"rna": {"hidden": [16]}})
    assert list(data.modalities) == ["rna", "atac", "prot"]
    assert data.modalities["rna"].hidden == (16,)
    only = {"rna": {"array": "rna/X"}, "prot": {"array": "prot/X", "kind": "vector"}}
    data = mmgen.load_dataset("table", path=path, modalities=only)
    assert [type(modality).__name__ for modality in data.modalities.values()] == ["CountsModality", "VectorModality"]
    with pytest.raises(DataError, match="has no modality of this name; it has rna, atac, prot"):
        mmgen.load_dataset("table", path=path, modalities={"rns": {"hidden": [16]}})


def test_empty_cells_and_values_that_are_not_there(cells):
    values = cells.X.toarray()
    values[3] = 0
    zeros = mmgen.load_dataset(AnnData(scipy.sparse.csr_matrix(values), cells.obs, cells.var))
    assert zeros.split("all").available.all()
    values[4] = np.nan
    values[5, 2] = np.nan
    data = mmgen.load_dataset(AnnData(values, cells.obs, cells.var), label="cell_type")
    table = data.split("all")
    assert len(table) == CELLS - 1  # a cell without any value has no modality
    assert data.modalities["cells"].missing == "cell"
    assert int((~table.observed["cells"]).sum()) == 1


def test_sizes_of_wide_networks():
    wide = AnnData(scipy.sparse.csr_matrix(np.random.default_rng(0).poisson(0.1, (30, 1200)).astype(np.float32)))
    assert mmgen.load_dataset(wide).modalities["cells"].hidden == (128,)


def test_nothing_is_made_dense(cells, monkeypatch):
    for kind in (scipy.sparse.csr_array, scipy.sparse.csr_matrix, scipy.sparse.csc_matrix):
        for form in ("toarray", "todense"):
            monkeypatch.setattr(kind, form, lambda self, **_: pytest.fail("the matrix was made dense"))
    whole = mmgen.Sparse.__getitem__
    monkeypatch.setattr(
        mmgen.Sparse,
        "__getitem__",
        lambda self, rows: pytest.fail("all rows were made dense") if rows == slice(None) else whole(self, rows),
    )
    data = mmgen.load_dataset(cells, label="cell_type")
    model = mmgen.MultimodalVAE.create("mopoe", data, latent_dim=2)
    mmgen.Trainer(epochs=1, batch_size=16).fit(model, data)


# What cannot be read --------------------------------------------------------------------------------------------------


def refused(data, sentence, **options):
    with pytest.raises(DataError) as error:
        mmgen.load_dataset(data, **options)
    assert sentence in str(error.value)


def test_names_that_are_there_twice(cells):
    cells.var_names = ["G0", "G0", *cells.var_names[2:]]
    refused(cells, "The var_names of the AnnData object hold 'G0' twice")
    cells.var_names = [f"G{i}" for i in range(40)]
    cells.obs_names = ["a", "a", *cells.obs_names[2:]]
    refused(cells, "The obs_names of the AnnData object hold 'a' twice")


def test_values_that_are_no_counts_are_named(cells):
    cells.X = cells.X.toarray() * 1.5
    counts = {"cells": {"kind": "counts"}}
    refused(cells, "in the array 'X' of the AnnData object holds", modalities=counts)
    cells.X = scipy.sparse.csr_matrix(cells.X)
    row, place = next(
        (i, cells.X.indices[k]) for i in range(CELLS) for k in range(*cells.X.indptr[i : i + 2]) if cells.X.data[k] % 1
    )
    refused(cells, f"'G{place}' in the array 'X' of the AnnData object holds", modalities=counts)
    refused(cells, f"in row {row}", modalities=counts)


def test_an_object_without_a_matrix(cells):
    refused(AnnData(None, cells.obs, cells.var), "has no matrix: neither X nor a layer")


def test_labels_that_are_not_there(cells):
    refused(cells, "has no column 'celltype'", label="celltype")


def test_hdf5_that_is_something_else(tmp_path):
    with h5py.File(tmp_path / "other.h5ad", "w") as file:
        file["values"] = np.arange(3)
    with pytest.raises(DataError, match="holds no AnnData or MuData object"):
        H5adFile.open(tmp_path / "other.h5ad", Reading())


def test_an_object_that_no_format_knows():
    refused(object(), "An object of the type object is given as data")


def test_shared_variables_are_no_shared_cells(cells):
    from mudata import MuData, set_options

    with set_options(pull_on_update=False):
        across = MuData({"one": cells[:40].copy(), "two": cells[40:].copy()}, axis=1)
    refused(across, "share variables, and not cells")


def test_both_endings_hold_both_objects(cells, several, tmp_path):
    write_object(several, tmp_path / "m.h5mu")
    (tmp_path / "m.h5mu").rename(tmp_path / "m.h5ad")
    assert len(H5adFile.open(tmp_path / "m.h5ad", Reading()).described()) == 3
    write_object(cells, tmp_path / "c.h5ad")
    (tmp_path / "c.h5ad").rename(tmp_path / "c.h5mu")
    assert list(H5muFile.open(tmp_path / "c.h5mu", Reading()).described()) == ["cells"]
    write_object(several, tmp_path / "m.zarr")
    assert len(ZarrFolder.open(tmp_path / "m.zarr", Reading()).described()) == 3


def test_an_unpaired_object_trains(several):
    apart = joined(
        {"rna": several["rna"][:20].copy(), "prot": several["prot"][several["prot"].obs_names > "cell0_5"].copy()}
    )
    data = mmgen.load_dataset(apart, label="cell_type")
    model = mmgen.MultimodalVAE.create("mopoe", data, latent_dim=2)
    run = mmgen.Trainer(epochs=1).fit(model, data)
    assert len(run.history) == 1


# Several files --------------------------------------------------------------------------------------------------------


def parts_of(cells_by_name, folder):
    """A file for each modality, of other cells and in another order."""
    draw, paths = np.random.default_rng(5), {}
    for name, cells in cells_by_name.items():
        some = cells[np.sort(draw.permutation(len(cells))[: len(cells) - 20])[::-1]].copy()
        paths[name] = folder / f"{name}.h5ad"
        write_object(some, paths[name])
    return paths


def test_files_of_other_cells_are_joined_and_stay_sparse(make_cells, tmp_path):
    whole = make_cells()
    paths = parts_of({name: whole[name] for name in ("rna", "atac")}, tmp_path)
    options = {name: {"path": str(path)} for name, path in paths.items()}
    data = mmgen.load_dataset("table", label="cell_type", modalities=options)
    table = data.split("all")
    names = table.identity.ids.tolist()
    kept = {name: anndata.read_h5ad(path) for name, path in paths.items()}
    assert set(names) == set(kept["rna"].obs_names) | set(kept["atac"].obs_names)
    assert not table.available.all() and data.labels == {"cell_type": KINDS}
    for m, (name, cells) in enumerate(kept.items()):
        assert isinstance(table.data[name], Sparse)
        place = {cell: row for row, cell in enumerate(cells.obs_names)}
        dense = cells.X.toarray()
        for row, cell in enumerate(names):
            assert bool(table.available[row, m]) == (cell in place)
            expected = dense[place[cell]] if cell in place else np.zeros(cells.n_vars)
            assert np.array_equal(table.data[name][row].numpy(), expected)
    rna = data.modalities["rna"]
    assert rna.columns == tuple(whole["rna"].var_names)
    assert rna.likelihood.model_dump()["name"] == "negative-binomial"
    assert isinstance(data.modalities["atac"], mmgen.TagsModality)


def test_a_table_beside_a_file_that_describes_itself(several, make_cells, tmp_path):
    write_object(several, tmp_path / "cells.h5mu")
    names = several.obs_names.to_numpy(dtype=object)
    frame = pd.DataFrame({"obs_names": names, "size": np.arange(float(len(names)))})
    frame.iloc[::-1].to_csv(tmp_path / "shape.csv", index=False)
    shape = {"path": str(tmp_path / "shape.csv"), "columns": "size"}
    path, said = str(tmp_path / "cells.h5mu"), {"rna": {"hidden": [8]}, "shape": shape}
    data = mmgen.load_dataset("table", path=path, modalities=said)
    assert list(data.modalities) == ["rna", "shape", "atac", "prot"]
    table = data.split("all")
    assert isinstance(table.data["rna"], Sparse) and isinstance(table.data["atac"], Sparse)
    assert data.modalities["rna"].hidden == (8,)
    assert data.modalities["prot"].likelihood.name == "negative-binomial"
    assert isinstance(data.modalities["shape"], mmgen.CountsModality)
    lone = mmgen.load_dataset("table", path=path, modalities={"shape": shape, "G": {"columns": "G*"}})
    assert list(lone.modalities) == ["shape", "G"]
    assert isinstance(lone.split("all").data["G"], Sparse)
    assert lone.modalities["G"].columns == tuple(several.mod["rna"].var_names)
    both = mmgen.load_dataset("table", path=[path, str(tmp_path / "shape.csv")])
    assert list(both.modalities) == ["rna", "atac", "prot"]
    with pytest.raises(DataError, match=r"cells\.h5mu has rna, atac, prot; say which is meant, such as array: rna/X"):
        mmgen.load_dataset("table", modalities={"x": {"path": path}, "shape": shape})


def test_two_files_with_a_modality_of_one_name_are_an_error(make_cells, tmp_path):
    paths = parts_of({name: make_cells()[name] for name in ("rna", "atac")}, tmp_path)
    sentence = r"rna.h5ad, atac.h5ad have a modality 'cells' each; give each modality a file of its own"
    with pytest.raises(DataError, match=sentence):
        mmgen.load_dataset("table", path=[str(path) for path in paths.values()])


def test_a_run_of_several_files_reads_others_and_one_that_has_all(several, make_cells, tmp_path):
    whole = make_cells()
    paths = parts_of({name: whole[name] for name in ("rna", "atac")}, tmp_path)
    options = {"name": "table", "modalities": {name: {"path": str(path)} for name, path in paths.items()}}
    run = mmgen.train("elbo", options, epochs=1, latent_dim=2, output=tmp_path / "run", quiet=True)
    new = make_cells(seed=3, count=30)
    write_object(joined({name: new[name] for name in ("rna", "atac")}), tmp_path / "new.h5mu")
    one = run.on(tmp_path / "new.h5mu").data.split("all")
    assert np.array_equal(one.data["rna"][:].numpy(), new["rna"].X.toarray())
    assert np.array_equal(one.data["atac"][:].numpy(), new["atac"].X.toarray())
    folder = tmp_path / "others"
    folder.mkdir()
    for name in ("rna", "atac"):
        write_object(new[name], folder / f"{name}.h5ad")
    with pytest.warns(DataWarning, match="are joined by obs_names: 30 samples"):
        other = run.on(folder).data.split("all")
    assert isinstance(other.data["rna"], Sparse)
    assert np.array_equal(other.data["rna"][:].numpy(), new["rna"].X.toarray())
