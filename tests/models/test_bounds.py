"""What mixture-based objectives cannot exceed, in a world where evidence and entropies are exact (docs/bounds.md)."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from mmgen.distributions import powerset
from mmgen.testing import LinearGaussianWorld, world_batch, world_model

ROWS = 4000


def value(world, aggregator):
    """The mean of the objective over many rows, and its standard error."""
    model = world_model(world, "elbo", aggregator=aggregator)
    x = world.sample(ROWS)[1]
    torch.manual_seed(0)
    with torch.no_grad():
        each = model(world_batch(x)).value(1.0)
    return float(each.mean()), float(each.std() / ROWS**0.5)


@settings(max_examples=10, deadline=None)
@given(seed=st.integers(0, 1000))
@pytest.mark.parametrize(("aggregator", "sizes"), [("moe", (1,)), ("mopoe", (1, 2, 3)), ("poe", (3,))])
def test_a_mixture_stays_below_the_evidence_of_its_subsets_minus_what_they_do_not_know(aggregator, sizes, seed):
    """E[L_M] ≤ Σ_S ω_S E[log p(x_S)] − Σ_S ω_S H(X_rest | X_S)."""
    world = LinearGaussianWorld((3, 2, 4), 2, orthogonal=True, seed=seed)
    subsets = [s for s in ([m for m in range(3) if mask[m]] for mask in powerset(3)) if len(s) in sizes]
    right = 0.0
    for members in subsets:
        rest = [m for m in range(3) if m not in members]
        right += (-world.entropy(members) - (world.conditional_entropy(rest, members) if rest else 0.0)) / len(subsets)
    mean, error = value(world, aggregator)
    assert mean <= right + 5 * error
    if aggregator == "poe":  # exact experts: the bound is the evidence
        assert abs(mean - right) <= 5 * error
