"""Our numbers beside the printed ones."""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import pandas as pd

from mmgen_plugin_compare import Grid

from .paper_tables import Answer, Column, PaperTable, Printed
from .request import ReproductionRequest

COLUMNS = [
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
]
MEASURE = ("metric", "measure", "given", "target", "label")  # which number of ours it is
MOST_NEAREST = 4  # of the names that there are, where the one that was looked for is not
NOT_A_NUMBER = float("nan")


@dataclass(frozen=True)
class ExperimentResults:
    """What there is of an experiment under one variant.

    Attributes:
        grid: Its runs.
        results: :func:`mmgen_plugin_compare.collect_results` of those that are finished.
    """

    grid: Grid
    results: pd.DataFrame


Experiments = Mapping[tuple[str, str], ExperimentResults]  # by experiment and variant, '' where it has none


@dataclass(frozen=True)
class ColumnValues:
    """Our values of one column, for one method and β.

    Attributes:
        answer: Which of the column's answers they are; the first one where no run has any.
        values: By seed.
        kinds: What kind the data are.
        notes: What the metric has against the numbers.
    """

    answer: Answer | None
    values: pd.Series[float] = field(default_factory=lambda: pd.Series(dtype=float))
    kinds: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()


def reproduced_numbers(request: ReproductionRequest, table: PaperTable, experiments: Experiments) -> pd.DataFrame:
    """One row per method, β and column of a table.

    Args:
        request: Of which paper, at which scale.
        table: Of the paper.
        experiments: As far as there are any runs.

    Returns:
        ``ours`` is the mean over seeds of test rows, ``std`` the sample standard deviation (empty for one seed), ``n``
        the number of seeds, ``difference`` = ``ours`` − ``printed``. What has no number has a ``note`` that says why.
    """
    rows = [
        row
        for key in request.paper.rows(table)
        for beta in _betas(table, key, experiments)
        for row in _rows(request, table, key, beta, experiments)
    ]
    return pd.DataFrame(rows, columns=COLUMNS)


def _betas(table: PaperTable, key: str, experiments: Experiments) -> list[float] | list[None]:
    """The β of a method in all variants; a single None where it has no runs."""
    betas = {
        beta
        for (experiment, _), one in experiments.items()
        if experiment == table.experiment and key in one.grid.series
        for beta in one.grid.series[key].runs
    }
    return sorted(betas) or [None]


def _rows(
    request: ReproductionRequest, table: PaperTable, key: str, beta: float | None, experiments: Experiments
) -> list[dict[str, Any]]:
    """A row for each column of the table, for one method and β."""
    experiment = request.paper.experiments[str(table.experiment)]
    method = experiment.methods[key]
    common = {
        "paper": request.name,
        "table": table.id,
        "page": table.page,
        "scale": request.scale,
        "experiment": table.experiment,
        "dataset": experiment.dataset,
        "method": method.name,
        "objective": method.objective or "",
        "beta": beta,
    }
    rows = []
    values_by_column: dict[str, pd.Series[float]] = {}
    for column, printed in zip(table.columns, table.printed_row(key), strict=True):
        results = _test_results(table, column, key, beta, experiments)
        ours = _column_values(column, results)
        values = _mean_of_columns(column, values_by_column) if column.mean_of else ours.values
        values_by_column[column.name] = values
        reason = method.reason or column.reason or _missing_reason(column, values, results)
        rows.append(
            {
                **common,
                "variant": column.variant or "",
                "column": column.name,
                "better": column.better,
                **{name: (getattr(ours.answer, name) or "") if ours.answer else "" for name in MEASURE},
                **_mean_beside_printed(values, printed),
                "data": "; ".join(ours.kinds),
                "note": "; ".join(filter(None, [reason, *ours.notes])),
            }
        )
    return rows


def _test_results(
    table: PaperTable, column: Column, key: str, beta: float | None, experiments: Experiments
) -> pd.DataFrame | None:
    """The results on test rows of one method and β; None where there are no runs of the column's variant."""
    one = experiments.get((str(table.experiment), column.variant or ""))
    if one is None:
        return None
    results = one.results
    return results[(results.objective == key) & (results.beta == beta) & (results.split == "test")]


def _column_values(column: Column, results: pd.DataFrame | None) -> ColumnValues:
    """The values of the first answer that the runs have."""
    for answer in column.answers if results is not None else ():
        assert results is not None
        rows = _rows_of_answer(answer, results)
        if len(rows):
            values = rows.groupby("seed")["value"].mean() * answer.times + answer.plus
            return ColumnValues(answer, values, tuple(sorted({*rows.data})), tuple(sorted({*rows.note} - {""})))
    return ColumnValues(column.answers[0] if column.answers else None)


def _rows_of_answer(answer: Answer, results: pd.DataFrame) -> pd.DataFrame:
    keep = (
        (results.metric == answer.metric)
        & (results.measure == answer.measure)
        & (results.given == answer.given)
        & (results.target == answer.target)
    )
    return results[keep if answer.label is None else keep & (results.label == answer.label)]


def _mean_of_columns(column: Column, values_by_column: Mapping[str, pd.Series[float]]) -> pd.Series[float]:
    """Seed by seed, of the seeds that all these columns have."""
    return pd.concat([values_by_column[name] for name in column.mean_of], axis=1).dropna().mean(axis=1)


def _missing_reason(column: Column, values: pd.Series[float], results: pd.DataFrame | None) -> str:
    """Why there is no number; '' where there is one."""
    if len(values) or column.mean_of:
        return ""
    if results is None or results.empty:
        return "none of its runs is finished"
    return "; ".join(dict.fromkeys(_looked_for(answer, results) for answer in column.answers))


def _looked_for(answer: Answer, results: pd.DataFrame) -> str:
    """What the runs do not have, and what they have that is nearest to it."""
    rows = results[results.metric == answer.metric]
    if rows.empty:
        return f"its runs have no numbers of the metric {answer.metric!r}"
    names = [name for name in MEASURE[1:] if getattr(answer, name) is not None]
    words = ", ".join(f"{name} {getattr(answer, name)!r}" for name in names if getattr(answer, name))
    for name in names:
        there = sorted(set(rows[name]))
        rows = rows[rows[name] == getattr(answer, name)]
        if rows.empty:
            break
    near = difflib.get_close_matches(getattr(answer, name), there, n=MOST_NEAREST, cutoff=0)
    return f"its runs have no {answer.metric} of {words}; {name} there is {', '.join(map(repr, near))}"


def _mean_beside_printed(values: pd.Series[float], printed: Printed | None) -> dict[str, Any]:
    """Mean and deviation over seeds, what is printed, and the difference."""
    ours = values.mean() if len(values) else NOT_A_NUMBER
    return {
        "ours": ours,
        "std": values.std() if len(values) > 1 else NOT_A_NUMBER,
        "n": len(values),
        "printed": printed.value if printed else NOT_A_NUMBER,
        "printed_std": printed.std if printed and printed.std is not None else NOT_A_NUMBER,
        "difference": ours - printed.value if printed else NOT_A_NUMBER,
    }
