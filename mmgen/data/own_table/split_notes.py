"""Sentences on what a split could not give."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import torch

from ...errors import listed
from ..table import Table
from .row_options import RowOptions

CALLED = {"val": "validation", "test": "test"}


def split_notes(
    config: RowOptions,
    table: Table,
    classes: Sequence[str],
    sides: Mapping[str, np.ndarray],
    requested: Sequence[str],
) -> list[str]:
    """Sides that are ``requested`` and have no rows, and classes without a training row.

    Args:
        config: With the column of the label and that of the group.
        table: All rows.
        classes: The names of the label's classes.
        sides: Row numbers by side.
        requested: The sides that were to be drawn beside the training rows.
    """
    notes = []
    empty = [side for side in requested if len(sides[side]) == 0]
    if empty:
        rows = torch.from_numpy(np.concatenate([sides[side] for side in ("train", *requested)]))
        count, units = len(rows), "row" if len(rows) == 1 else "rows"
        if config.group and table.groups is not None:
            count = len(table.groups[rows].unique())
            units = f"{'group' if count == 1 else 'groups'} ({config.group!r})"
        absent = " and no ".join(CALLED[side] for side in empty)
        option = " and ".join(f"{side}_fraction: 0" for side in empty)
        notes.append(
            f"{count} {units} cannot be on {('two', 'three')[len(requested) - 1]} sides: there are no {absent} rows; "
            f"where none are wanted, say {option}{', else leave out group' if config.group else ''}."
        )
    if config.label is not None and config.label in table.labels:
        trained = set(table.labels[config.label][torch.from_numpy(sides["train"])].tolist())
        unseen = [name for code, name in enumerate(classes) if code not in trained]
        if unseen:
            notes.append(
                f"{len(unseen)} of the {len(classes)} classes of {config.label!r} have no training row, and nothing "
                f"that is trained can know them: {listed(unseen)}."
            )
    return notes
