"""Every installed component holds its contract: the same classes as ``pytest --mmgen-contracts`` runs."""

from mmgen.testing import MetricContract, installed_contracts

globals().update(installed_contracts())
DRAWS = "a judging classifier is made once, before it is read from the cache or trained, from torch's global random numbers"


class TestMetric_mmgen_core_coherence(MetricContract):  # noqa: N801 - in place of the one above
    component = "mmgen-core:coherence"
    skip = {"test_the_global_random_state_is_left_alone": DRAWS}


class TestMetric_mmgen_core_fd_classifier(MetricContract):  # noqa: N801
    component = "mmgen-core:fd-classifier"
    skip = {"test_the_global_random_state_is_left_alone": DRAWS}
