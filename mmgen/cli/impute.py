"""``mmgen impute``."""

from __future__ import annotations

from pathlib import Path
from typing import cast, get_args

from ..errors import MmgenError, listed
from ..files import write_atomically
from ..models.inference import Inference
from ..screen import console
from .arguments import checked, opened, split_names, writer_of

ENDINGS = (".csv", ".parquet")


def command(
    path: Path,
    given: str | None,
    split: str,
    draws: int,
    uncertainty: bool,
    mask: bool,
    inference: str | None,
    seed: int,
    out: Path,
    data: str | None,
    assignments: list[str],
) -> None:
    """Complete the table of a run (another file), and write it."""
    writer = writer_of(out, ENDINGS, "imputed")
    if uncertainty and draws < 2:
        raise MmgenError(f"--draws {draws}: --uncertainty is the spread of draws, so there must be at least 2.")
    if inference is not None and inference not in get_args(Inference):
        raise MmgenError(f"--inference: there is no {inference!r}; there are {listed(get_args(Inference))}.")
    run, _ = opened(path, data, assignments)
    names = None if given is None else checked(split_names(given) or [], run.model.modalities, "--given")
    chosen = cast(Inference | None, inference)
    imputation = run.imputation(
        given=names, split=split, draws=draws, uncertainty=uncertainty, inference=chosen, seed=seed
    )
    try:
        if writer is not None:
            writer.write_imputed(out, run, imputation)
        elif out.suffix == ".csv":
            frame = imputation.printed(mask)
            write_atomically(out, lambda temporary: frame.to_csv(temporary, index=False))
        else:
            frame = imputation.frame(mask)
            write_atomically(out, lambda temporary: frame.to_parquet(temporary, index=False))
    except OSError as error:
        raise MmgenError(f"--out {str(out)!r} cannot be written: {error.strerror or error}.") from error
    for note in (*imputation.notes, imputation.inferred):
        console().print(note, highlight=False)
    console().print(f"{len(imputation)} rows, {imputation.filled} gaps filled in: {out}", highlight=False)
