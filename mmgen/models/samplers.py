"""The core's samplers: the model's own prior, one Gaussian, and a mixture of Gaussians."""

from __future__ import annotations

import warnings
from typing import Annotated, Any, Literal

import torch
from jaxtyping import Float
from pydantic import Field
from torch import Tensor

from ..distributions import GaussianMixture, with_density
from ..errors import MmgenError
from .interface import Model
from .sampler import Sampler, SamplerConfig, checked_latents

HELD_OUT = 0.1  # share of the rows that numbers of components are compared on


class PriorSampler(Sampler):
    """The model's own prior p(z), or N(0, I) where that depends on the data: nothing is fitted.

    Where modalities keep their own latents, the prior says nothing of what belongs together; a draw is then one z,
    which stands for each of them.
    """

    fitted = False

    def build(self, model: Model) -> None:
        """Of this model."""
        self._prior, self._dim = model.unconditional_prior, model.config.latent_dim

    def fit(self, latents: Float[Tensor, "N D"]) -> None:
        """Nothing."""

    def sample(self, count: int) -> Float[Tensor, "count D"]:
        """z ~ p(z)."""
        return self._prior(count).rsample()

    def log_prob(self, z: Float[Tensor, "*lead D"]) -> Float[Tensor, "*lead"]:
        """log p(z), or Σ_m log p(z_m) of ``[z_1 … z_M]``."""
        parts = z.unflatten(-1, (-1, self._dim)).flatten(0, -2)
        return with_density(self._prior(len(parts))).log_prob(parts).reshape(*z.shape[:-1], -1).sum(-1)


class GaussianConfig(SamplerConfig):
    """Options of :class:`GaussianSampler`."""

    floor: float = Field(1e-6, gt=0, description="What is added to every variance.")


class GaussianSampler(Sampler):
    r"""One Gaussian with the mean and the covariance of the latents of training rows (:func:`shrunk_moments`)."""

    Config = GaussianConfig

    mean: Tensor  # [D]
    covariance: Tensor  # [D, D]

    def build(self, model: Model) -> None:
        """Places for what is fitted."""
        for name in ("mean", "covariance"):
            self.register_buffer(name, torch.zeros(0, dtype=torch.float64))

    def fit(self, latents: Float[Tensor, "N D"]) -> None:
        """Their moments."""
        self.mean, self.covariance = shrunk_moments(checked_latents(latents, "gaussian"), self.config.floor)

    def sample(self, count: int) -> Float[Tensor, "count D"]:
        """z ~ p(z)."""
        return self._density.sample(count)

    def log_prob(self, z: Float[Tensor, "*lead D"]) -> Float[Tensor, "*lead"]:
        """log N(z; μ, Σ)."""
        return self._density.log_prob(z.to(self.mean))

    @property
    def _density(self) -> GaussianMixture:
        return GaussianMixture.one(self.mean, self.covariance)


def shrunk_moments(rows: Float[Tensor, "N D"], floor: float) -> tuple[Float[Tensor, " D"], Float[Tensor, "D D"]]:
    r"""The mean and the covariance of rows, for a normal density.

    .. math:: p(z) = \mathcal N(z; \mu, (1 - \rho) S + \rho \, \tfrac{\mathrm{tr} S}{D} I)

    S is the sample covariance, and 0 ≤ ρ ≤ 1 shrinks it as far as there are few rows, by the closed form of the oracle
    approximating shrinkage; ``floor`` is added to every variance.

    Source: of ρ Chen et al. 2010 (https://arxiv.org/abs/0907.4698), Eq. 23.
    """
    n, size = rows.shape
    centred = rows - rows.mean(0)
    sample = centred.T @ centred / n
    trace, squares = sample.trace(), sample.square().sum()
    above, below = (1 - 2 / size) * squares + trace**2, (n + 1 - 2 / size) * (squares - trace**2 / size)
    share = (above / below).clamp(max=1.0) if below > 0 else torch.ones_like(trace)
    unit = torch.eye(size, dtype=rows.dtype)
    return rows.mean(0), (1 - share) * sample + (share * trace / size + floor) * unit


class GaussianMixtureConfig(SamplerConfig):
    """Options of :class:`GaussianMixtureSampler`."""

    only_with = {"most": {"components": ("auto",)}, "criterion": {"components": ("auto",)}}

    components: Annotated[int, Field(ge=1)] | Literal["auto"] = Field(
        10, description="How many Gaussians; auto: the best of 1, 2, 4, 8 and so on."
    )
    most: int = Field(32, ge=1, description="The largest number of Gaussians that is tried.")
    criterion: Literal["held-out", "bic"] = Field(
        "held-out",
        description="By what the number is chosen: the log-density of a tenth of the rows, which are left out for that "
        "and joined again, or the Bayesian information criterion.",
    )
    covariance: Literal["full", "diag"] = Field(
        "full", description="Whether each Gaussian has a covariance, or a variance in each dimension."
    )
    floor: float = Field(1e-6, gt=0, description="What is added to every variance.")
    iterations: int = Field(200, ge=1, description="Steps of expectation and maximisation at most.")


class GaussianMixtureSampler(Sampler):
    r"""A mixture of Gaussians fitted to the latents of training rows.

    .. math:: p(z) = \sum_k w_k\, \mathcal N(z; \mu_k, L_k L_k^\top)

    Fitted by expectation and maximisation (scikit-learn), from clusters by k-means.

    Source: Ghosh et al. 2020 (https://arxiv.org/abs/1903.12436), ex-post density estimation; the criterion ``bic``
    Schwarz 1978.
    """

    Config = GaussianMixtureConfig

    weights: Tensor  # [K]
    means: Tensor  # [K, D]
    factors: Tensor  # L, lower triangular: [K, D, D]

    def build(self, model: Model) -> None:
        """Places for what is fitted."""
        for name in ("weights", "means", "factors"):
            self.register_buffer(name, torch.zeros(0, dtype=torch.float64))

    def fit(self, latents: Float[Tensor, "N D"]) -> None:
        """By expectation and maximisation."""
        rows = checked_latents(latents, "gmm")
        seed = int(torch.randint(2**31 - 1, ()))
        count = self._chosen(rows, seed) if self.config.components == "auto" else self.config.components
        found = self._mixture(rows, count, seed)
        self.weights, self.means = torch.from_numpy(found.weights_), torch.from_numpy(found.means_)
        covariances = torch.from_numpy(found.covariances_)
        diagonal = self.config.covariance == "diag"
        self.factors = covariances.sqrt().diag_embed() if diagonal else torch.linalg.cholesky(covariances)

    def sample(self, count: int) -> Float[Tensor, "count D"]:
        """μ_k + L_k ε with k drawn by the weights."""
        return self._density.sample(count)

    def log_prob(self, z: Float[Tensor, "*lead D"]) -> Float[Tensor, "*lead"]:
        """The equation above."""
        return self._density.log_prob(z.to(self.means))

    @property
    def _density(self) -> GaussianMixture:
        return GaussianMixture(self.weights.log(), self.means, self.factors)

    def _chosen(self, rows: Tensor, seed: int) -> int:
        """The best number of Gaussians."""
        order = torch.randperm(len(rows))
        by_bic = self.config.criterion == "bic"
        left_out = rows[order[: max(1, int(HELD_OUT * len(rows)))]]
        kept = rows if by_bic else rows[order[len(left_out) :]]
        counts = [2**power for power in range(self.config.most.bit_length()) if 2**power <= len(kept)]
        fits = {count: self._mixture(kept, count, seed) for count in counts}
        scores = {
            count: -fit.bic(kept.numpy()) if by_bic else fit.score(left_out.numpy()) for count, fit in fits.items()
        }
        return max(scores, key=lambda count: scores[count])

    def _mixture(self, rows: Tensor, count: int, seed: int) -> Any:
        from sklearn.exceptions import ConvergenceWarning
        from sklearn.mixture import GaussianMixture

        if count > len(rows):
            raise MmgenError(f"sampler.components: {count} Gaussians need as many rows, and there are {len(rows)}.")
        made = GaussianMixture(
            count,
            covariance_type=self.config.covariance,
            reg_covar=self.config.floor,
            max_iter=self.config.iterations,
            random_state=seed,
        )
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ConvergenceWarning)  # fewer clusters than asked, or steps enough
            try:
                return made.fit(rows.numpy())
            except ValueError as error:
                raise MmgenError(f"{count} Gaussians cannot be fitted to these latents: {error}") from error
