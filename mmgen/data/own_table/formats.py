"""The formats of files: those that are read, and for others what they are and how they become one that is."""

from __future__ import annotations

from ...registry import entries, local_entries

TEXT_ENDINGS = (".csv", ".tsv", ".txt")

_TO_CSV = "write adata.to_df().join(adata.obs).to_csv('data.csv')"
_ANNDATA = f"{_TO_CSV}, or its arrays with numpy.savez('data.npz', genes=adata.X.toarray(), …)"
_MATLAB = "writetable(t, 'data.csv'), or in Python numpy.savez('data.npz', genes=scipy.io.loadmat('FILE')['genes'])"
_SHEETS = "save the sheet as CSV in UTF-8, or write pandas.read_excel('FILE').to_csv('data.csv', index=False)"
_PACKED = "unpack it, and name the file that was in it"
_PICKLED = "it may run code when it is opened and is never read; write its arrays with numpy.savez('data.npz', genes=…)"
CONVERSIONS = {
    ".loom": f"a Loom file: open it with anndata.read_loom, and {_ANNDATA}",
    **dict.fromkeys((".xlsx", ".xls", ".xlsm", ".ods"), f"a workbook: {_SHEETS}"),
    **dict.fromkeys((".rds", ".rda", ".rdata"), "R's own format: in R, write.csv(data, 'data.csv', row.names = FALSE)"),
    ".mat": f"Matlab's own format: {_MATLAB}",
    ".feather": "a Feather file: write pandas.read_feather('FILE').to_parquet('data.parquet')",
    ".orc": "an ORC file: write pandas.read_orc('FILE').to_parquet('data.parquet')",
    **dict.fromkeys((".zip", ".gz", ".bz2", ".xz", ".zst", ".tar", ".tgz", ".7z"), f"packed: {_PACKED}"),
    **dict.fromkeys((".pkl", ".pickle", ".pt", ".pth", ".joblib"), f"a pickle: {_PICKLED}"),
    ".npy": "a single array without a name: write numpy.savez('data.npz', genes=numpy.load('FILE'))",
    **dict.fromkeys(
        (".h5", ".hdf5", ".nc"),
        "HDF5: write numpy.savez('data.npz', genes=file['genes'][:], …) of what h5py.File gives",
    ),
    ".sav": "SPSS's own format: write pandas.read_spss('FILE').to_parquet('data.parquet')",
    ".dta": "Stata's own format: write pandas.read_stata('FILE').to_parquet('data.parquet')",
    ".sas7bdat": "SAS's own format: write pandas.read_sas('FILE').to_parquet('data.parquet')",
}  # what no installed format reads


def file_endings() -> tuple[str, ...]:
    """The endings of the formats that are installed or registered, with their points; nothing is imported."""
    return tuple(dict.fromkeys(f".{entry.name}" for entry in (*entries("formats"), *local_entries("formats"))))
