"""The folder ``flickr_data`` of Srivastava and Salakhutdinov 2012."""

from __future__ import annotations

import re
from dataclasses import dataclass
from itertools import combinations
from pathlib import Path

import numpy as np

from mmgen import DataError

from .arrays import read_features, read_labels, read_rows, read_tags
from .pictures import CONCEPTS, TAGS, Collection, Pictures

PARTS = {"train": "train", "val": "valid", "test": "test"}  # side to name of its file


@dataclass(frozen=True)
class Files:
    """Where everything is; ``unlabelled`` and its tags are empty and None where they are not wanted."""

    labels: Path
    vocabulary: Path
    labelled: tuple[Path, ...]
    labelled_tags: Path
    unlabelled: tuple[Path, ...]
    unlabelled_tags: Path | None
    splits: tuple[Path, ...]

    def every(self) -> list[Path]:
        """All of them."""
        tags = [self.labelled_tags, *([self.unlabelled_tags] if self.unlabelled_tags else [])]
        return [self.labels, self.vocabulary, *self.labelled, *self.unlabelled, *tags, *self.splits]


def find_files(root: Path | None, split: int, unlabelled: bool) -> Files | None:
    """The files of one of the five splits; None where no root is named.

    Raises:
        DataError: Something is missing, or a file in the middle of the unlabelled pictures is.
    """
    if root is None:
        return None
    texts = [root / "text" / f"text_all_{TAGS}_{group}.npz" for group in ("labelled", "unlabelled")[: 1 + unlabelled]]
    splits = [root / "splits" / f"{name}_indices_{split}.npy" for name in PARTS.values()]
    for path in (root / "labels.npy", root / "text" / "vocab.txt", *texts, *splits):
        if not path.is_file():
            raise DataError(
                f"dataset.root: there is no {path.relative_to(root)} in {root}, which should be the folder of "
                "flickr_data.tar.gz."
            )
    images = {}
    for group in ("labelled", "unlabelled")[: 1 + unlabelled]:
        images[group] = tuple(sorted((root / "image" / group).glob("combined-*.npy")))
        if not images[group]:
            raise DataError(f"dataset.root: there is no file combined-*.npy in {root / 'image' / group}.")
    _check_order(images.get("unlabelled", ()))
    return Files(
        root / "labels.npy",
        root / "text" / "vocab.txt",
        images["labelled"],
        texts[0],
        images.get("unlabelled", ()),
        texts[1] if unlabelled else None,
        tuple(splits),
    )


def read_vocabulary(path: Path) -> tuple[str, ...]:
    """The 2,000 tags in the order of the columns: lines of a number, a tag, and how often it occurs."""
    try:
        lines = [line.split() for line in path.read_text(encoding="utf-8").splitlines() if line.strip()]
    except (OSError, UnicodeDecodeError) as error:
        raise DataError(f"{path} cannot be read: {getattr(error, 'strerror', None) or 'it is not text'}.") from error
    if len(lines) != TAGS:
        raise DataError(f"{path} has {len(lines)} lines; there are {TAGS} tags.")
    for number, line in enumerate(lines, 1):
        if len(line) < 2 or not line[0].isdigit():
            raise DataError(f"Line {number} of {path} is {' '.join(line)!r}; it should be a number, a tag and a count.")
    return tuple(line[1] for line in lines)


def read_collection(files: Files) -> Collection:
    """Everything that the files hold; features of pictures stay on disk.

    Raises:
        DataError: A file is truncated, missing, there twice, or does not belong to the others.
    """
    labels = read_labels(files.labels, CONCEPTS)
    labelled = Pictures([read_features(path) for path in files.labelled], read_tags(files.labelled_tags))
    _check_copies(files.labelled, labelled)
    folder = files.labelled[0].parent
    for count, place in (
        (len(labelled), f"the {len(files.labelled)} files of {folder}"),
        (labelled.tags.shape[0], str(files.labelled_tags)),
    ):
        if count != len(labels):
            raise DataError(
                f"There are {count:,} pictures in {place} and {len(labels):,} in {files.labels}; row n is one picture "
                "in each, so a file is missing, or another one's."
            )
    unlabelled = None
    if files.unlabelled_tags:
        unlabelled = Pictures([read_features(path) for path in files.unlabelled], read_tags(files.unlabelled_tags))
        _check_copies(files.unlabelled, unlabelled)
        last, total = _numbers(files.unlabelled[-1])
        rows, texts = len(unlabelled), unlabelled.tags.shape[0]
        if rows > texts or (last == total and rows != texts):
            raise DataError(
                f"There are {rows:,} pictures in {files.unlabelled[0].parent} and {texts:,} in "
                f"{files.unlabelled_tags}; row n is one picture in both."
            )
    splits = {side: read_rows(path, len(labels)) for side, path in zip(PARTS, files.splits)}
    for (first_path, first), (second_path, second) in combinations(zip(files.splits, splits.values()), 2):
        if len(shared := np.intersect1d(first, second)):
            raise DataError(
                f"{first_path} and {second_path} both name picture {shared[0]}; the three parts of a split have none "
                "in common."
            )
    return Collection(labelled, labels, splits, unlabelled)


def _numbers(path: Path) -> tuple[int, int]:
    """7 and 100 of ``combined-00007-of-00100.npy``."""
    match = re.fullmatch(r"combined-(\d+)(?:_\d+)?-of-(\d+)", path.stem)
    if not match:
        raise DataError(f"{path} has an unknown name; files are called combined-00004-of-00100.npy and the like.")
    return int(match[1]), int(match[2])


def _check_order(paths: tuple[Path, ...]) -> None:
    """Check that files of unlabelled pictures follow one another, so that row n of their tags is picture n.

    The last ones may be missing.
    """
    numbers = [_numbers(path)[0] for path in paths]
    for before, after, path in zip(numbers, numbers[1:], paths[1:]):
        if after != before + 1:
            raise DataError(
                f"There is no combined-{before + 1:05d}-of-….npy before {path}; only the last files may be left out."
            )
    if paths and not paths[0].stem.startswith("combined-00003_1-"):
        raise DataError(f"There is no combined-00003_1-of-….npy before {paths[0]}; unlabelled pictures begin with it.")


def _check_copies(paths: tuple[Path, ...], pictures: Pictures) -> None:
    """Whether a file is a copy of another, by its first rows."""
    for (first_path, first), (second_path, second) in combinations(zip(paths, pictures.features), 2):
        if first.shape == second.shape and np.array_equal(first[:100], second[:100]):
            raise DataError(f"{second_path} holds the same pictures as {first_path}; copy it again.")
