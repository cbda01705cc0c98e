"""``mmgen encode``."""

from __future__ import annotations

from pathlib import Path

from ..files import write_arrays, write_atomically
from ..runs.encoding import given_in_words
from ..screen import console
from .arguments import checked, chosen_inference, opened, split_names, writer_of

ENDINGS = (".npz", ".parquet", ".csv")


def command(
    path: Path,
    given: str | None,
    split: str | None,
    private: bool,
    inference: str,
    out: Path,
    data: str | None,
    assignments: list[str],
) -> None:
    """Encode every row of a split (every row of another file) and write what is known about it."""
    writer = writer_of(out, ENDINGS, "latents")
    run, _ = opened(path, data, assignments)
    names = checked(split_names(given) or list(run.model.modalities), run.model.modalities, "--given")
    encoding = run.encoding(
        given=names,
        split=split or (None if data is None and writer is None else "all"),
        private=private,
        inference=chosen_inference(inference),
    )
    if writer is not None:
        writer.write_latents(out, run, encoding)
    elif out.suffix == ".npz":
        write_arrays(out, encoding.arrays())
    elif out.suffix == ".csv":
        write_atomically(out, lambda temporary: encoding.frame().to_csv(temporary, index=False))
    else:
        write_atomically(out, lambda temporary: encoding.frame().to_parquet(temporary, index=False))
    rows, dimensions = encoding.mean.shape
    for note in encoding.notes:
        console().print(note, highlight=False)
    had = given_in_words(encoding.columns["given"])
    console().print(f"{rows} rows of {dimensions} latent dimensions given {had}: {out}", highlight=False)
