"""p(x_m | z): what a decoder's output means.

A likelihood says how many numbers the decoder must give per value (``outputs``), and turns decoder output ``[..., N,
outputs, *shape]`` and data ``[N, *shape]`` into log-probabilities ``[..., N]`` summed over the values, a mean, samples
and quantiles. Constants are kept, so that numbers are densities.
"""

from .codes import Categorical, Ordinal
from .counted import NegativeBinomial, Poisson, ZeroInflatedNegativeBinomial
from .likelihood import Likelihood, LikelihoodConfig
from .location_scale import Laplace, LogNormal, Normal, ScaleConfig, SquaredError, StudentT
from .mixed import Mixed
from .supports import CODES, SUPPORTS, Support
from .unit_interval import Beta
from .yes_no import Bernoulli

__all__ = [
    "CODES",
    "SUPPORTS",
    "Bernoulli",
    "Beta",
    "Categorical",
    "Laplace",
    "Likelihood",
    "LikelihoodConfig",
    "LogNormal",
    "Mixed",
    "NegativeBinomial",
    "Normal",
    "Ordinal",
    "Poisson",
    "ScaleConfig",
    "SquaredError",
    "StudentT",
    "Support",
    "ZeroInflatedNegativeBinomial",
]
