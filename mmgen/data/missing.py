"""Rows that lose some of their modalities, as an option of every dataset."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import numpy as np
import torch

from ..errors import DataError, alternatives
from .dataset import DatasetConfig, Splits
from .table import Table

SIDES = ("train", "val")  # test rows keep everything, so that numbers can be compared
OPTIONS = (
    "missing_rate",
    "missing_by",
    "missing_seed",
)  # of DatasetConfig: what is prepared and cached does not depend on them


def withhold(splits: Splits, config: DatasetConfig) -> tuple[dict[str, Table], str]:
    """Training and validation rows with fewer modalities, and a phrase on how many are gone (empty: none).

    A value is withheld with the probability of its modality, which ``missing_by`` makes depend on the row's class c of
    C: 2c / (C − 1) times as much, from nothing in the first class to twice the rate in the last. A row that would lose
    everything keeps one of what it had. The same seed withholds the same values, and more of them, none less, at a
    higher rate.

    Raises:
        DataError: A modality or label of another name, a label of several answers, or a rate that would be above 1.
    """
    names = list(splits.train.data)
    rates = _rates(config.missing_rate, names)
    if not rates.any():
        return {}, ""
    tables, before, after = {}, 0, 0
    for number, side in enumerate(SIDES):
        table: Table = getattr(splits, side)
        draw = np.random.default_rng([config.missing_seed, number])
        uniform, priority = draw.random((len(table), len(names))), draw.random((len(table), len(names)))
        observed = table.available.numpy()
        retained = observed & (uniform >= rates * _factors(splits, table, config.missing_by, float(rates.max())))
        rescued = np.where(observed, priority, -1).argmax(1)  # what stays where nothing would
        empty = observed.any(1) & ~retained.any(1)
        retained[empty, rescued[empty]] = True
        tables[side] = replace(table, available=torch.from_numpy(retained), identity=None)
        before, after = before + int(observed.sum()), after + int(retained.sum())
    by = f", by {config.missing_by}" if config.missing_by else ""
    return tables, f"{(before - after) / max(before, 1):.1%} of the values of training and validation rows withheld{by}"


def _rates(rate: float | Mapping[str, float], names: list[str]) -> np.ndarray:
    """The rate of every modality, ``[M]``."""
    if not isinstance(rate, Mapping):
        return np.full(len(names), rate)
    for name in rate:
        if name not in names:
            raise DataError(
                f"dataset.missing_rate: there is no modality {name!r}; there are {alternatives(name, names)}"
            )
    return np.array([rate.get(name, 0.0) for name in names])


def _factors(splits: Splits, table: Table, label: str | None, highest: float) -> np.ndarray:
    """By how much the rates of each row are multiplied, ``[N, 1]``."""
    if label is None:
        return np.ones((len(table), 1))
    single = [name for name, codes in table.labels.items() if codes.dim() == 1]
    if label not in single:
        raise DataError(
            f"dataset.missing_by: there is no label {label!r} of one class per row; there are "
            f"{alternatives(label, single)}"
        )
    if highest > 0.5:
        raise DataError(
            "dataset.missing_rate: with missing_by the last class loses twice the rate, so it is at most 0.5, not "
            f"{highest:g}."
        )
    codes, classes = table.labels[label].numpy(), len(splits.labels[label])
    return np.where(codes < 0, 1.0, 2 * codes / max(classes - 1, 1))[:, None]
