"""Which reader a file of one's own needs."""

from __future__ import annotations

from pathlib import Path

from ...errors import DataError, listed
from .array_file import ArrayFile
from .columns import DatasetColumns
from .csv_file import CsvColumns
from .dialect import Reading
from .formats import CONVERSIONS, FILE_ENDINGS, TEXT_ENDINGS
from .json_file import JsonColumns
from .missing_words import MissingWords
from .parquet_file import ParquetColumns
from .source import Source


def open_source(path: str, subset: str | None = None, settings: Reading | None = None) -> Source:
    """The table at a path, in a folder, or on the Hugging Face Hub."""
    settings = settings or Reading()
    source = _reader(path, subset, settings)
    source.missing = MissingWords.of(settings.missing)
    return source


def _reader(path: str, subset: str | None, settings: Reading) -> Source:
    place, ending = Path(path), Path(path).suffix.lower()
    is_file = place.is_absolute() and not place.is_dir()
    if is_file and not place.exists():
        raise DataError(f"There is no file or folder {place}.")
    if is_file and ending in CONVERSIONS:
        raise DataError(f"{place} is {CONVERSIONS[ending].replace('FILE', place.name)}.")
    if is_file and ending not in FILE_ENDINGS:
        endings = listed(FILE_ENDINGS)
        raise DataError(f"{place} does not end in one of {endings}, which can be read; save it as one of them.")
    if settings.text_options and (not is_file or ending not in TEXT_ENDINGS):
        option = next(iter(settings.text_options))
        raise DataError(f"dataset.{option}: {path} is not a text file ({listed(TEXT_ENDINGS)}); leave the option out.")
    if not is_file or ending == ".arrow":
        return DatasetColumns(path, subset)
    if ending in TEXT_ENDINGS:
        return CsvColumns(place, settings)
    if ending == ".parquet":
        return ParquetColumns(place)
    return JsonColumns(place) if ending in (".json", ".jsonl") else ArrayFile(place)
