"""Fitted samplers in a run's folder: written whole or not at all, found again, and fitted anew where the model or the
options are others.
"""

from __future__ import annotations

import hashlib
import json
import os
import re

import torch

from ..models import MultimodalVAE, Sampler, build_sampler, choose_sampler
from ..models.building import Choice
from ..models.inference import LATENTS
from .folder import RunFolder

FOLDER = "samplers"


def latents_file() -> str:
    """Of what training rows say of z, by which a model infers: a part of the run that data cannot replace where they
    are not.
    """
    return file_of(choose_sampler(LATENTS))


def fingerprint_of(model: MultimodalVAE) -> str:
    """Of everything that a model has learned."""
    digest = hashlib.sha256()
    for name, value in sorted(model.state_dict().items()):
        digest.update(f"{name} {value.dtype} {tuple(value.shape)}".encode())
        digest.update(value.detach().cpu().contiguous().view(-1).view(torch.uint8).numpy().tobytes())
    return digest.hexdigest()


def file_of(choice: Choice) -> str:
    """``samplers/NAME-….safetensors``: one for each choice of options."""
    options = hashlib.sha256(json.dumps(choice.describe(), sort_keys=True).encode()).hexdigest()
    return f"{FOLDER}/{re.sub(r'[^A-Za-z0-9.-]', '_', choice.name)}-{options[:8]}.safetensors"


def read_sampler(folder: RunFolder, model: MultimodalVAE, choice: Choice, fingerprint: str) -> Sampler | None:
    """The sampler that was fitted to the latents of this model; None where there is none, or one of another model.

    Raises:
        MmgenError: Nothing can be drawn from this model unconditionally.
    """
    sampler = build_sampler(model, choice)
    if not (folder.path / file_of(choice)).exists():
        return None
    try:
        tensors, facts = folder.tensors(file_of(choice))
        if facts != _facts(choice, fingerprint):
            return None
        sampler.restore(tensors)
        return sampler if _draws(sampler) else None
    except Exception:  # a damaged file, or one of another version of the sampler
        return None


def _draws(sampler: Sampler) -> bool:
    """Whether what it draws are numbers."""
    with torch.no_grad(), torch.random.fork_rng(devices=[]):
        return bool(sampler.sample(2).isfinite().all())


def write_sampler(folder: RunFolder, sampler: Sampler, choice: Choice, fingerprint: str) -> None:
    """Keep a fitted sampler, unless the folder is somebody else's.

    Raises:
        WriteError: It cannot be written.
    """
    if _is_ours(folder):
        folder.write_tensors(file_of(choice), sampler.state_dict(), _facts(choice, fingerprint))


def _facts(choice: Choice, fingerprint: str) -> dict[str, object]:
    return {"sampler": json.loads(json.dumps(choice.describe())), "model": fingerprint}


def _is_ours(folder: RunFolder) -> bool:
    """Whether a run is in a folder of its own layout, which belongs to whoever runs this and can be written."""
    if type(folder) is not RunFolder or not os.access(folder.path, os.W_OK):
        return False
    user = getattr(os, "getuid", None)
    return user is None or folder.path.stat().st_uid == user()
