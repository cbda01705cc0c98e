"""Which of scikit-learn's checks of estimators cannot hold for :class:`.MultimodalVAE`, each with its reason."""

from __future__ import annotations

from .estimator import MultimodalVAE

OF_SEVERAL = {
    "check_fit2d_1feature": "It fits one column, which cannot be shared out to several modalities; a sentence says "
    "which of them is left without any.",
}


def expected_failed_checks(estimator: MultimodalVAE) -> dict[str, str]:
    """For the argument of this name of ``sklearn.utils.estimator_checks``: a check and why it fails.

    All others hold, with one modality of all columns and with several. They are of tables: a mapping of blocks has no
    ``n_features_in_``, and no check of scikit-learn knows one.
    """
    return {} if estimator.modalities is None else dict(OF_SEVERAL)
