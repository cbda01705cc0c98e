"""The one place where torchvision is imported: lazily, and beside a torch that it was not compiled for as well.

torchvision is no dependency of the core (extra ``images`` of mmgen-plugin-vision, whose door this is); it is here
because torchmetrics imports torchvision wherever that is installed. Its wheels on PyPI are compiled for the CUDA build
of torch. Beside the CPU build their library of operators does not load, and ``import torchvision`` dies while it
registers shapes for two of them: «operator torchvision::nms does not exist». Datasets, transforms and models need
neither. Declaring the two operators, without an implementation, lets the import finish; calling them is then an error
of torch.
"""

from __future__ import annotations

from functools import cache
from importlib import import_module
from types import ModuleType

import torch

from .errors import MmgenError

_SIGNATURE = "(Tensor dets, Tensor scores, float iou_threshold) -> Tensor"
_DECLARED: list[torch.library.Library] = []  # declarations last as long as their object


@cache
def torchvision() -> ModuleType:
    """The package torchvision, imported at the first call, with ``datasets``, ``models`` and ``transforms``.

    Raises:
        MmgenError: It is not installed, or does not go together with the installed torch.
    """
    try:
        try:
            return import_module("torchvision")
        except RuntimeError as error:
            if "torchvision::" not in str(error):
                raise
            _declare_operators()  # only now: where the compiled operators load, they declare themselves
            return import_module("torchvision")
    except ModuleNotFoundError as error:
        if error.name != "torchvision":
            raise _broken(error) from error
        raise MmgenError(
            "This needs the package torchvision, which is not installed: pip install torchvision."
        ) from error
    except (ImportError, RuntimeError, OSError, AttributeError) as error:
        raise _broken(error) from error


def _declare_operators() -> None:
    """Names and signatures of the two operators whose absence stops the import."""
    if _DECLARED:
        return
    library = torch.library.Library("torchvision", "FRAGMENT")
    for name in ("nms", "qnms"):
        library.define(name + _SIGNATURE)
    _DECLARED.append(library)


def _broken(error: Exception) -> MmgenError:
    reason = (str(error).splitlines() or [type(error).__name__])[0].rstrip(".")
    return MmgenError(
        f"The installed torchvision cannot be imported beside torch {torch.__version__} ({reason}); install the one "
        "of the same release."
    )
