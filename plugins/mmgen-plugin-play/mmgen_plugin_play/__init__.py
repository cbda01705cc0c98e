"""A local page to play with a trained model: ``mmgen play RUN``."""

from .playground import Playground
from .target import Seen, Target

__all__ = ["Playground", "Seen", "Target"]
