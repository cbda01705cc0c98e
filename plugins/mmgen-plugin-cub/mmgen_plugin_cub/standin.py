"""The stand-in: drawn birds with generated captions, written as a folder in the official layout."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np

from mmgen import track

from .captions import write_captions
from .drawing import draw_bird
from .files import CAPTIONS, MARKER, PER_IMAGE
from .species import Photograph, Species, make_species, take_photograph

TEST_SHARE = 0.25  # of the species, as of the official classes (50 of 200)


@dataclass(frozen=True)
class Bird:
    """One picture to be drawn, with its captions."""

    side: str  # train or test
    species: Species
    number: int  # of the species
    photograph: Photograph
    captions: tuple[str, ...]

    @property
    def name(self) -> str:
        """Of its class."""
        return f"{self.number + 1:03d}.{self.species.size}_{self.species.colour}_bird"


@lru_cache(maxsize=4)
def imagine_birds(species: int, images: int, seed: int) -> tuple[Bird, ...]:
    """All birds in the order of the files, nothing drawn yet: a second or two.

    Args:
        species: How many species; the last quarter is for testing.
        images: Pictures of each.
        seed: Of everything.
    """
    tested = max(1, round(TEST_SHARE * species))
    kinds = make_species(species, seed)
    birds = []
    for number, kind in enumerate(kinds):
        for image in range(images):
            draw = np.random.default_rng([seed, 2, number, image])
            photograph = take_photograph(draw)
            captions = tuple(write_captions(kind, photograph, draw, PER_IMAGE))
            birds.append(Bird("test" if number >= species - tested else "train", kind, number, photograph, captions))
    return tuple(birds)


def stand_in_captions(birds: tuple[Bird, ...], side: str) -> list[str]:
    """The lines of one file of captions."""
    return [caption for bird in birds if bird.side == side for caption in bird.captions]


def write_folder(birds: tuple[Bird, ...], folder: Path) -> None:
    """Draw the birds and write them and their captions as the official archive has them."""
    for number, bird in enumerate(track(birds, "drawing birds")):
        place = folder / bird.side / bird.name
        place.mkdir(parents=True, exist_ok=True)
        # Good quality and colours at full resolution: a crown is a few pixels.
        draw_bird(bird.species, bird.photograph).save(place / f"bird_{number:05d}.jpg", quality=92, subsampling=0)
    for side, name in CAPTIONS.items():
        (folder / name).write_text("".join(f"{line}\n" for line in stand_in_captions(birds, side)), encoding="utf-8")
    (folder / MARKER).write_text("Drawn birds with generated captions.\n", encoding="utf-8")


@contextmanager
def stand_in_folder(birds: tuple[Bird, ...]) -> Iterator[Path]:
    """A folder with the stand-in, for as long as the context."""
    with tempfile.TemporaryDirectory(prefix="mmgen-cub-") as folder:
        write_folder(birds, Path(folder))
        yield Path(folder)
