from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from mmgen_plugin_rats import RATS

FOLDERS = {"barat": "Barat", "buchanan": "BUCHANAN", "mitt": "mitt", "stella": "Stella", "superchris": "SuperChris"}


@pytest.fixture
def official(tmp_path: Path) -> Callable[..., Path]:
    """Writes the official layout: a few trials of each odour, of a different number in each rat."""

    def write(trials: int = 2, dtype: str = "float64", order: str = "C") -> Path:
        generator = np.random.default_rng(1)
        for i, (rat, facts) in enumerate(RATS.items()):
            odour = generator.permutation(
                np.repeat([1, 2, 3, 4, 5], [trials + i % 2, trials, trials + i % 3, trials + i, 2])
            )
            info = np.zeros((len(odour), 5))
            info[:, :2] = generator.random((len(odour), 2)) < 0.8
            info[:, 3] = odour
            for code in range(1, 5):  # the first trial of every odour is kept by every filter
                info[np.flatnonzero(odour == code)[0], :2] = 1
            spikes = generator.poisson(0.3, (len(odour), facts.neurons, 400)).astype(dtype)
            folder = tmp_path / FOLDERS[rat]
            folder.mkdir()
            np.save(folder / f"{rat}_trial_info.npy", info)
            np.save(folder / f"{FOLDERS[rat]}_spike_data_binned.npy", np.asarray(spikes, order=order))
        return tmp_path

    return write
