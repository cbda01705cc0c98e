"""From two to twenty modalities: finite terms and gradients, and test-time posteriors."""

import pytest
import torch

from mmgen.registry import entries, load
from mmgen.testing import LinearGaussianWorld, world_batch, world_model

NAMES = sorted(entry.name for entry in entries("objectives"))
OBJECTIVES = [
    name
    for name in NAMES
    if load("objectives", name).most_modalities is None and not load("objectives", name).needs_labels
]


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
    learning = model.encoders if model.encoded else model.objective
    gradients = [p.grad for p in learning.parameters() if p.grad is not None]
    assert gradients and all(g.isfinite().all() for g in gradients)
    half = batch.restrict(torch.arange(modalities).expand(8, -1) < (modalities + 1) // 2)
    posterior = model.encode(half)
    assert posterior.mean.shape == (8, 2) and posterior.mean.isfinite().all()
