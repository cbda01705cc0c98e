"""Which reader a file of one's own needs: the format that is installed under its ending."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any, cast

from ...errors import DataError, PluginError, listed
from ...options import Options, validated
from ...registry import KNOWN, entries, load, load_entry, local_entries, not_installed
from .dialect import Reading
from .file_source import FileSource
from .formats import CONVERSIONS, TEXT_ENDINGS, file_endings
from .missing_words import MissingWords
from .pooled import PooledColumns
from .source import Source

OBJECTS = {"anndata": "mmgen-plugin-scverse", "mudata": "mmgen-plugin-scverse"}  # packages whose objects a plugin reads


def open_source(path: str, subset: str | None = None, settings: Reading | None = None) -> Source:
    """The table at a path, in a folder, or on the Hugging Face Hub."""
    settings = settings or Reading()
    source = _reader(path, subset, settings)
    source.missing = MissingWords.of(settings.missing)
    return source


def is_text_file(path: str) -> bool:
    """Whether options of text files have a meaning for the file at a path."""
    place = Path(path)
    return place.is_absolute() and has_format(place) and place.exists() and _format(place).is_text


def has_options(path: str) -> bool:
    """Whether the format of the file at a path has options."""
    place = Path(path)
    return place.is_absolute() and has_format(place) and place.exists() and _format(place).Config is not Options


def has_format(place: Path) -> bool:
    """Whether a file, or a folder that is one, is read by the format of its ending, and not by ``datasets``."""
    return not place.is_dir() or place.suffix.lower() in file_endings()


def describes_itself(place: Path) -> bool:
    """Whether a file says itself which modalities it has; of a missing format with a known plugin too, whose absence is
    said when the file is opened.
    """
    name = place.suffix.lower().removeprefix(".")
    if f".{name}" not in file_endings():
        return ("formats", name) in KNOWN
    return bool(load("formats", name).describes_itself)


def open_object(data: Any) -> Source:
    """The rows of an object in memory, by the format that knows it.

    Raises:
        MmgenError: None does.
    """
    for entry in (*entries("formats"), *local_entries("formats")):
        try:
            source = load_entry(entry).of_object(data)
        except PluginError:  # one that is broken, which mmgen plugins shows
            continue
        if source is not None:
            return cast(Source, source)
    package, kind = type(data).__module__.split(".")[0], type(data).__name__
    if package in OBJECTS:
        raise not_installed(f"An object of the type {kind} is read by", OBJECTS[package])
    raise DataError(
        f"An object of the type {kind} is given as data, and no installed format reads one; give a mapping of "
        "modalities to arrays or DataFrames, such as {'genes': frame}."
    )


def _reader(path: str, subset: str | None, settings: Reading) -> Source:
    place = Path(path)
    if not place.is_absolute() or not has_format(place):
        _check_text_options(path, settings, is_text=False)
        _format_options(place, Options, settings)
        return PooledColumns(path, subset)
    if not place.exists():
        raise DataError(f"There is no file or folder {place}.")
    if not (place.is_dir() or place.is_file()):
        raise DataError(f"{place} cannot be read: it is a device or a pipe, and no file.")
    kind = _format(place)
    _check_text_options(path, settings, kind.is_text)
    return kind.open(place, replace(settings, format=_format_options(place, kind.Config, settings)))


def _format(place: Path) -> type[FileSource]:
    ending, name, endings = place.suffix.lower(), place.suffix.lower().removeprefix("."), file_endings()
    if ending in endings:
        kind: type[FileSource] = load("formats", name)
        return kind
    if ("formats", name) in KNOWN:
        raise not_installed(f"{place} is read by", KNOWN["formats", name])
    if ending in CONVERSIONS:
        raise DataError(f"{place} is {CONVERSIONS[ending].replace('FILE', place.name)}.")
    raise DataError(f"{place} does not end in one of {listed(endings)}, which can be read; save it as one of them.")


def _format_options(place: Path, options: type[Options], settings: Reading) -> Options | None:
    """The options of a format, checked."""
    if settings.format is None:
        return None
    if options is Options:
        raise DataError(f"dataset.format: how {place.name} is read has no options; leave it out.")
    return validated(options, settings.format, "dataset.format")


def _check_text_options(path: str, settings: Reading, is_text: bool) -> None:
    if settings.text_options and not is_text:
        option = next(iter(settings.text_options))
        raise DataError(f"dataset.{option}: {path} is not a text file ({listed(TEXT_ENDINGS)}); leave the option out.")
