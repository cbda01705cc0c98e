"""A prior with levels, each of which depends on those above it."""

from __future__ import annotations

from typing import Annotated, Literal

from jaxtyping import Bool, Float
from pydantic import Field
from torch import Tensor, nn

from mmgen import MmgenError, Model, Prior, PriorConfig
from mmgen.distributions import Gaussian, standard_normal
from mmgen.networks import GaussianHead, MLPTrunk

from .levels import Levels

Size = Annotated[int, Field(ge=1)]


class HierarchyConfig(PriorConfig):
    """Options of :class:`Hierarchy`."""

    levels: Size | tuple[Size, ...] = Field(
        2,
        description="L levels that share the dimensions of z equally, where the lowest has what remains (and as many "
        "levels as there are dimensions at most); or the dimensions of each, the lowest first, which sum to "
        "'model.latent_dim'.",
    )
    hidden: tuple[int, ...] = Field(
        (64,), description="Hidden widths of the networks from the levels above to a level."
    )
    above: Literal["all", "next"] = Field(
        "all",
        description="What a level depends on: all levels above it, or the next one alone, as in the released code.",
    )


class Hierarchy(Prior):
    r"""A hierarchy of L levels, :math:`p(z) = \mathcal N(z_L; 0, I) \prod_{l<L} p(z_l|z_{>l})`, with z = (z_1, …, z_L).

    :math:`p(z_l|z_{>l}) = \mathcal N(\mu_l(h_l), \sigma_l^2(h_l))`, with features :math:`h_l` of the levels above by a
    multilayer perceptron. All of it is learned.

    Source: Dorent et al. 2023 (MHVAE, https://arxiv.org/abs/2309.08747), after Vahdat & Kautz 2020 (NVAE,
    https://arxiv.org/abs/2007.03898); vectors in the place of feature maps.
    """

    Config = HierarchyConfig
    sizes: tuple[int, ...]

    def sizes_of(self, latent_dim: int) -> tuple[int, ...]:
        """Dimensions of the levels of z, the lowest first.

        Raises:
            MmgenError: They do not sum to those of z.
        """
        levels = self.config.levels
        if isinstance(levels, int):
            count = min(levels, latent_dim)
            return (latent_dim - (count - 1) * (latent_dim // count), *[latent_dim // count] * (count - 1))
        if sum(levels) != latent_dim:
            raise MmgenError(
                f"prior.levels are {', '.join(map(str, levels))}, {sum(levels)} dimensions together; they should "
                f"sum to model.latent_dim, which is {latent_dim}."
            )
        return tuple(levels)

    def build(self, model: Model) -> None:
        """The features of what is above, and p(z_l | z_{>l}), of every level but the highest."""
        self.sizes = sizes = self.sizes_of(model.config.latent_dim)
        seen = [sum(sizes[level:]) if self.config.above == "all" else sizes[level] for level in range(1, len(sizes))]
        self.trunks = nn.ModuleList(MLPTrunk((size,), self.config.hidden) for size in seen)
        self.widths = [int(trunk.features) for trunk in self.trunks]  # type: ignore[arg-type]
        self.heads = nn.ModuleList(GaussianHead(width, size) for width, size in zip(self.widths, sizes, strict=False))

    def features(self, level: int, above: Float[Tensor, "*any _"]) -> Float[Tensor, "*any H"]:
        """h_l of all that is above a level, 0 for the lowest."""
        if self.config.above == "next":
            above = above[..., : self.sizes[level + 1]]
        features: Tensor = self.trunks[level](above.flatten(0, -2))
        return features.unflatten(0, above.shape[:-1])

    def of_features(self, level: int, features: Float[Tensor, "*any H"]) -> Gaussian:
        """p(z_l | z_{>l}) from h_l."""
        return Gaussian(*self.heads[level](features))

    def forward(self, model: Model, experts: Gaussian, given: Bool[Tensor, "B M"]) -> Levels:
        """``[B, D]``, the same for every row."""
        top = standard_normal(experts.mean[0, :, : self.sizes[-1]])
        return Levels(top, self.sizes, lambda level, above: self.of_features(level, self.features(level, above)))
