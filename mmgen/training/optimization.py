"""What moves the parameters in a step: optimisers, their groups and rates, and sides that learn in turn."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from itertools import chain
from typing import Any

import torch
from torch import Tensor, nn

from ..data import Batch
from ..models import MultimodalVAE
from ..optimizers import FOR_MATRICES, optimizers, quickest
from ..runs import TrainingConfig
from .clipping import UsualNorm
from .stages import Stages

Names = Mapping[str, nn.Parameter]


class Side:
    """The parameters that one loss is minimised over, and the optimisers that move them, all in one step.

    There is one optimiser, or two where that which was chosen is for matrices alone: the other one then moves whatever
    else there is.

    Attributes:
        parameters: By name; fixed while the other side learns.
        optimizers: None where there are no parameters.
        usual_norm: Of their gradients, where those are cut to a threshold that finds itself.
    """

    def __init__(self, config: TrainingConfig, stages: Stages, parameters: Names, device: torch.device) -> None:
        self.config, self.stages, self.parameters = config, stages, parameters
        name, options = config.optimizer.name, config.optimizer.options
        shares: list[tuple[str, dict[str, Any], Names]] = [(name, options, parameters)]
        if rest := FOR_MATRICES.get(name):
            matrices = {called: p for called, p in parameters.items() if p.dim() == 2}
            others = {called: p for called, p in parameters.items() if p.dim() != 2}
            decay = {"weight_decay": options["weight_decay"]}
            shares = [(name, options, matrices), (rest, decay, others)]
        self.usual_norm = UsualNorm(device) if config.gradient_clip == "auto" else None
        self.rates: list[list[float | None]] = []  # of every group of every optimiser: its own, if it has one
        self.optimizers: list[torch.optim.Optimizer] = []
        for kind, defaults, share in shares:
            if share:
                groups, rates = self._groups(share, defaults)
                made = optimizers()[kind](  # type: ignore[call-arg]
                    groups, lr=config.learning_rate, **defaults, **quickest(kind, device)
                )
                self.optimizers.append(made)
                self.rates.append(rates)

    def _groups(self, share: Names, defaults: Mapping[str, Any]) -> tuple[list[dict[str, Any]], list[float | None]]:
        """The groups of the parameters of one optimiser, those without one of their own first; their own rates."""
        numbers = {name: self.stages.group(name) for name in share}
        groups: list[dict[str, Any]] = []
        rates: list[float | None] = []
        for number in (None, *range(len(self.config.groups))):
            params = [parameter for name, parameter in share.items() if numbers[name] == number]
            if params and number is None:
                groups.append({"params": params})
                rates.append(None)
            elif params and number is not None:
                group = self.config.groups[number]
                groups.append({"params": params, **{k: v for k, v in group.options.items() if k in defaults}})
                rates.append(group.learning_rate)
        return groups, rates

    def set_rates(self, rate: Callable[[float | None], float]) -> None:
        """Set the learning rate of every group to what ``rate`` says, given the group's own, if it has one."""
        for optimizer, rates in zip(self.optimizers, self.rates, strict=True):
            for group, own in zip(optimizer.param_groups, rates, strict=True):
                group["lr"] = rate(own)

    def update(self, scaler: torch.amp.GradScaler | None) -> None:
        """One step of the optimisers; Accelerate's own wrapper of them looks for a package in all of ``sys.path`` twice
        a step.
        """
        clip = self.config.gradient_clip
        if clip is not None:
            if scaler is not None:
                for optimizer in self.optimizers:
                    scaler.unscale_(optimizer)
            if clip != "auto":
                nn.utils.clip_grad_norm_(self.parameters.values(), clip)
            elif self.usual_norm is not None:
                self.usual_norm.cut(self.parameters.values())
        for optimizer in self.optimizers:
            if scaler is None:
                optimizer.step()
            else:
                scaler.step(optimizer)
        if scaler is not None:
            scaler.update()
        for optimizer in self.optimizers:
            optimizer.zero_grad()

    @contextmanager
    def fixed(self) -> Iterator[None]:
        """Within this context nothing of it learns."""
        for parameter in self.parameters.values():
            parameter.requires_grad_(False)
        try:
            yield
        finally:
            for parameter in self.parameters.values():
                parameter.requires_grad_(True)


class AdversaryView(nn.Module):
    """The adversary's terms of a batch, as a module that has nothing but the adversary's parameters."""

    def __init__(self, model: MultimodalVAE) -> None:
        super().__init__()
        self.adversary = model.adversary
        self._model = (model,)  # no submodule

    def forward(self, batch: Batch) -> Tensor:
        """``[B]``."""
        return self._model[0].adversary_terms(batch)


def all_optimizers(*sides: Side | None) -> list[torch.optim.Optimizer]:
    """The optimisers of all sides, in order."""
    return list(chain.from_iterable(side.optimizers for side in sides if side is not None))
