"""One's own table as it is written: which of its columns is of which modality, and which of none."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from ..original import Original, OriginalColumn
from ..table import Table
from .request import Request
from .source import Source

UNNAMED = ("", "id")  # a column of names of rows that has none itself, and what it is called


def original_of(source: Source, requests: Sequence[Request], table: Table) -> Original:
    """The columns of a source, with what the modalities want of it.

    Args:
        source: The columns and arrays.
        requests: What the modalities want.
        table: Rows that were read from it.
    """
    names_of_rows = {} if table.identity is None else table.identity.id_columns
    cells, parts = _wanted(source, requests)
    columns, ids, left_out = list[OriginalColumn](), dict[str, OriginalColumn](), list[str]()
    for part in parts:
        in_table = {*part.table_names()}
        for name in part.names:
            row_name = UNNAMED[1] if name == UNNAMED[0] and UNNAMED[1] not in part.position else name
            if part is source and row_name in names_of_rows:
                ids[row_name] = OriginalColumn(row_name, name, part)
                continue
            wanted = [holder for holder in part.holders(name) if (id(holder), name) in cells]
            for holder in wanted:
                if cell := cells[id(holder), name]:
                    columns.append(OriginalColumn(name, name, holder, cell))
            if wanted or name not in in_table:
                continue
            for title, owner in part.owners(name).items():
                if owner.has_column(name):
                    columns.append(OriginalColumn(title, name, owner))
                else:
                    left_out.append(title)
    in_order = tuple(ids[name] for name in names_of_rows) if {*ids} == {*names_of_rows} else ()
    return Original(tuple(columns), in_order, tuple(left_out), source.separator, source.decimal)


def _wanted(
    source: Source, requests: Sequence[Request]
) -> tuple[dict[tuple[int, str], tuple[str, int] | None], list[Source]]:
    """What each column (by what holds it, and its name) is of the modalities, None where it is an array or says the
    same as another one; and the sources that have names of their own.
    """
    cells: dict[tuple[int, str], tuple[str, int] | None] = {}
    parts = [source]
    for request in requests:
        part = source.part(request.name)
        assert part is not None
        if part is not source and not source.roles_in_parts:
            parts.append(part)
        for place, name in enumerate(request.names):
            if name in request.absent:
                continue
            first, *others = part.holders(name)
            cells[id(first), name] = None if request.is_array else (request.name, place)
            cells |= dict.fromkeys([(id(other), name) for other in others])
    return cells, parts


def are_rows_of(source: Source, table: Table) -> bool:
    """Whether a table has been read from a source, as far as its names of rows say it."""
    known: Mapping[str, np.ndarray] = {} if table.identity is None else table.identity.id_columns
    if table.rows is None or (source.count and len(table) and int(table.rows.max()) >= source.count):
        return False
    rows = table.rows.tolist()
    for name in source.id_columns:
        cells = source.cells(name)
        if name in known and [cells[row] for row in rows] != known[name].tolist():
            return False
    return True
