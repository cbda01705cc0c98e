from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

import mmgen
from mmgen_plugin_rats import RATS, Rats, RatsConfig, Recording, paired_windows, split_by_trial


@pytest.fixture(scope="module")
def toy():
    return Rats.toy().splits()


def same(a, b):
    return all(torch.equal(a.data[rat], b.data[rat]) for rat in RATS)


@settings(max_examples=40, deadline=None)
@given(
    counts=st.lists(st.integers(5, 12), min_size=4, max_size=4), test=st.floats(0.2, 0.4), seed=st.integers(0, 2**32)
)
def test_no_trial_is_on_two_sides_and_every_odour_is_on_each(counts, test, seed):
    codes = np.repeat([1, 2, 3, 4], counts)
    blank = np.ones(len(codes), dtype=bool)
    recording = Recording(np.zeros((len(codes), 1, 400), dtype=np.uint8), codes, blank, blank, "", "")
    table = paired_windows(dict.fromkeys(RATS, recording))
    sides = split_by_trial(table, test, 0.2, seed)
    groups = [set(side.groups.tolist()) for side in sides.values()]
    assert set.union(*groups) == set(range(sum(counts)))
    assert sum(len(group) for group in groups) == sum(counts)
    assert sum(len(side) for side in sides.values()) == 16 * sum(counts)
    for side in sides.values():
        assert side.labels["odour"].unique().tolist() == [0, 1, 2, 3]
        assert torch.equal(table.labels["odour"][side.rows], side.labels["odour"])
        assert (side.groups.unique(return_counts=True)[1] == 16).all()


def test_shares_of_the_split():
    splits = Rats(RatsConfig(simulated_trials=20, test_fraction=0.25, val_fraction=0.15)).splits()
    total = sum(map(len, (splits.train, splits.val, splits.test)))
    assert len(splits.test) / total == pytest.approx(0.25, abs=0.03)
    assert len(splits.val) / total == pytest.approx(0.15, abs=0.03)


def test_the_seed_decides_the_split_of_real_recordings(official):
    root = official(trials=6, dtype="uint8")
    first, again, other = (Rats(RatsConfig(root=root, seed=seed)).splits() for seed in (0, 0, 1))
    assert torch.equal(first.test.rows, again.test.rows)
    assert not torch.equal(first.test.rows, other.test.rows)
    assert first.provenance.kind == "real"
    assert "10.7280/D14X30" in first.provenance.source
    assert "same trials" not in first.provenance.summary


def test_the_toy_has_the_schema(toy):
    modalities = Rats.toy().modalities()
    assert list(modalities) == ["barat", "buchanan", "mitt", "stella", "superchris"]
    assert [modality.shape for modality in modalities.values()] == [(920,), (790,), (1040,), (490,), (460,)]
    assert toy.labels == {"odour": ("A", "B", "C", "D")}
    for table in (toy.train, toy.val, toy.test):
        assert list(table.data) == list(modalities)
        assert table.available.all()
        assert sorted(table.labels["odour"].unique().tolist()) == [0, 1, 2, 3]
        for name, modality in modalities.items():
            assert table.data[name].shape == (len(table), *modality.shape)
            assert table.data[name].dtype == torch.uint8
    assert toy.provenance.kind == "simulated"
    assert toy.provenance.summary.startswith(
        "Simulated recordings of five rats (no files were given with dataset.root)"
    )


def test_networks_of_the_published_experiment():
    modality = Rats().modalities()["stella"]
    widths = [tuple(layer.weight.shape) for layer in modality.trunk(2).modules() if isinstance(layer, torch.nn.Linear)]
    assert widths == [(490, 490), (490, 490), (2, 490)]
    widths = [
        tuple(layer.weight.shape) for layer in modality.decoder(2).modules() if isinstance(layer, torch.nn.Linear)
    ]
    assert widths == [(490, 2), (490, 490), (490, 490)]
    assert (modality.likelihood.name, modality.transform, modality.activation, modality.spread) == (
        "squared-error",
        "none",
        "leaky-relu",
        "log-scale",
    )
    assert modality.render(np.arange(490)).content.shape == (49, 10)
    assert Rats.defaults == {"model": {"latent_dim": 2}, "training": {"batch_size": 128, "learning_rate": 1e-3}}


def test_every_option_is_described():
    assert all(field.description for field in RatsConfig.model_fields.values())


def test_official_same_has_the_same_trials_on_every_side():
    splits = Rats(RatsConfig(simulated_trials=5, split="official_same")).splits()
    assert same(splits.train, splits.test)
    assert same(splits.train, splits.val)
    assert "Train, validation and test are the same trials" in splits.provenance.summary


def test_by_name_and_through_the_cache(official, tmp_path_factory, monkeypatch):
    monkeypatch.setenv("MMGEN_CACHE", str(tmp_path_factory.mktemp("cache")))
    root = official(trials=6, dtype="uint8")
    data = mmgen.load_dataset("rats", root=str(root))
    again = mmgen.load_dataset("rats", root=str(root))
    assert data.fingerprint == again.fingerprint
    path = root / "Barat" / "Barat_spike_data_binned.npy"
    np.save(path, 1 + np.load(path))
    changed = mmgen.load_dataset("rats", root=str(root))
    assert changed.fingerprint != data.fingerprint
    assert torch.equal(changed.train.data["barat"], data.train.data["barat"] + 1)
    with pytest.raises(mmgen.MmgenError, match="nowhere does not exist"):
        mmgen.load_dataset("rats", root=str(root / "nowhere"))
    with pytest.raises(mmgen.MmgenError, match=r"dataset.split: .*'trials' or 'official_same'"):
        mmgen.load_dataset("rats", split="test")
