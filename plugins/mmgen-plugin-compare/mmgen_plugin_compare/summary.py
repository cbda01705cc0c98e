"""All results of a comparison as one tidy table, and what it says of each objective and β: mean, deviation, the chosen
β, the best.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import pandas as pd

from mmgen.errors import MmgenError
from mmgen.evaluation.headline import in_headline
from mmgen.registry import load
from mmgen.runs import RESULTS, RunFolder

from .grid import Member

COLUMN = ["metric", "measure", "given", "target", "label"]  # what names a column of the summary
RESULT = ["objective", "beta", "seed", *COLUMN, "value", "n", "note", "split", "data"]


@dataclass(frozen=True)
class Choice:
    """The measure that β is chosen by, on validation rows, and that the figure shows: of single modalities, where it is
    one of subsets.
    """

    metric: str
    measure: str

    @classmethod
    def parse(cls, text: str) -> Choice:
        """``NAME:measure``, as ``--metric`` has it."""
        metric, colon, measure = text.rpartition(":")
        if not colon or not metric or not measure:
            raise MmgenError(
                f"--metric {text!r}: write NAME:measure, such as coherence:cross (mmgen evaluate shows the measures)."
            )
        if direction(metric, measure) == 0:
            raise MmgenError(f"--metric {text!r}: {measure} is a floor or a ceiling, and no model is better by it.")
        return cls(metric, measure)

    @property
    def sign(self) -> int:
        """1 where more is better, −1 where less is."""
        return direction(self.metric, self.measure)

    def __str__(self) -> str:
        return f"{self.metric}: {self.measure}"


def direction(metric: str, measure: str) -> int:
    """1 where more of a measure is better, −1 where less is, 0 where no model is better by it, as the metric says."""
    kind = load("metrics", metric)
    return 0 if measure in kind.not_compared else -1 if measure in kind.less_is_better else 1


def results(members: Iterable[Member]) -> pd.DataFrame:
    """One row per objective, β, seed, metric, measure, given, target, label and split, of all runs that have
    results.
    """
    rows = [
        {"objective": member.objective, "beta": member.beta, **row, "seed": member.seed}
        for member in members
        for row in RunFolder(member.path).lines(RESULTS)
    ]
    return pd.DataFrame(rows, columns=RESULT)


def single_modalities(table: pd.DataFrame, choice: Choice, split: str) -> pd.DataFrame:
    """One value of the chosen measure per run: ``objective, beta, seed, target, value``.

    Given single modalities (the mean over them, ``1 of M``) where the measure is one of subsets; given everything for
    one of several targets at once, such as the ``loss``, and ``target`` says which those are; otherwise the mean of
    what has no subset. Several labels are averaged.
    """
    rows = table[(table.metric == choice.metric) & (table.measure == choice.measure) & (table.split == split)]
    alone = rows[rows.given.str.match(r"1 of \d+$")]
    several = choice.measure in load("metrics", choice.metric).over_targets
    if alone.empty:
        alone = rows[((rows.target == "all") | several) & (rows.given != "self") | (rows.given == "")]
    alone = alone if several else alone.assign(target="")
    return alone.groupby(["objective", "beta", "seed", "target"], sort=False, as_index=False)["value"].mean()


def equal_sums(values: pd.DataFrame) -> pd.DataFrame:
    """What :func:`single_modalities` gives, without sums over fewer targets than others have: less, for no merit.

    Those over ``all`` stay; where there are none, those over what most runs have.
    """
    if values.empty:
        return values
    return values[values.target == ("all" if (values.target == "all").any() else values.target.mode()[0])]


def chosen_betas(table: pd.DataFrame, choice: Choice | None) -> dict[str, float]:
    """For each objective the β with the best mean of the chosen measure over seeds, on validation rows; test rows have
    no say.

    An objective with one β has that one; of several none is chosen where there is no measure to choose by.
    """
    betas = {str(name): sorted({*each}) for name, each in table.groupby("objective", sort=False)["beta"]}
    only = {name: float(each[0]) for name, each in betas.items() if len(each) == 1}
    if choice is None:
        return only
    means = (
        single_modalities(table, choice, "val").groupby(["objective", "beta"], sort=False)["value"].mean().dropna()
        * choice.sign
    )
    return only | {str(name): float(each.idxmax()[1]) for name, each in means.groupby(level=0, sort=False)}


def summarise(table: pd.DataFrame, choice: Choice | None = None) -> pd.DataFrame:
    """The headline measures on test rows, over seeds.

    ``std`` is the sample standard deviation (n − 1; empty for one seed). ``best`` marks the best mean of a column where
    its difference from the second best is larger than the uncertainty of that difference, Welch's standard error
    √(s₁²/n₁ + s₂²/n₂), which needs two seeds of each. Each objective competes with its chosen β alone: the best of many
    β on test rows would be a choice made by test rows. Where none could be chosen, all its β compete.

    Returns:
        One row per objective, β and column: ``objective, beta, chosen, metric, measure, given, target, label, mean,
            std, n, best``; ``n`` counts seeds.
    """
    test = table[table.split == "test"]
    columns = test[COLUMN].drop_duplicates()
    wanted = columns[
        pd.Series([in_headline(row) for row in columns.to_dict("records")], index=columns.index, dtype=bool)
    ]
    shown = test.merge(wanted, on=COLUMN)
    grouped = shown.groupby(["objective", "beta", *COLUMN], sort=False)["value"]
    summary = grouped.agg(mean="mean", std="std", n="count").reset_index()
    chosen = chosen_betas(table, choice)
    summary.insert(2, "chosen", [chosen.get(o) == b for o, b in zip(summary.objective, summary.beta, strict=True)])
    summary["best"] = False
    for key, column in summary.groupby(COLUMN, sort=False):
        sign = direction(key[0], key[1])
        if sign:
            winner = clear_winner(column[column.chosen | ~column.objective.isin(list(chosen))], sign)
            if winner is not None:
                summary.loc[winner, "best"] = True
    return summary


def clear_winner(rivals: pd.DataFrame, sign: int) -> Any:
    """Index of the row whose ``mean`` (times ``sign``) is larger than the second best by more than the uncertainty of
    the difference; None where none is.
    """
    ordered = rivals.dropna(subset=["mean"]).sort_values("mean", ascending=sign < 0, kind="stable")
    if len(ordered) < 2:
        return None
    first, second = ordered.iloc[0], ordered.iloc[1]
    if first["n"] < 2 or second["n"] < 2:
        return None
    difference = abs(first["mean"] - second["mean"])
    return ordered.index[0] if difference > welch_error(first["std"], first["n"], second["std"], second["n"]) else None


def welch_error(one_std: float, one_n: float, other_std: float, other_n: float) -> float:
    """Standard error of the difference of two means of unequal variances: √(s₁²/n₁ + s₂²/n₂) (Welch 1947)."""
    return math.sqrt(one_std**2 / one_n + other_std**2 / other_n)


def provenance(members: Iterable[Member]) -> list[str]:
    """What the data are, in words, as ``mmgen evaluate`` says it: one sentence, or several where runs differ."""
    said = []
    for member in members:
        data = RunFolder(member.path).environment().get("data")
        if data:
            said.append(f"{data['name']}, {data['provenance']['kind']}: {data['provenance']['summary']}")
    return list(dict.fromkeys(said))
