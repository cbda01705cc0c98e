"""Arrays out of a pickle file, and nothing else.

No other object is made, and no other function runs, numpy's own included.
"""

from __future__ import annotations

import io
import pickle
import pickletools
import reprlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from mmgen import DataError
from mmgen.data import read_gzip

NUMPY = ("numpy.core", "numpy._core")  # before and since numpy 2
ARRAY = "ndarray"  # stands for the class itself, which a file could call in other ways


class _Refused(pickle.UnpicklingError):
    """The file names something that is no part of an array of numbers."""


class _Type:
    """Stands for a type of plain numbers; types of objects or with fields could bring more along."""

    def __init__(self, code: Any, align: Any = False, copy: Any = False) -> None:
        name = code.decode("latin1") if isinstance(code, bytes) else str(code)
        if name.lstrip("<>=|")[:1] not in ("f", "i", "u") or not name.lstrip("<>=|")[1:].isdigit():
            raise _Refused(f"arrays of type {reprlib.repr(name)}")
        self.dtype = np.dtype(name)

    def __setstate__(self, state: Any) -> None:
        """Of a type's state only the order of its bytes counts."""
        order: Any = state[1].decode("latin1") if isinstance(state[1], bytes) else state[1]
        if order in ("<", ">"):
            self.dtype = self.dtype.newbyteorder(order)


class _Array:
    """Stands for an array until everything is read."""

    values: np.ndarray = np.zeros(0)

    def __setstate__(self, state: Any) -> None:
        """Version, shape, type, whether columns come first, and the bytes (as text, where Python 2 wrote them)."""
        _, shape, kind, columns, content = state
        self.fill(
            content.encode("latin1") if isinstance(content, str) else content, kind, shape, "F" if columns else "C"
        )

    def fill(self, content: Any, kind: Any, shape: Any, order: Any = "C") -> _Array:
        """The numbers in ``content``."""
        if not isinstance(content, bytes | bytearray) or not isinstance(kind, _Type):
            raise _Refused("an array of something else than bytes")
        self.values = np.frombuffer(content, kind.dtype).reshape(shape, order=order)
        return self


def _empty(kind: Any, shape: Any, code: Any) -> _Array:
    """What numpy's pickles begin an array with; its content follows."""
    if kind != ARRAY:
        raise _Refused(f"an array of {reprlib.repr(kind)}")
    return _Array()


def _bytes(text: Any, encoding: Any = "latin1") -> bytes:
    """How Python 3 writes bytes in old protocols."""
    if not isinstance(text, str) or encoding not in ("latin1", "latin-1"):
        raise _Refused(f"a text in the encoding {encoding!r}")
    return text.encode("latin1")


ALLOWED: dict[tuple[str, str], Callable[..., Any] | str] = {
    ("numpy", "ndarray"): ARRAY,
    ("numpy", "dtype"): _Type,
    ("_codecs", "encode"): _bytes,
    **{(f"{package}.multiarray", "_reconstruct"): _empty for package in NUMPY},
    **{(f"{package}.numeric", "_frombuffer"): lambda *state: _Array().fill(*state) for package in NUMPY},
}


class _ArrayUnpickler(pickle.Unpickler):
    """Lists, tuples, numbers, texts and arrays of numbers."""

    def find_class(self, module: str, name: str) -> Any:
        """Only what :data:`ALLOWED` names."""
        try:
            return ALLOWED[module, name]
        except KeyError:
            raise _Refused(f"{module}.{name}") from None


def _finished(value: Any) -> Any:
    """Lists and tuples with arrays in the place of what stood for them."""
    if isinstance(value, list | tuple):
        return [_finished(item) for item in value]
    return value.values if isinstance(value, _Array) else value


def _check_places(content: bytes) -> None:
    """Refuse a place of what is kept for later that is far beyond what there is: memory would be made up to it."""
    for number, (code, argument, _) in enumerate(pickletools.genops(content)):
        if code.name in ("PUT", "BINPUT", "LONG_BINPUT") and not 0 <= int(argument or 0) <= number:
            raise pickle.UnpicklingError("a place beyond what there is")


def read_arrays(path: Path) -> Any:
    """What a gzipped pickle file holds, as long as it is made of sequences, numbers and arrays of numbers.

    Sequences come as lists. Files that Python 2 wrote are read as well.

    Raises:
        DataError: The file is damaged, or asks for anything else; nothing of it has run then.
    """
    content = read_gzip(path)
    try:
        _check_places(content)
        return _finished(_ArrayUnpickler(io.BytesIO(content), encoding="latin1").load())
    except _Refused as error:
        raise DataError(
            f"{path} asks for {error}, which is no array of numbers; it was not loaded, since a pickle file can run "
            "anything."
        ) from error
    except Exception as error:  # whatever half a pickle makes of itself
        raise DataError(f"{path} is truncated, damaged, or no gzipped pickle file; copy it again.") from error
