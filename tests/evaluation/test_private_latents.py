"""Private latents are a short cut past z: two pictures of one digit, each a view, are generated from each other."""

import numpy as np
import pytest
from sklearn.datasets import load_digits

import mmgen


@pytest.fixture(scope="module")
def digits(tmp_path_factory):
    """Pairs of handwritten digits that share the class alone; views of one side are of pictures of that side."""
    pictures, classes = load_digits(return_X_y=True)
    random = np.random.default_rng(0)
    order, rows = random.permutation(len(pictures)), []
    for side, chosen, repeats in (("train", order[:1300], 3), ("test", order[1300:], 2)):
        for digit in range(10):
            members = chosen[classes[chosen] == digit]
            rows += [(i, j, digit, side) for _ in range(repeats) for i, j in zip(members, random.permutation(members))]
    one, two, digit, side = (np.array(column) for column in zip(*rows, strict=True))
    path = tmp_path_factory.mktemp("digits") / "pairs.npz"
    views = {"one": pictures[one].astype(np.float32) / 16, "two": pictures[two].astype(np.float32) / 16}
    np.savez(path, **views, digit=digit, side=side)
    network = {"kind": "vector", "hidden": [128, 64], "transform": "none"}
    likelihood = {"name": "normal", "scale": 0.5, "scale_kind": "fixed"}
    views = {name: {"array": name, **network, "likelihood": likelihood} for name in views}
    return mmgen.load_dataset(
        "table", path=str(path), label="digit", split="side", modalities=views, val_fraction=0.1, simulated=False
    )


def cross_coherence(data, **options):
    model = mmgen.MultimodalVAE.create("mopoe", data, latent_dim=8, **options)
    run = mmgen.Trainer(epochs=20, batch_size=128, learning_rate=1.5e-3).fit(model, data)
    rows = run.measurements(metrics=["coherence"])
    pairs = {("one", "two"), ("two", "one")}
    return np.mean([row["value"] for row in rows if (row["given"], row["target"]) in pairs])


def test_cross_generation_does_not_suffer_from_private_latents(digits):
    without = cross_coherence(digits)
    private = cross_coherence(digits, private_dim=4)
    short_cut = cross_coherence(digits, private_dim=4, private_from_prior=0.0)
    assert without > 0.55, "chance is 0.1"
    assert private > without - 0.03, "the class is read from z"
    assert short_cut < without - 0.03, "or from the private latents, which are drawn at random where x_m is not given"
