"""All results of a comparison as one tidy frame, and its summary: mean, deviation, the chosen β, the best."""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Any

import pandas as pd

from mmgen.evaluation.headline import in_headline
from mmgen.registry import load
from mmgen.runs import RESULTS, RunFolder

from .measures import Choice, direction
from .member import Member

COLUMN = ["metric", "measure", "given", "target", "label"]  # what names a column of the summary
RESULT = ["objective", "beta", "seed", *COLUMN, "value", "n", "note", "split", "data"]


def collect_results(members: Iterable[Member]) -> pd.DataFrame:
    """One row per objective, β, seed, metric, measure, given, target, label and split, of all runs with results."""
    rows = [
        {"objective": member.objective, "beta": member.beta, **row, "seed": member.seed}
        for member in members
        for row in RunFolder(member.path).lines(RESULTS)
    ]
    return pd.DataFrame(rows, columns=RESULT)


def single_modalities(results: pd.DataFrame, choice: Choice, split: str) -> pd.DataFrame:
    """One value of the chosen measure per run: ``objective, beta, seed, target, value``.

    Given single modalities (the mean over them, ``1 of M``) where the measure is one of subsets; given everything for
    one of several targets at once, such as the ``loss``, and ``target`` says which those are; otherwise the mean of
    what has no subset. Several labels are averaged.
    """
    rows = results[(results.metric == choice.metric) & (results.measure == choice.measure) & (results.split == split)]
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


def chosen_betas(results: pd.DataFrame, choice: Choice | None) -> dict[str, float]:
    """For each objective the β with the best mean of the chosen measure over seeds, on validation rows alone.

    An objective with one β has that one; of several none is chosen where there is no measure to choose by.
    """
    betas = {str(name): sorted({*column}) for name, column in results.groupby("objective", sort=False)["beta"]}
    only = {name: float(values[0]) for name, values in betas.items() if len(values) == 1}
    if choice is None:
        return only
    means = (
        single_modalities(results, choice, "val").groupby(["objective", "beta"], sort=False)["value"].mean().dropna()
        * choice.sign
    )
    return only | {str(name): float(curve.idxmax()[1]) for name, curve in means.groupby(level=0, sort=False)}


def summarise(results: pd.DataFrame, choice: Choice | None = None) -> pd.DataFrame:
    """The headline measures on test rows, over seeds.

    ``std`` is the sample standard deviation (n − 1; empty for one seed). ``best`` marks the best mean of a column where
    its difference from the second best is larger than the uncertainty of that difference, Welch's standard error
    √(s₁²/n₁ + s₂²/n₂), which needs two seeds of each. Each objective competes with its chosen β alone: the best of many
    β on test rows would be a choice made by test rows. Where none could be chosen, all its β compete.

    Args:
        results: As :func:`mmgen.compare` returns them.
        choice: The measure that β is chosen by; None: only an objective with a single β has a chosen one.

    Returns:
        One row per objective, β and column, with ``objective``, ``beta``, ``chosen``, ``metric``, ``measure``,
        ``given``, ``target``, ``label``, ``mean``, ``std``, ``n`` (seeds) and ``best``.

    Raises:
        PluginError: A metric of the results that is not installed.

    >>> import pandas as pd
    >>> from mmgen_plugin_compare import summarise
    >>> loss = {"metric": "reconstruction", "measure": "loss", "given": "a+b", "target": "all", "label": ""}
    >>> losses = {"poe": (10.0, 12.0), "moe": (20.0, 22.0)}  # of two seeds each
    >>> results = pd.DataFrame(
    ...     {"objective": name, "beta": 1.0, "seed": seed, **loss, "value": value, "split": "test"}
    ...     for name, values in losses.items()
    ...     for seed, value in enumerate(values)
    ... )
    >>> for row in summarise(results).itertuples():
    ...     print(f"{row.objective}: {row.mean:.1f} ± {row.std:.2f}, best: {row.best}")
    poe: 11.0 ± 1.41, best: True
    moe: 21.0 ± 1.41, best: False
    """
    summary = _means_over_seeds(results[results.split == "test"])
    chosen = chosen_betas(results, choice)
    summary.insert(2, "chosen", [chosen.get(o) == b for o, b in zip(summary.objective, summary.beta, strict=True)])
    summary["best"] = False
    for key, column in summary.groupby(COLUMN, sort=False):
        sign = direction(key[0], key[1])
        if sign:
            winner = clear_winner(column[column.chosen | ~column.objective.isin(list(chosen))], sign)
            if winner is not None:
                summary.loc[winner, "best"] = True
    return summary


def _means_over_seeds(test: pd.DataFrame) -> pd.DataFrame:
    """Mean, sample deviation and number of seeds of every headline measure."""
    columns = test[COLUMN].drop_duplicates()
    headline = columns[
        pd.Series([in_headline(row) for row in columns.to_dict("records")], index=columns.index, dtype=bool)
    ]
    grouped = test.merge(headline, on=COLUMN).groupby(["objective", "beta", *COLUMN], sort=False)["value"]
    return grouped.agg(mean="mean", std="std", n="count").reset_index()


def clear_winner(rivals: pd.DataFrame, sign: int) -> Any:
    """Index of the row whose ``mean`` is better than the second best by more than the uncertainty; None if none is.

    Args:
        rivals: Rows with ``mean``, ``std`` and ``n``.
        sign: 1 where more is better, −1 where less is.
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


def describe_data(members: Iterable[Member]) -> list[str]:
    """What the data are, as ``mmgen evaluate`` has it: one sentence, or several where runs differ."""
    sentences = []
    for member in members:
        data = RunFolder(member.path).environment().get("data")
        if data:
            sentences.append(f"{data['name']}, {data['provenance']['kind']}: {data['provenance']['summary']}")
    return list(dict.fromkeys(sentences))
