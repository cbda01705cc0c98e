from __future__ import annotations

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression
from threadpoolctl import threadpool_limits

from mmgen_plugin_rats import RATS, Rats, RatsConfig, paired_windows, simulate_recordings, split_by_trial


@pytest.fixture(scope="module")
def recordings():
    return simulate_recordings(RATS, 0)


@pytest.fixture(scope="module")
def sides(recordings):
    return split_by_trial(paired_windows(recordings), test=0.2, val=0.1, seed=0)


def accuracy(sides, rats):
    def design(table):
        return np.concatenate([table.data[rat].numpy() for rat in rats], 1).astype(np.float32), table.labels[
            "odour"
        ].numpy()

    return LogisticRegression(C=0.03, tol=1e-2, max_iter=300).fit(*design(sides["train"])).score(*design(sides["test"]))


def test_dimensions_and_trials(recordings):
    for name, recording in recordings.items():
        assert recording.spikes.dtype == np.uint8
        assert recording.spikes.shape == (len(recording.odour), RATS[name].neurons, 400)
        counts = np.bincount(recording.odour, minlength=6)
        assert counts[0] == 0
        assert all(42 <= count <= 60 for count in counts[1:5])
        assert 21 <= counts[5] <= 30
        assert 0.7 < recording.correct.mean() < 1
        assert 0.7 < recording.in_sequence.mean() < 1
    assert len({tuple(np.bincount(recording.odour)) for recording in recordings.values()}) == len(RATS)


def test_rates_of_a_few_hertz_and_sparse_variable_counts(recordings):
    for recording in recordings.values():
        rates = recording.spikes.mean((0, 2)) * 100
        assert 1 < rates.mean() < 5
        assert rates.max() < 40
        assert np.median(rates) < rates.mean()  # a few neurons fire much, most fire little
        assert (recording.spikes == 0).mean() > 0.95
        of_trials = recording.spikes.sum((1, 2), dtype=np.int64)
        assert of_trials.var() > 2 * of_trials.mean()


def tuning(recording, bins):
    """How much the mean count of a busy neuron differs between odours, relative to that count."""
    counts = recording.spikes[:, :, bins].sum(2, dtype=np.int64)
    counts = counts[:, counts.mean(0) >= np.quantile(counts.mean(0), 0.85)]
    means = np.array([counts[recording.odour == code].mean(0) for code in (1, 2, 3, 4)])
    return (means.std(0) / (means.mean(0) + 0.1)).mean()


def test_neurons_know_the_odour_only_after_the_rat_has_smelt_it(recordings):
    for recording in recordings.values():
        assert tuning(recording, slice(245, 270)) > 1.5 * tuning(recording, slice(150, 175))


@pytest.mark.parametrize("rat", ["barat", "superchris"])
def test_one_rat_tells_the_odours_apart_but_not_well(sides, rat):
    assert 0.4 < accuracy(sides, [rat]) < 0.82


def test_five_rats_tell_them_apart(sides):
    assert accuracy(sides, list(RATS)) > 0.9


def test_without_signal_nobody_can():
    splits = Rats(RatsConfig(simulated_signal=0, simulated_trials=30)).splits()
    assert accuracy({"train": splits.train, "test": splits.test}, ["superchris"]) < 0.4


def test_the_seed_decides_every_byte():
    with threadpool_limits(1):
        first = simulate_recordings(RATS, 3, trials=5)
    with threadpool_limits(4):
        again = simulate_recordings(RATS, 3, trials=5)
    other = simulate_recordings(RATS, 4, trials=5)
    for rat in RATS:
        for part in ("spikes", "odour", "correct", "in_sequence"):
            assert getattr(first[rat], part).tobytes() == getattr(again[rat], part).tobytes()
        assert first[rat].spikes.tobytes() != other[rat].spikes.tobytes()
