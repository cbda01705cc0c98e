"""Hypothesis strategies: Gaussian experts and masks of what is available, in float64, small enough for literal
oracles.
"""

from __future__ import annotations

import numpy as np
import torch
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from jaxtyping import Bool
from torch import Tensor

from ..distributions import Gaussian

Range = tuple[int, int]


def _numbers(shape: tuple[int, ...], low: float, high: float) -> st.SearchStrategy[Tensor]:
    """Tensors of ``shape`` with values in [low, high]; they shrink towards zero."""
    values = arrays(np.float64, shape, elements=st.floats(low, high, allow_subnormal=False))
    return values.map(lambda array: torch.from_numpy(array.copy()))


@st.composite
def experts(
    draw: st.DrawFn,
    modalities: Range = (1, 4),
    rows: Range = (1, 3),
    latent_dim: Range = (1, 3),
    mean: float = 5.0,
    log_variance: tuple[float, float] = (-8.0, 8.0),
) -> Gaussian:
    """The experts ``[M, B, D]`` of M modalities.

    Args:
        draw: Given by Hypothesis.
        modalities: Smallest and largest M.
        rows: Smallest and largest B.
        latent_dim: Smallest and largest D.
        mean: Means lie in [−mean, mean].
        log_variance: Smallest and largest log-variance; by default variances from 3·10⁻⁴ to 3·10³.
    """
    shape = tuple(draw(st.integers(*extent)) for extent in (modalities, rows, latent_dim))
    return Gaussian(draw(_numbers(shape, -mean, mean)), draw(_numbers(shape, *log_variance)))


@st.composite
def masks(
    draw: st.DrawFn, rows: int, modalities: int, *, lead: tuple[int, ...] = (), empty_rows: bool = False
) -> Bool[Tensor, "*lead B M"]:
    """Which modalities each row may use, ``Bool[*lead, B, M]``: at least one per row, unless ``empty_rows``."""
    given = draw(arrays(np.bool_, (*lead, rows, modalities)))
    if not empty_rows:
        kept = draw(arrays(np.int64, (*lead, rows, 1), elements=st.integers(0, modalities - 1)))
        given = given | (np.arange(modalities) == kept)
    return torch.from_numpy(given.copy())


@st.composite
def experts_and_masks(
    draw: st.DrawFn,
    modalities: Range = (1, 4),
    rows: Range = (1, 3),
    latent_dim: Range = (1, 3),
    mean: float = 5.0,
    log_variance: tuple[float, float] = (-8.0, 8.0),
    lead: tuple[int, ...] = (),
    empty_rows: bool = False,
) -> tuple[Gaussian, Bool[Tensor, "*lead B M"]]:
    """Experts ``[M, B, D]`` (see :func:`experts`) and what each row may use of them, ``Bool[*lead, B, M]`` (see
    :func:`masks`).
    """
    gaussians = draw(experts(modalities, rows, latent_dim, mean, log_variance))
    available = draw(masks(gaussians.mean.shape[1], gaussians.mean.shape[0], lead=lead, empty_rows=empty_rows))
    return gaussians, available
