"""``mmgen schema``: JSON Schemas of every configuration, from the pydantic models."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from pydantic import BaseModel

from ..errors import MmgenError, alternatives
from ..files import write_text
from ..models import ModelConfig
from ..options import Options
from ..registry import CORE, KINDS, entries, load_entry
from ..registry.components import singular
from ..runs import TrainingConfig
from ..runs.config import Recipe, RunConfig
from ..screen import console, show_json


def schemas(distribution: str | None = None) -> dict[str, dict[str, Any]]:
    """All schemas by name; of one distribution's components only, if one is named."""
    models: dict[str, type[BaseModel]] = {
        "run": RunConfig,
        "recipe": Recipe,
        "training": TrainingConfig,
        "model": ModelConfig,
    }
    for kind in KINDS:
        for entry in entries(kind):
            if distribution in (None, entry.distribution):
                component = load_entry(entry)
                config = component if kind == "modalities" else component.Config
                if config is not Options:  # most formats have none: how a file is read is said by the dataset
                    models[f"{singular(kind)}-{entry.name}"] = config
    return {
        name: {"$schema": "https://json-schema.org/draft/2020-12/schema", **model.model_json_schema()}
        for name, model in models.items()
    }


def core_schemas() -> dict[str, dict[str, Any]]:
    """The schemas of the core alone: what ``schemas/`` in the repository holds."""
    return schemas(CORE)


def text(schema: dict[str, Any]) -> str:
    """A schema as it is written to a file."""
    return json.dumps(schema, indent=2, ensure_ascii=False, sort_keys=True) + "\n"


def command(name: str | None, output: Path | None) -> None:
    """Print one schema, the names of all, or write the core's into a folder."""
    if output is not None:
        for each, schema in core_schemas().items():
            write_text(output / f"{each}.json", text(schema))
        console().print(f"{len(core_schemas())} schemas: {output}", highlight=False)
        return
    known = schemas()
    if name is None:
        console().print("\n".join(sorted(known)), highlight=False)
        return
    if name not in known:
        raise MmgenError(f"There is no schema {name!r}; there are {alternatives(name, sorted(known))}")
    show_json(known[name])
