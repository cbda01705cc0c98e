"""Adam, without the two seconds that PyTorch's own takes to begin."""

from __future__ import annotations

import inspect
from typing import TypeVar

import torch

Optimizer = TypeVar("Optimizer", bound=torch.optim.Optimizer)


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


Adam = without_compiler(torch.optim.Adam)
AdamW = without_compiler(torch.optim.AdamW)
