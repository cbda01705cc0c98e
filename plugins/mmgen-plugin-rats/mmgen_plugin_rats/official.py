"""The official files (Dryad, doi:10.7280/D14X30), read as they are and checked.

``<root>/<Rat>/<rat>_trial_info.npy``: one row per trial; column 0 correct, column 1 in sequence, column 3 odour (1 to
5). ``<root>/<Rat>/<rat>_spike_data_binned.npy``: counts ``[trials, neurons, 400]``; bins of 10 ms from 2 s before to 2
s after port entry. Folders and files are found whatever the case of their letters, since published copies differ in it.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np

from mmgen import DataError

from .windows import BINS, Rat, Recording


def find_files(root: Path, rats: Mapping[str, Rat]) -> dict[str, tuple[Path, Path]]:
    """For each rat the file of its trials and the file of its spikes."""
    root = root.expanduser()
    if not root.is_dir():
        problem = "is not a folder" if root.exists() else "does not exist"
        raise DataError(
            f"{root} {problem}; dataset.root should be the folder that holds one folder per rat: {', '.join(rats)}."
        )
    files = {}
    for rat in rats:
        folder = _only(root, rat, "folder")
        files[rat] = (
            _only(folder, f"{rat}_trial_info.npy", "file"),
            _only(folder, f"{rat}_spike_data_binned.npy", "file"),
        )
    return files


def _only(folder: Path, name: str, kind: str) -> Path:
    """The one entry of ``folder`` with this name in any case."""
    try:
        matches = sorted(
            path for path in folder.iterdir() if path.name.lower() == name and path.is_dir() == (kind == "folder")
        )
    except OSError as error:
        raise DataError(f"{folder} cannot be looked into ({error.strerror}); it should be readable.") from error
    if not matches:
        raise DataError(f"{folder} has no {kind} {name} (in upper or lower case); the official archive has one.")
    if len(matches) > 1:
        raise DataError(
            f"{folder} has several {kind}s called {name}: {', '.join(path.name for path in matches)}; leave only one "
            "of them."
        )
    return matches[0]


def read_recordings(root: Path, rats: Mapping[str, Rat]) -> dict[str, Recording]:
    """One recording per rat; the spikes stay memory-mapped until they are cut."""
    return {name: _read(*files, rats[name]) for name, files in find_files(root, rats).items()}


def _read(trial_path: Path, spike_path: Path, rat: Rat) -> Recording:
    trials, spikes = _array(trial_path), _array(spike_path)
    if trials.ndim != 2 or trials.shape[1] < 4:
        raise DataError(f"{trial_path} has the shape {list(trials.shape)}; it should be [trials, at least 4 columns].")
    if spikes.ndim != 3 or spikes.shape[1:] != (rat.neurons, BINS):
        raise DataError(
            f"{spike_path} has the shape {list(spikes.shape)}; it should be [trials, {rat.neurons} neurons, {BINS} "
            "bins]."
        )
    if len(trials) != len(spikes):
        raise DataError(
            f"{trial_path} has {len(trials)} trials and {spike_path.name} has {len(spikes)}; "
            "both should have the same trials, in the same order."
        )
    odour = np.asarray(trials[:, 3])
    wrong = np.flatnonzero(~np.isin(odour, (1, 2, 3, 4, 5)))
    if len(wrong):
        raise DataError(
            f"{trial_path} has the odour {odour[wrong[0]]} in row {wrong[0]}, column 3; odours are the whole numbers "
            "1 to 5."
        )
    return Recording(
        spikes, odour.astype(np.int64), trials[:, 0] > 0, trials[:, 1] > 0, str(spike_path), str(trial_path)
    )


def _array(path: Path) -> np.ndarray:
    """A memory-mapped array of numbers; nothing in the file is executed."""
    try:
        array = np.lib.format.open_memmap(path, mode="r")  # never unpickles; np.load would also open archives
    except Exception as error:  # numpy raises errors of many types for damaged headers
        reason = str(error).rstrip(".").replace("\n", " ") or type(error).__name__
        raise DataError(
            f"{path} cannot be read as a .npy file, perhaps because it was not copied whole ({reason}); copy it again."
        ) from error
    if array.dtype.kind not in "biuf":
        raise DataError(f"{path} does not hold an array of numbers; copy it again from the official archive.")
    return array
