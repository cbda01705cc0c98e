"""A worker: mmgen's evaluation of a model on random rows; a round is one evaluation.

Usage: python benchmarks/ours_evaluation.py CASE ROWS coherence|log-likelihood
"""

from __future__ import annotations

import os
import sys
import tempfile
import time

from cases import CASES
from ours import random_data, with_labels
from protocol import peak, report, wait

from mmgen import MultimodalVAE, Trainer


def main() -> None:
    """Rounds of evaluations."""
    case, rows, metric = CASES[sys.argv[1]], int(sys.argv[2]), sys.argv[3]
    options = {
        "coherence": {"classifier_steps": 1, "given": False},
        "log-likelihood": {"samples": 1000, "rows": rows, "conditional": []},
    }
    data = with_labels(random_data(case, rows))
    with tempfile.TemporaryDirectory() as folder:
        os.environ["MMGEN_CACHE"] = folder  # of the classifiers
        model = MultimodalVAE.create("mvtcae", data, latent_dim=case.latent_dim)
        calls = [0]
        for encoder in model.encoders:
            encoder.register_forward_hook(lambda *_: calls.__setitem__(0, calls[0] + 1))
        run = Trainer(epochs=1, batch_size=case.batch_size).fit(model, data)
        before = peak()
        run.evaluate(metrics=[metric], **{metric: options[metric]})
        report(parameters=0)
        while wait():
            calls[0], start = 0, time.perf_counter()
            run.evaluate(metrics=[metric], **{metric: options[metric]})
            report(seconds=time.perf_counter() - start, memory=peak() - before, encodings=calls[0])


if __name__ == "__main__":
    main()
