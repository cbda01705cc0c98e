"""The dataset ``xrmb``: what is heard of speech, and how tongue, lips and jaw move."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
from pydantic import Field, model_validator

from mmgen import Dataset, DatasetConfig, Folder, Modality, Provenance, Splits, Table, VectorModality

from .files import find_files, read_files
from .frames import ACOUSTIC, ARTICULATORY, CONTEXT, PHONES, Frames
from .protocols import HELD_OUT, Protocol, protocol_rows
from .simulation import simulate


class XRMBConfig(DatasetConfig):
    """Where the files are, and which speakers train and test."""

    root: Folder | None = Field(
        None,
        description="Folder with XRMBf2KALDI_window7_single1.mat and …single2.mat (or XRMB1.mat and XRMB2.mat); "
        "none: simulated speech.",
    )
    protocol: Protocol = Field(
        "held-out",
        description="held-out: eight speakers test, those of the training part train; folds: two of eight speakers "
        "test, six train; dependent: 70 % of the frames of each of eight speakers train, 30 % test.",
    )
    fold: int = Field(1, ge=1, le=4, description="With folds: test speakers 1+3, 43+45, 10+13 or 27+29.")
    speaker: int | None = Field(
        None, description=f"With dependent: only this one of the eight speakers {', '.join(map(str, HELD_OUT))}."
    )
    val_fraction: float = Field(
        0.1,
        ge=0,
        lt=1,
        description="Share of the training frames held out for validation: whole speakers, except with dependent; 0: "
        "as published.",
    )
    max_frames: int | None = Field(
        None, ge=1, description="Frames of each speaker at most, at equal distances; none: all."
    )
    frames: int = Field(240, ge=20, description="Simulated frames of each of 43 speakers, where there is no root.")
    seed: int = Field(
        0, ge=0, description="Of the validation frames, of the split of dependent, and of simulated speech."
    )

    @model_validator(mode="after")
    def _speaker_is_one_of_eight(self) -> XRMBConfig:
        if self.speaker is not None and (self.protocol != "dependent" or self.speaker not in HELD_OUT):
            raise ValueError(
                f"speaker {self.speaker} means something with protocol=dependent only, and is one of "
                f"{', '.join(map(str, HELD_OUT))}"
            )
        return self


class XRMB(Dataset):
    """XRMB: seven frames of speech around each moment, as sound (273 values) and as positions of pellets on tongue,
    lips and jaw (112 values).

    ``acoustic`` has 13 mel-frequency cepstral coefficients with first and second derivatives, ``articulatory`` 16
    coordinates, each for seven frames. The label is one of 40 phones, which the files number and do not name; a table's
    groups are the speakers. Networks are those of "Discriminative multimodal learning via conditional priors": three
    hidden layers of 1,500 with softplus and dropout 0.2, and a variance of ``articulatory`` that the decoder predicts.
    Its three protocols are options.

    Without ``root`` speech is simulated, and every result says so: articulators move smoothly from one phone's target
    to the next, pellets and sounds are two functions of them that differ from speaker to speaker, and each view has
    noise and causes of its own (see ``simulation.py``).

    Frames overlap with their neighbours. Whole speakers are held out in two of the protocols; in ``dependent``
    neighbours are on both sides, as in the paper.
    """

    Config = XRMBConfig
    version = 2
    citation = (
        "J. R. Westbury: X-ray Microbeam Speech Production Database User's Handbook, University of Wisconsin 1994. "
        "W. Wang, R. Arora, K. Livescu, J. Bilmes: Unsupervised learning of acoustic features via deep canonical "
        "correlation analysis, ICASSP 2015. R. A. Mancisidor, M. Kampffmeyer, K. Aas, R. Jenssen: Discriminative "
        "multimodal learning via conditional priors in generative models, Neural Networks 2024."
    )
    licence = "For research; see the README of the files at ttic.edu/livescu/XRMB_data."
    defaults = {"model": {"latent_dim": 70, "beta": 1.0}, "training": {"batch_size": 100, "learning_rate": 1e-4}}

    def modalities(self) -> dict[str, Modality]:
        """Two vectors; articulation is normalised by speaker already."""
        network = {"hidden": (1500, 1500, 1500), "activation": "softplus", "dropout": 0.2}
        return {
            "acoustic": VectorModality(shape=(ACOUSTIC,), display=(CONTEXT, ACOUSTIC // CONTEXT), **network),
            "articulatory": VectorModality(
                shape=(ARTICULATORY,),
                display=(CONTEXT, ARTICULATORY // CONTEXT),
                transform="none",
                likelihood={"name": "normal", "scale_kind": "predicted"},
                **network,
            ),
        }

    def sources(self) -> list[Path]:
        """The two files."""
        return find_files(self.config.root)

    def splits(self) -> Splits:
        """Read or simulate the frames, and split them as the protocol says."""
        config = self.config
        paths = find_files(config.root)
        frames = read_files(paths) if paths else simulate(config.frames, config.seed)
        sides = protocol_rows(
            frames,
            config.protocol,
            fold=config.fold,
            speaker=config.speaker,
            val_fraction=config.val_fraction,
            max_frames=config.max_frames,
            seed=config.seed,
        )
        tables = {side: _table(frames, rows) for side, rows in sides.items()}
        speakers = {side: np.unique(frames.speaker[rows]).tolist() for side, rows in sides.items()}
        sizes = "/".join(f"{len(rows):,}" for rows in sides.values())
        protocol = f"fold {config.fold} of folds" if config.protocol == "folds" else config.protocol
        summary = (
            f"{sizes} frames of {len(set().union(*speakers.values()))} {'' if paths else 'simulated '}speakers, "
            f"protocol {protocol}"
        )
        provenance = (
            Provenance("real", summary, str(config.root))
            if paths
            else Provenance("simulated", f"{summary}, seed {config.seed}")
        )
        return Splits(
            tables["train"],
            tables["val"],
            tables["test"],
            provenance,
            labels={"phone": tuple(str(code) for code in range(PHONES))},
            facts={"protocol": protocol, "speakers": speakers},
        )

    @classmethod
    def toy(cls) -> XRMB:
        """Thirty simulated frames of every speaker."""
        return cls(XRMBConfig(frames=30))


def _table(frames: Frames, rows: np.ndarray) -> Table:
    """Some of the frames; those of one speaker are a group."""
    acoustic, articulatory = frames.gather(rows)
    return Table.of(
        {"acoustic": torch.from_numpy(acoustic), "articulatory": torch.from_numpy(articulatory)},
        labels={"phone": torch.from_numpy(frames.phone[rows])},
        rows=torch.from_numpy(rows),
        groups=torch.from_numpy(frames.speaker[rows]),
    )
