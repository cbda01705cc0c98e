"""A mixture of Gaussians as a density of z, and what it becomes with what is seen of a row."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import torch
from jaxtyping import Float, Int
from torch import Tensor

from .full_gaussian import FullGaussian
from .mixture import Mixture


@dataclass(frozen=True)
class Seen:
    r"""What is seen of each row, as a Gaussian function of z: log p(x | z) = −½ zᵀ Λ z + ηᵀ z + constant.

    Attributes:
        patterns: The different Λ, positive semidefinite ``[U, D, D]``.
        of: Which of them each row has, ``[B]``.
        pull: η, ``[B, D]``.
    """

    patterns: Float[Tensor, "U D D"]
    of: Int[Tensor, " B"]
    pull: Float[Tensor, "B D"]

    @classmethod
    def rows(cls, precision: Float[Tensor, "B D D"], pull: Float[Tensor, "B D"]) -> Seen:
        """From Λ of each row; equal ones, to ten digits of the largest number, are one pattern."""
        unit = 1e-10 * precision.abs().amax().clamp(min=1e-300)
        _, of = (precision.flatten(1) / unit).round().unique(dim=0, return_inverse=True)
        patterns = precision.new_empty(int(of.max()) + 1 if len(of) else 0, *precision.shape[1:])
        patterns[of] = precision
        return cls(patterns, of, pull)

    def __getitem__(self, rows: Tensor) -> Seen:
        return Seen(self.patterns, self.of[rows], self.pull[rows])

    def __len__(self) -> int:
        return len(self.of)


@dataclass(frozen=True)
class GaussianMixture:
    r"""p(z) = Σ_k w_k N(μ_k, L_k L_kᵀ).

    Attributes:
        log_weights: log w, ``[K]``.
        mean: μ, ``[K, D]``.
        factor: L, lower triangular, ``[K, D, D]``.
    """

    log_weights: Float[Tensor, " K"]
    mean: Float[Tensor, "K D"]
    factor: Float[Tensor, "K D D"]

    @classmethod
    def one(cls, mean: Float[Tensor, " D"], covariance: Float[Tensor, "D D"]) -> GaussianMixture:
        """A single Gaussian."""
        return cls(mean.new_zeros(1), mean[None], torch.linalg.cholesky(covariance)[None])

    def __len__(self) -> int:
        return len(self.log_weights)

    def to(self, like: Tensor) -> GaussianMixture:
        """With the dtype and on the device of a tensor."""
        return GaussianMixture(self.log_weights.to(like), self.mean.to(like), self.factor.to(like))

    @property
    def moments(self) -> tuple[Float[Tensor, " D"], Float[Tensor, "D D"]]:
        """The mean and the covariance of z."""
        weights = self.log_weights.exp()
        mean = weights @ self.mean
        apart = self.mean - mean
        covariances = self.factor @ self.factor.mT + apart[:, :, None] * apart[:, None, :]
        return mean, torch.einsum("k,kij->ij", weights, covariances)

    def mapped(self, mean: Float[Tensor, " D"], factor: Float[Tensor, "D D"]) -> GaussianMixture:
        """The density of ``mean`` + ``factor`` z, with a lower triangular ``factor``."""
        return GaussianMixture(self.log_weights, mean + self.mean @ factor.T, factor @ self.factor)

    def unmapped(self, mean: Float[Tensor, " D"], factor: Float[Tensor, "D D"]) -> GaussianMixture:
        """The density of ``factor``⁻¹ (z − ``mean``)."""
        apart = torch.linalg.solve_triangular(factor, (self.mean - mean).T, upper=False).T
        return GaussianMixture(self.log_weights, apart, torch.linalg.solve_triangular(factor, self.factor, upper=False))

    def rows(self) -> Mixture:
        """As the same distribution of every row, ``[K, 1, D]``."""
        return Mixture(FullGaussian(self.mean[:, None], self.factor[:, None]), self.log_weights[:, None])

    def log_prob(self, z: Float[Tensor, "*lead D"]) -> Float[Tensor, "*lead"]:
        """log p(z)."""
        return self.rows().log_prob(z[..., None, :])[..., 0]

    def sample(self, count: int) -> Float[Tensor, "count D"]:
        """Independent draws, with torch's global random numbers."""
        k = torch.multinomial(self.log_weights.exp(), count, replacement=True)
        noise = torch.randn(count, self.mean.shape[-1], dtype=self.mean.dtype, device=self.mean.device)
        return self.mean[k] + torch.einsum("nij,nj->ni", self.factor[k], noise)

    def each_given(self, seen: Seen) -> Iterator[tuple[Tensor, Tensor, Tensor]]:
        r"""Of one Gaussian after another: log w_k ∫ N(z; μ_k, Σ_k) p(x | z) dz ``[B]``, without the constants of p(x |
        z), and the posterior's mean ``[B, D]`` and the lower triangular root of its precision P, of each pattern
        ``[U, D, D]``.

        .. math:: \log w_k + \tfrac12 h^\top P^{-1} h - \tfrac12 \mu_k^\top \Sigma_k^{-1} \mu_k
           - \tfrac12 \log \det \Sigma_k - \tfrac12 \log \det P

        with :math:`P = \Sigma_k^{-1} + \Lambda` and :math:`h = \Sigma_k^{-1} \mu_k + \eta`.
        """
        for log_weight, mean, factor in zip(self.log_weights, self.mean, self.factor, strict=True):
            prior = torch.cholesky_inverse(factor)
            root = torch.linalg.cholesky(prior + seen.patterns)
            h = seen.pull + prior @ mean
            if len(root) == 1:
                found = torch.cholesky_solve(h.T, root[0]).T
            else:
                found = torch.cholesky_solve(h[..., None], root[seen.of])[..., 0]
            logs = 2 * (factor.diagonal().log().sum() + root.diagonal(dim1=-2, dim2=-1).log().sum(-1))
            evidence = (h * found).sum(1) - mean @ prior @ mean - logs[seen.of]
            yield log_weight + 0.5 * evidence, found, root

    def evidence(self, seen: Seen) -> tuple[Float[Tensor, " B"], Float[Tensor, "B D"]]:
        """log ∫ p(z) p(x | z) dz of each row, without the constants of p(x | z), and the mean of p(z | x)."""
        parts = [(evidence, mean) for evidence, mean, _ in self.each_given(seen)]
        logs, means = torch.stack([evidence for evidence, _ in parts]), torch.stack([mean for _, mean in parts])
        return logs.logsumexp(0), torch.einsum("kb,kbd->bd", logs.softmax(0), means)

    def given(self, seen: Seen) -> Mixture:
        """p(z | x) of each row: mixtures ``[K, B, D]``."""
        parts = list(self.each_given(seen))
        log_weights = torch.stack([evidence for evidence, _, _ in parts]).log_softmax(0)
        covariances = (torch.cholesky_inverse(root) for _, _, root in parts)
        factors = torch.stack([torch.linalg.cholesky(covariance)[seen.of] for covariance in covariances])
        return Mixture(FullGaussian(torch.stack([mean for _, mean, _ in parts]), factors), log_weights)


def fit_mixture(seen: Seen, count: int, *, seed: int = 0, iterations: int = 10, floor: float = 1e-6) -> GaussianMixture:
    r"""The mixture of so many Gaussians with which rows are more probable: expectation and maximisation, in which z of
    a row is never known.

    .. math:: r_{nk} \propto w_k \int \mathcal N(z; \mu_k, \Sigma_k)\, p(x_n \mid z)\, dz

    .. math:: n_k = \sum_n r_{nk}, \qquad w_k \propto n_k + 1, \qquad \mu_k = \tfrac{1}{n_k} \sum_n r_{nk} m_{nk}

    .. math:: S_k = \sum_n r_{nk} (C_{nk} + (m_{nk} - \mu_k)(m_{nk} - \mu_k)^\top)

    .. math:: \Sigma_k = \frac{S_k + \nu \sum_j S_j / N}{n_k + \nu}, \qquad \nu = D + 2

    N(m_nk, C_nk) is the posterior of a row under one Gaussian. A covariance is drawn to that within all clusters by as
    much as ν rows say, as an inverse Wishart prior does, so that a cluster of few rows has one. The start is
    clusters of posterior means under N(0, I), by k-means (scikit-learn).

    Args:
        seen: Of all rows, in units where N(0, I) is nearly what z is.
        count: K.
        seed: Of the clusters.
        iterations: Of expectation and maximisation.
        floor: What is added to every variance.

    Source: Ghahramani & Hinton 1996 (mixtures of factor analysers, https://www.cs.toronto.edu/~hinton/absps/tr-96-1.pdf)
    with loadings that all have in common; of the prior Fraley & Raftery 2007
    (https://doi.org/10.1007/s00357-007-0004-5).
    """
    pull = seen.pull
    unit = torch.eye(pull.shape[1], dtype=pull.dtype, device=pull.device)
    start = GaussianMixture.one(torch.zeros_like(unit[0]), unit)
    ((_, mean, root),) = start.each_given(seen)
    found = _maximised([(mean, root)] * count, seen, _clusters(mean, count, seed), floor)
    for _ in range(iterations):
        parts = list(found.each_given(seen))
        shares = torch.stack([evidence for evidence, _, _ in parts]).softmax(0)
        found = _maximised([(mean, root) for _, mean, root in parts], seen, shares, floor)
    return found


def _maximised(
    parts: list[tuple[Tensor, Tensor]], seen: Seen, shares: Float[Tensor, "K B"], floor: float = 1e-6
) -> GaussianMixture:
    """The step of maximisation: means and roots of precisions of the posteriors of each Gaussian, and r."""
    size = seen.pull.shape[1]
    unit = torch.eye(size, dtype=seen.pull.dtype, device=seen.pull.device)
    n = shares.sum(1)
    means, sums = [], []
    for (mean, root), share, rows in zip(parts, shares, n, strict=True):
        centre = share @ mean / rows.clamp(min=1e-300)
        apart = mean - centre
        of_patterns = share.new_zeros(len(root)).index_add(0, seen.of, share)
        half = torch.linalg.solve_triangular(root, unit.expand_as(root), upper=False)  # whose square is a covariance
        half = (half * of_patterns.sqrt()[:, None, None]).flatten(0, 1)
        means.append(centre)
        sums.append(half.T @ half + (apart * share[:, None]).T @ apart)
    scatter, nu = torch.stack(sums), size + 2
    covariances = (scatter + nu * scatter.sum(0) / len(seen)) / (n + nu)[:, None, None] + floor * unit
    weights = (n + 1) / (n + 1).sum()
    return GaussianMixture(weights.log(), torch.stack(means), torch.linalg.cholesky(covariances))


def _clusters(points: Float[Tensor, "B D"], count: int, seed: int) -> Float[Tensor, "K B"]:
    """1 where a row is in a cluster, else 0."""
    import warnings

    from sklearn.cluster import KMeans
    from sklearn.exceptions import ConvergenceWarning

    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)  # fewer different points than clusters
        labels = KMeans(count, n_init=5, random_state=seed).fit_predict(points.cpu().numpy())
    return torch.nn.functional.one_hot(torch.from_numpy(labels).long(), count).T.to(points)
