"""How many threads of the processor a training takes: one where networks are small."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import nn

from ..data import Data
from ..models import MultimodalVAE
from ..runs import TrainingConfig

ENOUGH = 2**24  # multiplications of the largest layer in a step from which on a second thread repays (benchmarks.md)
CONVOLUTIONS = (nn.Conv1d, nn.Conv2d, nn.Conv3d, nn.ConvTranspose1d, nn.ConvTranspose2d, nn.ConvTranspose3d)


def threads_for(model: MultimodalVAE, data: Data, config: TrainingConfig) -> int:
    """What a training takes on a processor: as many as its configuration says, or else one where no layer has much to
    do, and what PyTorch takes (all cores, or ``OMP_NUM_THREADS``) where one has.

    It depends on configuration and machine alone, and not on how busy that is, so that a resumed training sums in the
    same order.
    """
    if config.threads != "auto":
        return config.threads
    rows = max(1, min(config.batch_size // config.microbatches, len(data.train)))
    return torch.get_num_threads() if rows * largest_layer(model, data) >= ENOUGH else 1


def largest_layer(model: MultimodalVAE, data: Data) -> int:
    """Multiplications per row in the layer that has most: every weight once, and that of a convolution at every place.

    Places are counted in a pass of the encoders over one row of each modality; decoders are mostly their mirrors, and
    are not passed through.
    """
    places: dict[nn.Module, int] = {}

    def count(module: nn.Module, _: Any, output: torch.Tensor) -> None:
        places[module] = output[0, 0].numel()

    hooks = [part.register_forward_hook(count) for part in model.modules() if isinstance(part, CONVOLUTIONS)]
    try:
        if hooks:
            _encode_a_row_of_each(model, data)
    finally:
        for hook in hooks:
            hook.remove()
    sizes = [
        weight.numel() * places.get(part, 1)
        for part in model.modules()
        if not isinstance(part, nn.Embedding)
        for weight in part.parameters(recurse=False)
    ]
    return max(sizes, default=0)


def _encode_a_row_of_each(model: MultimodalVAE, data: Data) -> None:
    """A pass that leaves no trace: nothing is learned, and no random number is taken."""
    trained = {part: part.training for part in model.modules()}
    rows = data.train.available.int().argmax(0).unique()  # the first that has a modality
    try:
        model.eval()
        with torch.no_grad(), torch.random.fork_rng(devices=[]):
            model.experts(data.train[rows].to(model.device))
    finally:
        for part, was in trained.items():
            part.training = was


@contextmanager
def limited(threads: int) -> Iterator[None]:
    """What runs in this context takes so many threads."""
    before = torch.get_num_threads()
    torch.set_num_threads(threads)
    try:
        yield
    finally:
        torch.set_num_threads(before)
