"""The time series of a recording."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np


@dataclass(frozen=True)
class Signal:
    """A series of numbers ``[samples]`` or ``[samples, channels]`` in an open file, of which nothing is read yet.

    Attributes:
        series: The ``TimeSeries`` of pynwb.
        channels: How many values a sample has.
    """

    series: Any
    channels: int

    def times(self) -> np.ndarray:
        """Of the samples, in seconds; those of a rate are worked out."""
        if self.series.timestamps is not None:
            return np.asarray(self.series.timestamps[:], dtype=np.float64)
        return float(self.series.starting_time) + np.arange(len(self.series.data)) / float(self.series.rate)

    def samples(self, rows: slice) -> np.ndarray:
        """Some samples in the unit that the file names, ``[n, channels]``."""
        values = np.asarray(self.series.data[rows], dtype=np.float64).reshape(-1, self.channels)
        return values * float(self.series.conversion) + float(self.series.offset or 0)


def find_signals(file: Any) -> dict[str, Signal]:
    """Every series of numbers with up to two dimensions and times, by its name; one whose name occurs twice has that of
    its module before it, ``behavior/speed``.
    """
    found: dict[str, Signal] = {}
    modules = {name: module.data_interfaces for name, module in file.processing.items()}
    for place, contents in {"acquisition": file.acquisition, **modules}.items():
        for series in _series(contents.values()):
            if _is_signal(series):
                name = series.name if series.name not in found else f"{place}/{series.name}"
                found[name] = Signal(series, 1 if len(series.data.shape) == 1 else int(series.data.shape[1]))
    return found


def _is_signal(series: Any) -> bool:
    """Whether a series holds numbers of at most two dimensions, and says when they were taken."""
    shape = getattr(series.data, "shape", ())
    numeric = len(shape) in (1, 2) and 0 not in shape and series.data.dtype.kind in "biuf"
    return numeric and (series.timestamps is not None or series.rate is not None)


def _series(contents: Any) -> list[Any]:
    """Series, and those within containers of several, such as Position."""
    import pynwb

    found = []
    for each in contents:
        if isinstance(each, pynwb.TimeSeries):
            found.append(each)
        else:
            for inner in (getattr(each, name, None) for name in ("time_series", "spatial_series", "electrical_series")):
                found += list(inner.values()) if inner is not None and hasattr(inner, "values") else []
    return found
