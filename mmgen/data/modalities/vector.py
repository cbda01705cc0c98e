"""Vectors of numbers."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import Field

from ...distributions import Likelihood, make_likelihood
from ...distributions.likelihoods import ScaleKind
from ...options import Unless
from ..transforms import Standardise, Transform
from .fully_connected import FullyConnected


class VectorModality(FullyConnected):
    """Real numbers, standardised with training statistics unless told otherwise."""

    only_with = {
        "scale": {"likelihood": Unless("squared-error")},
        "scale_kind": {"likelihood": Unless("squared-error")},
    }

    likelihood: Literal["normal", "laplace", "squared-error"] = Field("normal", description="p(x | z).")
    scale: float = Field(1.0, gt=0, description="Scale of the likelihood: fixed, or where a learned one starts.")
    scale_kind: ScaleKind = Field("fixed", description="Whether the scale is fixed, learned per value, or predicted by the decoder.")
    standardise: bool = Field(True, description="Whether the networks see (x − mean) / standard deviation of the training rows.")

    def make_likelihood(self) -> Likelihood:
        """Normal, Laplace or squared error."""
        options: dict[str, Any] = {} if self.likelihood == "squared-error" else {"scale": self.scale, "scale_kind": self.scale_kind}
        return make_likelihood(self.likelihood, self.shape, **options)

    def transform(self) -> Transform:
        """Standardisation, if wanted."""
        return Standardise(self.shape) if self.standardise else Transform()
