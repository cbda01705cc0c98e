"""The classifier on the observed modalities alone: what CMMD is measured against."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from jaxtyping import Float
from pydantic import Field, PositiveInt
from torch import Tensor

from mmgen import Batch, Modality, Model, Terms
from mmgen.distributions import Gaussian
from mmgen.networks import MLPTrunk

from .discriminative import Discriminative, DiscriminativeConfig, classifier


class AvailableOnlyConfig(DiscriminativeConfig):
    """Options of :class:`AvailableOnly`."""

    hidden: tuple[PositiveInt, ...] = Field(
        (70,),
        description="Widths of the hidden layers before the last one, which has model.latent_dim units (70 by "
        "default) and is what encode gives.",
    )


class AvailableOnly(Discriminative):
    r"""The classifier on x_O alone (M-x_o): a multilayer perceptron with tanh, trained by cross-entropy.

    .. math:: \log p(y \mid z(x_O))

    z ``[B, D]`` is the last hidden layer, of ``model.latent_dim`` units, so the posterior is a point: its variance is
    0. Nothing is learned of x_M, and nothing is generated; β has nothing to multiply.

    A row without a label has the term 0; of several yes/no answers, the unknown ones do not count. Rows that lack
    modalities cannot be trained on.

    Source: "Discriminative multimodal learning via conditional priors in generative models", M-x_O, with the two hidden
    layers of 70 and the loss of its released code; initial weights are PyTorch's, and not uniform within ±√(2/(inputs +
    outputs)).
    """

    Config = AvailableOnlyConfig
    family = "supervised"
    defaults = {"model": {"latent_dim": 70}}

    def decodes(self, modalities: Mapping[str, Modality], latent_dim: int) -> dict[str, int]:
        """Nothing."""
        return {}

    def build(self, model: Model) -> None:
        """The hidden layers, and the linear layer that ends the classifier."""
        super().build(model)
        self.hidden = MLPTrunk((self.x_o.features,), (*self.config.hidden, model.config.latent_dim), "tanh")
        self.classifier = classifier(model.config.latent_dim, (), self.target.size, "tanh", 0.0)

    def latent(self, context: Float[Tensor, "B F"]) -> Gaussian:
        """A point: the last hidden layer, ``[B, D]``."""
        return Gaussian.point(self.hidden(context))

    def terms(self, model: Model, batch: Batch) -> Terms:
        """Nothing but log p(y | x_O) ``[B]``."""
        logits = self.classifier(self.hidden(self.x_o(batch)))
        right = self.target.log_likelihood(logits, self.target.codes(batch))
        nothing = torch.zeros_like(right)
        return Terms(nothing.expand(len(model.modalities), -1), nothing, {"classification": right})

    def gaussians(self, model: Model, batch: Batch) -> dict[str, Gaussian]:
        """None: z is a point."""
        return {}
