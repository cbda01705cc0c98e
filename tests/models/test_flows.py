"""Flows as prior and as aggregator: against the evidence lower bound in loops and log p(X) by quadrature, through their
contracts with other options, saved, and in batches that are cut.
"""

import math

import pytest
import torch
from safetensors.torch import load_file, save_file

from mmgen import Data, Evaluation, MmgenError, MultimodalVAE, Provenance
from mmgen.distributions import Gaussian, Mixture, Pushed, central_noise, share_of_batch
from mmgen.evaluation.importance import LogLikelihood, LogLikelihoodConfig
from mmgen.testing import (
    AggregatorContract,
    LinearGaussianWorld,
    ObjectiveContract,
    PriorContract,
    make_model,
    row_value,
    sampled_value,
    toy_data,
    world_batch,
    world_model,
)
from mmgen.testing.literal import kl, log_likelihood, log_normal, product, unit
from mmgen.testing.toys import ToyDataset, world_table

SMALL = {"hidden": (6,), "transforms": 2}
AGGREGATORS = [
    {"name": "flow", "kind": "maf", **SMALL},
    {"name": "flow", "of": "moe", "condition": "none", **SMALL},
    {"name": "flow", "of": "mopoe", "coupling": True, "kind": "maf", **SMALL},
    {"name": "flow", "of": "weighted-poe", **SMALL},
]


@pytest.mark.parametrize("options", AGGREGATORS[:-1], ids=lambda options: options.get("of", "poe"))
def test_the_contract_holds_with_other_options(options):
    names = {key: value for key, value in options.items() if key != "name"}
    failed = AggregatorContract.of("flow", options=names).failures()
    assert not failed, failed


@pytest.mark.parametrize("options", [{"kind": "maf"}, {"kind": "maf", "coupling": True}, {"coupling": True}])
def test_the_contract_of_the_prior_holds_with_other_options(options):
    failed = PriorContract.of("flow", options={**SMALL, **options}).failures()
    assert not failed, failed


@pytest.mark.parametrize("parts", [{"aggregator": AGGREGATORS[0]}, {"prior": {"name": "flow", **SMALL}}])
def test_the_contract_of_the_bound_holds_with_a_flow(parts):
    another_prior = (
        {"test_the_bound_holds": "the evidence of that world is that under N(0, I)"} if "prior" in parts else {}
    )
    failed = ObjectiveContract.of("elbo", options=parts, skip=another_prior).failures()
    assert not failed, failed


@pytest.mark.parametrize("prior", ["normal", "flow"])
@pytest.mark.parametrize("of", ["poe", "moe"])
def test_the_bound_is_the_equation_written_literally(of, prior):
    """Base, map and determinants by derivatives, in loops."""
    data = toy_data(missing=0.4, rows=12)
    sampling = {"mixture_sampling": "all"} if of == "moe" else {}
    priors = {"name": "flow", "kind": "maf", **SMALL} if prior == "flow" else "normal"
    aggregator = {"name": "flow", "of": of, "kind": "maf", **SMALL}
    model = make_model("elbo", data, aggregator=aggregator, prior=priors, **sampling).requires_grad_(False)
    batch = model.prepare(data.train[:6])
    with central_noise():
        terms, experts = model(batch), model.experts(batch)
    names = list(model.modalities)

    def pushed(q, z_is_base):
        """T(u; c) and log |det|, by derivatives, for the component q of one row."""
        context = torch.tensor([*q[0], *q[1]], dtype=torch.float64)
        u = torch.tensor(z_is_base, dtype=torch.float64)
        change = model.objective.aggregate.flow
        jacobian = torch.autograd.functional.jacobian(lambda v: change.push(v, context)[0], u)
        return change.push(u, context)[0].tolist(), float(torch.linalg.slogdet(jacobian).logabsdet)

    def log_prior(z):
        if prior == "normal":
            return log_normal(z, unit(3))
        at = torch.tensor(z, dtype=torch.float64)
        change = model.objective.prior_for.flow
        jacobian = torch.autograd.functional.jacobian(lambda v: change.pull(v, None)[0], at)
        return log_normal(change.pull(at, None)[0].tolist(), unit(3)) + float(torch.linalg.slogdet(jacobian).logabsdet)

    for b in range(6):
        present = [m for m in range(3) if batch.available[b, m]]
        row = [(experts.mean[m, b].tolist(), experts.log_variance[m, b].tolist()) for m in range(3)]
        own = [row[m] for m in present]
        components = own if of == "moe" else [product([*own, unit(3)])]
        likelihoods, divergence = [0.0] * 3, 0.0
        for q in components:
            z, log_det = pushed(q, q[0])  # noise is central: u is the mean
            divergence += (log_normal(q[0], q) - log_det - log_prior(z)) / len(components)
            for m in present:
                likelihoods[m] += log_likelihood(model, batch, b, names[m], z) / len(components)
        torch.testing.assert_close(terms.log_likelihood[:, b].tolist(), likelihoods, rtol=1e-8, atol=1e-8)
        assert float(terms.divergence[b]) == pytest.approx(divergence, rel=1e-8)


@pytest.mark.parametrize("kind", ["maf", "nsf"])
def test_log_evidence_by_quadrature_bounds_the_elbo_and_is_found_by_importance_sampling(kind):
    """log p(X) = log ∫ p(z) Π_m p(x_m | z) dz in two dimensions, with flows as prior and as posterior."""
    world = LinearGaussianWorld((3, 4), 2, orthogonal=True, seed=3)
    parts = {"prior": {"name": "flow", "kind": kind, **SMALL}, "aggregator": {"name": "flow", "kind": kind, **SMALL}}
    model = world_model(world, "elbo", **parts).requires_grad_(False)
    x = world.sample(3)[1]
    batch = world_batch(x)
    axis = torch.linspace(-7, 7, 281, dtype=torch.float64)
    z = torch.cartesian_prod(axis, axis)[:, None].expand(-1, 3, -1)
    joint = model.log_likelihood(z, batch).sum(0) + model.unconditional_prior(3).log_prob(z)
    evidence = joint.logsumexp(0) + 2 * math.log(float(axis[1] - axis[0]))
    mean, error = sampled_value(model, batch, draws=400)
    assert (mean <= evidence + 5 * error).all()
    posterior = model.posterior(batch)
    torch.manual_seed(0)
    drawn = posterior.rsample((20_000,))
    weights = (
        model.log_likelihood(drawn, batch).sum(0)
        + model.unconditional_prior(3).log_prob(drawn)
        - posterior.log_prob(drawn)
    )
    shifted = (weights - evidence).exp()
    assert ((shifted.mean(0) - 1).abs() < 5 * shifted.std(0) / len(drawn) ** 0.5 + 1e-3).all()
    table = world_table(x)
    data = Data(
        "world", ToyDataset(), model.modalities, table, table, table, {}, Provenance("simulated", "A world."), "world"
    )
    rows = LogLikelihood(LogLikelihoodConfig(samples=3000, conditional=())).compute(Evaluation(model, data))
    assert -0.3 < row_value(rows, measure="joint") - float(evidence.mean()) < 0.1  # a lower bound, with 3,000 samples


@pytest.mark.parametrize("options", AGGREGATORS, ids=lambda options: options.get("of", "poe"))
def test_a_saved_model_is_the_same_model(options, tmp_path):
    data = toy_data(rows=12)
    model = make_model("elbo", data, aggregator=options, prior={"name": "flow", **SMALL}).requires_grad_(False)
    save_file(model.state_dict(), tmp_path / "model.safetensors")
    again = MultimodalVAE.rebuild(model.description).double().eval()
    again.load_state_dict(load_file(tmp_path / "model.safetensors"))
    batch = data.train[:4]
    for each in (model, again):
        torch.manual_seed(0)
        each.found = each(batch).value(1.0)
    assert torch.equal(model.found, again.found)
    assert torch.equal(model.encode(batch).mean, again.encode(batch).mean)


@pytest.mark.parametrize("options", AGGREGATORS[:2], ids=lambda options: options.get("of", "poe"))
def test_cutting_a_batch_changes_no_term(options):
    data = toy_data(rows=12)
    model = make_model("elbo", data, aggregator=options, prior={"name": "flow", **SMALL}).requires_grad_(False)
    torch.manual_seed(0)
    whole = model(data.train[:6]).value(0.7)
    for some in (slice(0, 2), slice(2, 6)):
        torch.manual_seed(0)
        with share_of_batch(some.start, some.stop, 6):
            torch.testing.assert_close(model(data.train[some]).value(0.7), whole[some])


def test_a_row_without_anything_keeps_the_standard_normal():
    data = toy_data(rows=12)
    model = make_model("elbo", data, aggregator=AGGREGATORS[0])
    posterior = model.posterior(data.train[:4], [])
    assert isinstance(posterior, Mixture) and isinstance(posterior.components, Pushed)
    z = torch.randn(4, 3).double()
    torch.testing.assert_close(posterior.log_prob(z), Gaussian(0 * z, 0 * z).log_prob(z))


def test_mixes_is_that_of_the_aggregator_it_starts_from():
    data = toy_data(("vector", "counts"))
    assert make_model("elbo", data, aggregator={"name": "flow", "of": "moe"}).objective.aggregate.mixes
    assert not make_model("elbo", data, aggregator="flow").objective.aggregate.mixes
    make_model("elbo", data, aggregator={"name": "flow", "of": "moe"}, mixture_sampling="all")
    with pytest.raises(MmgenError, match="which gives no mixture"):
        make_model("elbo", data, aggregator="flow", mixture_sampling="all")
    make_model("mvae", data, aggregator="flow")
    with pytest.raises(MmgenError, match="'flow', which gives a mixture; it needs one distribution"):
        make_model("mvae", data, aggregator={"name": "flow", "of": "moe"})


def test_what_an_objective_wants_of_its_aggregator_holds_for_the_one_that_a_flow_starts_from():
    data = toy_data(("vector", "counts"))
    model = make_model("mvtcae", data, aggregator="flow")
    assert model.description["aggregator"]["of_options"] == {"prior_expert": "none"}
    assert model.objective.aggregate.of.config.prior_expert == "none"
    chosen = {"name": "flow", "of_options": {"prior_expert": "all"}}
    assert make_model("mvtcae", data, aggregator=chosen).objective.aggregate.of.config.prior_expert == "all"
    assert (
        make_model("mvtcae", data, aggregator={"name": "flow", "of": "moe"}).description["aggregator"]["of_options"]
        == {}
    )


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ({"of": "none"}, "a flow starts from one posterior of all modalities, and 'none' keeps one for each"),
        ({"of": "pooe"}, "pooe"),
        ({"of_options": {"expert": 1}}, "aggregator.of_options"),
        ({"kind": "glow"}, "aggregator.kind"),
    ],
)
def test_what_makes_no_flow_is_refused_in_a_sentence(options, sentence):
    with pytest.raises(MmgenError, match=sentence):
        make_model("elbo", toy_data(), aggregator={"name": "flow", **options})


def test_the_map_of_a_base_is_seen_by_the_kl_of_coordinated_objectives():
    """With MVTCAE and CRMVAE, whose KLs are between posteriors, a sample of each estimates them without bias."""
    data = toy_data(("vector", "counts"), rows=12)
    for name in ("mvtcae", "crmvae"):
        same = {"condition": "none", "kind": "maf", **SMALL}
        model = make_model(name, data, aggregator={"name": "flow", **same}).requires_grad_(False)
        base = make_model(name, data, aggregator={"name": "poe"}).requires_grad_(False)
        base.load_state_dict(model.state_dict(), strict=False)
        batch = data.train[:4]
        torch.manual_seed(0)
        found = model(data.train[torch.arange(4).repeat(2000)]).divergence.reshape(2000, 4)
        prior = _to_prior(name, model, base, batch)
        expected = base(batch).divergence - prior["closed"] + prior["sampled"]
        error = found.std(0) / len(found) ** 0.5 + prior["error"]
        assert ((found.mean(0) - expected).abs() < 5 * error).all(), name


def _to_prior(name, model, base, batch):
    """π KL(joint ‖ N(0, I)) of the base, and of the flow by many samples: one map for all keeps every other KL."""
    experts = base.experts(batch)
    joint = base.objective.aggregate(experts, batch.available).components[0]
    pushed = model.objective.aggregate(experts, batch.available).components[0]
    pi = 1 / (batch.available.sum(-1).double() + 1)
    closed = [
        kl((joint.mean[b].tolist(), joint.log_variance[b].tolist()), unit(joint.mean.shape[-1])) for b in range(4)
    ]
    torch.manual_seed(1)
    z = pushed.rsample((20_000,))
    ratio = pushed.log_prob(z) - Gaussian(0 * z[0], 0 * z[0]).log_prob(z)
    return {
        "closed": pi * torch.tensor(closed, dtype=torch.float64),
        "sampled": pi * ratio.mean(0),
        "error": pi * ratio.std(0) / len(z) ** 0.5,
    }
