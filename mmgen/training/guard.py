"""Stops a training whose loss is not a number any more, and says which term it was."""

from __future__ import annotations

import torch
from torch import Tensor

from ..errors import NonFiniteError


class FiniteGuard:
    """Remembers on the device the first step at which a term was not finite, and looks at it now and then.

    On a CPU it looks at every step; on a GPU every ``every`` steps and at the end of an epoch, since looking waits for
    the device.
    """

    def __init__(self, names: list[str], device: torch.device, every: int = 25) -> None:
        self.names = names
        self.every = 1 if device.type == "cpu" else every
        self.bad = torch.zeros(len(names), dtype=torch.bool, device=device)
        self.step = torch.full((), -1, dtype=torch.int64, device=device)
        self.seen = 0

    def watch(self, values: Tensor, step: int) -> None:
        """Take note of the terms ``[T]`` of a step."""
        wrong = ~values.isfinite()
        first = wrong.any() & (self.step < 0)
        self.bad = torch.where(first, wrong, self.bad)
        self.step = torch.where(first, torch.full_like(self.step, step), self.step)
        self.seen += 1
        if self.seen % self.every == 0:
            self.check()

    def check(self) -> None:
        """Raise if a step was not finite."""
        if int(self.step) >= 0:
            named = [name for name, bad in zip(self.names, self.bad.tolist(), strict=True) if bad]
            terms = [name for name in named if name != "loss"] or named
            said = " and ".join(_in_words(name) for name in terms)
            raise NonFiniteError(
                f"Training stopped at step {int(self.step)}: {said} is not a finite number. The last good checkpoint "
                "is kept. Try a smaller training.learning_rate, training.gradient_clip=1, or a wider "
                "training.precision, and look for extreme values in the data."
            )


def _in_words(name: str) -> str:
    term, _, modality = name.partition(".")
    return f"the {term.replace('_', '-')} of the modality {modality!r}" if modality else f"the {term}"
