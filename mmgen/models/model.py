"""The model: encoders, decoders and likelihoods of all modalities, and the objective that trains them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import replace
from itertools import chain, combinations, islice
from typing import Any, cast

import torch
from jaxtyping import Bool, Float
from torch import Tensor, nn

from ..data import Batch, Data, Modality, Table
from ..data.describing import change_modalities, check_values, describe_modality
from ..data.presence import Presence
from ..data.transforms import Transform
from ..distributions import Gaussian, Likelihood, Mixture, Reference, random_strata
from ..errors import MmgenError, alternatives, listed
from ..networks import Encoder, SentenceDecoder, Uninformed, each
from ..networks.grouped import in_groups
from ..networks.rows import WHOLE, View, normalised, views
from ..options import validated
from .building import Component, check_returns, make_objective
from .declarations import ObjectiveConfig
from .interface import Given, Model, ModelConfig, likelihood_weights
from .objective import Objective
from .terms import Terms


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
    ) -> None:
        super().__init__()
        self.labels = dict(labels or {})
        self.modalities = dict(modalities)
        self.config = config
        self.likelihood_weights = likelihood_weights(modalities, config.likelihood_weights)
        self.description: dict[str, Any] = {}
        self.transforms = nn.ModuleList(modality.transform() for modality in modalities.values())
        encoded = objective.encodes(modalities)
        self.decoder_sizes = dict(objective.decodes(modalities, config.latent_dim))
        self.encoders, self.decoders, self.likelihoods = nn.ModuleList(), nn.ModuleList(), nn.ModuleList()
        for name, modality in modalities.items():
            generated = name in self.decoder_sizes
            encoder = modality.encoder(config.latent_dim) if name in encoded else Uninformed(config.latent_dim)
            decoder = modality.decoder(self.decoder_sizes[name]) if generated else nn.Identity()
            if name in encoded and generated:
                modality.tie(cast(Encoder, encoder).trunk, decoder)
            self.encoders.append(encoder)
            self.decoders.append(decoder)
            self.likelihoods.append(modality.make_likelihood() if generated else nn.Identity())
        self.objective = objective
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
            aggregator: Name or class, or a mapping of that (``name``) and options, where the objective leaves a choice.
            prior: The same for the prior.
            modalities: Changes to modalities: name to fields.
            seed: Of the initial weights.
            **options: Fields of the objective's configuration (``mmgen info NAME``).
        """
        chosen = make_objective(objective, options, aggregator, prior, data)
        given = {"latent_dim": latent_dim, "beta": beta, "likelihood_weights": likelihood_weights}
        config = chosen.model_config(data, {key: value for key, value in given.items() if value is not None})
        changed = change_modalities(data.modalities, modalities or {})
        check_values(data.modalities, changed, data.train)
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            model = cls(changed, chosen.build(), config, data.labels)
        model.description = {
            **chosen.description,
            "model": config.model_dump(mode="json"),
            "modalities": {name: describe_modality(modality) for name, modality in changed.items()},
            "labels": {name: list(classes) for name, classes in data.labels.items()},
        }
        model.fit_transforms(data.train)
        check_returns(model)
        return model

    @classmethod
    def rebuild(cls, description: Mapping[str, Any]) -> MultimodalVAE:
        """An untrained model from what :attr:`description` says (a run's configuration), without any data."""
        objective = dict(description["objective"])
        chosen = make_objective(
            objective.pop("name"), objective, description.get("aggregator"), description.get("prior")
        )
        modalities = change_modalities({}, description["modalities"])
        labels = {name: tuple(classes) for name, classes in description.get("labels", {}).items()}
        model = cls(modalities, chosen.build(), validated(ModelConfig, description["model"], "model"), labels)
        sections = ("objective", "aggregator", "prior", "model", "modalities", "labels")
        model.description = {key: description[key] for key in sections if key in description}
        return model

    def fit_transforms(self, train: Table) -> None:
        """Learn the statistics of the training rows that have each modality."""
        for m, (values, transform) in enumerate(zip(train.data.values(), self._transforms(), strict=True)):
            likelihood = self.likelihoods[m]
            if not transform.learns and not (isinstance(likelihood, Likelihood) and likelihood.learns):
                continue
            having = values[train.available[:, m].nonzero().squeeze(1)]
            transform.fit(having)
            if isinstance(likelihood, Likelihood) and likelihood.learns:
                likelihood.fit(transform(having))

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
        """The objective's terms for a batch."""
        return self.objective.terms(self, self.prepare(batch))

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
        data = {
            name: transform(batch.data[name])
            for name, transform in zip(self.modalities, self._transforms(), strict=True)
        }
        return replace(batch, data=data, prepared=True)

    def experts(self, batch: Batch) -> Gaussian:
        """See :meth:`mmgen.Model.experts`."""
        batch = self.prepare(batch)
        return self.encode_each([batch.data[name] for name in self.modalities], batch.presence)

    def encode_each(self, inputs: Sequence[Tensor], presence: Presence | None = None) -> Gaussian:
        """See :meth:`mmgen.Model.encode_each`."""
        encoders = list(self.encoders)
        groups = in_groups(encoders, [x.dim() for x in inputs])
        seen = [WHOLE] * len(encoders)
        if presence is not None:
            seen = views(presence.available.unbind(1), presence.having, groups)
        with normalised(zip(encoders, seen, strict=True)):
            moments = dict(each(encoders, [view.values(x) for view, x in zip(seen, inputs, strict=True)], groups))
        for m, view in enumerate(seen):
            if not view.sees_all:
                moments[m] = tuple(view.placed(value, 0) for value in moments[m])
        experts = Gaussian.stack([Gaussian(*moments[m]) for m in range(len(seen))])
        if presence is None or not any(view.sees_all and view.there is not None for view in seen):
            return experts
        return experts.map(lambda value: torch.where(presence.available.T[..., None], value, 0))

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
    ) -> Float[Tensor, " M *lead_and_B"]:
        """See :meth:`mmgen.Model.log_likelihood`."""
        batch = self.prepare(batch)
        names = list(self.modalities)
        latents = z if per_modality else [cast(Tensor, z)] * len(names)
        generated = [m for m, name in enumerate(names) if name in self.decoder_sizes]
        values = {m: one.new_zeros(one.shape[:-1]) for m, one in enumerate(latents) if m not in generated}
        with self._frozen(generated) if frozen else nullcontext():
            for m, parameters, view in self._decode({m: latents[m] for m in generated}, batch.presence):
                log_prob = self._likelihood(m).log_prob(parameters, view.values(batch.data[names[m]]))
                values[m] = self.likelihood_weights[m] * view.placed(log_prob, -1)
        return torch.stack([values[m] for m in range(len(names))])

    # What people use --------------------------------------------------------------------------------------------------

    def encode(self, batch: Batch, given: Sequence[str] | None = None) -> Mixture:
        """q(z | x_S): the posterior of each row given some modalities, all that it has by default.

        The result's ``mean`` is ``[B, D]``. A row that has none of them gets N(0, I).
        """
        with self._inference():
            self._check_given(given)
            return self.posterior(batch, given)

    def generate(
        self,
        batch: Batch | None = None,
        given: Sequence[str] | None = None,
        targets: Sequence[str] | None = None,
        samples: int = 1,
        *,
        draw: bool = False,
    ) -> dict[str, Tensor]:
        """Generate modalities from others, or from the prior.

        Args:
            batch: The rows to condition on; None: from the prior, ``samples`` independent items.
            given: What to condition on; everything that each row has by default.
            targets: What to generate; everything that the model can by default.
            samples: Draws of z per row.
            draw: Whether to draw from p(x | z) as well; its mean otherwise.

        Returns:
            Name to ``[samples, B, *shape]`` in data units (``[samples, *shape]`` from the prior).
        """
        with self._inference():
            names = list(self.decoder_sizes) if targets is None else list(targets)
            for name in names:
                self._check_target(name)
            if not names:
                self._check_target(next(iter(self.modalities)))
            self._check_given(() if batch is None else given)
            if batch is None:
                z = self.sample_prior(samples)
                return {name: self.output(self.decoder_input(z, name), name, draw=draw) for name in names}
            latents = self.sample_latents(batch, given, names, samples)
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

    def posterior(self, batch: Batch, given: Given = None, *, experts: Gaussian | None = None) -> Mixture:
        """q(z | x_S) as the objective has it after training: ``[..., C, B, D]``.

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

    def joint_latents(self, batch: Batch, experts: Gaussian) -> list[tuple[list[str], Gaussian | Mixture]]:
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
        self, batch: Batch, given: Given, targets: Sequence[str], samples: int = 1
    ) -> list[Float[Tensor, "samples *lead B _"]]:
        """What to decode each target from: z ~ q(z | x_S) (its mean where the objective decodes that), and what its
        decoder takes besides.

        One latent serves all targets, but for those of rows of which :meth:`decodes_own` is true.
        """
        batch = self.prepare(batch)
        experts = self.experts(batch)
        mask = self.mask(batch, given)
        shared = self.latents(self.posterior(batch, mask, experts=experts), samples)
        if self.shares_latent:
            return [self.decoder_input(shared, target, batch, mask) for target in targets]
        own = experts.rsample((samples,))
        seen = mask[..., None]
        lead = mask.dim() - 2
        return [
            torch.where(seen[..., m, :], own[:, m].reshape(samples, *[1] * lead, *own.shape[2:]), shared)
            for m in (self._index(target) for target in targets)
        ]

    def latents(self, posterior: Mixture, samples: int = 1) -> Float[Tensor, "samples *lead B D"]:
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
    ) -> Float[Tensor, "*lead B _"]:
        """What the decoder of ``target`` takes for latents ``z`` of the rows of a prepared batch under subsets, or from
        the prior.
        """
        return self.objective.decoder_input(self, z, target, batch, given) if self.takes_more(target) else z

    def takes_more(self, target: str) -> bool:
        """Whether the decoder of a modality takes more than z."""
        return self.decoder_sizes[target] != self.config.latent_dim

    def sample_prior(self, count: int) -> Float[Tensor, "count D"]:
        """z ~ p(z), from :meth:`unconditional_prior`."""
        return self.unconditional_prior(count).rsample()

    def unconditional_prior(self, count: int) -> Reference:
        """See :meth:`mmgen.Model.unconditional_prior`."""
        if self.objective.prior is None:
            self._check_given(())
        floating = (value for value in self.state_dict().values() if value.is_floating_point())
        parameter = next(floating, self.objective.step.new_zeros((), dtype=torch.get_default_dtype()))
        shape = (len(self.modalities), count, self.config.latent_dim)
        nothing = torch.zeros(shape, dtype=parameter.dtype, device=parameter.device)
        unit = Gaussian(nothing, nothing)
        everything = torch.ones(count, len(self.modalities), dtype=torch.bool, device=parameter.device)
        return unit[0] if self.has_dynamic_prior else self.objective.prior_for(self, unit, everything)

    def output(self, z: Float[Tensor, "*lead _"], target: str, *, draw: bool = False) -> Tensor:
        """The mean of p(x_target | z) (or a draw from it) in data units, ``[..., *shape]``, for what the decoder takes
        (:meth:`decoder_input`).
        """
        self._check_target(target)
        m = self._index(target)
        likelihood = self._likelihood(m)
        ((_, parameters, _),) = self._decode({m: z})
        return self._transforms()[m].inverse(likelihood.sample(parameters) if draw else likelihood.mean(parameters))

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
            seen = views([presence.available[:, m] for m in targets], [presence.having[m] for m in targets], groups)
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
