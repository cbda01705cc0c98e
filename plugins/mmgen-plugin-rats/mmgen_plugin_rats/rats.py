"""Spikes of five rats smelling four odours: one modality per rat."""

from __future__ import annotations

from pathlib import Path
from typing import ClassVar, Literal

import numpy as np
from pydantic import Field, model_validator

from mmgen import Dataset, DatasetConfig, Folder, Modality, Provenance, Splits, VectorModality

from .official import find_files, read_recordings
from .simulator import simulate_recordings
from .windows import ODOURS, RATS, WIDTH, WINDOWS, paired_windows, split_by_trial

DOI = "doi:10.7280/D14X30"


class RatsConfig(DatasetConfig):
    """Where the recordings are, and how they are cut and split."""

    root: Folder | None = Field(None, description="Folder with a folder of files per rat; none: simulated recordings.")
    split: Literal["trials", "official_same"] = Field(
        "trials",
        description="'trials' holds out whole trials; 'official_same' trains and tests on the same trials, as the "
        "released code does.",
    )
    test_fraction: float = Field(0.2, gt=0, lt=1, description="Share of the trials of each odour held out for testing.")
    val_fraction: float = Field(
        0.1, ge=0, lt=1, description="Share of the trials of each odour held out for validation."
    )
    correct_only: bool = Field(
        False, description="Whether to keep only trials that were in sequence and answered correctly."
    )
    seed: int = Field(0, ge=0, description="Of the split, and of the simulation.")
    simulated_trials: int = Field(
        50, ge=5, le=1000, description="Simulation: about how many trials of each odour every rat has."
    )
    simulated_signal: float = Field(
        1.0, ge=0, le=3, description="Simulation: how strongly odours change rates; 0: not at all."
    )

    @model_validator(mode="after")
    def _leaves_training_trials(self) -> RatsConfig:
        if self.test_fraction + self.val_fraction >= 1:
            raise ValueError(
                "test_fraction and val_fraction together are 1 or more, which leaves nothing to train on; make them "
                "smaller"
            )
        return self


class Rats(Dataset):
    """CA1 spikes of five rats in an odour sequence task: windows of 100 ms in bins of 10 ms; the label is the odour.

    Raw counts, flattened neuron by neuron, with the networks of the published experiment: squared error, an encoder
    that narrows to two units and gives log σ. Cut as in "Unity by Diversity: Improved Representation Learning in
    Multimodal VAEs", appendix B.4, and its released code. Deviation: the released code validates on its training
    trials; here whole trials are held out, unless ``split="official_same"``.
    """

    Config = RatsConfig
    version = 2
    citation: ClassVar[str] = (
        "Allen, Salz, McKenzie and Fortin (2016), Nonspatial sequence coding in CA1 neurons, Journal of Neuroscience "
        "36(5). Shahbaba et al. (2022), Hippocampal ensembles represent sequential relationships among an extended "
        f"sequence of nonspatial events, Nature Communications 13. Data: Dryad, {DOI}."
    )
    licence: ClassVar[str] = (
        "CC0 1.0 (Dryad's standard licence) for the recordings; nothing is needed for the simulated ones."
    )
    defaults = {"model": {"latent_dim": 2}, "training": {"batch_size": 128, "learning_rate": 1e-3}}

    def modalities(self) -> dict[str, Modality]:
        """One per rat: neurons × 10 bins."""
        return {name: _spikes(rat.neurons) for name, rat in RATS.items()}

    def splits(self) -> Splits:
        """Read or simulate the recordings, pair their trials, cut the windows, and hold out whole trials."""
        config = self.config
        if config.root is not None:
            recordings = read_recordings(config.root, RATS)
        else:
            recordings = simulate_recordings(RATS, config.seed, config.simulated_trials, config.simulated_signal)
        table = paired_windows(recordings, config.correct_only)
        if config.split == "official_same":
            sides = {"train": table, "val": table, "test": table}
        else:
            sides = split_by_trial(table, config.test_fraction, config.val_fraction, config.seed)
        tuples = np.bincount(table.labels["odour"].numpy()) // WINDOWS
        facts = {
            "tuples_per_odour": dict(zip(ODOURS, tuples.tolist())),
            "recorded_trials": {name: len(recording.odour) for name, recording in recordings.items()},
        }
        return Splits(
            sides["train"], sides["val"], sides["test"], self._provenance(), labels={"odour": ODOURS}, facts=facts
        )

    def sources(self) -> list[Path]:
        """The files of all rats; none when the recordings are simulated."""
        return (
            []
            if self.config.root is None
            else [path for pair in find_files(self.config.root, RATS).values() for path in pair]
        )

    @classmethod
    def toy(cls) -> Rats:
        """Simulated, with five to seven trials of each odour."""
        return cls(RatsConfig(simulated_trials=6, val_fraction=0.2))

    def _provenance(self) -> Provenance:
        same = (
            " Train, validation and test are the same trials, as in the released code."
            if self.config.split == "official_same"
            else ""
        )
        if self.config.root is not None:
            return Provenance("real", f"Recordings of CA1 in five rats, read from the official files.{same}", DOI)
        summary = (
            "Simulated recordings of five rats (no files were given with dataset.root), made with seed "
            f"{self.config.seed}.{same}"
        )
        return Provenance("simulated", summary, "mmgen_plugin_rats.simulator")


def _spikes(neurons: int) -> VectorModality:
    size = neurons * WIDTH
    return VectorModality(
        shape=(size,),
        likelihood="squared-error",
        transform="none",
        hidden=(size, size, 2),
        decoder_hidden=(size, size),
        activation="leaky-relu",
        spread="log-scale",
        display=(neurons, WIDTH),
    )
