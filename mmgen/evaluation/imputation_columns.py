"""The values of a modality as columns of a table, and as the numbers that baselines learn from and predict."""

from __future__ import annotations

from copy import deepcopy
from dataclasses import dataclass

import numpy as np
import torch

from ..data import ImageModality, Modality, Table
from ..data.transforms import Curve, Transform
from ..distributions.likelihoods import CODES, Support
from .drawn import NUMBERS, supports_of

TINY = 1e-12


@dataclass(frozen=True)
class Cells:
    """Values of ``N`` rows of a modality, cell by cell.

    Attributes:
        values: In data units, codes too, ``float64 [N, C]``; anything where nothing was measured.
        measured: Which of them were, ``[N, C]``.
    """

    values: np.ndarray
    measured: np.ndarray

    def __getitem__(self, rows: np.ndarray) -> Cells:
        return Cells(self.values[rows], self.measured[rows])

    @classmethod
    def of(cls, table: Table, name: str, modality: Modality) -> Cells:
        """Those of a table; a negative code is none of the categories, and bytes of pictures are in [0, 1] as what is
        generated is.
        """
        stored = table.data[name][:]
        if isinstance(modality, ImageModality):
            pixels = modality.make_transform()
            stored = pixels.inverse(pixels(stored))
        values = stored.flatten(1).double().numpy()
        measured = table.observed_cells(name).flatten(1).numpy()
        coded = np.array([support in CODES for support in columns_of(modality, values.shape[1])])
        return cls(values, measured & ~((values < 0) & coded))


@dataclass(frozen=True)
class Columns:
    """What training rows say of the ``C`` columns of a modality.

    Attributes:
        name: Of the modality.
        names: Of the columns.
        supports: What their values are.
        mean: Of the training values, ``[C]``; of codes nothing.
        scale: Their standard deviation, ``[C]``; 0 where they do not vary.
        classes: The codes that are there, of each column of codes in turn, the most frequent one first.
        scattered: The columns whose values lie in intervals: numbers and counts, but not pixels, ``[columns]``.
        transform: What the networks see numbers by, where that is no straight line.
    """

    name: str
    names: tuple[str, ...]
    supports: tuple[Support, ...]
    mean: np.ndarray
    scale: np.ndarray
    classes: tuple[np.ndarray, ...]
    scattered: np.ndarray
    transform: Transform | None = None

    @classmethod
    def of(cls, name: str, modality: Modality, cells: Cells, transform: Transform | None = None) -> Columns:
        """Of the training rows that are given, and the fitted transform of a model, of which a straight one says
        nothing.
        """
        count = cells.values.shape[1]
        supports = columns_of(modality, count)
        names = modality.value_names(name)
        if len(names) != count:  # symbols of a text are one column of a table
            names = [f"{name}_{i}" for i in range(count)]
        mean, scale = moments(cells.values, cells.measured)
        coded = [i for i, support in enumerate(supports) if support in CODES]
        classes = tuple(_frequent(cells.values[cells.measured[:, i], i]) for i in coded)
        numbers = [i for i, each in enumerate(supports) if each in NUMBERS and not isinstance(modality, ImageModality)]
        curved = transform is not None and transform.curve and not coded
        seen_by = deepcopy(transform).double() if curved and transform is not None else None
        return cls(name, tuple(names), supports, mean, scale, classes, np.array(numbers, dtype=np.int64), seen_by)

    def __len__(self) -> int:
        return len(self.names)

    def places(self, *supports: Support) -> np.ndarray:
        """The columns whose values are of these kinds."""
        return np.array([i for i, support in enumerate(self.supports) if support in supports], dtype=np.int64)

    @property
    def plain(self) -> np.ndarray:
        """The columns that are numbers or yes/no answers."""
        return np.array([i for i, support in enumerate(self.supports) if support not in CODES], dtype=np.int64)

    @property
    def usual(self) -> np.ndarray:
        """The most frequent code of each column of codes (0 where none is known), ``[codes]``."""
        return np.array([codes[0] if len(codes) else 0.0 for codes in self.classes])

    @property
    def width(self) -> int:
        """How many numbers :meth:`numbers` makes of a row."""
        return len(self.plain) + sum(len(codes) for codes in self.classes)

    @property
    def blocks(self) -> list[np.ndarray]:
        """Which of the numbers belong to each column, in the order of the columns."""
        owners = self.owners
        return [np.flatnonzero(owners == i) for i in range(len(self))]

    @property
    def owners(self) -> np.ndarray:
        """The column that each of the numbers belongs to, ``[W]``."""
        coded = self.places(*CODES)
        parts = [np.full(len(codes), i) for i, codes in zip(coded, self.classes, strict=True)]
        return np.concatenate([self.plain, *parts]).astype(np.int64)

    @property
    def curve(self) -> Curve | None:
        """The transform, if each value has one of its own, and a mean a way back."""
        return self.transform if isinstance(self.transform, Curve) else None

    def numbers(self, cells: Cells, logs: bool = False, curved: bool = False) -> np.ndarray:
        """Rows as numbers ``[N, W]``: numbers and answers as they are, then a 1 for the category of each column of
        codes; NaN where nothing was measured.

        Args:
            cells: The rows.
            logs: Whether of positive numbers logarithms are taken, and log(1 + x) of counts, and of all what the
                transform makes of them, as encoders see them.
            curved: Whether it is as networks see and generate them where there is a :attr:`curve`; the way back is
                :meth:`straight`.
        """
        plain = np.where(cells.measured, cells.values, np.nan)[:, self.plain]
        if self.transform is not None and (logs or (curved and self.curve is not None)):
            observed = torch.from_numpy(cells.measured)
            values = torch.from_numpy(np.where(cells.measured, cells.values, 0.0))
            with torch.no_grad():
                seen = self.transform(values, observed).numpy()
            plain = np.where(cells.measured, seen, np.nan)
        elif logs:
            kinds = np.array([self.supports[i] for i in self.plain])
            positive, counts = kinds == "positive", kinds == "counts"
            plain[:, positive] = np.log(np.maximum(plain[:, positive], TINY))
            plain[:, counts] = np.log1p(np.maximum(plain[:, counts], 0))
        parts = [plain]
        for i, codes in zip(self.places(*CODES), self.classes, strict=True):
            shown = (cells.values[:, i, None] == codes).astype(np.float64)
            parts.append(np.where(cells.measured[:, i, None], shown, np.nan))
        return np.concatenate(parts, 1)

    def straight(self, numbers: np.ndarray, scatter: np.ndarray) -> np.ndarray:
        """What is predicted as networks see it, ``[N, W]``, in data units: the mean over what scatters around it with
        the standard deviations ``[W]``.
        """
        if self.curve is None:
            return numbers
        with torch.no_grad():
            location = torch.from_numpy(numbers)
            means: np.ndarray = self.curve.mean_on_curve(
                location, torch.from_numpy(scatter).expand_as(location)
            ).numpy()
        return means

    def guess(self, numbers: np.ndarray) -> np.ndarray:
        """Predicted numbers ``[N, W]`` as values ``[N, C]``: of categories the code with the largest one."""
        guess = np.zeros((len(numbers), len(self)))
        guess[:, self.plain] = numbers[:, : len(self.plain)]
        start = len(self.plain)
        for i, codes in zip(self.places(*CODES), self.classes, strict=True):
            block = numbers[:, start : start + len(codes)]
            guess[:, i] = codes[block.argmax(1)] if len(codes) else 0
            start += len(codes)
        return guess


def columns_of(modality: Modality, count: int) -> tuple[Support, ...]:
    """What the values of each of its columns are; pixels are numbers, whatever their likelihood."""
    supports: tuple[Support, ...] = ("real",) if isinstance(modality, ImageModality) else supports_of(modality)
    return supports * count if len(supports) == 1 else supports


def moments(values: np.ndarray, measured: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Mean and standard deviation of the measured values of each column, ``[C]``; of none, and where they do not vary,
    the latter is 0.
    """
    count = np.maximum(measured.sum(0), 1)
    mean = np.where(measured, values, 0.0).sum(0) / count
    scale = np.sqrt(np.square(np.where(measured, values - mean, 0.0)).sum(0) / count)
    return mean, np.where(scale > TINY * np.maximum(np.abs(mean), TINY), scale, 0.0)


def _frequent(codes: np.ndarray) -> np.ndarray:
    """The codes that are there, the most frequent one first, of equally frequent ones the smaller."""
    found, counts = np.unique(codes, return_counts=True)
    return found[np.argsort(-counts, kind="stable")]
