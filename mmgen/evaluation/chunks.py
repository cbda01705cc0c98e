"""How many rows networks are given at once."""

from __future__ import annotations

NUMBERS_AT_ONCE = 2**17  # 256 images, or a thousand short vectors
MOST_NUMBERS = 2**23  # of generated values, of which a likelihood holds a dozen copies
MOST_DRAWN = 2**27  # of what is drawn of one modality where nothing is given: 10,000 pictures of 64 × 64 in colour


def rows_at_once(numbers: int, least: int) -> int:
    """Rows of so many ``numbers`` each: as many as are ``NUMBERS_AT_ONCE`` together, or ``least`` where that is more;
    never more than are ``MOST_NUMBERS``, but for a single one.
    """
    numbers = max(1, numbers)
    return max(1, min(max(least, NUMBERS_AT_ONCE // numbers), MOST_NUMBERS // numbers))


CELLS = 4_000_000  # of one modality, that are held in 64 bits at once
FEWEST_ROWS = 100


def rows_of_width(most: int, width: int) -> int:
    """How many rows of so many columns are looked at: ``most``, and fewer of more than ``CELLS / most`` columns."""
    return min(most, max(FEWEST_ROWS, CELLS // max(1, width)))
