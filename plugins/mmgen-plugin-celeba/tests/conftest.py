from __future__ import annotations

import csv
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

NAMES = [
    "5_o_Clock_Shadow", "Arched_Eyebrows", "Attractive", "Bags_Under_Eyes", "Bald", "Bangs", "Big_Lips",
    "Big_Nose", "Black_Hair", "Blond_Hair", "Blurry", "Brown_Hair", "Bushy_Eyebrows", "Chubby",
    "Double_Chin", "Eyeglasses", "Goatee", "Gray_Hair", "Heavy_Makeup", "High_Cheekbones", "Male",
    "Mouth_Slightly_Open", "Mustache", "Narrow_Eyes", "No_Beard", "Oval_Face", "Pale_Skin",
    "Pointy_Nose", "Receding_Hairline", "Rosy_Cheeks", "Sideburns", "Smiling", "Straight_Hair",
    "Wavy_Hair", "Wearing_Earrings", "Wearing_Hat", "Wearing_Lipstick", "Wearing_Necklace",
    "Wearing_Necktie", "Young",
]  # fmt: skip
TEXTS = "list_attr_text_256_False_True_celeba.csv"


@dataclass
class Official:
    """A small CelebA on disk, and what was written."""

    root: Path
    images: list[str]
    present: np.ndarray
    partition: np.ndarray
    texts: list[str]


def text_by_the_rule(row: np.ndarray) -> str:
    """The published rule, literally: take the last attribute away as long as there are more than 256 characters."""
    words = []
    for name, is_there in zip(NAMES, row):
        if is_there:
            words.append(name)
    joined = ", ".join(words)
    while len(joined) > 256:
        words = words[: len(words) - 1]
        joined = ", ".join(words)
    return joined.replace("_", " ").lower()


@pytest.fixture(scope="session")
def published_text():
    """The text of one row of attributes, by the published rule."""
    return text_by_the_rule


def write_csv(path: Path, header: list[str], rows: list[list[object]]) -> None:
    with path.open("w", newline="", encoding="utf-8") as file:
        csv.writer(file, lineterminator="\n").writerows([header, *rows])


@pytest.fixture
def official(tmp_path: Path):
    """Writes the official layout, with all forty attributes present and absent; partitions and lists are not in the
    same order.
    """

    def write(layout: str = "csv", text: bool = True, absent: int = -1, folder: str = "") -> Official:
        root = tmp_path / "data"
        home = root / folder
        (home / "img_align_celeba").mkdir(parents=True)
        draw = np.random.default_rng(5)
        count = 30
        images = [f"{number:06d}.jpg" for number in draw.permutation(np.arange(1, 3 * count))[:count]]
        present = draw.random((count, 40)) < 0.3
        present[3], present[4] = True, False  # a text that must be cut, and an empty one
        partition = draw.permutation(np.arange(count) % 3)
        for image in images:
            coarse = Image.fromarray(draw.integers(0, 256, (28, 23, 3), dtype=np.uint8))
            coarse.resize((178, 218), Image.Resampling.BILINEAR).save(home / "img_align_celeba" / image, quality=90)
        texts = [text_by_the_rule(row) for row in present]
        texts = [
            "*" * (k % 3) + said + "*" * (256 - k % 3 - len(said)) if len(said) < 250 else said.ljust(256, "*")
            for k, said in enumerate(texts)
        ]
        codes = np.where(present, 1, absent).tolist()
        order = draw.permutation(count)
        if layout == "csv":
            write_csv(
                home / "list_attr_celeba.csv",
                ["image_id", *NAMES],
                [[image, *row] for image, row in zip(images, codes)],
            )
            write_csv(
                home / "list_eval_partition.csv", ["image_id", "partition"], [[images[k], partition[k]] for k in order]
            )
        else:
            lines = [" ".join([image, *(f"{code:2d}" for code in row)]) for image, row in zip(images, codes)]
            (home / "list_attr_celeba.txt").write_text(
                "\n".join([str(count), " ".join(NAMES) + " ", *lines, ""]), encoding="utf-8"
            )
            (home / "list_eval_partition.txt").write_text(
                "".join(f"{images[k]} {partition[k]}\n" for k in order), encoding="utf-8"
            )
        if text:
            write_csv(home / TEXTS, ["image_id", "text"], [[images[k], texts[k]] for k in order])
        return Official(home, images, present, partition, texts)

    return write
