"""For tests of metrics: rows of results, latents and labels that are known."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor

from ..data import Data, Table
from ..evaluation import Evaluation, Latents


def matching_rows(rows: Sequence[Mapping[str, Any]], **fields: Any) -> list[Mapping[str, Any]]:
    """The rows of a metric's results whose fields have these values (``measure="cross", given="counts"``)."""
    return [row for row in rows if all(row[name] == value for name, value in fields.items())]


def row_value(rows: Sequence[Mapping[str, Any]], **fields: Any) -> float:
    """The number of the one row whose fields have these values.

    Raises:
        AssertionError: There is no such row, or more than one.
    """
    matching = matching_rows(rows, **fields)
    assert len(matching) == 1, f"{len(matching)} rows have {fields}"
    return float(matching[0]["value"])


def set_latents(evaluation: Evaluation, split: str, means: Float[Tensor, "S N D"]) -> None:
    """Put posterior means in the place of those that the model would give.

    Args:
        evaluation: Of N rows of the split.
        split: ``train``, ``val`` or ``test``.
        means: For the first S subsets of the evaluation.
    """
    table = evaluation.rows(split)
    complete = torch.ones(len(means), len(table), dtype=torch.bool)
    subsets = evaluation.subsets[: len(means)]
    evaluation._latents[split] = Latents(subsets, means, means, None, complete, table)


def with_labels(
    data: Data,
    labels: Callable[[Table, str], Mapping[str, Tensor]],
    classes: Mapping[str, tuple[str, ...]] | None = None,
    *,
    name: str = "other labels",
) -> Data:
    """The same rows with other labels.

    Args:
        data: Such as :func:`mmgen.testing.toy_data`.
        labels: Gives the codes of a side's rows, by label; takes the table and the name of the side.
        classes: Names of the classes, by label; those of ``data`` by default.
        name: Joins the fingerprint, by which results are cached.
    """
    sides = {side: getattr(data, side) for side in ("train", "val", "test")}
    tables = {side: replace(table, labels=dict(labels(table, side))) for side, table in sides.items()}
    kept = data.labels if classes is None else dict(classes)
    return replace(data, **tables, labels=kept, fingerprint=f"{data.fingerprint}-{name}")
