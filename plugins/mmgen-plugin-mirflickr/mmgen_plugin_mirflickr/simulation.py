"""Simulated pictures and tags with the dimensions and the sparsity of MIR-Flickr.

What is shared: 24 concepts, present to a degree, which eight kinds of scene bring about together. A picture has a
concept where its degree is above a threshold that gives the concept its share (from 40 % to 2 %); 14 of them are also
asked for in a strict sense, with a higher threshold. Features see the degrees: descriptors of the whole picture through
a nonlinear function, visual words as counts. Tags see them too: each concept makes some forty tags more frequent.

What is private: twelve numbers of style (light, lens, texture) change the features and no tag. Eight habits of the
photographer (place, year, camera, groups) make other tags more frequent and change no feature; four in ten tags have to
do with no concept. 18 % of the pictures have no tag, and the others 6.3 on average, as in the collection (Srivastava
and Salakhutdinov 2012: 5.15 ± 5.13 of the 2,000 tags per picture, and 4,551 of 25,000 without any).
"""

from __future__ import annotations

import numpy as np
from scipy.sparse import csr_matrix, vstack

from mmgen import track
from mmgen.data.sides import SIDES

from .pictures import CONCEPTS, GLOBAL, TAGS, WORDS, Collection, Pictures

LOOSE = 24
STRICT = CONCEPTS - LOOSE
SCENES, STYLE, HABITS, HIDDEN = 8, 12, 8, 64
SHARES = np.geomspace(0.4, 0.02, LOOSE)  # of the pictures that have a concept
UNTAGGED, MEAN, SHAPE = 0.18, 5.3, 1.5  # of the number of tags: none, and beyond the first one a negative binomial
MOST = 60  # tags of a picture
BLOCK = 500  # pictures that are made at once
DOUBT = 0.15  # share of the variance that those who labelled the pictures judged by, and that is in no degree
UNRELATED = 0.4  # share of the tags that no concept brings about


def simulate(labelled: int, unlabelled: int, split: int, seed: int) -> Collection:
    """A collection of so many pictures.

    Args:
        labelled: With labels; two fifths train, one fifth validates, two fifths test.
        unlabelled: Without.
        split: Which of five splits.
        seed: Of everything.
    """
    world = _World(np.random.default_rng([seed, 0]))
    groups = [
        world.pictures(count, np.random.default_rng([seed, 1 + number]))
        for number, count in enumerate((labelled, unlabelled))
    ]
    order = np.random.default_rng([seed, 2 + split]).permutation(labelled)
    sides = np.split(order, [labelled * 2 // 5, labelled * 3 // 5])
    return Collection(
        groups[0][0],
        groups[0][1],
        {side: np.sort(rows) for side, rows in zip(SIDES, sides)},
        groups[1][0] if unlabelled else None,
    )


class _World:
    """What all pictures have in common."""

    def __init__(self, draw: np.random.Generator) -> None:
        causes = LOOSE + STYLE
        self.scenes = draw.normal(size=(SCENES, LOOSE)) * 0.7 / np.sqrt(SCENES)
        self.spread = np.sqrt(np.square(self.scenes).sum(0) + 0.5)  # standard deviation of a degree
        self.inner = draw.normal(size=(causes, HIDDEN)) / np.sqrt(causes)
        self.outer = draw.normal(size=(HIDDEN, GLOBAL)) / np.sqrt(HIDDEN)
        self.words = draw.normal(size=(causes, WORDS)) * 0.15
        self.common_words = draw.normal(size=WORDS)
        self.tag_of = np.where(
            draw.random(TAGS) < UNRELATED, -1, draw.integers(LOOSE, size=TAGS)
        )  # the concept of each tag
        self.strength = draw.uniform(0.8, 2.2, size=TAGS)
        self.habits = draw.normal(size=(HABITS, TAGS)) * np.where(self.tag_of < 0, 1.0, 0.2)
        self.frequency = -0.8 * np.log(np.arange(TAGS) + 10.0)  # Zipf's law, about

    def pictures(self, count: int, draw: np.random.Generator) -> tuple[Pictures, np.ndarray]:
        """``count`` pictures and their labels int64 ``[count, 38]``."""
        degrees = (
            draw.normal(size=(count, SCENES)) @ self.scenes + np.sqrt(0.5) * draw.normal(size=(count, LOOSE))
        ) / self.spread
        thresholds = np.array([_upper_quantile(share) for share in (*SHARES, *(SHARES[:STRICT] / 2))])
        scores = np.sqrt(1 - DOUBT) * degrees + np.sqrt(DOUBT) * draw.normal(size=degrees.shape)
        labels = (scores[:, [*range(LOOSE), *range(STRICT)]] > thresholds).astype(np.int64)
        present = np.logaddexp(0, 3 * (degrees - thresholds[:LOOSE])) / 3  # hardly anything below the threshold
        features, tags = [], []
        for start in track(range(0, count, BLOCK), "simulating pictures"):
            features.append(self._features(present[start : start + BLOCK], draw))
            tags.append(csr_matrix(self._tags(present[start : start + BLOCK], draw)))
        matrix = vstack(tags, format="csr") if tags else csr_matrix((0, TAGS), dtype=np.uint8)
        return Pictures(features, matrix), labels

    def _features(self, present: np.ndarray, draw: np.random.Generator) -> np.ndarray:
        causes = np.concatenate([1.5 * present, 1.5 * draw.normal(size=(len(present), STYLE))], 1)
        descriptors = np.tanh(1.5 * causes @ self.inner) @ self.outer + draw.normal(size=(len(causes), GLOBAL))
        rates = np.exp(self.common_words + causes @ self.words)
        counts = draw.poisson(200 * rates / rates.sum(1, keepdims=True))
        return np.concatenate([descriptors, np.sqrt(counts / 200)], 1).astype(np.float32)

    def _tags(self, present: np.ndarray, draw: np.random.Generator) -> np.ndarray:
        """uint8 ``[n, 2000]``: so many different tags per picture, the probable ones sooner."""
        count = len(present)
        counts = draw.negative_binomial(SHAPE, SHAPE / (SHAPE + MEAN), size=count) + 1
        counts = np.where(draw.random(count) < UNTAGGED, 0, np.minimum(counts, MOST))
        related = np.where(self.tag_of < 0, 0, present[:, self.tag_of]) * self.strength * 5
        scores = (
            self.frequency + related + draw.normal(size=(count, HABITS)) @ self.habits + draw.gumbel(size=(count, TAGS))
        )
        first = np.argsort(-scores, axis=1)[:, :MOST]
        tags = np.zeros((count, TAGS), dtype=np.uint8)
        np.put_along_axis(tags, first, (np.arange(MOST) < counts[:, None]).astype(np.uint8), 1)
        return tags


def _upper_quantile(share: float) -> float:
    """The value that a standard normal exceeds with probability ``share``."""
    from scipy.special import ndtri

    return float(-ndtri(share))
