"""Checkpoints that resume a training bit for bit: one safetensors file each, no pickle."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import Any

import torch
from torch import Tensor, nn

from ..runs.folder import RunFolder

LAST, BEST = "checkpoints/last.safetensors", "checkpoints/best.safetensors"


@dataclass
class Progress:
    """Where a training is."""

    epoch: int = 0  # the epoch that is under way
    batch: int = 0  # how many of its batches are done
    step: int = 0  # optimiser steps in all
    best: float = float("inf")
    stale: int = 0  # validations since the best one
    stage: int = 0  # the stage that is under way
    stage_epoch: int = 0  # the epoch that it began with
    stage_step: int = 0  # the optimiser step that it began with
    finished: bool = False
    seconds: float = 0.0  # of training so far
    history: list[dict[str, Any]] = field(default_factory=list)


def pack_optimizer(optimizer: torch.optim.Optimizer) -> dict[str, Tensor]:
    """The state of an optimiser as named tensors; everything else about it follows from the configuration."""
    state = optimizer.state_dict()["state"]
    return {
        f"optimizer/{index}/{key}": torch.as_tensor(value)
        for index, values in state.items()
        for key, value in values.items()
    }


def unpack_optimizer(optimizer: torch.optim.Optimizer, tensors: dict[str, Tensor]) -> None:
    """Put the state back."""
    state: dict[int, dict[str, Tensor]] = {}
    for name, value in tensors.items():
        if name.startswith("optimizer/"):
            _, index, key = name.split("/")
            state.setdefault(int(index), {})[key] = value
    optimizer.load_state_dict({**optimizer.state_dict(), "state": state})


def save_checkpoint(
    folder: RunFolder,
    model: nn.Module,
    optimizer: torch.optim.Optimizer,
    progress: Progress,
    totals: Tensor | None = None,
    scaler: dict[str, Any] | None = None,
) -> None:
    """Write where a training is; within an epoch ``totals`` are its sums so far, and the state of the random numbers is
    kept too.
    """
    tensors = {f"model/{name}": value for name, value in model.state_dict().items()} | pack_optimizer(optimizer)
    if totals is not None:
        tensors["totals"] = totals
        tensors["random/cpu"] = torch.get_rng_state()
        if torch.cuda.is_available():
            tensors["random/cuda"] = torch.cuda.get_rng_state()
    folder.write_tensors(
        LAST, {name: value.cpu() for name, value in tensors.items()}, {**asdict(progress), "scaler": scaler}
    )


@dataclass(frozen=True)
class Checkpoint:
    """What the last checkpoint of a folder holds."""

    progress: Progress
    tensors: dict[str, Tensor]
    scaler: dict[str, Any] | None

    @classmethod
    def read(cls, folder: RunFolder) -> Checkpoint:
        """The checkpoint that :func:`save_checkpoint` wrote."""
        tensors, facts = folder.tensors(LAST)
        scaler = facts.pop("scaler", None)
        return cls(Progress(**facts), tensors, scaler)

    def restore(self, model: nn.Module, optimizer: torch.optim.Optimizer) -> dict[str, Tensor]:
        """Put model and optimiser (of the stage that was under way) back; what else was kept within an epoch."""
        model.load_state_dict(
            {name.removeprefix("model/"): value for name, value in self.tensors.items() if name.startswith("model/")}
        )
        unpack_optimizer(optimizer, self.tensors)
        return {name: self.tensors[name] for name in ("totals", "random/cpu", "random/cuda") if name in self.tensors}


def restore_random_state(state: dict[str, Tensor]) -> None:
    """Go on with the random numbers where the checkpoint was written."""
    torch.set_rng_state(state["random/cpu"])
    if "random/cuda" in state and torch.cuda.is_available():
        torch.cuda.set_rng_state(state["random/cuda"])
