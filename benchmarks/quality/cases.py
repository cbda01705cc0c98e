"""What time to quality is measured on: data sets with digits, and what their coherence is called."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Case:
    """A data set and the methods that are trained on it, by the default command.

    Attributes:
        dataset: Its name and options; the folder of MNIST's idx files is added as ``digits``.
        methods: Objectives.
        label: What classifiers find in what is generated.
    """

    dataset: dict[str, Any]
    methods: tuple[str, ...]
    label: str = "digit"


METHODS = ("mopoe", "mvtcae", "crmvae", "smvae", "mmvae", "mvae", "jmvae", "mmjsd")
CASES = {
    "polymnist-3": Case({"name": "polymnist", "modalities": 3}, METHODS),
    "polymnist-5": Case({"name": "polymnist", "modalities": 5}, METHODS),
    "mnist-svhn-text": Case({"name": "mnist-svhn-text"}, METHODS),
    "two-view-mnist": Case({"name": "two-view-mnist"}, METHODS),
}
