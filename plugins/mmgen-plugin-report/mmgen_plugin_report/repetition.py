"""How to repeat runs: their configurations, the commands, and the versions that they were made with."""

from __future__ import annotations

import base64
import shlex
from collections.abc import Sequence
from dataclasses import dataclass

from mmgen.registry import requirements
from mmgen.yaml_files import dump_yaml

from .descriptions import component_versions
from .hub.layout import without_paths
from .runs import ReportedRun


@dataclass(frozen=True)
class Setting:
    """How to repeat one run."""

    reported: ReportedRun
    file: str
    yaml: str
    uri: str
    command: str
    install: str
    folders: list[str]


def describe_setting(reported: ReportedRun) -> Setting:
    """The configuration of a run without local paths, and the commands that install and train it."""
    shown, folders = without_paths(reported.config)
    text = dump_yaml(shown)
    name = reported.name.replace("/", "-")
    file, output = f"{name}-config.yaml", f"runs/{name}"
    changes = "".join(f" --set {name}=FOLDER" for name in folders)
    core = reported.environment.get("versions", {}).get("mmgen-core", "")
    return Setting(
        reported,
        file,
        text,
        "data:text/yaml;charset=utf-8;base64," + base64.b64encode(text.encode()).decode(),
        f"mmgen train --config {shlex.quote(file)} --output {shlex.quote(output)}{changes}",
        "pip install " + requirements({"mmgen-core": core, **component_versions(reported.environment)}),
        folders,
    )


def distinct_versions(runs: Sequence[ReportedRun]) -> list[tuple[str, str]]:
    """What the runs were made with; where they differ, all of it."""
    versions: dict[str, list[str]] = {}
    for run in runs:
        environment = run.environment
        facts = {**environment.get("versions", {}), **component_versions(environment)}
        facts |= {key: str(environment[key]) for key in ("platform", "device", "processes") if key in environment}
        for name, value in facts.items():
            if value not in versions.setdefault(name, []):
                versions[name].append(value)
    return [(name, ", ".join(values)) for name, values in versions.items()]
