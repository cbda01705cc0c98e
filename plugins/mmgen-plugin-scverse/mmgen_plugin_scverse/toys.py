"""Small objects, for contracts."""

from __future__ import annotations

import numpy as np
import pandas as pd
import scipy.sparse
from anndata import AnnData
from mudata import MuData

from .objects import joined


def toy_cells() -> AnnData:
    """Eight cells of five genes, sparse."""
    draw = np.random.default_rng(0)
    cells = pd.DataFrame(
        {"cell_type": pd.Categorical(["b", "t"] * 4), "depth": np.arange(8) / 4}, index=[f"cell{i}" for i in range(8)]
    )
    genes = pd.DataFrame(index=[f"gene{i}" for i in range(5)])
    return AnnData(scipy.sparse.csr_matrix(draw.poisson(2, (8, 5)).astype(np.float32)), cells, genes)


def toy_several() -> MuData:
    """Eight cells, of which six have genes and six peaks."""
    peaks = toy_cells()[2:].copy()
    peaks.var_names = [f"peak{i}" for i in range(5)]
    return joined({"rna": toy_cells()[:6].copy(), "atac": peaks})
