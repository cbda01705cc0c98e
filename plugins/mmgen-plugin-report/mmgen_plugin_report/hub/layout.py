"""The layout of the Hugging Face Hub: ``config.json``, weights and a card, without anything of the run's machine."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from pathlib import Path, PurePosixPath, PureWindowsPath
from typing import Any

from mmgen.errors import MmgenError
from mmgen.files import write_text
from mmgen.runs import checked_config, checked_environment, latents_file, read_json
from mmgen.runs.folder import HISTORY, MODEL, RESULTS, RunFolder

HUB_CONFIG, CARD = "config.json", "README.md"
LATENTS = latents_file()
HUB_FILES = (HUB_CONFIG, CARD, MODEL, LATENTS, HISTORY, RESULTS)  # all that is written, read and uploaded
REPOSITORY = re.compile(r"[A-Za-z0-9][\w.-]*/[A-Za-z0-9][\w.-]*")
_WITH_FOLDERS = ("dataset", "training", "metrics")  # the sections whose options may name files
_QUOTED = re.compile(r"(?<=['\"])(?:~?/|[A-Za-z]:\\)[^'\"]+(?=['\"])")
_PATH = re.compile(r"(?<![\w:/.~\\])(?:~?/[^\s'\",;:()<>/]+(?:/[^\s'\",;:()<>/]*)*|[A-Za-z]:\\[^\s'\",;:()<>]+)")


def is_local_path(text: str) -> bool:
    """Whether a string is a file or folder of some machine: absolute, below the home folder, or a ``file:`` address."""
    if "\n" in text or len(text) < 2:
        return False
    return (
        PurePosixPath(text).is_absolute()
        or PureWindowsPath(text).is_absolute()
        or text.startswith(("~/", "~\\", "file:"))
    )


def last_part(path: str) -> str:
    """The name of a file or folder without where it is."""
    return PureWindowsPath(path).name or path


def without_paths(config: Mapping[str, Any]) -> tuple[dict[str, Any], list[str]]:
    """A run's configuration with local paths shortened, and the dotted names of the options that had one.

    ``./`` and the last part of a path stand in its place.

    An option is kept, not dropped: without its folder a dataset might quietly simulate instead. With a file that is
    nowhere it says what is missing; and ``./`` keeps the name from being read as that of a data set on the Hub.
    """
    options: list[str] = []

    def cleaned(value: Any, where: str) -> Any:
        if isinstance(value, Mapping):
            return {key: cleaned(item, f"{where}.{key}") for key, item in value.items()}
        if isinstance(value, list | tuple):
            return [cleaned(item, where) for item in value]
        if isinstance(value, str) and is_local_path(value):
            options.append(where)
            return f"./{last_part(value)}"
        return value

    shown = {
        section: cleaned(value, section) if section in _WITH_FOLDERS else value for section, value in config.items()
    }
    return shown, list(dict.fromkeys(options))


def hide_paths(text: str) -> str:
    """A sentence in which local paths are shortened to their last parts; web addresses stay."""
    if is_local_path(text):  # the whole of it, perhaps with spaces
        return last_part(text)
    for pattern in (_QUOTED, _PATH):
        text = pattern.sub(lambda match: last_part(match.group(0)), text)
    return text


def hidden(value: Any) -> Any:
    """The same for every string in nested lists and mappings."""
    if isinstance(value, Mapping):
        return {key: hidden(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [hidden(item) for item in value]
    return hide_paths(value) if isinstance(value, str) else value


class HubFolder(RunFolder):
    """A run's folder in the layout of the Hub: ``config.json`` has the configuration and the environment."""

    @property
    def holds_a_run(self) -> bool:
        """Whether there is a configuration."""
        return (self.path / HUB_CONFIG).is_file()

    def write(self, config: dict[str, Any], environment: dict[str, Any]) -> None:
        """``config.json``."""
        content = {"library_name": "mmgen", "model_type": "mmgen", "run": config, "environment": environment}
        write_text(self.path / HUB_CONFIG, json.dumps(content, indent=2, ensure_ascii=False) + "\n")

    def _content(self) -> dict[str, Any]:
        if not self.holds_a_run:
            raise MmgenError(f"There is no run in {str(self.path)!r}: it has neither config.yaml nor {HUB_CONFIG}.")
        content = read_json(self.path / HUB_CONFIG)
        if (
            not isinstance(content, dict)
            or content.get("model_type") != "mmgen"
            or not isinstance(content.get("run"), dict)
        ):
            raise MmgenError(
                f"The file {str(self.path / HUB_CONFIG)!r} is not that of an mmgen model; mmgen export writes such "
                "folders."
            )
        return content

    def config(self) -> dict[str, Any]:
        """The run's configuration."""
        return checked_config(self._content()["run"], self.path / HUB_CONFIG)

    def environment(self) -> dict[str, Any]:
        """Versions, components and data of the run."""
        return checked_environment(self._content().get("environment", {}), self.path / HUB_CONFIG)


def open_run(path: str | Path) -> HubFolder | None:
    """What ``mmgen.load_run`` opens beside folders of runs: an exported folder, or a repository on the Hub by name."""
    folder = HubFolder(path)
    if folder.holds_a_run:
        return folder
    return download(path) if isinstance(path, str) and REPOSITORY.fullmatch(path) and not folder.path.exists() else None


def download(repository: str) -> HubFolder:
    """The files of a run on the Hub, from its cache or its server; nothing else of the repository is fetched."""
    from huggingface_hub import snapshot_download

    try:
        return HubFolder(snapshot_download(repository, allow_patterns=list(HUB_FILES)))
    except Exception as error:  # of the client, of its transport, or of the repository
        raise MmgenError(
            f"There is no run in the folder {repository!r}, and the repository of that name could not be read from "
            f"the Hub: {first_line(error)}."
        ) from error


def first_line(error: Exception) -> str:
    """What an error of others says, as the end of a sentence."""
    text = str(error).strip()
    return text.splitlines()[0].rstrip(".") if text else type(error).__name__
