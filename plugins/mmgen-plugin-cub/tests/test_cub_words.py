"""Words, vocabulary and codes."""

from __future__ import annotations

import numpy as np
import pytest

from mmgen_plugin_cub.tokens import encode, tokens, vocabulary


@pytest.mark.parametrize(
    ("caption", "words"),
    [
        ("This bird has a white crown, and a black bill.", "this bird has a white crown , and a black bill ."),
        ("it's body isn't grey; they're small!", "it 's body is n't grey ; they 're small !"),
        ("a medium-sized black/white bird (with wings)", "a medium-sized black/white bird ( with wings )"),
        ("long tarsus', its' bill and waterfowl's feet", "long tarsus ' , its ' bill and waterfowl 's feet"),
        ("an abdomen,and feet... about 2.5 inches, or 1,000", "an abdomen , and feet ... about 2.5 inches , or 1,000"),
        ("the bird is white. it has a tail -- a long one.", "the bird is white . it has a tail -- a long one ."),
        ("a 'black' tail at two o'clock", "a ' black ' tail at two o'clock"),
    ],
)
def test_punctuation_stands_alone_and_hyphens_do_not(caption, words):
    assert tokens(caption) == words.split(" ")


def test_nothing_but_blanks_is_lost():
    caption = "a \"bird\": it's 50% grey/white, i can't see (much) more.\tand?"
    assert "".join(tokens(caption)) == "".join(caption.split())


def literal_vocabulary(captions):
    order, count = [], {}
    for words in captions:
        for word in words:
            if word not in count:
                order.append(word)
            count[word] = count.get(word, 0) + 1
    kept = ["<exc>", "<pad>", "<eos>"]
    for word in order:
        if count[word] >= 4:
            kept.append(word)
    return tuple(kept)


def test_the_vocabulary_is_that_of_the_released_rule():
    draw = np.random.default_rng(0)
    words = [f"w{i}" for i in range(60)]
    captions = [[words[i] for i in (draw.zipf(1.5, size=8) - 1) % 60] for _ in range(40)]
    found = vocabulary(captions)
    assert found == literal_vocabulary(captions)
    assert 10 < len(found) < 60  # some words are rare, some are not


def test_a_word_needs_four_occurrences():
    assert vocabulary([["a", "b"], ["b", "a"], ["b", "a", "b"]]) == ("<exc>", "<pad>", "<eos>", "b")


def test_codes_end_and_are_padded_or_cut():
    alphabet = ("<exc>", "<pad>", "<eos>", "a", "b")
    captions = [["a", "b", "c"], ["b"] * 31, ["a"] * 40]
    codes = encode(captions, alphabet, mask_padding=False)
    assert codes.dtype == np.int16
    assert codes.shape == (3, 32)
    assert codes[0].tolist() == [3, 4, 0, 2] + [1] * 28
    assert codes[1].tolist() == [4] * 31 + [2]
    assert codes[2].tolist() == [3] * 31 + [2]
    masked = encode(captions, alphabet, mask_padding=True)
    assert masked[0].tolist() == [3, 4, 0, 2] + [-1] * 28
    assert np.array_equal(masked[1:], codes[1:])
