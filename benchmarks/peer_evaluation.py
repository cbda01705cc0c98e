"""A worker: MultiVae's evaluation of a model on the same rows, with the same classifiers; a round is one evaluation.

Usage: python benchmarks/peer_evaluation.py CASE ROWS coherence|log-likelihood
"""

from __future__ import annotations

import sys
import tempfile
import time

import torch
from cases import CASES
from multivae.metrics import (
    CoherenceEvaluator,
    CoherenceEvaluatorConfig,
    LikelihoodsEvaluator,
    LikelihoodsEvaluatorConfig,
)  # isort: skip
from peer import MultimodalBaseDataset, make  # first: it makes torchvision importable
from protocol import peak, report, wait


def main() -> None:
    """Rounds of evaluations."""
    case, rows, metric = CASES[sys.argv[1]], int(sys.argv[2]), sys.argv[3]
    model = make(case, "MVTCAE").eval()
    calls = [0]
    for encoder in model.encoders.values():
        encoder.register_forward_hook(lambda *_: calls.__setitem__(0, calls[0] + 1))
    data = MultimodalBaseDataset(case.data(rows), torch.arange(rows) % 10)
    classifiers = {name: case.classifier(shape).eval() for name, shape in zip(case.names, case.shapes, strict=True)}
    before = peak()

    def evaluate(folder: str) -> None:
        with torch.no_grad():
            if metric == "coherence":
                config = CoherenceEvaluatorConfig(
                    batch_size=512, num_classes=10, nb_samples_for_joint=10_000
                )  # as mmgen
                CoherenceEvaluator(model, classifiers, data, folder, config).eval()
            else:
                LikelihoodsEvaluator(
                    model, data, folder, LikelihoodsEvaluatorConfig(batch_size=512, num_samples=1000)
                ).eval()

    with tempfile.TemporaryDirectory() as folder:
        report(parameters=0)
        while wait():
            calls[0], start = 0, time.perf_counter()
            evaluate(folder)
            report(seconds=time.perf_counter() - start, memory=peak() - before, encodings=calls[0])


if __name__ == "__main__":
    main()
