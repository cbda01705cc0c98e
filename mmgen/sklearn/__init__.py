"""A scikit-learn face: :class:`mmgen.sklearn.MultimodalVAE` in pipelines, searches and beside any other estimator.

``import mmgen`` does not import it; ``import mmgen.sklearn`` or ``mmgen.sklearn`` does.
"""

from .checks import expected_failed_checks
from .estimator import MultimodalVAE

__all__ = ["MultimodalVAE", "expected_failed_checks"]
