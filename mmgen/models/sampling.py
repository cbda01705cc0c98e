"""From a sampler's name and options to one that is fitted to a model's latents."""

from __future__ import annotations

import torch

from ..data import Table
from ..errors import MmgenError
from ..options import default_of, validated
from ..registry import load
from .building import Choice, Component, named
from .model import MultimodalVAE
from .sampler import Sampler

PRIOR = "prior"  # the sampler that is the model's own


def choose_sampler(sampler: Component | None) -> Choice:
    """A sampler by name, class or mapping with a ``name`` and options; the model's prior where nothing is said.

    Raises:
        MmgenError: An unknown name or option.
    """
    name, options = named("samplers", {} if sampler is None else sampler, PRIOR)
    component = load("samplers", name)
    return Choice(name, component, validated(component.Config, options, "sampler"))


def in_words(choice: Choice) -> str:
    """A sampler with the options that are not its defaults.

    >>> in_words(choose_sampler({"name": "gmm", "components": 20}))
    'gmm (components=20)'
    """
    config = choice.config
    changed = [
        f"{name}={value}"
        for name, value in config.model_dump(mode="json").items()
        if getattr(config, name) != default_of(type(config), name)
    ]
    return f"{choice.name} ({', '.join(changed)})" if changed else choice.name


def build_sampler(model: MultimodalVAE, choice: Choice) -> Sampler:
    """A sampler that is not fitted yet.

    Raises:
        MmgenError: Nothing can be drawn from this model unconditionally.
    """
    model.check_sampled(choice.component.fitted)
    sampler: Sampler = choice.build()
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)  # a map that is built draws weights
        sampler.build(model)
    return sampler.eval()


def fit_sampler(model: MultimodalVAE, choice: Choice, train: Table, seed: int, rows: int = 512) -> Sampler:
    """A sampler that is fitted to the latents of training rows.

    Args:
        model: The model.
        choice: Of :func:`choose_sampler`.
        train: The rows.
        seed: Of the draws of latents, and of the fit.
        rows: How many are encoded at a time.

    Raises:
        MmgenError: No training rows, or what cannot be fitted to them.
    """
    sampler = build_sampler(model, choice)
    if not sampler.fitted:
        return sampler
    if not len(train):
        raise MmgenError(f"The sampler {choice.name!r} is fitted to training rows, and these data have none.")
    devices = [model.device] if model.device.type == "cuda" else []
    with torch.random.fork_rng(devices=devices):
        torch.manual_seed(seed)
        latents = torch.cat([model.joint_draw(batch.to(model.device)).cpu() for batch in train.batches(rows)])
        sampler.fit(latents)
        sampler.see(model, train)
    return sampler
