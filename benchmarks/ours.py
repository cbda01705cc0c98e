"""A worker: mmgen's own trainer on random data; a round is an epoch of STEPS steps.

Usage: python benchmarks/ours.py CASE STEPS OBJECTIVE [key=value …], where keys are options of the training, or of the
objective after "objective.";
``missing=0.3`` is the share of values that rows lack, and ``bare=true`` leaves the trainer out.
"""

from __future__ import annotations

import sys
import tempfile
import time
from dataclasses import replace
from typing import Any

import torch
import yaml
from cases import CASES, Case
from protocol import peak, report, wait

from mmgen import (
    Data,
    Dataset,
    ImageModality,
    Modality,
    MultimodalVAE,
    Provenance,
    Splits,
    Table,
    Trainer,
    VectorModality,
)

OPTIONS = {
    "mvae": {"subsets": 0},
    "mmvae": {"estimator": "looser", "samples": 1},
    "mmvamp": {"estimator": "pairwise"},
}


PROVENANCE = Provenance("simulated", "Random numbers.")


class Random(Dataset):
    """The case's random values, of which rows may lack some at random."""

    def __init__(self, case: Case, rows: int, missing: float = 0.0) -> None:
        super().__init__()
        self.case, self.count, self.missing = case, rows, missing

    def modalities(self) -> dict[str, Modality]:
        """The case's networks."""
        return {
            name: ImageModality(shape=shape, bottleneck=True) if self.case.laplace else self._flat(shape)
            for name, shape in zip(self.case.names, self.case.shapes, strict=True)
        }

    def _flat(self, shape: tuple[int, ...]) -> Modality:
        return VectorModality(shape=shape, hidden=shape * self.case.layers, transform="none")

    def splits(self) -> Splits:
        """Training rows alone."""
        values = self.case.data(self.count)
        if self.case.laplace:
            values = {name: (255 * x).to(torch.uint8) for name, x in values.items()}  # as images are stored
        generator = torch.Generator().manual_seed(1)
        available = torch.rand(self.count, len(values), generator=generator) >= self.missing
        table = Table.of(values, available=available)
        nothing = table.select(torch.arange(0))
        return Splits(table, nothing, nothing, PROVENANCE)

    @classmethod
    def toy(cls) -> Dataset:
        """The smallest case."""
        return cls(CASES["flat2"], 16)


def read(words: list[str]) -> tuple[dict[str, Any], dict[str, Any]]:
    """Options of the training, and of the objective."""
    training, objective = {}, {}
    for word in words:
        key, _, value = word.partition("=")
        (objective if key.startswith("objective.") else training)[key.removeprefix("objective.")] = yaml.safe_load(
            value
        )
    return training, objective


def random_data(case: Case, rows: int, missing: float = 0.0) -> Data:
    """The case as opened data."""
    dataset = Random(case, rows, missing)
    splits = dataset.splits()
    return Data(
        "random", dataset, dataset.modalities(), splits.train, splits.val, splits.test, {}, splits.provenance, "random"
    )


def with_labels(data: Data) -> Data:
    """The same rows for training and testing, each with one of ten classes."""
    table = replace(data.train, labels={"class": torch.arange(len(data.train)) % 10})
    return replace(data, train=table, val=table, test=table, labels={"class": tuple("0123456789")})


def main() -> None:
    """Rounds of steps."""
    case, steps, objective = CASES[sys.argv[1]], int(sys.argv[2]), sys.argv[3]
    training, options = read(sys.argv[4:])
    data = random_data(case, steps * case.batch_size, training.pop("missing", 0.0))
    model = MultimodalVAE.create(
        objective, data, latent_dim=case.latent_dim, **{**OPTIONS.get(objective, {}), **options}
    )
    with tempfile.TemporaryDirectory() as folder:
        bare = training.pop("bare", False)
        settings = {
            "epochs": 1,
            "batch_size": case.batch_size,
            "learning_rate": 1e-3,
            "checkpoint_seconds": 1e9,
            **training,
        }
        once = _bare(model, data, steps) if bare else None
        Trainer(**{**settings, "batch_size": 2}).fit(
            model, random_data(case, 2)
        )  # imports, and what else is only done once
        before = peak()
        report(parameters=sum(p.numel() for p in model.parameters()))
        number = 0
        while wait():
            number += 1
            if once is not None:
                seconds = once()
            else:
                run = Trainer(**settings).fit(model, data, f"{folder}/{number}")
                seconds = run.history[-1]["seconds"] / steps
            report(seconds=seconds, memory=peak() - before)


def _bare(model: MultimodalVAE, data: Data, steps: int) -> Any:
    """The same steps without the loop around them: one batch that lies ready, terms, backward, fused Adam, which begins
    anew as in each training.
    """
    batch = data.train[: len(data.train) // steps]

    def epoch() -> float:
        model.train()
        optimizer = torch.optim.Adam(model.parameters(), lr=1e-3, fused=True)
        start = time.perf_counter()
        for _ in range(steps):
            value = model(batch).value(1.0)
            (-value.mean()).backward()
            optimizer.step()
            optimizer.zero_grad()
        return (time.perf_counter() - start) / steps

    return epoch


if __name__ == "__main__":
    main()
