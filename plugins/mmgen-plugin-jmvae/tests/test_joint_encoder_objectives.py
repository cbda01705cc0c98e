"""JMVAE, TELBO and the plain joint VAE against their equations in loops, exact evidence, and their posteriors for every
subset.
"""

import itertools
from contextlib import contextmanager

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from mmgen import Batch, MmgenError, Trainer
from mmgen.distributions import Gaussian, powerset
from mmgen.testing import (
    ConstantNetwork,
    LinearGaussianWorld,
    check_gradients,
    experts,
    make_model,
    recorded_calls,
    sampled_value,
    set_exact_joint_encoder,
    substitute,
    toy_data,
    toy_model,
    with_long_texts,
    world_batch,
    world_model,
)
from mmgen.testing.literal import at, constant_noise, kl, known_experts, product, row_of, unit
from mmgen.testing.literal import log_likelihood as literal_log_likelihood

WEIGHTS = {"vector": 2.5, "counts": 1.0, "tags": 0.5}
KINDS = tuple(WEIGHTS)
UNIT = unit(3)
EPSILON = 0.7
LAMBDA, GAMMA = {"vector": 0.3, "tags": 7.0}, {"counts": 4.0, "tags": 0.0}
CASES = experts(
    modalities=(4, 4), rows=(1, 3), latent_dim=(3, 3), mean=2.0, log_variance=(-2.0, 2.0)
)  # q_Λ and three experts


def model_of(objective, weighted=False):
    options = {"joint_weights": LAMBDA, "unimodal_weights": GAMMA} if weighted else {}
    return toy_model(objective, WEIGHTS, **options)


@contextmanager
def known(model, experts, joint):
    """Experts and q_Λ as given, and constant noise."""
    with (
        known_experts(model, experts),
        substitute(model.objective, joint=ConstantNetwork(joint)),
        constant_noise(EPSILON),
    ):
        yield


def log_likelihood(model, batch, b, m, q):
    """w_m log p(x_m | z) of row b at z = μ + ε σ of q."""
    return WEIGHTS[KINDS[m]] * literal_log_likelihood(model, batch, b, KINDS[m], at(q, EPSILON))


def literal(objective, model, batch, b, q, row, weighted):
    """Likelihood term of every modality, what β multiplies, and the rest, for one row."""
    likelihoods, divergence, rest = [0.0] * 3, 0.0, 0.0
    for m, kind in enumerate(KINDS):
        likelihoods[m] += (LAMBDA.get(kind, 1.0) if weighted else 1.0) * log_likelihood(model, batch, b, m, q)
        if objective == "jmvae":
            divergence += kl(q, row[m])
        if objective == "telbo":
            likelihoods[m] += (GAMMA.get(kind, 1.0) if weighted else 1.0) * log_likelihood(model, batch, b, m, row[m])
            divergence += kl(row[m], UNIT)
    if objective == "jmvae":
        rest = -kl(q, UNIT)
    else:
        divergence += kl(q, UNIT)
    return likelihoods, divergence, rest


@pytest.mark.parametrize(
    ("objective", "weighted"), [("jmvae", False), ("telbo", False), ("telbo", True), ("joint", False)]
)
@settings(max_examples=12)
@given(case=CASES)
def test_is_the_equation_written_literally(objective, weighted, case):
    model, rows = model_of(objective, weighted), case.mean.shape[1]
    batch = model.prepare(toy_data().train[:rows])
    with known(model, case[1:], case[0]):
        terms = model(batch)
    for b in range(rows):
        q, *row = row_of(case, b)
        likelihoods, divergence, rest = literal(objective, model, batch, b, q, row, weighted)
        torch.testing.assert_close(terms.log_likelihood[:, b].tolist(), likelihoods, rtol=1e-8, atol=1e-8)
        torch.testing.assert_close(float(terms.divergence[b]), divergence, rtol=1e-8, atol=1e-8)
        value = sum(likelihoods) + rest - 0.3 * divergence
        torch.testing.assert_close(float(terms.value(0.3)[b]), value, rtol=1e-8, atol=1e-8)


@pytest.mark.parametrize("objective", ["jmvae", "telbo"])
def test_gradients_are_those_of_the_equation(objective):
    torch.manual_seed(0)
    mean, log_variance = (torch.randn(4, 1, 3, dtype=torch.float64, requires_grad=True) for _ in range(2))
    model = model_of(objective)
    batch, gaussians = model.prepare(toy_data().train[:1]), Gaussian(mean, log_variance)
    with known(model, gaussians[1:], gaussians[0]):
        model(batch).value(0.6).sum().backward()

    def value(mean, log_variance):
        q, *row = row_of(Gaussian(mean, log_variance), 0)
        likelihoods, divergence, rest = literal(objective, model, batch, 0, q, row, False)
        return sum(likelihoods) + rest - 0.6 * divergence

    check_gradients(value, (mean, log_variance))


@settings(max_examples=15)
@given(
    case=experts(modalities=(2, 2), rows=(1, 3), latent_dim=(3, 3), mean=2.0, log_variance=(-2.0, 2.0)),
    beta=st.floats(0.1, 3.0),
)
def test_of_two_modalities_with_the_product_as_joint_posterior_is_mvtcae_up_to_coefficients(case, beta):
    """JMVAE's 1 · KL(q ‖ p) + β Σ_m KL(q ‖ q_m) is MVTCAE's b π [KL(q ‖ p) + Σ_m KL(q ‖ q_m)], π = 1/3, at β = 1 and b
    = 3; else the weights are 1 : β.
    """
    model, rows = toy_model("jmvae", dict.fromkeys(KINDS[:2], 1.0)), case.mean.shape[1]
    batch = model.prepare(toy_data(KINDS[:2]).train[:rows])
    made = [product(row_of(case, b)) for b in range(rows)]
    joint = Gaussian(*(torch.tensor([q[part] for q in made], dtype=torch.float64) for part in (0, 1)))
    with known(model, case, joint):
        terms = model(batch)
    for b, q in enumerate(made):
        to_prior, to_unimodal = kl(q, UNIT), sum(kl(q, expert) for expert in row_of(case, b))
        likelihoods = [log_likelihood(model, batch, b, m, q) / WEIGHTS[KINDS[m]] for m in range(2)]
        torch.testing.assert_close(terms.log_likelihood[:, b].tolist(), likelihoods, rtol=1e-8, atol=1e-8)
        mvtcae = sum(likelihoods) - 3 * (1 / 3) * (to_prior + to_unimodal)
        assert float(terms.value(1.0)[b]) == pytest.approx(mvtcae, rel=1e-8, abs=1e-8)
        assert float(terms.value(beta)[b]) == pytest.approx(mvtcae - (beta - 1) * to_unimodal, rel=1e-8, abs=1e-8)


def gradients(model, value):
    model.zero_grad()
    value.mean().backward()
    found = {name: parameter.grad for name, parameter in model.named_parameters() if parameter.grad is not None}
    model.zero_grad(set_to_none=True)
    return found


def test_decoders_of_telbo_learn_from_the_joint_bound_alone():
    data = toy_data()
    telbo = make_model("telbo", data, beta=0.5)
    joint = make_model("joint", data, beta=0.5)  # the same without the unimodal terms
    outcome = joint.load_state_dict(telbo.state_dict(), strict=False)
    assert not outcome.missing_keys and all(name.startswith("encoders.") for name in outcome.unexpected_keys)
    batch = telbo.prepare(data.train[:12])
    with constant_noise(EPSILON):
        both = gradients(telbo, telbo(batch).value(0.5))
        alone = gradients(joint, joint(batch).value(0.5))
    assert {name for name in both if not name.startswith("encoders.")} == set(alone)
    for name, gradient in alone.items():
        torch.testing.assert_close(both[name], gradient)
    assert any(name.startswith("likelihoods.") for name in alone), "the test should have a likelihood that learns"
    for m in range(3):
        assert float(both[f"encoders.{m}.head.mean.weight"].abs().sum()) > 0, "an encoder learns nothing"


def test_encoders_of_telbo_learn_as_if_decoders_were_constants():
    data = toy_data()
    telbo, own = (
        make_model("telbo", data),
        make_model("elbo", data, aggregator="none"),
    )  # Σ_m {E_{q_m} log p(x_m|z) − KL(q_m ‖ p)}
    own.load_state_dict(telbo.state_dict(), strict=False)
    batch = telbo.prepare(data.train[:12])
    with constant_noise(EPSILON):
        both, alone = gradients(telbo, telbo(batch).value(0.5)), gradients(own, own(batch).value(0.5))
    for name, gradient in alone.items():
        if name.startswith("encoders."):
            torch.testing.assert_close(both[name], gradient)


def test_telbo_in_two_stages_learns_the_joint_part_and_then_the_unimodal_encoders():
    data = toy_data(rows=40)
    telbo = make_model("telbo", data)
    encoders = {name: value.clone() for name, value in telbo.encoders.state_dict().items()}
    options = {"batch_size": 16, "learning_rate": 1e-2}
    stages = [{"epochs": 3, "train": ["decoders", "objective.joint"]}, {"train": ["encoders"]}]
    run = Trainer(epochs=8, stages=stages, **options).fit(telbo, data)
    batch = telbo.prepare(data.train[:12])
    joint_bound = [record["train"]["log_likelihood.vector"] for record in run.history]
    assert joint_bound[2] > joint_bound[0]
    alone = run.history[-1]["train"]["loss"], run.history[3]["train"]["loss"]
    assert alone[0] < alone[1], "the encoders learn in the second stage"
    for (name, before), after in zip(encoders.items(), telbo.encoders.state_dict().values(), strict=True):
        assert not torch.equal(before, after), name
    first = make_model("telbo", data)
    Trainer(epochs=3, stages=[{"train": stages[0]["train"]}], **options).fit(first, data)
    torch.testing.assert_close(first.objective.joint(batch).mean, telbo.objective.joint(batch).mean, rtol=0, atol=0)
    torch.testing.assert_close(list(first.decoders.parameters()), list(telbo.decoders.parameters()), rtol=0, atol=0)
    assert all(torch.equal(value, encoders[name]) for name, value in first.encoders.state_dict().items())


def test_weights_of_telbo_name_modalities():
    with pytest.raises(
        MmgenError, match=r"objective\.unimodal_weights: there is no modality 'word'; there are vector, counts, tags\."
    ):
        make_model("telbo", toy_data(), unimodal_weights={"word": 2.0})
    with pytest.raises(MmgenError, match=r"objective\.joint_weights\.tags"):
        make_model("telbo", toy_data(), joint_weights={"tags": -1.0})


def expected_posterior(objective, q, row, members):
    """Mean and log-variance of one row and one subset."""
    if objective == "joint":
        return q if len(members) == 3 else UNIT
    if len(members) == 3:
        return q
    if not members:
        return UNIT
    extra = [UNIT] if objective == "telbo" and len(members) > 1 else []
    return product([row[m] for m in members] + extra)


@pytest.mark.parametrize("objective", ["jmvae", "telbo", "joint"])
def test_every_subset_has_its_posterior_whatever_the_other_rows_have(objective):
    model, data = model_of(objective), toy_data()
    generator = torch.Generator().manual_seed(0)
    subsets = torch.cat([powerset(3), torch.zeros(1, 3, dtype=torch.bool)])
    given = subsets[torch.randint(8, (2, 5, 12), generator=generator)]  # [2, 5, B, M]: each row has another subset
    available = subsets[[6, 6, 6, 6, 6, 6, 6, 6, 0, 3, 5, 7]]
    batch = data.test[:12].restrict(available)
    posterior = model.posterior(batch, given)
    assert posterior.components.mean.shape == (2, 5, 1, 12, 3)
    assert (posterior.weights == 1).all() and posterior.log_weights.shape == (2, 5, 1, 12)
    prepared = model.prepare(batch)
    q, experts = model.objective.joint(prepared), model.experts(prepared)
    for i, j, b in itertools.product(range(2), range(5), range(12)):
        members = [m for m in range(3) if given[i, j, b, m] and available[b, m]]
        mean, log_variance = expected_posterior(objective, row_of(q[None], b)[0], row_of(experts, b), members)
        got = posterior.components[i, j, 0, b]
        torch.testing.assert_close(got.mean.tolist(), mean, rtol=1e-9, atol=1e-9)
        torch.testing.assert_close(got.log_variance.tolist(), log_variance, rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("objective", ["jmvae", "telbo"])
def test_with_a_mixture_for_several_modalities_everything_still_has_the_joint_encoder(objective):
    model = make_model(objective, toy_data(), aggregator="moe").requires_grad_(False)
    batch = model.prepare(toy_data().test[:4])
    q, experts = model.objective.joint(batch), model.experts(batch)
    everything, two, one = (
        model.posterior(batch, torch.tensor(seen).expand(4, -1))
        for seen in ([True] * 3, [True, False, True], [False, True, False])
    )
    torch.testing.assert_close(everything.mean, q.mean)
    torch.testing.assert_close(everything.variance, q.variance)
    torch.testing.assert_close(two.mean, (experts.mean[0] + experts.mean[2]) / 2)
    torch.testing.assert_close(one.variance, experts.variance[1])


@pytest.mark.parametrize("exact", [False, True])
def test_jmvae_is_a_lower_bound_of_the_exact_evidence_and_tight_without_its_unimodal_terms(exact):
    world = LinearGaussianWorld((3, 4, 3), 2, orthogonal=True, seed=3)
    model = world_model(world, "jmvae")
    if exact:
        set_exact_joint_encoder(model.objective.joint, world)
    _, x = world.sample(16)
    batch, evidence = world_batch(x), world.log_evidence(x)
    for beta in (0.0, 0.4, 1.0):
        value, error = sampled_value(model, batch, beta=beta)
        assert (value <= evidence + 5 * error + 1e-9).all()
        if exact and beta == 0:
            assert ((value - evidence).abs() < 5 * error + 1e-9).all()


def test_the_plain_joint_vae_is_jmvae_without_its_unimodal_terms():
    data = toy_data()
    jmvae, joint = make_model("jmvae", data), make_model("joint", data)
    joint.load_state_dict(jmvae.state_dict(), strict=False)
    batch = data.train[:8]
    values = []
    for model in (jmvae, joint):
        torch.manual_seed(0)
        values.append(model(batch))
    torch.testing.assert_close(values[0].value(0.0), values[1].value(1.0))
    assert not any(name.startswith("encoders.") for name, _ in joint.named_parameters())


def test_the_plain_joint_vae_generates_from_everything_or_from_the_prior_alone():
    model, batch = model_of("joint"), toy_data().test[:5]
    with pytest.raises(
        MmgenError, match=r"'joint' infers nothing from vector\+tags alone; it can from vector\+counts\+tags\."
    ):
        model.generate(batch, ["vector", "tags"], ["counts"])
    other = Batch({**batch.data, "vector": batch.data["vector"] + 50.0}, batch.available)
    whole = [model.generate(rows, KINDS, ["counts"])["counts"] for rows in (batch, other) if torch.manual_seed(0)]
    assert not torch.equal(*whole)
    assert model.generate(targets=["counts"], samples=4)["counts"].shape == (4, 4)
    lacking = [rows.restrict(torch.tensor([True, False, True]).expand(5, -1)) for rows in (batch, other)]
    for rows in lacking:
        posterior = model.encode(rows)
        assert (posterior.mean == 0).all()
        assert (posterior.variance == 1).all()


def test_a_decoder_of_the_plain_joint_vae_shares_words_with_the_joint_encoder():
    sentences = {"text": {"network": "sentence", "channels": (4, 4, 4), "embedding": 32}}
    data = with_long_texts(toy_data(("vector", "text")))
    model = make_model("joint", data, modalities=sentences)
    words = model.objective.joint.encoder.trunk.trunks[1].embedding.weight
    z = torch.randn(3, 3, dtype=torch.float64)
    assert words.dtype == torch.float64
    model.decode(z, "text").square().sum().backward()
    assert float(words.grad.abs().sum()) > 0
    assert sum(parameter.shape == words.shape for parameter in model.parameters()) == 1


@pytest.mark.parametrize("objective", ["jmvae", "telbo"])
@pytest.mark.parametrize("count", [2, 20])
def test_works_for_any_number_of_modalities(objective, count):
    world = LinearGaussianWorld((2,) * count, 2, orthogonal=True, seed=1)
    model = world_model(world, objective)
    _, x = world.sample(4)
    with torch.no_grad():
        terms = model(world_batch(x))
    assert terms.log_likelihood.shape == (count, 4)
    assert terms.value(1.0).isfinite().all()


@pytest.mark.parametrize("objective", ["jmvae", "telbo", "joint"])
def test_every_encoder_runs_once(objective):
    model = model_of(objective)
    with recorded_calls([*model.encoders, model.objective.joint, *model.decoders]) as calls:
        model(toy_data().train[:6])
    decodings = [4, 4, 5, 5, 6, 6] if objective == "telbo" else [4, 5, 6]
    assert sorted(calls) == ([3] if objective == "joint" else [0, 1, 2, 3]) + decodings


@pytest.mark.parametrize("objective", ["jmvae", "telbo"])
def test_an_aggregator_whose_weights_would_never_learn_is_refused(objective):
    make_model(objective, toy_data(KINDS), aggregator="barycentre")
    with pytest.raises(MmgenError, match="weights of an aggregator would never learn"):
        make_model(objective, toy_data(KINDS), aggregator={"name": "barycentre", "weights": "learned"})
