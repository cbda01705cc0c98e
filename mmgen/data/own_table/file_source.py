"""What reads a file of one's own: the interface of the components of the kind ``formats``."""

from __future__ import annotations

from abc import abstractmethod
from pathlib import Path
from typing import Any, ClassVar, Self

from ...options import Options
from .dialect import Reading
from .source import Source


class FileSource(Source):
    """Named columns or arrays of one file (or of a folder that is a format of its own, such as Zarr).

    A format is declared in the entry-point group ``mmgen.formats`` under the ending of its files without the point, so
    that the reader of a file is found without importing any other. ``cells``, ``array`` and, where a faster way than
    cell by cell exists, ``_column`` or ``_block`` read what is asked for.

    Attributes:
        Config: What the option ``format`` may say of a file: pydantic options; those of most formats are none.
        is_text: Whether the options ``separator``, ``decimal``, ``comment`` and ``encoding`` mean something for it.
        describes_itself: Whether its files say which modalities they have (``described``), so that options need not.
        writes: What of a run is written in this format: ``latents`` (``mmgen encode --out``) and ``imputed`` values
            (``mmgen impute --out``).
    """

    Config: ClassVar[type[Options]] = Options
    is_text: ClassVar[bool] = False
    describes_itself: ClassVar[bool] = False
    writes: ClassVar[tuple[str, ...]] = ()

    @classmethod
    @abstractmethod
    def open(cls, path: Path, reading: Reading) -> Self:
        """The file at a path, of which nothing big is read yet.

        Args:
            path: Of a file or folder that exists.
            reading: What the user says of how text files are written; ``reading.format`` is an instance of ``Config``,
                or None where nothing was said.

        Raises:
            DataError: What cannot be read, with the file's name and the reason.
        """

    @classmethod
    @abstractmethod
    def write_toy(cls, folder: Path) -> Path:
        """Write a small valid file of this format, with at least six rows and a numeric column or array, into a folder;
        its contract reads it.
        """

    @classmethod
    def of_object(cls, data: Any) -> Source | None:
        """The rows of an object in memory, where this format is one of such objects; None of any other."""
        return None

    @classmethod
    def write_latents(cls, path: Path, run: Any, encoding: Any) -> None:
        """Write the latents of a run's rows into a new file.

        Args:
            path: Of the file.
            run: The :class:`mmgen.Run`, whose data may have a source of this format, which is then carried.
            encoding: What ``run.encoding`` gave.
        """
        raise NotImplementedError(f"{cls.__name__} writes no latents")

    @classmethod
    def write_imputed(cls, path: Path, run: Any, imputation: Any) -> None:
        """Write the completed rows of a run into a new file; ``imputation`` is what ``run.imputation`` gave."""
        raise NotImplementedError(f"{cls.__name__} writes no imputed values")
