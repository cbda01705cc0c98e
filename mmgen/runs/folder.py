"""A run's folder: every file is written whole or not at all, and none of them is code."""

from __future__ import annotations

import json
import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from safetensors.torch import save
from torch import Tensor

from ..errors import MmgenError, reason_of
from ..files import append_text, check_regular, cut, flush, sweep, write_atomically, write_text
from ..locks import LOCK, LockedError, locked_folder
from ..yaml_files import dump_yaml, read_mapping
from .reading import checked_config, damaged, read_environment, read_records, read_tensors

CONFIG, ENVIRONMENT, MODEL, HISTORY, RESULTS = (
    "config.yaml",
    "environment.json",
    "model.safetensors",
    "history.jsonl",
    "results.jsonl",
)


class RunFolder:
    """Reads and writes the files of a run's folder."""

    def __init__(self, path: Path | str) -> None:
        self.path = Path(path).expanduser()

    @property
    def holds_a_run(self) -> bool:
        """Whether a run was started here."""
        return (self.path / CONFIG).exists()

    @contextmanager
    def claimed(self, *, resume: bool) -> Iterator[None]:
        """Hold the folder for one training: a new one, or one that goes on; it is made where it is not there, and
        what a process that was killed while it wrote has left is removed.

        Raises:
            MmgenError: Another training is at work there, it cannot be written, or it holds something and no training
                is to go on.
        """
        if not resume:
            self.check_free()
        self.make()
        try:
            with locked_folder(self.path):
                sweep(self.path)
                if not resume:
                    self.check_free()
                yield
        except LockedError:
            raise MmgenError(
                f"Another training is at work in {str(self.path)!r}; wait for it, or choose another --output."
            ) from None

    def check_free(self) -> None:
        """Refuse a folder for a new run that holds something already, or that cannot be one.

        Raises:
            MmgenError: It holds a run or something else, cannot be written, or has a name that is no text.
        """
        if self.holds_a_run:
            raise MmgenError(
                f"The folder {str(self.path)!r} holds a run already; choose another --output, or go on with it by "
                "--resume."
            )
        if self.path.is_dir() and any(not _is_passing(path) for path in self.path.iterdir()):
            raise MmgenError(f"The folder {str(self.path)!r} is not empty; choose another --output.")

    def make(self) -> None:
        """Make the folder.

        Raises:
            MmgenError: It cannot be written, or has a name that is no text.
        """
        try:
            str(self.path).encode()
        except UnicodeEncodeError:
            shown = os.fsencode(self.path).decode("utf-8", "backslashreplace")
            raise MmgenError(
                f"The output folder '{shown}' has a name that is not UTF-8; choose another --output."
            ) from None
        try:
            self.path.mkdir(parents=True, exist_ok=True)
            with tempfile.TemporaryFile(dir=self.path):
                pass
        except OSError as error:
            raise MmgenError(f"The output folder {str(self.path)!r} cannot be written: {reason_of(error)}.") from error

    def write_config(self, config: dict[str, Any]) -> None:
        """``config.yaml``."""
        write_text(self.path / CONFIG, dump_yaml(config))

    def config(self) -> dict[str, Any]:
        """What ``config.yaml`` says; every section that all runs have is there."""
        if not self.holds_a_run:
            raise MmgenError(f"There is no run in {str(self.path)!r}: it has no {CONFIG}.")
        with damaged(self.path / CONFIG):
            check_regular(self.path / CONFIG)
        return checked_config(read_mapping(self.path / CONFIG), self.path / CONFIG)

    def write_environment(self, environment: dict[str, Any]) -> None:
        """``environment.json``."""
        write_text(self.path / ENVIRONMENT, json.dumps(environment, indent=2, ensure_ascii=False) + "\n")

    def environment(self) -> dict[str, Any]:
        """What ``environment.json`` says; empty where there is none."""
        return read_environment(self.path / ENVIRONMENT)

    def write_lines(self, name: str, rows: list[dict[str, Any]]) -> None:
        """A file of one JSON object per line."""
        write_text(self.path / name, "".join(map(_as_line, rows)))

    def append_line(self, name: str, row: dict[str, Any]) -> None:
        """One row more, at a cost that does not depend on how many there are."""
        append_text(self.path / name, _as_line(row))

    def flush_lines(self, name: str) -> int:
        """See to it that the rows last; the size of their file in bytes."""
        return flush(self.path / name)

    def cut_lines(self, name: str, size: int) -> None:
        """Take back what was appended after the file had this size.

        Raises:
            MmgenError: It is shorter than that.
        """
        if not cut(self.path / name, size):
            raise MmgenError(
                f"The file {str(self.path / name)!r} is damaged: it is shorter than when the last checkpoint was "
                "written."
            )

    def lines(self, name: str) -> list[dict[str, Any]]:
        """The rows of such a file without one that is still being written; none where there is no file."""
        return read_records(self.path / name)

    def write_tensors(self, name: str, tensors: dict[str, Tensor], facts: dict[str, Any] | None = None) -> None:
        """A safetensors file, with ``facts`` as JSON in its header."""
        metadata = {"facts": json.dumps(facts)} if facts is not None else None
        whole = {key: value.detach().contiguous() for key, value in tensors.items()}
        write_atomically(self.path / name, lambda temporary: temporary.write_bytes(save(whole, metadata)))

    def tensors(self, name: str) -> tuple[dict[str, Tensor], dict[str, Any]]:
        """What :meth:`write_tensors` wrote, copied into memory."""
        path = self.path / name
        if not path.exists():
            raise MmgenError(
                f"The run in {str(self.path)!r} has no {name}: its training has not finished; go on with it by "
                "--resume."
            )
        return read_tensors(path)


def _as_line(row: dict[str, Any]) -> str:
    return json.dumps(row, ensure_ascii=False) + "\n"


def _is_passing(path: Path) -> bool:
    """Whether a file is none that somebody keeps: half-written ones of a killed process, and a lock."""
    return path.name == LOCK or (path.name.startswith(".") and path.suffix == ".tmp")
