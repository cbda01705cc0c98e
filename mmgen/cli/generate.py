"""``mmgen generate``."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from ..data import Batch, Modality, Table, TagsModality
from ..errors import MmgenError, listed
from ..evaluation.drawing import save
from ..evaluation.grids import conditional_grid, spread_rows
from ..runs import Run
from ..runs.folder import write_arrays, write_atomically
from .arguments import checked, ids_of, opened, rows_of, split_names
from .screen import console

KINDS = (".png", ".npz", ".csv")
SEPARATOR = ", "  # of the names of tags in a cell


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
) -> None:
    """Generate, and write a picture, arrays, or a table with one line per row; with ``top`` the names of the most
    probable tags in the place of their probabilities.
    """
    out = path / "figures" / "generated.png" if out is None else out
    if out.suffix not in KINDS:
        raise MmgenError(f"--out {str(out)!r}: the file's ending says its format, and can be {', '.join(KINDS)}.")
    if n is not None and n < 1:
        raise MmgenError(f"-n {n}: at least one item must be generated.")
    run, _ = opened(path, data, assignments)
    model = run.model
    sources = checked(split_names(given) or [], model.modalities, "--given")
    wanted = checked(
        split_names(targets) or list(model.decoder_sizes or model.modalities), model.modalities, "--targets"
    )
    modalities = _naming(model.modalities, wanted, out, top)
    torch.manual_seed(seed)
    if sources:
        table = run.data.split(rows_of(run, split, "test" if out.suffix == ".png" else "all"))
        table = _picked(table, n if n is not None or out.suffix != ".png" else 8, out.suffix == ".png", seed)
        batches = [model.generate(batch, sources, wanted, samples) for batch in table.batches(512)]
        values = {name: torch.cat([batch[name] for batch in batches], 1) for name in wanted}
    else:
        table = None
        drawn = model.generate(targets=wanted, samples=(n or 8) * samples)
        values = {name: value.unflatten(0, (samples, n or 8)) for name, value in drawn.items()}
        if model.objective.dynamic_prior:
            console().print(
                "The prior of this objective depends on data; these samples are decoded from N(0, I).", highlight=False
            )
    try:
        _write(out, run, modalities, sources, values, table)
    except OSError as error:
        raise MmgenError(f"--out {str(out)!r} cannot be written: {error.strerror or error}.") from error
    count = next(iter(values.values())).shape[1]
    origin = f"given {'+'.join(sources)}" if sources else "from the prior"
    console().print(f"{count} items of {', '.join(wanted)} {origin}: {out}", highlight=False)


def _picked(table: Table, n: int | None, spread: bool, seed: int) -> Table:
    """The first ``n`` rows, or ``n`` rows of different classes for a picture; all of them without ``n``."""
    if n is None:
        return table
    return table.select(torch.tensor(spread_rows(table, n, seed)) if spread else torch.arange(min(n, len(table))))


def _naming(modalities: dict[str, Modality], targets: list[str], out: Path, top: int | None) -> dict[str, Modality]:
    """The modalities, of which tags are shown by the names of the ``top`` most probable ones; a table has their
    probabilities without it.
    """
    if top is None and out.suffix != ".csv":
        return modalities
    if top is not None and out.suffix == ".npz":
        raise MmgenError(f"--top {top}: arrays have no names of tags; write a .csv or .png file.")
    if top is not None and not any(isinstance(modalities[name], TagsModality) for name in targets):
        tags = [name for name, modality in modalities.items() if isinstance(modality, TagsModality)]
        raise MmgenError(f"--top {top}: none of {', '.join(targets)} has tags; modalities with tags: {listed(tags)}.")
    return {
        name: m.model_copy(update={"top": top}) if isinstance(m, TagsModality) else m for name, m in modalities.items()
    }


def _write(
    out: Path,
    run: Run,
    modalities: dict[str, Modality],
    given: list[str],
    values: dict[str, Tensor],
    table: Table | None,
) -> None:
    if out.suffix == ".npz":
        arrays = {name: modalities[name].in_source_units(value.numpy()) for name, value in values.items()}
        rows = {} if table is None or table.rows is None else {"row": table.rows.numpy(), **ids_of(table)}
        write_arrays(out, {**rows, **arrays})
    elif out.suffix == ".csv":
        lines = _lines(modalities, values, table, given)
        write_atomically(out, lambda temporary: _write_csv(temporary, lines))
    else:
        _picture(out, run, modalities, given, values, None if table is None else table[slice(None)])


def _write_csv(path: Path, lines: list[list[Any]]) -> None:
    import csv

    with path.open("w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows(lines)


def _lines(
    modalities: dict[str, Modality], values: dict[str, Tensor], table: Table | None, given: list[str]
) -> list[list[Any]]:
    """A header, and a line per row: its number and what it is called, which of the given modalities it had, and the
    generated values in data units.

    Of tags that are to be named, the names of the most probable ones stand in one cell, the row's own beside them.
    """
    called = {} if table is None else ids_of(table)
    header: list[Any] = ["row", *called, *(["given"] if table is not None else [])]
    named = {
        name: modality
        for name, modality in modalities.items()
        if isinstance(modality, TagsModality) and modality.top is not None
    }
    for name in values:
        originals = [f"{name}_original"] if table is not None else []
        header += [name, *originals] if name in named else modalities[name].value_names(name)
    lines = [header]
    count = next(iter(values.values())).shape[1]
    names = list(modalities)
    single = {name: _one(modalities[name], value) for name, value in values.items()}
    for i in range(count):
        number = i if table is None or table.rows is None else int(table.rows[i])
        line: list[Any] = [number, *(words[i] for words in called.values())]
        if table is not None:
            line.append("+".join(name for name in given if table.available[i, names.index(name)]))
        for name in values:
            if name not in named:
                line += modalities[name].cells(single[name][i])
                continue
            line.append(SEPARATOR.join(named[name].named(single[name][i], named[name].top)))
            if table is not None:
                has = table.available[i, names.index(name)]
                line.append(SEPARATOR.join(named[name].named(table.data[name][i].numpy())) if has else "")
        lines.append(line)
    return lines


def _one(modality: Modality, value: Tensor) -> np.ndarray:
    """Several samples of an item as one value: their mean, or the most frequent code."""
    return (value.mean(0) if value.is_floating_point() else value.mode(0).values).numpy()


def _picture(
    out: Path,
    run: Run,
    modalities: dict[str, Modality],
    given: list[str],
    values: dict[str, Tensor],
    batch: Batch | None,
) -> None:
    """Given values above generated ones, a column per item; at most 24 columns."""
    shown = {name: value[:, :24] for name, value in values.items()}
    origin = f"given {'+'.join(given)}" if given else "from the prior"
    title = f"{run.config['objective']['name']} on {run.data.name}, {origin}\n({run.data.provenance.kind} data)"
    save(conditional_grid(modalities, given, shown, None if batch is None else batch[slice(24)], title), out)
