"""The sides of a split: training, validation and test."""

from __future__ import annotations

SIDES = ("train", "val", "test")
