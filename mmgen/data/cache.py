"""The cache of prepared splits: keyed by what made them, safe under two processes, rebuilt when damaged."""

from __future__ import annotations

import hashlib
import inspect
import json
import secrets
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout
from safetensors import SafetensorError

from ..files import real_path
from ..registry import entry_of, is_local
from .cache_place import cache_root, not_writable, writable
from .dataset import Dataset, Splits
from .describing import describe_modality
from .missing import OPTIONS
from .prepared import read_prepared, write_prepared
from .schema import Schema

FORMAT = 6


@contextmanager
def locked(place: Path) -> Iterator[None]:
    """Hold what is to be made at a place of the cache, which waits for whoever makes it already.

    Raises:
        MmgenError: The lock is somebody else's, who does not let others write.
    """
    lock = FileLock(f"{place}.lock")
    try:
        lock.acquire()
    except OSError as error:
        raise not_writable(place.parent, error) from error
    try:
        yield
    finally:
        lock.release()


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
        (str(real_path(path)), path.stat().st_size, path.stat().st_mtime_ns)
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
    known = is_recognised(dataset)
    if known and (stored := read_prepared(_folder(name, dataset))) is not None:
        return stored  # moved there when it was complete; somebody else's cache may be read and not written
    root = writable(cache_root() / "datasets")
    place = _folder(name, dataset) if known else root / f"once-{secrets.token_hex(8)}"
    with locked(place):
        _sweep(root, place)
        try:
            if not known:
                return _prepared_in(_temporary(place), dataset)
            stored = read_prepared(place)
            if stored is not None:
                return stored
            shutil.rmtree(place, ignore_errors=True)
            return _prepared_in(_temporary(place), dataset, name)
        finally:
            if not known:
                Path(f"{place}.lock").unlink(missing_ok=True)


def _temporary(place: Path) -> Path:
    """A new folder for what will be at a place; :func:`_sweep` knows it by its name."""
    return Path(tempfile.mkdtemp(prefix=f".{place.name}-", dir=place.parent))


def _sweep(root: Path, own: Path) -> None:
    """Remove what processes have left that were killed while they prepared a dataset: nobody holds its lock.

    Args:
        root: The folder of prepared datasets.
        own: The place whose lock is held here.
    """
    for folder in root.glob(".*-*"):
        place = root / folder.name[1:].rpartition("-")[0]
        if place == own:
            shutil.rmtree(folder, ignore_errors=True)
            continue
        with suppress(OSError, Timeout), FileLock(f"{place}.lock").acquire(timeout=0):
            shutil.rmtree(folder, ignore_errors=True)
            if place.name.startswith("once-"):
                Path(f"{place}.lock").unlink(missing_ok=True)


def _folder(name: str, dataset: Dataset) -> Path:
    return cache_root() / "datasets" / f"{name.replace(':', '-')}-{cache_key(dataset)}"


def _prepared_in(temporary: Path, dataset: Dataset, name: str | None = None) -> tuple[Splits, str]:
    """Prepare a dataset in a temporary folder, and move it to where one of that name is looked for.

    Without a name nothing of it stays but what is mapped into memory. The place is asked for once the data are there: a
    download changes the files, and so the key.
    """
    place = temporary
    try:
        splits = dataset.splits()
        try:
            write_prepared(temporary, splits)
        except (OSError, SafetensorError) as error:
            raise not_writable(temporary.parent, error) from error
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
