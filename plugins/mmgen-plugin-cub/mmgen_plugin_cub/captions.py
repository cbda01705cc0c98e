"""Ten English sentences about a drawn bird: each mentions some of its attributes, in words of its own."""

from __future__ import annotations

import numpy as np

from .species import Photograph, Species

_VIVID = {"red", "orange", "yellow", "green", "blue"}
_SIZES = {"small": ("small", "tiny", "little"), "medium": ("medium sized", "mid sized"), "large": ("large", "big")}
_SHAPES = {
    "short": ("short", "short pointy", "stubby"),
    "long": ("long", "long pointed", "long straight"),
    "curved": ("curved", "hooked", "curved down"),
}
_PLACES = {"crown": ("crown", "crown", "cap"), "belly": ("belly", "breast", "belly and breast", "chest")}


class Writer:
    """Writes captions of one bird with the random numbers that it is given."""

    def __init__(self, species: Species, photograph: Photograph, draw: np.random.Generator) -> None:
        self.species, self.photograph, self.draw = species, photograph, draw

    def one_of(self, *options: str) -> str:
        """Any of them."""
        return options[self.draw.integers(len(options))]

    def colour(self, name: str) -> str:
        """A colour in one of its spellings, at times called bright."""
        word = self.one_of("grey", "gray") if name == "grey" else name
        return f"bright {word}" if name in _VIVID and self.draw.random() < 0.15 else word

    def features(self) -> list[str]:
        """What the bird has, in a random order."""
        species, one_of = self.species, self.one_of
        wings = self.colour(species.wings)
        phrases = {
            "crown": f"a {self.colour(species.crown)} {one_of(*_PLACES['crown'])}",
            "wings": one_of(f"{wings} wings", f"{wings} wings", f"wings that are {wings}", f"{wings} primaries"),
            "belly": f"a {self.colour(species.belly)} {one_of(*_PLACES['belly'])}",
            "beak": one_of(
                f"a {one_of(*_SHAPES[species.beak_shape])} {one_of('beak', 'bill')}",
                f"a {one_of(*_SHAPES[species.beak_shape])} {species.beak} {one_of('beak', 'bill')}",
                f"a {species.beak} {one_of('beak', 'bill')}",
            ),
            "legs": f"{species.legs} {one_of('legs', 'feet')}",
            "tail": f"a {one_of('long', 'very long') if species.long_tail else one_of('short', 'blunt')} tail",
            "ring": one_of("a white eye ring", "a white ring around its eye") if species.eye_ring else "",
            "marks": {
                "plain": "",
                "wingbars": one_of("two wingbars", "striped wingbars"),
                "streaks": one_of("stripes on its sides", "spots underneath"),
            }[species.marks],
        }
        shares = {
            "crown": 0.6,
            "wings": 0.6,
            "belly": 0.6,
            "beak": 0.5,
            "legs": 0.15,
            "tail": 0.15,
            "ring": 0.3,
            "marks": 0.3,
        }
        mentioned = [
            phrases[name] for name, share in shares.items() if phrases[name] and self.draw.random() < share
        ] or [phrases["wings"]]
        return [mentioned[i] for i in self.draw.permutation(len(mentioned))][:4]

    def caption(self) -> str:
        """One sentence in lower case, which always names the colour of the whole bird."""
        one_of, species = self.one_of, self.species
        size = f"{one_of(*_SIZES[species.size])} " if self.draw.random() < 0.5 else ""
        colour = self.colour(species.colour)
        features = self.features()
        several = _series(features)
        style = self.draw.integers(8)
        if style == 0:
            text = f"this {one_of('', 'particular ')}{size}bird has {_series([f'a {colour} body', *features])}"
        elif style == 1:
            text = f"a {size}{colour} bird with {several}"
        elif style == 2:
            text = (
                f"this bird is {one_of('', 'mostly ', 'mainly ', 'almost all ')}{colour} "
                f"{one_of('', '', 'in color ', 'overall ')}and has {several}"
            )
        elif style == 3:
            text = f"this is a {size}{colour} bird {one_of('with', 'that has')} {several}"
        elif style == 4:
            text = f"{size}bird with {colour} {one_of('plumage', 'feathers')} and {several}"
        elif style == 5:
            text = f"the {size}{colour} bird {one_of('has', 'has', 'displays', 'shows off')} {several}"
        elif style == 6:
            text = f"{one_of('this', 'the', 'this beautiful')} bird has {_series([*features, f'a {colour} body'])}"
        else:
            text = (
                f"this {size}{colour} bird has "
                f"{features[0]}{''.join(f', and it has {feature}' for feature in features[1:2])}"
            )
        if style not in (1, 3, 4) and self.draw.random() < 0.15:
            text += (
                one_of(" and is flying", " and is in flight")
                if self.photograph.flying
                else one_of(" and is perched", " and sits still")
            )
        return _articles(f"{text}.")


def write_captions(species: Species, photograph: Photograph, draw: np.random.Generator, count: int = 10) -> list[str]:
    """``count`` captions of one picture."""
    writer = Writer(species, photograph, draw)
    return [writer.caption() for _ in range(count)]


def _series(items: list[str]) -> str:
    """``a``, ``a and b``, ``a, b and c``."""
    return items[0] if len(items) == 1 else f"{', '.join(items[:-1])} and {items[-1]}"


def _articles(text: str) -> str:
    """``an orange bird``, not ``a orange bird``."""
    words = text.split(" ")
    return " ".join(
        "an" if word == "a" and after[:1] in "aeio" else word for word, after in zip(words, [*words[1:], ""])
    )
