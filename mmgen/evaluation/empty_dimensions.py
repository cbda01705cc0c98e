"""The empty dimensions of z, for what counts, names or leaves them out: those that the training told."""

from __future__ import annotations

from ..models.latent_use import LatentUse, latent_use
from .evaluation import Evaluation
from .metric import Row, row

EMPTY = "empty_dimensions"


def empty_dimensions(evaluation: Evaluation) -> LatentUse | None:
    """Which dimensions of z are the same for every row, by :func:`mmgen.models.latent_use.latent_use`, on the rows to
    which the training applied it: validation rows, training rows where there are none, and the evaluated ones where
    there are neither. Computed once; None where fewer than two rows can be looked at.
    """

    def make() -> LatentUse | None:
        data = evaluation.data
        sides = [split for split in ("val", "train") if len(data.split(split)) > 1]
        split = sides[0] if sides else evaluation.split
        table, device = data.split(split), evaluation.device
        size, seed = evaluation.batch_size, evaluation.seed
        return latent_use(evaluation.model, table, split, lambda rows: table[rows].to(device), size, seed)

    return evaluation.cached("empty dimensions", make)


def empty_names(evaluation: Evaluation) -> tuple[str, ...]:
    """``z0`` … of those that are empty; none where each modality keeps a latent of its own, whose dimensions have
    nothing to do with those of another.
    """
    use = empty_dimensions(evaluation) if evaluation.model.shares_latent else None
    return () if use is None else use.names


def empty_rows(evaluation: Evaluation) -> list[Row]:
    """How many dimensions are empty, as the row of a metric, with a note of what that is where there are some."""
    use = empty_dimensions(evaluation)
    if use is None:
        return []
    return [row(EMPTY, len(use.empty), use.rows, note=f"the same for all {use.where}" if use.empty else "")]
