"""``mmgen impute``."""

from __future__ import annotations

from pathlib import Path

from ..errors import MmgenError
from ..files import write_atomically
from ..screen import console
from .arguments import checked, chosen_inference, opened, split_names, writer_of

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
    chosen = None if inference is None else chosen_inference(inference)
    run, _ = opened(path, data, assignments)
    names = None if given is None else checked(split_names(given) or [], run.model.modalities, "--given")
    imputation = run.imputation(
        given=names, split=split, draws=draws, uncertainty=uncertainty, inference=chosen, seed=seed
    )
    if writer is not None:
        writer.write_imputed(out, run, imputation)
    elif out.suffix == ".csv":
        write_atomically(out, lambda temporary: imputation.write_text(temporary, mask))
    else:
        frame = imputation.frame(mask)
        write_atomically(out, lambda temporary: frame.to_parquet(temporary, index=False))
    for note in (*imputation.notes, imputation.inferred):
        console().print(note, highlight=False)
    console().print(f"{len(imputation)} rows, {imputation.filled} gaps filled in: {out}", highlight=False)
