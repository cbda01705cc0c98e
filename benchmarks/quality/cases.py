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
        modalities: How many there are.
        label: What classifiers find in what is generated.
        compared: Whether MultiVae is measured beside it.
    """

    dataset: dict[str, Any]
    methods: tuple[str, ...]
    modalities: int
    label: str = "digit"
    compared: bool = False


METHODS = ("mopoe", "mvtcae", "crmvae", "smvae", "mmvae", "mvae", "jmvae", "mmjsd")
CASES = {
    "polymnist-3": Case({"name": "polymnist", "modalities": 3}, METHODS, 3, compared=True),
    "polymnist-5": Case({"name": "polymnist", "modalities": 5}, METHODS, 5, compared=True),
    "mnist-svhn-text": Case({"name": "mnist-svhn-text"}, METHODS, 3),
    "two-view-mnist": Case({"name": "two-view-mnist"}, METHODS, 2),
}
PEER_METHODS = ("mopoe", "mvtcae")
PEER_SETTINGS = ("ours", "theirs")
JOBS = 2  # trainings at a time, with one thread each, so that a second on two cores is two of processor time
