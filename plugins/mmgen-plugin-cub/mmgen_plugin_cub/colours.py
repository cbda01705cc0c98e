"""Labels from captions: the colours of the whole bird, its crown, its wings and its belly.

A caption names the colour of a part in one of two ways:

1. ``<colour> <part>``: among the words before the name of the part, back to the nearest word that ends a phrase
   (punctuation, a verb, a preposition, the name of another part), the first colour: ``black and white wings`` are
   black.
2. ``<part> is <colour>``: after the name of the part and ``is``, ``are``, ``that is`` or ``that are``, up to the next
   such word, the first colour.

The first such place in a caption counts. The colour of an image is the one that most of its captions name; of those
named equally often, the one named first.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

import numpy as np

COLOURS = ("black", "white", "grey", "brown", "red", "orange", "yellow", "green", "blue")
_SYNONYMS = {
    "black": "blackish",
    "white": "whitish cream ivory",
    "grey": "gray greyish grayish charcoal",
    "brown": "brownish tan beige buff taupe chestnut",
    "red": "reddish crimson scarlet rufous",
    "orange": "orangish",
    "yellow": "yellowish golden",
    "green": "greenish olive",
    "blue": "bluish turquoise teal",
}
_COLOUR_OF = {word: code for code, name in enumerate(COLOURS) for word in (name, *_SYNONYMS[name].split())}
PARTS = {  # label: what captions call it
    "colour": "bird birds body plumage feathers feather",
    "crown": "crown cap head",
    "wings": "wings wing primaries secondaries coverts covert",
    "belly": "belly breast chest underside abdomen underbelly",
}
_LABEL_OF = {word: label for label, words in PARTS.items() for word in words.split()}
_ENDING = """
that which who has have having with is are was covered by its it it's his the on in over of at near around under to from
except excepting but as this a an
beak bill ring eyering eyerings eye eyes tail tails throat neck nape face back rump side sides flank flanks leg legs
feet foot tarsus rectrices wingbars wingbar
wingspan eyebrow eyebrows superciliary vent cheek patch patches stripe stripes spot spots underneath edge edges tip tips
"""
_ENDS = frozenset(_ENDING.split())
_IS = ("is", "are")


def _ends(word: str) -> bool:
    return word in _ENDS or word in _LABEL_OF or not word[0].isalnum()


def find_colours(words: Sequence[str]) -> dict[str, int]:
    """Label to the code of a colour in :data:`COLOURS`, for the parts whose colour a caption names.

    The caption is given in words, in lower case.
    """
    codes: dict[str, int] = {}
    for place, word in enumerate(words):
        label = _LABEL_OF.get(word)
        if label is None or label in codes:
            continue
        start = place
        while start and not _ends(words[start - 1]):
            start -= 1
        colours = [_COLOUR_OF[before] for before in words[start:place] if before in _COLOUR_OF]
        colours = colours or _colours_after(words[place + 1 :])
        if colours:
            codes[label] = colours[0]
    return codes


def _colours_after(words: Sequence[str]) -> list[int]:
    """The colours in ``that is <colour> …``, up to the end of the phrase."""
    words = words[1:] if words[:1] == ["that"] else words
    if not words or words[0] not in _IS:
        return []
    colours = []
    for word in words[1:]:
        if _ends(word):
            break
        if word in _COLOUR_OF:
            colours.append(_COLOUR_OF[word])
    return colours


def label_captions(captions: Sequence[Sequence[str]], images: Sequence[int]) -> dict[str, np.ndarray]:
    """For every label the codes ``int64 [N]`` of the captions.

    A caption has the colour that the captions of its image agree on if it names a colour of that part itself, and −1
    otherwise: what a caption does not say nobody can find in it.

    Args:
        captions: In words.
        images: The number of each caption's image.
    """
    mentions = [find_colours(words) for words in captions]
    votes: dict[tuple[int, str], Counter[int]] = {}
    for image, colours in zip(images, mentions):
        for label, colour in colours.items():
            votes.setdefault((image, label), Counter())[colour] += 1
    # Counter.most_common keeps the order of first occurrence among equals.
    agreed = {key: counter.most_common(1)[0][0] for key, counter in votes.items()}
    return {
        label: np.array(
            [agreed[image, label] if label in colours else -1 for image, colours in zip(images, mentions)],
            dtype=np.int64,
        )
        for label in PARTS
    }
