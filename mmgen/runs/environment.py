"""What a run was made with: versions, device, components with their distributions, and the data."""

from __future__ import annotations

import os
import platform
import sys
from collections.abc import Iterable
from dataclasses import asdict
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import torch

from ..data import Data
from ..data.census import SPLITS, empty_cells, modality_counts
from ..errors import MmgenError, PluginError, listed
from ..registry import KINDS, find, is_local, known_distribution, requirements, singular
from .config import named_components

PACKAGES = ("mmgen-core", "torch", "numpy", "accelerate", "safetensors", "datasets", "scikit-learn", "pydantic")


def component_record(kind: str, name: str) -> dict[str, str]:
    """Kind, name, distribution and version of one component."""
    try:
        entry = find(kind, name)
    except PluginError:
        return {"kind": kind, "name": name, "distribution": "", "version": ""}
    if is_local(entry):
        return {"kind": kind, "name": name, "distribution": "", "version": "", "class": entry.point.value}
    return {"kind": kind, "name": name, "distribution": entry.distribution, "version": entry.version}


def describe_environment(
    config: dict[str, Any], data: Data, device: str, processes: int, folder: Path
) -> dict[str, Any]:
    """The content of ``environment.json`` of the run in ``folder``."""
    versions = {"python": platform.python_version()}
    for package in PACKAGES:
        try:
            versions[package] = version(package)
        except PackageNotFoundError:
            continue
    return {
        "command": [os.path.basename(sys.argv[0]), *sys.argv[1:]],  # noqa: PTH119 - a string, not a file
        "folder": str(folder.resolve()),
        "versions": versions,
        "platform": platform.platform(),
        "device": torch.cuda.get_device_name()
        if device == "cuda"
        else f"{device} ({platform.processor() or platform.machine()})",
        "threads": torch.get_num_threads(),
        "processes": processes,
        "components": [component_record(kind, name) for kind, name in named_components(config)],
        "data": {
            "name": data.name,
            "fingerprint": data.fingerprint,
            "provenance": asdict(data.provenance),
            "rows": {name: len(data.split(name)) for name in SPLITS},
            "modalities": modality_counts(data),
            "empty_cells": empty_cells(data),
            "licence": type(data.dataset).licence,
            "citation": type(data.dataset).citation,
            "facts": dict(data.facts),
            "notes": list(data.notes),
        },
    }


def check_components(components: Iterable[dict[str, str]]) -> None:
    """Every component that a run used must be installed.

    What is missing of this project is said as a ``pip install`` line, and what is somebody else's in words: a run that
    was sent may name anything.
    """
    missing, others = {}, []
    for record in components:
        try:
            find(
                record["kind"],
                f"{record['distribution']}:{record['name']}" if record["distribution"] else record["name"],
            )
        except PluginError:
            if "class" in record:
                raise MmgenError(_not_registered(record)) from None
            if known_distribution(record["distribution"]):
                missing[record["distribution"]] = record["version"]
            else:
                others.append(_in_words(record))
    reason = "This run used components that are not installed (or not allowed by MMGEN_LOAD_PLUGINS)"
    if others:
        raise MmgenError(f"{reason}; it says that these were {listed(others)}; install what you know and trust.")
    if missing:
        raise MmgenError(f"{reason}: pip install {requirements(missing)}")


def _in_words(record: dict[str, str]) -> str:
    """A component and its distribution, as a run names them."""
    of = f" of {record['distribution']!r} {record['version']!r}" if record["distribution"] else ""
    return f"the {singular(record['kind'])} {record['name']!r}{of}" if record["kind"] in KINDS else repr(record["name"])


def _not_registered(record: dict[str, str]) -> str:
    """That a run needs a class, and how to give it one."""
    one, (module, _, name) = singular(record["kind"]), record["class"].partition(":")
    return (
        f"The {one} {record['name']!r} of this run was the class {name} of {module}, which no distribution declares; "
        f"define it and call mmgen.register({one!r}, {record['name']!r}, {name.rpartition('.')[2]}) before opening the "
        "run."
    )
