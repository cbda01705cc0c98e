"""How the two views are made: Wang, Arora, Livescu and Bilmes 2015, "On Deep Multi-View Representation Learning"."""

from __future__ import annotations

import math

import numpy as np
import torch
import torch.nn.functional as F

from mmgen import track

from .official import TwoViews

BLOCK = 2_000  # images that are turned at once
LARGEST = math.pi / 4


def rotated_images(images: np.ndarray, angles: np.ndarray) -> np.ndarray:
    """Images uint8 ``[n, h, w]`` turned by ``angles`` ``[n]`` (radians) about their middle.

    The interpolation is bilinear, what is outside black, and the result uint8.
    """
    turned = []
    for start in track(range(0, len(images), BLOCK), "turning digits"):
        block = torch.from_numpy(images[start : start + BLOCK])[:, None].double()
        angle = torch.from_numpy(angles[start : start + BLOCK])
        c, s, zero = angle.cos(), angle.sin(), torch.zeros_like(angle)
        where = torch.stack(
            [torch.stack([c, -s, zero], -1), torch.stack([s, c, zero], -1)], 1
        )  # of each pixel in the image before
        grid = F.affine_grid(where, list(block.shape), align_corners=False)
        turned.append(
            F.grid_sample(block, grid, padding_mode="zeros", align_corners=False)[:, 0].round().to(torch.uint8).numpy()
        )
    return np.concatenate(turned) if turned else images.copy()


def noisy_images(images: np.ndarray, draw: np.random.Generator) -> np.ndarray:
    """Images uint8 ``[n, h, w]`` plus noise from U[0, 1] in every pixel, cut at 1; uint8."""
    noise = draw.random(images.shape, dtype=np.float32) * 255
    return np.minimum(np.round(images + noise), 255).astype(np.uint8)


def partners(digits: np.ndarray, draw: np.random.Generator) -> np.ndarray:
    """For each of ``digits`` ``[n]`` a row of the same digit, drawn with replacement."""
    chosen = np.empty(len(digits), dtype=np.int64)
    for digit in np.unique(digits):
        members = np.flatnonzero(digits == digit)
        chosen[members] = draw.choice(members, len(members))
    return chosen


def make_views(
    images: np.ndarray, digits: np.ndarray, rows: np.ndarray, repeats: int, draw: np.random.Generator
) -> TwoViews:
    """Both views of some of the images.

    The first is each image turned by an angle from U[−π/4, π/4], the second another image of the same digit, upright,
    under noise.

    Args:
        images: All images, uint8 ``[n, 28, 28]``.
        digits: Their digits, ``[n]``.
        rows: Which of them are on this side; partners are among them.
        repeats: How many pairs each of them gives.
        draw: Random numbers.
    """
    origin = np.tile(rows, repeats)
    sources = np.concatenate([partners(digits[rows], draw) for _ in range(repeats)]) if len(rows) else origin
    turned = rotated_images(images[origin], draw.uniform(-LARGEST, LARGEST, len(origin)))
    return TwoViews(turned, noisy_images(images[rows][sources], draw), digits[origin], origin)
