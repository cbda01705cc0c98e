"""The sampler of what training rows say of z by the model's own likelihood, with which rows are completed."""

from __future__ import annotations

import math
from typing import Annotated, Literal

import torch
from jaxtyping import Float, Int
from pydantic import Field
from torch import Tensor

from ..data import Table
from ..distributions import GaussianMixture, Seen, fit_mixture
from ..errors import MmgenError
from .factor_analysis import in_order
from .inference import why_not
from .interface import Model
from .laplace_inference import LaplaceInference
from .model import MultimodalVAE
from .sampler import Sampler, SamplerConfig, checked_latents
from .samplers import shrunk_moments

MOST_ROWS = 500  # that are looked at, spread over all
AT_ONCE = 256
PARTS = 5  # of the groups of rows, each of which is left out once
ROWS_OF_ONE = 8  # at least, for each Gaussian


class AggregatedConfig(SamplerConfig):
    """Options of :class:`AggregatedSampler`."""

    only_with = {"most": {"components": ("auto",)}}

    rounds: int = Field(2, ge=0, description="Rounds of expectation and maximisation of the first, single Gaussian.")
    components: Annotated[int, Field(ge=1)] | Literal["auto"] = Field(
        "auto",
        description="How many Gaussians; auto: 1, 2, 4 and so on, as long as modalities of rows that are left out are "
        "predicted better from the others.",
    )
    most: int = Field(32, ge=1, description="The largest number of Gaussians that is tried.")
    floor: float = Field(1e-6, gt=0, description="What is added to every variance, as a share of it.")


class AggregatedSampler(Sampler):
    r"""A mixture of Gaussians with which training rows are most probable under the model's own likelihood.

    .. math:: \hat p = \arg\max_p \sum_n \log \int p(z) \prod_m p(x_{nm} \mid z) \, dz

    It begins as one Gaussian with the moments of the encoders' latents. Encoders whose posteriors are too near 0 make
    that too narrow; ``rounds`` of expectation and maximisation, in which :class:`.LaplaceInference` says where z of a
    row is, mend it. Then rows' likelihoods, as Gaussian functions of z, have a mixture fitted to them
    (:func:`.distributions.fit_mixture`), of as many Gaussians as predict modalities of rows that are left out best: K
    is doubled as long as these get better by more than chance (:func:`best_count`).

    It exists for models that :func:`.inference.why_not` has nothing against.
    """

    Config = AggregatedConfig

    log_weights: Tensor  # [K]
    mean: Tensor  # [K, D]
    factor: Tensor  # [K, D, D]
    scores: Tensor  # [2]: how well encoders, and the model's own likelihood, impute validation rows; 0 where not known
    encoders_win: Tensor  # whether the first score is better by more than chance

    def build(self, model: Model) -> None:
        """Places for what is fitted, and for what a training measures afterwards."""
        for name in ("log_weights", "mean", "factor"):
            self.register_buffer(name, torch.zeros(0, dtype=torch.float64))
        self.register_buffer("scores", torch.zeros(2, dtype=torch.float64))
        self.register_buffer("encoders_win", torch.zeros((), dtype=torch.bool))

    @property
    def mixture(self) -> GaussianMixture:
        """p̂."""
        return GaussianMixture(self.log_weights, self.mean, self.factor)

    def fit(self, latents: Float[Tensor, "N D"]) -> None:
        """One Gaussian."""
        mean, covariance = shrunk_moments(checked_latents(latents, "aggregated"), self.config.floor)
        self._take(GaussianMixture.one(mean, covariance))

    def see(self, model: Model, train: Table) -> None:
        """The rounds, and the mixture."""
        assert isinstance(model, MultimodalVAE)
        if (reason := why_not(model)) is not None:
            raise MmgenError(
                f"The sampler 'aggregated' is for inference by the model's own likelihood, and there is none: {reason}."
            )
        modes: Tensor | None = None
        for _ in range(self.config.rounds):
            inference = LaplaceInference(model, self.mixture)
            precision, pull, modes = seen_in(inference, train, modes)
            seen = everything(precision, pull)
            if len(seen):
                self._keep(fit_mixture(seen, 1, iterations=0, floor=self.config.floor), inference)
        if self.config.components == 1:
            return
        inference = LaplaceInference(model, self.mixture)
        precision, pull, _ = seen_in(inference, train, modes)
        seed = int(torch.randint(2**31 - 1, ()))
        wanted = self.config.components
        belong = None if train.groups is None else train.groups.cpu()[_looked_at(train)]
        count = best_count(precision, pull, self.config.most, seed, belong) if wanted == "auto" else wanted
        if count > pull.shape[1]:
            raise MmgenError(f"sampler.components: {count} Gaussians need as many rows; there are {pull.shape[1]}.")
        if count > 1:
            found = fit_mixture(everything(precision, pull), count, seed=seed, floor=self.config.floor)
            self._keep(found, inference)

    def sample(self, count: int) -> Float[Tensor, "count D"]:
        """z ~ p̂."""
        return self.mixture.sample(count)

    def log_prob(self, z: Float[Tensor, "*lead D"]) -> Float[Tensor, "*lead"]:
        """log p̂(z)."""
        return self.mixture.log_prob(z.to(self.mean))

    def _keep(self, units: GaussianMixture, inference: LaplaceInference) -> None:
        """A density of u, in the units of an inference, as one of z."""
        self._take(units.mapped(inference.mean, inference.factor))

    def _take(self, density: GaussianMixture) -> None:
        density = density.to(torch.zeros((), dtype=torch.float64))
        self.log_weights, self.mean, self.factor = density.log_weights, density.mean, density.factor


def seen_in(
    inference: LaplaceInference, train: Table, near: Float[Tensor, "N D"] | None = None
) -> tuple[Float[Tensor, "M N D D"], Float[Tensor, "M N D"], Float[Tensor, "N D"]]:
    """What every modality says of z in training rows, and their modes (:meth:`.LaplaceInference.seen`), given all by
    which the model can infer; of ``MOST_ROWS`` rows at most, spread over all.
    """
    model, given = inference.model, list[str]()
    for name in model.modalities:
        given += [name] if why_not(model, [*given, name]) is None else []
    rows = _looked_at(train)
    begun = [None] * len(rows.split(AT_ONCE)) if near is None else near.split(AT_ONCE)
    found = [
        inference.seen(train[some].to(model.device), given, first)
        for some, first in zip(rows.split(AT_ONCE), begun, strict=True)
    ]
    precision, pull, modes = zip(*found, strict=True)
    return torch.cat(precision, 1), torch.cat(pull, 1), torch.cat(modes)


def _looked_at(train: Table) -> Tensor:
    """The rows that are looked at."""
    return torch.arange(len(train))[:: 1 + (len(train) - 1) // MOST_ROWS]


def everything(precision: Float[Tensor, "M N D D"], pull: Float[Tensor, "M N D"]) -> Seen:
    """What all modalities together say; no direction of z is less certain for that."""
    spectrum, axes = torch.linalg.eigh(precision.sum(0))
    return Seen.rows((axes * spectrum.clamp(min=0)[:, None]) @ axes.mT, pull.sum(0))


def best_count(
    precision: Float[Tensor, "M N D D"],
    pull: Float[Tensor, "M N D"],
    most: int,
    seed: int,
    belong: Int[Tensor, " N"] | None = None,
) -> int:
    r"""The number of Gaussians with which modalities of rows that are left out are predicted best from the others.

    .. math:: \sum_m \log p(x_m \mid x_{-m}) \quad \text{and} \quad \sum_m \log p(x_m \mid E[z \mid x_{-m}])

    K is doubled as long as the first is not worse by its standard error, and the last is taken for which it was better
    by that and the second not worse: what is said of a value is a density, but most people ask for one number.

    Args:
        precision: Λ_m of every row.
        pull: η_m.
        most: The largest number.
        seed: Of the parts of the rows, and of the clusters.
        belong: Rows with the same number are left out together; each is alone by default.
    """
    rows = pull.shape[1]
    if rows < ROWS_OF_ONE:
        return 1
    group = torch.arange(rows) if belong is None else torch.from_numpy(in_order(belong.numpy()))
    order = torch.randperm(int(group.max()) + 1, generator=torch.Generator().manual_seed(seed))
    parts = (order[group] % PARTS).to(pull.device)
    if (parts == parts[0]).all():  # nothing can be left out
        return 1
    seen, others = everything(precision, pull), all_but_one(precision, pull)
    best, best_scores = 1, pull.new_zeros(2, 0)
    count = 1
    while count <= most and count * ROWS_OF_ONE <= rows:
        scores = pull.new_zeros(2, rows)
        for part in range(PARTS):
            kept, left = (parts != part).nonzero()[:, 0], (parts == part).nonzero()[:, 0]
            density, without = fit_mixture(seen[kept], count, seed=seed), [each[left] for each in others]
            scores[:, left] = predictions(density, seen[left], without, precision[:, left], pull[:, left])
        if count == 1:
            best_scores = scores
        else:
            gain = (scores - best_scores).mean(1).tolist()
            error = float((scores - best_scores)[0].std()) / math.sqrt(rows)
            if gain[0] < -error:
                break
            if gain[0] > error and gain[1] >= 0:
                best, best_scores = count, scores
        count *= 2
    return best


def all_but_one(precision: Float[Tensor, "M N D D"], pull: Float[Tensor, "M N D"]) -> list[Seen]:
    """What all modalities but each in turn say."""
    others = [torch.arange(len(pull)) != m for m in range(len(pull))]
    return [everything(precision[left], pull[left]) for left in others]


def predictions(
    density: GaussianMixture,
    seen: Seen,
    others: list[Seen],
    precision: Float[Tensor, "M B D D"],
    pull: Float[Tensor, "M B D"],
) -> Float[Tensor, "two B"]:
    """Σ_m log p(x_m | x_others) and Σ_m log p(x_m | E[z | x_others]) of rows, without the constants of p(x_m | z).

    Args:
        density: p̂.
        seen: :func:`everything`.
        others: :func:`all_but_one`.
        precision: Λ_m.
        pull: η_m.
    """
    whole, _ = density.evidence(seen)
    logs, points = torch.zeros_like(whole), torch.zeros_like(whole)
    for own, eta, rest in zip(precision, pull, others, strict=True):
        known, z = density.evidence(rest)
        logs = logs + whole - known
        points = points + (eta * z).sum(1) - 0.5 * torch.einsum("nd,nde,ne->n", z, own, z)
    return torch.stack([logs, points])
