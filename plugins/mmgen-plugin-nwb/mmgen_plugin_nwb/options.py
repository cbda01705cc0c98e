"""What may be said of how a recording becomes rows."""

from __future__ import annotations

import math

import numpy as np
from pydantic import Field, model_validator

from mmgen.options import Options


class NwbOptions(Options):
    """What the trials are, what their time 0 is, and in which bins spikes are counted and signals averaged."""

    trials: str = Field("trials", description="The table of intervals that are the rows: trials, epochs, or another.")
    align: str = Field("start_time", description="Column of that table with the time that is 0 for a trial.")
    window: tuple[float, float] = Field(
        (0.0, 0.5), description="From when to when a trial is looked at, in seconds from its time 0."
    )
    bin: float = Field(0.05, gt=0, description="Width of a bin in seconds; the window is a whole number of them.")
    units: dict[str, tuple[str, ...] | str] = Field(
        {}, description="Columns of the table of units and the values of those that are taken, such as {quality: good}."
    )
    by: str | None = Field(
        None,
        description="Column of the table of units, such as location: besides the array units there is one of the "
        "units of each of its values, units_CA1, and these are the modalities where none are named.",
    )

    @model_validator(mode="after")
    def _check_window(self) -> NwbOptions:
        start, end = self.window
        if not (math.isfinite(start) and math.isfinite(end) and start < end):
            raise ValueError(f"window is two times of which the second is later, not {list(self.window)}")
        if abs((end - start) / self.bin - self.bins) > 1e-6 or self.bins < 1:
            raise ValueError(
                f"a window from {start:g} to {end:g} s is no whole number of bins of {self.bin:g} s; change one of them"
            )
        return self

    @property
    def bins(self) -> int:
        """How many there are."""
        return round((self.window[1] - self.window[0]) / self.bin)

    def edges(self, times: np.ndarray) -> np.ndarray:
        """Edges of the bins ``[trials, bins + 1]`` in the seconds of the file, of the times 0 of trials."""
        return np.asarray(times)[:, None] + (self.window[0] + self.bin * np.arange(self.bins + 1))
