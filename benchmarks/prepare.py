"""A worker: prepares PolyMNIST of 60,000 training and 10,000 test tuples in an empty cache; its round is the one
preparation.

Usage: python benchmarks/prepare.py made|tensors|images

The files are written first, and that is not counted: random digits in MNIST's own format, or random images in one of
the two official layouts.
"""

from __future__ import annotations

import os
import struct
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from protocol import peak, report, wait

SIZES = {"train": 60_000, "test": 10_000}
MODALITIES = 5


def write_digits(folder: Path) -> None:
    """MNIST's four files with blobs in the place of digits."""
    for split, name in (("train", "train"), ("test", "t10k")):
        count = SIZES[split]
        random = np.random.default_rng(count)
        images = (random.integers(0, 256, (count, 7, 7), dtype=np.uint8)).repeat(4, 1).repeat(4, 2)
        labels = (np.arange(count) % 10).astype(np.uint8)
        (folder / f"{name}-images-idx3-ubyte").write_bytes(struct.pack(">IIII", 2051, count, 28, 28) + images.tobytes())
        (folder / f"{name}-labels-idx1-ubyte").write_bytes(struct.pack(">II", 2049, count) + labels.tobytes())


def pieces(split: str, m: int) -> np.ndarray:
    """``[N, 28, 28, 3]``: pieces of a smooth picture, which PNG packs like a photograph."""
    random = np.random.default_rng([m, SIZES[split]])
    picture = np.asarray(Image.fromarray(random.integers(0, 256, (64, 64, 3), dtype=np.uint8)).resize((512, 512)))
    places = random.integers(0, 512 - 28, (SIZES[split], 2))
    return np.stack([picture[y : y + 28, x : x + 28] for y, x in places])


def write_official(folder: Path, layout: str) -> None:
    """The same pieces as tensors or as one PNG each."""
    for split, count in SIZES.items():
        digits = np.arange(count) % 10
        for m in range(MODALITIES):
            images = pieces(split, m)
            if layout == "tensors":
                (folder / split).mkdir(parents=True, exist_ok=True)
                torch.save(
                    torch.from_numpy(np.moveaxis(images, -1, 1).astype(np.float32) / 255), folder / split / f"m{m}.pt"
                )
                torch.save(torch.from_numpy(digits), folder / split / "labels.pt")
            else:
                (folder / split / f"m{m}").mkdir(parents=True)
                for i, (image, digit) in enumerate(zip(images, digits, strict=True)):
                    Image.fromarray(image).save(folder / split / f"m{m}" / f"{i // 10}.{digit}.png")


def main() -> None:
    """One preparation."""
    source = sys.argv[1]
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        child = os.fork()  # what is written is no part of the memory that is reported
        if child == 0:
            (folder / "data").mkdir()
            write_digits(folder / "data") if source == "made" else write_official(folder / "data", source)
            os._exit(0)
        assert os.waitpid(child, 0)[1] == 0
        os.environ["MMGEN_CACHE"] = f"{name}/cache"
        import mmgen

        report(parameters=0)
        if wait():
            start = time.perf_counter()
            options = {"digits": folder / "data"} if source == "made" else {"root": folder / "data"}
            data = mmgen.load_dataset("polymnist", modalities=MODALITIES, **options)
            rows = sum(len(part) for part in (data.train, data.val, data.test))
            report(seconds=time.perf_counter() - start, memory=peak(), images=MODALITIES * rows)


if __name__ == "__main__":
    main()
