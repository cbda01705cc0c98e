"""The text of the attributes, and the alphabets."""

from __future__ import annotations

import string

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mmgen_plugin_celeba import ALPHABETS
from mmgen_plugin_celeba.attributes import encode_texts, pad_text, sentence, texts

LETTERS_71 = [*string.ascii_lowercase, *"0123456789", *"-,;.!?:'\"/\\|_@#$%^&*~`+-=<>()[]{}", " ", "\n"]
LETTERS_41 = [*string.ascii_lowercase, *"0123456789", ",", '"', " ", "*", "\n"]


@given(st.lists(st.booleans(), min_size=40, max_size=40), st.integers(0, 2**32))
def test_the_text_follows_the_published_rule(published_text, row, seed):
    attributes = published_text(row)
    assert sentence(row) == attributes
    text = pad_text(attributes, np.random.default_rng(seed))
    assert len(text) == 256
    start = text.index(attributes) if attributes else 0
    assert text == "*" * start + attributes + "*" * (256 - start - len(attributes))
    assert start == 0 or start < 255 - len(attributes)


@pytest.mark.parametrize(
    ("length", "starts"), [(250, {0, 1, 2, 3, 4}), (253, {0, 1}), (254, {0}), (255, {0}), (256, {0})]
)
def test_every_start_is_drawn_and_no_other(length, starts):
    draw = np.random.default_rng(0)
    drawn = [pad_text("a" * length, draw) for _ in range(200)]
    assert {text.index("a") for text in drawn} == starts
    assert {len(text) for text in drawn} == {256}


def test_the_alphabets():
    assert list(ALPHABETS[71]) == LETTERS_71 and len(LETTERS_71) == 71
    assert list(ALPHABETS[41]) == LETTERS_41 and len(LETTERS_41) == 41
    everything = sorted(set("".join(texts(np.eye(40, dtype=bool), 0))))
    assert "5" in everything
    for letters, alphabet in ALPHABETS.items():
        assert set(everything) < set(alphabet)
        line = "".join(alphabet).ljust(256, "*")
        assert encode_texts([line], letters)[0].tolist() == [
            alphabet.index(letter) for letter in line
        ]  # the second '-' has the code of the first
