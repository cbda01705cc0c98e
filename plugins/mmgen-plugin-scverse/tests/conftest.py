"""Cells of known kinds, in one and in three modalities."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
import scipy.sparse
from anndata import AnnData

from mmgen_plugin_scverse.objects import joined

KINDS = ("B", "NK", "T")
CELLS = 90


def made(seed: int = 0, count: int = CELLS) -> dict[str, AnnData]:
    """All cells in three modalities: 40 genes, 30 peaks of which each is open or not, 6 proteins."""
    draw = np.random.default_rng(seed)
    kind = np.arange(count) % 3
    levels = np.random.default_rng(7)
    depth = np.exp(draw.normal(0, 0.3, (count, 1)))
    names = [f"cell{seed}_{i}" for i in range(count)]
    obs = pd.DataFrame(
        {
            "cell_type": pd.Categorical(np.array(KINDS)[kind]),
            "donor": [f"d{i % 9}" for i in range(count)],
            "age": draw.normal(50, 9, count),
        },
        index=names,
    )
    genes = draw.poisson(depth * np.exp(levels.normal(0, 1, (3, 40)))[kind]).astype(np.float32)
    peaks = (draw.random((count, 30)) < levels.random((3, 30))[kind] / 2).astype(np.float32)
    proteins = draw.poisson(20 * np.exp(levels.normal(0, 1, (3, 6)))[kind]).astype(np.float32)
    return {
        "rna": AnnData(scipy.sparse.csr_matrix(genes), obs.copy(), _variables("G", 40)),
        "atac": AnnData(scipy.sparse.csr_matrix(peaks), obs.copy(), _variables("P", 30)),
        "prot": AnnData(proteins, obs.copy(), _variables("CD", 6)),
    }


def _variables(letters: str, count: int) -> pd.DataFrame:
    return pd.DataFrame(index=[f"{letters}{i}" for i in range(count)])


@pytest.fixture(scope="session")
def make_cells():
    """Makes all cells in three modalities."""
    return made


@pytest.fixture
def cells():
    """An AnnData object of genes."""
    return made()["rna"]


@pytest.fixture
def several():
    """A MuData object in which no modality has all cells."""
    whole = made()
    return joined(
        {"rna": whole["rna"][:70].copy(), "atac": whole["atac"][20:].copy(), "prot": whole["prot"][::2].copy()}
    )
