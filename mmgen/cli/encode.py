"""``mmgen encode``."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import torch

from ..errors import MmgenError
from ..runs.folder import write_arrays, write_atomically
from .arguments import checked, ids_of, opened, rows_of, split_names
from .screen import console


def command(
    path: Path, given: str | None, split: str | None, out: Path, data: str | None, assignments: list[str]
) -> None:
    """Encode every row of a split (every row of another file) and write what is known about it."""
    kinds = (".npz", ".parquet", ".csv")
    if out.suffix not in kinds:
        raise MmgenError(f"--out {str(out)!r}: the file's ending says its format, and can be {', '.join(kinds)}.")
    run, _ = opened(path, data, assignments)
    names = checked(split_names(given) or list(run.model.modalities), run.model.modalities, "--given")
    table = run.data.split(rows_of(run, split, "test" if data is None else "all"))
    if not len(table):
        raise MmgenError(f"--split {split or 'test'}: the data have no such rows; --split all takes every one.")
    parts = [run.model.encode(batch, given=names) for batch in table.batches(512)]
    mean = torch.cat([part.mean for part in parts]).numpy()
    scale = torch.cat([part.variance.sqrt() for part in parts]).numpy()
    rows = table.rows.numpy() if table.rows is not None else np.arange(len(mean))
    found = table.available[:, [list(run.model.modalities).index(name) for name in names]].sum(-1).numpy()
    columns: dict[str, Any] = {"row": rows, **ids_of(table), "given": found}
    for label, codes in table.labels.items():
        if codes.dim() == 1:
            classes = np.array([*run.data.labels[label], ""])
            columns[label] = classes[codes.numpy()]
        else:
            columns |= {f"{label}: {name}": codes[:, i].numpy() for i, name in enumerate(run.data.labels[label])}
    try:
        if out.suffix == ".npz":
            write_arrays(out, {"mean": mean, "scale": scale, **columns})
        else:
            _write_frame(out, columns, mean, scale)
    except OSError as error:
        raise MmgenError(f"--out {str(out)!r} cannot be written: {error.strerror}.") from error
    console().print(
        f"{len(mean)} rows of {mean.shape[1]} latent dimensions given {'+'.join(names)}: {out}", highlight=False
    )


def _write_frame(out: Path, columns: dict[str, Any], mean: np.ndarray, scale: np.ndarray) -> None:
    """One column per latent dimension, mean and standard deviation."""
    import pandas as pd

    latents = {f"z{d}": mean[:, d] for d in range(mean.shape[1])} | {
        f"z{d}_scale": scale[:, d] for d in range(mean.shape[1])
    }
    frame = pd.DataFrame({**columns, **latents})
    if out.suffix == ".csv":
        write_atomically(out, lambda temporary: frame.to_csv(temporary, index=False))
    else:
        write_atomically(out, lambda temporary: frame.to_parquet(temporary, index=False))
