"""Photographs to stand behind the digits: a folder of them, or ten that scikit-image and scikit-learn ship."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import numpy as np
from PIL import Image

from mmgen import DataError

from .construction import SIDE

ENDINGS = (".jpg", ".jpeg", ".png")
# In an order by which the first ones differ most from each other and from mid-grey, where inverted colours would hardly
# show.
EMBEDDED = (
    ("sklearn", "datasets/images/flower.jpg"),
    ("skimage", "data/coffee.png"),
    ("skimage", "data/hubble_deep_field.jpg"),
    ("sklearn", "datasets/images/china.jpg"),
    ("skimage", "data/astronaut.png"),
    ("skimage", "data/retina.jpg"),
    ("skimage", "data/rocket.jpg"),
    ("skimage", "data/motorcycle_left.png"),
    ("skimage", "data/ihc.png"),
    ("skimage", "data/chelsea.png"),
)
DISTRIBUTIONS = {"sklearn": "scikit-learn", "skimage": "scikit-image"}
# pixels: the embedded photographs are reduced to it, so that a crop of 28×28 shows parts of things and not one plain
# surface
SHORTER = 168


def photograph_files(folder: Path | None, count: int) -> list[Path]:
    """One file for each of ``count`` modalities: the first of a folder by name, or the embedded ones."""
    if folder is None:
        return [_embedded(package, path) for package, path in EMBEDDED[:count]]
    if not folder.is_dir():
        raise DataError(
            f"dataset.backgrounds: there is no folder {folder}; it should hold one photograph (jpg or png) per "
            "modality."
        )
    files = sorted(
        path for path in folder.iterdir() if path.suffix.lower() in ENDINGS and not path.name.startswith(".")
    )
    if len(files) < count:
        raise DataError(
            f"dataset.backgrounds: {folder} holds {len(files)} photographs (jpg or png), and {count} modalities need "
            "one each; add some, or set dataset.modalities lower."
        )
    return files[:count]


def read_photograph(path: Path, shorter: int | None = None) -> np.ndarray:
    """A photograph as uint8 ``[height, width, 3]``.

    ``shorter`` reduces it until its shorter side has so many pixels.
    """
    try:
        with Image.open(path) as image:
            image.load()
            colours = image.convert("RGB")
    except (OSError, SyntaxError, ValueError, Image.DecompressionBombError) as error:
        raise DataError(f"{path} cannot be read as a photograph; it is damaged, truncated, or no image.") from error
    if min(colours.size) < SIDE:
        raise DataError(
            f"{path} has {colours.width}×{colours.height} pixels; a background needs at least {SIDE}×{SIDE}."
        )
    if shorter is not None and min(colours.size) > shorter:
        factor = shorter / min(colours.size)
        colours = colours.resize(
            (round(colours.width * factor), round(colours.height * factor)), Image.Resampling.LANCZOS
        )
    return np.array(colours)


def _embedded(package: str, name: str) -> Path:
    """A file in an installed package, which is located without being imported."""
    spec = importlib.util.find_spec(package)
    places = (spec.submodule_search_locations or []) if spec else []
    path = next((file for place in places if (file := Path(place, name)).is_file()), None)
    if path is None:
        raise DataError(
            f"The photograph {name} of {DISTRIBUTIONS[package]} is not installed; reinstall that package, or set "
            "dataset.backgrounds=FOLDER with photographs of your own."
        )
    return path
