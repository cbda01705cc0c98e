"""From the files of one folder to the rows of the dataset: a row is a caption with its picture."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch

from mmgen import Indexed, Table, split_rows

from .colours import label_captions
from .config import CubConfig
from .files import CAPTIONS, PER_IMAGE, check_pairs, find_pictures, read_pictures
from .tokens import encode


@dataclass(frozen=True)
class Chosen:
    """The pictures that a configuration uses, with class, kind of class (tested or not) and place in the files."""

    paths: tuple[Path, ...]
    classes: np.ndarray
    tested: np.ndarray
    place: np.ndarray


def choose_pictures(folder: Path, config: CubConfig, captions: Mapping[str, Sequence[Sequence[str]]]) -> Chosen:
    """All pictures, those of the training classes, or as many as asked for, spread evenly over the files.

    Raises:
        DataError: Folders, pictures and lines of captions do not go together.
    """
    sides_pictures = find_pictures(folder)
    for side, name in CAPTIONS.items():
        check_pairs(captions[side], folder / name, sides_pictures[side])
    sides = ("train",) if config.split == "train-classes" else ("train", "test")
    paths = [path for side in sides for path in sides_pictures[side].paths]
    classes = np.unique([name for side in sides for name in sides_pictures[side].classes], return_inverse=True)[1]
    is_test = np.array([side == "test" for side in sides for _ in sides_pictures[side].paths])
    count = min(len(paths), config.max_images or len(paths))
    place = np.arange(count) * len(paths) // count
    return Chosen(tuple(paths[i] for i in place), classes[place], is_test[place], place)


def read_rows(
    folder: Path, config: CubConfig, captions: Mapping[str, Sequence[Sequence[str]]], alphabet: Sequence[str]
) -> tuple[dict[str, Table], dict[str, Any]]:
    """The tables of the three sides, and facts about them.

    Args:
        folder: Has the official layout.
        config: Of the dataset.
        captions: In words, of ``train`` and ``test``.
        alphabet: Of the codes.
    """
    chosen = choose_pictures(folder, config, captions)
    pixels, prints = read_pictures(chosen.paths, "reading pictures")
    copies = np.unique(prints, return_inverse=True)[1]
    groups = chosen.classes if config.split == "classes" else copies  # copies of one picture are on one side
    image = np.repeat(np.arange(len(pixels)), PER_IMAGE)
    lines = (chosen.place[:, None] * PER_IMAGE + np.arange(PER_IMAGE)).reshape(-1)
    all_captions = [*captions["train"], *captions["test"]]
    chosen_captions = [all_captions[line] for line in lines]
    labels = label_captions(chosen_captions, image.tolist())
    table = Table.of(
        {
            "image": Indexed(torch.from_numpy(pixels), torch.from_numpy(image)),
            "caption": torch.from_numpy(encode(chosen_captions, alphabet, config.mask_padding)),
        },
        labels={label: torch.from_numpy(codes) for label, codes in labels.items()},
        rows=torch.from_numpy(lines),
        groups=torch.from_numpy(lines if config.split == "captions" else groups[image]),
    )
    if config.split == "captions":
        rows = _split_captions(chosen.tested[image], config)
        sides = {name: np.unique(image[members]) for name, members in rows.items()}
    else:
        sides = _split(groups, chosen.tested, config)
        rows = {name: np.flatnonzero(np.isin(image, members)) for name, members in sides.items()}
    facts = {
        "pictures": {name: len(members) for name, members in sides.items()},
        "classes": {name: len(np.unique(chosen.classes[members])) for name, members in sides.items()},
        "words": len(alphabet),
        "copied_pictures": len(pixels) - int(copies.max()) - 1,
        "captions_with_label": {label: round(float((codes >= 0).mean()), 4) for label, codes in labels.items()},
    }
    return {name: table.select(torch.from_numpy(members)) for name, members in rows.items()}, facts


def _split(groups: np.ndarray, is_test: np.ndarray, config: CubConfig) -> dict[str, np.ndarray]:
    """The pictures of each side; groups (classes, or copies of one picture) stay whole."""
    if config.split == "train-classes":
        return split_rows(len(groups), test=0.1, val=config.val_fraction, seed=config.seed, groups=groups)
    training = np.flatnonzero(~is_test)
    sides = split_rows(len(training), test=0.0, val=config.val_fraction, seed=config.seed, groups=groups[training])
    return {"train": training[sides["train"]], "val": training[sides["val"]], "test": np.flatnonzero(is_test)}


def _split_captions(is_test: np.ndarray, config: CubConfig) -> dict[str, np.ndarray]:
    """The rows of each side as MultiVae has them: validation captions are drawn one by one from those of the training
    classes, the first of a permutation with the seed, so a picture is in training and in validation.

    Args:
        is_test: Of each row, ``[rows]``.
        config: Of the dataset.
    """
    training = np.flatnonzero(~is_test)
    order = np.random.RandomState(config.seed).permutation(len(training))  # as scikit-learn has it
    held_out = math.ceil(config.val_fraction * len(training))
    train, val = np.sort(training[order[held_out:]]), np.sort(training[order[:held_out]])
    return {"train": train, "val": val, "test": np.flatnonzero(is_test)}
