"""Text of a fixed length."""

from __future__ import annotations

from typing import Any, ClassVar, Literal, cast

import numpy as np
from pydantic import Field, PositiveInt, model_validator
from torch import nn

from ...distributions import Likelihood
from ...networks import (
    CharacterDecoder,
    CharacterTrunk,
    NormalisedTextDecoder,
    NormalisedTextTrunk,
    SentenceDecoder,
    SentenceTrunk,
    SequenceDecoder,
    SequenceTrunk,
    TextClassifierTrunk,
    most_halves,
    text_block_channels,
    text_channels,
)
from ...options import Unless
from ..likelihood_choice import make_likelihood
from ..rendering import Rendering
from .codes import CodesModality

SENTENCE_CHANNELS = (32, 64, 128)


class TextModality(CodesModality):
    """Text of a fixed length, one code per character (or word) of an alphabet.

    The code −1 is a symbol that is not in the alphabet. With ``resnet`` and ``sentence`` a row's terms depend on the
    rest of its batch in training (on the rows that have the text), because batch normalisation does; in evaluation they
    do not.

    >>> import numpy as np
    >>> from mmgen import TextModality
    >>> word = TextModality(shape=(6,), alphabet=tuple(" abc"))
    >>> word.encode_text("cab")
    [3, 1, 2, 0, 0, 0]
    >>> word.cells(np.array([3, 1, 2, 0, 0, 0]))
    ['cab']
    """

    vocabulary: ClassVar[tuple[str, ...]] = ("shape", "columns", "alphabet", "joiner", "pad", "end", "unknown")
    only_with = {
        "hidden": {"network": ("embedding",)},
        "decoder_hidden": {"network": ("embedding",)},
        "activation": {"network": ("embedding",)},
        "channels": {"network": Unless("embedding")},
        "embedding": {"network": ("embedding", "sentence")},
        "residual": {"network": ("resnet",)},
        "dropout": {"network": ("resnet", "embedding")},
        "display": {},
    }

    alphabet: tuple[str, ...] = Field(
        description="The characters (or words) in the order of their codes; of a symbol that is repeated, the first "
        "one counts.",
        min_length=2,
    )
    joiner: str = Field(
        "", description="Between the symbols when they are written out: nothing for characters, a blank for words."
    )
    pad: str | None = Field(
        None,
        description="The symbol that fills a text up, and is not shown at its ends; none: the first of the alphabet.",
    )
    end: str | None = Field(None, description="The symbol that ends a text; nothing is shown from there on.")
    unknown: str | None = Field(
        None, description="What a symbol outside the alphabet is read as; none: it is left out."
    )
    network: Literal["embedding", "conv", "resnet", "sentence"] = Field(
        "embedding",
        description="A small one of embeddings; convolutions of characters (MNIST-SVHN-Text); residual blocks with "
        "batch normalisation (CelebA); or the sentence network of CUB, whose decoder ends in the encoder's embedding.",
    )
    channels: tuple[PositiveInt, ...] | None = Field(
        None,
        description="With conv, resnet and sentence: channels, one entry per stage; none: as published.",
        min_length=1,
    )
    embedding: PositiveInt | None = Field(
        None, description="With embedding and sentence: numbers per embedded symbol; none: 32 and, as published, 128."
    )
    residual: tuple[float, float] = Field(
        (2.0, 0.3), description="With resnet: (a, b) in a · shortcut + b · branch of its blocks."
    )
    dropout: float | None = Field(  # type: ignore[assignment]
        None,
        ge=0,
        lt=1,
        description="With resnet and embedding: share of units left out in training; none: 0.5 (as published) and 0.",
    )

    @model_validator(mode="after")
    def _check_text(self) -> TextModality:
        if len(self.shape) != 1 or self.shape[0] < 1:
            raise ValueError(f"the shape of a text is its length, such as [32], not {list(self.shape)}")
        for option in ("pad", "end", "unknown"):
            symbol = getattr(self, option)
            if symbol is not None and symbol not in self.alphabet:
                raise ValueError(f"{option} {symbol!r} is not in the alphabet")
        self._check_stages()
        return self

    def _check_stages(self) -> None:
        """Whether the network can be made for this length."""
        halves, stages = most_halves(self.shape), len(self._channels)
        fewest, largest = {"conv": (2, halves + 2), "resnet": (2, halves + 1), "sentence": (1, halves)}.get(
            self.network, (0, stages)
        )
        if largest < fewest:
            raise ValueError(f"network {self.network} takes texts of at least 2 symbols, not {self.shape[0]}")
        if not fewest <= stages <= largest:
            raise ValueError(
                f"network {self.network} takes {fewest} to {largest} channels for texts of {self.shape[0]} symbols, "
                f"not {stages}"
            )
        smallest = 2 ** (stages + 2)
        if self.network == "sentence" and self._embedding < smallest:
            raise ValueError(
                f"network sentence with {stages} channels takes an embedding of at least {smallest} numbers, not "
                f"{self._embedding}"
            )

    @property
    def _channels(self) -> tuple[int, ...]:
        if self.channels is not None or self.network == "embedding":
            return self.channels or ()
        if self.network == "sentence":
            return SENTENCE_CHANNELS
        return (text_channels if self.network == "conv" else text_block_channels)(self.shape[0])

    @property
    def _embedding(self) -> int:
        return self.embedding or (128 if self.network == "sentence" else 32)

    @property
    def _dropout(self) -> float:
        """The share of units that is left out: as published, unless it was set."""
        return self.dropout if self.dropout is not None else 0.5 if self.network == "resnet" else 0.0

    def trunk(self, latent_dim: int) -> nn.Module:
        """The chosen network."""
        size = (self.shape[0], len(self.alphabet))
        if self.network == "conv":
            return CharacterTrunk(*size, self._channels)
        if self.network == "resnet":
            return NormalisedTextTrunk(*size, self._channels, self.residual, self._dropout)
        if self.network == "sentence":
            return SentenceTrunk(*size, self._channels, self._embedding)
        return SequenceTrunk(*size, self.hidden, self._embedding, self.activation, self._dropout)

    def decoder(self, latent_dim: int) -> nn.Module:
        """The chosen network, to logits."""
        size = (self.shape[0], len(self.alphabet))
        if self.network == "conv":
            return CharacterDecoder(latent_dim, *size, self._channels)
        if self.network == "resnet":
            return NormalisedTextDecoder(latent_dim, *size, self._channels, self.residual, self._dropout)
        if self.network == "sentence":
            return SentenceDecoder(latent_dim, *size, self._channels, self._embedding)
        hidden = self.hidden[::-1] if self.decoder_hidden is None else self.decoder_hidden
        return SequenceDecoder(latent_dim, *size, hidden, self.activation, self._dropout)

    def tie(self, trunk: nn.Module, decoder: nn.Module) -> None:
        """With ``sentence`` the decoder's last layer has the weight of the encoder's embedding."""
        if self.network == "sentence":
            cast(SentenceDecoder, decoder).tie(cast(SentenceTrunk, trunk).embedding)

    def classifier_trunk(self) -> nn.Module:
        """Embeddings, convolutions with their maximum over positions, and a hidden layer between dropouts."""
        return TextClassifierTrunk(len(self.alphabet))

    def make_likelihood(self) -> Likelihood:
        """The chosen one at every position, of as many categories as the alphabet has symbols."""
        return make_likelihood(self.likelihood, self.shape, categories=len(self.alphabet))

    @property
    def _pad(self) -> str:
        return self.alphabet[0] if self.pad is None else self.pad

    def encode_text(self, text: str) -> list[int]:
        """Codes of a string, cut or padded at its end to the length.

        ``end`` follows what is left of the text, where there is one. Symbols outside the alphabet become ``unknown``,
        or are left out.
        """
        code: dict[str, int] = {}
        for i, symbol in enumerate(self.alphabet):
            code.setdefault(symbol, i)
        symbols = [word for word in text.split(self.joiner) if word] if self.joiner else list(text)
        if self.unknown is not None:
            symbols = [symbol if symbol in code else self.unknown for symbol in symbols]
        ending = [] if self.end is None else [code[self.end]]
        codes = [code[symbol] for symbol in symbols if symbol in code][: self.shape[0] - len(ending)] + ending
        return codes + [code[self._pad]] * (self.shape[0] - len(codes))

    def render(self, value: np.ndarray) -> Rendering:
        """The string."""
        return Rendering("text", self.cells(value)[0])

    def value_names(self, name: str) -> list[str]:
        """One column."""
        return [name]

    def cells(self, value: np.ndarray) -> list[Any]:
        """The string up to its end, without the padding on both sides.

        What is not in the alphabet is shown as ``unknown``, or as padding.
        """
        placeholder = self._pad if self.unknown is None else self.unknown
        symbols = [self.alphabet[int(code)] if code >= 0 else placeholder for code in value.reshape(-1)]
        if self.end in symbols:
            symbols = symbols[: symbols.index(self.end)]
        while symbols and symbols[0] == self._pad:
            symbols.pop(0)
        while symbols and symbols[-1] == self._pad:
            symbols.pop()
        return [self.joiner.join(symbols)]
