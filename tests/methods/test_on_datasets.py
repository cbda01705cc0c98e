"""Every objective on every kind of dataset, without a change: spikes, feature sets, images and text; with small networks, since only the wiring is looked at."""

from functools import cache

import pytest
import torch

import mmgen
from mmgen import ImageModality, TextModality
from mmgen.data import open_dataset
from mmgen.registry import entries, load

OBJECTIVES = sorted(entry.name for entry in entries("objectives"))


@cache
def data(name):
    return open_dataset(f"{name}-toy", load("datasets", name).toy())


def small(modality):
    if isinstance(modality, ImageModality):
        return {"network": "mlp", "hidden": (8,), "channels": None}
    return {"network": "embedding", "hidden": (8,), "channels": None, "embedding": 4} if isinstance(modality, TextModality) else {}


@pytest.mark.parametrize("name", ["rats", "mfeat", "mnist-svhn-text", "celeba", "cub", "translated-polymnist"])
@pytest.mark.parametrize("objective", OBJECTIVES)
def test_it_trains(objective, name):
    modalities = {key: small(modality) for key, modality in data(name).modalities.items()}
    model = mmgen.MultimodalVAE.create(objective, data(name), latent_dim=3, modalities=modalities).train()
    torch.manual_seed(0)
    batch = data(name).train[:8]
    value = model(batch).value(1.0)
    assert value.isfinite().all()
    value.mean().backward()
    assert all(p.grad is not None and p.grad.isfinite().all() for p in model.parameters())
    names = list(model.modalities)
    generated = model.generate(batch, given=names[:1] if model.objective.infers(model, names[:1]) else names)
    assert set(generated) == set(model.modalities)
