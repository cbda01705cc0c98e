"""Recordings: counts against loops over spikes, signals against loops over samples, files in the official layout."""

import math
import warnings
from datetime import UTC, datetime

import numpy as np
import pynwb
import pytest
from hypothesis import given
from hypothesis import strategies as st

import mmgen
from mmgen import Reading
from mmgen.data import Table
from mmgen_plugin_nwb import NwbFile, NwbOptions
from mmgen_plugin_nwb.binning import average_samples, count_spikes, is_covered

STARTS = (0.5, 2.0, math.nan, 5.0, 6.5, 8.0, 9.5, 11.0, 12.5, 14.0)
WINDOW, BIN, BINS = (-0.25, 0.5), 0.25, 3


def recording(path, *, units=4, seed=0, **written):
    """Ten trials of which one has no time, spikes, and three signals; also what was written."""
    draw = np.random.default_rng(seed)
    file = pynwb.NWBFile(
        session_description="a test", identifier="t", session_start_time=datetime(2021, 5, 4, tzinfo=UTC)
    )
    file.add_trial_column(name="odour", description="which")
    file.add_trial_column(name="go", description="when")
    file.add_trial_column(name="hit", description="whether")
    for number, start in enumerate(STARTS):
        file.add_trial(
            start_time=start, stop_time=start + 0.4, odour="AB"[number % 2], go=start + 0.1, hit=number % 3 == 0
        )
    file.add_unit_column(name="location", description="where")
    file.add_unit_column(name="quality", description="how")
    spikes = [np.sort(draw.uniform(0, 16, 100 + 20 * unit)) for unit in range(units)]
    for unit in range(units):
        ends = [[0.0, 7.5], [7.7, 16.0]] if unit == 1 else [[0.0, 16.0]]
        file.add_unit(
            spike_times=spikes[unit],
            obs_intervals=ends,
            id=unit + 3,
            location=("CA1", "CA3")[unit % 2],
            quality="noise" if unit == 3 else "good",
        )
    behaviour = file.create_processing_module(name="behavior", description="what was done")
    position = draw.normal(size=(400, 2))
    times = np.sort(draw.uniform(0, 16, 400))
    series = pynwb.behavior.SpatialSeries(
        name="position", data=position, timestamps=times, reference_frame="door", conversion=0.01
    )
    behaviour.add(pynwb.behavior.Position(spatial_series=series))
    speed = draw.normal(size=32)
    behaviour.add(pynwb.TimeSeries(name="speed", data=speed, unit="m/s", starting_time=0.5, rate=2.0))
    file.add_acquisition(pynwb.TimeSeries(name="words", data=np.array(["a", "b"]), unit="n/a", timestamps=[0.0, 1.0]))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        with pynwb.NWBHDF5IO(path, "w") as out:
            out.write(file)
    return spikes, position * 0.01, times, speed


@pytest.fixture(scope="module")
def recorded(tmp_path_factory):
    path = tmp_path_factory.mktemp("nwb") / "rat.nwb"
    return path, *recording(path)


def opened(path, **options):
    return NwbFile.open(path, Reading(format=NwbOptions(**{"window": WINDOW, "bin": BIN, **options})))


def kept():
    return [start for start in STARTS if start == start]


def test_counts_are_those_of_a_loop_over_trials_units_bins_and_spikes(recorded):
    path, spikes, *_ = recorded
    source = opened(path)
    counts, present = source.array("units")
    assert counts.shape == (9, 4 * BINS) and present.all()
    for trial, start in enumerate(kept()):
        for unit in range(4):
            for b in range(BINS):
                left, right = start + (WINDOW[0] + BIN * b), start + (WINDOW[0] + BIN * (b + 1))
                expected = sum(1 for spike in spikes[unit] if left <= spike < right)
                found = counts[trial, unit * BINS + b]
                assert found == expected, (trial, unit, b)
    assert source.value_names("units")[BINS] == "unit4_bin0" and len(source.value_names("units")) == 4 * BINS


def test_a_unit_has_no_counts_in_trials_in_which_it_was_not_observed(tmp_path):
    draw = np.random.default_rng(1)
    file = pynwb.NWBFile(
        session_description="a test", identifier="t", session_start_time=datetime(2021, 5, 4, tzinfo=UTC)
    )
    for start in range(6):
        file.add_trial(start_time=float(start), stop_time=start + 1.0)
    file.add_unit(spike_times=np.sort(draw.uniform(0, 6, 50)), obs_intervals=[[0.0, 2.5], [4.0, 9.0]])
    with pynwb.NWBHDF5IO(tmp_path / "a.nwb", "w") as out:
        out.write(file)
    counts, present = NwbFile.open(tmp_path / "a.nwb", Reading(format=NwbOptions(window=(0, 1), bin=1))).array("units")
    assert np.isnan(counts[:, 0]).tolist() == [False, False, True, True, False, False]
    assert present.tolist() == [True, True, False, False, True, True]


@given(
    st.lists(st.integers(0, 40), max_size=30),
    st.lists(st.integers(0, 20), min_size=1, max_size=4),
    st.integers(1, 4),
)
def test_spikes_on_an_edge_belong_to_the_bin_that_begins_there(spikes, starts, bins):
    edges = np.array(starts)[:, None] + np.arange(bins + 1)
    found = count_spikes(np.array(spikes, dtype=float), edges)
    for trial, start in enumerate(starts):
        for b in range(bins):
            assert found[trial, b] == sum(1 for spike in spikes if start + b <= spike < start + b + 1)


def test_trials_lie_in_one_interval_of_observation():
    edges = np.array([[0.0, 0.5, 1.0], [1.0, 1.5, 2.0], [1.5, 2.0, 2.5]])
    assert is_covered(np.array([[0.0, 2.0], [2.0, 5.0]]), edges).tolist() == [True, True, False]


def literal_mean(times, values, left, right):
    """The mean of samples in a bin; a line between the neighbours at its middle; NaN outside of the signal."""
    inside = [value for time, value in zip(times, values) if left <= time < right]
    if inside:
        return sum(inside) / len(inside)
    middle = (left + right) / 2
    before = [(time, value) for time, value in zip(times, values) if time <= middle]
    after = [(time, value) for time, value in zip(times, values) if time >= middle]
    if not before or not after:
        return math.nan
    (t0, v0), (t1, v1) = before[-1], after[0]
    return v0 if t0 == t1 else v0 + (v1 - v0) * (middle - t0) / (t1 - t0)


@given(
    st.lists(st.integers(0, 60), min_size=1, max_size=12, unique=True),
    st.lists(st.integers(0, 60), min_size=1, max_size=3),
)
def test_signals_are_those_of_a_loop_over_samples(ticks, starts):
    times = np.sort(np.array(ticks, dtype=float))
    values = np.cos(times)[:, None] * [1.0, 3.0]
    edges = np.array(starts, dtype=float)[:, None] + np.array([0.0, 4.0, 8.0])
    found = average_samples(times, lambda rows: values[rows], 2, edges)
    for trial, start in enumerate(starts):
        for b in range(2):
            for channel in range(2):
                expected = literal_mean(times, values[:, channel], start + 4.0 * b, start + 4.0 * (b + 1))
                assert found[trial, b, channel] == pytest.approx(expected, nan_ok=True)


def test_signals_of_the_file_are_in_their_units_with_times_or_a_rate(recorded):
    path, _, position, times, speed = recorded
    source = opened(path)
    found, _ = source.array("position")
    slow, _ = source.array("speed")
    assert found.shape == (9, BINS * 2) and slow.shape == (9, BINS)
    for trial, start in enumerate(kept()):
        for b in range(BINS):
            left, right = start + (WINDOW[0] + BIN * b), start + (WINDOW[0] + BIN * (b + 1))
            for channel in range(2):
                expected = literal_mean(times, position[:, channel], left, right)
                assert found[trial, b * 2 + channel] == pytest.approx(expected, nan_ok=True)
            expected = literal_mean([0.5 + k / 2 for k in range(32)], speed, left, right)
            assert slow[trial, b] == pytest.approx(expected, nan_ok=True)
    assert source.value_names("position")[:3] == ("position_bin0_0", "position_bin0_1", "position_bin1_0")
    assert "words" not in source.names


def test_trials_are_rows_with_their_columns(recorded):
    source = opened(recorded[0])
    assert source.cells("odour") == [odour for odour, start in zip("AB" * 5, STARTS) if start == start]
    assert source.cells("id") == [0, 1, 3, 4, 5, 6, 7, 8, 9]
    assert any("1 of 10 trials have no time in 'start_time', and are left out" in note for note in source.notes)
    assert any("in 9 of 9 trials the window ends after the stop_time" in note for note in source.notes)
    assert opened(recorded[0], align="go").array("units")[0].shape == (9, 12)


def test_units_are_chosen_and_grouped(recorded):
    source = opened(recorded[0], units={"quality": "good"}, by="location")
    assert [name for name in source.names if name.startswith("units")] == ["units", "units_CA1", "units_CA3"]
    assert source.value_names("units_CA3") == tuple(f"unit4_bin{b}" for b in range(BINS))
    every = opened(recorded[0]).array("units")[0]
    assert np.array_equal(source.array("units_CA1")[0], every[:, [0, 1, 2, 6, 7, 8]])
    assert source.described() == {name: {"array": name, "kind": "counts"} for name in ("units_CA1", "units_CA3")}
    assert opened(recorded[0]).described() == {"units": {"array": "units", "kind": "counts"}}


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ({"trials": "rounds"}, r"format\.trials: rat\.nwb has no table 'rounds'; its tables of intervals are trials"),
        (
            {"align": "gone"},
            r"format\.align: the trials of rat\.nwb have no column 'gone'; .*did you mean 'go'|columns are",
        ),
        ({"align": "odour"}, r"format\.align: 'odour' of rat\.nwb holds no times in seconds"),
        ({"units": {"quality": "superb"}}, r"format\.units: rat\.nwb has no unit of {'quality': 'superb'}"),
        ({"by": "area"}, r"format\.by: the units of rat\.nwb have no column 'area'"),
    ],
)
def test_what_the_file_does_not_have_is_a_sentence(recorded, options, sentence):
    with pytest.raises(mmgen.DataError, match=sentence):
        opened(recorded[0], **options)


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ({"bin": 0.3}, r"dataset\.format.*a window from 0 to 0\.5 s is no whole number of bins of 0\.3 s"),
        ({"window": [1, 0]}, r"two times of which the second is later"),
        ({"width": 0.1}, r"dataset\.format.*width"),
    ],
)
def test_options_of_the_format_are_checked(recorded, options, sentence):
    modalities = {"spikes": {"array": "units", "kind": "counts"}}
    with pytest.raises(mmgen.MmgenError, match=sentence):
        mmgen.load_dataset("table", path=recorded[0], format=options, modalities=modalities)


def test_other_formats_have_no_options(tmp_path):
    (tmp_path / "my.csv").write_text("a\n1\n2\n")
    with pytest.raises(mmgen.DataError, match=r"dataset\.format: how my\.csv is read has no options; leave it out"):
        mmgen.load_dataset(
            "table", path=tmp_path / "my.csv", format={"bin": 1}, modalities={"a": {"columns": "a", "kind": "vector"}}
        )


def test_a_recording_is_trained_on_and_another_is_read_by_the_run(recorded, tmp_path):
    options = {
        "name": "table",
        "path": recorded[0],
        "format": {"window": list(WINDOW), "bin": BIN, "by": "location"},
        "label": "odour",
        "test_fraction": 0.3,
        "val_fraction": 0,
        "modalities": {
            "CA1": {"array": "units_CA1", "kind": "counts", "hidden": [8]},
            "CA3": {"array": "units_CA3", "kind": "counts", "hidden": [8]},
            "position": {"array": "position", "kind": "vector", "hidden": [8]},
        },
    }
    run = mmgen.train("elbo", options, epochs=2, latent_dim=2, output=tmp_path / "run", quiet=True)
    table = Table.concatenate([run.data.train, run.data.test])
    order = table.rows.argsort()
    expected = opened(recorded[0], by="location").array("units_CA1")[0]
    assert np.array_equal(table.data["CA1"][:][order].numpy(), expected)
    assert run.data.labels["odour"] == ("A", "B")
    recording(tmp_path / "other.nwb", seed=7)
    again = mmgen.load_run(tmp_path / "run", {"path": str(tmp_path / "other.nwb")})
    with pytest.warns(mmgen.errors.DataWarning, match="None of the 9 rows of other.nwb is one of the run's"):
        assert len(again.encode(split="new")) == 9


def test_recordings_are_paired_by_a_stimulus_and_joined_with_tables(tmp_path):
    recording(tmp_path / "a.nwb", units=4, seed=1)
    recording(tmp_path / "b.nwb", units=2, seed=2)
    spikes = {"array": "units", "kind": "counts"}
    both = {"a": {"path": tmp_path / "a.nwb", **spikes}, "b": {"path": tmp_path / "b.nwb", **spikes}}
    data = mmgen.load_dataset("table", format={"bin": 0.25}, pair_by="odour", modalities=both)
    assert {name: each.shape for name, each in data.modalities.items()} == {"a": (8,), "b": (4,)}
    assert data.train.available.all()
    (tmp_path / "c.csv").write_text("id,x\n" + "".join(f"{row},{row / 10}\n" for row in range(10)))
    described = {"a": both["a"], "x": {"path": tmp_path / "c.csv", "columns": "x", "kind": "vector"}}
    data = mmgen.load_dataset("table", format={"bin": 0.25}, id="id", modalities=described)
    assert data.modalities["a"].shape == (8,)
    described["a"] = {**both["a"], "format": {"bin": 0.1}}
    assert mmgen.load_dataset("table", id="id", modalities=described).modalities["a"].shape == (20,)


def test_counts_of_units_are_the_modalities_where_none_are_named(recorded, tmp_path):
    options = {"window": list(WINDOW), "bin": BIN, "by": "location"}
    data = mmgen.load_dataset("table", path=recorded[0], format=options, label="odour")
    assert list(data.modalities) == ["units_CA1", "units_CA3"]
    source = opened(recorded[0], by="location")
    table = data.split("all")
    for name, modality in data.modalities.items():
        assert isinstance(modality, mmgen.CountsModality) and modality.columns == source.value_names(name)
        assert np.array_equal(table.data[name][table.rows.argsort()].numpy(), source.array(name)[0])
    changed = {"units_CA1": {"hidden": [8]}, "speed": {"array": "speed"}}
    data = mmgen.load_dataset("table", path=recorded[0], format=options, modalities=changed)
    assert list(data.modalities) == ["units_CA1", "units_CA3", "speed"]
    assert data.modalities["units_CA1"].hidden == (8,)
    recording(tmp_path / "b.nwb", units=2, seed=2)
    both = {"a": {"path": recorded[0]}, "b": {"path": tmp_path / "b.nwb"}}
    data = mmgen.load_dataset("table", format={"bin": BIN}, pair_by="odour", modalities=both)
    assert {name: each.shape for name, each in data.modalities.items()} == {"a": (8,), "b": (4,)}
    assert all(isinstance(each, mmgen.CountsModality) for each in data.modalities.values())
