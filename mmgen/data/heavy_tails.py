"""Columns with heavy tails, which standardising leaves as they are, and the transform that suits them."""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping

import numpy as np
import torch

from .modalities import MixedModality, VectorModality
from .modality import Modality
from .table import Table

FEWEST = 50  # cells of a column that are looked at; of fewer, tails say nothing
MOST_ROWS = 1000  # that are looked at
DISTINCT = 10  # values, of which a column with fewer is one of codes or answers
ONE_SIDED, TWO_SIDED = 3.0, 7.0
NAMES = 3  # of columns, in a sentence
SAME_TOTAL = 1e-3  # of a row's total: by what totals of compositions differ at most


def tail_notes(modalities: Mapping[str, Modality], train: Table, said: Collection[str] = ()) -> tuple[str, ...]:
    """A sentence for each modality with heavy-tailed columns that are standardised.

    Only normal likelihoods count: log-normal ones, Student's t and those of counts have been chosen for their tails.

    Args:
        modalities: Name to modality, in order.
        train: The training rows.
        said: Modalities of which somebody said how they are transformed: they are passed over.
    """
    notes = []
    for m, (name, modality) in enumerate(modalities.items()):
        columns, having = _standardised(modality), train.available[:, m].nonzero().squeeze(1)
        if name in said or not columns or len(having) < FEWEST:
            continue
        having = having[torch.linspace(0, len(having) - 1, min(len(having), MOST_ROWS)).long()]
        values = modality.in_source_units(train.data[name][having].numpy()).reshape(len(having), -1)
        observed = train.observed[name][having].flatten(1).numpy() if name in train.observed else None
        found: dict[str, list[int]] = {}
        for column in columns:
            cells = values[:, column] if observed is None else values[observed[:, column], column]
            if suits := better_transform(cells.astype(np.float64)):
                found.setdefault(suits, []).append(column)
        if found:
            notes.append(_sentence(name, modality, columns, found, _is_composition(modality, values, observed)))
    return tuple(notes)


def better_transform(cells: np.ndarray) -> str:
    """``log1p`` or ``rank-gauss`` for a column ``[N]`` with heavy tails; '' for any other.

    A column has a heavy tail on one side where its 95 % quantile is three times as far from the median as its 5 %
    quantile (1 for a normal column, 3.6 for an exponential one, e^(1.64 σ) for a log-normal one) or the other way
    round; on both where the range of 98 % of its cells is seven times that of 50 % (3.4 for a normal one, 32 for
    Cauchy's). These are quantiles, so that a few outliers or wrong cells say nothing. Columns of few cells, or of few
    different ones, have no tails to be judged.

    log1p is for numbers from 0 on whose tails are no longer heavy after it; it does nothing to numbers far below 1.
    """
    if len(cells) < FEWEST or len(np.unique(cells)) < DISTINCT:
        return ""
    if not _is_heavy(cells):
        return ""
    return "log1p" if cells.min() >= 0 and not _is_heavy(np.log1p(cells)) else "rank-gauss"


def _is_heavy(cells: np.ndarray) -> bool:
    lopsided, spread = _tails(cells)
    return abs(lopsided) >= math.log(ONE_SIDED) or spread >= TWO_SIDED


def _tails(cells: np.ndarray) -> tuple[float, float]:
    """The logarithm of (q95 − q50)/(q50 − q05), and (q99 − q01)/(q75 − q25)."""
    least, low, first, middle, third, high, most = np.quantile(cells, (0.01, 0.05, 0.25, 0.5, 0.75, 0.95, 0.99))
    tiny = 1e-6 * (most - least) + np.finfo(np.float64).tiny
    lopsided = float(np.log(max(high - middle, tiny) / max(middle - low, tiny)))
    return lopsided, float((most - least) / max(third - first, tiny))


def _standardised(modality: Modality) -> list[int]:
    """The columns of real numbers with a normal likelihood that are standardised."""
    if isinstance(modality, VectorModality):
        wanted = modality.transform == "standardise" and modality.likelihood.name == "normal"
        return list(range(math.prod(modality.shape))) if wanted else []
    if not isinstance(modality, MixedModality):
        return []
    return [
        place
        for place, column in enumerate(modality.columns)
        if modality.choice(column).name == "normal"
        and modality.column_transform(column) == "standardise"
        and column not in modality.transforms
    ]


def _is_composition(modality: Modality, values: np.ndarray, observed: np.ndarray | None) -> bool:
    """Whether rows are of numbers from 0 on with the same total."""
    if not isinstance(modality, VectorModality) or values.shape[1] < 3:
        return False
    rows = values if observed is None else values[observed.all(1)]
    totals = rows.sum(1, dtype=np.float64)
    return len(rows) > 0 and rows.min() >= 0 and bool((np.ptp(totals) <= SAME_TOTAL * totals.mean()).all())


def _sentence(
    name: str, modality: Modality, columns: list[int], found: Mapping[str, list[int]], composition: bool
) -> str:
    heavy = sorted(place for places in found.values() for place in places)
    titles, alone = modality.value_names(name), len(columns) == 1
    some = ", ".join([*(titles[place] for place in heavy[:NAMES]), *(["…"] if len(heavy) > NAMES else [])])
    number = f"{len(heavy)} of {len(columns)} columns of {name} ({some})"
    subject = f"the column {some} is" if alone else f"{number} {'are' if len(heavy) > 1 else 'is'}"
    if isinstance(modality, MixedModality):
        kind = {place: transform for transform, places in found.items() for place in places}
        pairs = [f"{titles[place]}: {kind[place]}" for place in heavy]
        remedy = f"transforms: {{{', '.join([*pairs[:NAMES], *(['…'] if len(pairs) > NAMES else [])])}}}"
    else:
        remedy = f"transform: {'clr' if composition else 'log1p' if set(found) == {'log1p'} else 'rank-gauss'}"
    why = ", and its rows have the same total" if composition else ""
    them = "it" if len(heavy) == 1 else "them"
    return (
        f"{name}: {subject} heavy-tailed{why}; a few large values then decide most of what is learned of {them}. "
        f"modalities.{name}.{remedy} straightens that, and is undone in all that comes out; transform: standardise "
        "says that it is meant as it is."
    )
