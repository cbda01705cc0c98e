"""What tests share: deterministic Hypothesis and a cache folder of its own."""

import os

import pytest
from hypothesis import HealthCheck, settings

settings.register_profile(
    "mmgen", derandomize=True, deadline=None, max_examples=25, suppress_health_check=[HealthCheck.too_slow]
)
settings.load_profile("mmgen")


@pytest.fixture(scope="session", autouse=True)
def cache_folder(tmp_path_factory):
    """No test reads or fills the user's cache."""
    folder = tmp_path_factory.mktemp("cache")
    before = os.environ.get("MMGEN_CACHE")
    os.environ["MMGEN_CACHE"] = str(folder)
    yield folder
    if before is None:
        del os.environ["MMGEN_CACHE"]
    else:
        os.environ["MMGEN_CACHE"] = before


@pytest.fixture(scope="session", autouse=True)
def few_rows():
    """What follows a training, p̂ and who infers better, looks at few rows: it would take longer than the training."""
    from mmgen.models import aggregated
    from mmgen.training import imputed

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(aggregated, "MOST_ROWS", 60)
        patch.setattr(imputed, "MOST_ROWS", 60)
        yield


@pytest.fixture(scope="module")
def as_many_rows_as_usual():
    """For tests of what is looked at."""
    from mmgen.models import aggregated
    from mmgen.training import imputed

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(aggregated, "MOST_ROWS", 500)
        patch.setattr(imputed, "MOST_ROWS", 500)
        yield
