"""Squared errors of what a modality's decoder means."""

from __future__ import annotations

from typing import Literal

from torch import Tensor

from mmgen.distributions import Likelihood

Reconstruction = Literal["squared-error", "likelihood"]


class SquaredErrorOfMean(Likelihood):
    """−Σ (x − μ)², with the mean μ of another likelihood: a probability, a rate, a location.

    What that likelihood learns besides its mean has no part in it, and becomes constant. It is no log-probability.
    """

    normalised = False

    def __init__(self, likelihood: Likelihood) -> None:
        super().__init__(likelihood.shape)
        self.likelihood, self.outputs = likelihood, likelihood.outputs
        for name, parameter in list(likelihood.named_parameters(recurse=False)):
            delattr(likelihood, name)
            likelihood.register_buffer(name, parameter.detach())

    def pointwise(self, parameters: Tensor, x: Tensor) -> Tensor:
        """−(x − μ)²."""
        return -(x - self.mean(parameters)).square()

    def mean(self, parameters: Tensor) -> Tensor:
        """μ, the reconstruction."""
        return self.likelihood.mean(parameters)

    def sample(self, parameters: Tensor) -> Tensor:
        """μ again: a squared error says nothing about noise."""
        return self.mean(parameters)


def reconstruction_error(likelihood: Likelihood, by: Reconstruction) -> Likelihood:
    """The likelihood, or squared errors of its mean; integer codes have none, and keep their log-probability."""
    if by == "likelihood" or likelihood.coded:
        return likelihood
    return SquaredErrorOfMean(likelihood)
