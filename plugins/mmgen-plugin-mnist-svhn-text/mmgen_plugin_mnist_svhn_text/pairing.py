"""Which handwritten digit stands beside which street number."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

CAP = 10_000  # images of a class at most (Shi, Siddharth, Paige and Torr 2019)


@dataclass(frozen=True)
class Pairing:
    """Tuples ``N`` of one split.

    Attributes:
        mnist: Image of each tuple among the handwritten digits, int64 ``[N]``.
        svhn: The same among the street numbers.
        per_digit: How many images of each of the ten digits take part in a repetition; empty for a published pairing.
    """

    mnist: np.ndarray
    svhn: np.ndarray
    per_digit: tuple[int, ...] = ()

    def __len__(self) -> int:
        return len(self.mnist)

    def select(self, rows: np.ndarray) -> Pairing:
        """Some of the tuples."""
        return Pairing(self.mnist[rows], self.svhn[rows], self.per_digit)


def draw_pairing(
    mnist: np.ndarray, svhn: np.ndarray, repeats: int, draw: np.random.Generator, *, use_all: bool = False
) -> Pairing:
    """Pair images of the same digit, as the script of MMVAE does (Shi, Siddharth, Paige and Torr 2019).

    For each digit c, n_c = min(#MNIST_c, #SVHN_c, 10000), and the first n_c images of each are permuted independently,
    ``repeats`` times; digits follow one another.

    Args:
        mnist: Digits of the handwritten images, ``[n]``; −1 takes an image out.
        svhn: Digits of the street numbers, ``[k]``; −1 takes an image out.
        repeats: How often each image occurs.
        draw: Random numbers.
        use_all: Draw the n_c images of a repetition from all of the class, instead of taking the first n_c each time.
    """
    pairs: list[tuple[np.ndarray, np.ndarray]] = []
    counts = []
    for digit in range(10):
        ones, others = np.flatnonzero(mnist == digit), np.flatnonzero(svhn == digit)
        count = min(len(ones), len(others), CAP)
        if not use_all:
            ones, others = ones[:count], others[:count]
        pairs += [(draw.permutation(ones)[:count], draw.permutation(others)[:count]) for _ in range(repeats)]
        counts.append(count)
    return Pairing(
        np.concatenate([pair[0] for pair in pairs]), np.concatenate([pair[1] for pair in pairs]), tuple(counts)
    )


def thin_tuples(digits: np.ndarray, limit: int, draw: np.random.Generator) -> np.ndarray:
    """Rows of at most ``limit`` of the tuples with ``digits`` ``[N]``, in order.

    One of every digit, and for the rest each digit by its share.
    """
    present, sizes = np.unique(digits, return_counts=True)
    if limit >= len(digits):
        return np.arange(len(digits))
    spare = (sizes - 1) * (limit - len(present)) // (len(digits) - len(present))
    chosen = [draw.permutation(np.flatnonzero(digits == digit))[: 1 + extra] for digit, extra in zip(present, spare)]
    return np.sort(np.concatenate(chosen))
