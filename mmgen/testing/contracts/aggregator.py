"""What every aggregator must hold."""

from __future__ import annotations

import copy
from typing import ClassVar

import torch
from torch import Tensor

from ...distributions import Gaussian, Mixture, is_drawn
from ...models import Aggregator
from ..models import make_model
from ..toys import toy_data
from ..worlds import LinearGaussianWorld
from .contract import Contract, does_not_apply, same_global_randomness, seed_others
from .densities import check_density, check_draws

ROWS, DIMS = 4, 2
KINDS = ("vector", "counts", "tags")
MODALITIES = len(KINDS)


class AggregatorContract(Contract):
    """Shapes and weights, a density that is one, masks that mean absence, N(0, I) for nothing, gradients and noise; in
    training (``forward``) and afterwards (``infer``), as built for a small model of three modalities.

    ``component`` may also be an aggregator itself, not yet built.

    Attributes:
        exact: Whether :meth:`mmgen.Aggregator.infer` gives the true posterior of every subset when the experts are
            exact (in a linear-Gaussian world): so does a product with N(0, I), and no other. It then knows a forgotten
            prior expert.
    """

    kind = "aggregators"
    exact: ClassVar[bool] = False

    # What checks use --------------------------------------------------------------------------------------------------

    def built(self, latent_dim: int = DIMS) -> Aggregator:
        """The aggregator of a small model."""

        def build() -> Aggregator:
            found = self.loaded()
            named = isinstance(found, type)
            chosen = {"aggregator": {"name": self.component, **self.options}} if named else {}
            model = make_model("elbo", toy_data(KINDS), latent_dim=latent_dim, **chosen)
            if named:
                aggregate: Aggregator = model.objective.aggregate
                return aggregate
            aggregate = copy.deepcopy(found)
            aggregate.build(model)
            return aggregate.double().eval()

        made: Aggregator = self.once(("aggregator", latent_dim), build)
        return made

    def experts(self, latent_dim: int = DIMS) -> Gaussian:
        """Three experts for four rows, in two dimensions by default, the same each time."""
        generator = torch.Generator().manual_seed(0)
        numbers = torch.randn(2, MODALITIES, ROWS, latent_dim, dtype=torch.float64, generator=generator)
        return Gaussian(numbers[0], numbers[1])

    def given(self) -> Tensor:
        """Subsets ``[5, 4, 3]``: nothing, everything, and any."""
        given = torch.rand(5, ROWS, MODALITIES, generator=torch.Generator().manual_seed(1)) < 0.6
        given[0], given[1] = False, True
        return given

    def both(self, experts: Gaussian, given: Tensor) -> list[tuple[str, Mixture]]:
        """The posterior in training and the one afterwards, seeded."""
        aggregate = self.built(experts.mean.shape[-1])
        found = []
        for name, combine in (("in training", aggregate), ("afterwards", aggregate.infer)):
            torch.manual_seed(0)
            found.append((name, combine(experts, given)))
        return found

    # Checks -----------------------------------------------------------------------------------------------------------

    def test_shapes_and_weights(self) -> None:
        """With any leading dimensions: ``[..., C, B, D]``, finite, and weights that sum to one."""
        for given in (self.given(), self.given()[1]):
            for when, posterior in self.both(self.experts(), given):
                shape, lead = posterior.components.mean.shape, given.shape[:-2]
                assert shape[: len(lead)] == lead and shape[-2:] == (ROWS, DIMS), (
                    f"{self.who} {when}: {tuple(shape)} is not [..., C, B, D]"
                )
                assert shape[:-1] == posterior.log_weights.shape, (
                    f"{self.who} {when}: there is not one weight per component and row"
                )
                total = posterior.weights.sum(-2)
                assert torch.allclose(total, torch.ones_like(total)), (
                    f"{self.who} {when}: the weights do not sum to one"
                )
                assert posterior.mean.isfinite().all() and (posterior.variance > 0).all(), (
                    f"{self.who} {when}: a posterior is not finite"
                )

    def test_the_density_is_that_of_the_samples(self) -> None:
        """In one dimension, where it has one: it integrates to one, and samples have it (Kolmogorov and Smirnov)."""
        for when, posterior in self.both(self.experts(1), self.given()[2]):
            if is_drawn(posterior):
                does_not_apply("it can only be drawn from")
            check_density(f"{self.who} {when}", posterior)
            check_draws(f"{self.who} {when}", posterior)

    def test_mixes_says_whether_there_is_a_mixture(self) -> None:
        """Without ``mixes`` there is one component, with it several in training, where experts are given."""
        kind = self.built()
        if not kind.shared:
            does_not_apply("each modality has a latent of its own")
        for when, posterior in self.both(self.experts(), self.given()):
            count = posterior.components.mean.shape[-3]
            assert count == 1 or kind.mixes, (
                f"{self.who}: mixes says that there is no mixture {when}, and there are {count} components"
            )
            assert count > 1 or not kind.mixes or when != "in training", (
                f"{self.who}: mixes says that training samples from a mixture, and there is one component; "
                "say mixes = False"
            )

    def test_nothing_given_is_the_standard_normal(self) -> None:
        """A row for which nothing is given gets N(0, I)."""
        for when, posterior in self.both(self.experts(), self.given()):
            mean, variance = posterior.mean[0], posterior.variance[0]
            assert torch.allclose(mean, torch.zeros_like(mean)), f"{self.who} {when}: nothing given is not N(0, I)"
            assert torch.allclose(variance, torch.ones_like(variance)), (
                f"{self.who} {when}: nothing given is not N(0, I)"
            )

    def test_an_expert_that_is_not_given_does_not_matter(self) -> None:
        """The mask means absence: other numbers in its place change nothing."""
        given, experts = self.given() & torch.tensor([True, True, False]), self.experts()
        changed = experts.map(torch.clone)
        changed.mean[2], changed.log_variance[2] = 100.0, 3.0
        for (when, one), (_, two) in zip(self.both(experts, given), self.both(changed, given)):
            same = torch.allclose(one.mean, two.mean) and torch.allclose(one.variance, two.variance)
            assert same, f"{self.who} {when}: an expert that is not given matters"

    def test_rows_do_not_depend_on_each_other(self) -> None:
        """A row has the same posterior whatever else is in its batch."""
        whole = self.both(self.experts(), self.given())
        for (when, one), (_, alone) in zip(whole, self.both(self.experts()[:, 2:3], self.given()[:, 2:3])):
            same = torch.allclose(one.mean[:, 2:3], alone.mean) and torch.allclose(one.variance[:, 2:3], alone.variance)
            assert same, f"{self.who} {when}: a row depends on the rest of its batch"

    def test_the_order_of_experts_does_not_matter(self) -> None:
        """The experts in another order, with their masks, make the same posterior."""
        for (when, one), (_, two) in zip(
            self.both(self.experts(), self.given()),
            self.both(self.experts().map(lambda v: v.flip(0)), self.given().flip(-1)),
        ):
            same = torch.allclose(one.mean, two.mean) and torch.allclose(one.variance, two.variance)
            assert same, f"{self.who} {when}: the order of the experts matters"

    def test_gradients_reach_every_given_expert(self) -> None:
        """The mean and variance of every given expert get a gradient, those of another none."""
        given = torch.tensor([True, True, False]).expand(ROWS, -1)
        for when in (0, 1):
            experts = self.experts().map(lambda value: value.clone().requires_grad_())
            called, posterior = self.both(experts, given)[when]
            moments = posterior.mean.sum() + posterior.variance.sum()
            assert moments.requires_grad, f"{self.who} {called}: no expert gets a gradient"
            moments.backward()
            for name, values in (("mean", experts.mean), ("log_variance", experts.log_variance)):
                assert values.grad is not None, f"{self.who} {called}: the {name} of an expert gets no gradient"
                reached = values.grad.abs().sum((1, 2)) > 0
                assert values.grad.isfinite().all() and reached[:2].all(), (
                    f"{self.who} {called}: the {name} of a given expert gets no gradient"
                )
                assert not reached[2], f"{self.who} {called}: the {name} of an expert that is not given gets a gradient"

    def test_gradients_reach_what_it_learns(self) -> None:
        """Every parameter gets a gradient, in training, from the moments or the density of the posterior."""
        aggregate = self.built()
        learned = dict(aggregate.named_parameters())
        if not learned:
            does_not_apply("it learns nothing")
        posterior = aggregate(self.experts(), self.given()[1])
        results = [posterior.mean.sum() + posterior.variance.sum()]
        if not is_drawn(posterior):
            results.append(posterior.log_prob(torch.full((ROWS, DIMS), 0.3, dtype=torch.float64)).sum())
        assert all(result.requires_grad for result in results), f"{self.who}: {' and '.join(learned)} get no gradient"
        found = torch.autograd.grad(torch.stack(results).sum(), list(learned.values()), allow_unused=True)
        for name, gradient in zip(learned, found):
            assert gradient is not None and gradient.isfinite().all() and gradient.abs().sum() > 0, (
                f"{self.who}: {name} gets no gradient, or one that is not finite"
            )

    def test_noise_is_seeded(self) -> None:
        """The same seed gives the same posterior, whatever Python's and NumPy's global random numbers are."""
        found = []
        for others in (0, 1):
            seed_others(others)
            with same_global_randomness(self.who):
                found.append(self.both(self.experts(), self.given()))
        one, two = found
        for (when, first), (_, second) in zip(one, two):
            assert torch.equal(first.mean, second.mean), f"{self.who} {when}: the same seed gives another posterior"

    def test_extreme_experts(self) -> None:
        """Log-variances of ±15, the ends of what encoders give, leave the posterior finite."""
        for signs in ((1, 1, 1), (-1, -1, -1), (1, -1, 1)):
            log_variance = 15.0 * torch.tensor(signs, dtype=torch.float64)[:, None, None].expand(MODALITIES, ROWS, DIMS)
            for when, posterior in self.both(Gaussian(self.experts().mean, log_variance), self.given()):
                finite = posterior.mean.isfinite().all() and posterior.variance.isfinite().all()
                assert finite, (
                    f"{self.who} {when}: experts with log-variances of ±15 give a posterior that is not finite"
                )

    def test_exact_experts_give_the_true_posterior(self) -> None:
        """Where ``exact`` says so."""
        if not self.exact:
            return
        world = LinearGaussianWorld((3, 4, 3), DIMS, orthogonal=True)
        x, given = world.sample(ROWS)[1], self.given()
        for number, subset in enumerate(given):
            _, posterior = self.both(world.experts(x), given[number])[1]
            mean, covariance = world.posterior(x, subset)
            same = torch.allclose(posterior.mean, mean) and torch.allclose(
                posterior.variance, covariance.diagonal(dim1=-2, dim2=-1)
            )
            assert same, f"{self.who}: exact experts do not give the true posterior; is N(0, I) one of them?"


def check_aggregator(aggregate: Aggregator | str | type) -> None:
    """Run :class:`AggregatorContract`. Raises an AssertionError that names the checks that fail."""
    failed = AggregatorContract.of(aggregate).failures()
    assert not failed, "\n".join(f"{name}: {sentence}" for name, sentence in failed.items())
