"""What every likelihood must hold."""

from __future__ import annotations

import copy
import random
from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Any, ClassVar, Literal, get_args, get_origin

import torch
from pydantic import ValidationError
from torch import Tensor

from ...distributions import SUPPORTS, Likelihood, LikelihoodConfig
from ...distributions.likelihoods import CODES, Support
from ...errors import PluginError
from ...options import default_of, validated
from ...registry import entries, load_entry
from .contract import Contract, does_not_apply, same_global_randomness
from .densities import check_moments, check_normalised, check_samples

SHAPES = ((3,), (2, 2))
CATEGORIES, ROWS, DRAWS = 4, 40, 4000
PLACES = (0.05, 0.5, 0.9)  # at which quantiles are compared with draws


def changed_options(config: type[LikelihoodConfig]) -> list[dict[str, Any]]:
    """No option, and each one changed: choices, switches, and smaller and larger numbers; those that can be had."""
    changes: list[dict[str, Any]] = [{}]
    for name, field in config.model_fields.items():
        default = default_of(config, name)
        if get_origin(field.annotation) is Literal:
            changes += [{name: value} for value in get_args(field.annotation) if value != default]
        elif field.annotation is bool:
            changes.append({name: not default})
        elif field.annotation is float and isinstance(default, float):
            changes += [{name: factor * default} for factor in (0.4, 2.0) if default]
    return [change for change in changes if _possible(config, change)]


def _possible(config: type[LikelihoodConfig], options: Mapping[str, Any]) -> bool:
    try:
        config(**options)
    except ValidationError:
        return False
    return True


def choices_of(supports: Collection[Support], default: str) -> list[Any]:
    """The likelihoods of some values that are installed, by name; the default one with each of its options changed."""
    found: list[Any] = []
    for entry in entries("likelihoods"):
        try:
            kind: type[Likelihood] = load_entry(entry)
        except PluginError:
            continue
        if kind.support in supports:
            changes = changed_options(kind.Config) if entry.name == default else [{}]
            found += [{"name": entry.name, **change} for change in changes]
    return found


class LikelihoodContract(Contract):
    """Shapes; probabilities that sum or densities that integrate to one, and their samples, mean, variance and
    quantiles; gradients far out; cells that are not observed, and rows of zeros; float32.

    With every choice, switch and number among the options changed in turn.

    Attributes:
        examples: Further options to check, such as ``({"degrees": 3.0},)``.
    """

    kind = "likelihoods"
    examples: ClassVar[Sequence[Mapping[str, Any]]] = ()

    # What checks use --------------------------------------------------------------------------------------------------

    def likelihoods(self) -> Iterator[Likelihood]:
        """The likelihood with its options, and with others, in float64; what it learns is moved from where it starts.

        An instance stays as it is.
        """
        found = self.loaded()
        if not isinstance(found, type):
            yield found
            return
        kind: Any = found
        extra = {"categories": CATEGORIES} if kind.support in CODES else {}
        changes = [*changed_options(kind.Config), *self.examples]
        for number, change in enumerate(changes):
            config = validated(kind.Config, {**self.options, **change}, "likelihood")
            for shape in SHAPES if number == 0 else SHAPES[:1]:
                likelihood = kind(shape, config, **extra).double()
                generator = torch.Generator().manual_seed(number)
                with torch.no_grad():
                    for parameter in likelihood.parameters():
                        parameter.add_(0.3 * torch.randn(parameter.shape, dtype=torch.float64, generator=generator))
                yield likelihood

    def draws(self) -> Iterator[tuple[Likelihood, Tensor, Tensor]]:
        """Likelihoods with parameters of one item ``[outputs, *shape]``, and 4000 draws ``[4000, *shape]``."""
        yield from self.once("draws", lambda: list(self._draws()))

    @torch.no_grad()
    def _draws(self) -> Iterator[tuple[Likelihood, Tensor, Tensor]]:
        for likelihood in self.likelihoods():
            torch.manual_seed(1)
            parameters = 0.7 * torch.randn(likelihood.outputs, *likelihood.shape, dtype=torch.float64)
            yield likelihood, parameters, likelihood.sample(parameters.expand(DRAWS, *parameters.shape))

    # Checks -----------------------------------------------------------------------------------------------------------

    def test_shapes(self) -> None:
        """With any leading dimensions of the parameters: one number per value and one per item, the sum of these."""
        for likelihood, parameters, drawn in self.draws():
            lead = torch.stack([parameters, 0.5 * parameters])[:, None].expand(2, ROWS, *parameters.shape)
            x = drawn[:ROWS]
            with torch.no_grad():
                each, whole = likelihood.pointwise(lead, x), likelihood.log_prob(lead, x)
                others = {"mean": likelihood.mean(lead), "sample": likelihood.sample(lead)}
            assert each.shape == (2, ROWS, *likelihood.shape), (
                f"{self.who}: pointwise gives {tuple(each.shape)}, not [..., N, *shape]"
            )
            assert whole.shape == (2, ROWS), f"{self.who}: log_prob gives {tuple(whole.shape)}, not one number per item"
            assert torch.allclose(whole, each.flatten(2).sum(-1)), (
                f"{self.who}: log_prob is not the sum of pointwise over the values"
            )
            for name, values in others.items():
                assert values.shape == each.shape, f"{self.who}: {name} gives {tuple(values.shape)}, not [..., *shape]"

    def test_it_is_normalised(self) -> None:
        """Probabilities sum to one or the density integrates to one, unless it says that it gives none."""
        for likelihood, parameters, drawn in self.draws():
            if likelihood.normalised:
                check_normalised(self.who, likelihood, parameters, drawn)

    def test_samples_have_the_likelihood(self) -> None:
        """How often each value is drawn is its probability; the distribution function of draws is that of the density
        (Kolmogorov and Smirnov).
        """
        for likelihood, parameters, drawn in self.draws():
            if likelihood.normalised:
                check_samples(self.who, likelihood, parameters, drawn)

    def test_mean_and_variance_are_those_of_the_samples(self) -> None:
        """Of many draws; of codes, which have none, the mean is the most probable one.

        What says that it is normal has that deviation too.
        """
        for likelihood, parameters, drawn in self.draws():
            check_moments(self.who, likelihood, parameters, drawn)
            scale, mean = likelihood.normal_scale(parameters), likelihood.mean(parameters)
            assert scale.shape == mean.shape, f"{self.who}: normal_scale gives {tuple(scale.shape)}, not one per value"
            if scale.any():
                assert torch.allclose(scale.square(), likelihood.variance(parameters)), (
                    f"{self.who}: normal_scale is not the standard deviation"
                )

    def test_samples_are_of_the_values_that_it_is_for(self) -> None:
        """What is drawn belongs to the values that ``support`` names."""
        for likelihood, _, drawn in self.draws():
            allowed = SUPPORTS[likelihood.support]
            inside = bool(allowed.contains(drawn.double().numpy()).all())
            if likelihood.coded:
                inside = inside and bool(((drawn >= 0) & (drawn < CATEGORIES)).all())
            assert inside, f"{self.who}: it draws something else than {allowed.words}, which it says it is for"

    def test_quantiles_are_those_of_the_samples(self) -> None:
        """Of many draws as many lie below as a quantile says; categories without an order have none."""
        if all(likelihood.support == "categories" for likelihood in self.likelihoods()):
            does_not_apply("categories without an order have no quantiles")
        for likelihood, parameters, drawn in self.draws():
            for p in PLACES:
                quantile = likelihood.quantile(parameters, p)
                assert quantile.shape == drawn.shape[1:], f"{self.who}: a quantile is not one value"
                below, up_to = (drawn < quantile).double().mean(0), (drawn <= quantile).double().mean(0)
                slack = 0.06  # five standard errors of 1,000 draws, for those that have no closed form
                assert (below <= p + slack).all() and (up_to >= p - slack).all(), (
                    f"{self.who}: the quantile {p:g} is not that of the samples"
                )

    def test_gradients_far_out(self) -> None:
        """Where outputs, or what it learns, are pushed to ±100: log p and gradients are finite, and these lead back."""
        for likelihood, parameters, drawn in self.draws():
            pushed = [
                (name, parameter, parameter.detach().clone()) for name, parameter in likelihood.named_parameters()
            ]
            for far in (100.0, -100.0):
                for index in range(likelihood.outputs):
                    outputs = parameters.clone()
                    outputs[index] = far
                    outputs.requires_grad_()
                    self._check_gradient(likelihood, outputs, drawn, outputs, f"an output is {far:g}", index)
                for name, parameter, before in pushed:
                    with torch.no_grad():
                        parameter.fill_(far)
                    self._check_gradient(likelihood, parameters, drawn, parameter, f"{name} is {far:g}", None)
                    with torch.no_grad():
                        parameter.copy_(before)

    def _check_gradient(
        self, likelihood: Likelihood, outputs: Tensor, drawn: Tensor, of: Tensor, where: str, index: int | None
    ) -> None:
        x = drawn[:200]
        score = likelihood.log_prob(outputs.expand(len(x), *outputs.shape), x)
        assert score.isfinite().all(), f"{self.who}: log p is not finite where {where}"
        (gradient,) = torch.autograd.grad(score.sum(), of, allow_unused=True)
        assert gradient is not None and gradient.isfinite().all(), (
            f"{self.who}: the gradient is not finite where {where}"
        )
        leads_back = gradient if index is None else gradient[index]
        assert leads_back.any(), (
            f"{self.who}: there is no gradient where {where}, and it never comes back (mmgen.distributions.bounded)"
        )

    def test_everything_learns(self) -> None:
        """Every output and every parameter gets a gradient."""
        for likelihood, parameters, drawn in self.draws():
            outputs = parameters.clone().requires_grad_()
            x = drawn[:200]
            score = likelihood.log_prob(outputs.expand(len(x), *outputs.shape), x).sum()
            named = {"its outputs": outputs, **dict(likelihood.named_parameters())}
            for name, gradient in zip(named, torch.autograd.grad(score, list(named.values()), allow_unused=True)):
                assert gradient is not None and gradient.isfinite().all() and gradient.any(), (
                    f"{self.who}: {name} get no gradient"
                )
            assert likelihood.fitted_scale is False or likelihood.outputs > 1 or len(named) > 1, (
                f"{self.who}: fitted_scale says that training decides the scale, and nothing of it can learn"
            )

    def test_cells_that_are_not_observed_do_not_matter(self) -> None:
        """Whatever they hold, also 0 and what is no number: log p and all gradients stay the same, and are finite."""
        for likelihood, parameters, drawn in self.draws():
            x = drawn[:ROWS]
            observed = torch.rand(x.shape, generator=torch.Generator().manual_seed(2)) < 0.6
            observed[0], observed[1] = True, False
            fillings = (0, 1, -1) if likelihood.coded else (0.0, 0.3, -1.0, 1e6, float("nan"))
            found = []
            for filling in fillings:
                held = torch.where(observed, x, torch.full_like(x, filling))
                found.append(self._with_gradients(likelihood, parameters, held, observed))
            score, gradient = found[0][:2]
            assert all(part.isfinite().all() for part in found[0]), (
                f"{self.who}: log p or a gradient is not finite where a cell is not observed and holds 0"
            )
            for others in found[1:]:
                same = all(torch.allclose(one, other) for one, other in zip(found[0], others))
                assert same, f"{self.who}: what a cell holds that is not observed changes log p, or a gradient"
            if likelihood.normalised:
                each = likelihood.pointwise(parameters.expand(ROWS, *parameters.shape), x).detach()
                wanted = torch.where(observed, each, 0.0).flatten(1).sum(1)
                assert torch.allclose(score, wanted), f"{self.who}: log_prob is not the sum over what is observed"
            unseen = gradient.movedim(1, 0)[:, ~observed]
            assert not unseen.any(), f"{self.who}: a cell that is not observed gives a gradient"

    @staticmethod
    def _with_gradients(likelihood: Likelihood, parameters: Tensor, x: Tensor, observed: Tensor) -> list[Tensor]:
        """log p ``[N]``, and its gradients for the outputs of every row and for what is learned."""
        outputs = parameters.expand(len(x), *parameters.shape).clone().requires_grad_()
        score = likelihood.log_prob(outputs, x, observed)
        leaves: list[Tensor] = [outputs, *likelihood.parameters()]
        return [score.detach(), *torch.autograd.grad(score.sum(), leaves)]

    def test_a_row_of_zeros_is_taken(self) -> None:
        """Zeros stand where a row lacks a modality: log p is finite there, and its gradients are."""
        for likelihood, parameters, drawn in self.draws():
            x = torch.zeros_like(drawn[:3])
            everything = torch.ones(x.shape, dtype=torch.bool)
            for part in self._with_gradients(likelihood, parameters, x, everything):
                assert part.isfinite().all(), f"{self.who}: log p of zeros, or a gradient, is not finite"

    def test_float32_keeps_the_digits(self) -> None:
        """In float32 log p is that of float64 to a thousandth."""
        for likelihood, parameters, drawn in self.draws():
            x = drawn[:200].float() if drawn.is_floating_point() else drawn[:200]
            lead = parameters.expand(len(x), *parameters.shape).float()
            with torch.no_grad():
                single = copy.deepcopy(likelihood).float().log_prob(lead, x)
                exact = likelihood.log_prob(lead.double(), x.double() if x.is_floating_point() else x)
            assert single.dtype == torch.float32, f"{self.who}: of float32 parameters it makes {single.dtype}"
            off = (single.double() - exact).abs() / (1 + exact.abs())
            assert off.max() < 1e-3, f"{self.who}: in float32 log p is off by {float(off.max()):.2g} of itself"

    def test_noise_is_seeded(self) -> None:
        """The same seed gives the same draw, whatever Python's and NumPy's global random numbers are."""
        for likelihood, parameters, _ in self.draws():
            found = []
            with same_global_randomness(self.who), torch.no_grad():
                for others in (0, 1):
                    random.seed(others)
                    torch.manual_seed(0)
                    found.append(likelihood.sample(parameters.expand(5, *parameters.shape)))
            assert torch.equal(*found), f"{self.who}: the same seed gives another draw"

    def test_it_is_described(self) -> None:
        """Every option has a description, and ``support`` is one that there is."""
        found = self.loaded()
        assert found.support in SUPPORTS, (
            f"{self.who}: support is {found.support!r}; it is one of {', '.join(SUPPORTS)}"
        )
        for name, field in found.Config.model_fields.items():
            assert field.description, f"{self.who}: the option {name!r} has no description"
