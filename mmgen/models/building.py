"""From names and options to an objective with its aggregator and prior."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from ..data import Data
from ..errors import MmgenError, listed
from ..options import default_of, validated
from ..registry import load, load_component, name_of
from .interface import ModelConfig
from .objective import Objective


@dataclass(frozen=True)
class Chosen:
    """Classes and validated options, ready to be built."""

    name: str
    objective: type[Objective]
    options: Any
    aggregator: Any
    prior: Any
    description: dict[str, Any]

    def build(self) -> Objective:
        """A new objective with its aggregator and prior, None where it declares none."""
        aggregate, prior = (part and part[0](part[1]) for part in (self.aggregator, self.prior))
        return self.objective(self.options, aggregate, prior)

    def model_config(self, data: Data, given: Mapping[str, Any]) -> ModelConfig:
        """Latent dimensions and β: given, else the objective's, else the dataset's defaults."""
        defaults = {**data.dataset.defaults.get("model", {}), **self.objective.defaults.get("model", {})}
        return validated(ModelConfig, {**defaults, **given}, "model")


Component = str | type | Mapping[str, Any]  # a name, a class, or a mapping with one of them as ``name`` beside options


def named(kind: str, component: Component | None, default: str | type) -> tuple[str, dict[str, Any]]:
    """The name of a component and its options; without a name the default one is meant."""
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
    name = name_of("objectives", objective)
    kind: type[Objective] = load_component("objectives", objective)
    config = validated(kind.Config, options, "objective")
    chosen: dict[str, tuple[Any, Any, str]] = {}
    description: dict[str, Any] = {"objective": {"name": name, **config.model_dump(mode="json")}}
    for part, section, default in (("aggregator", aggregator, kind.aggregator), ("prior", prior, kind.prior)):
        if default is None:
            if section:
                absence = {"aggregator": "aggregates nothing", "prior": "has no prior"}[part]
                raise MmgenError(f"The objective {name!r} {absence}; leave the {part} out.")
            continue
        wanted, given = named(f"{part}s", section, default)
        component = load(f"{part}s", wanted)
        usual = {
            key: value
            for key, value in kind.component_defaults.get(part, {}).items()
            if key in component.Config.model_fields
        }
        part_config = validated(component.Config, {**usual, **given}, part)
        chosen[part] = (component, part_config, wanted)
        description[part] = {"name": wanted, **part_config.model_dump(mode="json")}
    kind.check_components(name, {part: wanted for part, (_, _, wanted) in chosen.items()})
    for option in () if "aggregator" not in chosen or chosen["aggregator"][0].mixes else kind.of_mixtures:
        if getattr(config, option) != default_of(kind.Config, option):
            raise MmgenError(
                f"objective.{option} does nothing with the aggregator {chosen['aggregator'][2]!r}, which gives no "
                "mixture; leave it out."
            )
    if kind.most_modalities is not None and data is not None and len(data.modalities) > kind.most_modalities:
        count = len(data.modalities)
        raise MmgenError(
            f"The objective {name!r} is for at most {kind.most_modalities} modalities, and the dataset {data.name!r} "
            f"has {count}: {listed(data.modalities)}."
        )
    if kind.needs_labels and data is not None and not data.labels:
        raise MmgenError(f"The objective {name!r} needs labels, and the dataset {data.name!r} has none.")
    aggregate, prior_for = (chosen[part][:2] if part in chosen else None for part in ("aggregator", "prior"))
    return Chosen(name, kind, config, aggregate, prior_for, description)
