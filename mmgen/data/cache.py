"""Prepared splits on disk: keyed by what made them, written whole or not at all, safe under two processes, rebuilt when damaged."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import tempfile
import zlib
from dataclasses import asdict
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from filelock import FileLock

from ..errors import MmgenError
from .dataset import Dataset, Provenance, Splits
from .missing import OPTIONS
from .table import Table

FORMAT = 2
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


def cache_key(dataset: Dataset) -> str:
    """Of the class, its version and distribution, every option, and the size and time of the files it reads."""
    package = type(dataset).__module__.split(".")[0].replace("_", "-")
    try:
        distribution = version("mmgen-core" if package == "mmgen" else package)
    except PackageNotFoundError:
        distribution = "0"
    files = [(str(path.resolve()), path.stat().st_size, path.stat().st_mtime_ns) for path in dataset.sources() if path.exists()]
    options = dataset.config.model_dump(mode="json", exclude=set(OPTIONS))
    made_from = [FORMAT, type(dataset).__qualname__, dataset.version, distribution, options, files]
    return hashlib.sha256(json.dumps(made_from, sort_keys=True).encode()).hexdigest()[:20]


def _checksum(path: Path) -> int:
    value = 0
    with path.open("rb") as file:
        while block := file.read(1 << 22):
            value = zlib.crc32(block, value)
    return value


def _read(folder: Path) -> Splits | None:
    """The splits in ``folder``; None where anything is missing or damaged."""
    try:
        facts: dict[str, Any] = json.loads((folder / "facts.json").read_text(encoding="utf-8"))
        for name in SPLITS:
            if _checksum(folder / f"{name}.safetensors") != facts["checksums"][name]:
                return None
        tables = {name: Table.open(folder / f"{name}.safetensors") for name in SPLITS}
        labels = {name: tuple(classes) for name, classes in facts["labels"].items()}
        return Splits(**tables, provenance=Provenance(**facts["provenance"]), labels=labels, facts=facts["facts"])
    except Exception:  # whatever a damaged file makes of itself: it is rebuilt
        return None


def _write(folder: Path, splits: Splits) -> None:
    for name in SPLITS:
        getattr(splits, name).save(folder / f"{name}.safetensors")
    facts = {
        "labels": {name: list(classes) for name, classes in splits.labels.items()},
        "provenance": asdict(splits.provenance),
        "facts": dict(splits.facts),
        "checksums": {name: _checksum(folder / f"{name}.safetensors") for name in SPLITS},
    }
    (folder / "facts.json").write_text(json.dumps(facts), encoding="utf-8")


def cached_splits(name: str, dataset: Dataset) -> tuple[Splits, str]:
    """The splits of ``dataset``, from the cache or made now, and their fingerprint."""
    root = writable(cache_root() / "datasets")
    folder = root / f"{name.replace(':', '-')}-{cache_key(dataset)}"
    with FileLock(f"{folder}.lock"):
        splits = _read(folder)
        if splits is None:
            shutil.rmtree(folder, ignore_errors=True)
            temporary = Path(tempfile.mkdtemp(prefix=f".{folder.name}-", dir=root))
            try:
                _write(temporary, dataset.splits())
                temporary.rename(folder)
            finally:
                shutil.rmtree(temporary, ignore_errors=True)
            splits = _read(folder)
            if splits is None:
                raise OSError(f"{folder} could not be read back after it was written")
    checksums = json.loads((folder / "facts.json").read_text(encoding="utf-8"))["checksums"]
    return splits, hashlib.sha256(json.dumps(checksums, sort_keys=True).encode()).hexdigest()[:16]
