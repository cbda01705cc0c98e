"""Products of experts that are computed when asked for, and their KL in one pass against the plain one, with
derivatives.
"""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from mmgen.distributions import (
    Gaussian,
    Laplace,
    Mixture,
    Products,
    kl_divergence,
    kl_gaussians,
    powerset,
    product_of_experts,
    products,
)
from mmgen.models.aggregators import MixtureOfProducts, MixtureOfProductsConfig, ProductConfig, ProductOfExperts
from mmgen.testing import experts, experts_and_masks

float64 = torch.float64


def in_one_piece(q, subsets, prior):
    """The definition, all at once: T = Σ w T_m + w_0, μ = Σ w T_m μ_m / T."""
    weights = subsets.to(q.mean.dtype).movedim(-1, 0).unsqueeze(-1)  # [M, S, B, 1]
    precision = (-q.log_variance).exp().unsqueeze(1)  # [M, 1, B, D]
    nothing = ~subsets.any(-1)
    standard = torch.where(nothing, 1.0, torch.as_tensor(prior, dtype=q.mean.dtype).expand(nothing.shape)).unsqueeze(-1)
    total = (weights * precision).sum(0) + standard
    return Gaussian((weights * precision * q.mean.unsqueeze(1)).sum(0) / total, -total.log())


def learning(gaussian):
    return gaussian.map(lambda value: value.detach().clone().requires_grad_())


def random_experts(modalities, rows, latent_dim, seed=0, dtype=float64):
    generator = torch.Generator().manual_seed(seed)
    mean, log_variance = torch.randn(2, modalities, rows, latent_dim, generator=generator, dtype=dtype)
    return Gaussian(mean, log_variance)


def gradients(divergence, weights, leaves):
    return torch.autograd.grad((divergence * weights).sum(), leaves)


@pytest.mark.parametrize("prior", ["none", "full", "all"])
@pytest.mark.parametrize("at_once", [1, 7, 2**18])
@given(case=experts_and_masks(lead=(3,), empty_rows=True), p_learns=st.booleans(), data=st.data())
def test_kl_is_that_of_the_computed_products_with_the_same_derivatives(prior, at_once, case, p_learns, data):
    q, subsets = case
    _, rows, latent_dim = q.mean.shape
    p = data.draw(experts((1, 1), (rows, rows), (latent_dim, latent_dim), log_variance=(-3, 3)))[0]
    standard = {"none": False, "all": True, "full": subsets.all(-1).to(float64)}[prior]
    q, p = learning(q), learning(p) if p_learns else p
    leaves = [q.mean, q.log_variance, *([p.mean, p.log_variance] if p_learns else [])]
    weights = torch.rand(subsets.shape[:-1], generator=torch.Generator().manual_seed(0), dtype=float64)
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(products.NUMBERS_AT_ONCE, "cpu", at_once)
        lazy = product_of_experts(q, subsets, prior=standard)
        got = kl_divergence(lazy, p)
        got_gradients = gradients(got, weights, leaves)
    assert not lazy.computed
    expected = kl_gaussians(in_one_piece(q, subsets, standard), p)
    torch.testing.assert_close(got, expected, rtol=1e-9, atol=1e-9)
    for ours, plain in zip(got_gradients, gradients(expected, weights, leaves), strict=True):
        torch.testing.assert_close(ours, plain, rtol=1e-8, atol=1e-8 * float(1 + expected.max().detach()))


def test_derivatives_of_the_kl_are_those_by_differences():
    subsets = powerset(3)[:, None] & torch.tensor([[True, True, True], [True, False, True]])

    def divergence(mean, log_variance, to_mean, to_log_variance):
        q = product_of_experts(Gaussian(mean, log_variance), subsets, prior=subsets.all(-1).to(float64))
        return kl_divergence(q, Gaussian(to_mean, to_log_variance))

    q, p = learning(random_experts(3, 2, 2)), learning(random_experts(1, 2, 2, seed=1)[0])
    leaves = q.mean, q.log_variance, p.mean, p.log_variance
    assert torch.autograd.gradcheck(divergence, leaves)
    assert torch.autograd.gradgradcheck(divergence, leaves)


def test_nothing_as_large_as_all_products_is_kept_for_the_derivatives():
    q = learning(random_experts(6, 8, 4))
    kept = []
    with torch.autograd.graph.saved_tensors_hooks(
        lambda value: kept.append(value.untyped_storage().nbytes()) or value, lambda value: value
    ):
        kl_divergence(product_of_experts(q, powerset(6)[:, None]), random_experts(1, 8, 4)[0])
    assert 0 < max(kept) < 63 * 8 * 4 * 8 / 2  # bytes


@pytest.mark.parametrize("prior", [False, True, torch.linspace(0, 2, 5, dtype=float64)])
def test_one_row_of_a_mask_stands_for_all(prior):
    q, p = learning(random_experts(4, 5, 3)), random_experts(1, 5, 3, seed=1)[0]
    subsets = powerset(4)[:, None]
    short, long = (
        product_of_experts(q, subsets, prior=prior),
        product_of_experts(q, subsets.repeat(1, 5, 1), prior=prior),
    )
    weights = torch.linspace(0, 1, 15, dtype=float64)[:, None]
    got, expected = kl_divergence(short, p), kl_divergence(long, p)
    assert got.shape == (15, 5)
    torch.testing.assert_close(got, expected)
    for one, other in zip(
        *(gradients(value, weights, [q.mean, q.log_variance]) for value in (got, expected)), strict=True
    ):
        torch.testing.assert_close(one, other)
    torch.testing.assert_close(short.mean, long.mean)
    torch.testing.assert_close(short.log_variance, long.log_variance)


def test_nearly_equal_variances_keep_their_digits_in_float32():
    for log_variance in (0.0, 3.0):
        q = Gaussian(torch.zeros(1, 1, 8), torch.full((1, 1, 8), log_variance + 1e-3))
        p = Gaussian(torch.zeros(1, 8), torch.full((1, 8), log_variance))
        got = kl_divergence(product_of_experts(q), p)
        ratio = (q.log_variance.to(float64) - p.log_variance).squeeze(0)
        expected = 0.5 * (torch.expm1(ratio) - ratio).sum(
            -1
        )  # 2e-6; the digits of 1/T − 1 + log T alone are worth 1e-7 each
        torch.testing.assert_close(got.to(float64), expected, rtol=2e-3 if log_variance == 0 else 1e-2, atol=0)


def test_networks_in_a_lower_precision_leave_it_as_it_is():
    q, p = (
        learning(random_experts(3, 4, 2, dtype=torch.float32)),
        random_experts(1, 4, 2, seed=1, dtype=torch.float32)[0],
    )

    def value_and_derivatives():
        divergence = kl_divergence(product_of_experts(q, powerset(3)[:, None], prior=True), p)
        return divergence, *torch.autograd.grad(divergence.sum(), [q.mean, q.log_variance])

    plain = value_and_derivatives()
    with torch.autocast("cpu", torch.bfloat16):
        lower = value_and_derivatives()
    assert all(torch.equal(a, b) for a, b in zip(plain, lower, strict=True))


@pytest.mark.parametrize("case", ["learned exponents", "a p for every subset", "computed products"])
def test_what_it_cannot_do_or_would_do_twice_is_left_to_the_plain_kl(case):
    q, subsets = learning(random_experts(3, 4, 2)), powerset(3)[:, None].repeat(1, 4, 1)
    exponents = torch.tensor([0.5, 1.0, 2.0], dtype=float64, requires_grad=case == "learned exponents")
    lazy = product_of_experts(q, subsets, weights=exponents)
    p = random_experts(7 if case == "a p for every subset" else 1, 4, 2, seed=1)
    p = p if case == "a p for every subset" else p[0]
    if case == "computed products":
        lazy.mean  # noqa: B018 - asked for
    got = kl_divergence(lazy, p)
    assert lazy.computed
    expected = kl_gaussians(Gaussian(lazy.mean, lazy.log_variance), p)
    assert torch.equal(got, expected)
    if exponents.requires_grad:
        assert (torch.autograd.grad(got.sum(), exponents)[0] != 0).all()


def test_one_product_per_row_is_chosen_without_computing_the_others():
    q = learning(random_experts(3, 4, 2))
    subsets = powerset(3)[:, None].expand(2, 7, 1, 3)
    chosen = torch.tensor(
        [[[0, 6, 2, 3], [1, 1, 5, 4]], [[6, 5, 4, 3], [0, 0, 0, 2]], [[3, 3, 1, 6], [2, 4, 6, 0]]]
    )  # [K, 2, B]
    lazy = product_of_experts(q, subsets, prior=True)
    got = lazy.choose(chosen)
    assert isinstance(got, Products) and not lazy.computed
    everything = Gaussian(lazy.mean, lazy.log_variance)
    for part in ("mean", "log_variance"):
        ours, plain = getattr(got, part), getattr(everything.choose(chosen), part)
        torch.testing.assert_close(ours, plain)
        one, other = (
            torch.autograd.grad(value.square().sum(), q.mean, retain_graph=True, allow_unused=True)[0]
            for value in (ours, plain)
        )
        assert one is other is None or torch.allclose(one, other)


@pytest.mark.parametrize("family", [Gaussian, Laplace])
def test_choosing_takes_each_row_from_its_component(family):
    components = family(*torch.randn(2, 5, 3, 4, 2, generator=torch.Generator().manual_seed(0)))  # [lead, C, B, D]
    chosen = torch.randint(3, (6, 5, 4), generator=torch.Generator().manual_seed(1))
    got = components.choose(chosen)
    assert isinstance(got, family) and got.mean.shape == (6, 5, 4, 2)
    for k, lead, row in torch.cartesian_prod(torch.arange(6), torch.arange(5), torch.arange(4)):
        assert torch.equal(got.scale[k, lead, row], components.scale[lead, chosen[k, lead, row], row])
        assert torch.equal(got.mean[k, lead, row], components.mean[lead, chosen[k, lead, row], row])


def test_gradients_are_as_when_the_products_were_made():
    q = learning(random_experts(3, 4, 2))
    p = learning(random_experts(1, 4, 2, seed=1)[0])
    with torch.no_grad():
        constant = product_of_experts(q, powerset(3)[:, None])
    assert not constant.mean.requires_grad and not constant.choose(torch.zeros(4, dtype=torch.int64)).mean.requires_grad
    kl_divergence(Products(constant.experts, constant.exponents), p).sum().backward()
    assert q.mean.grad is None and p.mean.grad is not None
    lazy = product_of_experts(q, powerset(3)[:, None])
    with torch.no_grad():
        lazy.mean  # noqa: B018 - asked for
    assert lazy.mean.requires_grad and lazy.log_variance.requires_grad


@pytest.mark.parametrize("prior_expert", ["none", "full", "all"])
def test_a_complete_batch_has_the_products_of_one_in_which_another_row_lacks_something(prior_expert):
    aggregate = MixtureOfProducts(MixtureOfProductsConfig(prior_expert=prior_expert))
    q, p = random_experts(4, 3, 2), random_experts(1, 3, 2, seed=1)[0]
    available = torch.ones(3, 4, dtype=torch.bool)
    complete = aggregate(q, available)
    available[2, 1] = False
    partial = aggregate(q, available)
    assert complete.components.exponents.shape[-2] == 1 and partial.components.exponents.shape[-2] == 3
    for values in (
        lambda m: kl_divergence(m.components, p),
        lambda m: m.log_weights,
        lambda m: m.mean.T,
        lambda m: m.variance.T,
    ):
        torch.testing.assert_close(values(complete)[..., :2], values(partial)[..., :2])


@pytest.mark.parametrize("prior_expert", ["none", "full", "all"])
def test_an_expanded_mask_is_worked_on_as_one_row(prior_expert):
    aggregate = ProductOfExperts(ProductConfig(prior_expert=prior_expert))
    q = random_experts(3, 4, 2)
    subsets = powerset(3)[:, None]
    short, long = aggregate(q, subsets.expand(-1, 4, -1)), aggregate(q, subsets.repeat(1, 4, 1))
    assert short.components.exponents.shape == (7, 1, 1, 4) and long.components.exponents.shape == (7, 1, 4, 4)
    assert torch.equal(short.log_weights, long.log_weights) and short.log_weights.shape == (7, 1, 4)
    torch.testing.assert_close(short.mean, long.mean)
    torch.testing.assert_close(short.variance, long.variance)


def test_drawing_from_many_products_computes_one_per_row():
    q = random_experts(5, 6, 2)
    mixture = MixtureOfProducts()(q, torch.ones(6, 5, dtype=torch.bool))
    torch.manual_seed(0)
    lazily = mixture.rsample((3,))
    assert not mixture.components.computed
    torch.manual_seed(0)
    computed = Mixture(Gaussian(mixture.components.mean, mixture.components.log_variance), mixture.log_weights).rsample(
        (3,)
    )
    torch.testing.assert_close(lazily, computed)
