"""Stops a training whose loss is not a number any more, and says which term it was."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence

import torch
from torch import Tensor, nn
from torch.optim import Optimizer

from ..errors import NonFiniteError

REMEDY = (
    "The last good checkpoint is kept. Try a smaller training.learning_rate, training.gradient_clip=1, or a wider "
    "training.precision, and look for extreme values in the data."
)
SHOWN = 5  # rows, at most, that a sentence names


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
            said = _terms(dict(zip(self.names, self.bad.logical_not().tolist(), strict=True)))
            raise NonFiniteError(f"Training stopped at step {int(self.step)}: {said}. {REMEDY}")


def check_validation(means: Mapping[str, float], rows: Sequence[int], epoch: int) -> None:
    """Stop a training where a term of the validation rows is not finite.

    Args:
        means: Of each term.
        rows: The numbers of the rows that it comes from, where they are known.
        epoch: After which they were looked at.

    Raises:
        NonFiniteError: Names term, modality and rows.
    """
    if all(map(math.isfinite, means.values())):
        return
    said = _terms({name: math.isfinite(value) for name, value in means.items()})
    more = ", …" if len(rows) > SHOWN else ""
    which = f" (of row{'s' * (len(rows) > 1)} {', '.join(map(str, rows[:SHOWN]))}{more} of the data)" if rows else ""
    raise NonFiniteError(f"Training stopped at the validation after epoch {epoch}: {said}{which}. {REMEDY}")


def check_state(model: nn.Module, optimizers: Iterable[Optimizer], step: int) -> None:
    """Refuse weights that are not finite, and moments of an optimiser, with which weights learn no more.

    Raises:
        NonFiniteError: Names the first of them.
    """
    names = dict[Tensor, str]()
    for name, value in model.named_parameters():
        names[value] = name
        _check(value, f"the weights {name!r} are", step)
    for optimizer in optimizers:
        for parameter, state in optimizer.state.items():
            for value in state.values():
                if isinstance(value, Tensor):
                    _check(value, f"the moments of the gradients of {names.get(parameter, 'the weights')!r} are", step)


def _check(value: Tensor, what: str, step: int) -> None:
    if not bool(value.isfinite().all()):
        raise NonFiniteError(f"Training stopped after step {step}: {what} not finite. {REMEDY}")


def _terms(finite: Mapping[str, bool]) -> str:
    """Which terms are not finite, without the loss where there are others."""
    named = [name for name, good in finite.items() if not good]
    words = [_in_words(name) for name in [name for name in named if name != "loss"] or named]
    many = len(words) > 1
    return f"{' and '.join(words)} {'are not finite numbers' if many else 'is not a finite number'}"


def _in_words(name: str) -> str:
    term, _, modality = name.partition(".")
    return f"the {term.replace('_', '-')} of the modality {modality!r}" if modality else f"the {term}"
