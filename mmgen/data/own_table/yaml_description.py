"""The YAML file that describes one's own table, and the path that it names."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ...errors import DataError, alternatives
from ...files import real_path
from ...registry import KNOWN
from ...yaml_files import read_mapping
from .formats import CONVERSIONS, file_endings

# Where the YAML file has names, which are what is written there: NO and 1e3 too.
NAMES = (
    ("label",),
    ("group",),
    ("split",),
    ("id",),
    ("pair_by",),
    ("missing",),
    ("covariates",),
    ("modalities",),
    ("modalities", "*", "columns"),
    ("modalities", "*", "array"),
    ("modalities", "*", "categories"),
    ("modalities", "*", "categories", "*"),
    ("modalities", "*", "likelihoods"),
)


def read_description(file: Path, known: list[str]) -> dict[str, Any]:
    """The content of the YAML file, whose keys must be known."""
    content = read_mapping(file, "dataset.config", NAMES)
    allowed = [name for name in known if name != "config"]
    for key in content:
        if key not in allowed:
            raise DataError(
                f"dataset.config: {file} has the key {str(key)!r}; there are {alternatives(str(key), allowed)}"
            )
    return content


def resolve_paths(options: Mapping[str, Any], folder: Path) -> dict[str, Any]:
    """The options with absolute paths, those of modalities too; what can only be a name on the Hub stays as it is."""
    resolved = dict(options)
    if "path" in options:
        resolved["path"] = _resolved(options["path"], folder)
    if isinstance(options.get("modalities"), Mapping):
        resolved["modalities"] = {
            name: {**each, "path": _resolved(each["path"], folder)}
            if isinstance(each, Mapping) and "path" in each
            else each
            for name, each in options["modalities"].items()
        }
    return resolved


def _resolved(path: Any, folder: Path) -> Any:
    if isinstance(path, list | tuple):
        return [_resolved(each, folder) for each in path]
    if not isinstance(path, str | Path):
        return path
    place = folder / os.path.expanduser(path)  # noqa: PTH111 - pathlib makes an error of the home of nobody
    is_hub_name = re.fullmatch(r"\w[\w.-]*(/\w[\w.-]*)?", str(path)) and place.suffix.lower() not in (
        *file_endings(),
        *CONVERSIONS,
        *(f".{name}" for kind, name in KNOWN if kind == "formats"),
    )
    return str(path) if is_hub_name and not place.exists() else str(real_path(place))
