"""Other files in the place of those that a run was trained on."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ...errors import DataError, alternatives, listed
from ...options import merge
from .file_modality import OF_FILES
from .opening import has_format
from .yaml_description import read_description, resolve_paths

DESCRIPTIONS = (".yaml", ".yml")


def placed_files(options: Mapping[str, Any], place: Path, known: list[str]) -> dict[str, Any]:
    """The options that change where the files of a run are at another place.

    Args:
        options: Of the run's dataset.
        place: A YAML file with the same keys; a folder with files of the same names, where the run has several; or a
            file or folder that has everything.
        known: The keys of such a YAML file.

    Raises:
        DataError: A modality that the run does not have, or a folder with none of its files.
    """
    modalities = options.get("modalities") or {}
    nowhere: dict[str, Any] = {
        "path": None,
        "modalities": {
            name: {"path": None, **{option: None for option in OF_FILES if option in each}}
            for name, each in modalities.items()
        },
    }
    if place.suffix.lower() in DESCRIPTIONS:
        described = resolve_paths(read_description(place, known), place.parent)
        for name in described.get("modalities") or {}:
            if name not in modalities:
                raise DataError(
                    f"{place} describes the modality {name!r}, and the run has {alternatives(str(name), modalities)}"
                )
        return merge(nowhere, described)
    path = options.get("path")
    shared = [path] if isinstance(path, str) else list(path or ())
    own = {name: each["path"] for name, each in modalities.items() if each.get("path") is not None}
    files = list(dict.fromkeys((*shared, *own.values())))
    if len(files) < 2 or has_format(place):
        return {**nowhere, "path": str(place)} if own else {"path": str(place)}
    there = _found(files, place)
    if not there:
        raise DataError(f"{place} has none of the files of the run, {listed(Path(file).name for file in files)}.")
    found = {name: {"path": there[file]} for name, file in own.items() if file in there}
    absent = {name: each for name, each in nowhere["modalities"].items() if name not in found}
    return {"path": [there[file] for file in shared if file in there] or None, "modalities": {**found, **absent}}


def _found(files: list[str], folder: Path) -> dict[str, str]:
    """Each file to the one of the same name in a folder, or at the same place below it."""
    top = os.path.commonpath([Path(file).parent for file in files])
    found = {}
    for file in files:
        for candidate in (folder / os.path.relpath(file, top), folder / Path(file).name):
            if candidate.exists():
                found[file] = str(candidate)
                break
    return found
