"""An exponential moving average of a model's weights (Polyak and Juditsky 1992), kept in their place."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import Tensor
from torch.optim.swa_utils import get_ema_multi_avg_fn

from ..models import MultimodalVAE


class Average:
    """ā ← decay · ā + (1 − decay) · a after every optimiser step, of parameters and of floating-point buffers.

    The first step begins it with what that left, and integers are copied, as ``torch.optim.swa_utils.AveragedModel``
    does with such a mean.

    Attributes:
        values: By name, as in the model's state; empty before the first step.
    """

    def __init__(self, model: MultimodalVAE, decay: float, values: dict[str, Tensor] | None = None) -> None:
        self.model, self.decay = model, decay
        self.values = {} if values is None else {name: value.to(model.device) for name, value in values.items()}
        self._mix = get_ema_multi_avg_fn(decay)

    @torch.no_grad()
    def update(self) -> None:
        """After a step."""
        state = self.model.state_dict()
        if not self.values:
            self.values = {name: value.clone() for name, value in state.items()}
            return
        weights = [name for name, _ in self.model.named_parameters()]
        self._mix([self.values[name] for name in weights], [state[name] for name in weights], 0)
        for name in state.keys() - set(weights):
            old, new = self.values[name], state[name]
            if new.is_floating_point():  # of a constant −∞ the average is that
                new = torch.where(new == old, new, old.lerp(new, 1 - self.decay))
            old.copy_(new)

    def put(self) -> None:
        """Let the model be the average."""
        if self.values:
            self.model.load_state_dict(self.values)

    @contextmanager
    def in_place(self) -> Iterator[None]:
        """Within this context the model is the average."""
        weights = {name: value.clone() for name, value in self.model.state_dict().items()}
        self.put()
        try:
            yield
        finally:
            self.model.load_state_dict(weights)
