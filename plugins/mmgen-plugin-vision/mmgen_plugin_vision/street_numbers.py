"""House-number digits: the official SVHN files of cropped digits, or digits rendered from the fonts that matplotlib
ships.

SVHN: Netzer, Wang, Coates, Bissacco, Wu and Ng 2011, "Reading Digits in Natural Images with Unsupervised Feature
Learning", cropped digits (format 2).
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, Literal

import numpy as np

from mmgen.data import track
from mmgen.data.matlab import read_matlab
from mmgen.errors import DataError, MmgenError, first_line
from mmgen.vision import torchvision

Pair = tuple[np.ndarray, np.ndarray]

SIDE = 32
PARTS = ("train", "test")
OFFICIAL = {"train": 73_257, "test": 26_032}  # images of the published files
FACES = (
    *(f"DejaVuSans{style}" for style in ("", "-Bold", "-Oblique", "-BoldOblique")),
    *(f"DejaVuSansMono{style}" for style in ("", "-Bold", "-Oblique", "-BoldOblique")),
    *(f"DejaVuSerif{style}" for style in ("", "-Bold", "-Italic", "-BoldItalic")),
    *(f"STIXGeneral{style}" for style in ("", "Bol", "Italic", "BolIta")),
    *("cmb10", "cmr10", "cmss10", "cmti10", "cmtt10"),
)  # the faces among matplotlib's that have digits standing on the line
FONT_SIZE, CANVAS = 64, 128  # of the drawn digits, before they are turned, scaled and reduced to SIDE
BLOCK = 250  # images that are painted at once
LUMA = np.array([0.299, 0.587, 0.114], dtype=np.float32)  # brightness of red, green and blue (ITU-R BT.601)


@dataclass(frozen=True)
class StreetNumbers:
    """Colour images of one digit with whatever stands beside it, and where they come from.

    Attributes:
        train: Images uint8 ``[n, 3, 32, 32]`` and their digits int64 ``[n]`` in 0 … 9.
        test: The same, held out.
        kind: ``real`` for the official files, ``stand-in`` for rendered digits.
        summary: What they are, as a noun phrase with both sizes.
        source: The folder, or the package with the fonts.
    """

    train: Pair
    test: Pair
    kind: Literal["real", "stand-in"]
    summary: str
    source: str


def load_street_numbers(
    folder: Path | None, *, download: bool = False, seed: int = 0, count: tuple[int, int] = (10_000, 2_000)
) -> StreetNumbers:
    """SVHN's cropped digits from a folder, or rendered ones where there is none.

    Args:
        folder: Has ``train_32x32.mat`` and ``test_32x32.mat``, in itself or in ``SVHN``.
        download: Fetch missing files into the folder (needs torchvision).
        seed: Of the rendering. Training and test images are drawn from independent random numbers; they share the
            fonts.
        count: How many training and test images to render.

    Raises:
        DataError: A file is missing or damaged, or the download is refused; the sentence names it.
    """
    if folder is None:
        if download:
            raise DataError(
                "A download of street numbers needs a folder to put them in; name the folder of SVHN as well."
            )
        return _rendered(seed, count)
    if download:
        _download(folder)
    if not folder.is_dir():
        raise DataError(f"There is no folder {folder}; it should hold train_32x32.mat and test_32x32.mat of SVHN.")
    paths = {part: _file(folder, part) for part in PARTS}
    if missing := [f"{part}_32x32.mat" for part, path in paths.items() if path is None]:
        raise DataError(
            f"There is no {' and no '.join(missing)} in {folder} or in its folder SVHN; both come from "
            "http://ufldl.stanford.edu/housenumbers (format 2)."
        )
    read = {part: read_street_numbers(path) for part, path in paths.items() if path}
    sizes = {part: len(images) for part, (images, _) in read.items()}
    if sizes["train"] == OFFICIAL["test"] or sizes["test"] == OFFICIAL["train"]:
        raise DataError(
            f"{paths['train']} has {sizes['train']:,} images and {paths['test']} has {sizes['test']:,}; the official "
            f"files have {OFFICIAL['train']:,} and {OFFICIAL['test']:,}, so they seem to be swapped or one of them "
            "twice."
        )
    if np.array_equal(read["train"][0], read["test"][0]):
        raise DataError(f"{paths['test']} holds the same images as {paths['train']}; copy the test file again.")
    summary = f"{sizes['train']:,}/{sizes['test']:,} SVHN street-number digits"
    return StreetNumbers(read["train"], read["test"], "real", summary, str(folder))


def street_number_files(folder: Path | None) -> list[Path]:
    """The files that :func:`load_street_numbers` reads from ``folder``, as far as they are there."""
    return [] if folder is None else [path for part in PARTS if (path := _file(folder, part))]


def read_street_numbers(path: Path) -> Pair:
    """One official file: images uint8 ``[n, 3, 32, 32]`` and digits int64 ``[n]``; the label 10 of the file means the
    digit 0.
    """
    content = read_matlab(path)
    if missing := [key for key in ("X", "y") if key not in content]:
        others = ", ".join(sorted(key for key in content if not key.startswith("_"))) or "nothing"
        raise DataError(
            f"{path} has no array {' and no '.join(missing)}, but {others}; SVHN's cropped digits have X and y."
        )
    images, codes = content["X"], content["y"]
    if images.dtype != np.uint8 or images.ndim != 4 or images.shape[:3] != (SIDE, SIDE, 3) or not images.shape[3]:
        raise DataError(
            f"{path} has X of shape {list(images.shape)} and type {images.dtype}; it should be [32, 32, 3, n] of uint8."
        )
    if codes.size != images.shape[3]:
        raise DataError(
            f"{path} has {images.shape[3]} images in X and {codes.size} labels in y; there is one label per image."
        )
    codes = codes.reshape(-1)
    if len(wrong := np.flatnonzero(~np.isin(codes, np.arange(1, 11)))):
        raise DataError(
            f"{path} has the label {codes[wrong[0]]} at position {wrong[0] + 1} of y; labels are 1 to 10, and 10 is "
            "the digit 0."
        )
    return np.ascontiguousarray(images.transpose(3, 2, 0, 1)), codes.astype(np.int64) % 10


def _file(folder: Path, part: str) -> Path | None:
    name = f"{part}_{SIDE}x{SIDE}.mat"
    return next((path for path in (folder / name, folder / "SVHN" / name) if path.is_file()), None)


def _download(folder: Path) -> None:
    """The files that are missing, by torchvision, which checks what it fetched."""
    for part in PARTS:
        if _file(folder, part):
            continue
        try:
            torchvision().datasets.SVHN(str(folder), split=part, download=True)
        except MmgenError:
            raise
        except Exception as error:  # whatever the network, its proxies and mirrors make of it
            raise DataError(
                f"SVHN could not be downloaded ({first_line(error)}); fetch {part}_32x32.mat from "
                f"http://ufldl.stanford.edu/housenumbers elsewhere and put it into {folder}."
            ) from error


def _rendered(seed: int, count: tuple[int, int]) -> StreetNumbers:
    """Digits of every class in equal shares, drawn and painted block by block."""
    sequences = np.random.SeedSequence(seed).spawn(len(PARTS))
    pairs: dict[str, Pair] = {}
    for part, size, sequence in zip(PARTS, count, sequences):
        draw = np.random.default_rng(sequence)
        digits = draw.permutation(np.arange(size) % 10)
        starts = track(range(0, size, BLOCK), f"rendering street numbers ({part})")
        blocks = [_paint(_outlines(digits[start : start + BLOCK], draw), draw) for start in starts]
        pairs[part] = (np.concatenate(blocks) if blocks else np.zeros((0, 3, SIDE, SIDE), np.uint8), digits)
    summary = f"{count[0]:,}/{count[1]:,} street-number-like digits rendered from matplotlib's fonts"
    return StreetNumbers(pairs["train"], pairs["test"], "stand-in", summary, "matplotlib")


@cache
def _font(face: str) -> Any:
    """One of matplotlib's faces."""
    import matplotlib
    from PIL import ImageFont

    path = Path(matplotlib.get_data_path()) / "fonts" / "ttf" / f"{face}.ttf"
    if not path.is_file():
        raise DataError(
            f"There is no font {path}, which matplotlib ships; install matplotlib again, or name a folder with the "
            "SVHN files."
        )
    return ImageFont.truetype(str(path), FONT_SIZE)


def _outlines(digits: np.ndarray, draw: np.random.Generator) -> np.ndarray:
    """Where the digits and their neighbours are: float32 ``[n, 32, 32]`` in [0, 1].

    A number of up to three digits in one face is drawn with the wanted one in the middle, then scaled, slanted, turned
    and moved a little, so that the border cuts the neighbours, as in SVHN.
    """
    from PIL import Image, ImageDraw

    n = len(digits)
    faces = draw.integers(len(FACES), size=n)
    neighbours = np.where(draw.random((n, 2)) < 0.55, draw.integers(10, size=(n, 2)), -1)
    stroke, gap = draw.integers(0, 3, size=n), draw.uniform(0, 8, n)
    height = draw.uniform(0.62, 0.92, n)  # of the digit, as a share of the picture
    width = height * draw.uniform(0.8, 1.2, n)
    angle, slant = draw.normal(0, 0.09, n), draw.normal(0, 0.12, n)
    shift = draw.normal(0, 0.045, (n, 2)).clip(-0.09, 0.09) * 2 * SIDE
    placed = []
    for i in range(n):
        font, canvas = _font(FACES[faces[i]]), Image.new("L", (CANVAS, CANVAS))
        pen, text = ImageDraw.Draw(canvas), str(digits[i])
        left, top, right, bottom = font.getbbox(text, anchor="ms", stroke_width=int(stroke[i]))
        x, y = CANVAS / 2 - (left + right) / 2, CANVAS / 2 - (top + bottom) / 2
        pen.text((x, y), text, font=font, fill=255, anchor="ms", stroke_width=int(stroke[i]))
        for side, other in zip((-1, 1), neighbours[i]):
            if other >= 0:
                step = (font.getlength(text) + font.getlength(str(other))) / 2 + gap[i]
                pen.text(
                    (x + side * step, y), str(other), font=font, fill=255, anchor="ms", stroke_width=int(stroke[i])
                )
        grown = 2 * SIDE / (bottom - top)  # a digit of this scale is as high as the picture of twice the side
        c, s = math.cos(angle[i]), math.sin(angle[i])
        forward = (
            np.array([[c, -s], [s, c]]) @ np.array([[1, slant[i]], [0, 1]]) * (grown * np.array([width[i], height[i]]))
        )
        (a, b), (d, e) = np.linalg.inv(forward)
        u, v = SIDE + shift[i]  # where the middle of the digit goes
        inverse = (a, b, CANVAS / 2 - a * u - b * v, d, e, CANVAS / 2 - d * u - e * v)
        turned = canvas.transform((2 * SIDE, 2 * SIDE), Image.Transform.AFFINE, inverse, Image.Resampling.BILINEAR)
        placed.append(np.asarray(turned.reduce(2)))
    return np.stack(placed).astype(np.float32) / 255


def _paint(mask: np.ndarray, draw: np.random.Generator) -> np.ndarray:
    """Walls, digits, clutter, light, blur and noise: uint8 ``[n, 3, 32, 32]`` from outlines ``[n, 32, 32]``."""
    n = len(mask)

    def uniform(low: float, high: float) -> np.ndarray:
        return draw.uniform(low, high, (n, 1, 1, 1)).astype(np.float32)

    def sometimes(share: float) -> np.ndarray:
        return (draw.random((n, 1, 1, 1)) < share).astype(np.float32)

    def tint(strength: float) -> np.ndarray:
        """A colour without brightness, ``[n, 3, 1, 1]``."""
        colour = draw.normal(0, strength, (n, 3)).astype(np.float32)
        return (colour - (colour * LUMA).sum(1, keepdims=True))[..., None, None]

    def along() -> np.ndarray:
        """The coordinate in a random direction, ``[n, 1, 32, 32]``, in about [-1, 1]."""
        angle = uniform(0, 2 * math.pi)
        axis = np.linspace(-1, 1, SIDE, dtype=np.float32)
        return np.cos(angle) * axis + np.sin(angle) * axis[:, None]

    digit = mask[:, None]
    contrast = uniform(0.3, 0.75) * (1 - 2 * sometimes(0.5))
    room = 0.9 - np.abs(contrast)  # the darker of the two is between 0.05 and 0.05 + room
    brightness = 0.05 + np.maximum(-contrast, 0) + room * uniform(0, 1)
    wall = (
        brightness
        + tint(0.08)
        + 0.1 * uniform(-1, 1) * along()
        + uniform(0, 0.07) * _clouds(draw.normal(size=(n, 1, 5, 5)))
    )
    edge = np.clip((along() - uniform(0.45, 1.2)) * SIDE / 2, 0, 1)  # of a plate, a door or a brick
    wall = wall + edge * sometimes(0.5) * (uniform(-0.25, 0.25) + tint(0.06))
    bar = np.clip(
        (uniform(0.03, 0.15) - np.abs(along() - uniform(0.5, 1.1))) * SIDE / 2, 0, 1
    )  # a cable, a frame, a joint
    wall = wall + bar * sometimes(0.4) * uniform(-0.35, 0.35)
    shadow = np.zeros_like(digit)
    shadow[..., 1:, 1:] = digit[..., :-1, :-1]
    wall = wall * (1 - uniform(0.2, 0.6) * sometimes(0.3) * shadow)
    image = wall * (1 - digit) + digit * (brightness + contrast + tint(0.08) + 0.06 * uniform(-1, 1) * along())
    image = _blurred(image * (1 + 0.25 * uniform(-1, 1) * along()), uniform(0.2, 1.1))
    image = image + uniform(0, 0.04) * draw.standard_normal(image.shape, dtype=np.float32)
    return np.round(image.clip(0, 1) * 255).astype(np.uint8)


def _clouds(values: np.ndarray) -> np.ndarray:
    """A coarse grid ``[n, 1, k, k]`` enlarged to ``[n, 1, 32, 32]`` by straight lines between its points."""
    k = values.shape[-1]
    position = np.linspace(0, k - 1, SIDE)
    below = np.minimum(position.astype(int), k - 2)
    above = (position - below).astype(np.float32)
    for axis, weight in ((2, above[:, None]), (3, above)):
        values = values.take(below, axis) * (1 - weight) + values.take(below + 1, axis) * weight
    return values.astype(np.float32)


def _blurred(images: np.ndarray, width: np.ndarray) -> np.ndarray:
    """Images ``[n, 3, 32, 32]`` under a Gaussian of ``width`` pixels each, ``[n, 1, 1, 1]``; the border is repeated
    outwards.
    """
    taps = np.arange(-4, 5)
    weights = [np.exp(-(tap**2) / (2 * width**2)) for tap in taps]
    total = np.sum(weights, axis=0)
    for axis in (2, 3):
        padded = np.pad(images, [(4, 4) if a == axis else (0, 0) for a in range(4)], mode="edge")
        images = np.zeros_like(images)
        for tap, weight in zip(taps, weights):
            images += padded.take(range(4 + tap, 4 + tap + SIDE), axis) * (weight / total)
    return images
