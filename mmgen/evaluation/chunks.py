"""How many rows networks are given at once."""

from __future__ import annotations

NUMBERS_AT_ONCE = 2**17  # 256 images, or a thousand short vectors


def rows_at_once(numbers: int, least: int) -> int:
    """Rows of so many ``numbers`` each: as many as are ``NUMBERS_AT_ONCE`` together, and ``least`` where that is
    more.
    """
    return max(least, NUMBERS_AT_ONCE // max(1, numbers))
