"""How many rows have which modality, and which are never seen together: what a training says before it begins."""

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


def census(data: Data) -> list[str]:
    """A line for every modality that some rows lack, and one for all the others."""
    sizes = {side: len(data.split(side)) for side in SPLITS if len(data.split(side))}
    counts = modality_counts(data)
    lacking = [name for name, of in counts.items() if any(of[side] < size for side, size in sizes.items())]
    whole = len(counts) - len(lacking)
    if not lacking:
        return [f"All {whole} modalities are in every row." if whole > 1 else f"{next(iter(counts))} is in every row."]
    lines = []
    if whole:
        lines.append(f"In every row: {listed(name for name in counts if name not in lacking)}")
    shown = sorted(lacking, key=lambda name: counts[name]["train"])[:LINES] if len(lacking) > LINES else lacking
    for name in (name for name in lacking if name in shown):
        parts = [f"{counts[name][side]} of {size} {SPLITS[side]}" for side, size in sizes.items()]
        first, *others = parts
        lines.append(f"{name}: {', '.join([f'{first} rows', *others])}")
    if rest := len(lacking) - len(shown):
        fewest = min(counts[name]["train"] for name in lacking if name not in shown)
        lines.append(f"and {rest} more modalities, each in at least {fewest} training rows")
    return lines


def linkage(data: Data) -> list[str]:
    """A sentence where modalities never occur together in a training row.

    That is groups that no row links, or else pairs that are linked through other modalities alone.
    """
    names = [name for name, of in modality_counts(data).items() if of["train"]]
    index = [list(data.modalities).index(name) for name in names]
    seen = data.train.available[:, index].double()
    together = (seen.T @ seen) > 0  # [M, M]
    groups = _groups(together)
    if len(groups) > 1:
        written = [" + ".join(names[m] for m in group) for group in groups]
        any_two = f"any two of {len(groups)} groups of modalities ({'; '.join(written)})"
        which = " and ".join(written) if len(groups) == 2 else any_two
        return [f"No training row links {which}: what is generated across them rests on nothing."]
    apart = [(names[one], names[two]) for one, two in (~together).triu(1).nonzero().tolist()]
    if not apart:
        return []
    which = f"{apart[0][0]} and {apart[0][1]}"
    if len(apart) == 1:
        return [f"No training row has both {which}: they are linked through other modalities alone."]
    pairs = f"{len(apart)} pairs of modalities, such as {which},"
    return [f"{pairs} are never in one training row: they are linked through others alone."]


def _groups(together: torch.Tensor) -> list[list[int]]:
    """The connected components of a symmetric relation ``Bool[M, M]``, each in order."""
    left, groups = set(range(len(together))), []
    while left:
        group, edge = set(), {min(left)}
        while edge:
            group |= edge
            edge = {m for one in edge for m in together[one].nonzero().squeeze(1).tolist()} - group
        groups.append(sorted(group))
        left -= group
    return groups
