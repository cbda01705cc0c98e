"""Prepared splits in a folder: tensors, what they mean, and checksums by which damage is noticed."""

from __future__ import annotations

import hashlib
import json
import zlib
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

from .dataset import Splits
from .describing import describe_modality, parse_modalities
from .provenance import Provenance
from .sides import SIDES
from .table import Table

FACTS = "facts.json"


def _digest(facts: Mapping[str, Any]) -> str:
    """A checksum of everything that is no tensor: classes, provenance, modalities and the checksums of the tensors."""
    return hashlib.sha256(json.dumps(json.loads(json.dumps(facts)), sort_keys=True).encode()).hexdigest()


def _checksum(path: Path) -> int:
    value = 0
    with path.open("rb") as file:
        while block := file.read(1 << 22):
            value = zlib.crc32(block, value)
    return value


def read_prepared(folder: Path) -> tuple[Splits, str] | None:
    """The splits in ``folder`` and their fingerprint; None where anything is missing or damaged."""
    try:
        facts: dict[str, Any] = json.loads((folder / FACTS).read_text(encoding="utf-8"))
        if facts.pop("checksum") != _digest(facts):
            return None
        for name, checksum in facts["checksums"].items():
            if _checksum(folder / f"{name}.safetensors") != checksum:
                return None
        tables: dict[str, Any] = {name: Table.open(folder / f"{name}.safetensors") for name in (*SIDES, *facts["more"])}
        splits = Splits(
            **tables,
            provenance=Provenance(**facts["provenance"]),
            labels={name: tuple(classes) for name, classes in facts["labels"].items()},
            facts=facts["facts"],
            modalities=parse_modalities(facts["modalities"]),
            notes=tuple(facts["notes"]),
            changes=tuple(facts["changes"]),
            covariates={name: tuple(classes) for name, classes in facts["covariates"].items()},
        )
        return splits, _fingerprint(facts["checksums"], splits)
    except Exception:  # whatever a damaged file makes of itself: it is rebuilt
        return None


def _fingerprint(checksums: Mapping[str, int], splits: Splits) -> str:
    """Of the values, and of what they mean."""
    meaning = {
        "checksums": checksums,
        "labels": {name: list(classes) for name, classes in splits.labels.items()},
        "covariates": {name: list(classes) for name, classes in splits.covariates.items()},
        "modalities": {
            name: [getattr(modality, field) for field in modality.vocabulary]
            for name, modality in splits.modalities.items()
        },
    }
    return hashlib.sha256(json.dumps(meaning, sort_keys=True).encode()).hexdigest()[:16]


def write_prepared(folder: Path, splits: Splits) -> None:
    """Write one file of tensors for each side, and ``facts.json`` with everything else and the checksums."""
    extra = ["new"] if splits.new is not None else []
    for name in (*SIDES, *extra):
        getattr(splits, name).save(folder / f"{name}.safetensors")
    facts = {
        "labels": {name: list(classes) for name, classes in splits.labels.items()},
        "covariates": {name: list(classes) for name, classes in splits.covariates.items()},
        "provenance": asdict(splits.provenance),
        "facts": dict(splits.facts),
        "modalities": {name: describe_modality(modality) for name, modality in splits.modalities.items()},
        "notes": list(splits.notes),
        "changes": list(splits.changes),
        "more": extra,
        "checksums": {name: _checksum(folder / f"{name}.safetensors") for name in (*SIDES, *extra)},
    }
    (folder / FACTS).write_text(json.dumps({**facts, "checksum": _digest(facts)}), encoding="utf-8")
