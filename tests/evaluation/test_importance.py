"""Log-likelihoods against a world in which they are known."""

import math

import pytest
import torch

from mmgen import Data, Evaluation, Provenance
from mmgen.evaluation.importance import LogLikelihood, LogLikelihoodConfig
from mmgen.testing import LinearGaussianWorld, world_model
from mmgen.testing.toys import ToyDataset, world_table


@pytest.fixture
def world():
    return LinearGaussianWorld((3, 4, 2), 2, orthogonal=True)


def rows_of(world, samples, rows=64, conditional=True, **options):
    model = world_model(world, "elbo", **options)
    x = world.sample(rows)[1]
    table = world_table(x)
    data = Data("world", ToyDataset(), model.modalities, table, table, table, {}, Provenance("simulated", "A world."), "world")
    evaluation = Evaluation(model, data)
    return x, LogLikelihood(LogLikelihoodConfig(samples=samples, conditional=conditional)).compute(evaluation)


def value(rows, measure, given, target):
    (found,) = [row["value"] for row in rows if (row["measure"], row["given"], row["target"]) == (measure, given, target)]
    return found


@pytest.mark.parametrize("samples", [1, 7])
def test_with_the_true_posterior_every_sample_gives_the_evidence(world, samples):
    x, rows = rows_of(world, samples, aggregator="poe")
    assert value(rows, "joint", "m0+m1+m2", "all") == pytest.approx(float(world.log_evidence(x).mean()), abs=1e-9)


def test_a_wrong_proposal_gives_a_bound_that_tightens(world):
    found = [rows_of(LinearGaussianWorld((3, 4, 2), 2, orthogonal=True), samples, aggregator="moe") for samples in (1, 20, 2000)]
    exact = float(world.log_evidence(found[0][0]).mean())
    joints = [value(rows, "joint", "m0+m1+m2", "all") for _, rows in found]
    assert joints[0] < joints[1] < joints[2] <= exact + 0.05
    assert joints[2] == pytest.approx(exact, abs=0.1)


def test_conditionals_are_those_of_the_world(world):
    x, rows = rows_of(world, 20_000, rows=16, aggregator="poe")
    for given, target in ((("m0",), 1), (("m2",), 0), (("m0", "m1"), 2)):
        members = [int(name[1]) for name in given]
        exact = world.log_evidence(x, sorted([*members, target])) - world.log_evidence(x, members)
        assert value(rows, "conditional", "+".join(given), f"m{target}") == pytest.approx(float(exact.mean()), abs=0.1)
    singles = [row["value"] for row in rows if row["measure"] == "conditional" and row["target"] != "mean" and "+" not in row["given"]]
    assert len(singles) == 6
    assert value(rows, "conditional", "1 of 3", "mean") == pytest.approx(sum(singles) / 6)


def test_the_joint_alone_on_demand(world):
    (_, both), (_, alone) = (rows_of(world, 1, conditional=wanted, aggregator="poe") for wanted in (True, False))
    assert {row["measure"] for row in both} == {"joint", "conditional"}
    assert [(row["measure"], row["given"], row["target"]) for row in alone] == [("joint", "m0+m1+m2", "all")]


def test_own_latents_give_the_sum_of_the_modalities_own_evidence(world):
    x, rows = rows_of(world, 4000, aggregator="none")
    alone = sum(float(world.log_evidence(x, [m]).mean()) for m in range(3))
    assert value(rows, "joint", "m0+m1+m2", "all") == pytest.approx(alone, abs=0.2)


def test_a_prior_that_depends_on_data_is_said_to(world):
    _, rows = rows_of(world, 2, prior="geometric")
    notes = {row["measure"]: row["note"] for row in rows}
    assert notes == {"joint": "the prior depends on data: under N(0, I)", "conditional": ""}


def test_memory_is_bounded_by_chunks_that_change_nothing_but_the_noise(world, monkeypatch):
    sizes = []
    _, whole = rows_of(world, 300, rows=8, aggregator="poe")
    monkeypatch.setattr("mmgen.evaluation.importance.NUMBERS_IN_CACHE", 8 * 4 * 64)
    original = LogLikelihood._log_prob
    monkeypatch.setattr(LogLikelihood, "_log_prob", staticmethod(lambda e, b, z, t: sizes.append(len(z)) or original(e, b, z, t)))
    _, parts = rows_of(LinearGaussianWorld((3, 4, 2), 2, orthogonal=True), 300, rows=8, aggregator="poe")
    assert max(sizes) == 64
    assert sum(sizes[: 3 * math.ceil(300 / 64) : 3]) == 300
    assert value(parts, "joint", "m0+m1+m2", "all") == pytest.approx(value(whole, "joint", "m0+m1+m2", "all"), abs=1e-9)
    assert torch.isfinite(torch.tensor([row["value"] for row in parts])).all()
