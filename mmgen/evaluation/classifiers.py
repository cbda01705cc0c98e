"""Classifiers that judge generated values: trained on real training rows, chosen on validation rows, cached by what
made them.
"""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Mapping
from copy import deepcopy
from dataclasses import dataclass
from itertools import count
from pathlib import Path

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save
from torch import Tensor, nn

from ..data import Data, Modality, Table, track
from ..data.cache import locked
from ..data.cache_place import cache_root, writable
from ..data.describing import describe_modality
from ..data.indexed import Rows, select
from ..data.sparse import Sparse
from ..data.transforms import Transform
from ..files import write_atomically
from ..optimizers import Adam
from .chunks import rows_at_once

FORMAT = 4
STEPS = 600  # by default
# Fields of a modality that its classifier does not depend on.
NETWORK_OF_THE_MODEL = (
    "top",  # only shown
    "network",
    "hidden",
    "decoder_hidden",
    "channels",
    "bottleneck",
    "activated",
    "residual",
    "output",
    "weight",
    "spread",
    "activation",
    "dropout",
    "likelihood",
)


class Classifier(nn.Module):
    """A modality's classifier trunk with a linear head for each label, on values in data units.

    Args:
        modality: What it sees.
        sizes: Label to its number of classes (or of yes/no answers).
    """

    def __init__(self, modality: Modality, sizes: Mapping[str, int]) -> None:
        super().__init__()
        self.sizes = dict(sizes)
        self.transform: Transform = modality.make_transform()
        self.trunk = modality.classifier_trunk()
        self.head = nn.Linear(int(self.trunk.features), sum(self.sizes.values()))  # type: ignore[arg-type]
        self.to(memory_format=torch.channels_last)  # type: ignore[call-overload]  # a quarter quicker on a processor

    def forward(self, values: Tensor) -> dict[str, Tensor]:
        """``[N, *shape]`` in data units to logits ``[N, classes]`` by label."""
        return dict(zip(self.sizes, self.head(self.features(values)).split(list(self.sizes.values()), -1), strict=True))

    def features(self, values: Tensor) -> Tensor:
        """``[N, *shape]`` in data units to what the heads see, ``[N, F]``."""
        return self.trunk(self.transform(values))

    @torch.no_grad()
    def logits(self, values: Rows) -> dict[str, Tensor]:
        """``[N, *shape]`` to logits ``[N, classes]`` by label, in evaluation mode, in parts, on the CPU."""
        self.eval()
        batch_size = rows_at_once(values.shape[1:].numel(), 256)
        device = self.head.weight.device
        starts = range(0, max(len(values), 1), batch_size)
        parts = [self(values[start : start + batch_size].to(device)) for start in starts]
        return {label: torch.cat([part[label].cpu() for part in parts]) for label in self.sizes}


@dataclass(frozen=True)
class Budget:
    """How a classifier is trained: so many ``steps`` of Adam on batches, with one cycle of the learning rate up to
    ``learning_rate`` and down to nothing.

    In a given time one cycle is better than a constant rate (Smith & Topin 2018): on images of digits 400 steps beat
    1,600 at 1e-3.
    """

    steps: int = STEPS
    batch_size: int = 128
    learning_rate: float = 5e-3


def classifier_for(
    data: Data, name: str, modality: Modality, budget: Budget, seed: int = 0, device: torch.device | str = "cpu"
) -> Classifier:
    """The classifier of all labels from one modality, from the cache or trained now.

    The outputs for a label of several yes/no answers are their logits.
    """
    device, spec = torch.device(device), describe_modality(modality)
    sizes = {label: len(data.labels[label]) for label in data.train.labels}
    depends_on = {key: value for key, value in spec.items() if key not in NETWORK_OF_THE_MODEL}
    made_from = [FORMAT, data.fingerprint, name, list(sizes.items()), depends_on, vars(budget), seed]
    key = hashlib.sha256(json.dumps(made_from, sort_keys=True).encode()).hexdigest()[:20]
    path = cache_root() / "classifiers" / f"{key}.safetensors"
    with torch.random.fork_rng(devices=[]):
        classifier = _stored(path, modality, sizes)  # also in somebody else's cache, which may be read alone
        if classifier is not None:
            return classifier.to(device).eval()
        writable(path.parent)
        with locked(path):
            classifier = _stored(path, modality, sizes)  # made by another process by now, or not
            if classifier is None:
                torch.manual_seed(seed)
                classifier = Classifier(modality, sizes)
                _train(classifier.to(device), data, name, modality, budget, device)
                kept = {key: value.cpu().contiguous() for key, value in classifier.state_dict().items()}
                write_atomically(path, lambda temporary: temporary.write_bytes(save(kept)))
    return classifier.to(device).eval()


def _stored(path: Path, modality: Modality, sizes: dict[str, int]) -> Classifier | None:
    """A classifier that was trained earlier; None where there is none, or it is damaged."""
    try:
        classifier = Classifier(modality, sizes)
        classifier.load_state_dict(load_file(path))
    except (OSError, SafetensorError, RuntimeError):
        return None
    return classifier


def _rows(table: Table, name: str, modality: Modality) -> tuple[Rows, dict[str, Tensor]]:
    """Values and codes of the rows that have the modality and at least one label; what is usual in empty cells."""
    codes = {label: each.long() for label, each in table.labels.items()}
    known = torch.stack([each >= 0 if each.dim() == 1 else (each >= 0).any(-1) for each in codes.values()]).any(0)
    keep = (table.available[:, list(table.data).index(name)] & known).nonzero().squeeze(1)
    values = select(table.data[name], keep)
    if name in table.observed:
        cells, known = table.observed[name][keep], values[:].float()
        values = torch.where(cells, known, modality.usual(known, cells))
    return values, {label: each[keep] for label, each in codes.items()}


def _error(logits: Tensor, codes: Tensor) -> Tensor:
    """Mean cross-entropy of the rows (and answers, where there are several) that are known."""
    if codes.dim() == 1:
        each = nn.functional.cross_entropy(logits, codes, ignore_index=-1, reduction="none")
    else:
        each = nn.functional.binary_cross_entropy_with_logits(
            logits, codes.clamp(min=0).to(logits.dtype), reduction="none"
        )
    known = (codes >= 0).to(logits.dtype)
    return (each * known).sum() / known.sum().clamp(min=1)


def _quality(logits: Mapping[str, Tensor], codes: Mapping[str, Tensor]) -> float:
    """Sum over labels of the accuracy, or of minus the cross-entropy where there are several answers."""
    total = 0.0
    for label, truth in codes.items():
        if truth.dim() == 1:
            known = truth >= 0
            total += float((logits[label].argmax(-1) == truth)[known].float().sum() / known.sum().clamp(min=1))
        else:
            total -= float(_error(logits[label], truth))
    return total


@torch.enable_grad()  # an evaluation that asks for a classifier has gradients switched off
def _train(
    classifier: Classifier, data: Data, name: str, modality: Modality, budget: Budget, device: torch.device
) -> None:
    """Adam on the sum of the labels' cross-entropies; the weights that are best on the validation rows (looked at once
    an epoch) are kept.
    """
    values, codes = _rows(data.complete.get("train", data.train), name, modality)
    checked, truth = _rows(data.complete.get("val", data.val), name, modality)
    if not isinstance(values, Sparse) or not classifier.transform.fit_moments(*values.moments()):
        classifier.transform.fit(values[:])
    optimizer = Adam(classifier.parameters(), lr=budget.learning_rate, fused=True)
    cycle = torch.optim.lr_scheduler.OneCycleLR(optimizer, budget.learning_rate, total_steps=budget.steps)
    best, weights = -torch.inf, deepcopy(classifier.state_dict())
    endless = (rows for _ in count() for rows in torch.randperm(len(values)).split(budget.batch_size))
    look = max(math.ceil(len(values) / budget.batch_size), 20)
    for step, rows in zip(
        track(range(1, budget.steps + 1), f"training the classifier of {', '.join(codes)} from {name}"), endless
    ):
        if len(rows) > 1:  # batch normalisation needs several
            optimizer.zero_grad()
            logits = classifier.train()(values[rows].to(device))
            torch.stack(
                [_error(logits[label], each[rows].to(device)) for label, each in codes.items()]
            ).sum().backward()
            optimizer.step()
        cycle.step()
        if step % look == 0 or step == budget.steps:
            quality = _quality(classifier.logits(checked), truth) if len(checked) else 0.0
            if quality >= best:
                best, weights = quality, deepcopy(classifier.state_dict())
    classifier.load_state_dict(weights)
