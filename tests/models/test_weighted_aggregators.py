"""Aggregators with weights of modalities: built for a model, learned in a training, kept in what is saved."""

import math

import pytest
import torch
from safetensors.torch import load_file, save_file

from mmgen import MultimodalVAE, Trainer
from mmgen.testing import AggregatorContract, central_noise, make_model, toy_data
from mmgen.testing.literal import kl, log_likelihood, unit

LEARNED = [
    "weighted-poe",
    {"name": "barycentre", "weights": "learned"},
    {"name": "moment-matched", "weights": "learned"},
]


@pytest.mark.parametrize("name", ["barycentre", "moment-matched"])
def test_the_contract_holds_with_learned_weights(name):
    failed = AggregatorContract.of(name, options={"weights": "learned"}).failures()
    assert not failed, failed


def test_equal_weights_are_no_parameters():
    for name in ("barycentre", "moment-matched", "poe", "moe", "mopoe", "mean"):
        model = make_model("elbo", toy_data(), aggregator=name)
        assert not [key for key in model.state_dict() if key.startswith("objective.aggregate")], name


@pytest.mark.parametrize("aggregator", LEARNED, ids=str)
def test_weights_learn_and_are_saved(aggregator, tmp_path):
    data = toy_data(missing=0.3)
    model = MultimodalVAE.create("elbo", data, latent_dim=3, aggregator=aggregator)
    shape = (3, 3) if aggregator == "weighted-poe" else (3,)
    assert torch.equal(model.objective.aggregate.logits, torch.zeros(shape))
    model = Trainer(epochs=2, batch_size=16, seed=0).fit(model, data, output=tmp_path / "run").model
    logits = model.objective.aggregate.logits
    assert logits.shape == shape and logits.abs().sum() > 0
    save_file(model.state_dict(), tmp_path / "model.safetensors")
    again = MultimodalVAE.rebuild(model.description)
    again.load_state_dict(load_file(tmp_path / "model.safetensors"))
    assert torch.equal(again.objective.aggregate.logits, logits.cpu())
    assert torch.equal(again.encode(data.test[:4]).mean, model.encode(data.test[:4]).mean)


def test_the_bound_with_a_generalised_product_is_the_equation_written_literally():
    data = toy_data(missing=0.4, rows=12)
    model = make_model("elbo", data, aggregator="weighted-poe").requires_grad_(False)
    torch.manual_seed(0)
    model.objective.aggregate.logits.copy_(torch.randn(3, 3))
    batch = model.prepare(data.train[:6])
    with central_noise():
        terms, experts = model(batch), model.experts(batch)
    names = list(model.modalities)
    for b in range(6):
        present = [m for m in range(3) if batch.available[b, m]]
        mean, log_variance = [], []
        for d in range(3):
            powers = [math.exp(float(model.objective.aggregate.logits[m, d])) for m in present]
            precision = pull = 0.0
            for m, power in zip(present, powers):
                t = power / sum(powers) * math.exp(-float(experts.log_variance[m, b, d]))
                precision, pull = precision + t, pull + t * float(experts.mean[m, b, d])
            mean.append(pull / precision)
            log_variance.append(-math.log(precision))
        assert float(terms.divergence[b]) == pytest.approx(kl((mean, log_variance), unit(3)), rel=1e-9)
        for m in range(3):
            expected = log_likelihood(model, batch, b, names[m], mean) if m in present else 0.0
            assert float(terms.log_likelihood[m, b]) == pytest.approx(expected, rel=1e-9, abs=1e-12)
