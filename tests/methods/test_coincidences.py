"""Methods that are the same, or ordered, by mathematics: each pair is run as installed."""

import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from mmgen.distributions import Gaussian, geometric_mean, kl_gaussians, standard_normal
from mmgen.testing import make_model, toy_data
from mmgen_plugin_mmjsd.jensen_shannon import geometric_jensen_shannon

NAMES = ("vector", "counts", "tags")


def value(objective, beta=0.7, seed=0, missing=0.4, **options):
    """Of one batch with the same noise for every method; models of one seed have the same networks."""
    data = toy_data(NAMES, missing=missing)
    model = make_model(objective, data, **options)
    torch.manual_seed(seed)
    with torch.no_grad():
        return model(data.train[:12]).value(beta)


@pytest.mark.parametrize("expert", ["all", "full", "none"])
def test_mopoe_of_the_full_subset_is_the_product_of_experts_vae(expert):
    aggregator = {"name": "poe", "prior_expert": expert}
    assert torch.allclose(value("mopoe", aggregator=aggregator), value("elbo", aggregator=aggregator), atol=1e-10)


@pytest.mark.parametrize("sampling", ["stratified", "all"])
def test_mopoe_of_single_modalities_is_mmvae(sampling):
    one = value("mopoe", aggregator="moe", mixture_sampling=sampling)
    two = value("mmvae", mixture_sampling=sampling)
    assert torch.allclose(one, two, atol=1e-10)


@pytest.mark.parametrize("expert", ["all", "none"])
def test_crmvae_without_the_unimodal_term_is_mvtcae(expert):
    aggregator = {"name": "poe", "prior_expert": expert}
    one = value("crmvae", aggregator=aggregator, reconstruction="one", unimodal=False)
    assert torch.allclose(one, value("mvtcae", aggregator=aggregator), atol=1e-10)


def test_crmvae_has_more_than_mvtcae():
    one = value("crmvae", reconstruction="one")
    assert not torch.allclose(one, value("mvtcae", aggregator={"name": "poe", "prior_expert": "all"}))


def test_mmjsd_poe_of_a_mixture_is_mmjsd():
    assert torch.allclose(value("mmjsd-poe", aggregator="moe"), value("mmjsd"), atol=1e-10)


# Lemmas of "Mitigating the limitations of multimodal VAEs with coordination-based approach", in one dimension and by qu

GRID = np.linspace(-60, 60, 240_001)
STEP = GRID[1] - GRID[0]


def density(mean, variance):
    return np.exp(-((GRID - mean) ** 2) / (2 * variance)) / math.sqrt(2 * math.pi * variance)


def quadrature(experts):
    """KL(uniform mixture ‖ p_f) and log Z, with p_f ∝ N(0, 1)^π Π q_m^π and π = 1/(M+1)."""
    each = [density(0.0, 1.0), *(density(mean, variance) for mean, variance in experts)]
    log_unnormalised = sum(
        -((GRID - mean) ** 2) / (2 * variance) - 0.5 * math.log(2 * math.pi * variance)
        for mean, variance in [(0.0, 1.0), *experts]
    ) / len(each)
    log_z = math.log(np.exp(log_unnormalised).sum() * STEP)
    mixture = sum(each) / len(each)
    inside = mixture > 0
    kl = (mixture[inside] * (np.log(mixture[inside]) - log_unnormalised[inside] + log_z)).sum() * STEP
    return kl, log_z


def stacked(experts):
    mean = torch.tensor([[[m]] for m, _ in experts], dtype=torch.float64)
    return Gaussian(mean, torch.tensor([[[math.log(v)]] for _, v in experts], dtype=torch.float64))


def jensen_shannon_of(experts):
    """Of these and N(0, 1), with equal weights."""
    q, every = stacked(experts), torch.ones(1, len(experts), dtype=torch.bool)
    return float(geometric_jensen_shannon(q, every, standard_normal(q[0]), torch.ones(len(experts)), 1.0))


EXPERTS = st.lists(st.tuples(st.floats(-6, 6), st.floats(0.2, 4)), min_size=2, max_size=4)


@settings(max_examples=40, deadline=None)
@given(experts=EXPERTS)
def test_with_one_normalised_prior_the_divergence_of_mmjsd_is_the_larger_one(experts):
    """Lemma 2: Σ_k π KL(q_k ‖ p_f) ≥ KL(Σ_k π q_k ‖ p_f), and the reconstructions are the same: MMJSD ≤ MVTCAE."""
    assert jensen_shannon_of(experts) >= quadrature(experts)[0] - 1e-6


@settings(max_examples=40, deadline=None)
@given(experts=EXPERTS)
def test_the_normaliser_of_the_geometric_prior(experts):
    """Lemma 1 holds for the components too: Σ_k π KL(q_k ‖ q_j), averaged over j, is KL(q_k ‖ p_f) − log Z with log Z ≤
    0.
    """
    log_z = quadrature(experts)[1]
    q, every = stacked([(0.0, 1.0), *experts]), torch.ones(1, len(experts), dtype=torch.bool)
    to_each = kl_gaussians(q[:, None], q[None]).mean(1)[:, 0]
    to_mean = kl_gaussians(q, geometric_mean(stacked(experts), every, prior=True))[:, 0]
    assert torch.allclose(to_each, to_mean - log_z, atol=1e-6)
    assert log_z <= 1e-9


def test_with_mvtcaes_unnormalised_prior_the_order_turns_round():
    """MVTCAE pays −log Z in addition, without limit, and convexity gives log(M+1) at most: with experts far apart Lemma
    2 fails, and MVTCAE < MMJSD.
    """
    gaps = []
    for distance in (0.2, 5.0, 10.0):
        experts = [(-distance, 1.0), (distance, 1.0)]
        kl, log_z = quadrature(experts)
        jensen_shannon = jensen_shannon_of(experts)
        assert 0 <= jensen_shannon - kl <= math.log(3) + 1e-6
        gaps.append(kl - log_z - jensen_shannon)
    assert abs(gaps[0]) < 1e-3  # near each other, there is hardly a difference
    assert gaps[1] > 7 and gaps[2] > 30
