"""``mmgen generate``."""

from __future__ import annotations

import csv
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from ..data import Modality, TagsModality
from ..errors import MmgenError, listed
from ..evaluation.drawing import save_figure
from ..files import write_arrays, write_atomically
from ..runs.encoding import given_in_words
from ..runs.generation import FROM_PRIOR, Generation, origin_in_words
from ..screen import console
from .arguments import check_ending, checked, chosen_sampler, opened, split_names

ENDINGS = (".png", ".npz", ".csv")


def command(
    path: Path,
    given: str | None,
    targets: str | None,
    n: int | None,
    samples: int,
    split: str | None,
    seed: int,
    out: Path | None,
    top: int | None,
    data: str | None,
    assignments: list[str],
    sampler: str | None,
) -> None:
    """Generate, and write a picture, arrays, or a table with one line per row; with ``top`` the names of the most
    probable tags in the place of their probabilities.
    """
    out = path / "figures" / "generated.png" if out is None else out
    check_ending(out, ENDINGS)
    if n is not None and n < 1:
        raise MmgenError(f"-n {n}: at least one item must be generated.")
    run, options = opened(path, data, assignments, ["sampler", "covariates"])
    chosen = chosen_sampler(sampler, options.get("sampler", {}))
    modalities, picture = run.model.modalities, out.suffix == ".png"
    sources = checked(split_names(given) or [], modalities, "--given")
    names = checked(split_names(targets) or list(run.model.decoder_sizes or modalities), modalities, "--targets")
    _check_top(modalities, names, out, top)
    if picture:
        n = 8 if n is None else n
    elif split is None:
        split = "all"
    generation = run.generate(
        given=sources,
        targets=names,
        n=n,
        samples=samples,
        split=split,
        spread=picture,
        covariates=options.get("covariates"),
        seed=seed,
        sampler=chosen,
    )
    where = "" if sources else origin_in_words(chosen)
    if where == FROM_PRIOR and run.model.has_dynamic_prior:
        console().print(
            "The prior of this objective depends on data; these samples are decoded from N(0, I). --sampler gmm draws "
            "from the latents of training rows instead.",
            highlight=False,
        )
    _write(out, generation, top)
    had = generation.given_by_row()
    where = where if had is None else f"given {given_in_words(had)}"
    console().print(f"{len(generation)} items of {', '.join(names)} {where}: {out}", highlight=False)


def _check_top(modalities: Mapping[str, Modality], targets: Sequence[str], out: Path, top: int | None) -> None:
    """Tags can be named where there are tags, and where the file has words."""
    if top is None:
        return
    if out.suffix == ".npz":
        raise MmgenError(f"--top {top}: arrays have no names of tags; write a .csv or .png file.")
    if not any(isinstance(modalities[name], TagsModality) for name in targets):
        tags = [name for name, modality in modalities.items() if isinstance(modality, TagsModality)]
        raise MmgenError(f"--top {top}: none of {', '.join(targets)} has tags; modalities with tags: {listed(tags)}.")


def _write(out: Path, generation: Generation, top: int | None) -> None:
    if out.suffix == ".npz":
        write_arrays(out, generation.arrays())
    elif out.suffix == ".csv":
        lines = generation.lines(top)
        write_atomically(out, lambda temporary: _write_csv(temporary, lines))
    else:
        save_figure(generation.figure(top), out)


def _write_csv(path: Path, lines: list[list[Any]]) -> None:
    with path.open("w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows(lines)
