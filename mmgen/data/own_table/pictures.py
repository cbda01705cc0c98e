"""One picture as an array: what its file holds, with a remark wherever that is not all."""

from __future__ import annotations

import io
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image, ImageOps, UnidentifiedImageError

from ...errors import DataError, first_line
from .source import FIRST

ON_WHITE = "have transparent pixels, which are put on white"
KEYED = "name a transparent value, which is read like any other"
FIRST_PAGE = (
    "are animations or have several pages, of which the first is read; where the pages are channels, say shape: "
    "[pages, height, width]"
)
EIGHT_BITS = "have 16 bits for each colour, of which 8 are read"
AS_RGB = "are not in RGB (but in CMYK, for one), and are converted to it"


@dataclass(frozen=True)
class Picture:
    """A picture in grey ``[height, width]``, in colours ``[height, width, 3]``, or of as many channels as it has pages.

    Attributes:
        title: Its file, if any, and "in row …", for messages.
        pixels: Truth values, bytes, larger whole numbers, or numbers with a point, as the file has them.
        remarks: What of the file is not in the pixels.
    """

    title: str
    pixels: np.ndarray
    remarks: tuple[str, ...] = ()

    @property
    def is_grey(self) -> bool:
        """Whether it has one channel."""
        return self.pixels.ndim == 2

    @property
    def channels(self) -> int:
        """How many it has."""
        return 1 if self.is_grey else self.pixels.shape[2]

    @property
    def depth(self) -> str:
        """What a pixel is, for messages; black and white are taken for bytes beside bytes."""
        kind = self.pixels.dtype
        return f"{8 * kind.itemsize}-bit numbers with a point" if kind.kind == "f" else f"{8 * kind.itemsize}-bit"

    @property
    def size(self) -> str:
        """Height and width, for messages."""
        return f"{self.pixels.shape[0]}×{self.pixels.shape[1]}"


def is_picture(cell: Any) -> bool:
    """Whether a cell is a picture or says where one is.

    It may be a path, the bytes of a file, a picture of Pillow, or the bytes and the path that ``datasets`` keeps.
    """
    if isinstance(cell, Mapping):
        return {"bytes", "path"} <= set(cell)
    return isinstance(cell, str | bytes | Path | Image.Image)


def picture_file(cell: Any, folder: Path) -> Path | None:
    """The file that a cell names, relative to the folder of the table; None where the picture itself is in the cell."""
    path = cell["path"] if isinstance(cell, Mapping) and cell["bytes"] is None else cell
    return folder / path if isinstance(path, str | Path) else None


def read_picture(cell: Any, folder: Path, row: str, channels: int | None = None) -> Picture:
    """The picture in a cell, or in the file that it names.

    Args:
        cell: See :func:`is_picture`.
        folder: That paths are relative to.
        row: The row and its table, for messages.
        channels: How many were asked for: a file of as many pages has one in each.

    Raises:
        DataError: There is none, or it cannot be decoded.
    """
    file = picture_file(cell, folder)
    name = file or (isinstance(cell, Mapping) and cell["path"]) or ""
    title = f"{name} in row {row}".lstrip()
    # For a name that no file can have, Path.is_file raises.
    if file is not None and not os.path.isfile(file):  # noqa: PTH113
        raise DataError(
            f"There is no picture {title} ({FIRST}); a path is relative to the folder of the table, and an empty cell "
            "means that the row has none."
        )
    try:
        if isinstance(cell, Image.Image):
            return _decode(cell, title, channels)
        with Image.open(file or io.BytesIO(cell["bytes"] if isinstance(cell, Mapping) else cell)) as image:
            return _decode(image, title, channels)
    except Exception as error:  # whatever the decoders make of a damaged file
        empty = file is not None and file.stat().st_size == 0
        reason = f"{'the file is empty' if empty else _reason(error)}; replace it, or take it out of the table"
        raise DataError(f"The picture {title} ({FIRST}) cannot be read: {reason}.") from error


def _reason(error: Exception) -> str:
    if isinstance(error, UnidentifiedImageError):
        return "it is damaged, or of a format that Pillow does not know"
    return first_line(error)[:200]


def _decode(image: Image.Image, title: str, channels: int | None) -> Picture:
    """The pixels of the pages that are channels, else of the first page."""
    pages = 1 if image.format == "MPO" else getattr(image, "n_frames", 1)  # MPO: a photograph, and smaller copies of it
    first = _decode_page(image, title, [FIRST_PAGE] if 1 < pages != channels else [])
    if pages == 1 or pages != channels or not first.is_grey:
        return first
    found = [first]
    for page in range(1, pages):
        image.seek(page)
        found.append(_decode_page(image, title, []))
    if len({(page.size, page.depth, page.is_grey) for page in found}) > 1:
        raise ValueError("its pages, which are channels, are not all grey and of one size and depth")
    remarks = dict.fromkeys(remark for page in found for remark in page.remarks)
    return Picture(title, np.stack([page.pixels for page in found], -1), tuple(remarks))


def _decode_page(image: Image.Image, title: str, remarks: list[str]) -> Picture:
    """The pixels, turned as the EXIF data say."""
    stored = [str(tile[3]) for tile in getattr(image, "tile", ())]  # how Pillow will unpack it; gone once it is read
    if image.mode in ("RGB", "RGBA", "LA") and any(";16" in layout for layout in stored):
        remarks.append(EIGHT_BITS)
    image = ImageOps.exif_transpose(image)
    if image.mode in ("1", "F") or image.mode.startswith("I"):
        remarks += [KEYED] if "transparency" in image.info else []
        pixels = np.array(image)
        return Picture(title, pixels.astype(pixels.dtype.newbyteorder("=")), tuple(remarks))
    grey, palette = image.mode in ("L", "LA", "La"), image.mode in ("P", "PA")
    if image.mode in ("La", "RGBa"):  # values that were multiplied by their opacity
        image = image.convert(image.mode.upper())
    if not grey and not palette and not image.mode.startswith("RGB"):
        remarks.append(AS_RGB)
        image = image.convert("RGB")
    pixels = np.array(image.convert("RGBA" if image.has_transparency_data else "RGB"))
    if pixels.shape[2] == 4:
        colours, opacity = pixels[..., :3], pixels[..., 3:]
        remarks += [ON_WHITE] if (opacity < 255).any() else []
        pixels = 255 - np.round((255 - colours) * (opacity / 255)).astype(np.uint8)
    if grey or (palette and (pixels == pixels[..., :1]).all()):
        pixels = pixels[..., 0]
    return Picture(title, pixels, tuple(remarks))
