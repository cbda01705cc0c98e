"""Plain modules that know nothing of modalities or objectives."""

from .classifiers import ImageClassifierTrunk, TextClassifierTrunk
from .codes import OneHot
from .conv import ConvDecoder, ConvTrunk
from .conv4 import CharacterDecoder, CharacterTrunk, Conv4Decoder, Conv4Trunk, text_channels
from .flow import Flow
from .grouped import each
from .heads import Encoder, GaussianHead, SigmoidLocation, Spread, Uninformed
from .mlp import ACTIVATIONS, MLPDecoder, MLPTrunk
from .resnet import ResidualBlock, ResNetDecoder, ResNetTrunk
from .resnet_bn import (
    NormalisedBlock,
    NormalisedImageDecoder,
    NormalisedImageTrunk,
    NormalisedTextDecoder,
    NormalisedTextTrunk,
    text_block_channels,
)
from .sentence import SentenceDecoder, SentenceTrunk
from .sizes import most_halves
from .text import SequenceDecoder, SequenceTrunk

__all__ = [
    "ACTIVATIONS",
    "CharacterDecoder",
    "CharacterTrunk",
    "Conv4Decoder",
    "Conv4Trunk",
    "ConvDecoder",
    "ConvTrunk",
    "Encoder",
    "Flow",
    "GaussianHead",
    "ImageClassifierTrunk",
    "MLPDecoder",
    "MLPTrunk",
    "NormalisedBlock",
    "NormalisedImageDecoder",
    "NormalisedImageTrunk",
    "NormalisedTextDecoder",
    "NormalisedTextTrunk",
    "OneHot",
    "ResNetDecoder",
    "ResNetTrunk",
    "ResidualBlock",
    "SentenceDecoder",
    "SentenceTrunk",
    "SequenceDecoder",
    "SequenceTrunk",
    "SigmoidLocation",
    "Spread",
    "TextClassifierTrunk",
    "Uninformed",
    "each",
    "most_halves",
    "text_block_channels",
    "text_channels",
]
