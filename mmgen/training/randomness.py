"""The state of the random numbers on all devices, to go on with it or to draw the same ones again."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor

PREFIX = "random/"


def random_state() -> dict[str, Tensor]:
    """Of every device that there is, by ``random/<device>``."""
    state = {f"{PREFIX}cpu": torch.get_rng_state()}
    if torch.cuda.is_available():
        state[f"{PREFIX}cuda"] = torch.cuda.get_rng_state()
    if torch.backends.mps.is_available():
        state[f"{PREFIX}mps"] = torch.mps.get_rng_state()
    return state


def restore_random_state(state: Mapping[str, Tensor]) -> None:
    """Go on with the random numbers where :func:`random_state` was called, on the devices that are here too."""
    torch.set_rng_state(state[f"{PREFIX}cpu"])
    if f"{PREFIX}cuda" in state and torch.cuda.is_available():
        torch.cuda.set_rng_state(state[f"{PREFIX}cuda"])
    if f"{PREFIX}mps" in state and torch.backends.mps.is_available():
        torch.mps.set_rng_state(state[f"{PREFIX}mps"])
