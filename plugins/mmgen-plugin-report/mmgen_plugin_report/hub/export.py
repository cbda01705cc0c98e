"""A run in the layout of the Hugging Face Hub, and its upload."""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path
from typing import Any

from mmgen.errors import MmgenError
from mmgen.files import write_atomically, write_text
from mmgen.runs import HISTORY, MODEL, RESULTS, Run, RunFolder, load_run

from .card import model_card
from .layout import CARD, HUB_CONFIG, HUB_FILES, REPOSITORY, HubFolder, hidden, without_paths


def export_run(run: Run | Path | str, to: Path | str, repository: str = "") -> Path:
    """Write a finished run as ``config.json``, ``model.safetensors`` and a model card, with its history and results.

    Only data are written, and nothing of the machine: local paths in options and in the words about the data are
    shortened to their last parts, and the command line and the platform stay behind.

    Args:
        run: The run, or its folder.
        to: A folder that does not exist yet, or is empty.
        repository: ``user/name``, for the card's line that loads the model; the folder's name otherwise.

    Returns:
        The folder.

    Raises:
        MmgenError: A run that has not finished or is not in a folder, or a folder that cannot be written.
    """
    run = run if isinstance(run, Run) else load_run(run)
    source, to = run.folder, Path(to)
    if source is None:
        raise MmgenError("This run has no folder to export; train it with an output.")
    source.tensors(MODEL)  # says what is wrong with the weights before anything is written
    if to.exists() and (not to.is_dir() or any(to.iterdir())):
        raise MmgenError(f"--to: {str(to)!r} is there already and not an empty folder; choose another name.")
    config, folders = without_paths(run.config)
    environment = source.environment()
    kept: dict[str, Any] = {key: environment[key] for key in ("versions", "components") if key in environment}
    target = HubFolder(to)
    try:
        if "data" in environment:
            kept["data"] = hidden(environment["data"])
        for name in (MODEL, HISTORY, RESULTS):
            if (source.path / name).exists():
                write_atomically(to / name, lambda temporary, name=name: shutil.copyfile(source.path / name, temporary))  # type: ignore[misc]
        write_text(to / CARD, model_card(config, kept, run.results, run.history, folders, repository or to.name))
        target.write(config, kept)  # last: a folder with a configuration is complete
    except OSError as error:
        raise MmgenError(f"--to: the folder {str(to)!r} cannot be written: {error.strerror}.") from error
    return to


def push(path: Path | str, repository: str) -> str:
    """Upload a run, or a folder that :func:`export_run` made, to the Hugging Face Hub.

    A repository that is not there yet is made, and is private: who publishes decides that on its page. Only the files
    of the layout are uploaded, whatever else lies in the folder.

    Returns:
        The repository's address.

    Raises:
        MmgenError: A name that is not ``user/name``, no token, or what the Hub answered.
    """
    from huggingface_hub import HfApi, get_token

    if not REPOSITORY.fullmatch(repository):
        raise MmgenError(f"--repo: {repository!r} is not the name of a repository; write it as user/name.")
    token = get_token()
    if not token:
        raise MmgenError(
            "Uploading needs a token of the Hugging Face Hub with the right to write: hf auth login, or the variable "
            "HF_TOKEN."
        )
    with tempfile.TemporaryDirectory() as temporary:
        exported = not RunFolder(path).holds_a_run and (Path(path) / HUB_CONFIG).is_file()
        folder = (
            Path(path)
            if exported
            else export_run(Path(path), Path(temporary) / repository.partition("/")[2], repository)
        )
        HubFolder(folder).config()
        api = HfApi(token=token)
        try:
            api.create_repo(repository, private=True, exist_ok=True)
            api.upload_folder(
                repo_id=repository,
                folder_path=str(folder),
                allow_patterns=list(HUB_FILES),
                commit_message="Upload of an mmgen run",
            )
        except Exception as error:  # of the client, of its transport, or what the server answered
            reason = str(error).strip().splitlines()[0].rstrip(".") if str(error).strip() else type(error).__name__
            raise MmgenError(f"The upload to {repository!r} did not succeed: {reason}.") from error
    return f"https://huggingface.co/{repository}"
