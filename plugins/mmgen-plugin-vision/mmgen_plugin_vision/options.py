"""Checks of options that several image datasets have."""

from __future__ import annotations


def check_rendered(count: tuple[int, int]) -> None:
    """Check that every digit is rendered at least twice, for training and for testing.

    Raises:
        ValueError: It is not, as the validator of an option ``rendered`` says it.
    """
    if min(count) < 20:
        raise ValueError(
            f"rendered is {list(count)}; training and test need at least 20 street numbers each, two of every digit"
        )
