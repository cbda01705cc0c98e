"""A run's folder: every file is written whole or not at all, and none of them is code."""

from __future__ import annotations

import json
import tempfile
from pathlib import Path
from typing import Any

from safetensors import safe_open
from safetensors.torch import save_file
from torch import Tensor

from ..errors import MmgenError
from ..files import write_atomically, write_text
from ..yaml_files import dump_yaml, read_mapping

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
        self.path = Path(path)

    @property
    def holds_a_run(self) -> bool:
        """Whether a run was started here."""
        return (self.path / CONFIG).exists()

    def claim(self) -> None:
        """Make the folder for a new run; refuses one that holds something already, and says why it cannot be
        written.
        """
        if self.holds_a_run:
            raise MmgenError(
                f"The folder {str(self.path)!r} holds a run already; choose another --output, or go on with it by "
                "--resume."
            )
        if self.path.is_dir() and any(self.path.iterdir()):
            raise MmgenError(f"The folder {str(self.path)!r} is not empty; choose another --output.")
        try:
            self.path.mkdir(parents=True, exist_ok=True)
            with tempfile.TemporaryFile(dir=self.path):
                pass
        except OSError as error:
            raise MmgenError(f"The output folder {str(self.path)!r} cannot be written: {error.strerror}.") from error

    def sweep(self) -> None:
        """Remove what a process that was killed while it wrote has left behind."""
        for path in self.path.rglob(".*.tmp"):
            path.unlink(missing_ok=True)

    def write_config(self, config: dict[str, Any]) -> None:
        """``config.yaml``."""
        write_text(self.path / CONFIG, dump_yaml(config))

    def config(self) -> dict[str, Any]:
        """What ``config.yaml`` says."""
        if not self.holds_a_run:
            raise MmgenError(f"There is no run in {str(self.path)!r}: it has no {CONFIG}.")
        return read_mapping(self.path / CONFIG)

    def write_environment(self, environment: dict[str, Any]) -> None:
        """``environment.json``."""
        write_text(self.path / ENVIRONMENT, json.dumps(environment, indent=2, ensure_ascii=False) + "\n")

    def environment(self) -> dict[str, Any]:
        """What ``environment.json`` says; empty where there is none."""
        try:
            return json.loads((self.path / ENVIRONMENT).read_text(encoding="utf-8"))
        except (OSError, json.JSONDecodeError):
            return {}

    def write_lines(self, name: str, rows: list[dict[str, Any]]) -> None:
        """A file of one JSON object per line."""
        write_text(self.path / name, "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows))

    def lines(self, name: str) -> list[dict[str, Any]]:
        """The rows of such a file; none where there is no file."""
        path = self.path / name
        return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()] if path.exists() else []

    def write_tensors(self, name: str, tensors: dict[str, Tensor], facts: dict[str, Any] | None = None) -> None:
        """A safetensors file, with ``facts`` as JSON in its header."""
        metadata = {"facts": json.dumps(facts)} if facts is not None else None
        whole = {key: value.detach().contiguous() for key, value in tensors.items()}
        write_atomically(self.path / name, lambda temporary: save_file(whole, temporary, metadata=metadata))

    def tensors(self, name: str) -> tuple[dict[str, Tensor], dict[str, Any]]:
        """What :meth:`write_tensors` wrote, copied into memory."""
        path = self.path / name
        if not path.exists():
            raise MmgenError(
                f"The run in {str(self.path)!r} has no {name}: its training has not finished; go on with it by "
                "--resume."
            )
        try:
            with safe_open(path, framework="pt") as file:
                facts = json.loads((file.metadata() or {}).get("facts", "{}"))
                return {key: file.get_tensor(key).clone() for key in file.keys()}, facts  # noqa: SIM118 - not a mapping
        except Exception as error:
            raise MmgenError(f"The file {str(path)!r} is damaged: {error}.") from error
