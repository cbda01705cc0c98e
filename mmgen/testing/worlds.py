"""A linear-Gaussian world, in which everything that a multimodal VAE approximates is known exactly."""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from ..distributions import Gaussian

Given = Tensor | Sequence[int] | None


class LinearGaussianWorld:
    """M modalities that share a latent code linearly, with Gaussian noise.

    z ~ N(0, I_D) and x_m | z ~ N(W_m z + b_m, s_m² I). For any subset S of the modalities:

        posterior   p(z | x_S) = N(Λ⁻¹ Σ_{m ∈ S} W_mᵀ(x_m − b_m)/s_m², Λ⁻¹)   with   Λ = I + Σ_{m ∈ S} W_mᵀ W_m/s_m²
        evidence    log p(x_S) = Σ_{m ∈ S} log p(x_m | z) + log p(z) − log p(z | x_S)   for every z (here: the posterior
        mean) entropy     H(x_S) = ½ [Σ_{m ∈ S} d_m (log 2πe + log s_m²) + log det Λ]
        expert      p(x_m | z) ∝ N(z; c_m⁻²·W_mᵀ(x_m − b_m), s_m² c_m⁻²)   where   W_mᵀ W_m = diag(c_m²)
        (``orthogonal``)

    The product of the experts of S and N(0, I) is the posterior given S. Without ``orthogonal`` the posterior is not
    diagonal, and every bound by diagonal Gaussians has a gap.

    A batch is a list of M tensors ``[B, d_m]``. A subset is ``None`` (all), a list of modality numbers, or a mask
    ``Bool[B, M]``.

    Args:
        dims: Dimensions d_m of the modalities.
        latent_dim: Dimension D of z.
        orthogonal: Whether the columns of each W_m are orthogonal, for which every d_m must be at least D.
        seed: Of the parameters, and of the samples.
        noise: A factor of the scales s_m, which are 0.3 to 1 without it; with a small one log-densities are above 0.
    """

    def __init__(
        self,
        dims: Sequence[int] = (4, 3, 5),
        latent_dim: int = 2,
        *,
        orthogonal: bool = False,
        seed: int = 0,
        noise: float = 1.0,
    ) -> None:
        if orthogonal and min(dims) < latent_dim:
            raise ValueError(
                f"{latent_dim} orthogonal columns need modalities of at least {latent_dim} dimensions, not {min(dims)}"
            )
        self.dims, self.latent_dim, self.orthogonal = tuple(dims), latent_dim, orthogonal
        self._random = torch.Generator().manual_seed(seed)
        self.loadings: list[Float[Tensor, "d D"]] = [self._loading(dim) for dim in self.dims]
        self.offsets: list[Float[Tensor, " d"]] = [self._normal(dim) for dim in self.dims]
        self.scales: Float[Tensor, " M"] = noise * (
            0.3 + 0.7 * torch.rand(len(self.dims), dtype=torch.float64, generator=self._random)
        )

    def _normal(self, *shape: int) -> Tensor:
        return torch.randn(shape, dtype=torch.float64, generator=self._random)

    def _loading(self, dim: int) -> Tensor:
        if not self.orthogonal:
            return self._normal(dim, self.latent_dim)
        lengths = 0.5 + torch.rand(self.latent_dim, dtype=torch.float64, generator=self._random)
        return torch.linalg.qr(self._normal(dim, self.latent_dim)).Q * lengths

    def _mask(self, given: Given, rows: int) -> Bool[Tensor, "B M"]:
        if isinstance(given, Tensor):
            return given
        members = range(len(self.dims)) if given is None else given
        return torch.tensor([m in members for m in range(len(self.dims))]).expand(rows, -1)

    def _precision(self, mask: Bool[Tensor, "B M"]) -> Float[Tensor, "B D D"]:
        grams = torch.stack([w.T @ w / s**2 for w, s in zip(self.loadings, self.scales)])
        return torch.eye(self.latent_dim, dtype=torch.float64) + torch.einsum("bm,mij->bij", mask.double(), grams)

    def sample(self, n: int) -> tuple[Float[Tensor, "n D"], list[Tensor]]:
        """``n`` rows of z ``[n, D]`` and of the modalities ``[n, d_m]``; the next call gives other rows."""
        z = self._normal(n, self.latent_dim)
        noise = [self._normal(n, dim) for dim in self.dims]
        return z, [z @ w.T + b + s * e for w, b, s, e in zip(self.loadings, self.offsets, self.scales, noise)]

    def log_likelihood(self, z: Float[Tensor, "*lead B D"], x: Sequence[Tensor], m: int) -> Float[Tensor, "*lead B"]:
        """The log-density log p(x_m | z) of modality ``m`` of the batch ``x``, with any leading dimensions of ``z``."""
        location = z @ self.loadings[m].T + self.offsets[m]
        variance = self.scales[m] ** 2
        return -0.5 * ((x[m] - location).square() / variance + torch.log(2 * math.pi * variance)).sum(-1)

    def posterior(
        self, x: Sequence[Tensor], given: Given = None
    ) -> tuple[Float[Tensor, "B D"], Float[Tensor, "B D D"]]:
        """Mean and covariance of p(z | x_S); of N(0, I) where nothing is given."""
        mask = self._mask(given, len(x[0]))
        pulls = torch.stack([(x_m - b) @ w / s**2 for x_m, w, b, s in zip(x, self.loadings, self.offsets, self.scales)])
        covariance = torch.linalg.inv(self._precision(mask))
        return torch.einsum("bij,bm,mbj->bi", covariance, mask.double(), pulls), covariance

    def log_evidence(self, x: Sequence[Tensor], given: Given = None) -> Float[Tensor, " B"]:
        """The evidence log p(x_S), joint over the given modalities; 0 where nothing is given."""
        mask = self._mask(given, len(x[0]))
        z, _ = self.posterior(x, mask)
        likelihoods = torch.stack([self.log_likelihood(z, x, m) for m in range(len(self.dims))], -1)
        return (mask * likelihoods).sum(-1) - 0.5 * z.square().sum(-1) - 0.5 * torch.logdet(self._precision(mask))

    def entropy(self, of: Sequence[int]) -> float:
        """H(x_S) of the modalities ``of``, in nats."""
        members = sorted(set(of))
        noise = sum(self.dims[m] * math.log(2 * math.pi * math.e * float(self.scales[m]) ** 2) for m in members)
        return 0.5 * (noise + float(torch.logdet(self._precision(self._mask(members, 1)))))

    def conditional_entropy(self, of: Sequence[int], given: Sequence[int] = ()) -> float:
        """H(x_of | x_given) = H(x_of, x_given) − H(x_given), in nats."""
        return self.entropy([*of, *given]) - self.entropy(given)

    def expert(self, x_m: Float[Tensor, "B d"], m: int) -> Gaussian:
        """The Gaussian over z that is proportional to p(x_m | z), ``[B, D]``; diagonal, and so exact, in an
        ``orthogonal`` world only.
        """
        if not self.orthogonal:
            raise ValueError(
                "p(x_m | z) is a diagonal Gaussian over z in an orthogonal world only: "
                "LinearGaussianWorld(orthogonal=True)"
            )
        squared_length = self.loadings[m].square().sum(0)
        mean = (x_m - self.offsets[m]) @ self.loadings[m] / squared_length
        return Gaussian(mean, (self.scales[m] ** 2 / squared_length).log().expand_as(mean))

    def experts(self, x: Sequence[Tensor]) -> Gaussian:
        """The experts of all modalities, stacked ``[M, B, D]``."""
        return Gaussian.stack([self.expert(x_m, m) for m, x_m in enumerate(x)])
