"""The data of a run, opened again: found where they are now, and read as the run reads them."""

from __future__ import annotations

import os
from collections.abc import Mapping
from contextlib import nullcontext
from pathlib import Path, PurePath
from typing import TYPE_CHECKING, Any

from ..data import Data, Dataset, Schema, Sides, make_dataset, open_dataset
from ..data.describing import parse_modalities
from ..errors import MmgenError
from ..files import real_path
from ..network import without_network
from ..options import merge
from ..registry import load
from .folder import RunFolder
from .other_rows import file_of_rows, holds_rows, other_rows
from .reading import damaged

if TYPE_CHECKING:
    from .other_rows import OtherRows

SIDES_OF_ROWS = "rows.safetensors"


def sides_of(data: Data) -> Sides | None:
    """Which row is on which side, as keys; None where the dataset does not tell its rows apart."""
    return Sides.of([data.split(side).identity for side in ("train", "val", "test")])


def write_sides(folder: RunFolder, data: Data) -> None:
    """Keep :func:`sides_of` data."""
    sides = sides_of(data)
    if sides is not None:
        folder.write_tensors(SIDES_OF_ROWS, sides.tensors())


def read_sides(folder: RunFolder | None) -> Sides | None:
    """What :func:`write_sides` kept; None where it kept nothing."""
    if folder is None or not (folder.path / SIDES_OF_ROWS).exists():
        return None
    with damaged(folder.path / SIDES_OF_ROWS):
        return Sides(**folder.tensors(SIDES_OF_ROWS)[0])


def open_data(
    config: Mapping[str, Any], folder: RunFolder | None, changes: OtherRows | Dataset, known: Data | None = None
) -> Data:
    """The data of a run, or others that are read by its schema.

    Args:
        config: Of the run.
        folder: Of the run; None for one in memory.
        changes: Options of the dataset that are different now, such as where its files are; or a dataset, as it is; or
            other rows, of which :func:`.other_rows` knows the kinds.
        known: The data that it was trained on, where they are at hand.

    Raises:
        MmgenError: Files that are not there, or that the run cannot read.
    """
    environment = folder.environment() if folder is not None else {}
    name = config["dataset"]["name"]
    labels = {label: tuple(classes) for label, classes in config.get("labels", {}).items()}
    covariates = {name: tuple(classes) for name, classes in config.get("covariates", {}).items()}
    sides = read_sides(folder) if known is None else sides_of(known)
    schema = Schema(parse_modalities(config["modalities"]), labels, sides, covariates)
    section = config["dataset"]
    if isinstance(changes, Dataset):
        dataset = changes
    elif holds_rows(changes):
        dataset, schema = other_rows(changes, section, schema)
    elif (read := file_of_rows(changes, section, schema)) is not None:
        dataset, schema = read
    else:
        dataset = _made_again(section, folder, changes)
    fingerprint = environment.get("data", {}).get("fingerprint", "") if known is None else known.fingerprint
    said = isinstance(changes, Dataset) or (isinstance(changes, Mapping) and "path" in changes)
    with nullcontext() if said else without_network():
        return open_dataset(name, dataset, schema=schema, fingerprint=fingerprint)


def _made_again(section: Mapping[str, Any], folder: RunFolder | None, changes: Mapping[str, Any]) -> Dataset:
    """The dataset of a run from its options."""
    options = merge(fetching_nothing(located(section, folder)), changes)
    name = options.pop("name")
    if load("datasets", name).__init__ is not Dataset.__init__:
        raise MmgenError(
            f"The dataset {name!r} of this run is made from more than its options; give it: load_run(RUN, dataset=…)."
        )
    dataset = make_dataset(name, options)
    check_files(dataset, name, changes)
    return dataset


def fetching_nothing(section: Mapping[str, Any]) -> dict[str, Any]:
    """A run's options of its dataset, without its word that something is fetched: only whoever opens it may say so."""
    return {**section, "download": False} if section.get("download") else dict(section)


def check_same_data(folder: RunFolder, data: Data) -> None:
    """Refuse to go on with a run on other data than it began with.

    Raises:
        MmgenError: Data of another fingerprint than the run in the folder.
    """
    began = folder.environment().get("data", {}) if folder.holds_a_run else {}
    if began.get("fingerprint", data.fingerprint) != data.fingerprint:
        rows, now = began.get("rows", {}), {side: len(data.split(side)) for side in ("train", "val", "test")}
        were = f"{sum(rows.values())} rows, {rows.get('train', 0)} of them for training"
        raise MmgenError(
            f"--resume: the data are not those that the run in {str(folder.path)!r} began with ({were}; now "
            f"{sum(now.values())} and {now['train']}); put the old ones back, or choose another --output."
        )


def located(section: Mapping[str, Any], folder: RunFolder | None) -> dict[str, Any]:
    """A run's options of its dataset, with files where they are now if they were moved together with the run.

    An absolute path that is gone is looked for at the same place relative to the run's folder.
    """
    before = folder.environment().get("folder") if folder is not None else None
    if folder is None or not before:
        return dict(section)

    def moved(value: Any) -> Any:
        if isinstance(value, Mapping):
            return {key: moved(each) for key, each in value.items()}
        if isinstance(value, list | tuple):
            return [moved(each) for each in value]
        if not isinstance(value, str) or not Path(value).is_absolute() or Path(value).exists():
            return value
        candidate = Path(os.path.normpath(real_path(folder.path) / os.path.relpath(value, before)))
        return str(candidate) if candidate.exists() else value

    return {key: moved(value) for key, value in section.items()}


def check_files(dataset: Dataset, name: str, changes: Mapping[str, Any]) -> None:
    """Refuse to open a run's data that are gone, with the way to say where they are; and others that ``changes`` name
    and that are nowhere.
    """
    places, changed = _places(dataset.config.model_dump()), set(_places(changes).values())
    for place, option in places.items():
        if PurePath(place).is_absolute() and not Path(place).exists():
            if option in changed:
                raise MmgenError(f"There is no file or folder {place!r} (dataset.{option}).")
            remedy = (
                f"--data PLACE on the command line, or load_run(RUN, dataset={{{option!r}: PLACE}})"
                if len(places) == 1
                else "--data with a folder that has files of these names or a YAML file that names them, or --set "
                f"dataset.{option}=FILE for one alone"
            )
            raise MmgenError(
                f"The data of this run were at {place!r} (dataset.{option}), and nothing is there now; say where they "
                f"are: {remedy}."
            )


def _places(options: Mapping[str, Any], above: str = "") -> dict[str, str]:
    """The files and folders that options name, those of modalities too, with the names of these options."""
    found: dict[str, str] = {}
    for name, value in options.items():
        if name in ("path", "root"):
            places = value if isinstance(value, list | tuple) else [value]
            found |= {str(place): f"{above}{name}" for place in places if isinstance(place, str | Path)}
        elif isinstance(value, Mapping):
            found |= _places(value, f"{above}{name}.")
    return found
