from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mmgen import DataError
from mmgen_plugin_rats import RATS, Rats, RatsConfig, Recording, paired_windows, read_recordings

PUBLISHED = {
    "barat": (92, 225),
    "buchanan": (79, 225),
    "mitt": (104, 250),
    "stella": (49, 250),
    "superchris": (46, 225),
}


def literal(root, correct_only):
    """Rows ``(odour, tuple, {rat: values})`` written out from the description of the files."""
    folders = {path.name.lower(): path for path in root.iterdir()}
    info, spikes = {}, {}
    for rat in PUBLISHED:
        files = {path.name.lower(): path for path in folders[rat].iterdir()}
        info[rat] = np.load(files[f"{rat}_trial_info.npy"]).tolist()
        spikes[rat] = np.load(files[f"{rat}_spike_data_binned.npy"])
    rows, number = [], 0
    for odour in (1, 2, 3, 4):
        numbers = {}
        for rat in PUBLISHED:
            numbers[rat] = []
            for trial, facts in enumerate(info[rat]):
                if facts[3] == odour and (not correct_only or (facts[0] == 1 and facts[1] == 1)):
                    numbers[rat].append(trial)
        for i in range(min(len(found) for found in numbers.values())):
            for shift in range(16):
                row = {}
                for rat, (neurons, start) in PUBLISHED.items():
                    values = []
                    for neuron in range(neurons):
                        for position in range(10):
                            values.append(spikes[rat][numbers[rat][i], neuron, start + shift + position])
                    row[rat] = values
                rows.append((odour - 1, number, row))
            number += 1
    return rows


@pytest.mark.parametrize(
    ("dtype", "order", "correct_only"),
    [("float64", "C", False), ("uint8", "F", False), (">i2", "C", True), ("float32", "C", True)],
)
def test_windows_are_what_the_description_says(official, dtype, order, correct_only):
    root = official(dtype=dtype, order=order)
    rows = literal(root, correct_only)
    splits = Rats(RatsConfig(root=root, split="official_same", correct_only=correct_only)).splits()
    for table in (splits.train, splits.val, splits.test):
        assert table.labels["odour"].tolist() == [row[0] for row in rows]
        assert table.groups.tolist() == [row[1] for row in rows]
        assert table.rows.tolist() == list(range(len(rows)))
    assert list(splits.train.data) == list(PUBLISHED)
    for rat in PUBLISHED:
        assert str(splits.train.data[rat].dtype) == "torch.uint8"
        assert np.array_equal(splits.train.data[rat].numpy(), [row[2][rat] for row in rows])
    assert splits.provenance.kind == "real"
    assert "same trials" in splits.provenance.summary
    assert splits.facts["tuples_per_odour"]["A"] * 16 == sum(row[0] == 0 for row in rows)


def test_the_table_of_rats_is_the_published_one():
    assert {name: (rat.neurons, rat.start) for name, rat in RATS.items()} == PUBLISHED


def test_sources_are_the_ten_files_that_are_read(official):
    root = official()
    files = Rats(RatsConfig(root=root)).sources()
    assert sorted(files) == sorted(path for path in root.rglob("*.npy"))
    assert len(files) == 10


def test_the_spikes_stay_on_disk_until_they_are_cut(official):
    assert all(isinstance(recording.spikes, np.memmap) for recording in read_recordings(official(), RATS).values())


@given(st.lists(st.lists(st.integers(1, 5), max_size=30), min_size=5, max_size=5), st.integers(0, 2**32))
def test_pairing_takes_the_first_trials_of_every_odour(odours, seed):
    generator = np.random.default_rng(seed)
    recordings = {}
    for rat, codes in zip(RATS, odours):
        codes = np.array([*codes, 4, 1, 3, 2])
        spikes = np.zeros((len(codes), 1, 400), dtype=np.uint8)
        spikes += np.arange(len(codes), dtype=np.uint8)[:, None, None]  # a window then says which trial it was cut from
        keep = generator.random((2, len(codes))) < 0.8
        recordings[rat] = Recording(spikes, codes, keep[0], keep[1], rat, rat)
    table = paired_windows(recordings)
    for code in range(4):
        rows = table.labels["odour"] == code
        wanted = {
            rat: [t for t, c in enumerate(recording.odour) if c == code + 1] for rat, recording in recordings.items()
        }
        count = min(len(numbers) for numbers in wanted.values())
        assert rows.sum() == 16 * count
        for rat in RATS:
            assert table.data[rat][rows][:, 0].tolist() == [trial for trial in wanted[rat][:count] for _ in range(16)]
    kept = {rat: recording.correct & recording.in_sequence for rat, recording in recordings.items()}
    if all((recordings[rat].odour[kept[rat]] == code).any() for rat in RATS for code in (1, 2, 3, 4)):
        strict = paired_windows(recordings, correct_only=True)
        assert all(kept[rat][strict.data[rat].numpy()].all() for rat in RATS)
    else:
        with pytest.raises(DataError, match=r"has no correct, in-sequence trial of odour [A-D]"):
            paired_windows(recordings, correct_only=True)
