"""Real digits, where they are at hand: the folder that MMGEN_TEST_DATA names holds ``mnist/t10k-images-idx3-ubyte.gz``
and the labels beside it.
"""

import gzip
import os
from pathlib import Path

import numpy as np
import pytest

import mmgen

MNIST = Path(os.environ.get("MMGEN_TEST_DATA", "nowhere")) / "mnist"


def idx(name, header):
    with gzip.open(MNIST / name) as file:
        return np.frombuffer(file.read(), dtype=np.uint8, offset=header)


@pytest.mark.skipif(
    not (MNIST / "t10k-images-idx3-ubyte.gz").exists(),
    reason="MMGEN_TEST_DATA names no folder with MNIST's test images",
)
def test_the_lower_half_of_a_digit_is_imputed_from_the_upper_one(tmp_path):
    images = idx("t10k-images-idx3-ubyte.gz", 16).reshape(-1, 1, 28, 28)[:3000]
    labels = idx("t10k-labels-idx1-ubyte.gz", 8)[:3000]
    np.savez(tmp_path / "halves.npz", upper=images[:, :, :14], lower=images[:, :, 14:], digit=labels)
    halves = {
        half: {"array": half, "kind": "image", "network": "mlp", "likelihood": "bernoulli"}
        for half in ("upper", "lower")
    }
    data = mmgen.load_dataset("table", path=str(tmp_path / "halves.npz"), label="digit", modalities=halves)
    model = mmgen.MultimodalVAE.create("elbo", data, latent_dim=16, aggregator="moe")
    run = mmgen.Trainer(epochs=15, learning_rate=2e-3).fit(model, data)
    rows = run.measurements(metrics=["reconstruction", "latent-classification"])
    distance = {(row["given"], row["target"]): row["value"] for row in rows if row["measure"] == "distance"}
    for given, target in (("upper", "lower"), ("lower", "upper")):
        assert distance[given, target] < 0.9 * distance["nothing", target], "no better than the mean image"
        assert distance[target, target] < distance[given, target]
    accuracy = [row["value"] for row in rows if row["measure"] == "per_subset" and row["given"] == "1 of 2"]
    assert accuracy[0] > 0.6, "chance is 0.1"
