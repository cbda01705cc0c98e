"""Plain modules that know nothing of modalities or objectives."""

from .conv import ConvDecoder, ConvTrunk
from .heads import Encoder, GaussianHead, Spread
from .mlp import ACTIVATIONS, MLPDecoder, MLPTrunk
from .text import SequenceDecoder, SequenceTrunk

__all__ = [
    "ACTIVATIONS",
    "ConvDecoder",
    "ConvTrunk",
    "Encoder",
    "GaussianHead",
    "MLPDecoder",
    "MLPTrunk",
    "SequenceDecoder",
    "SequenceTrunk",
    "Spread",
]
