"""Settings as a person gives them in Python, sorted into the sections of a configuration."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ..data import Data, Dataset
from ..data.describing import ALL
from ..data.in_memory import IN_MEMORY, plain
from ..data.loading import name_of_dataset
from ..errors import MmgenError, listed, nearest
from ..models import ModelConfig, Objective
from ..models.building import Component, named
from ..registry import load_component
from .config import over
from .training_config import TrainingConfig

COMPONENTS = ("aggregator", "prior")
SECTIONS = ("training", "model", "modalities", "metrics")


def objective_section(objective: str | type[Objective] | Mapping[str, Any]) -> dict[str, Any]:
    """A name, a class, or a mapping of one (``name``) and options, as a section."""
    name, options = named("objectives", objective, "")
    if not name:
        raise MmgenError("The objective is a mapping without 'name'; give the name of one, or a class.")
    return {"name": name, **options}


def dataset_section(dataset: str | type[Dataset] | Dataset | Data | Mapping[str, Any]) -> dict[str, Any]:
    """The same of a dataset; of one that is made or opened already, all options that it was given."""
    if isinstance(dataset, Data):
        return {"name": dataset.name, **dataset.dataset.config.model_dump(mode="json", exclude_unset=True)}
    if isinstance(dataset, Dataset):
        return {"name": name_of_dataset(dataset), **dataset.config.model_dump(mode="json", exclude_unset=True)}
    name, options = named("datasets", dataset, "")
    if not name:
        raise MmgenError("The dataset is a mapping without 'name'; give the name of one, or a class.")
    return {"name": name, **options}


def of_data_in_memory(settings: Mapping[str, Any], objective: Any) -> tuple[dict[str, Any], dict[str, Any]]:
    """The settings that say what data in memory are, and all others.

    What the training, the model or the objective have too is theirs, unless it is an array. ``modalities`` say how
    their values are read, but for what is said of all of them.
    """
    name = objective_section(objective)["name"] if objective is not None else None
    others = {*TrainingConfig.model_fields, *ModelConfig.model_fields}
    others |= set() if name is None else set(load_component("objectives", name).Config.model_fields)
    own = set(load_component("datasets", IN_MEMORY).Config.model_fields)
    data = {key: value for key, value in settings.items() if key in own and (key not in others or not plain(value))}
    rest = {key: value for key, value in settings.items() if key not in data}
    modalities = data.get("modalities")
    if isinstance(modalities, Mapping) and ALL in modalities:
        data["modalities"] = {key: fields for key, fields in modalities.items() if key != ALL}
        rest["modalities"] = {ALL: modalities[ALL]}
    return data, rest


def in_sections(settings: Mapping[str, Any], objective: str, dataset: str) -> dict[str, Any]:
    """Settings in the sections that they belong to.

    A section (``training``, ``model``, ``modalities``, ``metrics``) is a mapping of its options; an aggregator or prior
    a name, a class, or a mapping of one and options. Anything else is an option of the training or the model, else of
    the objective or the dataset, whichever has it.

    Args:
        settings: By name.
        objective: Of this one, by its name.
        dataset: Of this one, by its name.

    Raises:
        MmgenError: A setting that nothing has, or that the objective and the dataset have.
    """
    owners = {
        "training": TrainingConfig,
        "model": ModelConfig,
        "objective": load_component("objectives", objective).Config,
        "dataset": load_component("datasets", dataset).Config,
    }
    sections: dict[str, Any] = {}
    for name, value in settings.items():
        if name in COMPONENTS:
            sections = over(sections, {name: component_section(name, value)} if value is not None else {})
        elif name in SECTIONS:
            if not isinstance(value, Mapping):
                raise MmgenError(f"{name}={value!r}: this is a section; give it as a mapping of its options.")
            sections = over(sections, {name: dict(value)})
        else:
            sections = over(sections, {_owner(name, owners): {name: value}})
    return sections


def component_section(part: str, component: Component) -> dict[str, Any]:
    """An aggregator or prior as a section of a configuration; options alone are of the objective's own."""
    options = dict(component) if isinstance(component, Mapping) else {"name": component}
    if "name" in options:
        options["name"], _ = named(f"{part}s", options["name"], "")
    return options


def _owner(name: str, owners: Mapping[str, Any]) -> str:
    """The section that has an option of this name."""
    having = [section for section, config in owners.items() if name in config.model_fields]
    if len(having) == 1 or (having and having[0] in SECTIONS):
        return having[0]
    if having:
        ways = " or ".join(f'{section}={{"name": …, {name!r}: …}}' for section in having)
        raise MmgenError(f"{name}: the {' and the '.join(having)} have such an option; say which: {ways}.")
    known = sorted({*SECTIONS, *COMPONENTS, *(field for config in owners.values() for field in config.model_fields)})
    raise MmgenError(
        f"{name}: there is no such setting of the {listed(owners)}, and mmgen info NAME shows those of an objective or "
        f"a dataset{nearest(name, known) or '.'}"
    )
