"""``train``: from names and settings to a trained run, as ``mmgen train`` does it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from rich.console import Console

from ..data import Data, Dataset, make_dataset
from ..data.in_memory import holds_data
from ..errors import MmgenError
from ..models import Objective
from ..registry import load
from ..runs import Plan, Run, RunFolder, layered
from ..runs.config import RunConfig, config_of, from_assignments, normal_form, over
from ..runs.opening import fetching_nothing, located
from ..runs.settings import dataset_section, in_sections, objective_section, of_data_in_memory
from ..screen import console
from ..yaml_files import read_mapping
from .trainer import Trainer


def train(
    objective: str | type[Objective] | Mapping[str, Any] | None = None,
    dataset: str | type[Dataset] | Dataset | Data | Mapping[str, Any] | None = None,
    *,
    recipe: str | None = None,
    scale: str | None = None,
    config: str | Path | None = None,
    output: str | Path | None = None,
    resume: bool = False,
    assignments: Iterable[str] = (),
    quiet: bool = False,
    **settings: Any,
) -> Run:
    """Train a model as ``mmgen train`` does it: with the same recipes and layers of defaults.

    Defaults, weakest first: the dataset's, the objective's, the recipe's, those of ``config``, ``assignments``, and the
    arguments. Without ``recipe`` and ``config`` the recipe for the objective and the dataset is taken, or else the
    dataset's for any objective, where a plugin has one: at ``scale``.

    Args:
        objective: Name of an installed objective (``mmgen list objectives``), a class, or a mapping of one (``name``)
            and options.
        dataset: The same of a dataset (``mmgen list datasets``); also a dataset that is made already, what
            :func:`mmgen.load_dataset` returned, or data in memory: a mapping of modalities to arrays, DataFrames or
            tensors, of which ``label``, ``group``, ``id``, … among the settings say the rest.
        recipe: Name of a recipe to start from (``mmgen list recipes``).
        scale: ``desk``: minutes on two cores, the default; ``paper``: as published, which is also what a dataset says
            by itself where there is no recipe.
        config: A YAML file with sections like those of a run's ``config.yaml``.
        output: The run's folder; None: nothing is written.
        resume: Whether to go on with the run that ``output`` holds; objective and dataset may then be left out.
        assignments: What ``--set`` takes: ``["training.epochs=5"]``.
        quiet: Whether to say nothing and to draw no progress.
        **settings: Options of the training (``epochs``, ``batch_size``, ``seed``, …: :class:`mmgen.TrainingConfig`), of
            the model (``latent_dim``, ``beta``, ``likelihood_weights``), of the objective and of the dataset
            (``mmgen info NAME``), by name; ``aggregator`` and ``prior`` (a name, a class, or a mapping with options);
            and the sections ``training``, ``model``, ``modalities`` and ``metrics`` as mappings.

    Returns:
        The run, with ``.model``, ``.data``, ``.history``, ``.encode()``, ``.generate()`` and ``.evaluate()``.

    Raises:
        MmgenError: What cannot be resolved or trained, in a sentence; a folder that cannot be used, or one that holds a
            run with other settings.
        NonFiniteError: A loss that is not a number any more.
        TrainingStopped: SIGINT or SIGTERM; a checkpoint has been written.

    >>> import mmgen
    >>> run = mmgen.train("mmvamp", "rats", epochs=1, latent_dim=2, quiet=True)
    >>> len(run.history)
    1
    """
    folder = None if output is None else RunFolder(output)
    if holds_data(dataset):
        described, settings = of_data_in_memory(settings, objective)
        dataset = make_dataset(dataset, described)
    configuration = configured(
        objective,
        dataset,
        recipe=recipe,
        scale=scale,
        config=config,
        resumed=folder if resume else None,
        assignments=assignments,
        settings=settings,
    )
    given = dataset if isinstance(dataset, Dataset | Data) else None
    return train_run(configuration, folder, resume=resume, screen=console(quiet=quiet), dataset=given)


def configured(
    objective: str | type[Objective] | Mapping[str, Any] | None,
    dataset: str | type[Dataset] | Dataset | Data | Mapping[str, Any] | None,
    *,
    recipe: str | None = None,
    scale: str | None = None,
    config: str | Path | None = None,
    resumed: RunFolder | None = None,
    assignments: Iterable[str] = (),
    settings: Mapping[str, Any] | None = None,
) -> dict[str, Any]:
    """The configuration that the arguments of :func:`train` mean; that of the run in ``resumed``, where they name
    nothing else and it holds one.
    """
    assignments, settings = list(assignments), dict(settings or {})
    if config is not None:
        _check_is_of_a_training(Path(config))
    named = {}
    if objective is not None:
        named["objective"] = objective_section(objective)
    if dataset is not None:
        named["dataset"] = dataset_section(dataset)
    if resumed is not None and resumed.holds_a_run and not (named or recipe or scale or config):
        base = config_of(resumed)
        base["dataset"] = fetching_nothing(located(base["dataset"], resumed))
        strong = over(from_assignments(assignments), _sorted(settings, base))
        return over(base, normal_form(strong, "The settings"))
    layers: dict[str, Any] = {
        "recipe": recipe,
        "scale": scale,
        "config": None if config is None else Path(config),
        "assignments": assignments,
    }
    sections = _sorted(settings, layered(**layers, options=named)) if settings else {}
    return layered(**layers, options=over(named, sections))


def _check_is_of_a_training(file: Path) -> None:
    """Refuse the description of a table where the configuration of a training is wanted.

    Raises:
        MmgenError: A file that cannot be read, or that has the keys of a table.
    """
    of_table = set(load("datasets", "table").Config.model_fields) - set(RunConfig.model_fields)
    found = [key for key in read_mapping(file) if key in of_table]
    if found:
        raise MmgenError(
            f"{str(file)!r} describes a table ({', '.join(found)}) and no training; give it with the dataset: "
            f"{{'name': 'table', 'config': {str(file)!r}}} in Python, --dataset table --set dataset.config={file} on "
            "the command line."
        )


def _sorted(settings: Mapping[str, Any], config: Mapping[str, Any]) -> dict[str, Any]:
    return in_sections(settings, config["objective"]["name"], config["dataset"]["name"])


def train_run(
    config: Mapping[str, Any],
    folder: RunFolder | None,
    *,
    resume: bool,
    screen: Console,
    dataset: Dataset | Data | None = None,
) -> Run:
    """Resolve a configuration, train in a folder or go on with the run that it holds, and say on what.

    Args:
        config: What :func:`configured` returns.
        folder: Of the run; None: nothing is written.
        resume: Whether to go on where the folder holds a run already.
        screen: Where sentences and progress go.
        dataset: The dataset of the configuration where it is at hand, opened or not.

    Raises:
        MmgenError: What cannot be resolved or trained, a folder that cannot be used, or one that holds a run with other
            settings.
    """
    begun = folder is not None and folder.holds_a_run
    plan = planned(config, folder, resume=resume, screen=screen, dataset=dataset)
    return Trainer(plan.training, console=screen).fit(plan.model, plan.data, **of_fit(plan, folder, resume=begun))


def of_fit(plan: Plan, folder: RunFolder | None, *, resume: bool) -> dict[str, Any]:
    """What :meth:`Trainer.fit` is told of a plan, beside its model and data."""
    extra = {"recipe": plan.config["recipe"], "metrics": plan.config["metrics"]}
    return {"output": None if folder is None else str(folder.path), "resume": resume, **extra}


def planned(
    config: Mapping[str, Any],
    folder: RunFolder | None,
    *,
    resume: bool,
    screen: Console,
    dataset: Dataset | Data | None = None,
    opened: Data | None = None,
) -> Plan:
    """What is trained in a folder, or gone on with, once it is said; refused where the folder holds another run.

    Args:
        config: As for :func:`train_run`, and so what follows.
        folder: Of the run.
        resume: Whether to go on.
        screen: Where sentences go.
        dataset: Where it is at hand.
        opened: The data, where they were opened for the same dataset and modalities.
    """
    begun = folder is not None and folder.holds_a_run
    if folder is not None and begun and not resume:
        folder.check_free()  # refuses, before anything is loaded
    plan = Plan.of(config, dataset, opened)
    if folder is not None and begun:
        _check_same(config_of(folder), plan.config)
    for sentence in _introduction(plan):
        screen.print(sentence, highlight=False)
    if folder is not None and resume and not begun:
        screen.print(f"There is no run in {folder.path} yet; this one starts from the beginning.", highlight=False)
    return plan


def _introduction(plan: Plan) -> list[str]:
    """What is trained on what, in sentences."""
    sentences = []
    if recipe := plan.config.get("recipe"):
        sentences.append(f"Recipe: {recipe} (mmgen info {recipe} shows it; --set changes it)")
    data, model = plan.data, plan.model
    rows = ", ".join(f"{len(data.split(name))} {name}" for name in ("train", "val", "test"))
    sentences.append(f"Data: {data.name}, {data.provenance.kind}: {data.provenance.summary} ({rows} rows)")
    parameters = sum(p.numel() for p in model.parameters())
    size = f"latent_dim {model.config.latent_dim}, beta {model.config.beta:g}, {parameters:,} parameters"
    return [*sentences, f"Model: {model.name}, {size}"]


def differing(old: Mapping[str, Any], new: Mapping[str, Any], path: str = "") -> tuple[str, Any, Any] | None:
    """The first setting in which two configurations differ, as dotted path and both values; recipes' names do not
    count.
    """
    for key in {**old, **new}:
        here, there, where = old.get(key), new.get(key), f"{path}{key}"
        one, two = ({} if value is None else value for value in (here, there))
        if here != there and isinstance(one, Mapping) and isinstance(two, Mapping):
            difference = differing(one, two, f"{where}.")
            if difference is not None:
                return difference
        elif here != there and where != "recipe":
            return where, here, there
    return None


def _check_same(old: Mapping[str, Any], new: Mapping[str, Any]) -> None:
    """What is resumed must be what was started; only how long it trains, the metrics, and where the data are may
    differ.
    """
    fitted = new.get("training", {}).get("minutes") is not None  # and so were the stages, to other minutes
    difference = differing(_essential(old, fitted=fitted), _essential(new, fitted=fitted))
    if difference is not None:
        where, here, there = difference
        raise MmgenError(
            f"--resume: the run was started with {where}={here!r}, and now it would be {there!r}; leave it out, or "
            "choose another --output."
        )


def _essential(config: Mapping[str, Any], *, fitted: bool) -> dict[str, Any]:
    training = {key: value for key, value in config.get("training", {}).items() if key not in ("epochs", "minutes")}
    if fitted and training.get("stages"):
        training["stages"] = [{**stage, "epochs": None} for stage in training["stages"]]
    options = {key: value for key, value in config.get("dataset", {}).items() if key != "download"}
    dataset = {key: value for key, value in options.items() if not _is_place(value)}
    sections = {key: value for key, value in config.items() if key != "metrics"}
    return {**sections, "training": training, "dataset": dataset}  # the fingerprint says which data


def _is_place(value: Any) -> bool:
    return isinstance(value, str | Path) and Path(value).is_absolute()
