"""Where data come from."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True)
class Provenance:
    """Where the data come from; written into every run and every result.

    Attributes:
        kind: ``real`` (measured), ``simulated``, or ``stand-in`` (made from other material in the layout of the real
            one).
        summary: The same in a sentence.
        source: A file, folder, address or DOI.

    >>> from mmgen import Provenance
    >>> Provenance("real", "412 patients of one hospital", "clinic.csv").kind
    'real'
    """

    kind: Literal["real", "simulated", "stand-in"]
    summary: str
    source: str = ""
