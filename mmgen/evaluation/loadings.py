"""Loadings: what each dimension of the latents does to each column, through the decoder."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor

from ..errors import MmgenError
from .decoder_inputs import DecoderInputs, decoded, decoder_inputs
from .evaluation import Evaluation
from .expected_columns import ExpectedColumns, expected_columns

if TYPE_CHECKING:
    import pandas as pd

ROWS = 500  # at most, that are averaged over
PIXELS = "(pixels)"  # the column of an image


@dataclass(frozen=True)
class Loadings:
    """Loadings of one modality.

    Attributes:
        modality: Its name.
        columns: Names of its columns, ``[F]``.
        latents: Names of the dimensions, ``[D]``: ``z0`` …, and ``w0`` … of private ones.
        values: ``float64 [F, D]``; NaN where a column does not vary in training rows.
        is_image: Whether the one column stands for all pixels: the mean of their absolute loadings.
    """

    modality: str
    columns: list[str]
    latents: list[str]
    values: np.ndarray
    is_image: bool


def loadings(evaluation: Evaluation) -> list[Loadings]:
    """The loadings of every modality that is decoded from z and has columns, computed once.

    The loading of column c on dimension k is the mean over at most 500 rows of (E[x_c | z + s_k e_k] − E[x_c | z − s_k
    e_k]) / 2, divided by the standard deviation of the column in training rows: how many standard deviations a column
    rises when z_k rises by one of its own, all else of the row being as it is. z is the posterior mean given all that a
    row has, and s_k the standard deviation of the aggregate posterior, √(Var[μ_k] + E[σ_k²]). For a linear decoder with
    weights W it is W_ck s_k / sd(x_c), the standardised loading of a factor analysis; a difference over two standard
    deviations also says what a decoder does that saturates, where a derivative is 0.

    A category has a column for each of its values, of the probability. An image has one row, the mean of the absolute
    loadings of its pixels in units of the root of their mean variance. Texts have no columns and are left out.
    """
    return evaluation.cached("loadings", lambda: _make(evaluation))


def loadings_frame(evaluation: Evaluation) -> pd.DataFrame:
    """:func:`loadings` as a frame: a line per modality and column, a column per dimension; NaN where a private
    dimension (``w_NAME0``) is another modality's.

    Raises:
        MmgenError: A model that decodes nothing with columns from z.
    """
    import pandas as pd

    found = loadings(evaluation)
    if not found:
        raise MmgenError(
            "There are no loadings: the model decodes no modality with columns from z, or no row has one (texts have "
            "no columns)."
        )
    frames = []
    for each in found:
        names = [f"w_{each.modality}{name[1:]}" if name.startswith("w") else name for name in each.latents]
        index = pd.MultiIndex.from_product([[each.modality], each.columns], names=["modality", "column"])
        frames.append(pd.DataFrame(each.values, index, names))
    joined = pd.concat(frames)
    shared = [name for name in joined.columns if not name.startswith("w_")]
    return joined[[*shared, *(name for name in joined.columns if name not in shared)]]


def _make(evaluation: Evaluation) -> list[Loadings]:
    found = []
    for target in evaluation.targets:
        columns, inputs = expected_columns(evaluation, target), decoder_inputs(evaluation, target, ROWS)
        if columns is None or inputs is None:
            continue
        scale = columns.scale if columns.is_image else columns.deviation
        values = torch.stack([_effect(evaluation, columns, inputs, name) / scale for name in inputs.latents], 1)
        names = columns.names()
        if columns.is_image:
            values, names = values.abs().nanmean(0, keepdim=True), [PIXELS]
        found.append(Loadings(target, names, inputs.latents, values.numpy(), columns.is_image))
    return found


def _effect(evaluation: Evaluation, columns: ExpectedColumns, inputs: DecoderInputs, latent: str) -> Tensor:
    """Half the mean difference of every column when a dimension is a standard deviation higher and lower, ``[F]``."""
    effect = torch.zeros(len(columns), dtype=torch.float64)
    for sign in (1, -1):
        for _, parameters in decoded(evaluation, inputs, inputs.shifted(latent, sign), len(columns)):
            effect += sign * columns.expected(parameters).cpu().sum(0)
    return effect / (2 * len(inputs.places))
