"""Rows that lose some of their modalities, or some cells of these, as options of every dataset."""

from __future__ import annotations

import zlib
from collections.abc import Collection, Mapping
from dataclasses import replace

import numpy as np
import torch

from ..errors import DataError, alternatives, listed
from .dataset import DatasetConfig, Splits
from .modality import Modality
from .table import Table

SIDES = ("train", "val")  # test rows keep everything, so that numbers can be compared
OPTIONS = (
    "missing_rate",
    "missing_cells",
    "missing_by",
    "missing_seed",
)  # of DatasetConfig: what is prepared and cached does not depend on them
BLOCK = 4096  # rows whose cells are drawn at a time


def with_missing_cells(modalities: Mapping[str, Modality], config: DatasetConfig) -> dict[str, Modality]:
    """The modalities with ``missing: cell`` where the options withhold cells.

    Raises:
        DataError: A modality of another name, or of a kind that is there as a whole or not at all.
    """
    rates = _cell_rates(config.missing_cells, modalities)
    return {
        name: modality.model_copy(update={"missing": "cell"}) if rates[name] else modality
        for name, modality in modalities.items()
    }


def withhold(splits: Splits, modalities: Mapping[str, Modality], config: DatasetConfig) -> tuple[dict[str, Table], str]:
    """Training and validation rows with fewer modalities, and of those that are left with fewer cells; and a phrase on
    how much is gone (empty: none).

    A value is withheld with the probability of its modality, which ``missing_by`` makes depend on the row's class c of
    C: 2c / (C − 1) times as much, from nothing in the first class to twice the rate in the last. A row that would lose
    everything keeps one of what it had, and a modality one of its cells. The same seed withholds the same values, and
    more of them, none less, at a higher rate.

    Raises:
        DataError: A modality or label of another name, a label of several answers, a rate that would be above 1, or
            cells of a modality that is there as a whole or not at all.
    """
    tables = {side: getattr(splits, side) for side in SIDES}
    remarks = []
    by = f", by {config.missing_by}" if config.missing_by else ""
    rates = _rates(config.missing_rate, list(splits.train.data), "missing_rate")
    if any(rates.values()):
        before = sum(int(table.available.sum()) for table in tables.values())
        tables = {side: _without_modalities(splits, side, table, rates, config) for side, table in tables.items()}
        gone = before - sum(int(table.available.sum()) for table in tables.values())
        remarks.append(f"{gone / max(before, 1):.1%} of the values of training and validation rows withheld{by}")
    cell_rates = _cell_rates(config.missing_cells, modalities)
    if any(cell_rates.values()):
        whole = next((name for name, rate in cell_rates.items() if rate and modalities[name].missing != "cell"), None)
        if whole is not None:
            raise DataError(
                f"dataset.missing_cells: the run knows {whole!r} as a whole, without empty cells; leave it out."
            )
        before, after = 0, 0
        for side, table in tables.items():
            tables[side] = _without_cells(splits, side, table, cell_rates, config)
            for name in (name for name, rate in cell_rates.items() if rate):
                before += int(table.observed_cells(name).sum())
                after += int(tables[side].observed[name].sum())
        some = listed(name for name, rate in cell_rates.items() if rate)
        remarks.append(
            f"{(before - after) / max(before, 1):.1%} of the cells of {some} in training and validation rows "
            f"withheld{by}"
        )
    return (tables if remarks else {}), "; ".join(remarks)


def without_partial_rows(table: Table, names: Collection[str]) -> Table:
    """The same rows without the modalities in ``names`` where some of their cells are empty."""
    concerned = [name for name in table.observed if name in names]
    if not concerned:
        return table
    available, data = table.available.clone(), dict(table.data)
    for name in concerned:
        whole = table.observed[name].flatten(1).all(1)
        available[:, list(table.data).index(name)] &= whole
        data[name] = data[name][:] * whole.reshape(-1, *[1] * (len(data[name].shape) - 1)).to(data[name].dtype)
    observed = {name: cells for name, cells in table.observed.items() if name not in concerned}
    return replace(table, data=data, available=available, observed=observed)


def _without_modalities(
    splits: Splits, side: str, table: Table, rates: Mapping[str, float], config: DatasetConfig
) -> Table:
    draw = np.random.default_rng([config.missing_seed, SIDES.index(side)])
    shape = len(table), len(rates)
    uniform, priority = draw.random(shape), draw.random(shape)
    observed = table.available.numpy()
    each, factors = np.array(list(rates.values())), _factors(splits, table, config.missing_by, "missing_rate", rates)
    retained = observed & (uniform >= each * factors[:, None])
    rescued = np.where(observed, priority, -1).argmax(1)  # what stays where nothing would
    empty = observed.any(1) & ~retained.any(1)
    retained[empty, rescued[empty]] = True
    return replace(table, available=torch.from_numpy(retained))


def _without_cells(splits: Splits, side: str, table: Table, rates: Mapping[str, float], config: DatasetConfig) -> Table:
    """Less of the modalities that have a rate; a cell's own number decides, and of those that are all below the rate
    the cell with the largest one is kept.
    """
    factors = _factors(splits, table, config.missing_by, "missing_cells", rates)
    data, masks = dict(table.data), dict(table.observed)
    for name, rate in rates.items():
        if not rate:
            continue
        draw = np.random.default_rng([config.missing_seed, SIDES.index(side), zlib.crc32(name.encode())])
        cells = table.observed_cells(name)
        observed = cells.flatten(1).numpy()
        retained = np.empty_like(observed)
        for start in range(0, len(table), BLOCK):
            rows = slice(start, start + BLOCK)
            uniform = np.where(observed[rows], draw.random(observed[rows].shape, dtype=np.float32), -1)
            largest = uniform == uniform.max(1, keepdims=True)
            retained[rows] = observed[rows] & ((uniform >= rate * factors[rows, None]) | largest)
        masks[name] = torch.from_numpy(retained).reshape(cells.shape)
        values = data[name][:]
        data[name] = torch.where(masks[name], values, torch.zeros_like(values))
    return replace(table, data=data, observed={name: masks[name] for name in data if name in masks})


def _cell_rates(rate: float | Mapping[str, float], modalities: Mapping[str, Modality]) -> dict[str, float]:
    """The rate of the cells of every modality; of those that can have any where one rate is for all."""
    able = [name for name, modality in modalities.items() if modality.takes_missing_cells]
    if isinstance(rate, Mapping):
        rates = _rates(rate, list(modalities), "missing_cells")
        whole = next((name for name, share in rates.items() if share and name not in able), None)
        if whole is not None:
            raise DataError(
                f"dataset.missing_cells: {whole!r} is there as a whole or not at all; {_can_lose(able)}. "
                "dataset.missing_rate withholds whole modalities."
            )
        return rates
    if rate and not able:
        raise DataError(
            f"dataset.missing_cells: {listed(modalities)} are there as a whole or not at all; vectors, counts and tags "
            "can lose single cells. dataset.missing_rate withholds whole modalities."
        )
    return {name: rate if name in able else 0.0 for name in modalities}


def _can_lose(able: list[str]) -> str:
    return f"{listed(able)} can lose single cells" if able else "vectors, counts and tags can lose single cells"


def _rates(rate: float | Mapping[str, float], names: list[str], option: str) -> dict[str, float]:
    """The rate of every modality."""
    if not isinstance(rate, Mapping):
        return dict.fromkeys(names, rate)
    for name in rate:
        if name not in names:
            raise DataError(f"dataset.{option}: there is no modality {name!r}; there are {alternatives(name, names)}")
    return {name: rate.get(name, 0.0) for name in names}


def _factors(splits: Splits, table: Table, label: str | None, option: str, rates: Mapping[str, float]) -> np.ndarray:
    """By how much the rates of each row are multiplied, ``[N]``."""
    if label is None:
        return np.ones(len(table))
    single = [name for name, codes in table.labels.items() if codes.dim() == 1]
    if label not in single:
        raise DataError(
            f"dataset.missing_by: there is no label {label!r} of one class per row; there are "
            f"{alternatives(label, single)}"
        )
    if max(rates.values()) > 0.5:
        raise DataError(
            f"dataset.{option}: with missing_by the last class loses twice the rate, so it is at most 0.5, not "
            f"{max(rates.values()):g}."
        )
    codes, classes = table.labels[label].numpy(), len(splits.labels[label])
    return np.where(codes < 0, 1.0, 2 * codes / max(classes - 1, 1))
