"""PyTorch's optimisers by name, without the two seconds that they take to begin."""

from __future__ import annotations

import inspect
from functools import cache
from typing import Any, TypeVar

import torch

Optimizer = TypeVar("Optimizer", bound=torch.optim.Optimizer)
REFUSED = {
    "LBFGS": "it asks for the loss several times in a step, and a step here has one",
    "SparseAdam": "it is for sparse gradients, and those of a model here are dense",
}
FOR_MATRICES = {"Muon": "AdamW"}  # optimisers of matrices alone, and the one that moves all else in the same step


def without_compiler(optimizer: type[Optimizer]) -> type[Optimizer]:
    """The same optimiser, whose first step does not import PyTorch's compiler.

    PyTorch wraps some methods of its optimisers so that a compiled graph stops before them, and imports the compiler
    for that, two seconds long, whether anything is compiled or not. Here models are compiled and optimisers are not:
    they step between graphs. So the wrappers are taken off.
    """
    methods = {
        name: inspect.unwrap(getattr(optimizer, name))
        for name in ("add_param_group", "load_state_dict", "state_dict", "zero_grad")
    }
    return type(optimizer.__name__, (optimizer,), {**methods, "step": torch.no_grad()(inspect.unwrap(optimizer.step))})


@cache
def optimizers() -> dict[str, type[torch.optim.Optimizer]]:
    """Every optimiser of ``torch.optim`` that a training can use, by name."""
    found = {
        name: value
        for name, value in vars(torch.optim).items()
        if inspect.isclass(value) and issubclass(value, torch.optim.Optimizer)
    }
    return {
        name: without_compiler(found[name])
        for name in sorted(found)
        if found[name] is not torch.optim.Optimizer and name not in REFUSED
    }


def quickest(name: str, device: torch.device) -> dict[str, Any]:
    """The arguments by which an optimiser steps in one kernel, where it has such on a device."""
    fused = "fused" in inspect.signature(getattr(torch.optim, name)).parameters
    return {"fused": True} if fused and (name != "Adagrad" or device.type == "cpu") else {}


Adam = without_compiler(torch.optim.Adam)
AdamW = without_compiler(torch.optim.AdamW)
