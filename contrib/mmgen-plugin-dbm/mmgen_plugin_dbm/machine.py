"""The deep machine that the layers make: two paths under a joint layer, and mean-field inference in it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, NamedTuple

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from .rbm import RBM

Clamp = Literal["path", "input"]


class State(NamedTuple):
    """Of one path: visible values ``[..., B, V]`` and the probabilities of its two hidden layers."""

    visible: Tensor
    first: Tensor
    second: Tensor


@dataclass(frozen=True)
class Path:
    """Values of one modality, and two hidden layers between them and the joint layer.

    Attributes:
        lower: Machine of the values and the first layer.
        upper: Machine of the first and the second layer.
        joint: Machine of all second layers and the joint one.
        place: Which of its visible units are this path's.
    """

    lower: RBM
    upper: RBM
    joint: RBM
    place: slice

    def from_joint(self, z: Float[Tensor, "*any D"]) -> Float[Tensor, "*any H"]:
        """What the second layer gets from the joint one."""
        return self.joint.visible_bias[self.place] + z @ self.joint.weight[self.place].T

    def bottom_up(self, visible: Float[Tensor, "*any V"]) -> State:
        """The hidden layers where nothing above them is known: doubled inputs stand for what is missing."""
        first = self.lower.hidden(visible)
        return State(visible, first, self.upper.hidden(first))

    def top_down(self, z: Float[Tensor, "*any D"]) -> State:
        """The whole path where nothing below it is known: doubled inputs again."""
        second = (self.joint.down * self.from_joint(z)).sigmoid()
        first = self.upper.visible(second)
        return State(self.lower.visible(first), first, second)

    def sweep(self, state: State, z: Float[Tensor, "*any D"]) -> State:
        """One mean-field update of each layer, from the top to the bottom: σ of what it gets from both sides, without
        doubling.
        """
        second = (self.upper.to_hidden(state.first) + self.from_joint(z)).sigmoid()
        first = (self.lower.to_hidden(state.visible) + self.upper.to_visible(second)).sigmoid()
        return State(self.lower.visible(first), first, second)


@dataclass(frozen=True)
class Machine:
    """The joint layer, and the paths below it.

    The energy of values v, layers h¹ and h² of each path, and joint layer z (Srivastava and Salakhutdinov 2012, section
    3):

        E = Σ_paths [E(v) − (a¹ + W¹ᵀv)ᵀh¹ − b²ᵀh¹ − h¹ᵀW²h² − a²ᵀh² − bᶻᵀh² − h²ᵀWᶻz] − aᶻᵀz

    where E(v) is ½‖v − b¹‖² or −b¹ᵀv, and a¹ is multiplied by the number of words.
    """

    joint: RBM
    paths: tuple[Path, ...]

    def infer(
        self, values: Sequence[Tensor], given: Sequence[Bool[Tensor, "*lead B"]], sweeps: int, clamp: Clamp
    ) -> tuple[Float[Tensor, "*lead B D"], list[State]]:
        """Mean-field inference of everything that is not given.

        It begins with a bottom-up pass of what is given, the joint layer of that alone, and a top-down pass of the
        rest. A sweep updates paths, then the joint layer.

        Args:
            values: For each path, ``[B, V]``.
            given: For each path, in which rows they are known, for any number of subsets.
            sweeps: How many.
            clamp: What stays as it is where values are given: the ``path`` with its hidden layers, or the values
                (``input``) alone.

        Returns:
            The probabilities of the joint layer, and the state of each path.
        """
        seen = [rows[..., None] for rows in given]
        known = [path.bottom_up(v) for path, v in zip(self.paths, values)]
        seconds = [torch.where(rows, state.second, 0.0) for rows, state in zip(seen, known)]
        z = self.joint.hidden(torch.cat(seconds, -1))
        states = [_held(rows, state, path.top_down(z), "path") for rows, state, path in zip(seen, known, self.paths)]
        for _ in range(sweeps):
            swept = [path.sweep(state, z) for path, state in zip(self.paths, states)]
            states = [_held(rows, state, free, clamp) for rows, state, free in zip(seen, known, swept)]
            z = self.joint.hidden(torch.cat([state.second for state in states], -1))
        return z, states

    def generate(self, z: Float[Tensor, "*any D"], path: Path, sweeps: int) -> State:
        """One path given the joint layer: a top-down pass, and sweeps in which z stays."""
        state = path.top_down(z)
        for _ in range(sweeps):
            state = path.sweep(state, z)
        return state


def _held(seen: Bool[Tensor, "*any 1"], known: State, free: State, clamp: Clamp) -> State:
    """What was inferred, with what stays as it is put back."""
    if clamp == "path":
        return State(*(torch.where(seen, one, other) for one, other in zip(known, free)))
    return free._replace(visible=torch.where(seen, known.visible, free.visible))
