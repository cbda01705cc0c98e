"""The model: encoders, decoders and likelihoods of all modalities, and the objective that trains them."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import replace
from itertools import chain, combinations, islice
from typing import Any, cast

import torch
from jaxtyping import Bool, Float
from torch import Tensor, nn
from torch.nn.functional import pad

from ..data import Batch, Data, Modality, Sparse, Table
from ..data.describing import change_modalities, describe_modality
from ..data.presence import Presence
from ..data.transforms import Transform
from ..distributions import Gaussian, Likelihood, Posterior, random_strata
from ..errors import MmgenError, alternatives, listed
from ..networks import Encoder, SentenceDecoder, Uninformed, each
from ..networks.grouped import in_groups
from ..networks.rows import WHOLE, View, normalised, views
from ..options import validated
from .building import Component, check_returns, checked_terms, make_objective
from .cells import Filling
from .covariates import Covariates
from .declarations import ObjectiveConfig
from .decoder_input import DecoderInput
from .interface import Given, Model, ModelConfig, likelihood_weights
from .objective import Objective
from .private import check_draws, private_draw, private_sizes
from .sampler import Sampler
from .terms import Terms

FITTED_NUMBERS, FITTED_ROWS = 2**25, 20_000  # of a huge table, by which statistics are learned; so many rows at least
PRIVATE = "private"  # the place of q(w_m | x_m) in a batch's memo


class MultimodalVAE(Model):
    """M encoders, M decoders, and an objective.

    ``create`` makes one for a dataset. Batches may be in data units (as tables give them) everywhere; results of
    :meth:`generate` are in data units again.
    """

    def __init__(
        self,
        modalities: Mapping[str, Modality],
        objective: Objective,
        config: ModelConfig,
        labels: Mapping[str, tuple[str, ...]] | None = None,
        covariates: Mapping[str, tuple[str, ...]] | None = None,
    ) -> None:
        super().__init__()
        self.labels, self.covariates = dict(labels or {}), dict(covariates or {})
        self.modalities = dict(modalities)
        self.config = config
        self.likelihood_weights = likelihood_weights(modalities, config.likelihood_weights)
        self.description: dict[str, Any] = {}
        self.transforms = nn.ModuleList(modality.make_transform() for modality in modalities.values())
        if self.covariates:
            self.covariate_codes = Covariates(self.covariates)
        self.told = self.covariate_codes.size if self.covariates else 0
        self.fillings = nn.ModuleList(
            Filling(modality) if modality.missing == "cell" else nn.Identity() for modality in modalities.values()
        )
        self._make_networks(objective)
        self.objective = objective
        if objective.aggregator is not None:
            objective.aggregate.build(self)
            if not objective.trains_aggregator and any(True for _ in objective.aggregate.parameters()):
                raise MmgenError(
                    "aggregator: this objective aggregates in a trained model alone, so weights of an aggregator would "
                    "never learn; choose one without (weights: equal)."
                )
        if objective.prior is not None:
            objective.prior_for.build(self)
        objective.build(self)

    @classmethod
    def create(
        cls,
        objective: str | type[Objective],
        data: Data,
        *,
        latent_dim: int | None = None,
        beta: float | None = None,
        likelihood_weights: str | None = None,
        private_dim: int | Mapping[str, int] | None = None,
        private_beta: float | None = None,
        private_from_prior: float | None = None,
        aggregator: Component | None = None,
        prior: Component | None = None,
        modalities: Mapping[str, Mapping[str, Any]] | None = None,
        seed: int = 0,
        **options: Any,
    ) -> MultimodalVAE:
        """A new model for a dataset, with statistics fitted on its training rows.

        Args:
            objective: Name of an installed objective (``mmgen list objectives``), or a class.
            data: What :func:`mmgen.load_dataset` returned.
            latent_dim: Dimensions of z; the objective's or dataset's default otherwise.
            beta: Weight of the divergence; the objective's or dataset's default otherwise.
            likelihood_weights: ``official``, ``dimension`` or ``none``: see :class:`ModelConfig`.
            private_dim: Dimensions of the latents that each modality has for itself, one number or one by modality.
            private_beta: Weight of their divergence.
            private_from_prior: Share of their draws in training that are from their prior.
            aggregator: Name or class, or a mapping of that (``name``) and options, where the objective leaves a choice.
            prior: The same for the prior.
            modalities: Changes to modalities: name to fields.
            seed: Of the initial weights.
            **options: Fields of the objective's configuration (``mmgen info NAME``).
        """
        chosen = make_objective(objective, options, aggregator, prior, data)
        given = {
            "latent_dim": latent_dim,
            "beta": beta,
            "likelihood_weights": likelihood_weights,
            "private_dim": private_dim,
            "private_beta": private_beta,
            "private_from_prior": private_from_prior,
        }
        config = chosen.model_config(data, {key: value for key, value in given.items() if value is not None})
        changed = change_modalities(data.modalities, modalities or {}, data.train)
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            model = cls(changed, chosen.build(), config, data.labels, data.covariates)
        model.description = {
            **chosen.description,
            "model": config.model_dump(mode="json"),
            "modalities": {name: describe_modality(modality) for name, modality in changed.items()},
            "labels": {name: list(classes) for name, classes in data.labels.items()},
        }
        if data.covariates:
            model.description["covariates"] = {name: list(classes) for name, classes in data.covariates.items()}
        model.fit_transforms(data.train)
        check_returns(model)
        return model

    @classmethod
    def rebuild(cls, description: Mapping[str, Any]) -> MultimodalVAE:
        """An untrained model from what :attr:`description` says (a run's configuration), without any data.

        Raises:
            MmgenError: A component or an option that there is not, or no aggregator or prior where there must be one:
                those that the objective takes by default may be others than it was trained with.
        """
        objective = dict(description["objective"])
        chosen = make_objective(
            objective.pop("name"), objective, description.get("aggregator"), description.get("prior")
        )
        modalities = change_modalities({}, description["modalities"])
        labels, covariates = (
            {name: tuple(classes) for name, classes in description.get(part, {}).items()}
            for part in ("labels", "covariates")
        )
        config = validated(ModelConfig, description["model"], "model")
        model = cls(modalities, chosen.build(), config, labels, covariates)
        for part in ("aggregator", "prior"):
            if getattr(model.objective, part) is not None and not description.get(part):
                raise MmgenError(f"it has no section {part!r}")
        sections = ("objective", "aggregator", "prior", "model", "modalities", "labels", "covariates")
        model.description = {key: description[key] for key in sections if key in description}
        return model

    def fit_transforms(self, train: Table) -> None:
        """Learn the statistics of the training rows that have each modality; of a huge table, of rows from all over."""
        fillings = self._fillings()
        for m, (name, transform) in enumerate(zip(self.modalities, self._transforms(), strict=True)):
            filling = fillings.get(name)
            likelihood = self.likelihoods[m]
            fits = isinstance(likelihood, Likelihood) and likelihood.learns
            if not transform.learns and filling is None and not fits:
                continue
            rows = train.available[:, m].nonzero().squeeze(1)
            stored = train.data[name]
            learner = cast(Likelihood, likelihood) if fits else None
            sparse = isinstance(stored, Sparse) and filling is None
            if sparse and _fit_sparse(cast(Sparse, stored).select(rows), transform, learner):
                continue
            rows = _spread(rows, math.prod(stored.shape[1:]))
            values, observed = stored[rows], train.observed.get(name)
            cells = None if observed is None else observed[rows]
            transform.fit(values, cells)
            if filling is None and not fits:
                continue
            prepared = transform(values, cells)
            if filling is not None:
                filling.fit(prepared, torch.ones_like(prepared, dtype=torch.bool) if cells is None else cells)
                prepared = filling(prepared, cells)
            if fits:
                cast(Likelihood, likelihood).fit(prepared)
        if self.covariates:
            self.covariate_codes.fit(train)

    def _make_networks(self, objective: Objective) -> None:
        """An encoder, a decoder and a likelihood for every modality that the objective has one for."""
        dim, modalities = self.config.latent_dim, self.modalities
        self.encoded = dict(objective.encodes(modalities, dim))
        sizes = objective.decodes(modalities, dim)
        able = [name for name in sizes if name in self.encoded]
        if self.told and not sizes and not self.encoded:
            raise MmgenError(
                "dataset.covariates: this objective has neither encoders nor decoders that could be told covariates; "
                "leave them out."
            )
        self.private = private_sizes(self.config.private_dim, modalities, able, objective.shared)
        check_draws(objective.draws_private, self.config.private_from_prior)
        self.decoder_sizes = {name: size + self.private.get(name, 0) + self.told for name, size in sizes.items()}
        self.encoders, self.decoders, self.likelihoods = nn.ModuleList(), nn.ModuleList(), nn.ModuleList()
        for name, modality in modalities.items():
            generated, encoder = name in sizes, cast(nn.Module, Uninformed(self._width))
            if name in self.encoded:
                encoder = modality.encoder(self.encoded[name] + self.private.get(name, 0), self.told)
            decoder = modality.decoder(self.decoder_sizes[name]) if generated else nn.Identity()
            if name in self.encoded and generated:
                modality.tie(cast(Encoder, encoder).trunk, decoder)
            self.encoders.append(encoder)
            self.decoders.append(decoder)
            self.likelihoods.append(modality.make_likelihood() if generated else nn.Identity())

    @property
    def device(self) -> torch.device:
        """See :meth:`mmgen.Model.device`."""
        return self.objective.step.device

    @property
    def name(self) -> str:
        """What its objective is called."""
        return str(self.description.get("objective", {}).get("name", type(self.objective).__name__))

    @property
    def shares_latent(self) -> bool:
        """Whether all modalities are decoded from one latent; otherwise each has its own."""
        return self.objective.shared

    @property
    def has_dynamic_prior(self) -> bool:
        """Whether the prior depends on the data of a row, so that drawing from N(0, I) is a picture rather than the
        model's own claim.
        """
        return self.objective.dynamic_prior

    def forward(self, batch: Batch) -> Terms:
        """The objective's terms for a batch.

        Raises:
            MmgenError: It gives something else.
        """
        batch = self.prepare(batch)
        return checked_terms(self.objective.terms(self, batch), self, batch)

    # What a training uses --------------------------------------------------------------------------------------------

    @property
    def options(self) -> ObjectiveConfig:
        """The options of the objective; a stage of a training may set others."""
        return cast(ObjectiveConfig, self.objective.config)

    @options.setter
    def options(self, options: ObjectiveConfig) -> None:
        self.objective.config = options

    @property
    def staged(self) -> tuple[str, ...]:
        """The options that may change from one stage of a training to the next."""
        return self.objective.staged

    @property
    def supports_missing(self) -> bool:
        """Whether rows that lack modalities can be trained on."""
        return self.objective.supports_missing

    @property
    def needs_labels(self) -> bool:
        """Whether training needs labels, of some training rows at least."""
        return self.objective.needs_labels

    @property
    def whole_batch(self) -> bool:
        """Whether the rows of a batch depend on each other, so that it stays in one piece."""
        return self.objective.whole_batch

    @property
    def adversary(self) -> nn.Module | None:
        """The objective's network that learns against all else, if it has one."""
        return self.objective.adversary

    def adversary_terms(self, batch: Batch) -> Float[Tensor, " B"]:
        """What the adversary maximises for each row."""
        return self.objective.adversary_terms(self, self.prepare(batch))

    def networks(self) -> list[nn.Module]:
        """All encoders, those of the objective too, and all decoders."""
        joint = [module for module in self.objective.modules() if isinstance(module, Encoder)]
        return [*self.encoders, *joint, *self.decoders]

    def count_step(self) -> None:
        """One more optimiser step, for what depends on how many there were."""
        self.objective.step += 1

    def solve(self, train: Table) -> None:
        """Find what the objective finds in closed form from the training rows, after the last optimiser step."""
        self.objective.solve(self, train)

    # What objectives use ----------------------------------------------------------------------------------------------

    def prepare(self, batch: Batch) -> Batch:
        """See :meth:`mmgen.Model.prepare`."""
        if batch.prepared:
            return batch
        data, inputs, fillings = {}, {}, self._fillings()
        if whole := [name for name in batch.observed if name not in fillings]:
            raise MmgenError(
                f"The model needs every cell of {listed(whole)}, and the data lack some; make it with modalities that "
                "have missing: cell."
            )
        for name, transform in zip(self.modalities, self._transforms(), strict=True):
            data[name] = transform(batch.data[name], batch.observed.get(name))
            if (filling := fillings.get(name)) is not None:
                observed = batch.observed.get(name)
                data[name] = filling(data[name], observed)
                if (seen := filling.input(data[name], observed)) is not None:
                    inputs[name] = seen
        told = self.covariate_codes(batch) if self.covariates else None
        return replace(batch, data=data, inputs=inputs, told=told, prepared=True)

    def experts(self, batch: Batch) -> Gaussian:
        """See :meth:`mmgen.Model.experts`."""
        batch = self.prepare(batch)
        return self._encode([batch.input(name) for name in self.modalities], batch)

    def private_posteriors(self, batch: Batch) -> dict[str, Any]:
        """See :meth:`mmgen.Model.private_posteriors`."""
        if not self.private:
            return {}
        if PRIVATE not in batch.memo:
            self.experts(batch)
        heads = cast(dict[str, Gaussian], batch.memo[PRIVATE])
        return {name: self.objective.private_posterior(self, head, name) for name, head in heads.items()}

    def encode_each(self, inputs: Sequence[Tensor]) -> Gaussian:
        """See :meth:`mmgen.Model.encode_each`."""
        return self._encode(inputs)

    def decode(self, z: Float[Tensor, "*lead _"], target: str) -> Tensor:
        """See :meth:`mmgen.Model.decode`."""
        self._check_target(target)
        ((_, output, _),) = self._decode({self._index(target): z})
        return output

    def log_likelihood(
        self,
        z: Float[Tensor, "*lead B D"] | Sequence[Tensor],
        batch: Batch,
        *,
        per_modality: bool = False,
        frozen: bool = False,
        weighted: bool = False,
        private: Mapping[str, Tensor] | None = None,
    ) -> Float[Tensor, " M *lead_and_B"]:
        """See :meth:`mmgen.Model.log_likelihood`."""
        batch = self.prepare(batch)
        names = list(self.modalities)
        latents = z if per_modality else [cast(Tensor, z)] * len(names)
        generated = [m for m, name in enumerate(names) if name in self.decoder_sizes]
        values = {m: one.new_zeros(one.shape[:-1]) for m, one in enumerate(latents) if m not in generated}
        taken, costs = self._taken_in_training({m: latents[m] for m in generated}, batch, weighted, private)
        with self._frozen(generated) if frozen else nullcontext():
            for m, parameters, view in self._decode(taken, batch.presence):
                cells = batch.observed.get(names[m])
                seen = (view.values(batch.data[names[m]]), None if cells is None else view.values(cells))
                values[m] = self.likelihood_weights[m] * view.placed(
                    self._likelihood(m).log_prob(parameters, *seen), -1
                )
        for m, cost in costs.items():
            values[m] = values[m] - self.config.private_beta * cost
        return torch.stack([values[m] for m in range(len(names))])

    # What people use --------------------------------------------------------------------------------------------------

    def encode(self, batch: Batch, given: Sequence[str] | None = None) -> Posterior:
        """q(z | x_S): the posterior of each row given some modalities, all that it has by default.

        The result's ``mean`` is ``[B, D]``. A row that has none of them gets N(0, I).
        """
        with self._inference():
            self._check_given(given)
            return self.posterior(batch, given)

    def encode_private(self, batch: Batch, given: Sequence[str] | None = None) -> dict[str, Posterior]:
        """q(w_m | x_m) ``[B, P_m]`` of every modality with private latents; p(w_m) where it is not given."""
        with self._inference():
            batch = self.prepare(batch)
            mask = self.mask(batch, given)
            return {name: self._private(batch, name, mask)[0] for name in self.private}

    def generate(
        self,
        batch: Batch | None = None,
        given: Sequence[str] | None = None,
        targets: Sequence[str] | None = None,
        samples: int = 1,
        *,
        draw: bool = False,
        covariates: Mapping[str, Any] | None = None,
        sampler: Sampler | None = None,
        posterior: Posterior | None = None,
    ) -> dict[str, Tensor]:
        """Generate modalities from others, or from the prior.

        Args:
            batch: The rows to condition on; None: from the prior, ``samples`` independent items.
            given: What to condition on; everything that each row has by default.
            targets: What to generate; everything that the model can by default.
            samples: Draws of z per row.
            draw: Whether to draw from p(x | z) as well; its mean otherwise.
            covariates: What decoders are told instead of a row's own covariates, such as ``{"site": "A"}``: as if it
                had been measured there. From the prior, the covariates of training rows otherwise.
            sampler: What z is drawn from without a batch; the prior by default.
            posterior: What z of the rows is drawn from in the place of q(z | x_S), where modalities share it: ``[B,
                D]`` (:class:`.LaplaceInference`).

        Returns:
            Name to ``[samples, B, *shape]`` in data units (``[samples, *shape]`` from the prior).
        """
        with self._inference():
            names = list(self.decoder_sizes) if targets is None else list(targets)
            for name in names:
                self._check_target(name)
            if not names:
                self._check_target(next(iter(self.modalities)))
            if batch is None:
                self.check_sampled(sampler is not None and sampler.fitted)
            else:
                self._check_given(given)
            if covariates and not self.covariates:
                raise MmgenError("covariates: this model is told none; leave them out.")
            if batch is None:
                z = self.sample_prior(samples) if sampler is None else self.sample(sampler, samples)
                parts = {name: self.part_of(z, name) for name in names}
                latents = [self.decoder_input(z, name, covariates=covariates).values for name, z in parts.items()]
            else:
                latents = self.sample_latents(batch, given, names, samples, covariates=covariates, posterior=posterior)
            return {name: self.output(z, name, draw=draw) for name, z in zip(names, latents, strict=True)}

    def classify(self, batch: Batch) -> dict[str, Tensor]:
        """The model's own answers about each row: label to logits ``[B, classes]``, or ``[B, answers]`` of several
        yes/no answers; none without a classifier.
        """
        with self._inference():
            return dict(self.objective.classify(self, self.prepare(batch)))

    def infers(self, given: Sequence[str]) -> bool:
        """Whether the objective says what z is given these modalities, by name; given nothing: whether it has a prior
        to draw z from.
        """
        return self.objective.infers(self, given)

    def posterior(self, batch: Batch, given: Given = None, *, experts: Gaussian | None = None) -> Posterior:
        """q(z | x_S) as the objective has it after training: a mixture ``[..., C, B, D]``, or another ``[..., B, D]``.

        Args:
            batch: The rows.
            given: The modalities S that are given, by name, or as masks ``[..., B, M]`` (``[S, 1, M]`` for S subsets
                at once); what each row has by default. What a row lacks is never given.
            experts: :meth:`experts` of the batch, where they are known already; each encoder runs once otherwise.
        """
        batch = self.prepare(batch)
        experts = self.experts(batch) if experts is None else experts
        return self.objective.posterior(self, batch, experts, self.mask(batch, given))

    def gaussians(self, batch: Batch) -> dict[str, Gaussian]:
        """The Gaussians over z ``[B, D]`` that the objective has for rows with every modality, by how they are
        written, such as ``q(z|x_1,x_2)``.
        """
        return dict(self.objective.gaussians(self, self.prepare(batch)))

    def joint_latents(self, batch: Batch, experts: Gaussian) -> list[tuple[list[str], Posterior]]:
        """The independent latents of rows given all that they have: the modalities that are decoded from one, and its
        posterior.

        One for all modalities; where these keep their own latents, one for each, whose posterior is its expert.
        """
        if self.shares_latent:
            return [(list(self.modalities), self.posterior(batch, experts=experts))]
        return [([name], experts[m]) for m, name in enumerate(self.modalities)]

    def decodes_own(self, target: str, given: Sequence[str]) -> bool:
        """Whether a modality is decoded from its own expert: where modalities keep their own latents and it is
        given.
        """
        return not self.shares_latent and target in given

    def sample_latents(
        self,
        batch: Batch,
        given: Given,
        targets: Sequence[str],
        samples: int = 1,
        *,
        covariates: Mapping[str, Any] | None = None,
        posterior: Posterior | None = None,
    ) -> list[Float[Tensor, "samples *lead B _"]]:
        """What to decode each target from: z ~ q(z | x_S) (its mean where the objective decodes that), or another
        posterior, and what its decoder takes besides.

        One latent serves all targets, but for those of rows of which :meth:`decodes_own` is true.
        """
        batch = self.prepare(batch)
        mask = self.mask(batch, given)
        if posterior is None:
            drawn = self._drawn(batch, mask, targets, samples)
        else:
            drawn = [self.latents(posterior, samples)] * len(targets)
        pairs = zip(drawn, targets, strict=True)
        return [self.decoder_input(z, target, batch, mask, covariates=covariates).values for z, target in pairs]

    def _drawn(self, batch: Batch, mask: Tensor, targets: Sequence[str], samples: int) -> list[Tensor]:
        """The z ``[samples, *lead, B, D]`` of each target given what a mask says."""
        experts = self.experts(batch)
        shared = self.latents(self.posterior(batch, mask, experts=experts), samples)
        if self.shares_latent:
            return [shared] * len(targets)
        own, lead = experts.rsample((samples,)), mask.dim() - 2
        return [
            torch.where(mask[..., m, None], own[:, m].reshape(samples, *[1] * lead, *own.shape[2:]), shared)
            for m in (self._index(target) for target in targets)
        ]

    def joint_draw(self, batch: Batch) -> Float[Tensor, "B _"]:
        """One draw of the latents of each row given all that it has, which samplers are fitted to: z ``[B, D]``, or
        ``[z_1 … z_M]`` where modalities keep their own; that of one that a row lacks is drawn from the others.
        """
        with self._inference():
            batch = self.prepare(batch)
            drawn = self._drawn(batch, self.mask(batch), list(self.modalities), 1)
        return drawn[0][0] if self.shares_latent else torch.cat([z[0] for z in drawn], -1)

    def sample(self, sampler: Sampler, count: int) -> Float[Tensor, "count _"]:
        """Draws of a sampler, for decoders."""
        with torch.no_grad():
            return sampler.sample(count).to(self._like())

    def part_of(self, z: Float[Tensor, "*lead _"], target: str) -> Float[Tensor, "*lead D"]:
        """What ``target`` is decoded from: all of z, or its own part of ``[z_1 … z_M]``."""
        dim = self.config.latent_dim
        return z if z.shape[-1] == dim else z[..., (m := self._index(target)) * dim : (m + 1) * dim]

    def can_sample(self, fitted: bool) -> bool:
        """Whether z can be drawn where nothing is given: from the prior, or from a ``fitted`` sampler, which needs no
        prior, but decoders that see nothing of a row beside z.
        """
        return self.infers(()) or (fitted and type(self.objective).decoder_input is Objective.decoder_input)

    def check_sampled(self, fitted: bool) -> None:
        """Refuse to draw where it cannot."""
        if not self.can_sample(fitted):
            self._check_given(())

    def latents(self, posterior: Posterior, samples: int = 1) -> Float[Tensor, "samples *lead B D"]:
        """Draws from a posterior; its mean, as often, where the objective decodes that."""
        if self.objective.decodes_mean:
            return posterior.mean.expand(samples, *posterior.mean.shape)
        return posterior.rsample((samples,))

    def decoder_input(
        self,
        z: Float[Tensor, "*lead B D"],
        target: str,
        batch: Batch | None = None,
        given: Bool[Tensor, "*any B M"] | None = None,
        *,
        covariates: Mapping[str, Any] | None = None,
    ) -> DecoderInput:
        """See :meth:`mmgen.Model.decoder_input`."""
        taken = self.objective.decoder_input(self, z, target, batch, given)
        taken = taken if isinstance(taken, DecoderInput) else DecoderInput(taken)
        if target not in self.private and not self.told:
            return taken
        parts, log_ratio = [taken.values], taken.log_ratio
        if target in self.private:
            w, ratio = self._private_latents(z, target, batch, given)
            parts, log_ratio = [*parts, w], log_ratio + ratio
        if self.told:
            told = self.covariate_codes.drawn(z.shape[-2]) if batch is None else cast(Tensor, batch.told)
            told = self.covariate_codes.replaced(told, covariates) if covariates else told
            parts.append(told.to(z.dtype).expand(*z.shape[:-1], -1))
        return DecoderInput(torch.cat(parts, -1), log_ratio)

    def reads_rows(self, target: str) -> bool:
        """Whether what the decoder of a modality takes depends on the rows, beside their z."""
        asked = type(self.objective).decoder_input is not Objective.decoder_input
        return asked or target in self.private or bool(self.told)

    def sample_prior(self, count: int) -> Float[Tensor, "count D"]:
        """z ~ p(z), from :meth:`unconditional_prior`."""
        return self.unconditional_prior(count).rsample()

    def unconditional_prior(self, count: int) -> Posterior:
        """See :meth:`mmgen.Model.unconditional_prior`."""
        parameter = self._like()
        shape = (len(self.modalities), count, self.config.latent_dim)
        nothing = torch.zeros(shape, dtype=parameter.dtype, device=parameter.device)
        if self.objective.prior is None:
            self._check_given(())
            return cast(Posterior, self.objective.drawn_prior(self, nothing[0]))
        unit = Gaussian(nothing, nothing)
        everything = torch.ones(count, len(self.modalities), dtype=torch.bool, device=parameter.device)
        return unit[0] if self.has_dynamic_prior else self.objective.prior_for(self, unit, everything)

    def _like(self) -> Tensor:
        """A number of the kind that latents are made of."""
        floating = (value for value in self.state_dict().values() if value.is_floating_point())
        return next(floating, self.objective.step.new_zeros((), dtype=torch.get_default_dtype()))

    def output(self, z: Float[Tensor, "*lead _"], target: str, *, draw: bool = False) -> Tensor:
        """The mean of p(x_target | z) (or a draw from it) in data units, ``[..., *shape]``, for what the decoder takes
        (:meth:`decoder_input`).
        """
        self._check_target(target)
        m = self._index(target)
        likelihood = self._likelihood(m)
        ((_, parameters, _),) = self._decode({m: z})
        transform = self._transforms()[m]
        if draw:
            return transform.inverse(likelihood.sample(parameters))
        return transform.mean_of(likelihood, parameters)

    def subset_masks(self, subsets: Sequence[Sequence[str]]) -> Bool[Tensor, "S 1 M"]:
        """Subsets of modalities, by name, as masks for all rows, on the model's device."""
        masks = torch.zeros(len(subsets), 1, len(self.modalities), dtype=torch.bool, device=self.device)
        for mask, subset in zip(masks, subsets, strict=True):
            mask[0, [self._index(name) for name in subset]] = True
        return masks

    def mask(self, batch: Batch, given: Given = None) -> Bool[Tensor, "*lead B M"]:
        """See :meth:`mmgen.Model.mask`."""
        if given is None:
            return batch.available
        masks = given if isinstance(given, Tensor) else self.subset_masks([given])[0].to(batch.available.device)
        return masks & batch.available

    # Inside -----------------------------------------------------------------------------------------------------------

    def _encode(self, inputs: Sequence[Tensor], batch: Batch | None = None) -> Gaussian:
        """Experts ``[M, B, D]`` of what encoders see; what is private goes into the batch's memo."""
        presence = None if batch is None else batch.presence
        encoders = list(self.encoders)
        groups = in_groups(encoders, [x.dim() for x in inputs])
        seen = [WHOLE] * len(encoders)
        if presence is not None:
            seen = views(presence.available.unbind(1), presence.having, groups, gathers=presence.gathers)
        with normalised(zip(encoders, seen, strict=True)):
            values = [view.values(x) for view, x in zip(seen, inputs, strict=True)]
            moments = dict(each(encoders, self._with_covariates(values, seen, batch), groups))
        for m, view in enumerate(seen):
            if not view.sees_all:
                moments[m] = tuple(view.placed(value, 0) for value in moments[m])
        gaussians = [Gaussian(*moments[m]) for m in range(len(seen))]
        zeros = presence is not None and any(view.sees_all and view.there is not None for view in seen)
        if self.private or any(size != self._width for size in self.encoded.values()):
            gaussians = self._split(gaussians, presence if zeros else None, batch)
        experts = Gaussian.stack(gaussians)
        if presence is None or not zeros:
            return experts
        return experts.map(lambda value: torch.where(presence.available.T[..., None], value, 0))

    @property
    def _width(self) -> int:
        """Dimensions of experts: D, or those of the widest latent."""
        return max(self.config.latent_dim, *self.encoded.values(), 0)

    def _with_covariates(self, values: list[Tensor], seen: Sequence[View], batch: Batch | None) -> Sequence[Any]:
        """What each encoder takes: its values, and beside them the covariates of the same rows."""
        if not self.told:
            return values
        told = [
            self.covariate_codes.center.expand(len(x), -1) if batch is None else view.rows(cast(Tensor, batch.told), 0)
            for x, view in zip(values, seen, strict=True)
        ]
        return [
            (x, each) if isinstance(encoder, Encoder) else x
            for x, each, encoder in zip(values, told, self.encoders, strict=True)
        ]

    def _split(self, gaussians: list[Gaussian], presence: Presence | None, batch: Batch | None) -> list[Gaussian]:
        """What is shared of each encoder's dimensions, with N(0, 1) in those that a smaller latent lacks."""
        dim, shared, private = self._width, [], {}
        for m, (name, q) in enumerate(zip(self.modalities, gaussians, strict=True)):
            size = self.encoded.get(name, dim)
            if name in self.private:
                own = q[..., size:]
                private[name] = own if presence is None else own.where(presence.available[:, m])
            shared.append(Gaussian(*(pad(value[..., :size], (0, dim - size)) for value in (q.mean, q.log_variance))))
        if batch is not None:
            batch.memo[PRIVATE] = private
        return shared

    def _taken_in_training(
        self, latents: Mapping[int, Tensor], batch: Batch, weighted: bool, private: Mapping[str, Tensor] | None
    ) -> tuple[dict[int, Tensor], dict[int, Tensor]]:
        """What decoders take for latents ``[..., B, _]``: these, with private latents and covariates beside them; and
        what the private latents cost, ``[..., B]``, by the number of the modality, unless they are given.
        """
        taken, costs = dict(latents), {}
        posteriors = self.private_posteriors(batch) if private is None else {}
        share = self.config.private_from_prior if self.training else 0.0
        for m, z in latents.items():
            parts = [z]
            name = list(self.modalities)[m]
            if private is not None and name in self.private:
                parts.append(private[name])
            elif name in posteriors:
                w, costs[m] = private_draw(posteriors[name], tuple(z.shape[:-2]), share, sampled=weighted)
                parts.append(w)
            if self.told:
                parts.append(cast(Tensor, batch.told).to(z.dtype).expand(*z.shape[:-1], -1))
            taken[m] = torch.cat(parts, -1) if len(parts) > 1 else z
        return taken, costs

    def _private(self, batch: Batch, target: str, given: Tensor) -> tuple[Any, Any]:
        """q(w | x_target) ``[..., B, P]`` in rows in which it is given, p(w) elsewhere; and p(w)."""
        q = self.private_posteriors(batch)[target]
        prior = self.objective.private_prior(self, q.mean, target)
        return q.where(given[..., self._index(target)], prior), prior

    def _private_latents(
        self, z: Tensor, target: str, batch: Batch | None, given: Tensor | None
    ) -> tuple[Tensor, Tensor | float]:
        """w ~ q(w | x_target) for rows in which it is given, from p(w) elsewhere ``[..., B, P]``, and log p(w) − log
        q(w).
        """
        if batch is None or given is None:
            nothing = z.new_zeros(*z.shape[:-1], self.private[target])
            return self.objective.private_prior(self, nothing, target).rsample(), 0.0
        q, prior = self._private(batch, target, given)
        w = q.rsample(tuple(z.shape[: z.dim() - q.mean.dim()]))
        return w, prior.log_prob(w) - q.log_prob(w)

    def _fillings(self) -> Mapping[str, Filling]:
        """Of the modalities whose cells may be missing."""
        pairs = zip(self.modalities, self.fillings, strict=True)
        return {name: filling for name, filling in pairs if isinstance(filling, Filling)}

    def _decode(
        self, latents: Mapping[int, Tensor], presence: Presence | None = None
    ) -> Iterator[tuple[int, Tensor, View]]:
        """Decoder outputs ``[..., outputs, *shape]`` of some modalities, each from its latents ``[..., B, D]``.

        In full precision, in any order, with the modality's number before and what the decoder saw behind; with
        ``presence`` it sees the rows that have its modality.
        """
        targets, decoders = list(latents), [self.decoders[m] for m in latents]
        groups = in_groups(decoders, [2] * len(decoders))
        seen = [WHOLE] * len(decoders)
        if presence is not None:
            there, having = [presence.available[:, m] for m in targets], [presence.having[m] for m in targets]
            seen = views(there, having, groups, gathers=presence.gathers)
        taken = [view.rows(z, -2) for view, z in zip(seen, latents.values(), strict=True)]
        flat = {id(z): z.flatten(0, -2) for z in taken}
        with normalised(zip(decoders, seen, strict=True)):
            for k, output in each(decoders, [flat[id(z)] for z in taken], groups):
                if output.dtype in (torch.float16, torch.bfloat16):
                    output = output.float()
                yield targets[k], output.unflatten(0, taken[k].shape[:-1]), seen[k]

    def _check_given(self, given: Sequence[str] | None) -> None:
        """Refuse what the objective does not infer from, where somebody asks for it by name."""
        if given is None or self.infers(given):
            return
        if not given:
            raise MmgenError(
                f"The objective {self.name!r} has no prior to generate from; say which modalities are given."
            )
        sizes = range(1, len(self.modalities) + 1)
        subsets = chain.from_iterable(combinations(self.modalities, size) for size in sizes)
        possible = ["+".join(subset) for subset in islice((subset for subset in subsets if self.infers(subset)), 3)]
        raise MmgenError(
            f"The objective {self.name!r} infers nothing from {'+'.join(given)} alone; it can from {listed(possible)}."
        )

    def _check_target(self, name: str) -> None:
        """Refuse a modality that the model cannot generate."""
        self._index(name)
        if name not in self.decoder_sizes:
            can = (
                f"it generates {listed(self.decoder_sizes)}"
                if self.decoder_sizes
                else "it generates nothing: it has no decoders"
            )
            raise MmgenError(f"The objective {self.name!r} does not generate {name!r}; {can}.")

    def _index(self, name: str) -> int:
        names = list(self.modalities)
        if name not in names:
            raise MmgenError(f"There is no modality {name!r}; there are {alternatives(name, names)}")
        return names.index(name)

    def _transforms(self) -> list[Transform]:
        return list(self.transforms)  # type: ignore[arg-type]

    def _likelihood(self, m: int) -> Likelihood:
        return cast(Likelihood, self.likelihoods[m])

    @contextmanager
    def _frozen(self, targets: Sequence[int]) -> Iterator[None]:
        """Some decoders and their likelihoods as constants, for the length of a call: parameters take no gradients, and
        running statistics stay.
        """
        decoders, likelihoods = [self.decoders[m] for m in targets], [self.likelihoods[m] for m in targets]
        shared = [
            p for decoder in decoders if isinstance(decoder, SentenceDecoder) for p in decoder.shared()
        ]  # they belong to the encoder
        own = [p for network in (*decoders, *likelihoods) for p in network.parameters()]
        parameters = [p for p in (*own, *shared) if p.requires_grad]
        modules = [module for decoder in decoders for module in decoder.modules()]
        norms = [(module, module.momentum) for module in modules if isinstance(module, nn.modules.batchnorm._BatchNorm)]
        try:
            for parameter in parameters:
                parameter.requires_grad_(False)
            for norm, _ in norms:
                norm.momentum = 0.0
            yield
        finally:
            for parameter in parameters:
                parameter.requires_grad_(True)
            for norm, momentum in norms:
                norm.momentum = momentum

    @contextmanager
    def _inference(self) -> Iterator[None]:
        """No gradients, evaluation mode, and rows that may come in any order, for the length of a call."""
        training = self.training
        self.eval()
        try:
            with torch.no_grad(), random_strata():
                yield
        finally:
            self.train(training)


def _spread(rows: Tensor, width: int) -> Tensor:
    """The rows, or as many that are spread over them as statistics of that many numbers each are learned from."""
    most = max(FITTED_ROWS, FITTED_NUMBERS // max(1, width))
    return rows[:: max(1, -(-len(rows) // most))]


def _fit_sparse(rows: Sparse, transform: Transform, likelihood: Likelihood | None) -> bool:
    """Learn the statistics of sparse training rows from their sums alone, for a likelihood where one learns; whether
    these suffice. It sees what the transform makes of the rows, so that one which changes them needs all of them.
    """
    if transform.learns and not transform.fit_moments(*rows.moments()):
        return False
    if likelihood is None:
        return True
    return type(transform) is Transform and likelihood.fit_sums(rows.totals(), rows.sums())
