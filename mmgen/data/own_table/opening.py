"""Which reader a file of one's own needs."""

from __future__ import annotations

from pathlib import Path

from ...errors import DataError, listed
from .array_file import ArrayFile
from .columns import DatasetColumns
from .config import FILE_ENDINGS, TEXT_ENDINGS
from .csv_file import CsvColumns
from .dialect import Reading
from .foreign import HOW
from .json_file import JsonColumns
from .parquet_file import ParquetColumns
from .source import Source
from .unknown import Unknown


def open_source(path: str, subset: str | None = None, said: Reading | None = None) -> Source:
    """The table at a path, in a folder, or on the Hugging Face Hub."""
    said = said or Reading()
    source = _reader(path, subset, said)
    source.unknown = Unknown.of(said.missing)
    return source


def _reader(path: str, subset: str | None, said: Reading) -> Source:
    place, ending = Path(path), Path(path).suffix.lower()
    is_file = place.is_absolute() and not place.is_dir()
    if is_file and not place.exists():
        raise DataError(f"There is no file or folder {place}.")
    if is_file and ending in HOW:
        raise DataError(f"{place} is {HOW[ending].replace('FILE', place.name)}.")
    if is_file and ending not in FILE_ENDINGS:
        endings = listed(FILE_ENDINGS)
        raise DataError(f"{place} does not end in one of {endings}, which can be read; save it as one of them.")
    if said.of_text and (not is_file or ending not in TEXT_ENDINGS):
        option = next(iter(said.of_text))
        raise DataError(f"dataset.{option}: {path} is not a text file ({listed(TEXT_ENDINGS)}); leave the option out.")
    if not is_file or ending == ".arrow":
        return DatasetColumns(path, subset)
    if ending in TEXT_ENDINGS:
        return CsvColumns(place, said)
    if ending == ".parquet":
        return ParquetColumns(place)
    return JsonColumns(place) if ending in (".json", ".jsonl") else ArrayFile(place)
