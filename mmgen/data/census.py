"""How many rows have which modality, how many of its cells are empty, and which are never seen together: what a
training says before it begins.
"""

from __future__ import annotations

import torch

from ..errors import listed
from .loading import Data

SPLITS = {"train": "training", "val": "validation", "test": "test"}
LINES = 20  # of modalities that some rows lack, at most; the rarest ones


def modality_counts(data: Data) -> dict[str, dict[str, int]]:
    """Rows of each split that have each modality: ``{"genes": {"train": 412, "val": 60, "test": 120}}``."""
    counts = {side: data.split(side).available.sum(0).tolist() for side in SPLITS}
    return {name: {side: counts[side][m] for side in SPLITS} for m, name in enumerate(data.modalities)}


def empty_cells(data: Data) -> dict[str, dict[str, float]]:
    """Share of a modality's cells that are empty in the rows of each split that have it: ``{"genes": {"train": 0.1}}``.

    Modalities without empty cells, and splits without such rows, are left out.
    """
    shares: dict[str, dict[str, float]] = {}
    for name in data.modalities:
        for side in SPLITS:
            table = data.split(side)
            has = table.available[:, list(data.modalities).index(name)]
            if any(name in data.split(each).observed for each in SPLITS) and has.any():
                shares.setdefault(name, {})[side] = 1 - float(table.observed_cells(name)[has].double().mean())
    return {name: by_side for name, by_side in shares.items() if any(by_side.values())}


def census(data: Data) -> list[str]:
    """A line for every modality that some rows lack, and one for all the others; then one for each with empty cells."""
    return [*_rows(data), *_cells(data)]


def _cells(data: Data) -> list[str]:
    shares = empty_cells(data)
    emptiest = sorted(shares, key=lambda name: -shares[name].get("train", 0))[:LINES]
    lines = []
    for name in (name for name in shares if name in emptiest):
        first, *others = [f"{share:.1%} in {SPLITS[side]}" for side, share in shares[name].items()]
        lines.append(f"{name}, cells that are empty: {', '.join([f'{first} rows', *others])}")
    if others_count := len(shares) - len(lines):
        most = max(by_side.get("train", 0) for name, by_side in shares.items() if name not in emptiest)
        lines.append(f"and {others_count} more modalities with empty cells, at most {most:.1%} in training rows")
    return lines


def _rows(data: Data) -> list[str]:
    sizes = {side: len(data.split(side)) for side in SPLITS if len(data.split(side))}
    counts = modality_counts(data)
    incomplete = [name for name, by_side in counts.items() if any(by_side[side] < size for side, size in sizes.items())]
    complete = len(counts) - len(incomplete)
    if not incomplete:
        return [
            f"All {complete} modalities are in every row." if complete > 1 else f"{next(iter(counts))} is in every row."
        ]
    lines = []
    if complete:
        lines.append(f"In every row: {listed(name for name in counts if name not in incomplete)}")
    rarest = (
        sorted(incomplete, key=lambda name: counts[name]["train"])[:LINES] if len(incomplete) > LINES else incomplete
    )
    for name in (name for name in incomplete if name in rarest):
        figures = [f"{counts[name][side]} of {size} {SPLITS[side]}" for side, size in sizes.items()]
        first, *others = figures
        lines.append(f"{name}: {', '.join([f'{first} rows', *others])}")
    if others_count := len(incomplete) - len(rarest):
        fewest = min(counts[name]["train"] for name in incomplete if name not in rarest)
        lines.append(f"and {others_count} more modalities, each in at least {fewest} training rows")
    return lines


def linkage(data: Data) -> list[str]:
    """A sentence where modalities never occur together in a training row.

    That is groups that no row links, or else pairs that are linked through other modalities alone.
    """
    names = [name for name, by_side in modality_counts(data).items() if by_side["train"]]
    index = [list(data.modalities).index(name) for name in names]
    observed = data.train.available[:, index].double()
    together = (observed.T @ observed) > 0  # [M, M]
    groups = _groups(together)
    if len(groups) > 1:
        written = [" + ".join(names[m] for m in group) for group in groups]
        any_two = f"any two of {len(groups)} groups of modalities ({'; '.join(written)})"
        names_apart = " and ".join(written) if len(groups) == 2 else any_two
        return [f"No training row links {names_apart}: what is generated across them rests on nothing."]
    apart = [(names[first], names[second]) for first, second in (~together).triu(1).nonzero().tolist()]
    if not apart:
        return []
    names_apart = f"{apart[0][0]} and {apart[0][1]}"
    if len(apart) == 1:
        return [f"No training row has both {names_apart}: they are linked through other modalities alone."]
    pairs = f"{len(apart)} pairs of modalities, such as {names_apart},"
    return [f"{pairs} are never in one training row: they are linked through others alone."]


def _groups(together: torch.Tensor) -> list[list[int]]:
    """The connected components of a symmetric relation ``Bool[M, M]``, each in order."""
    remaining, groups = set(range(len(together))), []
    while remaining:
        group, edge = set(), {min(remaining)}
        while edge:
            group |= edge
            edge = {m for member in edge for m in together[member].nonzero().squeeze(1).tolist()} - group
        groups.append(sorted(group))
        remaining -= group
    return groups
