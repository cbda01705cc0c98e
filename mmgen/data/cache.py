"""Prepared splits on disk: keyed by what made them, written whole or not at all, safe under two processes, rebuilt when
damaged.
"""

from __future__ import annotations

import hashlib
import inspect
import json
import os
import shutil
import tempfile
import zlib
from collections.abc import Mapping
from dataclasses import asdict
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from filelock import FileLock

from ..errors import MmgenError
from ..registry import entry_of, is_local
from .dataset import Dataset, Provenance, Splits
from .describing import describe_modality, parse_modalities
from .missing import OPTIONS
from .schema import Schema
from .table import Table

FORMAT = 3
SPLITS = ("train", "val", "test")


def cache_root() -> Path:
    """``$MMGEN_CACHE``, else ``mmgen`` in the user's cache folder."""
    if "MMGEN_CACHE" in os.environ:
        return Path(os.environ["MMGEN_CACHE"])
    return Path(os.environ.get("XDG_CACHE_HOME", Path.home() / ".cache")) / "mmgen"


def writable(folder: Path) -> Path:
    """The folder, made if need be; one that cannot be written is an error that names the way out."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            return folder
    except OSError as error:
        raise MmgenError(
            f"The cache folder {str(folder)!r} cannot be written ({error.strerror}); set MMGEN_CACHE to one that can."
        ) from error


def is_recognised(dataset: Dataset) -> bool:
    """Whether everything that a dataset makes follows from what a key can hold: an installed class, its options and its
    files.

    A class that was written into a notebook, and one that is made from something besides its options (arrays, say), may
    be another one tomorrow under the same name: such a dataset is prepared anew each time.
    """
    kind = type(dataset)
    entry = entry_of("datasets", kind)
    return entry is not None and not is_local(entry) and kind.__init__ is Dataset.__init__


def cache_key(dataset: Dataset) -> str:
    """Of the class, its code, version and distribution, every option, the files it reads, and the schema that it
    obeys.
    """
    kind = type(dataset)
    package = kind.__module__.split(".")[0].replace("_", "-")
    try:
        distribution = version("mmgen-core" if package == "mmgen" else package)
    except PackageNotFoundError:
        distribution = "0"
    files = [
        (str(path.resolve()), path.stat().st_size, path.stat().st_mtime_ns)
        for path in dataset.sources()
        if path.exists()
    ]
    options = dataset.config.model_dump(mode="json", exclude=set(OPTIONS))
    schema = _schema_key(dataset.schema) if dataset.schema is not None else None
    made_from = [FORMAT, kind.__qualname__, dataset.version, distribution, _code(kind), options, files, schema]
    return hashlib.sha256(json.dumps(made_from, sort_keys=True).encode()).hexdigest()[:20]


def _code(kind: type[Dataset]) -> str:
    """A checksum of the package that a dataset is written in, so that a plugin under development never gets old
    rows.
    """
    module = Path(inspect.getfile(kind))
    files = sorted(module.parent.rglob("*.py")) if "." in kind.__module__ else [module]
    digest = hashlib.sha256()
    for file in files:
        digest.update(file.read_bytes())
    return digest.hexdigest()[:16]


def _schema_key(schema: Schema) -> list[Any]:
    sides = {} if schema.sides is None else schema.sides.tensors()
    numbers = hashlib.sha256(
        b"".join(name.encode() + values.numpy().tobytes() for name, values in sides.items())
    ).hexdigest()
    modalities = {name: describe_modality(modality) for name, modality in schema.modalities.items()}
    return [modalities, {name: list(classes) for name, classes in schema.labels.items()}, numbers]


def _checksum(path: Path) -> int:
    value = 0
    with path.open("rb") as file:
        while block := file.read(1 << 22):
            value = zlib.crc32(block, value)
    return value


def _read(folder: Path) -> tuple[Splits, str] | None:
    """The splits in ``folder`` and their fingerprint; None where anything is missing or damaged."""
    try:
        facts: dict[str, Any] = json.loads((folder / "facts.json").read_text(encoding="utf-8"))
        for name, checksum in facts["checksums"].items():
            if _checksum(folder / f"{name}.safetensors") != checksum:
                return None
        tables = {name: Table.open(folder / f"{name}.safetensors") for name in (*SPLITS, *facts["more"])}
        splits = Splits(
            **tables,
            provenance=Provenance(**facts["provenance"]),
            labels={name: tuple(classes) for name, classes in facts["labels"].items()},
            facts=facts["facts"],
            modalities=parse_modalities(facts["modalities"]),
            notes=tuple(facts["notes"]),
        )
        return splits, _fingerprint(facts["checksums"], splits)
    except Exception:  # whatever a damaged file makes of itself: it is rebuilt
        return None


def _fingerprint(checksums: Mapping[str, int], splits: Splits) -> str:
    """Of the values, and of what they mean."""
    means = {
        "checksums": checksums,
        "labels": {name: list(classes) for name, classes in splits.labels.items()},
        "modalities": {
            name: [getattr(one, field) for field in one.vocabulary] for name, one in splits.modalities.items()
        },
    }
    return hashlib.sha256(json.dumps(means, sort_keys=True).encode()).hexdigest()[:16]


def _write(folder: Path, splits: Splits) -> None:
    more = ["new"] if splits.new is not None else []
    for name in (*SPLITS, *more):
        getattr(splits, name).save(folder / f"{name}.safetensors")
    facts = {
        "labels": {name: list(classes) for name, classes in splits.labels.items()},
        "provenance": asdict(splits.provenance),
        "facts": dict(splits.facts),
        "modalities": {name: describe_modality(modality) for name, modality in splits.modalities.items()},
        "notes": list(splits.notes),
        "more": more,
        "checksums": {name: _checksum(folder / f"{name}.safetensors") for name in (*SPLITS, *more)},
    }
    (folder / "facts.json").write_text(json.dumps(facts), encoding="utf-8")


def prepared_splits(name: str, dataset: Dataset) -> tuple[Splits, str] | None:
    """The splits that were prepared earlier from the same files and options, and their fingerprint; None where there
    are none.
    """
    if not is_recognised(dataset):
        return None
    return _read(_folder(name, dataset))


def cached_splits(name: str, dataset: Dataset) -> tuple[Splits, str]:
    """The splits of ``dataset``, from the cache or made now, and their fingerprint."""
    root = writable(cache_root() / "datasets")
    if not is_recognised(dataset):
        return _prepared_in(Path(tempfile.mkdtemp(prefix=".once-", dir=root)), dataset)
    folder = _folder(name, dataset)
    with FileLock(f"{folder}.lock"):
        found = _read(folder)
        if found is not None:
            return found
        shutil.rmtree(folder, ignore_errors=True)
        return _prepared_in(Path(tempfile.mkdtemp(prefix=f".{folder.name}-", dir=root)), dataset, name)


def _folder(name: str, dataset: Dataset) -> Path:
    return cache_root() / "datasets" / f"{name.replace(':', '-')}-{cache_key(dataset)}"


def _prepared_in(temporary: Path, dataset: Dataset, name: str | None = None) -> tuple[Splits, str]:
    """Prepare a dataset in a temporary folder, and move it to where one of that name is looked for.

    Without a name nothing of it stays but what is mapped into memory. The place is asked for once the data are there: a
    download changes the files, and so the key.
    """
    place = temporary
    try:
        _write(temporary, dataset.splits())
        if name is not None:
            place = _folder(name, dataset)
            shutil.rmtree(place, ignore_errors=True)
            temporary.rename(place)
        found = _read(place)
    finally:
        shutil.rmtree(temporary, ignore_errors=True)
    if found is None:
        raise OSError(f"{place} could not be read back after it was written")
    return found
