"""A run in the layout of the Hugging Face Hub, and its upload."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Any

from mmgen.errors import MmgenError
from mmgen.files import whole_folder, write_atomically, write_text
from mmgen.runs import HISTORY, MODEL, RESULTS, Run, RunFolder, load_run

from .card import CardContent, model_card
from .layout import CARD, HUB_CONFIG, HUB_FILES, LATENTS, REPOSITORY, HubFolder, first_line, hidden, without_paths


def export_run(run: Run | Path | str, to: Path | str, repository: str = "") -> Path:
    """Write a finished run as ``config.json``, ``model.safetensors`` and a model card, with its history and results,
    and what training rows say of its latents.

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

    >>> import mmgen
    >>> from mmgen_plugin_report import export_run
    >>> run = mmgen.train("elbo", "mfeat", latent_dim=2, epochs=1, output="runs/elbo", quiet=True)
    >>> folder = export_run("runs/elbo", "exported")
    >>> sorted(path.name for path in folder.iterdir())
    ['README.md', 'config.json', 'history.jsonl', 'model.safetensors', 'samplers']
    >>> mmgen.load_run("exported").config["objective"]["name"]
    'elbo'
    """
    run = run if isinstance(run, Run) else load_run(run)
    source, to = run.folder, Path(to)
    if source is None:
        raise MmgenError("This run has no folder to export; train it with an output.")
    source.tensors(MODEL)  # tells what is wrong with the weights before anything is written
    if to.exists() and (not to.is_dir() or any(to.iterdir())):
        raise MmgenError(f"--to: {str(to)!r} is there already and not an empty folder; choose another name.")
    config, folders = without_paths(run.config)
    environment = _shareable(source.environment())
    card = CardContent(config, environment, run.results, run.history, folders, repository or to.name)
    with whole_folder(to) as folder:
        for name in (MODEL, LATENTS, HISTORY, RESULTS):
            if (source.path / name).exists():
                write_atomically(folder / name, partial(shutil.copyfile, source.path / name))
        write_text(folder / CARD, model_card(card))
        HubFolder(folder).write(config, environment)
    return to


def _shareable(environment: Mapping[str, Any]) -> dict[str, Any]:
    """Versions, components, and the data without local paths: what others may know of a run's environment."""
    shared = {key: environment[key] for key in ("versions", "components") if key in environment}
    return {**shared, "data": hidden(environment["data"])} if "data" in environment else shared


def push(path: Path | str, repository: str) -> str:
    """Upload a run, or a folder that :func:`export_run` made, to the Hugging Face Hub.

    A repository that is not there yet is made, and is private: who publishes decides that on its page. Only the files
    of the layout are uploaded, whatever else lies in the folder.

    Args:
        path: Folder of a run, or an exported one.
        repository: ``user/name``.

    Returns:
        The repository's address.

    Raises:
        MmgenError: A name that is not ``user/name``, no token, or what the Hub answered.

    >>> import mmgen
    >>> from mmgen_plugin_report import push
    >>> run = mmgen.train("elbo", "mfeat", latent_dim=2, epochs=1, output="runs/pushed", quiet=True)
    >>> push("runs/pushed", "user/elbo-on-mfeat")
    'https://huggingface.co/user/elbo-on-mfeat'
    """
    from huggingface_hub import get_token

    if not REPOSITORY.fullmatch(repository):
        raise MmgenError(f"--repo: {repository!r} is not the name of a repository; write it as user/name.")
    token = get_token()
    if not token:
        raise MmgenError(
            "Uploading needs a token of the Hugging Face Hub with the right to write: hf auth login, or the variable "
            "HF_TOKEN."
        )
    with tempfile.TemporaryDirectory() as temporary:
        folder = _exported(Path(path), Path(temporary) / repository.partition("/")[2], repository)
        HubFolder(folder).config()
        _upload(folder, repository, token)
    return f"https://huggingface.co/{repository}"


def _exported(path: Path, to: Path, repository: str) -> Path:
    """The folder itself where it is an exported one, otherwise an export of its run."""
    if not RunFolder(path).holds_a_run and (path / HUB_CONFIG).is_file():
        return path
    return export_run(path, to, repository)


def _upload(folder: Path, repository: str, token: str) -> None:
    from huggingface_hub import HfApi

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
        raise MmgenError(f"The upload to {repository!r} did not succeed: {first_line(error)}.") from error
