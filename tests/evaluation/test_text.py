"""Edit distances of generated text against a table of prefixes, and words."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from mmgen import Evaluation, MultimodalVAE, TextModality
from mmgen.evaluation.text import TextConfig, TextDistance
from mmgen.evaluation.text_distances import nearest_words
from mmgen.testing import row_value, toy_data

LETTERS = (" ", *"abcdefghijklmnopqrstuvwxyz")


def codes(*texts, length=8):
    return torch.tensor([[LETTERS.index(c) for c in text.ljust(length)] for text in texts], dtype=torch.uint8)


def levenshtein(one, two):
    """The table of Wagner and Fischer."""
    table = [[i + j if i * j == 0 else 0 for j in range(len(two) + 1)] for i in range(len(one) + 1)]
    for i in range(1, len(one) + 1):
        for j in range(1, len(two) + 1):
            table[i][j] = min(
                table[i - 1][j] + 1, table[i][j - 1] + 1, table[i - 1][j - 1] + (one[i - 1] != two[j - 1])
            )
    return table[-1][-1]


@given(
    st.lists(st.text("abc ", max_size=6), min_size=1, max_size=6),
    st.lists(st.text("abc", min_size=1, max_size=4), min_size=2, max_size=4, unique=True),
)
def test_the_nearest_word_is_the_one_with_the_least_distance(texts, words):
    modality = TextModality(shape=(8,), alphabet=LETTERS)
    found = nearest_words(modality, codes(*texts), words)
    for text, nearest in zip(texts, found):
        distances = [levenshtein(text.replace(" ", ""), word) for word in words]
        expected = -1 if distances.count(min(distances)) > 1 else distances.index(min(distances))
        assert nearest == expected


@pytest.fixture
def evaluation():
    data = toy_data(("text", "vector"), rows=12)
    return Evaluation(MultimodalVAE.create("elbo", data, latent_dim=2), data)


def test_distance_similarity_and_exact_matches_by_hand(evaluation, generating):
    table = evaluation.latents().table
    alphabet = evaluation.model.modalities["text"].alphabet
    texts = ["".join(alphabet[c] for c in row).strip() for row in table.data["text"].tolist()]
    made = torch.randint(0, 4, (len(texts), 6), generator=torch.Generator().manual_seed(0), dtype=torch.uint8)
    made[0] = table.data["text"][0]
    strings = ["".join(alphabet[c] for c in row).strip() for row in made.tolist()]
    generating(evaluation, lambda given, target: made)
    rows = TextDistance().compute(evaluation)
    assert {(row["given"], row["target"]) for row in rows} == {
        (g, "text") for g in ("text", "vector", "text+vector", "1 of 2")
    }
    distances = [levenshtein(a, b) for a, b in zip(strings, texts)]
    similarities = [1 - d / max(len(a), len(b), 1) for d, a, b in zip(distances, strings, texts)]
    assert row_value(rows, measure="distance", given="vector") == pytest.approx(np.mean(distances))
    assert row_value(rows, measure="similarity", given="vector") == pytest.approx(np.mean(similarities))
    exact = np.mean([a == b for a, b in zip(strings, texts)])
    assert exact > 0
    assert row_value(rows, measure="exact", given="1 of 2") == pytest.approx(exact)


def test_blanks_can_be_taken_out(evaluation, generating):
    table = evaluation.latents().table
    spaced = torch.zeros_like(table.data["text"])
    for i, row in enumerate(table.data["text"]):
        kept = row[row > 0]
        spaced[i, -len(kept) :] = kept  # the same letters, elsewhere in the line
    generating(evaluation, lambda given, target: spaced)
    assert (
        row_value(TextDistance(TextConfig(remove_blanks=True)).compute(evaluation), measure="exact", given="vector")
        == 1.0
    )


def test_without_text_it_is_left_out():
    data = toy_data(("vector", "counts"), rows=12)
    evaluation = Evaluation(MultimodalVAE.create("elbo", data, latent_dim=2), data)
    assert TextDistance().unavailable_reason(evaluation) == "no text is generated"
