"""Values of rows as an evaluation draws them: bars in standard deviations from the training mean, with names."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import torch
from matplotlib.axes import Axes
from torch import Tensor

from ..data import Rendering
from .drawing import MISSING, rendered
from .evaluation import Evaluation
from .expected_columns import ExpectedColumns, expected_columns

IN_WORDS = "bars: standard deviations from the training mean"
NUMBERS = ("real", "positive", "unit", "counts")
MOST_NAMES = 14  # columns of a cell whose names are written below it
LONG = 12  # characters of such a name


def bar_columns(evaluation: Evaluation, target: str) -> ExpectedColumns | None:
    """The columns of a modality that is drawn as bars of several numbers; None of any other."""
    modality = evaluation.model.modalities[target]
    supports = getattr(modality, "value_supports", None) or (modality.make_likelihood().support,)
    if not all(support in NUMBERS for support in supports) or getattr(modality, "display", None) is not None:
        return None
    columns = expected_columns(evaluation, target)
    return columns if columns is not None and not columns.is_image and len(columns) > 1 else None


def shown(
    evaluation: Evaluation,
    target: str,
    values: Sequence[Tensor] | Tensor,
    available: Iterable[bool | Tensor] | None = None,
    observed: Tensor | None = None,
) -> list[Rendering]:
    """Values as people see them; bars of several numbers in standard deviations from their training means, since
    columns of different units would hide each other.

    Args:
        evaluation: Whose training rows.
        target: The modality.
        values: In data units, on the CPU, ``[N, *shape]``.
        available: Whether each is there, ``[N]``; all by default.
        observed: Which cells are there, ``[N, *shape]``; all by default. Others have no bar.
    """
    columns = bar_columns(evaluation, target)
    renderings = rendered(evaluation.model.modalities[target], values, available)
    if columns is None or not all(each.kind in ("bars", "text") for each in renderings):
        return renderings
    bars = []
    for place, (value, rendering) in enumerate(zip(values, renderings, strict=True)):
        if rendering == MISSING:
            bars.append(rendering)
            continue
        deviations = ((value.double().flatten() - columns.mean) / columns.deviation).nan_to_num(0.0)
        if observed is not None:
            deviations = torch.where(observed[place].flatten(), deviations, torch.nan)
        bars.append(Rendering("bars", deviations.tolist()))
    return bars


def bar_names(evaluation: Evaluation, target: str) -> list[str]:
    """Names of the bars of a modality, where there are few enough for one cell."""
    columns = bar_columns(evaluation, target)
    if columns is None or len(columns) > MOST_NAMES:
        return []
    return [name if len(name) <= LONG else f"{name[: LONG - 1]}…" for name in columns.names()]


def name_bars(axes: Axes, names: Sequence[str]) -> None:
    """Write names below the bars of a cell."""
    written = [name.replace("$", r"\$") for name in names]
    axes.set_xticks(range(len(written)), written, rotation=90, fontsize=6)
    axes.tick_params(axis="x", length=0, pad=1)
