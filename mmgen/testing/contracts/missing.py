"""What stands in the place of what rows lack, and what comes of it."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

import torch
from torch import Tensor

from ...data import Batch
from ...distributions import Gaussian
from ...models import MultimodalVAE
from ..substitutes import substitute

PLACEHOLDERS = {"zeros": 0.0, "NaN": float("nan"), "infinity": float("inf"), "a huge number": 1e30}
# Networks of an image that mix the rows of a batch.
NORMALISED: dict[str, Any] = {"network": "resnet-bn", "channels": (4, 6, 8), "dropout": 0.0}


def with_placeholders(batch: Batch, number: float) -> Batch:
    """A prepared batch with a number in the place of what rows lack; for codes another code, unless it is 0."""
    data = {}
    for m, (name, values) in enumerate(batch.data.items()):
        there = batch.available[:, m].reshape(-1, *[1] * (values.dim() - 1))
        other = torch.full_like(values, number if values.is_floating_point() else float(number != 0))
        data[name] = torch.where(there, values, other)
    return replace(batch, data=data)


@contextmanager
def other_experts(model: MultimodalVAE) -> Iterator[None]:
    """Within this context the experts of what rows lack are N(2, e²), and not N(0, I), which could pass for the
    prior.
    """
    encode = model.experts

    def changed(batch: Batch) -> Gaussian:
        return encode(batch).map(lambda value: torch.where(batch.available.T[..., None], value, 2.0))

    with substitute(model, experts=changed):
        yield


def outcome(model: MultimodalVAE, batch: Batch) -> dict[str, Tensor]:
    """All that a step gives, with the noise of one seed; the model stays as it was.

    These are the value, the gradient of every parameter, the posterior mean, and running statistics.
    """
    before = copy.deepcopy(model.state_dict())
    model.zero_grad()
    torch.manual_seed(0)
    value = model(batch).value(0.7)
    if value.requires_grad:
        value.sum().backward()
    found = {"the value": value.detach()}
    found |= {f"the gradient of {name}": p.grad.clone() for name, p in model.named_parameters() if p.grad is not None}
    found |= {name: buffer.clone() for name, buffer in model.named_buffers()}
    with torch.no_grad():
        found["the posterior mean"] = model.posterior(batch, batch.available).mean
    model.load_state_dict(before)
    return found
