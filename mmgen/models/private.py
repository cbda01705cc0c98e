"""Latents that a modality has for itself, beside the z that all share."""

from __future__ import annotations

from collections.abc import Collection, Mapping

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from ..data import Modality
from ..distributions import Gaussian, kl_divergence, normal_noise, standard_normal, uniform_noise
from ..errors import MmgenError, alternatives, listed
from ..options import default_of
from .interface import ModelConfig


def private_sizes(
    asked: int | Mapping[str, int], modalities: Mapping[str, Modality], able: Collection[str], shared: bool
) -> dict[str, int]:
    """How many private dimensions each modality has, of those that have some.

    Args:
        asked: ``model.private_dim``: one number for all, or one by modality.
        modalities: All modalities.
        able: Those with an encoder of the model and a decoder.
        shared: Whether modalities share a latent at all.

    Raises:
        MmgenError: A modality that there is not, or one that cannot have private latents.
    """
    if not isinstance(asked, Mapping):
        asked = dict.fromkeys(modalities, asked) if asked else {}
    sizes = {name: size for name, size in asked.items() if size}
    if sizes and not shared:
        raise MmgenError("model.private_dim: each modality keeps its own latent already; leave it out.")
    for name in sizes:
        if name not in modalities:
            raise MmgenError(
                f"model.private_dim: there is no modality {name!r}; there are {alternatives(name, modalities)}"
            )
        if name not in able:
            raise MmgenError(
                f"model.private_dim: this objective does not both encode {name!r} by itself and generate it, so it has "
                f"no private latents; modalities that can have some: {listed(able) if able else 'none'}."
            )
    return sizes


def check_draws(draws_private: bool, from_prior: float) -> None:
    """Refuse a share of draws from the prior (``model.private_from_prior``) where an objective draws by itself.

    Raises:
        MmgenError: A share other than the default.
    """
    if draws_private and from_prior != default_of(ModelConfig, "private_from_prior"):
        raise MmgenError(
            "model.private_from_prior: this objective says itself where private latents are drawn from; leave it out."
        )


def private_draw(
    posterior: Gaussian, lead: tuple[int, ...], from_prior: float, *, sampled: bool
) -> tuple[Float[Tensor, "*lead_and_B P"], Float[Tensor, "*lead_and_B"]]:
    """Draws ``[*lead, B, P]`` of private latents w ~ q(w|x) ``[B, P]``, and what each costs ``[*lead, B]``: KL(q ‖ N(0,
    I)), or ``sampled`` log q(w) − log N(w; 0, I), whose mean that is.

    Each draw is from the prior with the probability ``from_prior``, and then costs nothing.
    """
    shape = (*lead, *posterior.mean.shape)
    noise = normal_noise(shape, posterior.mean)
    w = posterior.mean + posterior.scale * noise
    prior = standard_normal(posterior)
    cost = posterior.log_prob(w) - prior.log_prob(w) if sampled else kl_divergence(posterior, prior).expand(shape[:-1])
    if not from_prior:
        return w, cost
    alone: Bool[Tensor, "*lead_and_B"] = uniform_noise(shape[:-1], cost) < from_prior
    return torch.where(alone[..., None], noise, w), torch.where(alone, 0.0, cost)
