"""The files of a run's folder, read as what somebody sent: each is what a run writes, or a sentence with its name."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, StrictInt, StrictStr
from safetensors import safe_open
from torch import Tensor

from ..errors import MmgenError, ended, first_line
from ..files import check_regular
from ..options import validated

LARGEST = 2**28  # bytes of a file of text, which is in memory at once


class _Named(BaseModel):
    """A section that says which component it is of."""

    model_config = ConfigDict(extra="allow")
    name: StrictStr


class _OfKind(BaseModel):
    """A modality, which says of what kind it is."""

    model_config = ConfigDict(extra="allow")
    kind: StrictStr


class _Seeded(BaseModel):
    model_config = ConfigDict(extra="allow")
    seed: StrictInt


class _Model(BaseModel):
    """What everybody who shows a run reads of its model; the model checks the rest."""

    model_config = ConfigDict(extra="allow")
    latent_dim: StrictInt
    beta: float


class _Resolved(BaseModel):
    """The sections of a run's configuration; components check the options in theirs themselves."""

    model_config = ConfigDict(extra="forbid")
    recipe: StrictStr | None = None
    dataset: _Named
    objective: _Named
    aggregator: _Named | None = None
    prior: _Named | None = None
    model: _Model
    modalities: dict[str, _OfKind]
    training: _Seeded
    labels: dict[str, list[str]] = {}
    covariates: dict[str, list[str]] = {}
    metrics: dict[str, dict[str, Any]] = {}
    classes: dict[str, StrictStr] = {}


class _Component(BaseModel):
    model_config = ConfigDict(extra="allow")
    kind: StrictStr
    name: StrictStr
    distribution: StrictStr
    version: StrictStr


class _DataRecord(BaseModel):
    model_config = ConfigDict(extra="allow")
    name: StrictStr = ""
    fingerprint: StrictStr = ""
    provenance: dict[str, StrictStr] = {}
    rows: dict[str, int] = {}
    modalities: dict[str, dict[str, int]] = {}
    licence: StrictStr = ""
    citation: StrictStr = ""
    facts: dict[str, Any] = {}
    notes: list[str] = []


class _Environment(BaseModel):
    model_config = ConfigDict(extra="allow")
    command: list[str] = []
    folder: StrictStr | None = None
    versions: dict[str, StrictStr] = {}
    platform: StrictStr = ""
    device: StrictStr = ""
    components: list[_Component] = []
    data: _DataRecord = _DataRecord()


class _Terms(BaseModel):
    """The numbers of an epoch on one side."""

    model_config = ConfigDict(extra="allow")
    __pydantic_extra__: dict[str, float | None] = Field(init=False)
    loss: float


class _Epoch(BaseModel):
    """A line of ``history.jsonl``."""

    model_config = ConfigDict(extra="allow")
    epoch: StrictInt
    train: _Terms
    val: _Terms | None = None


class _Result(BaseModel):
    """A line of ``results.jsonl``."""

    model_config = ConfigDict(extra="allow")
    metric: StrictStr
    measure: StrictStr
    given: StrictStr
    target: StrictStr
    label: StrictStr = ""
    value: float | None
    n: StrictInt
    note: StrictStr = ""
    split: StrictStr
    seed: StrictInt
    data: StrictStr = Field("")


RECORDS: Mapping[str, type[BaseModel]] = {"history.jsonl": _Epoch, "results.jsonl": _Result}


def checked_config(content: Mapping[str, Any], path: Path) -> dict[str, Any]:
    """The configuration of a run, with every section that all runs have.

    Raises:
        MmgenError: A section that there is not, that is missing, or that is something else.
    """
    with damaged(path):
        validated(_Resolved, content, "")
    return dict(content)


def checked_environment(content: Any, path: Path) -> dict[str, Any]:
    """What ``environment.json`` says, as far as anybody reads it.

    Raises:
        MmgenError: Something else than a run writes.
    """
    with damaged(path):
        _validate(_Environment, content)
    return dict(content)


def read_environment(path: Path) -> dict[str, Any]:
    """The content of ``environment.json``; empty where there is no such file."""
    if not path.exists():
        return {}
    return checked_environment(read_json(path), path)


def read_json(path: Path) -> Any:
    """The value in a JSON file.

    Raises:
        MmgenError: The file cannot be read, or is damaged.
    """
    text = _text(path)
    with damaged(path):
        return _parsed(text)


def read_records(path: Path) -> list[dict[str, Any]]:
    """The rows of a file of one JSON object per line, without one that is still being written; none where there is no
    file.

    Raises:
        MmgenError: A line that is no such row, with its number.
    """
    if not path.exists():
        return []
    kind, rows = RECORDS.get(path.name), []
    for number, line in enumerate(_text(path).split("\n")[:-1], 1):
        with damaged(path, f" in line {number}"):
            rows.append(_parsed(line))
            if not isinstance(rows[-1], dict):
                raise ValueError(f"{line[:50]!r} is no row of names and values")
            if kind is not None:
                _validate(kind, rows[-1])
    return rows


def read_tensors(path: Path) -> tuple[dict[str, Tensor], dict[str, Any]]:
    """The tensors of a safetensors file, copied into memory, and the facts in its header.

    Raises:
        MmgenError: The file is damaged.
    """
    with damaged(path):
        check_regular(path)
    with damaged(path), safe_open(path, framework="pt") as file:
        facts = _parsed((file.metadata() or {}).get("facts", "{}"))
        if not isinstance(facts, dict):
            raise ValueError("its header holds no facts")
        return {key: file.get_tensor(key).clone() for key in file.keys()}, facts  # noqa: SIM118 - not a mapping


@contextmanager
def damaged(path: Path, at: str = "") -> Iterator[None]:
    """Whatever goes wrong is said of a file of a run: that it is damaged, and how; ``at`` says where in it."""
    try:
        yield
    except RecursionError as error:
        raise MmgenError(f"The file {str(path)!r} is damaged{at}: its values are nested too deeply.") from error
    except Exception as error:
        raise MmgenError(ended(f"The file {str(path)!r} is damaged{at}: {first_line(error)[:500]}")) from error


def _validate(kind: type[BaseModel], content: Any) -> None:
    if not isinstance(content, dict):
        raise ValueError(f"it holds a {type(content).__name__}, and names with values are wanted")
    validated(kind, content, "")


def _text(path: Path) -> str:
    if path.is_file() and path.stat().st_size > LARGEST:
        raise MmgenError(f"The file {str(path)!r} is larger than {LARGEST >> 20} MiB; a run's is not.")
    try:
        check_regular(path)
        return path.read_text(encoding="utf-8")
    except OSError as error:
        raise MmgenError(f"The file {str(path)!r} cannot be read: {error.strerror}.") from error
    except UnicodeDecodeError as error:
        raise MmgenError(f"The file {str(path)!r} is damaged: it is not UTF-8 text.") from error


def _parsed(text: str) -> Any:
    return json.loads(text)
