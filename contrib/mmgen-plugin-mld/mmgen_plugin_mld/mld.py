"""MLD: autoencoders of single modalities, and one diffusion of all their latents that generates any from any others."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from mmgen import Batch, Modality, Model, Objective, Terms
from mmgen.distributions import Gaussian, normal_noise, uniform_noise
from mmgen.models import Projections

from .diffused import Diffused
from .network import NoiseNetwork
from .options import MLDConfig, sizes_of
from .sde import VariancePreserving
from .standard import Standard


class MLD(Objective):
    r"""MLD: multi-modal latent diffusion: autoencoders :math:`z_m = g_m(x_m)` without a variance, and above them a
    diffusion of all latents side by side, :math:`z = (z_1, \dots, z_M)`, of which any part can be held.

    .. math::
        \sum_m \log p(x_m | z_m) - \mathbb E_{t, A, \epsilon} \frac{D}{D_A} \sum_{m \in A} \big|
        \hat\epsilon_m(u(t), \tau) - \epsilon_m \big|^2

    .. math::
        u_m(t) = \begin{cases} \alpha(t) \bar u_m + \sigma(t) \epsilon_m & m \in A \\ \bar u_m & m \notin A \end{cases}

    .. math::
        \tau_m = \begin{cases} t & m \in A \\ 0 & m \notin A \end{cases}, \qquad t \sim \mathcal U(0, 1)

    :math:`\bar u` are standardised latents, constants in the second term: autoencoders learn from the first alone, each
    from its own modality, and the network ε̂ of the diffusion, with ε ∼ N(0, I), from the second. A are the modalities
    that are noised, of D_A dimensions out of D: all of them in the share ``joint`` of the rows, a random part in others
    (any but none and all, each as likely). So −ε̂(u, τ) / σ(t) estimates the score ∇ log p_t(u_A | u_S) of whatever is
    noised given the rest, which is known at the time 0 (multi-time training), and the joint score where A is
    everything. α and σ are those of :class:`.sde.VariancePreserving`. It is no bound, and has no density; β multiplies
    nothing.

    The paper has two stages, the autoencoders and then the diffusion. With ``training.stages``:

    - ``{epochs: 20, objective: {learns: autoencoders}}``
    - ``{train: [objective.network], objective: {learns: diffusion}}``

    Without stages all learn at once, and the diffusion runs after latents that move.

    Posterior afterwards: z_m of what is given, as points, and of the rest a draw by N steps back from noise
    (:class:`.diffused.Diffused`); given nothing all of it is drawn, which is p(z). It has no density. Every modality is
    decoded from its own part z_m.

    Missing modalities: autoencoders learn from what a row has, exactly as if the rest did not exist; the diffusion
    learns from rows that have everything. Means and standard deviations of latents are those of whole batches so far,
    so batches stay in one piece.

    Source: Bounoua, Franzese & Michiardi 2024, "Multi-modal latent diffusion" (Entropy 26(4),
    https://arxiv.org/abs/2306.04445), section 4, with the released code (https://github.com/MustaphaBounoua/MLD).
    Deviations: there, A is the same for all rows of a batch, latents are standardised by the first batch unless asked
    otherwise, and steps back are gone ten times over (``repeats``), noised in between by as many single steps where it
    is one here. Its importance sampling of t and weights of likelihoods are not here; the network is ours, and its
    average over steps is ``training.average``. That incomplete rows train autoencoders is ours.
    """

    Config = MLDConfig
    family = "diffusions"
    aggregator, prior = None, None
    supports_missing = True
    whole_batch = True
    most_modalities = 20  # whose parts a float32 can number
    staged = ("learns",)

    owners: Tensor  # [D]: the number of the modality that a coordinate belongs to

    def encodes(self, modalities: Mapping[str, Modality], latent_dim: int) -> Mapping[str, int]:
        """None: g_m are in the place of encoders."""
        return {}

    def decodes(self, modalities: Mapping[str, Modality], latent_dim: int) -> Mapping[str, int]:
        """From z_m."""
        return sizes_of(self.config, modalities, latent_dim)

    def build(self, model: Model) -> None:
        """g_m, ε̂, and means and standard deviations of z."""
        options, dim = self.config, model.config.latent_dim
        self.sizes = sizes_of(options, model.modalities, dim)
        self.encoders = Projections(model, self.sizes)
        self.network = NoiseNetwork(dim, len(self.sizes), options.width, options.blocks)
        self.standard = Standard(dim)
        self.sde = VariancePreserving(*options.rates)
        counts = torch.tensor(list(self.sizes.values()))
        self.register_buffer("owners", torch.arange(len(counts)).repeat_interleave(counts), persistent=False)

    def terms(self, model: Model, batch: Batch) -> Terms:
        """Log-likelihood ``[M, B]``, divergence 0, and ``denoising`` ``[B]``."""
        learns, has = self.config.learns, batch.available
        with torch.set_grad_enabled(torch.is_grad_enabled() and learns != "diffusion"):
            z = self.latents(batch)  # M times [B, d_m]
        nothing = z[0].new_zeros(len(has))
        log_likelihood, denoising = nothing.expand(len(z), -1), nothing
        if learns != "diffusion":
            log_likelihood = model.log_likelihood(z, batch, per_modality=True)
        place = torch.cat(z, -1).detach()
        if learns != "autoencoders":
            denoising = -self.error(self.standard(place)).where(has.all(-1), 0.0)
        if self.training and torch.is_grad_enabled():
            self.standard.see(place, has[:, self.owners])
        return Terms(log_likelihood, nothing, {"denoising": denoising})

    def latents(self, batch: Batch) -> list[Float[Tensor, "B _"]]:
        """z_m of what rows have, zeros elsewhere."""
        return [z[:, :size] for z, size in zip(self.encoders(batch), self.sizes.values(), strict=True)]

    def error(self, u: Float[Tensor, "B D"]) -> Float[Tensor, " B"]:
        """The squared error of the noise that is found in each row, over what is noised, times D / D_A."""
        t, *chances = uniform_noise((3, len(u)), u)
        noised, noise = self.noised(*chances), normal_noise(tuple(u.shape), u)
        where = noised[:, self.owners]  # [B, D]
        seen = torch.where(where, self.sde.noised(u, t[:, None], noise), u)
        wrong = (self.network(seen, t[:, None] * noised) - noise).square().where(where, 0.0)
        return wrong.sum(-1) * (u.shape[-1] / where.sum(-1))

    def noised(self, together: Float[Tensor, " B"], which: Float[Tensor, " B"]) -> Bool[Tensor, "B M"]:
        """A of each row, from two uniform numbers: whether it is everything, and which part it is otherwise."""
        modalities = len(self.sizes)
        parts = 2**modalities - 2
        number = 1 + (which * parts).long().clamp(max=parts - 1)  # 1 … 2^M − 2, whose digits are the modalities
        part = (number[:, None] >> torch.arange(modalities, device=which.device)) % 2 == 1
        return part | ((together < self.config.joint) | (modalities == 1))[:, None]

    def drawn(self, known: Float[Tensor, "*lead D"], given: Bool[Tensor, "*lead M"]) -> Float[Tensor, "*lead D"]:
        """z_m of ``known`` of what is given, and the others by steps back from noise."""
        options, held = self.config, given[..., self.owners]

        def score(u: Tensor, t: Tensor) -> Tensor:
            return -self.network(u, t * ~given) / self.sde.spread(t)

        u = self.sde.reverse(score, self.standard(known), held, options.steps, options.repeats, options.jump)
        return torch.where(held, known, self.standard.inverse(u))

    def posterior(self, model: Model, batch: Batch, experts: Gaussian, given: Bool[Tensor, "*lead B M"]) -> Diffused:
        """``[..., B, D]``."""
        return Diffused(self.drawn, torch.cat(self.latents(batch), -1), given, self.owners, self.config.points)

    def drawn_prior(self, model: Model, like: Float[Tensor, "B D"]) -> Diffused:
        """All of z by steps back from noise."""
        nothing = torch.zeros(len(like), len(self.sizes), dtype=torch.bool, device=like.device)
        return Diffused(self.drawn, like, nothing, self.owners, self.config.points)

    def decoder_input(
        self,
        model: Model,
        z: Float[Tensor, "*lead B D"],
        target: str,
        batch: Batch | None,
        given: Bool[Tensor, "*any B M"] | None,
    ) -> Float[Tensor, "*lead B _"]:
        """z_m of the target."""
        return z[..., self.place(target)]

    def place(self, target: str) -> slice:
        """Where z_m is in z."""
        before: Sequence[int] = list(self.sizes.values())[: list(self.sizes).index(target)]
        return slice(sum(before), sum(before) + self.sizes[target])
