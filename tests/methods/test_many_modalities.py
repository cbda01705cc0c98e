"""From two to twenty modalities: finite terms and gradients, and test-time posteriors."""

import pytest
import torch

from mmgen.registry import entries
from mmgen.testing import LinearGaussianWorld, world_batch, world_model

OBJECTIVES = sorted(entry.name for entry in entries("objectives") if entry.name != "joint")  # which has no encoders of single modalities


@pytest.mark.parametrize("modalities", [2, 3, 11, 20])
@pytest.mark.parametrize("objective", OBJECTIVES)
def test_any_number_of_modalities(objective, modalities):
    world = LinearGaussianWorld([3] * modalities, 2, orthogonal=True, seed=modalities)
    model = world_model(world, objective).train()
    batch = world_batch(world.sample(8)[1])
    torch.manual_seed(0)
    value = model(batch).value(1.0)
    assert value.shape == (8,) and value.isfinite().all()
    value.mean().backward()
    gradients = [p.grad for p in model.encoders.parameters() if p.grad is not None]
    assert gradients and all(g.isfinite().all() for g in gradients)
    half = batch.restrict(torch.arange(modalities).expand(8, -1) < (modalities + 1) // 2)
    posterior = model.encode(half)
    assert posterior.mean.shape == (8, 2) and posterior.mean.isfinite().all()
