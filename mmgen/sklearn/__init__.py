"""A scikit-learn face: :class:`MultimodalVAE` in pipelines, searches and beside any other estimator.

``import mmgen`` does not import it; ``import mmgen.sklearn`` or ``mmgen.sklearn`` does.
"""

from .checks import EXPECTED_FAILED_CHECKS
from .estimator import MultimodalVAE

__all__ = ["EXPECTED_FAILED_CHECKS", "MultimodalVAE"]
