"""Classifiers that judge generated values: trained on real training rows, chosen on validation rows, cached by what made them."""

from __future__ import annotations

import hashlib
import json
import math
from copy import deepcopy
from dataclasses import dataclass
from itertools import count

import torch
from filelock import FileLock
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from ..data import Data, Modality, Table, track
from ..data.cache import cache_root, writable
from ..data.loading import describe_modality
from ..data.transforms import Transform
from ..runs.folder import write_atomically

FORMAT = 3
STEPS = 600  # by default
# Fields of a modality that its classifier does not depend on.
NETWORK_OF_THE_MODEL = (
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
    "scale",
    "scale_kind",
)


class Classifier(nn.Module):
    """A modality's classifier trunk with a linear head, on values in data units."""

    def __init__(self, modality: Modality, classes: int) -> None:
        super().__init__()
        self.transform: Transform = modality.transform()
        self.trunk = modality.classifier_trunk()
        self.head = nn.Linear(int(self.trunk.features), classes)  # type: ignore[arg-type]

    def forward(self, values: Tensor) -> Tensor:
        """``[N, *shape]`` in data units to logits ``[N, classes]``."""
        return self.head(self.features(values))

    def features(self, values: Tensor) -> Tensor:
        """``[N, *shape]`` in data units to what the head sees, ``[N, F]``."""
        return self.trunk(self.transform(values))

    @torch.no_grad()
    def logits(self, values: Tensor, batch_size: int = 1024) -> Tensor:
        """``[N, *shape]`` to logits ``[N, classes]``, in evaluation mode, in parts, on the CPU."""
        self.eval()
        device = self.head.weight.device
        return torch.cat([self(part.to(device)).cpu() for part in values.split(batch_size)])

    def predict(self, values: Tensor, batch_size: int = 1024) -> Tensor:
        """The most probable class of each value, ``[N]``."""
        return self.logits(values, batch_size).argmax(-1)


@dataclass(frozen=True)
class Budget:
    """How a classifier is trained: so many ``steps`` of Adam on batches, with one cycle of the learning rate up to ``learning_rate`` and down to nothing.

    In a given time one cycle is better than a constant rate (Smith & Topin 2018): on images of digits 400 steps beat 1,600 at 1e-3.
    """

    steps: int = STEPS
    batch_size: int = 128
    learning_rate: float = 5e-3


def classifier_for(
    data: Data, name: str, label: str, modality: Modality, budget: Budget, seed: int = 0, device: torch.device | str = "cpu"
) -> Classifier:
    """The classifier of ``label`` from one modality, from the cache or trained now.

    For a label of several yes/no answers its outputs are their logits.
    """
    device, spec = torch.device(device), describe_modality(modality)
    depends_on = {key: value for key, value in spec.items() if key not in NETWORK_OF_THE_MODEL}
    made_from = [FORMAT, data.fingerprint, name, label, depends_on, vars(budget), seed]
    key = hashlib.sha256(json.dumps(made_from, sort_keys=True).encode()).hexdigest()[:20]
    folder = writable(cache_root() / "classifiers")
    path = folder / f"{key}.safetensors"
    classifier = Classifier(modality, len(data.labels[label]))
    with FileLock(f"{path}.lock"):
        try:
            classifier.load_state_dict(load_file(path))
        except (OSError, SafetensorError, RuntimeError):  # not there, or damaged
            with torch.random.fork_rng(devices=[]):
                torch.manual_seed(seed)
                classifier = Classifier(modality, len(data.labels[label]))
                _train(classifier.to(device), data, name, label, budget, device)
            kept = {key: value.cpu() for key, value in classifier.state_dict().items()}
            write_atomically(path, lambda temporary: save_file(kept, temporary))
    return classifier.to(device).eval()


def _rows(table: Table, name: str, label: str) -> tuple[Tensor, Tensor]:
    """Values and codes of the rows that have both."""
    codes = table.labels[label].long()
    known = codes >= 0 if codes.dim() == 1 else (codes >= 0).any(-1)
    keep = (table.available[:, list(table.data).index(name)] & known).nonzero().squeeze(1)
    return table.data[name][keep], codes[keep]


def _error(logits: Tensor, codes: Tensor) -> Tensor:
    """Cross-entropy; of every answer that is known, where there are several."""
    if codes.dim() == 1:
        return nn.functional.cross_entropy(logits, codes)
    known = (codes >= 0).to(logits.dtype)
    each = nn.functional.binary_cross_entropy_with_logits(logits, codes.clamp(min=0).to(logits.dtype), reduction="none")
    return (each * known).sum() / known.sum().clamp(min=1)


def _quality(logits: Tensor, codes: Tensor) -> float:
    """Accuracy, or minus the cross-entropy where there are several answers; 0 without rows."""
    if not len(codes):
        return 0.0
    return float((logits.argmax(-1) == codes).float().mean()) if codes.dim() == 1 else -float(_error(logits, codes))


@torch.enable_grad()  # an evaluation that asks for a classifier has gradients switched off
def _train(classifier: Classifier, data: Data, name: str, label: str, budget: Budget, device: torch.device) -> None:
    """Adam on the cross-entropy; the weights that are best on the validation rows (looked at once an epoch) are kept."""
    values, codes = _rows(data.complete.get("train", data.train), name, label)
    checked, truth = _rows(data.complete.get("val", data.val), name, label)
    classifier.transform.fit(values)
    optimizer = torch.optim.Adam(classifier.parameters(), lr=budget.learning_rate, fused=True)
    cycle = torch.optim.lr_scheduler.OneCycleLR(optimizer, budget.learning_rate, total_steps=budget.steps)
    best, weights = -torch.inf, deepcopy(classifier.state_dict())
    endless = (rows for _ in count() for rows in torch.randperm(len(values)).split(budget.batch_size))
    look = max(math.ceil(len(values) / budget.batch_size), 20)
    for step, rows in zip(track(range(1, budget.steps + 1), f"training the classifier of {label} from {name}"), endless):
        if len(rows) > 1:  # batch normalisation needs several
            optimizer.zero_grad()
            _error(classifier.train()(values[rows].to(device)), codes[rows].to(device)).backward()
            optimizer.step()
        cycle.step()
        if step % look == 0 or step == budget.steps:
            quality = _quality(classifier.logits(checked), truth) if len(truth) else 0.0
            if quality >= best:
                best, weights = quality, deepcopy(classifier.state_dict())
    classifier.load_state_dict(weights)
