"""What reads a file of one's own: the interface of the components of the kind ``formats``."""

from __future__ import annotations

from abc import abstractmethod
from pathlib import Path
from typing import ClassVar, Self

from .dialect import Reading
from .source import Source


class FileSource(Source):
    """Named columns or arrays of one file (or of a folder that is a format of its own, such as Zarr).

    A format is declared in the entry-point group ``mmgen.formats`` under the ending of its files without the point, so
    that the reader of a file is found without importing any other. ``cells``, ``array`` and, where a faster way than
    cell by cell exists, ``_column`` or ``_block`` read what is asked for.

    Attributes:
        is_text: Whether the options ``separator``, ``decimal``, ``comment`` and ``encoding`` mean something for it.
    """

    is_text: ClassVar[bool] = False

    @classmethod
    @abstractmethod
    def open(cls, path: Path, reading: Reading) -> Self:
        """The file at a path, of which nothing big is read yet.

        Args:
            path: Of a file or folder that exists.
            reading: What the user says of how text files are written.

        Raises:
            DataError: What cannot be read, with the file's name and the reason.
        """

    @classmethod
    @abstractmethod
    def write_toy(cls, folder: Path) -> Path:
        """Write a small valid file of this format, with at least six rows and a numeric column or array, into a folder;
        its contract reads it.
        """
