"""What a model makes of each modality, and how sure it is."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd
from torch import Tensor

from mmgen import Modality
from mmgen.evaluation.drawn import are_whole, quantiles, supports_of

MOST_VALUES = 12  # of a table of numbers


@dataclass(frozen=True)
class Target:
    """What a model makes of one modality.

    Attributes:
        modality: Its kind.
        name: What it is called.
        measured: What the row has, ``[*shape]``; None where it has nothing, or there is no row.
        means: Of p(x | z) for each draw of z, ``[K, *shape]``.
        draws: One from each of them, ``[K, *shape]``.
        usual: Standard deviation of each value over the rows, ``[*shape]``.
    """

    modality: Modality
    name: str
    measured: Tensor | None
    means: Tensor
    draws: Tensor
    usual: Tensor

    @property
    def kind(self) -> str:
        """How it is shown: as a ``picture``, a ``raster``, ``bars`` or ``text``."""
        return self.modality.render(self.draws[0].numpy()).kind

    def texts(self) -> list[tuple[str, int]]:
        """What was drawn as text and how often, the most frequent first."""
        return Counter(str(self.modality.render(draw.numpy()).content) for draw in self.draws).most_common()

    def how_sure(self) -> str:
        """How far the draws agree, in a sentence."""
        count = len(self.draws)
        if self.kind == "text":
            words, often = self.texts()[0]
            if often == 1 and count > 1:
                return f"No two of {count} draws are the same."
            return f"{often} of {count} draws are the same: {words}."
        varies = self.usual > 0
        if count < 2 or not bool(varies.any()):
            return "One draw says nothing of how sure it is." if count < 2 else "This never varies over rows."
        share = float((self.means.float().std(0)[varies] / self.usual[varies]).mean())
        return f"Over draws of z it varies {share:.2f} times as much as over rows."

    def table(self) -> pd.DataFrame:
        """The values that stand out most: what was measured, the mean, and where 90 % of the draws are.

        A column per number: ``measured``, ``generated``, ``5 %`` and ``95 %``; a line per value, by name.
        """
        names = self.modality.value_names(self.name)
        flat = self.draws.float().flatten(1).numpy()
        low, high = quantiles(flat, (0.05, 0.95), are_whole(supports_of(self.modality)))
        mean = self.means.float().flatten(1).mean(0)
        columns = {
            "measured": np.full(len(mean), np.nan)
            if self.measured is None
            else self.measured.float().flatten().numpy(),
            "generated": mean.numpy(),
            "5 %": low,
            "95 %": high,
        }
        frame = pd.DataFrame(columns, index=names if len(names) == len(mean) else None)
        rank = ((mean - mean.mean()).abs() / self.usual.flatten().clamp(min=1e-9)).argsort(descending=True)
        return frame.iloc[rank[:MOST_VALUES].sort().values.numpy()]


@dataclass(frozen=True)
class Seen:
    """What is generated from a row or a point.

    Attributes:
        z: Where it is in the latent space, ``[D]``: the mean of its posterior, or the point itself.
        scale: Standard deviations of the posterior, ``[D]``; None of a point.
        targets: By name.
    """

    z: Tensor
    scale: Tensor | None
    targets: Mapping[str, Target]
