"""A small run with every kind of value that the page shows, and labels that try to be markup."""

from dataclasses import replace

import pytest

import mmgen
from mmgen.testing import toy_data

KINDS = ("vector", "image", "text", "tags", "labels")
MARKUP = "</script><img src=x onerror=alert(1)>"


@pytest.fixture(scope="session")
def run():
    data = toy_data(KINDS, rows=60, missing=0.2)
    data = replace(data, labels={label: (MARKUP, *classes[1:]) for label, classes in data.labels.items()})
    model = mmgen.MultimodalVAE.create("elbo", data, latent_dim=3)
    return mmgen.Trainer(epochs=2, device="cpu").fit(model, data)
