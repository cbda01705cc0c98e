"""Log-likelihoods against a world in which they are known."""

import math

import pytest
import torch

from mmgen import Data, Evaluation, Provenance
from mmgen.distributions import Gaussian, standard_normal
from mmgen.evaluation.importance import LogLikelihood, LogLikelihoodConfig
from mmgen.evaluation.reconstruction import Reconstruction
from mmgen.models import ELBO
from mmgen.testing import LinearGaussianWorld, central_noise, make_model, row_value, toy_data, world_batch, world_model
from mmgen.testing.literal import at, log_normal, row_of, unit, world_log_likelihood
from mmgen.testing.toys import ToyDataset, world_table


@pytest.fixture
def world():
    return LinearGaussianWorld((3, 4, 2), 2, orthogonal=True)


BOTH = ("predictive", "importance")
PREDICTIVE, IMPORTANCE = "conditional_predictive", "conditional_importance"


def rows_of(world, samples, rows=64, conditional=BOTH, **options):
    model = world_model(world, "elbo", **options)
    x = world.sample(rows)[1]
    table = world_table(x)
    data = Data(
        "world", ToyDataset(), model.modalities, table, table, table, {}, Provenance("simulated", "A world."), "world"
    )
    evaluation = Evaluation(model, data)
    return x, LogLikelihood(LogLikelihoodConfig(samples=samples, conditional=conditional)).compute(evaluation)


@pytest.mark.parametrize("samples", [1, 7])
def test_with_the_true_posterior_every_sample_gives_the_evidence(world, samples):
    x, rows = rows_of(world, samples, aggregator="poe")
    assert row_value(rows, measure="joint", given="m0+m1+m2", target="all") == pytest.approx(
        float(world.log_evidence(x).mean()), abs=1e-9
    )


def test_a_wrong_proposal_gives_a_bound_that_tightens(world):
    found = [
        rows_of(LinearGaussianWorld((3, 4, 2), 2, orthogonal=True), samples, aggregator="moe")
        for samples in (1, 20, 2000)
    ]
    exact = float(world.log_evidence(found[0][0]).mean())
    joints = [row_value(rows, measure="joint", given="m0+m1+m2", target="all") for _, rows in found]
    assert joints[0] < joints[1] < joints[2] <= exact + 0.05
    assert joints[2] == pytest.approx(exact, abs=0.1)


GIVEN = (("m0", 1), ("m2", 0), ("m0+m1", 2))


def exact_conditional(world, x, given, target):
    """The mean of log p(x_t | x_S) = log p(x_t, x_S) − log p(x_S)."""
    members = [int(name[1]) for name in given.split("+")]
    return float((world.log_evidence(x, sorted([*members, target])) - world.log_evidence(x, members)).mean())


def test_conditionals_are_those_of_the_world(world):
    x, rows = rows_of(world, 20_000, rows=16, aggregator="poe")
    for measure in (PREDICTIVE, IMPORTANCE):
        for given, target in GIVEN:
            assert row_value(rows, measure=measure, given=given, target=f"m{target}") == pytest.approx(
                exact_conditional(world, x, given, target), abs=0.1
            )
        singles = [
            row["value"]
            for row in rows
            if row["measure"] == measure and row["target"] != "mean" and "+" not in row["given"]
        ]
        assert len(singles) == 6
        assert row_value(rows, measure=measure, given="1 of 3", target="mean") == pytest.approx(sum(singles) / 6)


def test_only_weights_give_the_models_conditional_where_its_posterior_is_a_wrong_one(world):
    """A mean of experts and not their product with the prior: q(z|x_S) is too wide, and predicts another density."""
    x, rows = rows_of(world, 20_000, rows=16, aggregator="mean")
    for given, target in GIVEN:
        exact = exact_conditional(world, x, given, target)
        assert row_value(rows, measure=IMPORTANCE, given=given, target=f"m{target}") == pytest.approx(exact, abs=0.02)
    assert abs(row_value(rows, measure=PREDICTIVE, given="m0+m1", target="m2") - exact) > 0.1


@pytest.mark.parametrize("aggregator", ["poe", "mean"])
def test_both_conditionals_are_their_equations_written_literally(world, aggregator, monkeypatch):
    """Plain loops over rows and samples, with known draws: the k-th one has the noise ε_k in every dimension."""
    epsilons = (-1.3, -0.2, 0.4, 1.1)
    noise = torch.tensor(epsilons, dtype=torch.float64)[:, None, None]
    monkeypatch.setattr(Gaussian, "rsample", lambda self, samples=(): self.mean + noise * self.scale)
    model = world_model(world, "elbo", aggregator=aggregator)
    x, rows = rows_of(world, 4, rows=3, aggregator=aggregator)
    batch = world_batch(x)
    for given, target in GIVEN:
        members = [int(name[1]) for name in given.split("+")]
        with torch.no_grad():
            q = model.encode(batch, given.split("+")).components[0]
        predictive, importance = 0.0, 0.0
        for b in range(3):
            own = row_of(Gaussian(q.mean[None], q.log_variance[None]), b)[0]
            weights, densities = [], []
            for epsilon in epsilons:
                z = at(own, epsilon)
                log_w = log_normal(z, unit(2)) - log_normal(z, own)
                for m in members:
                    log_w += world_log_likelihood(world, m, z, x[m][b].tolist())
                weights.append(math.exp(log_w))
                densities.append(math.exp(world_log_likelihood(world, target, z, x[target][b].tolist())))
            predictive += math.log(sum(densities) / 4) / 3
            importance += math.log(sum(w * p for w, p in zip(weights, densities, strict=True)) / sum(weights)) / 3
        assert row_value(rows, measure=PREDICTIVE, given=given, target=f"m{target}") == pytest.approx(
            predictive, rel=1e-9
        )
        assert row_value(rows, measure=IMPORTANCE, given=given, target=f"m{target}") == pytest.approx(
            importance, rel=1e-9
        )


def test_few_samples_with_all_the_weight_are_said_to_be_few(world):
    model = world_model(world, "elbo", aggregator="poe")
    with torch.no_grad():
        model.encoders[0].head.mean.bias.add_(20.0)  # far from where p(x_0 | z) is
    table = world_table(world.sample(4)[1])
    data = Data(
        "world", ToyDataset(), model.modalities, table, table, table, {}, Provenance("simulated", "A world."), "w"
    )
    rows = LogLikelihood(LogLikelihoodConfig(samples=1000)).compute(Evaluation(model, data))
    notes = {(row["measure"], row["given"]): row["note"] for row in rows}
    said = "fewer than 10 samples have the weight"
    assert notes[IMPORTANCE, "m0"] == notes[IMPORTANCE, "1 of 3"] == said
    assert notes[IMPORTANCE, "m1"] == notes[PREDICTIVE, "m0"] == ""


def test_a_standardised_value_has_the_density_of_what_the_networks_see():
    """In data units it would be less by Σ log s."""
    data = toy_data(("vector", "tags"))
    model = make_model("elbo", data, latent_dim=2)
    (found,) = LogLikelihood(LogLikelihoodConfig(samples=1, conditional=())).compute(Evaluation(model, data))
    batch = data.test[:]
    raw = batch.data["vector"].double()
    transform = model.transforms[0]
    assert (transform.scale != 1).all()
    with central_noise(), torch.no_grad():
        (central,) = LogLikelihood(LogLikelihoodConfig(samples=1, conditional=())).compute(Evaluation(model, data))
        posterior = model.encode(batch)
        z = posterior.mean
        vector = (raw - transform.mean) / transform.scale
        value = (-0.5 * math.log(2 * math.pi) - 0.5 * (vector - model.decode(z, "vector")[:, 0]).square()).sum(-1)
        logits = model.decode(z, "tags")[:, 0]
        tags = batch.data["tags"].double()
        value = value + (tags * logits - torch.nn.functional.softplus(logits)).sum(-1)
        value = value + standard_normal(z).log_prob(z) - posterior.log_prob(z)
    assert central["value"] == pytest.approx(float(value.mean()), rel=1e-9)
    assert found["measure"] == "joint"


class Unnormalised(ELBO):
    def build(self, model):
        model.likelihoods[0].normalised = False


def test_a_score_that_is_not_normalised_is_no_log_likelihood():
    data = toy_data(("vector", "tags"))
    evaluation = Evaluation(make_model(Unnormalised, data), data)
    assert (
        LogLikelihood().unavailable_reason(evaluation)
        == "what the model has in the place of log p(x|z) of vector is not normalised"
    )
    rows = Reconstruction().compute(evaluation)
    assert {row["target"] for row in rows if row["measure"] == "log_likelihood"} == {"tags"}


def test_the_joint_alone_on_demand(world):
    (_, both), (_, alone) = (rows_of(world, 1, conditional=wanted, aggregator="poe") for wanted in (BOTH, ()))
    assert {row["measure"] for row in both} == {"joint", PREDICTIVE, IMPORTANCE}
    assert [(row["measure"], row["given"], row["target"]) for row in alone] == [("joint", "m0+m1+m2", "all")]


def test_own_latents_give_the_sum_of_the_modalities_own_evidence(world):
    x, rows = rows_of(world, 4000, aggregator="none")
    alone = sum(float(world.log_evidence(x, [m]).mean()) for m in range(3))
    assert row_value(rows, measure="joint", given="m0+m1+m2", target="all") == pytest.approx(alone, abs=0.2)
    assert {row["measure"] for row in rows} == {"joint", PREDICTIVE}, (
        "there is no density of several modalities at once"
    )


def test_a_prior_that_depends_on_data_is_said_to(world):
    _, rows = rows_of(world, 2, prior="geometric")
    notes = {row["measure"]: row["note"] for row in rows}
    said = "the prior depends on data: under N(0, I)"
    assert notes == {"joint": said, PREDICTIVE: "", IMPORTANCE: said}


def test_memory_is_bounded_by_chunks_that_change_nothing_but_the_noise(world, monkeypatch):
    sizes = []
    _, whole = rows_of(world, 300, rows=8, aggregator="poe")
    monkeypatch.setattr("mmgen.evaluation.importance.NUMBERS_IN_CACHE", 8 * 4 * 64)
    original = LogLikelihood._log_prob
    monkeypatch.setattr(
        LogLikelihood,
        "_log_prob",
        staticmethod(lambda e, b, z, *rest: sizes.append(len(z)) or original(e, b, z, *rest)),
    )
    _, parts = rows_of(LinearGaussianWorld((3, 4, 2), 2, orthogonal=True), 300, rows=8, aggregator="poe")
    assert max(sizes) == 64
    assert sum(sizes[: 3 * math.ceil(300 / 64) : 3]) == 300
    assert row_value(parts, measure="joint", given="m0+m1+m2", target="all") == pytest.approx(
        row_value(whole, measure="joint", given="m0+m1+m2", target="all"), abs=1e-9
    )
    assert torch.isfinite(torch.tensor([row["value"] for row in parts])).all()
