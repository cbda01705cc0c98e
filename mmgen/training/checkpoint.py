"""Checkpoints that resume a training bit for bit: one safetensors file each, no pickle."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from ..runs.folder import RunFolder
from ..runs.reading import damaged
from .randomness import PREFIX as RANDOM
from .randomness import random_state

LAST = "checkpoints/last.safetensors"
MODEL, BEST, AVERAGE = "model/", "best/", "average/"  # begin the names of their tensors
OPTIMIZERS, NORMS = "optimizers/", "norms/"


@dataclass
class Progress:
    """Where a training is."""

    epoch: int = 0  # the epoch that is under way
    batch: int = 0  # how many of its batches are done
    step: int = 0  # optimiser steps in all
    best: float = float("inf")
    best_epoch: int = 0  # after which it was validated
    stale: int = 0  # validations since the best one
    stage: int = 0  # the stage that is under way
    stage_epoch: int = 0  # the epoch that it began with
    stage_step: int = 0  # the optimiser step that it began with
    finished: bool = False
    seconds: float = 0.0  # of training so far
    history: int = 0  # bytes of the history so far


def pack_optimizers(optimizers: Sequence[torch.optim.Optimizer]) -> tuple[dict[str, Tensor], dict[str, Any]]:
    """The state of optimisers: tensors by name, ``optimizers/<optimiser>/<parameter>/<key>``, and what else is to know.

    That is what is no tensor, such as a momentum that has not begun (``others``), and which tensors stay on the CPU
    where their parameter does not, as counts of steps do (``on_cpu``). Everything else about an optimiser follows from
    the configuration.
    """
    tensors: dict[str, Tensor] = {}
    others: dict[str, Any] = {}
    on_cpu = []
    for number, optimizer in enumerate(optimizers):
        for index, parameter in enumerate(_parameters(optimizer)):
            for key, value in optimizer.state.get(parameter, {}).items():
                name = f"{OPTIMIZERS}{number}/{index}/{key}"
                if not isinstance(value, Tensor):
                    others[name] = value
                    continue
                tensors[name] = value
                if value.device != parameter.device:
                    on_cpu.append(name)
    return tensors, {"others": others, "on_cpu": on_cpu}


def unpack_optimizers(
    optimizers: Sequence[torch.optim.Optimizer], tensors: Mapping[str, Tensor], facts: Mapping[str, Any]
) -> None:
    """Put the state back, every number as it was written: PyTorch's own way casts it to the type of its parameter."""
    for optimizer in optimizers:
        optimizer.state.clear()
    fixed = {**facts["others"], **{name: tensors[name] for name in facts["on_cpu"]}}
    parameters = [_parameters(optimizer) for optimizer in optimizers]
    for name, value in {**tensors, **fixed}.items():
        if name.startswith(OPTIMIZERS):
            number, index, key = name.removeprefix(OPTIMIZERS).split("/")
            parameter = parameters[int(number)][int(index)]
            moved = value if name in fixed else value.to(parameter.device)
            optimizers[int(number)].state.setdefault(parameter, {})[key] = moved


def _parameters(optimizer: torch.optim.Optimizer) -> list[Tensor]:
    return [parameter for group in optimizer.param_groups for parameter in group["params"]]


def save_checkpoint(
    folder: RunFolder,
    model: nn.Module,
    optimizers: Sequence[torch.optim.Optimizer],
    progress: Progress,
    totals: Tensor | None = None,
    scaler: dict[str, Any] | None = None,
    average: Mapping[str, Tensor] | None = None,
    best: Mapping[str, Tensor] | None = None,
    norms: Mapping[str, Tensor] | None = None,
) -> None:
    """Write where a training is; within an epoch ``totals`` are its sums so far, and the state of the random numbers is
    kept too. ``best`` is the model with the smallest validation loss so far, ``norms`` say how large gradients are.
    """
    tensors, facts = pack_optimizers(optimizers)
    tensors |= {f"{MODEL}{name}": value for name, value in model.state_dict().items()}
    tensors |= {f"{AVERAGE}{name}": value for name, value in (average or {}).items()}
    tensors |= {f"{BEST}{name}": value for name, value in (best or {}).items()}
    tensors |= {f"{NORMS}{name}": value for name, value in (norms or {}).items()}
    if totals is not None:
        tensors |= {"totals": totals, **random_state()}
    folder.write_tensors(
        LAST,
        {name: value.cpu() for name, value in tensors.items()},
        {**asdict(progress), "scaler": scaler, "optimizers": facts},
    )


@dataclass(frozen=True)
class Checkpoint:
    """What the last checkpoint of a folder holds."""

    progress: Progress
    tensors: dict[str, Tensor]
    scaler: dict[str, Any] | None
    optimizers: dict[str, Any]  # what is to know of their state beside the tensors

    @classmethod
    def read(cls, folder: RunFolder) -> Checkpoint:
        """The checkpoint that :func:`save_checkpoint` wrote."""
        tensors, facts = folder.tensors(LAST)
        with damaged(folder.path / LAST):
            if not isinstance(facts.get("optimizers"), dict):
                raise ValueError("it does not say how far a training has come")
            scaler, optimizers = facts.pop("scaler", None), facts.pop("optimizers")
            return cls(Progress(**facts), tensors, scaler, optimizers)

    def restore(self, model: nn.Module, optimizers: Sequence[torch.optim.Optimizer]) -> dict[str, Tensor]:
        """Put model and optimisers (of the stage that was under way) back; what else was kept within an epoch."""
        with damaged(Path(LAST)):
            model.load_state_dict(self.part(MODEL))
            unpack_optimizers(optimizers, self.tensors, self.optimizers)
        return {name: value for name, value in self.tensors.items() if name.startswith(("totals", RANDOM))}

    def part(self, prefix: str) -> dict[str, Tensor]:
        """The tensors whose names begin so, without that."""
        return {name.removeprefix(prefix): value for name, value in self.tensors.items() if name.startswith(prefix)}
