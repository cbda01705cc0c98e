"""The model of a run, built again: never larger than what is stored of it, whatever its configuration says."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode

from ..errors import MmgenError, PluginError, ended, first_line
from ..models import MultimodalVAE
from .folder import CONFIG, MODEL, RunFolder

ROOM = 2**24  # numbers that a model may make beside its weights, such as masks of subsets
CALLS = 5_000  # operations beside those that its weights need


class _LargerError(Exception):
    """A model that needs more than is stored."""


class Within(TorchDispatchMode):
    """Lets tensors be made of as many numbers as stored weights have, and some room; more is refused before there is
    memory for it.
    """

    def __init__(self, weights: Mapping[str, Tensor]) -> None:
        super().__init__()
        self.numbers = ROOM + 8 * sum(each.numel() for each in weights.values())
        self.calls = CALLS + 500 * len(weights)

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        """Any operation of PyTorch."""
        self.calls -= 1
        self.numbers -= _made(dict(zip((argument.name for argument in func._schema.arguments), args)))
        if min(self.numbers, self.calls) < 0:
            raise _LargerError("it describes a model that is larger than the stored weights")
        return func(*args, **(kwargs or {}))


def _made(arguments: Mapping[str, Any]) -> int:
    """How many numbers an operation makes of none, by its arguments, as in ``empty(size)``, ``eye(n, m)``,
    ``arange(end)``.
    """
    if "self" in arguments:
        return 0
    if "size" in arguments:
        return math.prod(arguments["size"])
    if "n" in arguments:
        return int(arguments["n"]) * int(arguments.get("m", arguments["n"]))
    return int(next((arguments[name] for name in ("steps", "end") if name in arguments), 0))


def rebuilt(folder: RunFolder, config: Mapping[str, Any]) -> MultimodalVAE:
    """The trained model of a run, from its configuration and its stored weights.

    Raises:
        MmgenError: A component or an option that there is not, a damaged file, or weights of another model.
    """
    weights, _ = folder.tensors(MODEL)
    where = f"The {CONFIG} of the run in {str(folder.path)!r}"
    try:
        with Within(weights):
            model = MultimodalVAE.rebuild(config)
    except PluginError:
        raise
    except Exception as error:  # also whatever components make of options that no training wrote
        raise MmgenError(ended(f"{where} does not describe its model: {first_line(error)[:500]}")) from error
    try:
        model.load_state_dict(weights)
    except RuntimeError as error:
        raise MmgenError(
            f"{where} describes another model than its {MODEL} holds: {_difference(model.state_dict(), weights)}."
        ) from error
    return model.eval()


def _difference(own: Mapping[str, Tensor], stored: Mapping[str, Tensor]) -> str:
    """The first tensor that is not the same in both."""
    for name in {**own, **stored}:
        if name not in stored or name not in own:
            return f"{name!r} is {'not stored' if name in own else 'none of its tensors'}"
        if own[name].shape != stored[name].shape:
            return f"{name!r} is stored as {list(stored[name].shape)}, and should be {list(own[name].shape)}"
    return "its tensors do not fit"
