"""From names and options to an objective with its aggregator and prior."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from ..data import Batch, Data
from ..distributions import Gaussian, Mixture, Reference
from ..errors import MmgenError, listed
from ..options import default_of, validated, without_idle
from ..registry import load, load_component, name_of
from .interface import Model, ModelConfig
from .objective import Objective
from .terms import Terms

Component = str | type | Mapping[str, Any]  # a name, a class, or a mapping with one of them as ``name`` beside options
ABSENCE = {"aggregator": "aggregates nothing", "prior": "has no prior"}


@dataclass(frozen=True)
class Choice:
    """A component by name, with its class and validated options."""

    name: str
    component: Any
    config: Any

    def build(self) -> Any:
        """A new one."""
        return self.component(self.config)

    def describe(self) -> dict[str, Any]:
        """Its section of a run's configuration."""
        return {"name": self.name, **self.config.model_dump(mode="json")}


@dataclass(frozen=True)
class Chosen:
    """An objective with its aggregator and prior (None where it declares none), ready to be built."""

    objective: Choice
    aggregator: Choice | None
    prior: Choice | None

    @property
    def description(self) -> dict[str, Any]:
        """The sections of a run's configuration."""
        choices = {"objective": self.objective, "aggregator": self.aggregator, "prior": self.prior}
        return {part: choice.describe() for part, choice in choices.items() if choice is not None}

    def build(self) -> Objective:
        """A new objective with its aggregator and prior."""
        parts = (None if choice is None else choice.build() for choice in (self.aggregator, self.prior))
        objective: Objective = self.objective.component(self.objective.config, *parts)
        return objective

    def model_config(self, data: Data, given: Mapping[str, Any]) -> ModelConfig:
        """Latent dimensions and β: given, else the objective's, else the dataset's defaults."""
        objective = self.objective.component
        defaults = {**data.dataset.defaults.get("model", {}), **objective.defaults.get("model", {})}
        return validated(ModelConfig, without_idle(ModelConfig, {**defaults, **given}, given), "model")


def named(kind: str, component: Any, default: str | type) -> tuple[str, dict[str, Any]]:
    """The name of a component and its options; without a name the default one is meant.

    Raises:
        MmgenError: What is no :data:`Component`.
    """
    options = dict(component) if isinstance(component, Mapping) else {"name": component}
    return name_of(kind, options.pop("name", None) or default), options


def make_objective(
    objective: str | type[Objective],
    options: Mapping[str, Any],
    aggregator: Component | None,
    prior: Component | None,
    data: Data | None = None,
) -> Chosen:
    """Load and validate an objective with its aggregator and prior.

    Raises:
        MmgenError: An unknown name or option, a combination that the objective cannot mean, an aggregator or prior for
            one that declares none, more modalities than it is for, or labels that it needs and the data lack.
    """
    kind: type[Objective] = load_component("objectives", objective)
    choice = Choice(name_of("objectives", objective), kind, validated(kind.Config, options, "objective"))
    chosen = Chosen(choice, _choose(choice, "aggregator", aggregator), _choose(choice, "prior", prior))
    _check_names(chosen)
    if chosen.aggregator is not None:
        _check_aggregator(choice, chosen.aggregator)
    if data is not None:
        _check_data(choice, data)
    return chosen


def _choose(objective: Choice, part: str, requested: Any) -> Choice | None:
    """The aggregator or prior of an objective: the requested one, else its own, with the options that it wants."""
    default = getattr(objective.component, part)
    if default is None:
        if requested:
            raise MmgenError(f"The objective {objective.name!r} {ABSENCE[part]}; leave the {part} out.")
        return None
    name, options = named(f"{part}s", requested, default)
    component = load(f"{part}s", name)
    usual = objective.component.component_defaults.get(part, {})
    config = validated(component.Config, {**_options_of(component, usual), **options}, part)
    if "of_options" in component.Config.model_fields:  # made of another one, which may have the options that are wanted
        wanted = _options_of(load(f"{part}s", config.of), usual)
        config = config.model_copy(update={"of_options": {**wanted, **config.of_options}})
    return Choice(name, component, config)


def _options_of(component: Any, usual: Mapping[str, Any]) -> dict[str, Any]:
    return {option: value for option, value in usual.items() if option in component.Config.model_fields}


def check_returns(model: Model) -> None:
    """An aggregator gives a mixture, and a prior a distribution with a density: asked once, of a row of N(0, I)
    experts.

    Raises:
        MmgenError: Something else.
    """
    objective, modalities = model.objective, len(model.modalities)
    nothing = torch.zeros(modalities, 1, model.config.latent_dim, device=model.device)
    experts, everything = Gaussian(nothing, nothing), torch.ones(1, modalities, dtype=torch.bool, device=model.device)
    with torch.no_grad(), torch.random.fork_rng(devices=[]):
        if objective.aggregator is not None:
            posterior = objective.aggregate(experts, everything)
            if not isinstance(posterior, Mixture):
                raise MmgenError(
                    f"The aggregator {type(objective.aggregate).__name__} returns {_a(posterior)}; it should return a "
                    "Mixture, such as Mixture.of(gaussian)."
                )
        if objective.prior is not None:
            reference = objective.prior_for(model, experts, everything)
            if not isinstance(reference, Reference):
                raise MmgenError(
                    f"The prior {type(objective.prior_for).__name__} returns {_a(reference)}; it should return a "
                    "distribution with rsample and log_prob, such as a Gaussian of mmgen.distributions."
                )


def checked_terms(terms: Any, model: Model, batch: Batch) -> Terms:
    """What an objective gives for a batch, where it has a number for each row: a mean over rows would be added to every
    one of them in silence.

    Raises:
        MmgenError: Something else, with its shape.
    """
    modalities, rows = len(model.modalities), len(batch)
    where = f"terms of the objective {type(model.objective).__name__}"
    if not isinstance(terms, Terms):
        raise MmgenError(f"The {where} return {_a(terms)}; they should return Terms(log_likelihood, divergence).")
    wanted = {"log_likelihood": (terms.log_likelihood, (modalities, rows)), "divergence": (terms.divergence, (rows,))}
    wanted |= {f"others[{name!r}]": (value, (rows,)) for name, value in terms.others.items()}
    for name, (value, shape) in wanted.items():
        if not isinstance(value, Tensor) or value.shape != shape:
            found = f"has the shape {list(value.shape)}" if isinstance(value, Tensor) else f"is {_a(value)}"
            letters = "[M, B]" if len(shape) == 2 else "[B]"
            raise MmgenError(f"{name} in the {where} {found}; it should be {letters} = {list(shape)}.")
    return terms


def _a(value: Any) -> str:
    return "nothing" if value is None else f"a {type(value).__name__}"


def _check_names(chosen: Chosen) -> None:
    """Refuse an aggregator or prior that is not among those that the equation names."""
    kind = chosen.objective.component
    for part, choice, possible in (
        ("aggregator", chosen.aggregator, kind.aggregators),
        ("prior", chosen.prior, kind.priors),
    ):
        if isinstance(possible, tuple) and choice is not None and choice.name.rpartition(":")[2] not in possible:
            quoted = ", ".join(map(repr, possible))
            raise MmgenError(
                f"The objective {chosen.objective.name!r} cannot use the {part} {choice.name!r}; it can use only "
                f"{quoted}."
            )


def _check_aggregator(objective: Choice, choice: Choice) -> None:
    """The equation can mean what the aggregator gives, and options that say how a mixture is sampled have one."""
    aggregator, possible = choice.build(), objective.component.aggregators
    refusal = f"The objective {objective.name!r} cannot use the aggregator {choice.name!r}, which"
    if possible in ("shared", "single") and not aggregator.shared:
        raise MmgenError(f"{refusal} keeps a latent for each modality; it needs one of all, as 'poe' gives.")
    if possible == "single" and aggregator.mixes:
        raise MmgenError(f"{refusal} gives a mixture; it needs one distribution for each row, as 'poe' gives.")
    if aggregator.mixes:
        return
    for option in objective.component.of_mixtures:
        if getattr(objective.config, option) != default_of(type(objective.config), option):
            raise MmgenError(
                f"objective.{option} does nothing with the aggregator {choice.name!r}, which gives no mixture; "
                "leave it out."
            )


def _check_data(objective: Choice, data: Data) -> None:
    """The data have not too many modalities, and the labels that are needed."""
    most, count = objective.component.most_modalities, len(data.modalities)
    if most is not None and count > most:
        raise MmgenError(
            f"The objective {objective.name!r} is for at most {most} modalities, and the dataset {data.name!r} has "
            f"{count}: {listed(data.modalities)}."
        )
    if objective.component.needs_labels and not data.labels:
        raise MmgenError(f"The objective {objective.name!r} needs labels, and the dataset {data.name!r} has none.")
