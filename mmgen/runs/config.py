"""From names, recipes, files and options to one resolved configuration.

Defaults, weakest first: the dataset's, the objective's, the recipe's, the configuration file's, ``--set`` and the
options of the command line.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal, get_args

from pydantic import BaseModel, ConfigDict, Field, field_validator

from ..data import Data, Dataset, make_dataset, open_dataset
from ..data.describing import ALL, change_modalities
from ..data.likelihood_choice import with_mappings
from ..errors import MmgenError, PluginError
from ..models import ModelConfig, MultimodalVAE
from ..options import merge, validated, without_idle
from ..registry import entries, find, find_recipe_file, is_local, load, recipe_names, recipes
from ..yaml_files import parse_yaml, read_mapping
from .folder import RunFolder
from .training_config import TrainingConfig

Section = dict[str, Any]
Scale = Literal["desk", "paper"]
COMPONENT_SECTIONS = {"objective": "objectives", "aggregator": "aggregators", "prior": "priors", "dataset": "datasets"}


class RunConfig(BaseModel):
    """The sections of a configuration; what is in a component's section is checked by the component's own
    ``Config``.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    recipe: str | None = Field(None, description="The recipe that it started from, as a record.")
    dataset: Section = Field(default_factory=dict, description="Name and options of the dataset.")
    objective: Section = Field(default_factory=dict, description="Name and options of the objective.")
    aggregator: Section = Field(
        default_factory=dict, description="Name and options of the aggregator; the objective's own by default."
    )
    prior: Section = Field(
        default_factory=dict, description="Name and options of the prior; the objective's own by default."
    )
    model: Section = Field(
        default_factory=dict, description="latent_dim, beta, likelihood_weights, and private latents."
    )
    modalities: dict[str, Section] = Field(
        default_factory=dict, description="Changes to modalities: name to fields; 'all' stands for every one."
    )
    labels: dict[str, list[str]] = Field(
        default_factory=dict, description="Classes of the labels; written by a run, taken from the data otherwise."
    )
    covariates: dict[str, Any] = Field(
        default_factory=dict,
        description="Classes of the covariates, none of one that is a number; written by a run, taken from the data "
        "otherwise. Where a run generates: values that decoders are told instead of the rows' own.",
    )
    training: Section = Field(default_factory=dict, description="Options of the training.")
    metrics: dict[str, Section] = Field(default_factory=dict, description="Options of metrics: name to fields.")
    classes: dict[str, str] = Field(
        default_factory=dict,
        description="Components that no distribution declares, such as objectives/my-method, and the classes that they "
        "were; written by a run.",
    )

    @field_validator("dataset", "objective", "aggregator", "prior")
    @classmethod
    def _names_are_words(cls, section: Section) -> Section:
        if not isinstance(section.get("name", ""), str):
            raise ValueError(f"its name is a word, and not {str(section['name'])[:60]}")
        return section

    @field_validator("training")
    @classmethod
    def _choices_as_mappings(cls, training: Section) -> Section:
        """Bare names as what has a name, so that options of one layer meet the name that another one gives."""
        return {
            key: {"name": value} if key in ("optimizer", "schedule") and isinstance(value, str) else value
            for key, value in training.items()
        }


class Recipe(RunConfig):
    """A named configuration that a plugin ships as ``recipes/<name>.yaml``: ``OBJECTIVE-DATASET-SCALE`` is complete,
    ``DATASET-SCALE`` is for any objective.
    """

    description: str = Field(description="What it is for, in a sentence.")
    source: str = Field("", description="The paper, table or figure that it belongs to.")
    scale: Scale = Field(description="Minutes on two cores, or as published.")
    extends: str | None = Field(None, description="Another recipe, whose values hold where this one says nothing.")


class _Layer(Recipe):
    """A recipe that leaves to the one that it extends what that says."""

    description: str = ""
    scale: Scale = "desk"


def over(weak: Mapping[str, Any], strong: Mapping[str, Any]) -> dict[str, Any]:
    """``strong`` over ``weak``; what ``strong`` says of all modalities holds over what ``weak`` says of single ones."""
    overriding, overridden = strong.get("modalities"), weak.get("modalities")
    everywhere = overriding.get(ALL) if isinstance(overriding, Mapping) else None
    if not isinstance(everywhere, Mapping) or not isinstance(
        overridden, Mapping
    ):  # nothing to say, or nothing that will pass the check of the whole
        return merge(weak, strong)
    remaining = {
        name: _without(fields, everywhere) if isinstance(fields, Mapping) else fields
        for name, fields in overridden.items()
    }
    return merge({**weak, "modalities": remaining}, strong)


def _without(fields: Mapping[str, Any], everywhere: Mapping[str, Any]) -> dict[str, Any]:
    """The fields of one modality that all of them have not; of a mapping, such as a likelihood, with what all have."""
    kept = {}
    for field, value in fields.items():
        if isinstance(value, Mapping) and isinstance(everywhere.get(field), Mapping):
            kept[field] = merge({field: value}, {field: everywhere[field]})[field]
        elif field not in everywhere:
            kept[field] = value
    return kept


def normal_form(section: Mapping[str, Any], where: str) -> dict[str, Any]:
    """A configuration whose components may be written as plain names, with sections; unknown sections are errors."""
    written = {
        key: {"name": value}
        if key in ("dataset", "objective", "aggregator", "prior") and isinstance(value, str)
        else value
        for key, value in section.items()
    }
    modalities = written.get("modalities")
    if isinstance(modalities, Mapping):
        written["modalities"] = {
            name: with_mappings(fields) if isinstance(fields, Mapping) else fields
            for name, fields in modalities.items()
        }
    return validated(RunConfig, written, where).model_dump(exclude_unset=True)


def from_assignments(assignments: Iterable[str], apart: Iterable[str] = ()) -> dict[str, Any]:
    """``["training.epochs=5", "dataset.root=x"]`` as a nested mapping; values are read as YAML.

    ``apart`` names sections that no run's configuration has, which stay as they are.
    """
    result: dict[str, Any] = {}
    for text in assignments:
        path, equals, value = text.partition("=")
        keys = path.strip().split(".")
        if not equals or not all(keys):
            raise MmgenError(f"--set {text!r}: write it as key.path=value, such as training.epochs=50.")
        nested: Any = parse_yaml(value, f"The value of --set {path}") if value else ""
        for key in reversed(keys):
            nested = {key: nested}
        result = over(result, nested)
    others = {section: result.pop(section) for section in apart if section in result}
    return {**normal_form(result, "--set"), **others}


def read_recipe(name: str) -> Recipe:
    """A recipe by name, with everything that it extends filled in, which its own distribution has or another one.

    Raises:
        MmgenError: An unknown name, one that several distributions have, a file that is no recipe, or one that extends
            itself.
    """
    names, layers = [name], []
    for each in names:
        layers.append(validated(_Layer, read_mapping(find_recipe_file(each)), f"recipe {each}"))
        parent = layers[-1].extends
        if parent is None:
            break
        distribution = each.rpartition(":")[0]
        if distribution and (own := f"{distribution}:{parent}") in recipes():
            parent = own
        if parent in names:
            raise MmgenError(f"recipe {name}: {' extends '.join([*names, parent])}, and so itself.")
        names.append(parent)
    content: dict[str, Any] = {}
    for layer in reversed(layers):
        content = over(content, layer.model_dump(exclude_unset=True))
    return validated(Recipe, content, f"recipe {name}")


def find_recipe(objective: str, dataset: str, scale: str = "desk") -> str | None:
    """The recipe for an objective and a dataset at one scale, by its conventional name, or else the dataset's for any
    objective; None where no plugin has one.

    Raises:
        PluginError: Several have one.
    """
    method, data = (name.rpartition(":")[2] for name in (objective, dataset))
    known = recipe_names()
    found = next((name for name in (f"{method}-{data}-{scale}", f"{data}-{scale}") if name in known), None)
    if found is not None:
        find_recipe_file(found)
    return found


def layered(
    *,
    objective: str | None = None,
    dataset: str | None = None,
    recipe: str | None = None,
    scale: str | None = None,
    config: Path | None = None,
    assignments: Iterable[str] = (),
    options: Mapping[str, Any] | None = None,
) -> dict[str, Any]:
    """Merge all layers into one configuration (names of components and their options, not yet checked by the
    components).

    Args:
        objective: Name of an installed one; as one of the others says otherwise.
        dataset: The same of a dataset.
        recipe: To start from; by default that of the objective and the dataset at ``scale``.
        scale: Of the recipe that is looked for where neither ``recipe`` nor ``config`` is given; ``desk`` by default.
        config: A file to start from.
        assignments: As ``key.path=value``.
        options: Nested; over everything else but the names of components.

    Raises:
        MmgenError: An unknown section, recipe or file, no objective or dataset, or a scale that has nothing to choose.
    """
    if scale is not None:
        _check_scale(scale, recipe, config)
    file = normal_form(read_mapping(config), str(config)) if config is not None else {}
    strong = over(from_assignments(assignments), dict(options or {}))
    components: dict[str, Any] = {}
    if objective:
        components["objective"] = {"name": objective}
    if dataset:
        components["dataset"] = {"name": dataset}
    strong = over(strong, components)
    explicit = over(file, strong)
    requested = {section: explicit.get(section, {}) for section in ("objective", "model")}
    if recipe is None and config is None:
        method, data = (explicit.get(section, {}).get("name") for section in ("objective", "dataset"))
        recipe = find_recipe(method, data, scale or "desk") if method and data else None
    if recipe is not None:
        content = read_recipe(recipe).model_dump(
            exclude_unset=True, exclude={"description", "source", "scale", "extends"}
        )
        explicit = over({**content, "recipe": recipe}, explicit)
    for section in ("objective", "dataset"):
        if not explicit.get(section, {}).get("name"):
            raise MmgenError(
                f"Say which {section}: --{section} NAME (mmgen list {section}s shows them), or a --recipe or "
                "--config that names one."
            )
    dataset_class = load("datasets", explicit["dataset"]["name"])
    objective_class = load("objectives", explicit["objective"]["name"])
    for component in (objective_class, dataset_class):
        explicit = over(_defaults_of(component, explicit), explicit)
    for section, options_of in (("objective", objective_class.Config), ("model", ModelConfig)):
        explicit[section] = without_idle(options_of, explicit.get(section, {}), requested[section])
    return validated(RunConfig, explicit, "").model_dump(exclude_defaults=True)


def _check_scale(scale: str, recipe: str | None, config: Path | None) -> None:
    if scale not in get_args(Scale):
        raise MmgenError(f"--scale {scale}: there are desk and paper.")
    for option, value in (("--recipe", recipe), ("--config", config)):
        if value is not None:
            raise MmgenError(f"--scale {scale}: {option} {value} says already what to start from; give one of the two.")


def _defaults_of(component: Any, explicit: Mapping[str, Any]) -> dict[str, Any]:
    """A component's defaults; that a training stops early goes with how the model is chosen, and is left out where
    that is chosen otherwise.
    """
    defaults = dict(component.defaults)
    if "select" in explicit.get("training", {}) and "training" in defaults:
        defaults["training"] = {key: value for key, value in defaults["training"].items() if key != "early_stopping"}
    return defaults


@dataclass
class Plan:
    """A configuration resolved to objects: data, model and training options; everything in it has been checked."""

    config: dict[str, Any]
    data: Data
    model: MultimodalVAE
    training: TrainingConfig

    @classmethod
    def of(cls, config: Mapping[str, Any], dataset: Dataset | Data | None = None, opened: Data | None = None) -> Plan:
        """Check every section, open the data and build the model.

        Args:
            config: What :func:`layered` returns.
            dataset: The dataset that it names, where it is at hand; with the options that the configuration has.
            opened: The data of a plan with the same dataset and modalities, which are then used again.
        """
        training = validated(TrainingConfig, config.get("training", {}), "training")
        for name, options in config.get("metrics", {}).items():
            validated(load("metrics", name).Config, options, f"metrics.{name}")
        data = _opened(config, dataset) if opened is None else opened
        training = training.for_rows(len(data.train))
        for name in config.get("covariates", {}):
            if name not in data.covariates:
                raise MmgenError(
                    f"covariates.{name}: the data have no such covariate; dataset.covariates names what networks are "
                    "told."
                )
        validated(ModelConfig, config.get("model", {}), "model")
        objective = dict(config["objective"])
        objective_name = objective.pop("name")
        validated(load("objectives", objective_name).Config, objective, "objective")
        model = MultimodalVAE.create(
            objective_name,
            data,
            **config.get("model", {}),
            aggregator=config.get("aggregator"),
            prior=config.get("prior"),
            seed=training.seed,
            **objective,
        )
        extra = {"recipe": config.get("recipe"), "metrics": dict(config.get("metrics", {}))}
        return cls(resolved(model, data, training, **extra), data, model, training)


def _opened(config: Mapping[str, Any], given: Dataset | Data | None) -> Data:
    """The data of a configuration, with its changes to modalities."""
    options, changes = dict(config["dataset"]), config.get("modalities", {})
    name = options.pop("name")
    if given is None:
        return open_dataset(name, make_dataset(name, options), changes)
    dataset = given if isinstance(given, Dataset) else given.dataset
    chosen = validated(type(dataset).Config, options, "dataset")
    for option in type(dataset).Config.model_fields:
        if getattr(chosen, option) != getattr(dataset.config, option):
            raise MmgenError(
                f"dataset.{option}: the dataset is given as an object, whose option is "
                f"{getattr(dataset.config, option)!r}; make it with the one that you want."
            )
    if isinstance(given, Dataset):
        return open_dataset(name, given, changes)
    return replace(given, modalities=change_modalities(given.modalities, changes, given.train))


def resolved(model: MultimodalVAE, data: Data, training: TrainingConfig, **extra: Any) -> dict[str, Any]:
    """The content of ``config.yaml``: everything that was decided, enough to repeat the run."""
    dataset = {"name": data.name, **data.dataset.config.model_dump(mode="json")}
    content = {
        "recipe": extra.get("recipe"),
        "dataset": dataset,
        **model.description,
        "training": training.model_dump(mode="json"),
    }
    content["metrics"] = extra.get("metrics") or {}
    classes = _local_classes(content)
    return {**content, "classes": classes} if classes else content


def _local_classes(config: Mapping[str, Any]) -> dict[str, str]:
    """The components that no distribution declares, as ``kind/name``, with their classes."""
    classes = {}
    for kind, name in named_components(config):
        with suppress(PluginError):  # a dataset in memory may have any name
            entry = find(kind, name)
            if is_local(entry):
                classes[f"{kind}/{name}"] = entry.point.value
    return classes


def named_components(config: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Kind and name of every component that a resolved configuration names."""
    named = [(kind, config[section]["name"]) for section, kind in COMPONENT_SECTIONS.items() if config.get(section)]
    if of := config.get("aggregator", {}).get("of"):  # that a flow starts from
        named.append(("aggregators", of))
    for fields in config.get("modalities", {}).values():
        likelihoods = [fields.get("likelihood"), *fields.get("likelihoods", {}).values()]
        named.append(("modalities", fields["kind"]))
        named += [("likelihoods", choice["name"]) for choice in likelihoods if isinstance(choice, Mapping)]
    return list(dict.fromkeys(named))


def config_of(folder: RunFolder) -> dict[str, Any]:
    """The configuration of a run, in which a name that several distributions declare by now means what it meant when
    the run was made.
    """
    config = folder.config()
    records = folder.environment().get("components", [])
    full = {
        (record["kind"], record["name"]): f"{record['distribution']}:{record['name']}"
        for record in records
        if record.get("distribution") and sum(entry.name == record["name"] for entry in entries(record["kind"])) > 1
    }
    return _renamed(config, full) if full else config


def _renamed(config: Mapping[str, Any], full: Mapping[tuple[str, str], str]) -> dict[str, Any]:
    """A resolved configuration with other names of components, where :func:`named_components` has them."""

    def of(kind: str, section: Mapping[str, Any], key: str = "name") -> dict[str, Any]:
        return {**section, key: full.get((kind, section[key]), section[key])} if section.get(key) else dict(section)

    renamed = dict(config)
    for section, kind in COMPONENT_SECTIONS.items():
        if config.get(section):
            renamed[section] = of(kind, config[section])
    if config.get("aggregator", {}).get("of"):
        renamed["aggregator"] = of("aggregators", renamed["aggregator"], "of")
    renamed["modalities"] = {
        name: {
            **of("modalities", fields, "kind"),
            **{key: of("likelihoods", fields[key]) for key in ["likelihood"] if isinstance(fields.get(key), Mapping)},
            **{
                key: {column: of("likelihoods", choice) for column, choice in fields[key].items()}
                for key in ["likelihoods"]
                if fields.get(key)
            },
        }
        for name, fields in config.get("modalities", {}).items()
    }
    return renamed
