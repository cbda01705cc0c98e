r"""z given some modalities by the model's own likelihood, at test time.

.. math:: p(z \mid x_S) \propto \hat p(z) \prod_{m \in S} p(x_m \mid z)

where the Gaussian :math:`\hat p` is what training rows say of z (:class:`.samplers.GaussianSampler`), and of every
modality the observed cells count. It is approximated by a Gaussian with full covariance at its mode, as Laplace did:

.. math:: q(z) = \mathcal N(\hat z, \hat A^{-1}), \qquad
   \hat z = \arg\max_z \log p(z, x_S), \qquad \hat A = -\nabla^2 \log p(\hat z, x_S)

With linear decoders and normal likelihoods it is the posterior itself. An encoder's product of diagonal Gaussians
cannot be it, even there: the true one has correlations, and more of them the fewer modalities are given.

Source: Tierney & Kadane 1986 (https://doi.org/10.1080/01621459.1986.10478240); of the damping Levenberg 1944 and
Marquardt 1963. Likelihoods count once here, whatever weights w_m they had in training: these are no part of p(x | z).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from copy import deepcopy
from dataclasses import dataclass
from typing import cast

import torch
from jaxtyping import Bool, Float
from torch import Tensor, nn

from ..data import Batch
from ..distributions import FullGaussian, Likelihood, Posterior, uniform_noise
from .interface import Given
from .model import MultimodalVAE

STEPS = 20  # of each row, at most: at the kinks of a network of linear pieces Newton's steps zigzag
TOLERANCE = 1e-3  # nats: a row has arrived behind a step that has gained less, or with a damping from which none would
CANDIDATES = 2  # for each draw that is wanted
NUMBERS_AT_ONCE = 2**21  # activations of decoders


@dataclass(frozen=True)
class _Term:
    """log p(x_m | z) of one modality in some rows.

    Attributes:
        decoder, likelihood: As constants.
        x: Values ``[B, *shape]``.
        observed: Which cells count, ``[B, *shape]``; None: all.
        there: Which rows give the modality, ``[B]``.
    """

    decoder: nn.Module
    likelihood: Likelihood
    x: Tensor
    observed: Tensor | None
    there: Tensor

    def __getitem__(self, rows: Tensor) -> _Term:
        observed = None if self.observed is None else self.observed[rows]
        return _Term(self.decoder, self.likelihood, self.x[rows], observed, self.there[rows])

    def values(self, taken: Tensor) -> Tensor:
        """``[B, _]``, what the decoder takes, to ``[B]``; 0 in rows that do not give it."""
        rows = self.there.nonzero().squeeze(1)
        return taken.new_zeros(len(taken)).index_add(0, rows, self[rows]._log_prob(self.decoder(taken[rows])))

    def slopes(self, taken: Tensor, directions: Tensor) -> tuple[Tensor, Tensor]:
        """Gradient ``[B, D]`` and Hessian ``[B, D, D]`` along ``directions`` of what the decoder takes, ``[D, _]``.

        With the outputs θ of the decoder and their derivatives J, they are Jᵀ ∇_θ log p and Jᵀ (∇²_θ log p) J: of the
        decoder's own curvature, which a network of linear pieces has not, nothing is seen (Gauss-Newton).
        """
        rows, size = self.there.nonzero().squeeze(1), len(directions)
        tiled = rows.repeat(size)
        with torch.enable_grad():
            point = taken[rows].requires_grad_()
            theta = self.decoder(point)
            weight = torch.zeros_like(theta, requires_grad=True)
            (back,) = torch.autograd.grad((theta * weight).sum(), point, create_graph=True)  # Jᵀ w, linear in w
            along = torch.cat(
                [torch.autograd.grad((back * each).sum(), weight, retain_graph=True)[0] for each in directions]
            )
            theta = theta.detach().repeat(size, *[1] * (theta.dim() - 1)).requires_grad_()
            (slope,) = torch.autograd.grad(self[tiled]._log_prob(theta).sum(), theta, create_graph=True)
            bend = torch.zeros_like(theta)
            if slope.requires_grad:
                (bend,) = torch.autograd.grad((slope * along).sum(), theta, materialize_grads=True)
        slope, bend, along = (each.detach().flatten(1).unflatten(0, (size, len(rows))) for each in (slope, bend, along))
        gradient = taken.new_zeros(len(taken), size)
        hessian = taken.new_zeros(len(taken), size, size)
        return (
            gradient.index_add(0, rows, torch.einsum("dnp,dnp->nd", along, slope)),
            hessian.index_add(0, rows, torch.einsum("dnp,enp->nde", along, bend)),
        )

    def _log_prob(self, parameters: Tensor) -> Tensor:
        return self.likelihood.log_prob(parameters, self.x, self.observed)


@dataclass(frozen=True)
class _Density:
    """log p(x_S | z) + log p̂(z) of some rows, without the constant of p̂, in u where z = μ + L u and p̂ is N(0, I).

    Attributes:
        terms: Of the modalities that are given.
        told: Covariates ``[B, T]``, if decoders take any.
        mean, factor: μ ``[D]`` and L ``[D, D]``, lower triangular.
    """

    terms: Sequence[_Term]
    told: Tensor | None
    mean: Tensor
    factor: Tensor

    def __getitem__(self, rows: Tensor) -> _Density:
        told = None if self.told is None else self.told[rows]
        return _Density([term[rows] for term in self.terms], told, self.mean, self.factor)

    def at(self, u: Tensor) -> Tensor:
        """``[B, D]`` to ``[B]``."""
        taken = self._taken(u)
        return sum((term.values(taken) for term in self.terms), start=-0.5 * u.square().sum(1))

    def slopes(self, u: Tensor) -> tuple[Tensor, Tensor]:
        """The gradient ``[B, D]`` and the negative Hessian ``[B, D, D]``."""
        taken, size = self._taken(u), u.shape[1]
        directions = torch.cat([self.factor.T, u.new_zeros(size, taken.shape[1] - size)], 1)
        gradient, precision = -u, torch.eye(size, dtype=u.dtype, device=u.device).repeat(len(u), 1, 1)
        for term in self.terms:
            slope, bend = term.slopes(taken, directions)
            gradient, precision = gradient + slope, precision - 0.5 * (bend + bend.mT)
        return gradient, precision

    def z(self, u: Tensor) -> Tensor:
        """μ + L u."""
        return self.mean + u @ self.factor.T

    def u(self, z: Tensor) -> Tensor:
        """L⁻¹ (z − μ)."""
        flat = (z - self.mean).flatten(0, -2)
        return torch.linalg.solve_triangular(self.factor, flat.mT, upper=False).mT.reshape(z.shape)

    def _taken(self, u: Tensor) -> Tensor:
        z = self.z(u)
        return z if self.told is None else torch.cat([z, self.told], -1)


@dataclass(frozen=True)
class OwnPosterior:
    """p(z | x_S) of some rows ``[B, D]``: a Gaussian that is near it, and draws that are nearer.

    A draw is one of two candidates of the Gaussian for each, chosen with probabilities that are proportional to
    min(w, w̄ √n), w = p̂(z) p(x_S | z) / q(z), of n candidates with the mean w̄ (sampling-importance resampling with
    truncated weights; Rubin 1988, Ionides 2008). Where q is the posterior all w are equal, and draws are those of q.

    Attributes:
        gaussian: q.
        density: log p(x_S, z).
        at_once: Candidates whose activations fit into memory.
    """

    gaussian: FullGaussian
    density: _Density
    at_once: int

    @property
    def mean(self) -> Float[Tensor, "B D"]:
        """Of q."""
        return self.gaussian.mean

    @property
    def variance(self) -> Float[Tensor, "B D"]:
        """Of q."""
        return self.gaussian.variance

    def rsample(self, samples: tuple[int, ...] = ()) -> Float[Tensor, "*samples B D"]:
        """Draws ``[*samples, B, D]``, without gradients."""
        count = math.prod(samples)
        with torch.no_grad():
            candidates = self.gaussian.rsample((CANDIDATES * count,))
            log_weights = (self._log_p(candidates) - self.gaussian.log_prob(candidates)).double()
            log_weights = log_weights.masked_fill(~log_weights.isfinite(), -torch.inf)
            log_weights = torch.where((log_weights == -torch.inf).all(0), 0.0, log_weights)
            weights = log_weights.softmax(0)
            weights = weights.clamp(max=len(weights) ** -0.5)
            chosen = self._chosen((weights / weights.sum(0)).cumsum(0).T.contiguous(), count)
            drawn = candidates.gather(0, chosen[..., None].expand(-1, -1, candidates.shape[-1]))
        return drawn.reshape(*samples, *self.mean.shape)

    def __getitem__(self, rows: Tensor) -> OwnPosterior:
        there = rows.to(self.density.factor.device)
        return OwnPosterior(self.gaussian[rows.to(self.mean.device)], self.density[there], self.at_once)

    def _log_p(self, z: Tensor) -> Tensor:
        """log p(x_S, z) of ``[n, B, D]``, ``[n, B]``."""
        device, rows = self.density.factor.device, z.shape[1]
        values = []
        for part in z.split(max(1, self.at_once // max(1, rows))):
            u = self.density.u(part.to(self.density.factor)).flatten(0, 1)
            repeated = torch.arange(rows, device=device).repeat(len(part))
            values.append(self.density[repeated].at(u).reshape(len(part), rows))
        return torch.cat(values).to(z.device)

    @staticmethod
    def _chosen(shares: Tensor, count: int) -> Tensor:
        """Systematic resampling: of n candidates with cumulated weights ``[B, n]``, numbers ``[count, B]``."""
        start = uniform_noise((len(shares),), shares)[:, None]
        places = (torch.arange(count, dtype=shares.dtype, device=shares.device) + start) / count
        return torch.searchsorted(shares, places).clamp(max=shares.shape[1] - 1).T


class LaplaceInference:
    """Posteriors of one trained model; :func:`.inference.why_not` says of which.

    It works on copies of decoders and likelihoods, which it keeps: in float64 for the mode.

    Args:
        model: It is not changed.
        mean: Of p̂, ``[D]``.
        covariance: Of p̂, ``[D, D]``.
    """

    def __init__(self, model: MultimodalVAE, mean: Float[Tensor, " D"], covariance: Float[Tensor, "D D"]) -> None:
        self.model = model
        self.device = torch.device("cpu") if model.device.type == "mps" else model.device  # which has no float64
        self.mean = mean.to(self.device, torch.float64)
        self.factor = torch.linalg.cholesky(covariance.to(self.device, torch.float64))
        self._copies: dict[tuple[str, torch.dtype], tuple[nn.Module, Likelihood]] = {}

    def posterior(self, batch: Batch, given: Given = None) -> OwnPosterior:
        """p(z | x_S) ``[B, D]``, in the precision of the model.

        A row whose log-density is finite neither at the mean of the encoders' posterior nor at that of p̂ has the mean
        and the variances of the former; where these are not finite, p̂.

        Args:
            batch: The rows.
            given: The modalities S, by name or as a mask ``Bool[B, M]``; what each row has by default.
        """
        model, training = self.model, self.model.training
        model.eval()
        try:
            with torch.no_grad():
                batch = model.prepare(batch)
                mask = model.mask(batch, given).expand(len(batch), -1)
                encoded = model.posterior(batch, mask)
                density, at_once = self._density(batch, mask, torch.float64), self._rows_at_once(mask)
                begun = density.u(encoded.mean.to(self.device, torch.float64))
                parts = torch.arange(len(batch), device=self.device).split(max(1, at_once // len(self.mean)))
                found = [_laplace(density[rows], begun[rows]) for rows in parts]
                mean, factor = (torch.cat(each) for each in zip(*found, strict=True))
                gaussian = self._safe(FullGaussian(mean, factor), encoded)
        finally:
            model.train(training)
        rough = self._density(batch, mask, encoded.mean.dtype)  # weights of candidates need few digits
        return OwnPosterior(FullGaussian(*(each.to(encoded.mean) for each in gaussian)), rough, at_once)

    def _density(self, batch: Batch, mask: Bool[Tensor, "B M"], dtype: torch.dtype) -> _Density:
        """Of the modalities that any row gives."""
        terms = []
        for m, name in enumerate(self.model.modalities):
            there = mask[:, m].to(self.device)
            if not there.any():
                continue
            x, observed = batch.data[name].to(self.device), batch.observed.get(name)
            observed = None if observed is None else observed.to(self.device)
            x = x.to(dtype) if x.is_floating_point() else x
            terms.append(_Term(*self._copy(m, name, dtype), x, observed, there))
        told = None if batch.told is None else batch.told.to(self.device, dtype)
        return _Density(terms, told, self.mean.to(dtype), self.factor.to(dtype))

    def _copy(self, m: int, name: str, dtype: torch.dtype) -> tuple[nn.Module, Likelihood]:
        """A decoder and its likelihood as constants."""
        if (name, dtype) not in self._copies:
            decoder, likelihood = (
                deepcopy(each[m]).to(self.device, dtype).eval().requires_grad_(False)
                for each in (self.model.decoders, self.model.likelihoods)
            )
            self._copies[name, dtype] = decoder, cast(Likelihood, likelihood)
        return self._copies[name, dtype]

    def _rows_at_once(self, mask: Bool[Tensor, "B M"]) -> int:
        """How many rows' activations are held at a time."""
        given = [m for m, there in enumerate(mask.any(0).tolist()) if there]
        layers = [layer for m in given for layer in self.model.decoders[m].modules() if isinstance(layer, nn.Linear)]
        return max(1, NUMBERS_AT_ONCE // max(len(self.mean), sum(layer.out_features for layer in layers)))

    def _safe(self, found: FullGaussian, encoded: Posterior) -> tuple[Tensor, Tensor]:
        """Mean and factor without rows that are not finite."""
        mean, factor = found.mean, found.factor
        for other in ((encoded.mean, encoded.variance.sqrt().diag_embed()), (self.mean, self.factor)):
            lost = ~(mean.isfinite().all(1) & factor.flatten(1).isfinite().all(1))
            mean = torch.where(lost[:, None], other[0].to(mean), mean)
            factor = torch.where(lost[:, None, None], other[1].to(factor), factor)
        return mean, factor


def _laplace(density: _Density, begun: Float[Tensor, "B D"]) -> tuple[Tensor, Tensor]:
    """The mode of each row ``[B, D]``, and a lower triangular factor of the inverse of the negative Hessian there
    ``[B, D, D]``, of z; NaN in rows without a mode.
    """
    u, lost = _mode(density, begun)
    precision = density.slopes(u)[1]
    lost = lost | ~precision.flatten(1).isfinite().all(1)
    spectrum, axes = _positive(precision)
    factor = density.factor @ axes * spectrum.rsqrt()[:, None]
    lower = torch.linalg.qr(factor.mT).R.mT  # of the same covariance, triangular
    return density.z(u).masked_fill(lost[:, None], torch.nan), lower.masked_fill(lost[:, None, None], torch.nan)


def _mode(density: _Density, begun: Float[Tensor, "B D"]) -> tuple[Float[Tensor, "B D"], Bool[Tensor, " B"]]:
    """Where the log-density of each row is largest, from ``begun``, and which rows it is finite nowhere in.

    Newton's steps A⁻¹ g, which where one would lead down are shortened by a damping λ of the row, (A + λ I)⁻¹ g.
    """
    value = density.at(begun)
    u = torch.where(value.isfinite()[:, None], begun, 0.0)
    value = torch.where(value.isfinite(), value, density.at(torch.zeros_like(begun)))
    lost = ~value.isfinite()
    rows = (~lost).nonzero().squeeze(1)
    damping = torch.zeros_like(value)
    spectrum, along, axes = torch.ones_like(u), torch.zeros_like(u), u.new_zeros(*u.shape, u.shape[1])
    moved = rows
    for _ in range(STEPS):
        if len(moved):
            gradient, precision = density[moved].slopes(u[moved])
            spectrum[moved], axes[moved] = _positive(precision)
            along[moved] = (axes[moved].mT @ gradient[..., None])[..., 0]
        shortened = along[rows] / (spectrum[rows] + damping[rows, None])
        there = u[rows] + (axes[rows] @ shortened[..., None])[..., 0]
        reached, before = density[rows].at(there), value[rows]
        better = reached >= before  # never so of what is not finite
        moved = rows[better]
        u[moved], value[moved] = there[better], reached[better]
        damping[rows] = torch.where(better, damping[rows] / 10, 10 * damping[rows] + 1)
        gain = torch.where(better, reached - before, (along[rows] * shortened).sum(1))
        rows = rows[gain > TOLERANCE]
        moved = moved[torch.isin(moved, rows)]
        if not len(rows):
            break
    return u, lost


def _positive(precision: Float[Tensor, "B D D"]) -> tuple[Float[Tensor, "B D"], Float[Tensor, "B D D"]]:
    """Eigenvalues and eigenvectors of a precision in units of p̂, of which none is below 1: what is seen of a row makes
    z more certain in every direction, or not less. Rows that are not finite have those of p̂.
    """
    size = precision.shape[-1]
    unit = torch.eye(size, dtype=precision.dtype, device=precision.device)
    finite = precision.flatten(1).isfinite().all(1)[:, None, None]
    spectrum, axes = torch.linalg.eigh(torch.where(finite, precision, unit))
    return spectrum.clamp(min=1.0), axes
