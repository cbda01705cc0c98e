"""The grid of a comparison: which runs there are, with what settings, and where; kept in ``compare.yaml``."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mmgen.errors import MmgenError, alternatives
from mmgen.files import write_text
from mmgen.models import ModelConfig
from mmgen.options import merge, validated
from mmgen.runs import TrainingConfig, layered
from mmgen.training.train import differing
from mmgen.yaml_files import dump_yaml, read_mapping

from .member import Member
from .request import GridRequest

GRID = "compare.yaml"


@dataclass
class Series:
    """The runs of one objective: one configuration, under several β and seeds.

    Attributes:
        config: Everything but β and seed.
        runs: The seeds of each β.
    """

    config: dict[str, Any]
    runs: dict[float, list[int]]

    def join(self, other: Series) -> None:
        """Take the runs of another one with the same configuration."""
        for beta, seeds in other.runs.items():
            self.runs[beta] = sorted({*self.runs.get(beta, []), *seeds})
        self.runs = dict(sorted(self.runs.items()))


@dataclass
class Grid:
    """All series of a comparison by what they are called, and what their runs are judged by."""

    series: dict[str, Series]
    metrics: list[str]

    def members(self, folder: Path) -> list[Member]:
        """The runs: seed by seed and β by β, so that a comparison which is interrupted has something of everything."""
        places = sorted(
            (seed, beta, place, name)
            for place, (name, series) in enumerate(self.series.items())
            for beta, seeds in series.runs.items()
            for seed in seeds
        )
        return [
            Member(name, beta, seed, _with_beta_and_seed(self.series[name].config, beta, seed), folder)
            for seed, beta, _, name in places
        ]

    def write(self, folder: Path) -> None:
        """``compare.yaml``."""
        series = {name: {"runs": one.runs, "config": one.config} for name, one in self.series.items()}
        write_text(folder / GRID, dump_yaml({"metrics": self.metrics, "objectives": series}))

    @classmethod
    def read(cls, folder: Path) -> Grid | None:
        """What ``compare.yaml`` says; None where there is none."""
        if not (folder / GRID).exists():
            return None
        content = read_mapping(folder / GRID)
        try:
            series = {
                name: Series(one["config"], {float(b): list(s) for b, s in one["runs"].items()})
                for name, one in content["objectives"].items()
            }
            return cls(series, list(content["metrics"]))
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            raise MmgenError(
                f"The file {str(folder / GRID)!r} does not describe a comparison; choose another --output."
            ) from error

    def extended(self, new: Grid, folder: Path) -> Grid:
        """This grid with the runs and metrics of another one.

        Raises:
            MmgenError: Settings that contradict those of this grid.
        """
        series = {name: Series(one.config, dict(one.runs)) for name, one in self.series.items()}
        for name, one in new.series.items():
            if name not in series:
                series[name] = one
                continue
            difference = differing(series[name].config, one.config)
            if difference is not None:
                where, here, there = difference
                raise MmgenError(
                    f"The comparison in {str(folder)!r} has {name} with {where}={_format_value(here)}, and now it "
                    f"would be {_format_value(there)}; choose another --output, or leave it out."
                )
            series[name].join(one)
        _check_same_dataset(series)
        return Grid(series, [*self.metrics, *(name for name in new.metrics if name not in self.metrics)])


def expand(request: GridRequest) -> Grid:
    """Resolve every objective's configuration, and cross it with β and seeds.

    Args:
        request: Which objectives, on what, and with which settings.

    Returns:
        A series per objective, in the order of the request.

    Raises:
        MmgenError: Names or settings that do not resolve, or data that are not the same for all.
    """
    names = _objective_names(request.objectives)
    shared, of_one = _assignments_by_objective(request.assignments, names)
    for option, values in (("--betas", request.betas), ("--seeds", request.seeds)):
        if values is not None and not values:
            raise MmgenError(f"{option}: say at least one value, such as {option} 1.")
    series = {}
    for name, objective in names.items():
        config = layered(
            objective=objective,
            dataset=request.dataset,
            recipe=request.recipe,
            config=request.config,
            assignments=[*shared, *of_one[name]],
        )
        series[name] = Series(_without_beta_and_seed(config), _seeds_by_beta(config, request))
    _check_same_dataset(series)
    return Grid(series, list(request.metrics))


def _seeds_by_beta(config: Mapping[str, Any], request: GridRequest) -> dict[float, list[int]]:
    """The runs of one objective: β and seeds of the request, or what its configuration has; all of them checked."""
    model = validated(ModelConfig, config.get("model", {}), "model")
    training = validated(TrainingConfig, config.get("training", {}), "training")
    betas = sorted({*([model.beta] if request.betas is None else request.betas)})
    seeds = sorted({*(request.seeds or [training.seed])})
    for beta in betas:
        validated(ModelConfig, {**config.get("model", {}), "beta": float(beta)}, "--betas")
        for seed in seeds:
            validated(TrainingConfig, {"seed": seed}, "--seeds")
    return {float(beta): list(seeds) for beta in betas}


def _objective_names(objectives: Sequence[str]) -> dict[str, str]:
    """What each objective is called, and its name."""
    names: dict[str, str] = {}
    for text in objectives:
        called, equals, name = text.partition("=")
        name = name if equals else called
        called = called if equals else called.rpartition(":")[2]
        if not re.fullmatch(r"[A-Za-z0-9][\w.-]*", called) or not name:
            raise MmgenError(
                f"--objectives {text!r}: write NAME, or CALLED=NAME with a CALLED of letters, digits, '-', '.' and '_'."
            )
        if called in names:
            raise MmgenError(
                f"--objectives: {called!r} is there twice; call one of them otherwise, such as {called}-2={name}."
            )
        names[called] = name
    if not names:
        raise MmgenError(
            "--objectives: say at least one, such as --objectives elbo (mmgen list objectives shows them)."
        )
    return names


def _assignments_by_objective(
    assignments: Iterable[str], names: Iterable[str]
) -> tuple[list[str], dict[str, list[str]]]:
    """Assignments for all, and those for single objectives."""
    shared: list[str] = []
    of_one: dict[str, list[str]] = {name: [] for name in names}
    for text in assignments:
        called, colon, _ = text.partition("=")[0].rpartition(":")
        if not colon:
            shared.append(text)
        elif called in of_one:
            of_one[called].append(text[len(called) + 1 :])
        else:
            raise MmgenError(f"--set {text!r}: {called!r} is not among the objectives {alternatives(called, of_one)}")
    return shared, of_one


def _format_value(value: Any) -> str:
    return "the default" if value is None else repr(value)


def _without_beta_and_seed(config: dict[str, Any]) -> dict[str, Any]:
    """A configuration without β and seed, which the grid has."""
    drop = {"model": "beta", "training": "seed"}
    return {
        section: {key: value for key, value in content.items() if key != drop[section]} if section in drop else content
        for section, content in config.items()
    }


def _with_beta_and_seed(config: dict[str, Any], beta: float, seed: int) -> dict[str, Any]:
    return merge(config, {"model": {"beta": beta}, "training": {"seed": seed}})


def _check_same_dataset(series: Mapping[str, Series]) -> None:
    """Numbers can be compared only where the data are the same."""
    first = next(iter(series))
    for name, one in series.items():
        difference = differing(series[first].config["dataset"], one.config["dataset"], "dataset.")
        if difference is not None:
            where, here, there = difference
            raise MmgenError(
                f"{where} would be {_format_value(here)} for {first} and {_format_value(there)} for {name}; a "
                f"comparison needs the same data for all: --set {where}=VALUE."
            )
