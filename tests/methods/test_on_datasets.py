"""Every objective on every kind of dataset, without a change: spikes, feature sets, images and text; with small
networks, since only the wiring is looked at.
"""

from functools import cache

import pytest
import torch

import mmgen
from mmgen import ImageModality, TextModality
from mmgen.data import open_dataset
from mmgen.errors import MmgenError
from mmgen.registry import entries, load

OBJECTIVES = sorted(entry.name for entry in entries("objectives"))


@cache
def data(name):
    return open_dataset(f"{name}-toy", load("datasets", name).toy())


def small(modality):
    if isinstance(modality, ImageModality):
        return {"network": "mlp", "hidden": (8,), "channels": None}
    return (
        {"network": "embedding", "hidden": (8,), "channels": None, "embedding": 4}
        if isinstance(modality, TextModality)
        else {}
    )


@pytest.mark.parametrize("name", ["rats", "mfeat", "mnist-svhn-text", "celeba", "cub", "translated-polymnist"])
@pytest.mark.parametrize("objective", OBJECTIVES)
def test_it_trains(objective, name):
    most = load("objectives", objective).most_modalities
    if most is not None and len(data(name).modalities) > most:
        with pytest.raises(MmgenError, match=f"is for at most {most} modalities"):
            mmgen.MultimodalVAE.create(objective, data(name))
        return
    modalities = {key: small(modality) for key, modality in data(name).modalities.items()}
    chosen = (
        {"label": next(iter(data(name).labels))} if "label" in load("objectives", objective).Config.model_fields else {}
    )
    model = mmgen.MultimodalVAE.create(objective, data(name), latent_dim=3, modalities=modalities, **chosen).train()
    torch.manual_seed(0)
    batch = data(name).train[:8]
    value = model(batch).value(1.0)
    assert value.isfinite().all()
    if list(model.parameters()):  # otherwise all of it is found in closed form
        value.mean().backward()
    assert all(p.grad is not None and p.grad.isfinite().all() for p in model.parameters())
    names = list(model.modalities)
    if model.decoder_sizes:
        generated = model.generate(batch, given=names[:1] if model.objective.infers(model, names[:1]) else names)
        assert set(generated) == set(model.decoder_sizes)
    else:
        with pytest.raises(MmgenError, match="generates nothing"):
            model.generate(batch)
