"""What each column says to each dimension of z, through the encoders: integrated gradients, by Captum."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor

from ..data import Batch, ImageModality, Modality, Table
from ..distributions.likelihoods import CODES
from ..errors import MmgenError, listed
from ..evaluation.drawn import supports_of
from ..models import MultimodalVAE

if TYPE_CHECKING:
    import pandas as pd

POINTS_AT_ONCE = 2048  # rows times steps that encoders see at once
PIXELS = "(pixels)"  # the column of an image


@dataclass(frozen=True)
class _Means:
    """The posterior mean of z as a function of what encoders see of some modalities."""

    model: MultimodalVAE
    batch: Batch
    names: Sequence[str]

    def __call__(self, *arguments: Tensor) -> Tensor:
        """Values ``[n, *shape]`` of each of ``names``, and places of the rows in the batch ``[n]``, to ``[n, D]``."""
        *values, rows = arguments
        part = self.batch[rows.cpu()]
        seen = dict(zip(self.names, values, strict=True))
        data = {name: seen[name] if name in seen and name not in part.inputs else x for name, x in part.data.items()}
        inputs = {name: seen.get(name, x) for name, x in part.inputs.items()}
        mean = self.model.posterior(replace(part, data=data, inputs=inputs)).mean
        return mean + sum(0.0 * x.flatten(1).sum(1, keepdim=True) for x in values)


def attribution(
    model: MultimodalVAE, table: Table, given: Sequence[str], *, rows: int = 200, steps: int = 32, seed: int = 0
) -> pd.DataFrame:
    """Integrated gradients of E[z | x_S] with respect to what encoders see, summed up over rows.

    Of a row, IG_c = (x_c − b_c) ∫₀¹ ∂E[z_k | b + t (x − b)] / ∂x_c dt, with the mean over the rows as b: how much of
    E[z_k | x] − E[z_k | b] is due to column c. Over the rows that have the modality: mean |IG_c| / sd(z_k), with the
    sign of Σ IG_c (x_c − b_c). So it is in standard deviations of z. An image has one line, the sum over its pixels.
    Categories and texts are codes without gradients: they are held as they are and have no line (NaN among mixed
    columns); which cells are missing is held too.

    Source: Sundararajan et al. 2017, "Axiomatic attribution for deep networks" (https://arxiv.org/abs/1703.01365),
    equation 1; Captum's ``IntegratedGradients`` with the Gauss–Legendre rule.

    Args:
        model: The model.
        table: The rows.
        given: The modalities to infer from, by name.
        rows: How many rows, at most, drawn at random.
        steps: Points of the quadrature.
        seed: Of the rows.

    Returns:
        A line per modality and column, a column ``z0`` … per dimension.

    Raises:
        MmgenError: Captum is not installed, or no modality has gradients.
    """
    import pandas as pd

    integrate = _captum()
    model.eval()
    chosen = torch.from_numpy(np.sort(np.random.default_rng(seed).permutation(len(table))[: max(rows, 1)]))
    batch = table[chosen].to(model.device)
    batch = model.prepare(replace(batch, available=model.mask(batch, given)))
    codes = {name: _codes(model.modalities[name]).to(model.device) for name in given}
    names = [name for name in given if batch.input(name).is_floating_point() and not codes[name].all()]
    names = [name for name in names if bool(batch.available[:, list(model.modalities).index(name)].any())]
    if not names:
        raise MmgenError(
            f"Nothing of {listed(given)} has gradients: categories and texts are codes, which no integral goes along, "
            "and of other modalities these rows have none."
        )
    means = _Means(model, batch, names)
    x, start, at = [batch.input(name) for name in names], [], torch.arange(len(batch), device=model.device)
    for name, values in zip(names, x, strict=True):
        has = batch.available[:, list(model.modalities).index(name)]
        start.append(_baseline(values, has, codes[name], masked=name in batch.inputs))
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        z = means(*x, at).detach()
        of_dimensions = [
            integrate(means).attribute(
                tuple(x),
                tuple(start),
                target=k,
                additional_forward_args=(at,),
                n_steps=steps,
                internal_batch_size=max(POINTS_AT_ONCE, len(batch)),
            )
            for k in range(z.shape[1])
        ]
    spread = z.double().std(0, correction=0).clamp(min=torch.finfo(torch.float32).tiny)
    frames = []
    for place, name in enumerate(names):
        has = batch.available[:, list(model.modalities).index(name)]
        found = torch.stack([parts[place].detach()[has].double() for parts in of_dimensions], -1)
        moved = (x[place] - start[place]).detach()[has].double()
        if name in batch.inputs:
            found, moved = found[:, 0], moved[:, 0]  # what is left out says which cells there are
        found, moved = found.flatten(1, -2), moved.flatten(1)
        values = found.abs().mean(0) * (found * moved[..., None]).sum(0).sign() / spread
        values = torch.where(codes[name][:, None], torch.nan, values)
        columns = model.modalities[name].value_names(name)
        if isinstance(model.modalities[name], ImageModality):
            values, columns = values.abs().sum(0, keepdim=True), [PIXELS]
        index = pd.MultiIndex.from_product([[name], columns], names=["modality", "column"])
        frames.append(pd.DataFrame(values.cpu().numpy(), index, [f"z{k}" for k in range(z.shape[1])]))
    return pd.concat(frames)


def _baseline(values: Tensor, has: Tensor, codes: Tensor, *, masked: bool) -> Tensor:
    """The mean over the rows that have the modality, for every row; codes, and a mask beside values, as they are."""
    mean = torch.where(codes, values, values[has].mean(0).expand_as(values))
    return torch.stack([mean[:, 0], values[:, 1]], 1) if masked else mean


def _codes(modality: Modality) -> Tensor:
    """Which values are codes, ``Bool[C]`` of mixed columns and ``Bool[1]`` where all values are alike."""
    return torch.tensor([support in CODES for support in supports_of(modality)])


def _captum() -> Any:
    try:
        from captum.attr import IntegratedGradients
    except ImportError as error:
        raise MmgenError("Attribution needs the package captum: pip install 'mmgen-core[attribution]'.") from error
    return IntegratedGradients
