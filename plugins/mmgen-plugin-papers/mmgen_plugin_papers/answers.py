"""Our numbers beside the printed ones."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pandas as pd

from mmgen_plugin_compare.grid import Grid

from .paper import Answer, Column, Layout, Paper, Scale

COLUMNS = [
    *(
        "paper",
        "table",
        "page",
        "scale",
        "experiment",
        "dataset",
        "variant",
        "method",
        "objective",
        "beta",
        "column",
        "better",
    ),
    *(
        "metric",
        "measure",
        "given",
        "target",
        "label",
        "ours",
        "std",
        "n",
        "printed",
        "printed_std",
        "difference",
        "data",
        "note",
    ),
]


def table_of_numbers(
    name: str,
    paper: Paper,
    table: Layout,
    scale: Scale,
    grids: Mapping[tuple[str, str], Grid],
    results: Mapping[tuple[str, str], pd.DataFrame],
) -> pd.DataFrame:
    """One row per method, β and column of a table.

    Args:
        name: Of the paper.
        paper: The paper.
        table: Of it.
        scale: What the runs are.
        grids: Of each experiment and variant ('' where it has none), as far as there are any.
        results: :func:`mmgen_plugin_compare.results` of each of them.

    Returns:
        ``ours`` is the mean over seeds of test rows, ``std`` the sample standard deviation (empty for one seed), ``n``
        the number of seeds, ``difference`` = ``ours`` − ``printed``. What has no number has a ``note`` that says why.
    """
    rows = []
    for key in paper.rows(table):
        method = paper.experiments[str(table.experiment)].methods[key]
        printed = table.printed.get(key, (None,) * len(table.columns))
        betas = {
            beta
            for (experiment, _), grid in grids.items()
            if experiment == table.experiment
            for beta in _betas(grid, key)
        }
        for beta in sorted(betas) or (None,):
            found: dict[str, pd.Series[float]] = {}
            for column, cell in zip(table.columns, printed, strict=True):
                frame = results.get((str(table.experiment), column.variant or ""))
                mine = (
                    None
                    if frame is None
                    else frame[(frame.objective == key) & (frame.beta == beta) & (frame.split == "test")]
                )
                answer, values, kinds, notes = _answered(column, mine)
                if column.mean_of and all(other in found for other in column.mean_of):
                    values = pd.concat([found[other] for other in column.mean_of], axis=1).dropna().mean(axis=1)
                found[column.name] = values
                ours = values.mean() if len(values) else float("nan")
                made = mine is not None and not mine.empty
                missing = "its runs do not give it" if made else "none of its runs is finished"
                reason = method.reason or column.reason or ("" if len(values) or column.mean_of else missing)
                rows.append(
                    {
                        "paper": name,
                        "table": table.id,
                        "page": table.page,
                        "scale": scale,
                        "experiment": table.experiment,
                        "dataset": paper.experiments[str(table.experiment)].dataset,
                        "variant": column.variant or "",
                        "method": method.name,
                        "objective": method.objective or "",
                        "beta": beta,
                        "column": column.name,
                        "better": column.better,
                        **{
                            field: getattr(answer, field) or "" if answer else ""
                            for field in ("metric", "measure", "given", "target", "label")
                        },
                        "ours": ours,
                        "std": values.std() if len(values) > 1 else float("nan"),
                        "n": len(values),
                        "printed": cell.value if cell else float("nan"),
                        "printed_std": cell.std if cell and cell.std is not None else float("nan"),
                        "difference": ours - cell.value if cell else float("nan"),
                        "data": "; ".join(kinds),
                        "note": "; ".join(filter(None, [reason, *notes])),
                    }
                )
    return pd.DataFrame(rows, columns=COLUMNS)


def _answered(
    column: Column, mine: pd.DataFrame | None
) -> tuple[Answer | None, pd.Series[float], list[str], list[str]]:
    """The answer that counts, its value by seed, what kind the data are, and what the metric has against the
    numbers.
    """
    nothing: Any = pd.Series(dtype=float)
    for answer in column.answers if mine is not None else ():
        assert mine is not None
        keep = (
            (mine.metric == answer.metric)
            & (mine.measure == answer.measure)
            & (mine.given == answer.given)
            & (mine.target == answer.target)
        )
        hits = mine[keep if answer.label is None else keep & (mine.label == answer.label)]
        if len(hits):
            values = hits.groupby("seed")["value"].mean() * answer.times + answer.plus
            return answer, values, sorted({*hits.data}), sorted({*hits.note} - {""})
    return (column.answers[0] if column.answers else None), nothing, [], []


def _betas(grid: Grid, key: str) -> list[float]:
    """The β of a method."""
    return list(grid.series[key].runs) if key in grid.series else []
