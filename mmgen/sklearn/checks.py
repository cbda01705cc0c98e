"""Which of scikit-learn's checks of estimators do not hold for :class:`.MultimodalVAE`, each with its reason."""

from __future__ import annotations

EXPECTED_FAILED_CHECKS: dict[str, str] = {}
"""For ``expected_failed_checks`` of ``sklearn.utils.estimator_checks``."""
