"""A small recording in the official layout."""

from __future__ import annotations

import warnings
from datetime import UTC, datetime
from pathlib import Path

import numpy as np


def write_toy(path: Path) -> Path:
    """Eight trials of two conditions, of which one has no time; three units in two places, and a running speed."""
    import pynwb

    draw = np.random.default_rng(0)
    file = pynwb.NWBFile(
        session_description="a toy", identifier="toy", session_start_time=datetime(2020, 1, 1, tzinfo=UTC)
    )
    file.add_trial_column(name="condition", description="what was shown")
    for trial in range(8):
        start = float("nan") if trial == 5 else float(trial)
        file.add_trial(start_time=start, stop_time=start + 0.8, condition="odour" if trial % 2 else "air")
    file.add_unit_column(name="location", description="where the unit is")
    for unit in range(3):
        spikes = np.sort(draw.uniform(0, 9, 60 * (unit + 1)))
        place = "CA1" if unit < 2 else "CA3"
        file.add_unit(spike_times=spikes, obs_intervals=[[0.0, 9.0]], location=place, id=10 + unit)
    module = file.create_processing_module(name="behavior", description="what the animal did")
    speed = draw.normal(5, 1, 90)
    module.add(pynwb.TimeSeries(name="speed", data=speed, unit="cm/s", starting_time=0.0, rate=10.0))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        with pynwb.NWBHDF5IO(path, "w") as out:
            out.write(file)
    return path
