"""A model whose modalities are built alike gives what it gives one network after the other, under every kind of
objective.
"""

import pytest
import torch

from mmgen import Data, MultimodalVAE, Provenance, Table, VectorModality
from mmgen.networks import grouped
from mmgen.testing import ToyDataset

CASES = {
    "elbo": {},
    "mopoe": {},
    "mopoe-all": {"mixture_sampling": "all"},
    "independent": {},  # each modality from its own latents
    "mmvae": {"estimator": "looser", "samples": 2},
    "smvae": {},
    "vgon": {},  # differentiates through decoders
    "crmvae": {},  # decoders as constants
    "mmvamp": {},
}


def four_vectors(missing):
    """Twelve rows of four modalities of one size, some without some."""
    torch.manual_seed(1)
    values = {name: torch.randn(12, 5, dtype=torch.float64) for name in "abcd"}
    available = torch.rand(12, 4) >= missing
    available[:, 0] = True
    table = Table.of(values, available=available)
    modalities = {name: VectorModality(shape=(5,), hidden=(6,), transform="none") for name in values}
    return Data(
        "four", ToyDataset(), modalities, table, table, table, {}, Provenance("simulated", "Random numbers."), "four"
    )


@pytest.mark.parametrize("case", CASES)
def test_terms_and_gradients(case, monkeypatch):
    data = four_vectors(0.0 if case == "vgon" else 0.2)
    model = MultimodalVAE.create(case.removesuffix("-all"), data, latent_dim=2, **CASES[case]).double()
    batch = data.train[:]
    found = {}
    passes = []
    real = grouped._together
    monkeypatch.setattr(grouped, "_together", lambda networks, x: passes.append(len(networks)) or real(networks, x))
    for fewest in (3, 99):
        monkeypatch.setattr(grouped, "FEWEST", fewest)
        passes.clear()
        torch.manual_seed(0)
        terms = model(batch)
        model.zero_grad()
        terms.value(1.0).sum().backward()
        found[fewest] = (terms, {name: p.grad.clone() for name, p in model.named_parameters() if p.grad is not None})
        assert bool(passes) == (fewest == 3)
    (one, gradients), (two, expected) = found.values()
    torch.testing.assert_close(one.log_likelihood, two.log_likelihood)
    torch.testing.assert_close(one.divergence, two.divergence)
    assert gradients.keys() == expected.keys()
    for name, gradient in gradients.items():
        torch.testing.assert_close(gradient, expected[name])
