"""What tests share: deterministic Hypothesis and a cache folder of its own."""

import os
from contextlib import contextmanager

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


@contextmanager
def looking_at(rows):
    """What follows a training, p̂ and who infers better, looks at so many rows."""
    from mmgen.models import aggregated
    from mmgen.training import imputed

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(aggregated, "MOST_ROWS", rows)
        patch.setattr(imputed, "MOST_ROWS", rows)
        yield


@pytest.fixture(scope="session", autouse=True)
def few_rows():
    """It would take longer than the training."""
    with looking_at(60):
        yield


@pytest.fixture(scope="module")
def as_many_rows_as_usual():
    """For tests of what is looked at."""
    with looking_at(500):
        yield
