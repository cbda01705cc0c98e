"""What every objective must hold."""

from __future__ import annotations

import copy
import tempfile
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any, ClassVar

import torch
from safetensors.torch import load_file, save_file
from torch import Tensor

from ...data import Batch, Data
from ...distributions import Mixture, central_noise, is_drawn
from ...errors import MmgenError
from ...models import MultimodalVAE
from ...models.terms import Terms
from ...networks import GaussianHead
from ..models import make_model
from ..toys import toy_data, world_batch, world_model
from ..worlds import LinearGaussianWorld
from .abilities import check_covariates, check_empty_cells, check_private_latents
from .contract import Contract, does_not_apply, same_global_randomness, seed_others
from .declared import check_use
from .densities import check_normalised
from .missing import NORMALISED, PLACEHOLDERS, other_experts, outcome, with_placeholders
from .one_pass import check_one_pass

toys: Callable[..., Data] = cache(toy_data)


class ObjectiveContract(Contract):
    """Terms per row, gradients, posteriors, missing modalities, noise, saving, and the bound that is claimed.

    Attributes:
        kinds: The kinds of modalities of the toy (:func:`mmgen.testing.toy_data`); as many of them as the objective is
            for.
        tight: Whether the objective is the evidence itself where the experts are exact (in a linear-Gaussian world with
            N(0, I) as an expert of their product). It then knows a reversed KL, or a forgotten prior, from the right
            one.
    """

    kind = "objectives"
    kinds: ClassVar[tuple[str, ...]] = ("vector", "counts", "tags")
    tight: ClassVar[bool] = False

    # What checks use --------------------------------------------------------------------------------------------------

    @property
    def names(self) -> tuple[str, ...]:
        """As many of the kinds as the objective is for."""
        return self.kinds[: self.loaded().most_modalities]

    @property
    def names_with_image(self) -> tuple[str, ...]:
        """As many kinds, with an image for the last."""
        return (*(name for name in self.kinds if name != "image"), "image")[-len(self.names) :]

    def takes_an_image(self) -> bool:
        """Whether the objective can be made for these kinds."""
        try:
            self.model(toys(self.names_with_image, missing=0.5))
        except MmgenError:
            return False
        return True

    @property
    def data(self) -> Data:
        """The toy."""
        return toys(self.names)

    def model(self, data: Data | None = None, **options: Any) -> MultimodalVAE:
        """A fresh model in evaluation mode; what the objective finds in closed form is found."""
        data = self.data if data is None else data
        model = make_model(self.component, data, **{**self.options, **options})
        with torch.no_grad():
            model.objective.solve(model, data.train)
        return model

    def shared_model(self) -> MultimodalVAE:
        """One model in evaluation mode for all checks that do not change it."""
        return self.once("model", self.model)

    # Checks -----------------------------------------------------------------------------------------------------------

    def test_terms_are_finite_numbers_per_row(self) -> None:
        """Terms are finite: a log-likelihood ``[M, B]``, and one number per row of everything else."""
        model = self.shared_model()
        with central_noise(), torch.no_grad():
            terms = model(self.data.train[:6])
        value = terms.value(1.0)
        assert value.shape == (6,), f"{self.who}: the value has shape {tuple(value.shape)}, not one number per row"
        assert terms.log_likelihood.shape == (len(model.modalities), 6), f"{self.who}: log_likelihood is not [M, B]"
        for name, term in _parts(terms).items():
            assert term.isfinite().all(), f"{self.who}: {name} is not finite"

    def test_rows_do_not_depend_on_each_other(self) -> None:
        """A row's terms and posterior are the same whatever else is in its batch, while training too, unless
        ``whole_batch`` says otherwise.
        """
        if self.loaded().whole_batch:
            does_not_apply("whole_batch says that a row's terms depend on the other rows")
        model = self.shared_model()
        with central_noise(), torch.no_grad():
            for training, rows in ((False, (0, 3, 5)), (True, (1,))):
                model.train(training)
                whole, mean = model(self.data.train[:6]).value(1.0), model.encode(self.data.train[:6]).mean
                for row in rows:
                    alone = self.data.train[row : row + 1]
                    assert torch.allclose(model(alone).value(1.0)[0], whole[row], atol=1e-8), (
                        f"{self.who}: row {row} depends on the rest of its batch"
                    )
                    assert torch.allclose(model.encode(alone).mean[0], mean[row], atol=1e-8), (
                        f"{self.who}: a posterior depends on the rest of its batch"
                    )
        model.eval()

    def test_what_is_missing_does_not_matter(self) -> None:
        """What stands in the place of a missing modality, be it NaN, changes neither terms, nor posterior, nor
        gradients.

        In evaluation and in training, and of networks with batch normalisation not their running statistics either.
        """
        if not self.loaded().supports_missing:
            does_not_apply("supports_missing says that it needs every modality of every row")
        kinds: list[tuple[tuple[str, ...], dict[str, Any]]] = [(self.names, {})]
        if self.takes_an_image():
            kinds.append((self.names_with_image, {"image": NORMALISED}))
        for names, changes in kinds:
            data = toys(names, missing=0.5)
            model = self.model(data, modalities=changes)
            batch = model.prepare(data.train[:12])
            assert not batch.available.all()
            for training in (False, True):
                model.train(training)
                changed = {called: with_placeholders(batch, number) for called, number in PLACEHOLDERS.items()}
                found = {called: outcome(model, each) for called, each in changed.items()}
                with other_experts(model):
                    found["another expert"] = outcome(model, batch)
                for called, one in found.items():
                    for what, expected in found["zeros"].items():
                        assert torch.allclose(one[what], expected, atol=1e-9), (
                            f"{self.who}: what stands in the place of a missing modality matters: {what} is another "
                            f"with {called}"
                        )

    def test_rows_do_not_exist_for_the_networks_of_what_they_lack(self) -> None:
        """In training with batch normalisation, rows that lack a modality change no term of the rows that have it."""
        if not self.loaded().supports_missing:
            does_not_apply("supports_missing says that it needs every modality of every row")
        if self.loaded().whole_batch or len(self.names) < 2:
            does_not_apply("a row's terms depend on the other rows, or there is one modality, which every row has")
        if not self.takes_an_image():
            does_not_apply("it takes no image, the modality whose networks mix rows")
        data = toys(self.names_with_image, missing=0.5)
        model = self.model(data, modalities={"image": NORMALISED}).train()
        has = data.train.available[:, -1]
        some, others = has.nonzero().squeeze(1)[:6], (~has).nonzero().squeeze(1)[:6]
        with central_noise(), torch.no_grad():
            alone, among = model(data.train[some]).value(0.7), model(data.train[torch.cat([some, others])]).value(0.7)
        assert torch.allclose(among[:6], alone, atol=1e-8), (
            f"{self.who}: rows without an image change the terms of rows with one; its encoder and its decoder run "
            "on them"
        )

    def test_empty_cells_do_not_matter(self) -> None:
        """Likelihoods are of the cells that are there; what stands in the others changes nothing, be it NaN."""
        data = toys(self.names, missing=0.4 if self.loaded().supports_missing else 0.0, cells=0.3)
        check_empty_cells(self.who, self._model_or_reason(data), data.train[:12])

    def test_it_is_told_covariates(self) -> None:
        """Its networks look at covariates, known or not, and can be told others when they generate."""
        data = toys(self.names, covariates=True)
        check_covariates(self.who, self._model_or_reason(data), data.train[:12])

    def test_modalities_can_have_private_latents(self) -> None:
        """Each modality may have latents of its own beside z."""
        data = toys(self.names, missing=0.4 if self.loaded().supports_missing else 0.0)
        check_private_latents(self.who, self._model_or_reason(data, private_dim=2), data.train[:24])

    def test_trainings_in_one_pass_are_those_of_each_alone(self) -> None:
        """Two trainings whose steps are made in one pass, where that can be, end as each does alone."""
        missing = 0.4 if self.loaded().supports_missing else 0.0
        check_one_pass(self.who, self.model, toys(self.names, missing=missing))

    def _model_or_reason(self, data: Data, **options: Any) -> MultimodalVAE:
        try:
            return self.model(data, **options)
        except MmgenError as error:
            does_not_apply(str(error))

    def test_the_order_of_modalities_does_not_matter(self) -> None:
        """The same model with its modalities in another order has the same value."""
        first, names = self.shared_model(), self.names
        if list(first.objective.parameters()) or not list(first.parameters()):
            does_not_apply("networks of its own may be laid out in the order of the modalities")
        second = self.model(toys(names[::-1]))
        for part in ("transforms", "encoders", "decoders", "likelihoods"):
            for m in range(len(names)):
                getattr(second, part)[len(names) - 1 - m].load_state_dict(getattr(first, part)[m].state_dict())
        batch = self.data.train[:6]
        turned = Batch(
            {name: batch.data[name] for name in names[::-1]}, batch.available.flip(-1), batch.labels, batch.rows
        )
        with central_noise(), torch.no_grad():
            one, two = first(batch).value(0.7), second(turned).value(0.7)
        assert torch.allclose(one, two, atol=1e-8), f"{self.who}: the order of the modalities matters"

    def test_every_parameter_learns(self) -> None:
        """Every parameter gets a gradient that is finite and not zero everywhere; an adversary's has one of its own."""
        model = self.model().train()
        if not list(model.parameters()):
            does_not_apply("nothing learns by gradients: all of it is found in closed form")
        torch.manual_seed(0)
        (-model(self.data.train[:24]).value(1.0).mean()).backward()
        against = _adversary(model)
        for name, parameter in model.named_parameters():
            if parameter in against:
                continue
            assert parameter.grad is not None, f"{self.who}: {name} gets no gradient"
            assert parameter.grad.isfinite().all(), f"{self.who}: the gradient of {name} is not finite"
            assert parameter.grad.abs().sum() > 0, f"{self.who}: the gradient of {name} is zero"

    def test_an_adversary_learns_from_terms_of_its_own(self) -> None:
        """Of an objective with an adversary, ``adversary_terms`` are one finite number per row that reaches every
        parameter of the adversary, and ``terms`` reach all else through it.
        """
        model = self.model().train()
        against = _adversary(model)
        if not against:
            does_not_apply("it has no adversary")
        torch.manual_seed(0)
        values = model.adversary_terms(self.data.train[:24])
        assert values.shape == (24,), f"{self.who}: adversary_terms are {tuple(values.shape)}, not one number per row"
        assert values.isfinite().all(), f"{self.who}: adversary_terms are not finite"
        for gradient in torch.autograd.grad(values.sum(), list(against), allow_unused=True):
            assert gradient is not None and bool(gradient.abs().sum() > 0), (
                f"{self.who}: a parameter of the adversary gets no gradient from adversary_terms"
            )
        terms = model(self.data.train[:24]).value(1.0).mean()
        reached = torch.autograd.grad(terms, list(against), allow_unused=True)
        assert any(gradient is not None and bool(gradient.abs().sum() > 0) for gradient in reached), (
            f"{self.who}: terms do not ask the adversary, so that nothing learns against it"
        )

    def test_the_likelihood_reaches_where_z_comes_from(self) -> None:
        """The gradient of the log-likelihood goes through z, to an encoder or to a network of the objective, and not to
        the decoders alone.
        """
        model = self.model().train()
        behind = [p for name, p in model.named_parameters() if not name.startswith(("decoders.", "likelihoods."))]
        if not behind or not model.decoder_sizes:
            does_not_apply("no parameter stands between the data and z, or nothing is decoded")
        torch.manual_seed(0)
        likelihood = model(self.data.train[:24]).log_likelihood.sum()
        assert likelihood.requires_grad, f"{self.who}: the log-likelihood has no gradient"
        found = torch.autograd.grad(likelihood, behind, allow_unused=True)
        reached = any(gradient is not None and bool(gradient.abs().sum() > 0) for gradient in found)
        assert reached, (
            f"{self.who}: the gradient of the log-likelihood does not go through z; it is detached somewhere"
        )

    def test_bounds_can_be_left(self) -> None:
        """Where an encoder's log-variances are far out, gradients of the objective still lead back: none is zero."""
        model = self.model().train()
        heads = [module for module in model.modules() if isinstance(module, GaussianHead)]
        if not heads:
            does_not_apply("it has no encoder with a variance")
        for head in heads:
            before = head.spread.bias.detach().clone()
            for far in (100.0, -100.0):
                with torch.no_grad():
                    head.spread.bias.fill_(far)
                torch.manual_seed(0)
                (gradient,) = torch.autograd.grad(-model(self.data.train[:24]).value(1.0).mean(), head.spread.bias)
                assert gradient.isfinite().all(), (
                    f"{self.who}: with log-variances pushed to {far:g} their gradient is not finite"
                )
                assert gradient.all(), (
                    f"{self.who}: log-variances that were pushed to {far:g} have no gradient, and never come back "
                    "(mmgen.distributions.bounded)"
                )
            with torch.no_grad():
                head.spread.bias.copy_(before)

    def test_likelihoods_are_normalised(self) -> None:
        """What stands in the place of a likelihood sums or integrates to one, unless it says that it does not."""
        model = self.shared_model()
        if not model.decoder_sizes:
            does_not_apply("nothing is decoded")
        for m, name in enumerate(model.modalities):
            likelihood: Any = model.likelihoods[m]
            if name not in model.decoder_sizes or not likelihood.normalised:
                continue
            torch.manual_seed(0)
            with torch.no_grad():
                parameters = model.decode(torch.rand(1, 1, model.decoder_sizes[name], dtype=torch.float64), name)[0, 0]
                check_normalised(
                    self.who, likelihood, parameters, likelihood.sample(parameters.expand(4000, *parameters.shape))
                )

    def test_options_have_an_effect_in_every_stage(self) -> None:
        """No option depends for its effect (``only_with``) on one that may change from stage to stage."""
        kind = self.loaded()
        for name, condition in kind.Config.only_with.items():
            changing = sorted(set(condition) & set(kind.staged))
            assert not changing, (
                f"{self.who}: the option {name!r} is refused beside values of {changing}, which change while it trains"
            )
        for name in (*kind.of_mixtures, *kind.staged):
            assert name in kind.Config.model_fields, f"{self.who}: {name!r} is none of its options"

    def test_the_aggregator_is_used(self) -> None:
        """Where an aggregator is declared, another one changes a term or a posterior; otherwise there is none."""
        check_use(self.who, self.shared_model(), "aggregator", self.data.train[:8])

    def test_the_prior_is_used(self) -> None:
        """Where a prior is declared, another one changes a term or a posterior; otherwise there is none to draw z, or
        one that gives seeded draws ``[n, D]``.
        """
        model = self.shared_model()
        check_use(self.who, model, "prior", self.data.train[:8])
        if self.loaded().prior is not None or not model.objective.infers(model, ()):
            return
        assert model.objective.drawn_prior(model, torch.zeros(1, model.config.latent_dim).double()) is not None, (
            f"{self.who}: it declares no prior, and says that z can be drawn from one"
        )
        drawn = []
        for seed in (0, 0, 1):
            torch.manual_seed(seed)
            with torch.no_grad():
                drawn.append(model.sample_prior(5))
        assert drawn[0].shape == (5, model.config.latent_dim) and drawn[0].isfinite().all(), (
            f"{self.who}: five draws of z given nothing are not finite numbers [5, D]"
        )
        assert torch.equal(drawn[0], drawn[1]) and not torch.equal(drawn[0], drawn[2]), (
            f"{self.who}: draws of z given nothing do not follow the seed"
        )

    def test_every_subset_has_a_posterior(self) -> None:
        """Every subset, also the empty one, has a posterior ``[B, D]`` with weights that sum to one."""
        model, batch = self.shared_model(), self.data.test[:5]
        names = list(model.modalities)
        assert model.objective.infers(model, names), f"{self.who}: it must infer from all modalities"
        for given in ([], names[:1], names[1:], names):
            with torch.no_grad():
                posterior = model.posterior(batch, model.mask(batch, given))
            assert posterior.mean.shape == (5, model.config.latent_dim), (
                f"{self.who}: the mean given {given} is not [B, D]"
            )
            if isinstance(posterior, Mixture):
                total = posterior.weights.sum(0)
                assert torch.allclose(total, torch.ones_like(total)), f"{self.who}: the weights do not sum to one"
            assert posterior.mean.isfinite().all() and posterior.variance.isfinite().all(), (
                f"{self.who}: given {given} the posterior is not finite"
            )

    def test_a_posterior_sees_what_is_given_and_nothing_else(self) -> None:
        """Of all subsets that it infers from: other values of what is given change the posterior, other values of the
        rest do not.
        """
        model = self.shared_model()
        batch, names = model.prepare(self.data.test[:5]), list(self.names)
        for given in [[name] for name in names] + [names[1:], names]:
            if not model.objective.infers(model, given):
                continue
            mask = model.mask(batch, given)
            with torch.no_grad():
                before, after, changed = (
                    _mean(model, each, mask)
                    for each in (batch, _with_garbage(batch, ~mask), _with_garbage(batch, mask))
                )
            assert torch.allclose(before, after, atol=1e-9), (
                f"{self.who}: the posterior given {given} depends on something else"
            )
            assert not torch.allclose(before, changed, atol=1e-9), (
                f"{self.who}: the posterior given {given} does not depend on it"
            )

    def test_single_modalities_have_posteriors_of_their_own(self) -> None:
        """Given one modality or another, z is another one."""
        model, batch = self.shared_model(), self.data.test[:5]
        alone = [[name] for name in model.modalities if model.objective.infers(model, [name])]
        if len(alone) < 2:
            does_not_apply("it does not infer from several single modalities")
        with torch.no_grad():
            means = [_mean(model, batch, model.mask(batch, given)) for given in alone]
        for given, mean in zip(alone[1:], means[1:]):
            assert not torch.allclose(means[0], mean, atol=1e-9), (
                f"{self.who}: given {given[0]} z is the same as given {alone[0][0]}"
            )

    def test_a_trained_model_is_deterministic(self) -> None:
        """Posteriors have no noise, unless they can only be drawn from; encoding uses ``posterior``, and changes
        neither the model nor its mode.
        """
        model, batch = self.model(), self.data.test[:5]
        before = copy.deepcopy(model.state_dict())
        found = []
        drawn = is_drawn(self.shared_model().encode(batch))
        for seed in (0, 0 if drawn else 1):
            torch.manual_seed(seed)
            posterior = model.train().encode(batch)
            found.append((posterior.mean, posterior.variance))
            assert model.training, f"{self.who}: encoding leaves the model in another mode"
        assert all(torch.equal(one, two) for one, two in zip(*found)), (
            f"{self.who}: the posterior of a trained model is drawn"
        )
        model.eval()
        prepared = model.prepare(batch)
        torch.manual_seed(0)
        with torch.no_grad():
            own = model.objective.posterior(model, prepared, model.experts(prepared), prepared.available).mean
        assert torch.equal(found[0][0], own), (
            f"{self.who}: a model is encoded with another posterior than the objective's"
        )
        assert _same(before, model.state_dict()), f"{self.who}: encoding changes the model"

    def test_noise_is_seeded(self) -> None:
        """The same seed gives the same terms, and another seed others (unless posteriors are points); it does not
        depend on those of Python and NumPy.
        """
        model, batch, values = self.shared_model(), self.data.train[:8], []
        for others, seed in enumerate((0, 0, 1)):
            seed_others(others)
            torch.manual_seed(seed)
            with same_global_randomness(self.who), torch.no_grad():
                values.append(model(batch).value(1.0))
        assert torch.equal(values[0], values[1]), f"{self.who}: the same seed gives another value"
        points = bool((model.encode(batch).variance == 0).all())
        assert points or not torch.equal(values[0], values[2]), f"{self.who}: there is no noise in it"

    def test_beta_multiplies_the_divergence_alone(self) -> None:
        """Terms do not depend on β: the value is the log-likelihood less β times the divergence, plus the other
        terms.
        """
        found, others = [], (0.25, 4.0)
        for beta in others:
            torch.manual_seed(0)
            with torch.no_grad():
                found.append(self.model(beta=beta)(self.data.train[:8]))
        one, two = (_parts(terms) for terms in found)
        for name in one:
            assert torch.allclose(one[name], two[name], atol=1e-9), (
                f"{self.who}: {name} depends on β; it multiplies the divergence, in the value"
            )
        rest = sum(found[0].others.values(), torch.zeros(8, dtype=torch.float64))
        expected = found[0].log_likelihood.sum(0) - 3.0 * found[0].divergence + rest
        assert torch.allclose(found[0].value(3.0), expected), f"{self.who}: its terms have a value of their own"

    def test_likelihood_weights_multiply_the_log_likelihood(self) -> None:
        """A modality of weight 0 has the log-likelihood 0, where private latents cost nothing."""
        model = self.model()
        if model.private:
            model = self.model(private_beta=0.0)
        if not model.decoder_sizes:
            does_not_apply("nothing is decoded")
        name = next(iter(model.decoder_sizes))
        m = list(model.modalities).index(name)
        model.likelihood_weights[m] = 0.0
        torch.manual_seed(0)
        with torch.no_grad():
            share = model(self.data.train[:8]).log_likelihood[m]
        assert torch.equal(share, torch.zeros_like(share)), (
            f"{self.who}: {name!r} has a log-likelihood although its weight is 0"
        )

    def test_saving_and_loading(self) -> None:
        """A model rebuilt from its description and its saved tensors is the same model."""
        model = self.shared_model()
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "model.safetensors"
            save_file(model.state_dict(), path)
            again = MultimodalVAE.rebuild(model.description).double().eval()
            again.load_state_dict(load_file(path))
        batch = self.data.train[:6]
        with central_noise(), torch.no_grad():
            assert torch.equal(model(batch).value(1.0), again(batch).value(1.0)), (
                f"{self.who}: saving and loading changes the model"
            )

    def test_the_bound_holds(self) -> None:
        """Where ``bound`` claims one: in linear-Gaussian worlds, whose evidence is known, the value is below it, and
        reaches it if it is ``tight``. In one of them log-densities are above 0, where a multiple of a bound is none.
        """
        bound = self.loaded().bound
        if bound is None:
            does_not_apply("it claims no bound")
        for seed, noise in ((0, 1.0), (1, 1.0), (2, 0.05)):
            world = LinearGaussianWorld((3, 4, 3)[: len(self.names)], 2, orthogonal=True, seed=seed, noise=noise)
            x = world.sample(8)[1]
            members = range(len(self.names))
            evidence = sum((world.log_evidence(x, [m]) for m in members), torch.zeros(8, dtype=torch.float64))
            evidence = evidence if bound == "own" else world.log_evidence(x)
            model = world_model(world, self.component, **self.options)
            torch.manual_seed(seed)
            with torch.no_grad():
                values = torch.stack(
                    [model(world_batch([each.repeat(100, 1) for each in x])).value(1.0) for _ in range(4)]
                ).reshape(-1, 8)
            gap, error = evidence - values.mean(0), values.std(0) / len(values) ** 0.5
            assert (gap >= -5 * error - 1e-9).all(), (
                f"{self.who}: its value is above the log-evidence that bound={bound!r} says it is below"
            )
            assert not self.tight or (gap.abs() <= 5 * error + 1e-9).all(), (
                f"{self.who}: with exact experts its value is not the log-evidence"
            )


def check_objective(objective: str | type, kinds: tuple[str, ...] = ObjectiveContract.kinds) -> None:
    """Run :class:`ObjectiveContract` with these kinds of modalities. Raises an AssertionError that names the checks
    that fail.
    """
    failed = ObjectiveContract.of(objective, kinds=kinds).failures()
    assert not failed, "\n".join(f"{name}: {sentence}" for name, sentence in failed.items())


def _adversary(model: MultimodalVAE) -> set[Tensor]:
    return set() if model.adversary is None else set(model.adversary.parameters())


def _parts(terms: Terms) -> dict[str, Tensor]:
    return {"log_likelihood": terms.log_likelihood, "divergence": terms.divergence, **terms.others}


def _mean(model: MultimodalVAE, batch: Batch, given: Tensor) -> Tensor:
    """The mean of the posterior, with the same noise each time where that can only be drawn from."""
    torch.manual_seed(0)
    return model.posterior(batch, given).mean


def _with_garbage(batch: Batch, where: Tensor) -> Batch:
    """A prepared batch with other values where ``where`` ``[B, M]`` is true."""
    changed = {}
    for m, (name, values) in enumerate(batch.data.items()):
        other = values + 1 if values.is_floating_point() else 1 - values.clamp(0, 1)
        changed[name] = torch.where(where[:, m].reshape(-1, *[1] * (values.dim() - 1)), other, values)
    return Batch(changed, batch.available, batch.labels, batch.rows, prepared=True)


def _same(one: dict[str, Tensor], two: dict[str, Tensor]) -> bool:
    return one.keys() == two.keys() and all(torch.equal(value, two[name]) for name, value in one.items())
