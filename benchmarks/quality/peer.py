"""A worker of the study: MultiVae's own trainer for so many seconds of processor time, and what its model generates.

Runs in an environment of its own. Usage: python benchmarks/quality/peer.py TASK, as ``curve.py`` writes it. A line
of JSON each time that a mark is passed, when ``OUT.npz`` has a sample of every modality for every subset of the others.

``theirs`` are the networks, likelihood, latent size, batches and rate of MultiVae's benchmark on PolyMNIST (its
examples/mmnist); ``ours`` has what the recipe of this project has in their place, on MultiVae's networks.
"""

from __future__ import annotations

import contextlib
import json
import logging
import sys
import tempfile
import time
from itertools import combinations
from typing import Any

import numpy as np
import torch

for operator in ("nms", "qnms"):  # torchvision beside a CPU build of torch lacks them, and its import dies
    with contextlib.suppress(RuntimeError):
        torch.library.define(f"torchvision::{operator}", "(Tensor dets, Tensor scores, float iou_threshold) -> Tensor")

from multivae import models  # noqa: E402
from multivae.data.datasets.base import MultimodalBaseDataset  # noqa: E402
from multivae.models.base import BaseAEConfig  # noqa: E402
from multivae.models.nn.mmnist import DecoderConvMMNIST, EncoderConvMMNIST_adapted  # noqa: E402
from multivae.trainers import BaseTrainer, BaseTrainerConfig  # noqa: E402

logging.disable(logging.WARNING)
MODELS = {"mopoe": "MoPoE", "mvtcae": "MVTCAE", "mmvae": "MMVAE", "jmvae": "JMVAE", "mvae": "MVAE"}
OPTIONS: dict[str, dict[str, dict[str, Any]]] = {
    "theirs": {
        "mopoe": {"beta": 2.5},
        "mvtcae": {"beta": 2.5, "alpha": 5 / 6},
        "mmvae": {"K": 10, "prior_and_posterior_dist": "laplace_with_softmax"},
    },
    "ours": {
        "mopoe": {"beta": 1.0},
        "mvtcae": {"beta": 4.0, "alpha": 5 / 6},
        "mmvae": {"K": 1, "prior_and_posterior_dist": "normal"},
    },
}
SETTINGS: dict[str, dict[str, Any]] = {
    "theirs": {"likelihood": "laplace", "scale": 0.75, "latents": 512, "batch": 256, "rate": 1e-3},
    "ours": {"likelihood": "normal", "scale": 0.2, "latents": 64, "batch": 64, "rate": 2e-3},
}


def make(method: str, setting: str, names: list[str]) -> torch.nn.Module:
    """MultiVae's model."""
    chosen, shape = SETTINGS[setting], (3, 28, 28)
    sizes = BaseAEConfig(latent_dim=chosen["latents"], input_dim=shape)
    config = getattr(models, f"{MODELS[method]}Config")(
        n_modalities=len(names),
        latent_dim=chosen["latents"],
        input_dims=dict.fromkeys(names, shape),
        decoders_dist=dict.fromkeys(names, chosen["likelihood"]),
        decoder_dist_params={name: {"scale": chosen["scale"]} for name in names},
        **OPTIONS[setting].get(method, {}),
    )
    encoders = {name: EncoderConvMMNIST_adapted(sizes) for name in names}
    return getattr(models, MODELS[method])(config, encoders, {name: DecoderConvMMNIST(sizes) for name in names})


@torch.no_grad()
def generated(model: torch.nn.Module, rows: dict[str, torch.Tensor]) -> dict[str, np.ndarray]:
    """A sample of each modality for each subset of the others, 250 rows at a time."""
    found: dict[str, list[np.ndarray]] = {}
    model.eval()
    names, count = list(rows), len(next(iter(rows.values())))
    for size in range(1, len(names)):
        for given in combinations(names, size):
            for start in range(0, count, 250):
                part = {name: values[start : start + 250] for name, values in rows.items()}
                output = model.predict(MultimodalBaseDataset(part), cond_mod=list(given), gen_mod="all", N=1)
                for target in names:
                    if target not in given:
                        values = output[target].reshape(-1, *rows[target].shape[1:])
                        found.setdefault(f"{'+'.join(given)}>{target}", []).append(values.numpy())
    model.train()
    return {key: np.concatenate(parts) for key, parts in found.items()}


def main() -> None:
    """Epochs until every mark is passed; what is generated and written does not count."""
    task = json.loads(sys.argv[1])
    torch.manual_seed(task["seed"])
    with np.load(task["data"]) as arrays:
        loaded = {key: torch.from_numpy(arrays[key]).float() / 255 for key in arrays.files}
    train = {key.removeprefix("train/"): value for key, value in loaded.items() if key.startswith("train/")}
    rows = {key.removeprefix("rows/"): value for key, value in loaded.items() if key.startswith("rows/")}
    model, chosen = make(task["method"], task["setting"], list(train)), SETTINGS[task["setting"]]
    with tempfile.TemporaryDirectory() as folder:
        config = BaseTrainerConfig(
            output_dir=folder,
            num_epochs=10**6,
            per_device_train_batch_size=chosen["batch"],
            learning_rate=chosen["rate"],
            optimizer_cls="Adam",
            seed=task["seed"],
        )
        trainer = BaseTrainer(model, MultimodalBaseDataset(train), training_config=config)
        trainer.prepare_training()
        spent, epoch = 0.0, 0
        for mark in task["marks"]:
            while spent < mark:
                epoch += 1
                began = time.process_time()
                trainer.train_step(epoch)
                spent += time.process_time() - began
            np.savez(f"{task['out']}.npz", **generated(model, rows))
            print(
                json.dumps({"spent": spent, "steps": epoch * (len(train[next(iter(train))]) // chosen["batch"])}),
                flush=True,
            )


if __name__ == "__main__":
    main()
