"""Where what comes from above meets what a modality says."""

from __future__ import annotations

from jaxtyping import Float
from torch import Tensor, nn

from mmgen.distributions import Gaussian
from mmgen.networks import GaussianHead, MLPTrunk


class Meeting(nn.Module):
    """q(z_l | x_m, z_{>l}): a multilayer perceptron of h_l and the features of x_m, the same for all modalities.

    Its first layer is a sum of two linear maps, each of which is computed once: that of h_l for all modalities, that of
    features for all subsets and samples.
    """

    def __init__(self, above: int, features: int, hidden: tuple[int, ...], size: int) -> None:
        super().__init__()
        width, *others = hidden
        self.from_above = nn.Linear(above, width)
        self.from_features = nn.Linear(features, width, bias=False)
        self.trunk = MLPTrunk((width,), others)
        self.head = GaussianHead(self.trunk.features, size)

    def forward(self, h: Float[Tensor, "*any B H"], features: Float[Tensor, "M B F"]) -> Gaussian:
        """``[..., B, M, d_l]``."""
        x: Tensor = (self.from_above(h).unsqueeze(-2) + self.from_features(features).movedim(0, -2)).relu_()
        found: Tensor = self.trunk(x.flatten(0, -2))
        return Gaussian(*self.head(found.unflatten(0, x.shape[:-1])))
