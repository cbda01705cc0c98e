"""Latents and imputed values, in objects and in files."""

from __future__ import annotations

import anndata
import mudata
import numpy as np
import pandas as pd
import pytest
import scipy.sparse

import mmgen
from mmgen.cli.guarded import run_guarded
from mmgen_plugin_scverse import add_imputed, add_latents, write_cells
from mmgen_plugin_scverse.objects import joined, write_object

CELLS = 90

pytestmark = pytest.mark.filterwarnings("ignore::mmgen.errors.DataWarning")
QUICK = {"epochs": 2, "latent_dim": 3, "quiet": True}


def read_h5mu(path):
    with mudata.set_options(pull_on_update=False):
        return mudata.read_h5mu(path)


def command(*words):
    from mmgen.cli.app import app

    return run_guarded(app, list(map(str, words)))


@pytest.fixture
def trained(several, tmp_path):
    """A run on a file of three modalities, and its folder."""
    write_object(several, tmp_path / "cells.h5mu")
    return mmgen.train(
        "mopoe", "table", path=str(tmp_path / "cells.h5mu"), label="cell_type", output=tmp_path / "run", **QUICK
    )


def test_latents_of_the_cells_of_an_object(several):
    run = mmgen.train("mopoe", several, label="cell_type", **QUICK)
    assert add_latents(several, run) is several
    frame = run.encode(split="all")
    latents = frame.loc[several.obs_names, ["z0", "z1", "z2"]].to_numpy()
    assert np.allclose(several.obsm["X_mmgen"], latents)
    assert (several.obsm["X_mmgen_scale"] > 0).all()
    rows = several.obs_names.get_indexer(several["prot"].obs_names)
    assert np.array_equal(several["prot"].obsm["X_mmgen"], several.obsm["X_mmgen"][rows])


def test_latents_of_new_cells_with_variables_in_another_order(cells, make_cells):
    run = mmgen.train("elbo", cells, label="cell_type", **QUICK)
    new = make_cells(seed=3, count=12)["rna"]
    expected = add_latents(new.copy(), run).obsm["X_mmgen"]
    turned = new[:, ::-1].copy()
    assert np.allclose(add_latents(turned, run).obsm["X_mmgen"], expected)
    assert np.allclose(run.encode(new)[["z0", "z1", "z2"]].to_numpy(), expected)
    with pytest.raises(mmgen.DataError, match="lacks G0 of the 40 values"):
        add_latents(new[:, 1:].copy(), run)


def test_one_modality_alone_is_known_by_its_variables(several, make_cells):
    run = mmgen.train("mopoe", several, label="cell_type", **QUICK)
    new = make_cells(seed=3, count=12)["prot"]
    assert np.isfinite(add_latents(new, run).obsm["X_mmgen"]).all()
    assert "imputed" in add_imputed(new, run, draws=2).layers


def test_a_run_on_frames_reads_an_object_by_the_names_of_variables(make_cells):
    whole = make_cells()
    frames = {"genes": whole["rna"].to_df(), "surface": whole["prot"].to_df()}
    run = mmgen.train("mopoe", frames, **QUICK)
    assert np.isfinite(add_latents(make_cells(seed=3, count=12)["rna"], run).obsm["X_mmgen"]).all()


@pytest.mark.parametrize("ending", [".h5mu", ".zarr"])
def test_objects_with_the_strings_of_pandas_are_written_and_read_again(several, tmp_path, ending):
    several.obs["lane"] = ["one", "two"] * (several.n_obs // 2)
    write_cells(several, tmp_path / f"cells{ending}")
    with mudata.set_options(pull_on_update=False):
        again = (mudata.read_h5mu if ending == ".h5mu" else mudata.read_zarr)(tmp_path / f"cells{ending}")
    assert list(again.obs_names) == list(several.obs_names)
    assert list(again.obs["lane"]) == list(several.obs["lane"])
    assert list(again["rna"].obs["donor"]) == list(several["rna"].obs["donor"])


def test_several_modalities_need_a_file_of_several_matrices(several, tmp_path):
    with pytest.raises(mmgen.MmgenError, match="3 modalities need a file of several matrices"):
        write_cells(several, tmp_path / "cells.h5ad")
    with pytest.raises(mmgen.MmgenError, match="ends in none of"):
        write_cells(several, tmp_path / "cells.csv")
    assert not list(tmp_path.iterdir())


def test_cells_without_what_is_given_have_no_latents(several):
    run = mmgen.train("mopoe", several, **QUICK)
    add_latents(several, run, "X_rna", given=["rna"])
    lacking = ~several.obs_names.isin(several["rna"].obs_names)
    assert lacking.any()
    assert np.isnan(several.obsm["X_rna"][lacking]).all()
    assert np.isfinite(several.obsm["X_rna"][~lacking]).all()


def test_imputed_values_are_a_layer_of_every_modality(several):
    run = mmgen.train("mopoe", several, label="cell_type", **QUICK)
    whole = add_imputed(several, run, draws=3)
    for name, mod in several.mod.items():
        complete = whole[name]
        assert complete.n_obs == CELLS
        layer = complete.layers["imputed"]
        layer = layer.toarray() if scipy.sparse.issparse(layer) else layer
        assert np.isfinite(layer).all()
        rows = complete.obs_names.get_indexer(mod.obs_names)
        given = mod.X.toarray() if scipy.sparse.issparse(mod.X) else mod.X
        assert np.array_equal(layer[rows], given)  # what was measured is untouched
        assert complete.obs["measured"].sum() == mod.n_obs
        assert complete.obs["cell_type"].notna().all()
        assert list(complete.var_names) == list(mod.var_names)


def test_files_of_latents(trained, tmp_path, several):
    run = tmp_path / "run"
    assert command("encode", run, "--out", tmp_path / "z.h5mu") == 0
    written = read_h5mu(tmp_path / "z.h5mu")
    assert written.obsm["X_mmgen"].shape == (CELLS, 3)
    assert np.array_equal(written["rna"].X.toarray(), several["rna"].X.toarray())
    assert written["prot"].obs["age"].tolist() == several["prot"].obs["age"].tolist()
    assert command("encode", run, "--split", "test", "--out", tmp_path / "z.h5ad") == 0
    flat = anndata.read_h5ad(tmp_path / "z.h5ad")
    assert flat.n_obs == len(trained.data.test)
    assert np.allclose(flat.obsm["X_mmgen"], written[flat.obs_names].obsm["X_mmgen"])
    assert {"cell_type", "given"} <= set(flat.obs)


def test_categories_that_only_other_modalities_have(several):
    for mod in several.mod.values():
        others = set(mod.obs_names) - set(several["rna"].obs_names)
        assay = ["without rna" if cell in others else "with rna" for cell in mod.obs_names]
        mod.obs["assay"] = pd.Categorical(assay)
    assert list(several["rna"].obs["assay"].cat.categories) == ["with rna"]
    run = mmgen.train("mopoe", several, **QUICK)
    found = add_imputed(several, run, draws=2)["rna"].obs["assay"]
    assert list(found.cat.categories) == ["with rna", "without rna"]
    expected = found.index.isin(several["rna"].obs_names)
    assert np.array_equal(found == "with rna", expected)
    assert found.notna().all()


def test_files_of_imputed_values(trained, tmp_path, capsys):
    run = tmp_path / "run"
    assert command("impute", run, "--draws", "2", "--out", tmp_path / "c.h5mu") == 0
    written = read_h5mu(tmp_path / "c.h5mu")
    assert all("imputed" in mod.layers and mod.n_obs == CELLS for mod in written.mod.values())
    assert command("impute", run, "--draws", "2", "--out", tmp_path / "c.h5ad") == 2
    assert "3 modalities need a file of several matrices" in capsys.readouterr().err
    assert command("impute", run, "--draws", "2", "--out", tmp_path / "c.zarr") == 0
    assert (tmp_path / "c.zarr").is_dir()
    assert not [path for path in tmp_path.iterdir() if path.name.startswith(".")]


def test_new_cells_from_a_file(trained, tmp_path, make_cells):
    new = {name: mod for name, mod in make_cells(seed=3, count=12).items() if name != "atac"}
    write_object(joined(new), tmp_path / "new.h5mu")
    words = ("--data", tmp_path / "new.h5mu", "--out")
    assert command("encode", tmp_path / "run", *words, tmp_path / "z.h5mu") == 0
    assert list(read_h5mu(tmp_path / "z.h5mu").obs_names) == list(new["rna"].obs_names)
    assert command("impute", tmp_path / "run", "--draws", "2", *words, tmp_path / "c.h5mu") == 0
    assert "imputed" in read_h5mu(tmp_path / "c.h5mu")["rna"].layers


def test_an_anndata_file_stays_one(cells, tmp_path):
    cells.layers["logs"] = cells.X.log1p()
    write_object(cells, tmp_path / "cells.h5ad")
    mmgen.train("elbo", "table", path=str(tmp_path / "cells.h5ad"), output=tmp_path / "run", **QUICK)
    assert command("encode", tmp_path / "run", "--out", tmp_path / "z.h5ad") == 0
    written = anndata.read_h5ad(tmp_path / "z.h5ad")
    assert "logs" in written.layers
    assert written.obsm["X_mmgen"].shape == (CELLS, 3)
    assert command("impute", tmp_path / "run", "--draws", "2", "--out", tmp_path / "c.h5ad") == 0
    layer = anndata.read_h5ad(tmp_path / "c.h5ad").layers["imputed"]
    layer = layer.toarray() if scipy.sparse.issparse(layer) else layer
    assert np.array_equal(layer, cells.X.toarray())


def test_rows_that_are_no_cells_can_be_written(tmp_path):
    draw = np.random.default_rng(0)
    (tmp_path / "t.csv").write_text(
        "a,b,c\n"
        + "\n".join(f"{x:.3f},{y:.3f},{z if i % 4 else ''}" for i, (x, y, z) in enumerate(draw.random((40, 3))))
    )
    modalities = {"one": {"kind": "vector", "columns": ["a", "b"]}, "two": {"kind": "vector", "columns": "c"}}
    table = {"name": "table", "path": str(tmp_path / "t.csv"), "modalities": modalities}
    mmgen.train("mopoe", table, output=tmp_path / "run", **QUICK)
    assert command("encode", tmp_path / "run", "--out", tmp_path / "z.h5ad") == 0
    assert anndata.read_h5ad(tmp_path / "z.h5ad").obsm["X_mmgen"].shape == (40, 3)
    assert command("impute", tmp_path / "run", "--draws", "2", "--out", tmp_path / "c.h5mu") == 0
    written = read_h5mu(tmp_path / "c.h5mu")
    assert np.isfinite(written["two"].X).all()
    assert written["two"].layers["was_imputed"].sum() == 10


def test_an_ending_that_nothing_writes(trained, tmp_path, capsys):
    assert command("encode", tmp_path / "run", "--out", tmp_path / "z.docx") == 2
    assert "can be .npz, .parquet, .csv, .h5ad, .h5mu, .zarr" in capsys.readouterr().err
