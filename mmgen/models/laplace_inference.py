r"""z given some modalities by the model's own likelihood, at test time.

.. math:: p(z \mid x_S) \propto \hat p(z) \prod_{m \in S} p(x_m \mid z)

where :math:`\hat p`, a mixture of Gaussians, is what training rows say of z (:class:`.AggregatedSampler`), and of every
modality the observed cells count. The likelihood is approximated by a Gaussian function of z as Laplace did, at the
mode under the one Gaussian :math:`\hat p_0` that has the moments of :math:`\hat p`,

.. math:: \hat z = \arg\max_z \log \hat p_0(z) \prod_{m \in S} p(x_m \mid z)

.. math:: \prod_{m \in S} p(x_m \mid z) \approx c\, e^{-\frac12 z^\top \Lambda z + \eta^\top z}

The posterior is then approximated by the mixture q that follows from that in closed form
(:meth:`.GaussianMixture.given`). With linear decoders and normal likelihoods it is the posterior itself. An encoder's
product of diagonal Gaussians cannot be it, even there: the true one has correlations, and more of them the fewer
modalities are given.

Source: Tierney & Kadane 1986 (https://doi.org/10.1080/01621459.1986.10478240); of the damping Levenberg 1944 and
Marquardt 1963. Likelihoods count once here, whatever weights w_m they had in training: these are no part of p(x | z).
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from copy import deepcopy
from dataclasses import dataclass
from typing import cast

import torch
from jaxtyping import Bool, Float
from torch import Tensor, nn

from ..data import Batch
from ..distributions import FullGaussian, GaussianMixture, Likelihood, Mixture, Posterior, Seen, uniform_noise
from .interface import Given
from .model import MultimodalVAE

STEPS = 20  # of each row, at most: at the kinks of a network of linear pieces Newton's steps zigzag
TOLERANCE = 1e-3  # nats: a row has arrived behind a step that has gained less, or with a damping from which none would
CANDIDATES = 2  # for each draw that is wanted
NUMBERS_AT_ONCE = 2**22  # activations of decoders
FACTORS_AT_ONCE = 2**22  # numbers of the Gaussians that draws are from, each with its own


@dataclass(frozen=True)
class _Term:
    """log p(x_m | z) of one modality in some rows.

    Attributes:
        decoder, likelihood: As constants.
        dtype: Of these, and of what the decoder takes.
        x: Values ``[B, *shape]``.
        observed: Which cells count, ``[B, *shape]``; None: all.
        there: Which rows give the modality, ``[B]``.
    """

    decoder: nn.Module
    likelihood: Likelihood
    dtype: torch.dtype
    x: Tensor
    observed: Tensor | None
    there: Tensor

    def __getitem__(self, rows: Tensor) -> _Term:
        observed = None if self.observed is None else self.observed[rows]
        return _Term(self.decoder, self.likelihood, self.dtype, self.x[rows], observed, self.there[rows])

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
            each = directions[:, None].expand(-1, len(rows), -1)
            along = torch.autograd.grad(back, weight, each, is_grads_batched=True)[0].flatten(0, 1)
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
    """log p(x_S | z) + log p̂₀(z) of some rows, without the constant of p̂₀, in u where z = μ + L u and p̂₀ is N(0, I).

    Attributes:
        terms: Of the modalities that are given.
        rough: The same in the precision of the model, by which steps towards a mode are found.
        told: Covariates ``[B, T]``, if decoders take any.
        mean, factor: μ ``[D]`` and L ``[D, D]``, lower triangular.
    """

    terms: Sequence[_Term]
    rough: Sequence[_Term]
    told: Tensor | None
    mean: Tensor
    factor: Tensor

    def __getitem__(self, rows: Tensor) -> _Density:
        told = None if self.told is None else self.told[rows]
        terms = [term[rows] for term in self.terms]
        rough = terms if self.rough is self.terms else [term[rows] for term in self.rough]
        return _Density(terms, rough, told, self.mean, self.factor)

    def roughly(self) -> _Density:
        """In the precision of the model, which is enough for weights of candidates."""
        dtype = next((term.dtype for term in self.rough), self.mean.dtype)
        told = None if self.told is None else self.told.to(dtype)
        return _Density(self.rough, self.rough, told, self.mean.to(dtype), self.factor.to(dtype))

    def at(self, u: Tensor) -> Tensor:
        """``[B, D]`` to ``[B]``."""
        return self.log_likelihood(u) - 0.5 * u.square().sum(1)

    def log_likelihood(self, u: Tensor) -> Tensor:
        """log p(x_S | z) alone."""
        taken = self._taken(u)
        return sum((term.values(taken) for term in self.terms), start=u.new_zeros(len(u)))

    def slopes(self, u: Tensor, *, rough: bool = False) -> tuple[Tensor, Tensor]:
        """The gradient ``[B, D]`` and the negative Hessian ``[B, D, D]``."""
        gradient, precision = -u, torch.eye(u.shape[1], dtype=u.dtype, device=u.device).repeat(len(u), 1, 1)
        for slope, bend in self.slopes_of_terms(u, rough=rough):
            gradient, precision = gradient + slope, precision + bend
        return gradient, precision

    def slopes_of_terms(self, u: Tensor, *, rough: bool = False) -> Iterator[tuple[Tensor, Tensor]]:
        """The same of log p(x_m | z) of one modality after another."""
        taken, size = self._taken(u), u.shape[1]
        directions = torch.cat([self.factor.T, u.new_zeros(size, taken.shape[1] - size)], 1)
        for term in self.rough if rough else self.terms:
            slope, bend = (each.to(u) for each in term.slopes(taken.to(term.dtype), directions.to(term.dtype)))
            yield slope, -0.5 * (bend + bend.mT)

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
    """p(z | x_S) of some rows ``[B, D]``: a mixture of Gaussians that is near it, and draws that are nearer.

    A draw is one of two candidates of the mixture for each, chosen with probabilities that are proportional to
    min(w, w̄ √n), w = p̂(z) p(x_S | z) / q(z), of n candidates with the mean w̄ (sampling-importance resampling with
    truncated weights; Rubin 1988, Ionides 2008). Where q is the posterior all w are equal, and draws are those of q.

    Attributes:
        mixture: q, ``[K, B, D]``.
        prior: p̂.
        density: log p(x_S | z).
        at_once: Candidates whose activations fit into memory.
    """

    mixture: Mixture
    prior: GaussianMixture
    density: _Density
    at_once: int

    @property
    def mean(self) -> Float[Tensor, "B D"]:
        """Of q."""
        return self.mixture.mean

    @property
    def variance(self) -> Float[Tensor, "B D"]:
        """Of q."""
        return self.mixture.variance

    def rsample(self, samples: tuple[int, ...] = ()) -> Float[Tensor, "*samples B D"]:
        """Draws ``[*samples, B, D]``, without gradients."""
        count = math.prod(samples)
        with torch.no_grad():
            wanted, factors = CANDIDATES * count, self.mean.numel() * self.mean.shape[-1]
            at_once = wanted if len(self.prior) == 1 else max(1, FACTORS_AT_ONCE // max(1, factors))
            parts = torch.arange(wanted).split(max(1, at_once))
            candidates = torch.cat([self.mixture.rsample((len(part),)) for part in parts])
            log_weights = self._log_weights(candidates).double()
            log_weights = log_weights.masked_fill(~log_weights.isfinite(), -torch.inf)
            log_weights = torch.where((log_weights == -torch.inf).all(0), 0.0, log_weights)
            weights = log_weights.softmax(0)
            weights = weights.clamp(max=len(weights) ** -0.5)
            chosen = self._chosen((weights / weights.sum(0)).cumsum(0).T.contiguous(), count)
            drawn = candidates.gather(0, chosen[..., None].expand(-1, -1, candidates.shape[-1]))
        return drawn.reshape(*samples, *self.mean.shape)

    def __getitem__(self, rows: Tensor) -> OwnPosterior:
        here, there = rows.to(self.mean.device), rows.to(self.density.factor.device)
        mixture = Mixture(self.mixture.components[:, here], self.mixture.log_weights[:, here])
        return OwnPosterior(mixture, self.prior, self.density[there], self.at_once)

    def _log_weights(self, z: Tensor) -> Tensor:
        """log p̂(z) p(x_S | z) / q(z) of ``[n, B, D]``, ``[n, B]``."""
        device, rows = self.density.factor.device, z.shape[1]
        values = []
        for part in z.split(max(1, self.at_once // max(1, rows * len(self.prior)))):
            u = self.density.u(part.to(self.density.factor)).flatten(0, 1)
            repeated = torch.arange(rows, device=device).repeat(len(part))
            seen = self.density[repeated].log_likelihood(u).reshape(len(part), rows).to(z.device)
            values.append(seen + self.prior.log_prob(part) - self.mixture.log_prob(part))
        return torch.cat(values)

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
        prior: p̂.
    """

    def __init__(self, model: MultimodalVAE, prior: GaussianMixture) -> None:
        self.model = model
        self.device = torch.device("cpu") if model.device.type == "mps" else model.device  # which has no float64
        self.prior = prior.to(torch.zeros((), dtype=torch.float64, device=self.device))
        self.mean, covariance = self.prior.moments  # of p̂₀
        self.factor = torch.linalg.cholesky(covariance)
        self._copies: dict[tuple[str, torch.dtype], tuple[nn.Module, Likelihood]] = {}

    def posterior(self, batch: Batch, given: Given = None) -> OwnPosterior:
        """p(z | x_S) ``[B, D]``, in the precision of the model.

        A row whose log-density is finite neither at the mean of the encoders' posterior nor at that of p̂ has the mean
        and the variances of the former; where these are not finite, p̂.

        Args:
            batch: The rows.
            given: The modalities S, by name or as a mask ``Bool[B, M]``; what each row has by default.
        """
        with self._prepared(batch, given) as (batch, mask, encoded, at_once):
            density = self._density(batch, mask, encoded.mean.dtype)
            begun = density.u(encoded.mean.to(self.device, torch.float64))
            parts = torch.arange(len(batch), device=self.device).split(max(1, at_once // len(self.mean)))
            found = [_seen(density[rows], begun[rows]) for rows in parts]
            precision, pull, lost = (torch.cat(each) for each in zip(*found, strict=True))
            units = self.prior.unmapped(self.mean, self.factor).given(Seen.rows(precision, pull))
            gaussians = FullGaussian(
                density.z(units.components.mean), self.factor @ cast(FullGaussian, units.components).factor
            )
            mixture = self._safe(Mixture(gaussians, units.log_weights), lost, encoded)
        return OwnPosterior(mixture, self.prior.to(encoded.mean), density.roughly(), at_once)

    def seen(
        self, batch: Batch, given: Given = None, near: Float[Tensor, "B D"] | None = None
    ) -> tuple[Float[Tensor, "M B D D"], Float[Tensor, "M B D"], Float[Tensor, "B D"]]:
        """What each modality says of z: Λ_m and η_m at the mode given all, 0 where a row does not give it, in units u
        of p̂₀, z = ``mean`` + ``factor`` u; rows without a mode are left out. And the modes as z, of all rows: those of
        another p̂ are ``near`` them, where else one begins at the means of the encoders.
        """
        with self._prepared(batch, given) as (batch, mask, encoded, at_once):
            density = self._density(batch, mask, encoded.mean.dtype)
            begun = density.u((encoded.mean if near is None else near).to(self.device, torch.float64))
            there, size = mask.any(0).nonzero().squeeze(1).to(self.device), begun.shape[1]
            found = []
            for rows in torch.arange(len(batch), device=self.device).split(max(1, at_once // size)):
                part = density[rows]
                u, lost = _mode(part, begun[rows])
                precision = u.new_zeros(mask.shape[1], len(u), size, size)
                pull = u.new_zeros(mask.shape[1], len(u), size)
                for m, (slope, bend) in zip(there.tolist(), part.slopes_of_terms(u), strict=True):
                    precision[m], pull[m] = bend, slope + (bend @ u[..., None])[..., 0]
                kept = ~lost & precision.isfinite().all(-1).all(-1).all(0) & pull.isfinite().all(-1).all(0)
                found.append((precision[:, kept], pull[:, kept], density.z(u)))
        bends, slopes, modes = zip(*found, strict=True)
        return torch.cat(bends, 1), torch.cat(slopes, 1), torch.cat(modes)

    @contextmanager
    def _prepared(self, batch: Batch, given: Given) -> Iterator[tuple[Batch, Tensor, Posterior, int]]:
        """The batch as networks see it, what is given, what the encoders say, and how many rows fit into memory."""
        model, training = self.model, self.model.training
        model.eval()
        try:
            with torch.no_grad():
                batch = model.prepare(batch)
                mask = model.mask(batch, given).expand(len(batch), -1)
                yield batch, mask, model.posterior(batch, mask), self._rows_at_once(mask)
        finally:
            model.train(training)

    def _density(self, batch: Batch, mask: Bool[Tensor, "B M"], own: torch.dtype) -> _Density:
        """Of the modalities that any row gives; ``own`` is the precision of the model."""
        told = None if batch.told is None else batch.told.to(self.device, torch.float64)
        terms = self._terms(batch, mask, torch.float64)
        rough = terms if own == torch.float64 else self._terms(batch, mask, own)
        return _Density(terms, rough, told, self.mean, self.factor)

    def _terms(self, batch: Batch, mask: Bool[Tensor, "B M"], dtype: torch.dtype) -> list[_Term]:
        terms = []
        for m, name in enumerate(self.model.modalities):
            there = mask[:, m].to(self.device)
            if not there.any():
                continue
            x, observed = batch.data[name].to(self.device), batch.observed.get(name)
            observed = None if observed is None else observed.to(self.device)
            x = x.to(dtype) if x.is_floating_point() else x
            terms.append(_Term(*self._copy(m, name, dtype), dtype, x, observed, there))
        return terms

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

    def _safe(self, found: Mixture, lost: Bool[Tensor, " B"], encoded: Posterior) -> Mixture:
        """In the precision of the encoders, without rows that are not finite."""
        gaussians = cast(FullGaussian, found.components)
        mean, factor, log_weights = gaussians.mean, gaussians.factor, found.log_weights
        finite = mean.isfinite().all(2) & factor.flatten(2).isfinite().all(2) & log_weights.isnan().logical_not()
        lost = lost | ~finite.all(0)
        usable = encoded.mean.isfinite().all(1) & encoded.variance.isfinite().all(1)
        prior = self.prior
        for rows, other_mean, other_factor in (
            (lost & usable.to(lost.device), encoded.mean, encoded.variance.sqrt().diag_embed()),
            (lost & ~usable.to(lost.device), prior.mean[:, None], prior.factor[:, None]),
        ):
            mean = torch.where(rows[:, None], other_mean.to(mean), mean)
            factor = torch.where(rows[:, None, None], other_factor.to(factor), factor)
        log_weights = torch.where(lost, prior.log_weights[:, None], log_weights)
        like = encoded.mean
        return Mixture(FullGaussian(mean.to(like), factor.to(like)), log_weights.to(like))


def _seen(density: _Density, begun: Float[Tensor, "B D"]) -> tuple[Tensor, Tensor, Tensor]:
    """Λ ``[B, D, D]`` and η ``[B, D]`` of each row at its mode, in units of p̂₀, and which rows have none ``[B]``: these
    see nothing.
    """
    u, lost = _mode(density, begun)
    precision = density.slopes(u)[1]
    lost = lost | ~precision.flatten(1).isfinite().all(1)
    spectrum, axes = _positive(precision)
    seen = (axes * (spectrum - 1)[:, None]) @ axes.mT
    pull = u + (seen @ u[..., None])[..., 0]  # at the mode the slope of the likelihood is u
    none = lost | ~pull.isfinite().all(1)
    return seen.masked_fill(none[:, None, None], 0.0), pull.masked_fill(none[:, None], 0.0), none


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
            gradient, precision = density[moved].slopes(u[moved], rough=True)
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
    """Eigenvalues and eigenvectors of a precision in units of p̂₀, of which none is below 1: what is seen of a row makes
    z more certain in every direction, or not less. Rows that are not finite have those of p̂₀.
    """
    size = precision.shape[-1]
    unit = torch.eye(size, dtype=precision.dtype, device=precision.device)
    finite = precision.flatten(1).isfinite().all(1)[:, None, None]
    spectrum, axes = torch.linalg.eigh(torch.where(finite, precision, unit))
    return spectrum.clamp(min=1.0), axes
