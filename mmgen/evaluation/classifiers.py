"""Classifiers that judge generated values: trained on real training rows, chosen on validation rows, cached by what made them."""

from __future__ import annotations

import hashlib
import json
from copy import deepcopy
from dataclasses import dataclass

import torch
from filelock import FileLock
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from ..data import Data, Modality, Table
from ..data.cache import cache_root, writable
from ..data.loading import describe_modality
from ..data.transforms import Transform
from ..runs.folder import write_atomically

FORMAT = 1


class Classifier(nn.Module):
    """A modality's classifier trunk with a linear head, on values in data units."""

    def __init__(self, modality: Modality, classes: int) -> None:
        super().__init__()
        self.transform: Transform = modality.transform()
        self.trunk = modality.classifier_trunk()
        self.head = nn.Linear(int(self.trunk.features), classes)  # type: ignore[arg-type]

    def forward(self, values: Tensor) -> Tensor:
        """``[N, *shape]`` in data units to logits ``[N, classes]``."""
        return self.head(self.trunk(self.transform(values)))

    @torch.no_grad()
    def predict(self, values: Tensor, batch_size: int = 1024) -> Tensor:
        """The most probable class of each value, ``[N]``."""
        self.eval()
        device = self.head.weight.device
        return torch.cat([self(part.to(device)).argmax(-1).cpu() for part in values.split(batch_size)])


@dataclass(frozen=True)
class Budget:
    """How long a classifier is trained: at most ``epochs``, and ``patience`` epochs beyond its best validation accuracy."""

    epochs: int = 40
    patience: int = 8
    batch_size: int = 128
    learning_rate: float = 1e-3


def classifier_for(data: Data, name: str, label: str, modality: Modality, budget: Budget, seed: int = 0) -> Classifier:
    """The classifier of ``label`` from one modality, from the cache or trained now."""
    spec = describe_modality(modality)
    kept = {
        key: value for key, value in spec.items() if key not in ("hidden", "decoder_hidden", "weight", "spread", "activation", "dropout")
    }
    made_from = [FORMAT, data.fingerprint, name, label, kept, vars(budget), seed]
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
                _train(classifier, data, name, label, budget)
            write_atomically(path, lambda temporary: save_file(classifier.state_dict(), temporary))
    return classifier.eval()


def _rows(table: Table, name: str, label: str) -> tuple[Tensor, Tensor]:
    """Values and codes of the rows that have both."""
    codes = table.labels[label].long()
    keep = table.available[:, list(table.data).index(name)] & (codes >= 0)
    return table.data[name][keep], codes[keep]


def _train(classifier: Classifier, data: Data, name: str, label: str, budget: Budget) -> None:
    """Adam on the cross-entropy; the weights with the best validation accuracy are kept."""
    values, codes = _rows(data.train, name, label)
    checked, truth = _rows(data.val, name, label)
    classifier.transform.fit(values)
    optimizer = torch.optim.Adam(classifier.parameters(), lr=budget.learning_rate, fused=True)
    best, stale, weights = -1.0, 0, deepcopy(classifier.state_dict())
    for _ in range(budget.epochs):
        classifier.train()
        for rows in torch.randperm(len(values)).split(budget.batch_size):
            if len(rows) > 1:
                optimizer.zero_grad()
                nn.functional.cross_entropy(classifier(values[rows]), codes[rows]).backward()
                optimizer.step()
        accuracy = float((classifier.predict(checked) == truth).float().mean()) if len(truth) else 0.0
        stale += 1
        if accuracy > best or not len(truth):
            best, stale, weights = accuracy, 0, deepcopy(classifier.state_dict())
        if stale >= budget.patience:
            break
    classifier.load_state_dict(weights)
