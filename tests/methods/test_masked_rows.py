"""Rows that lack modalities: every objective gives on them what it gives in a model that has only the others."""

from itertools import combinations

import pytest
import torch

from mmgen.data import Batch
from mmgen.registry import entries, load
from mmgen.testing import central_noise, make_model, toy_data

NAMES = ("vector", "counts", "tags")
NAMED = sorted(entry.name for entry in entries("objectives"))
OBJECTIVES = [
    name for name in NAMED if load("objectives", name).supports_missing
]  # the others refuse such rows, which is tested elsewhere


def options(objective):
    """Without draws of components or subsets, which no two models share."""
    kind = load("objectives", objective)
    mixes = load("aggregators", kind.aggregator).mixes
    chosen = {"mixture_sampling": "all"} if mixes and "mixture_sampling" in kind.Config.model_fields else {}
    if (
        kind.aggregator == "mopoe"
    ):  # whose N(0, I) is an expert of all M modalities only: a row that lacks one has none, the smaller model has
        chosen["aggregator"] = {"name": "mopoe", "prior_expert": "none"}
    return chosen


@pytest.mark.parametrize("kept", [kept for size in (1, 2) for kept in combinations(range(3), size)], ids=str)
@pytest.mark.parametrize("objective", OBJECTIVES)
def test_a_masked_row_is_a_row_of_the_smaller_model(objective, kept):
    data = toy_data(NAMES)
    whole = make_model(objective, data, **options(objective))
    small = make_model(objective, toy_data([NAMES[m] for m in kept]), **options(objective))
    for part in ("transforms", "encoders", "decoders", "likelihoods"):
        for place, m in enumerate(kept):
            getattr(small, part)[place].load_state_dict(getattr(whole, part)[m].state_dict())
    batch = data.train[:5]
    mask = torch.zeros(5, 3, dtype=torch.bool)
    mask[:, list(kept)] = True
    cut = Batch({NAMES[m]: batch.data[NAMES[m]] for m in kept}, mask[:, list(kept)], batch.labels, batch.rows)
    with central_noise(), torch.no_grad():
        masked, alone = whole(batch.restrict(mask)), small(cut)
    assert torch.allclose(masked.value(0.7), alone.value(0.7), atol=1e-9)
    assert torch.allclose(masked.log_likelihood[list(kept)], alone.log_likelihood, atol=1e-9)
