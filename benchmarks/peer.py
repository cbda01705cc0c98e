"""A worker: MultiVae's own trainer on the same networks and data; a round is one call of its ``train_step``, an epoch
of STEPS steps.

Runs in an environment of its own. Usage: python benchmarks/peer.py CASE STEPS MODEL
"""

from __future__ import annotations

import contextlib
import logging
import sys
import tempfile
import time

import torch
from cases import CASES, Case, PlainEncoder
from protocol import peak, report, wait
from torch import Tensor, nn

for operator in ("nms", "qnms"):  # torchvision beside a CPU build of torch lacks them, and its import dies
    with contextlib.suppress(RuntimeError):
        torch.library.define(f"torchvision::{operator}", "(Tensor dets, Tensor scores, float iou_threshold) -> Tensor")

from multivae import models  # noqa: E402
from multivae.data.datasets.base import MultimodalBaseDataset  # noqa: E402
from multivae.models.nn.base_architectures import BaseDecoder, BaseEncoder  # noqa: E402
from multivae.trainers import BaseTrainer, BaseTrainerConfig  # noqa: E402
from pythae.models.base.base_utils import ModelOutput  # noqa: E402

logging.disable(logging.WARNING)
OPTIONS = {
    "MMVAE": {"K": 1, "prior_and_posterior_dist": "normal", "loss": "iwae_looser"},
    "MVAE": {"k": 0, "warmup": 0},
    "JMVAE": {"warmup": 0},
}


class Encoder(BaseEncoder):
    """The case's encoder in the peer's interface."""

    def __init__(self, case: Case, shape: tuple[int, ...]) -> None:
        super().__init__()
        self.latent_dim, self.input_dim = case.latent_dim, shape
        self.network = PlainEncoder(case, shape)

    def forward(self, x: Tensor) -> ModelOutput:
        """Mean and log-variance."""
        mean, log_variance = self.network(x)
        return ModelOutput(embedding=mean, log_covariance=log_variance)


class Decoder(BaseDecoder):
    """The case's decoder in the peer's interface."""

    def __init__(self, case: Case, shape: tuple[int, ...]) -> None:
        super().__init__()
        self.latent_dim = case.latent_dim
        self.network: nn.Module = case.decoder(shape)

    def forward(self, z: Tensor) -> ModelOutput:
        """The reconstruction of latents ``[..., D]``."""
        return ModelOutput(reconstruction=self.network(z.flatten(0, -2)).unflatten(0, z.shape[:-1]))


def make(case: Case, name: str) -> nn.Module:
    """A model of the peer on the case's networks."""
    shapes = dict(zip(case.names, case.shapes, strict=True))
    config = getattr(models, f"{name}Config")(
        n_modalities=len(shapes),
        latent_dim=case.latent_dim,
        input_dims=shapes,
        decoders_dist=dict.fromkeys(shapes, "laplace" if case.laplace else "normal"),
        decoder_dist_params={key: {"scale": 0.75 if case.laplace else 1.0} for key in shapes},
        **OPTIONS.get(name, {}),
    )
    encoders = {key: Encoder(case, shape) for key, shape in shapes.items()}
    return getattr(models, name)(config, encoders, {key: Decoder(case, shape) for key, shape in shapes.items()})


def main() -> None:
    """Rounds of steps."""
    case, steps, name = CASES[sys.argv[1]], int(sys.argv[2]), sys.argv[3]
    model = make(case, name)
    before = peak()
    with tempfile.TemporaryDirectory() as folder:
        config = BaseTrainerConfig(
            output_dir=folder,
            num_epochs=10**6,
            per_device_train_batch_size=case.batch_size,
            learning_rate=1e-3,
            optimizer_cls="Adam",
        )
        trainer = BaseTrainer(model, MultimodalBaseDataset(case.data(steps * case.batch_size)), training_config=config)
        trainer.prepare_training()
        if steps > 1:
            trainer.train_step(1)
        report(parameters=sum(p.numel() for p in model.parameters()))
        epoch = 1
        while wait():
            epoch += 1
            start = time.perf_counter()
            trainer.train_step(epoch)
            report(seconds=(time.perf_counter() - start) / steps, memory=peak() - before)


if __name__ == "__main__":
    main()
