"""Who says what z is given some modalities, where values are imputed: the model's own likelihood, or the encoders."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any, Literal

import torch
from torch import Tensor, nn

from ..data import ImageModality, TextModality
from ..distributions.likelihoods import Laplace
from ..errors import MmgenError, listed
from .building import Component
from .laplace_inference import LaplaceInference
from .model import MultimodalVAE
from .objective import Objective
from .sampler import Sampler

Inference = Literal["model", "encoder"]
LATENTS = {"name": "aggregated"}  # the sampler that says what training rows say of z: p̂
MOST_DIMENSIONS = 64
MOST_VALUES = 5000
CONNECTED = (nn.Linear, nn.modules.batchnorm._BatchNorm, nn.LayerNorm)  # what fully connected decoders are made of


def why_not(model: MultimodalVAE, given: Sequence[str] | None = None) -> str | None:
    """Why z given these modalities cannot be inferred by the model's own likelihood; None where it can.

    Without ``given``: whether it can from any modality.
    """
    if not model.shares_latent:
        return "the modalities keep latents of their own"
    if model.private:
        return "modalities have private latents beside z"
    if type(model.objective).decoder_input is not Objective.decoder_input:
        return "decoders take more than z"
    if model.objective.prior is None or model.objective.decodes_mean:
        return f"the objective {model.name!r} has no prior that z is drawn from"
    if model.config.latent_dim > MOST_DIMENSIONS:
        return f"z has more than {MOST_DIMENSIONS} dimensions"
    if given is None:
        reasons = [why_not(model, [name]) for name in model.modalities]
        return None if None in reasons else reasons[0]
    for reason, names in (
        (
            f"the objective {model.name!r} does not generate",
            [name for name in given if name not in model.decoder_sizes],
        ),
        ("it is for tables alone, and not for", [name for name in given if not _is_of_a_table(model, name)]),
        ("decoders are not fully connected: those of", [name for name in given if not _is_connected(model, name)]),
        ("a log-density without curvature (laplace) has", [name for name in given if _is_straight(model, name)]),
    ):
        if names:
            return f"{reason} {listed(names)}"
    values = sum(math.prod(model.modalities[name].shape) for name in given)
    return f"{values:,} values are given, and it is for {MOST_VALUES:,}" if values > MOST_VALUES else None


def own_inference(
    model: MultimodalVAE, fitted: Callable[[Component], Sampler], inference: Inference | None
) -> tuple[LaplaceInference | None, str]:
    """The model's own inference, with p̂ from training rows; or None and the reason, where encoders infer.

    Args:
        model: The model.
        fitted: Gives a sampler that is fitted to the latents of training rows.
        inference: What is asked for; None: the model's own where that is possible, unless the encoders imputed the
            validation rows of the training better.

    Raises:
        MmgenError: The model's own is asked for, and there is none.
    """
    if inference == "encoder":
        return None, "as was asked for"
    reason = why_not(model)
    if reason is None:
        try:
            density: Any = fitted(LATENTS)
            if inference == "model" or not density.encoders_win:
                return LaplaceInference(model, density.mixture), ""
            encoders, own = density.scores.tolist()
            return None, f"they impute validation rows better (log score per value {encoders:.4f}, not {own:.4f})"
        except MmgenError as error:
            reason = str(error).rstrip(".")
    if inference == "model":
        raise MmgenError(f"inference: the model's own likelihood cannot say what z is: {reason}; choose encoder.")
    return None, reason


def inferred_by_model(model: MultimodalVAE, asked: Tensor) -> Tensor:
    """The rows ``Bool[N]`` of which all that is asked ``[N, M]`` can be looked at by the model's own likelihood."""
    return rows_whose_subset(model, asked, lambda subset: why_not(model, subset) is None)


def rows_whose_subset(model: MultimodalVAE, asked: Tensor, holds: Callable[[list[str]], bool]) -> Tensor:
    """The rows ``Bool[N]`` that have something of what is asked ``[N, M]``, and for whose subset of modalities
    something holds; each subset is looked at once.
    """
    names = list(model.modalities)
    patterns, of = asked.unique(dim=0, return_inverse=True)
    subsets = [[name for name, there in zip(names, pattern, strict=True) if there] for pattern in patterns.tolist()]
    found = [bool(subset) and holds(subset) for subset in subsets]
    return torch.tensor(found, dtype=torch.bool, device=asked.device)[of]


def _is_of_a_table(model: MultimodalVAE, name: str) -> bool:
    return not isinstance(model.modalities[name], ImageModality | TextModality)


def _is_connected(model: MultimodalVAE, name: str) -> bool:
    """Whether all that a decoder has learned is in fully connected layers and norms."""
    modules = model.decoders[list(model.modalities).index(name)].modules()
    return all(isinstance(each, CONNECTED) for each in modules if any(True for _ in each.parameters(recurse=False)))


def _is_straight(model: MultimodalVAE, name: str) -> bool:
    modules = model.likelihoods[list(model.modalities).index(name)].modules()
    return any(isinstance(each, Laplace) for each in modules)
