"""NWB files as rows: one for each trial."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, ClassVar, Self

import numpy as np

from mmgen import DataError, FileSource, Reading
from mmgen.data import check_hdf5
from mmgen.errors import alternatives, first_line
from mmgen.options import Options

from .binning import average_samples, count_spikes, is_covered
from .options import NwbOptions
from .signals import find_signals
from .toy import write_toy
from .trials import as_python, read_trials

UNITS = "units"


class NwbFile(FileSource):
    """A recording in the format of Neurodata Without Borders: a row for each trial.

    Columns are those of the table of trials, and ``id``. The array ``units`` holds how many spikes each unit has in
    each bin, ``[trials, units × bins]`` with the names ``unit3_bin2`` (3 is the unit's id in the file); units that were
    not observed during a whole trial have no counts there. Time series of numbers (behaviour, local field potentials)
    are arrays ``[trials, bins × channels]`` of means over the samples in each bin. Trials without a time 0 are left
    out.
    """

    kind = "arrays"
    Config: ClassVar[type[Options]] = NwbOptions
    describes_itself: ClassVar[bool] = True

    def __init__(self, path: Path, options: NwbOptions) -> None:
        self.path, self.options = path, options
        with self._readable():
            check_hdf5(path)
        with self._file() as file:
            self._columns, self._edges, self._left_out = read_trials(file, options, path.name)
            self._groups = self._read_units(file)
            signals = find_signals(file)
            taken = {*self._columns, *self._groups}
            self._channels = {name: each.channels for name, each in signals.items() if name not in taken}
        super().__init__(path.name, [*self._columns, *self._groups, *self._channels])
        self.count = len(self._edges)
        self._note_trials()

    @classmethod
    def open(cls, path: Path, reading: Reading) -> Self:
        """The trials and the ids of units; spikes and samples are read when they are asked for."""
        return cls(path, reading.format if isinstance(reading.format, NwbOptions) else NwbOptions())

    @classmethod
    def write_toy(cls, folder: Path) -> Path:
        """Eight trials of three units, of which one has no time, and a running speed."""
        return write_toy(folder / "toy.nwb")

    def cells(self, name: str) -> list[Any]:
        """A column of the trials."""
        if name not in self._columns:
            raise DataError(f"{name!r} in {self.title} is an array, and a single value per row was wanted.")
        return self._columns[name]

    def array(self, name: str) -> tuple[np.ndarray, np.ndarray]:
        """Counts or means of samples; rows without any number are missing."""
        if name in self._columns:
            values = np.array(self._columns[name])
            return values, np.array([not self.missing.is_missing(cell) for cell in self._columns[name]])
        with self._file() as file:
            values = self._counts(file, self._groups[name]) if name in self._groups else self._means(file, name)
        return values, ~np.isnan(values).all(1)

    def value_names(self, name: str) -> tuple[str, ...]:
        """``unit3_bin2`` of counts; ``speed_bin2``, or ``position_bin2_1`` of several channels, of signals."""
        if name in self._groups:
            return tuple(f"unit{unit}_bin{b}" for unit in self._groups[name].values() for b in range(self.options.bins))
        if name not in self._channels:
            return ()
        channels = self._channels[name]
        ends = [f"_{channel}" for channel in range(channels)] if channels > 1 else [""]
        return tuple(f"{name}_bin{b}{end}" for b in range(self.options.bins) for end in ends)

    def described(self) -> dict[str, dict[str, Any]]:
        """The counts: of all units, or of those of each value of the option ``by``."""
        names = [name for name in self._groups if name != UNITS] or list(self._groups)
        return {name: {"array": name, "kind": "counts"} for name in names}

    # Reading ----------------------------------------------------------------------------------------------------------

    @contextmanager
    def _file(self) -> Iterator[Any]:
        """The open file."""
        import pynwb

        with self._readable(), warnings.catch_warnings():
            warnings.simplefilter("ignore")  # on other versions of the schemas, which are read all the same
            with pynwb.NWBHDF5IO(self.path, "r") as opened:
                yield opened.read()

    @contextmanager
    def _readable(self) -> Iterator[None]:
        """Whatever goes wrong is a sentence with the name of the file."""
        try:
            yield
        except DataError:
            raise
        except Exception as error:  # whatever HDF5 and the schemas make of a damaged file
            reason = f"it is truncated, damaged, or something else ({first_line(error)[:120]})"
            raise DataError(f"{self.path} cannot be read as NWB; {reason}.") from error

    def _note_trials(self) -> None:
        """Say what is left out, and which windows reach beyond their trial."""
        options, name = self.options, self.options.trials
        if self._left_out:
            total = self._left_out + self.count
            self.notes.append(
                f"{self.title}: {self._left_out} of {total} {name} have no time in {options.align!r}, and are left out."
            )
        stops = np.array([np.nan if cell is None else cell for cell in self._columns["stop_time"]], dtype=np.float64)
        beyond = int((self._edges[:, -1] > stops + 1e-9).sum())
        if beyond:
            self.notes.append(
                f"{self.title}: in {beyond} of {self.count} {name} the window ends after the stop_time; what comes "
                "later is counted too (dataset.format.window)."
            )

    def _read_units(self, file: Any) -> dict[str, dict[int, int]]:
        """Arrays of units, each with the places in the table and the ids of its units."""
        table = file.units
        if table is None or "spike_times" not in table.colnames:
            return {}
        ids = np.asarray(table.id[:]).tolist()
        kept = np.ones(len(ids), dtype=bool)
        for column, wanted in self.options.units.items():
            taken = [wanted] if isinstance(wanted, str) else list(wanted)
            kept &= np.isin(self._words(table, column, "units"), taken)
        if not kept.any():
            raise DataError(f"dataset.format.units: {self.path.name} has no unit of {dict(self.options.units)}.")
        groups = {UNITS: {place: ids[place] for place in np.flatnonzero(kept).tolist()}}
        if self.options.by is not None:
            words = self._words(table, self.options.by, "by")
            for word in dict.fromkeys(words[kept].tolist()):
                alike = np.flatnonzero(kept & (words == word)).tolist()
                groups[f"{UNITS}_{word}"] = {place: ids[place] for place in alike}
        return groups

    def _words(self, table: Any, column: str, option: str) -> np.ndarray:
        """A column of the units as words."""
        if column not in table.colnames or type(table[column]).__name__ != "VectorData":
            known = alternatives(column, table.colnames)
            raise DataError(
                f"dataset.format.{option}: the units of {self.path.name} have no column {column!r} of single values; "
                f"their columns are {known}"
            )
        return np.array([str(as_python(cell)) for cell in np.asarray(table[column].data[:]).tolist()])

    def _counts(self, file: Any, units: dict[int, int]) -> np.ndarray:
        """Spikes ``[trials, units × bins]``, NaN where a unit was not observed during the whole of a trial."""
        table, edges = file.units, self._edges
        counts = np.empty((len(edges), len(units), self.options.bins))
        for number, place in enumerate(units):
            counts[:, number] = count_spikes(np.asarray(table["spike_times"][place], dtype=np.float64), edges)
            if "obs_intervals" in table.colnames:
                intervals = np.asarray(table["obs_intervals"][place], dtype=np.float64).reshape(-1, 2)
                counts[~is_covered(intervals, edges), number] = np.nan
        return counts.reshape(len(edges), -1)

    def _means(self, file: Any, name: str) -> np.ndarray:
        """Means of the samples in each bin, ``[trials, bins × channels]``."""
        signal = find_signals(file)[name]
        means = average_samples(signal.times(), signal.samples, signal.channels, self._edges)
        return means.reshape(len(means), -1)
