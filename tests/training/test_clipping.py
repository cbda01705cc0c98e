"""Gradients cut at twice their usual norm: against a loop, over leaps, and through a checkpoint."""

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from mmgen import MultimodalVAE, Trainer
from mmgen.testing import toy_data
from mmgen.training import clipping
from mmgen.training.clipping import UsualNorm


def literal(norms):
    """The norm that each step keeps, in plain numbers."""
    usual, kept = 0.0, []
    for step, norm in enumerate(norms, 1):
        cut = min(norm, 2 * math.exp(usual)) if step > 20 else norm
        usual += (math.log(cut) - usual) / min(step, 100)
        kept.append(cut)
    return kept


def cut(usual, norm):
    """The norm of the gradients of two parameters whose norm was that."""
    parameters = [nn.Parameter(torch.zeros(2)), nn.Parameter(torch.zeros(1)), nn.Parameter(torch.zeros(4))]
    parameters[0].grad, parameters[1].grad = torch.tensor([0.6, 0.0]) * norm, torch.tensor([0.8]) * norm
    usual.cut(parameters)
    return float(nn.utils.get_total_norm([p.grad for p in parameters if p.grad is not None]))


@settings(deadline=None, max_examples=30)
@given(st.lists(st.floats(-3, 6), min_size=1, max_size=130), st.integers(0, 2**16))
def test_norms_are_cut_as_the_equation_says(logs, seed):
    norms = [math.exp(value) for value in logs]
    usual = UsualNorm(torch.device("cpu"))
    assert [cut(usual, norm) for norm in norms] == pytest.approx(literal(norms), rel=1e-5)


def test_a_leap_is_cut_and_moves_what_is_usual_little():
    usual = UsualNorm(torch.device("cpu"))
    for _ in range(50):
        cut(usual, 400.0)
    assert cut(usual, 380_000.0) == pytest.approx(800, rel=1e-4)
    assert cut(usual, 700.0) == pytest.approx(700, rel=1e-5)
    assert 400 < math.exp(float(usual.state[1])) < 412


@pytest.mark.parametrize("norm", [0.0, math.inf, math.nan])
def test_no_gradient_and_no_number_teach_nothing(norm):
    usual = UsualNorm(torch.device("cpu"))
    for _ in range(30):
        cut(usual, 3.0)
    before = usual.state.clone()
    after = cut(usual, norm)
    assert torch.equal(usual.state, before)
    assert after == pytest.approx(norm, nan_ok=True) or not math.isfinite(norm)
    usual.cut([nn.Parameter(torch.zeros(2))])
    assert torch.equal(usual.state, before)


@pytest.mark.parametrize("objective", ["mvae", "mopoe"])
def test_a_resumed_training_goes_on_with_what_is_usual(tmp_path, objective, monkeypatch):
    data = toy_data(rows=60)
    monkeypatch.setattr(clipping, "FACTOR", 0.5)  # so that steps are cut
    settings = {"gradient_clip": "auto", "batch_size": 8, "checkpoint_seconds": 0, "seed": 3, "learning_rate": 0.03}

    def fit(epochs, name, resume=False, **changed):
        model = MultimodalVAE.create(objective, data, latent_dim=2)
        folder = str(tmp_path / name)
        return Trainer(epochs=epochs, **settings | changed).fit(model, data, folder, resume=resume)

    whole = fit(8, "whole")
    fit(5, "parts")
    resumed = fit(8, "parts", resume=True)
    weights = [(run.path / "model.safetensors").read_bytes() for run in (whole, resumed)]
    assert weights[0] == weights[1]
    free = fit(8, "free", gradient_clip=None)
    assert (free.path / "model.safetensors").read_bytes() != weights[0]
