"""Where bounds of the evidence are tight, and which objectives claim one; that a claimed one holds is part of their
contract.
"""

import pytest

from mmgen.registry import entries, load
from mmgen.testing import LinearGaussianWorld, sampled_value, world_batch, world_model

CLAIMS = {entry.name: load("objectives", entry.name).bound for entry in entries("objectives")}


def gap(objective, seed, **options):
    """Exact evidence minus the mean of the objective over draws, and the standard error, both ``[B]``."""
    world = LinearGaussianWorld((3, 4, 3), 2, orthogonal=True, seed=seed)
    x = world.sample(16)[1]
    model, batch = world_model(world, objective, **options), world_batch(x)
    value, error = sampled_value(model, batch, draws=400, seed=seed)
    return world.log_evidence(x) - value, error


@pytest.mark.parametrize("estimator", ["iwae", "looser", "dreg"])
def test_importance_weighted_bounds_of_mmvae(estimator):
    left, error = gap("mmvae", 1, estimator=estimator, samples=5)
    assert (left >= -5 * error).all()
    looser, _ = gap("mmvae", 1)
    assert left.mean() < looser.mean()  # tighter than the evidence lower bound


@pytest.mark.parametrize(
    ("objective", "options"),
    [("elbo", {"aggregator": "poe"}), ("mopoe", {"aggregator": {"name": "poe", "prior_expert": "all"}})],
)
def test_with_the_true_posterior_the_bound_is_the_evidence(objective, options):
    left, error = gap(objective, 2, **options)
    assert (left.abs() <= 5 * error + 1e-9).all()


def test_what_claims_are_there():
    assert {name for name, bound in CLAIMS.items() if bound == "joint"} >= {"elbo", "mmvae", "mopoe", "jmvae", "joint"}
    assert CLAIMS["independent"] == "own"
    assert (
        CLAIMS["mvae"] is CLAIMS["mvtcae"] is CLAIMS["crmvae"] is CLAIMS["mmjsd"] is None
    )  # sums of bounds, and references that depend on the data
