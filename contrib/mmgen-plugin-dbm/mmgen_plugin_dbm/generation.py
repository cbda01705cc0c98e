"""From the joint layer to data: what stands in the place of decoders, and the likelihood of a replicated softmax."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor, nn

from mmgen import MmgenError
from mmgen.distributions import Likelihood

from .machine import Machine, Path


class TopDown(nn.Module):
    """A path given the joint layer, as a decoder; its parameters are the objective's and not its own."""

    def __init__(self, machine: Machine, path: Path, shape: tuple[int, ...], sweeps: int) -> None:
        super().__init__()
        self.machine, self.path, self.shape, self.sweeps = machine, path, shape, sweeps

    def forward(self, z: Float[Tensor, "N D"]) -> Tensor:
        """``[N, D]`` to ``[N, 1, *shape]``: means of Gaussian units, or logarithms of the expected counts of a
        replicated softmax.
        """
        lower = self.path.lower
        first = self.machine.generate(z, self.path, self.sweeps).first
        given = lower.to_visible(first)
        if lower.units == "softmax":
            given = lower.words.log() + F.log_softmax(given, -1)
        return given.unflatten(-1, (1, *self.shape))


class ReplicatedSoftmax(Likelihood):
    """The counts of N words, drawn one after the other: multinomial. A decoder gives logarithms of expected counts, N
    times the probabilities of the words.

    The probability of data is given their own number of words. Means and draws have the decoder's N. For ``binary``
    data (whether a word is there) these are the probability that it is among N words, 1 − (1 − p)^N, and whether it is;
    the first is about N p where that is small. As probabilities of binary data those of the counts do not sum to one.
    """

    discrete = True

    def __init__(self, shape: tuple[int, ...], binary: bool) -> None:
        super().__init__(shape)
        self.binary, self.normalised = binary, not binary

    def pointwise(self, parameters: Tensor, x: Tensor) -> Tensor:
        """x log p − log x!; what is left, log N!, belongs to no single value."""
        log_p = F.log_softmax(self._flat(parameters), -1)
        return x * log_p.unflatten(-1, self.shape) - torch.lgamma(x + 1)

    def log_prob(self, parameters: Tensor, x: Tensor, observed: Tensor | None = None) -> Tensor:
        """log N! + Σ (x log p − log x!), of values that are all there: N is their sum.

        Raises:
            MmgenError: Some are not.
        """
        if observed is not None:
            raise MmgenError("Word counts share their number of words, so no single one can be missing.")
        words = x.flatten(-len(self.shape)).sum(-1)
        return super().log_prob(parameters, x) + torch.lgamma(words + 1)

    def mean(self, parameters: Tensor) -> Tensor:
        """N p, or 1 − (1 − p)^N."""
        rates = self._flat(parameters)
        if self.binary:
            p = rates.softmax(-1).clamp(max=1 - torch.finfo(rates.dtype).eps)
            result = -torch.expm1(self._words(rates) * torch.log1p(-p))
        else:
            result = rates.exp()
        return result.unflatten(-1, self.shape)

    def sample(self, parameters: Tensor) -> Tensor:
        """The counts of N words (rounded, at least one), or whether each is among them."""
        rates = self._flat(parameters)
        p = rates.softmax(-1).flatten(0, -2)
        words = self._words(rates).round().clamp(min=1).flatten(0, -2)  # [rows, 1]
        most = int(words.max())
        drawn = torch.multinomial(p, most, replacement=True)
        kept = (torch.arange(most, device=p.device) < words).to(p.dtype)
        counts = torch.zeros_like(p).scatter_add_(1, drawn, kept)
        counts = counts.clamp(max=1) if self.binary else counts
        return counts.reshape(*rates.shape[:-1], *self.shape)

    def _flat(self, parameters: Tensor) -> Tensor:
        """The logarithms of expected counts ``[..., K]``."""
        return self.output(parameters, 0).flatten(-len(self.shape))

    def _words(self, rates: Tensor) -> Tensor:
        """N ``[..., 1]``."""
        return rates.logsumexp(-1, keepdim=True).exp()
