"""A run in memory as plain values, for a pickle: its configuration and history as text, its weights as safetensors, and
what training rows say of z, by which values are imputed.
"""

from __future__ import annotations

import json
from typing import Any

from safetensors.torch import load, save

from ..models import MultimodalVAE, build_sampler, choose_sampler, own_inference
from ..models.inference import LATENTS
from ..runs import Run


def frozen(run: Run) -> dict[str, Any]:
    """What :func:`thawed` makes a run of; without the rows that it was trained on, which a run's folder has not
    either.
    """
    weights = {name: tensor.detach().cpu().contiguous().clone() for name, tensor in run.model.state_dict().items()}
    state = {"config": json.dumps(run.config), "history": json.dumps(run.history), "weights": save(weights)}
    if own_inference(run.model, run.sampler, None)[0] is not None:
        state["latents"] = save(dict(run.sampler(LATENTS).state_dict()))
    return state


def thawed(state: dict[str, Any]) -> Run:
    """The run again, in memory."""
    config, weights = json.loads(state["config"]), load(bytes(state["weights"]))
    model = MultimodalVAE.rebuild(config)
    if any(tensor.dtype.is_floating_point and tensor.dtype.itemsize == 8 for tensor in weights.values()):
        model.double()
    model.load_state_dict(weights)
    run = Run(config, None, model=model.eval())
    for record in json.loads(state["history"]):
        run.add_record(record)
    if "latents" in state:
        latents = build_sampler(model, choose_sampler(LATENTS))
        latents.restore(load(bytes(state["latents"])))
        run.keep_sampler(LATENTS, latents)
    return run
