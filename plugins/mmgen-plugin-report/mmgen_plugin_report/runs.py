"""Which runs a report is about: found, checked, and brought into groups that differ by nothing but the seed."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from mmgen.errors import MmgenError, PluginError
from mmgen.evaluation.metric import Metric
from mmgen.files import real_path
from mmgen.registry import load
from mmgen.runs import MODEL, Run, load_run

from .hub.layout import HUB_CONFIG, hide_paths

NAMED_DIFFERENCES = 3  # of a group, beside the objective: more would be a configuration and not a name


@dataclass(frozen=True)
class ReportedRun:
    """A run as a report shows it, with what its files say read once."""

    name: str
    run: Run
    history: list[dict[str, Any]]
    results: list[dict[str, Any]]
    environment: dict[str, Any]

    @property
    def config(self) -> dict[str, Any]:
        """The configuration."""
        return self.run.config

    @property
    def finished(self) -> bool:
        """Whether the training came to its end."""
        return self.run.path is not None and (self.run.path / MODEL).exists()

    @property
    def state(self) -> str:
        """How far the training is, in words."""
        epochs = self.config["training"].get("epochs", "?")
        return (
            f"finished, {len(self.history)} epochs"
            if self.finished
            else f"not finished: {len(self.history)} of {epochs} epochs"
        )

    @property
    def beta(self) -> float:
        """Weight of the divergence."""
        return float(self.config["model"]["beta"])

    @property
    def seed(self) -> int:
        """Of the training."""
        return int(self.config["training"]["seed"])


@dataclass(frozen=True)
class Group:
    """Runs that differ only by their seed, under a name that says in what the group differs from others."""

    name: str
    runs: tuple[ReportedRun, ...]
    family: str  # the same for groups that differ only by β
    family_name: str

    @property
    def first(self) -> ReportedRun:
        """The run that is shown where one stands for all."""
        return self.runs[0]

    @property
    def beta(self) -> float:
        """Weight of the divergence."""
        return self.first.beta


@dataclass(frozen=True)
class RunCollection:
    """All runs of a report, and why others are left out."""

    groups: list[Group]
    left_out: list[str] = field(default_factory=list)

    @property
    def runs(self) -> list[ReportedRun]:
        """The runs in the order of their groups."""
        return [run for group in self.groups for run in group.runs]


def find_runs(paths: Sequence[Path]) -> RunCollection:
    """The runs in some folders: each a run itself, or a folder that has runs somewhere below it.

    Raises:
        MmgenError: A folder that is not there, or none in which a run can be read.
    """
    folders: dict[Path, str] = {}
    for path in paths:
        for folder in _run_folders(path):
            name = folder.relative_to(path).as_posix() if folder != path else real_path(path).name
            folders.setdefault(real_path(folder), name)
    runs, left_out = [], []
    for folder, name in zip(folders, _distinct(folders), strict=True):
        try:
            runs.append(_open_run(folder, name))
        except MmgenError as error:
            left_out.append(f"{name}: {hide_paths(str(error))}")
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            left_out.append(f"{name}: {hide_paths(f'its files are damaged ({type(error).__name__}: {error})')}")
    if not runs:
        raise MmgenError(f"None of the {len(folders)} runs can be read; the first one is {left_out[0]}")
    groups, repeated = group_runs(runs)
    return RunCollection(groups, left_out + repeated)


def _run_folders(path: Path) -> list[Path]:
    """The folder itself, or those of the runs below it."""
    if not path.is_dir():
        raise MmgenError(f"There is no folder {str(path)!r}; name the folder of a run, or one that has runs in it.")
    if _is_run(path):
        return [path]
    below = sorted(folder for folder in path.rglob("*") if _is_run(folder) and not _is_hidden(folder, path))
    if not below:
        raise MmgenError(f"There is no run in {str(path)!r} or below it: a run's folder has a config.yaml.")
    return below


def _is_run(folder: Path) -> bool:
    return (folder / "config.yaml").is_file() or (folder / HUB_CONFIG).is_file()


def _is_hidden(folder: Path, below: Path) -> bool:
    return any(part.startswith(".") for part in folder.relative_to(below).parts)


def _distinct(folders: Mapping[Path, str]) -> list[str]:
    """The names, with the folder above before those that occur twice, and a number after those that still do."""
    names = list(folders.values())
    longer = [f"{folder.parent.name}/{name}" if names.count(name) > 1 else name for folder, name in folders.items()]
    return [
        f"{name} ({longer[: i + 1].count(name)})" if longer.count(name) > 1 else name for i, name in enumerate(longer)
    ]


def _open_run(folder: Path, name: str) -> ReportedRun:
    run = load_run(folder)
    assert run.folder is not None
    reported = ReportedRun(name, run, run.history, run.results, run.folder.environment())
    _ = (run.config["objective"]["name"], run.config["dataset"]["name"], reported.beta, reported.seed)
    return reported


def group_runs(runs: Iterable[ReportedRun]) -> tuple[list[Group], list[str]]:
    """Runs by everything but the seed, in a stable order, and a sentence about each that repeats a seed."""
    by_settings: dict[str, list[ReportedRun]] = {}
    for run in sorted(runs, key=_order):
        by_settings.setdefault(f"{_family(run)} {run.beta}", []).append(run)
    repeated, members_of_groups = [], []
    for members in by_settings.values():
        by_seed: dict[int, ReportedRun] = {}
        for run in members:
            if run.seed in by_seed:
                repeated.append(f"{run.name}: it repeats {by_seed[run.seed].name} with the same configuration and seed")
            by_seed.setdefault(run.seed, run)
        members_of_groups.append(tuple(by_seed.values()))
    first = [members[0] for members in members_of_groups]
    groups = [
        Group(name, members, _family(members[0]), family_name)
        for name, family_name, members in zip(_names(first), _names(first, beta=False), members_of_groups, strict=True)
    ]
    return groups, repeated


def _order(run: ReportedRun) -> tuple[str, str, str, float, int]:
    return run.config["dataset"]["name"], run.config["objective"]["name"], _family(run), run.beta, run.seed


def _family(run: ReportedRun) -> str:
    """Everything that was decided but the seed and β, and which data it met, as one string."""
    config = {key: value for key, value in run.config.items() if key not in ("recipe", "metrics")}
    config["training"] = {key: value for key, value in config["training"].items() if key != "seed"}
    config["model"] = {key: value for key, value in config["model"].items() if key != "beta"}
    return json.dumps([config, run.environment.get("data", {}).get("fingerprint", "")], sort_keys=True)


def _names(runs: Sequence[ReportedRun], *, beta: bool = True) -> list[str]:
    """What each run is called among the others: its objective, its dataset where there are several, and differences."""
    several = len({run.config["dataset"]["name"] for run in runs}) > 1
    settings = [_settings(run) for run in runs]
    names = []
    for run, own in zip(runs, settings, strict=True):
        alike = [other for one, other in zip(runs, settings, strict=True) if _same_kind(one, run)]
        differences = _differences(own, alike, beta=beta)
        base = run.config["objective"]["name"]
        if several:
            base = f"{base} on {run.config['dataset']['name']}"
        names.append(", ".join([base, *(_describe_setting(key, own[key]) for key in differences[:NAMED_DIFFERENCES])]))
    return names


def _settings(run: ReportedRun) -> dict[str, Any]:
    """The configuration by dotted keys, without what is no setting."""
    known = ("recipe", "metrics", "labels", "covariates")
    return _flat({key: value for key, value in run.config.items() if key not in known})


def _differences(own: Mapping[str, Any], others: Sequence[Mapping[str, Any]], *, beta: bool) -> list[str]:
    """The settings in which a run differs from some others; of a component that is another one its name alone."""
    keys = [
        key
        for key in own
        if key not in ("training.seed", "model.beta") and any(other.get(key) != own[key] for other in others)
    ]
    keys = [key for key in keys if key.endswith(".name") or f"{key.rpartition('.')[0]}.name" not in keys]
    if beta and any(other["model.beta"] != own["model.beta"] for other in others):
        keys.insert(0, "model.beta")
    return keys


def _same_kind(one: ReportedRun, two: ReportedRun) -> bool:
    return all(one.config[section]["name"] == two.config[section]["name"] for section in ("objective", "dataset"))


def _flat(value: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    flat: dict[str, Any] = {}
    for key, each in value.items():
        flat |= _flat(each, f"{prefix}{key}.") if isinstance(each, Mapping) else {f"{prefix}{key}": each}
    return flat


def _describe_setting(key: str, value: Any) -> str:
    name = "β" if key == "model.beta" else key.removesuffix(".name").rpartition(".")[2]
    text = f"{value:g}" if isinstance(value, float) else hide_paths(str(value))
    return f"{name} {text if len(text) <= 24 else text[:23] + '…'}"


def metric_of(name: str, metrics: dict[str, type[Metric] | None]) -> type[Metric] | None:
    """A metric by its name, which ``metrics`` keeps; None where it is not installed."""
    if name not in metrics:
        try:
            metrics[name] = load("metrics", name)
        except PluginError:
            metrics[name] = None
    return metrics[name]
