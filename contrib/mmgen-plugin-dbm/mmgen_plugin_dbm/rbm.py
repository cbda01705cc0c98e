"""Restricted Boltzmann machines, as the layers of a deep one are trained with."""

from __future__ import annotations

from typing import Literal

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor, nn

from mmgen.distributions import uniform_noise

Units = Literal["gaussian", "softmax", "binary"]


class RBM(nn.Module):
    r"""V visible and H hidden units, with weights W, visible biases b and hidden biases a; hidden units are binary.

    What the units give each other is a + Wᵀv for the hidden and b + Wh for the visible ones. The visible units are

    - ``gaussian``: N(b + Wh, I), for standardised values (E = ½‖v − b‖² − aᵀh − vᵀWh);
    - ``softmax``: a replicated softmax, the counts of N words drawn from softmax(b + Wh) (E = −bᵀv − N aᵀh − vᵀWh with
      N = Σ v: hidden biases count once per word, so that they weigh the same beside many words as beside few);
    - ``binary``: E = −bᵀv − aᵀh − vᵀWh.

    A layer of a deep machine is pre-trained as if what it will get from its other side were there already
    (Salakhutdinov and Hinton 2009a, section 3.2). The layer above data has two copies of the visible units with tied
    weights (``up=2``: p(h = 1 | v) = σ(2(a + Wᵀv))), the top layer two copies of the hidden ones (``down=2``: p(v = 1 |
    h) = σ(2(b + Wh))), a layer between both. Both copies are in the same state, as printed there. All of what a unit
    gets is doubled, its bias too; in the deep machine a hidden layer has the sum of both inputs and both biases, half
    of what each machine alone gave it.

    Source: Salakhutdinov and Hinton 2009a, "Deep Boltzmann Machines" (AISTATS), section 3.2; 2009b, "Replicated
    Softmax" (NIPS), section 2.
    """

    words: Tensor  # of a replicated softmax: how many where no data say it

    def __init__(self, visible: int, hidden: int, units: Units = "binary", *, up: int = 1, down: int = 1) -> None:
        super().__init__()
        self.units, self.up, self.down = units, up, down
        self.weight = nn.Parameter(torch.randn(visible, hidden) / visible**0.5)
        self.visible_bias = nn.Parameter(torch.zeros(visible))
        self.hidden_bias = nn.Parameter(torch.zeros(hidden))
        if units == "softmax":
            self.register_buffer("words", torch.ones(()))

    def to_hidden(self, v: Float[Tensor, "*any V"]) -> Float[Tensor, "*any H"]:
        """What the hidden units get from one copy of the visible ones: a + Wᵀv, or N a + Wᵀv."""
        bias = v.sum(-1, keepdim=True) * self.hidden_bias if self.units == "softmax" else self.hidden_bias
        return bias + v @ self.weight

    def to_visible(self, h: Float[Tensor, "*any H"]) -> Float[Tensor, "*any V"]:
        """What the visible units get from one copy of the hidden ones: b + Wh."""
        return self.visible_bias + h @ self.weight.T

    def hidden(self, v: Float[Tensor, "*any V"]) -> Float[Tensor, "*any H"]:
        """The probabilities p(h = 1 | v)."""
        return (self.up * self.to_hidden(v)).sigmoid()

    def visible(self, h: Float[Tensor, "*any H"], words: Tensor | None = None) -> Float[Tensor, "*any V"]:
        """The mean of p(v | h): of a replicated softmax the expected counts of ``words`` ``[..., 1]`` words, of
        :attr:`words` by default.
        """
        given = self.to_visible(h)
        if self.units == "gaussian":
            return given
        if self.units == "softmax":
            return (self.words if words is None else words) * given.softmax(-1)
        return (self.down * given).sigmoid()

    def free_energy(self, v: Float[Tensor, "*any V"]) -> Float[Tensor, "*any"]:
        r"""−log Σ_h exp(−E) of the machine with its copies, over ``max(up, down)`` and up to a constant.

        That is −bᵀv − (1/u) Σ_j log(1 + exp(u (a + Wᵀv)_j)) with u = ``up`` (½‖v − b‖² instead of −bᵀv for Gaussian
        units). Its gradients are those of one copy whatever the doubling: −v hᵀ for W and −h for a, where h = p(h = 1 |
        v).
        """
        below = 0.5 * (v - self.visible_bias).square().sum(-1) if self.units == "gaussian" else -(v @ self.visible_bias)
        return below - F.softplus(self.up * self.to_hidden(v)).sum(-1) / self.up

    def reconstruct(self, v: Float[Tensor, "B V"], steps: int) -> Float[Tensor, "B V"]:
        """``steps`` times from visible to hidden units and back, where the hidden ones are drawn and the visible ones
        are their means.
        """
        words = v.sum(-1, keepdim=True)
        for _ in range(steps):
            probabilities = self.hidden(v)
            noise = uniform_noise((probabilities.shape[1], probabilities.shape[0]), probabilities)
            v = self.visible((probabilities > noise.T).to(v.dtype), words)
        return v

    def contrastive_divergence(self, v: Float[Tensor, "B V"], steps: int) -> Float[Tensor, " B"]:
        """F(v) − F(v_k), v_k as a constant: its gradient is CD-k, ⟨v h⟩ of the model after ``steps`` less ⟨v h⟩ of the
        data.
        """
        with torch.no_grad():
            model = self.reconstruct(v, steps)
        return self.free_energy(v) - self.free_energy(model)
