"""Which latent dimensions are in use: against loops, for every objective, and without a trace in what is trained."""

import io
import json
import math

import pytest
import torch
from rich.console import Console
from safetensors.torch import load_file

from mmgen import MmgenError, MultimodalVAE, Trainer
from mmgen.models.latent_use import LatentUse, informed_share, latent_use
from mmgen.registry import entries
from mmgen.testing import toy_data
from mmgen.training import TrainingConfig


def literal(parts):
    """The largest share over the components, for one dimension after another, in loops."""
    components, dimensions = parts[0][0].shape[0], parts[0][0].shape[2]
    shares = []
    for d in range(dimensions):
        best = 0.0
        for c in range(components):
            rows = [
                (float(mean[c, b, d]), float(variance[c, b, d]))
                for mean, variance, weights in parts
                for b in range(mean.shape[1])
                if math.isfinite(float(weights[c, b]))
            ]
            if not rows:
                continue
            centre = sum(mean for mean, _ in rows) / len(rows)
            between = sum((mean - centre) ** 2 for mean, _ in rows) / len(rows)
            within = sum(variance for _, variance in rows) / len(rows)
            best = max(best, between / (between + within) if between + within else 0.0)
        shares.append(best)
    return shares


def test_the_share_is_its_formula_written_in_loops():
    generator = torch.Generator().manual_seed(0)
    for components in (1, 3):
        parts = []
        for rows in (4, 3):
            weights = torch.zeros(components, rows)
            weights[-1, 0] = -math.inf
            shape = (components, rows, 5)
            parts.append((torch.randn(shape, generator=generator), torch.rand(shape, generator=generator), weights))
        assert informed_share(parts).tolist() == pytest.approx(literal(parts))


def test_a_component_that_sits_elsewhere_says_nothing_about_rows():
    mean = torch.tensor([0.0, 50.0])[:, None, None].expand(2, 8, 1)
    weights = torch.full((2, 8), math.log(0.5))
    assert float(informed_share([(mean, torch.ones(2, 8, 1), weights)])) == 0
    assert float(informed_share([(mean, torch.zeros(2, 8, 1), weights)])) == 0, "without any variance either"
    assert float(informed_share([(mean + torch.randn(8, 1), torch.full((2, 8, 1), 1e-6), weights)])) > 0.99


def use_of(model, data):
    return latent_use(model.eval(), data.train, "train", lambda rows: data.train[rows], batch_size=16, seed=0)


def collapse(model, dimensions):
    """Let the encoders' heads answer N(0, 1) in some dimensions."""
    with torch.no_grad():
        for encoder in model.encoders:
            for head in (encoder.head.mean, encoder.head.spread):
                head.weight[dimensions] = 0
                head.bias[dimensions] = 0


POSTERIORS = [("poe", "normal"), ("moe", "normal"), ("mopoe", "normal"), ("none", "mixture")]


@pytest.mark.parametrize(("aggregator", "prior"), POSTERIORS)
def test_collapsed_dimensions_are_found_whatever_the_posterior_is(aggregator, prior):
    data = toy_data(rows=40, missing=0.2)
    model = MultimodalVAE.create("elbo", data, latent_dim=4, aggregator=aggregator, prior=prior)
    assert use_of(model, data).empty == ()
    collapse(model, [1, 3])
    assert use_of(model, data).empty == (1, 3)
    sentence = "2 of 4 latent dimensions are empty: the same for every row (40 training rows"
    assert use_of(model, data).sentence().startswith(sentence)
    collapse(model, [0, 2])
    found = use_of(model, data)
    assert found.empty == (0, 1, 2, 3)
    assert "each of the 4 latent dimensions is the same for every row" in found.sentence()
    for way_out in ("model.beta", "training.beta_warmup_epochs", "model.latent_dim", "scale_kind=learned"):
        assert way_out in found.sentence()


def test_every_installed_objective_can_be_looked_at():
    """No objective's own posterior is in the way, and random numbers stay where they are."""
    looked_at = 0
    for entry in entries("objectives"):
        data = toy_data(kinds=("vector", "counts"), rows=24)
        try:
            model = MultimodalVAE.create(entry.full_name, data, latent_dim=2)
        except MmgenError:  # needs options that say which modality is which
            continue
        torch.manual_seed(5)
        before = torch.random.get_rng_state()
        found = use_of(model, data)
        assert torch.equal(torch.random.get_rng_state(), before), entry.full_name
        assert found.rows == 24, entry.full_name
        looked_at += 1
    assert looked_at >= 1


def train(output=None, **options):
    data, said = toy_data(rows=40), io.StringIO()
    model = MultimodalVAE.create("elbo", data, latent_dim=2, beta=options.pop("beta", 1.0))
    config = TrainingConfig(epochs=options.pop("epochs", 30), learning_rate=0.01, batch_size=8, **options)
    trainer = Trainer(config, console=Console(file=said, width=400))
    run = trainer.fit(model, data, None if output is None else str(output))
    return run, said.getvalue()


def test_a_training_whose_divergence_has_collapsed_says_so_and_one_in_use_does_not(tmp_path):
    run, said = train(tmp_path / "much", beta=1000.0)
    assert "has collapsed: each of the 2 latent dimensions is the same for every row (20 validation rows" in said
    record = json.loads((tmp_path / "much" / "environment.json").read_text())["latents"]
    assert record == {"dimensions": 2, "empty": [0, 1], "split": "val", "rows": 20}
    told = run.evaluate(metrics=["variance-explained"]).query("measure == 'empty_dimensions'")
    assert told[["value", "n"]].to_numpy().tolist() == [[2, 20]]
    _, said = train(tmp_path / "little", beta=0.001)
    assert "latent dimension" not in said
    assert json.loads((tmp_path / "little" / "environment.json").read_text())["latents"]["empty"] == []


def test_looking_never_fails_or_changes_a_training(tmp_path, monkeypatch):
    one, _ = train(tmp_path / "one", epochs=2)

    def broken(*arguments, **options):
        torch.manual_seed(7)
        raise RuntimeError("no posterior today")

    monkeypatch.setattr("mmgen.training.session.latent_use", broken)
    two, said = train(tmp_path / "two", epochs=2)
    assert "could not be seen: RuntimeError: no posterior today" in said
    weights = [load_file(run.path / "model.safetensors") for run in (one, two)]
    assert all(torch.equal(weights[0][key], weights[1][key]) for key in weights[0])


def test_one_row_cannot_be_looked_at():
    data = toy_data(rows=20)
    model = MultimodalVAE.create("elbo", data, latent_dim=2)
    table = data.train.select(torch.tensor([3]))
    assert latent_use(model, table, "train", lambda rows: table[rows], batch_size=4, seed=0) is None
    assert "has collapsed: its latent dimension is the same" in LatentUse(1, (0,), "val", 9).sentence()


def test_dimensions_beyond_the_factors_of_a_kept_start_are_no_news():
    use = LatentUse(4, (1, 2, 3), "val", 9)
    assert use.sentence(1) is None
    assert use.sentence(2).startswith("3 of 4 latent dimensions are empty")
