"""The cache of prepared splits: keyed by what made them, safe under two processes, rebuilt when damaged."""

from __future__ import annotations

import hashlib
import inspect
import json
import os
import shutil
import tempfile
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from filelock import FileLock

from ..errors import MmgenError
from ..registry import entry_of, is_local
from .dataset import Dataset, Splits
from .describing import describe_modality
from .missing import OPTIONS
from .prepared import read_prepared, write_prepared
from .schema import Schema

FORMAT = 5


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
    """Whether the rows of a dataset follow from what a key can hold: an installed class, its options and its files.

    A class that was written into a notebook, and one that is made from something besides its options (arrays, say), may
    be another one tomorrow under the same name: such a dataset is prepared anew each time.
    """
    kind = type(dataset)
    entry = entry_of("datasets", kind)
    return entry is not None and not is_local(entry) and kind.__init__ is Dataset.__init__


def cache_key(dataset: Dataset) -> str:
    """Of the class, its code, version and distribution, its options, the files it reads, and its schema."""
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
    later = {*OPTIONS} if kind.reads_covariates else {*OPTIONS, "covariates"}
    options = dataset.config.model_dump(mode="json", exclude=later)
    schema = _schema_key(dataset.schema) if dataset.schema is not None else None
    contents = [FORMAT, kind.__qualname__, dataset.version, distribution, _code(kind), options, files, schema]
    return hashlib.sha256(json.dumps(contents, sort_keys=True).encode()).hexdigest()[:20]


def _code(kind: type[Dataset]) -> str:
    """A checksum of a dataset's package, so that a plugin under development never gets old rows."""
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
    labels = {name: list(classes) for name, classes in schema.labels.items()}
    return [modalities, labels, {name: list(classes) for name, classes in schema.covariates.items()}, numbers]


def prepared_splits(name: str, dataset: Dataset) -> tuple[Splits, str] | None:
    """The splits that were prepared earlier from the same files and options, and their fingerprint; None: none."""
    if not is_recognised(dataset):
        return None
    return read_prepared(_folder(name, dataset))


def cached_splits(name: str, dataset: Dataset) -> tuple[Splits, str]:
    """The splits of ``dataset``, from the cache or made now, and their fingerprint."""
    root = writable(cache_root() / "datasets")
    if not is_recognised(dataset):
        return _prepared_in(Path(tempfile.mkdtemp(prefix=".once-", dir=root)), dataset)
    folder = _folder(name, dataset)
    with FileLock(f"{folder}.lock"):
        stored = read_prepared(folder)
        if stored is not None:
            return stored
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
        write_prepared(temporary, dataset.splits())
        if name is not None:
            place = _folder(name, dataset)
            shutil.rmtree(place, ignore_errors=True)
            temporary.rename(place)
        stored = read_prepared(place)
    finally:
        shutil.rmtree(temporary, ignore_errors=True)
    if stored is None:
        raise OSError(f"{place} could not be read back after it was written")
    return stored
