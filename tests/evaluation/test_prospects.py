"""What is said at the end of a training that took minutes."""

import numpy as np
import pytest

import mmgen
from mmgen.cli import train as cli
from mmgen.evaluation.prospects import _sentence, prospects


def data(rows=400):
    draw = np.random.default_rng(0)
    classes = np.arange(rows) % 3
    images = np.zeros((2, rows, 1, 8, 8), dtype=np.float32)
    for view, turned in ((0, classes), (1, (classes + 1) % 3)):
        for row, each in enumerate(turned):
            images[view, row, 0, 2 * each : 2 * each + 3, 1:7] = 1
    images = np.clip(images + 0.1 * draw.normal(size=images.shape), 0, 1).astype(np.float32)
    return {"left": images[0], "right": images[1]}, classes


def trained(epochs, **settings):
    images, classes = data()
    likelihood = {"name": "normal", "scale": 0.1}
    field = {"kind": "image", "network": "mlp", "hidden": [32], "likelihood": likelihood}
    settings["metrics"] = {"coherence": {"classifier_steps": 80}}  # the class is where the bar is
    settings |= {"modalities": dict.fromkeys(images, field), "label": classes, "val_fraction": 0.3, "quiet": True}
    return mmgen.train("mopoe", images, latent_dim=4, epochs=epochs, batch_size=16, **settings)


def test_what_is_learned_and_what_is_not_is_said():
    run = trained(30, learning_rate=3e-3)
    rows = run.measurements(metrics=["coherence"], split="val", keep=False)
    wanted = ("cross", "1 of 2", "mean")
    (expected,) = (row["value"] for row in rows if (row["measure"], row["given"], row["target"]) == wanted)
    said = prospects(run)
    assert f"is right in what is generated of other modalities in {expected:.2f} given 1 of 2" in said
    assert "the most frequent class: 0.3" in said and "not learned yet" not in said and expected > 0.9
    said = prospects(trained(1, learning_rate=1e-6))
    assert said.endswith("It is not learned yet: --resume --minutes 10 goes on for ten more minutes.")


def test_tables_and_few_rows_have_nothing_said():
    images, classes = data(60)
    few = mmgen.train("mopoe", images, label=classes, latent_dim=2, epochs=1, quiet=True)
    assert prospects(few) is None
    table = mmgen.train("mopoe", {"a": images["left"][:, 0, 0], "b": images["right"][:, 0, 0]}, epochs=1, quiet=True)
    assert prospects(table) is None


@pytest.mark.parametrize(("value", "more"), [(0.2, True), (0.54, True), (0.6, False)])
def test_half_of_the_way_counts(value, more):
    assert ("goes on" in _sentence("digit", {"1 of 3": 0.1, "2 of 3": value}, 1.0, 0.1)) == more


def test_the_command_says_it_after_a_long_training(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(cli, "prospects", lambda run: f"Seen of {run.model.name}.")
    words = (None, None, None, [], None, False, False, {"epochs": 1, "latent_dim": 2})
    for long, said in ((1e6, False), (-1.0, True)):
        monkeypatch.setattr(cli, "LONG", long)
        cli.command("elbo", "mfeat", *words)
        assert ("Seen of elbo." in capsys.readouterr().out) == said
