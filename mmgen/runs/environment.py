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
from ..errors import MmgenError, PluginError
from ..registry import find, is_local, singular
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
    """Every component that a run used must be installed; what is missing is said as a ``pip install`` line."""
    missing = {}
    for record in components:
        try:
            find(
                record["kind"],
                f"{record['distribution']}:{record['name']}" if record["distribution"] else record["name"],
            )
        except PluginError:
            if "class" in record:
                raise MmgenError(_not_registered(record)) from None
            missing[record["distribution"] or record["name"]] = record["version"]
    if missing:
        line = " ".join(f"{name}=={number}" if number else name for name, number in missing.items())
        raise MmgenError(
            "This run used components that are not installed (or not allowed by MMGEN_LOAD_PLUGINS): pip install "
            f"{line}"
        )


def _not_registered(record: dict[str, str]) -> str:
    """That a run needs a class, and how to give it one."""
    one, (module, _, name) = singular(record["kind"]), record["class"].partition(":")
    return (
        f"The {one} {record['name']!r} of this run was the class {name} of {module}, which no distribution declares; "
        f"define it and call mmgen.register({one!r}, {record['name']!r}, {name.rpartition('.')[2]}) before opening the "
        "run."
    )
