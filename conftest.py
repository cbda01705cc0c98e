"""What tests share: deterministic Hypothesis, a cache folder of its own, and no more time than a test is about."""

import os
from contextlib import contextmanager
from pathlib import Path
from pkgutil import resolve_name

import jaxtyping
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


# What follows a training, p̂ and who infers better, looks at so many rows, and for so many steps at modes; logistic
# regressions of an evaluation are of so many strengths.
BRIEF = {
    "mmgen.models.aggregated.MOST_ROWS": 15,
    "mmgen.training.imputed.MOST_ROWS": 15,
    "mmgen.models.laplace_inference.STEPS": 2,
    "mmgen.evaluation.imputation_baselines.STRENGTHS": (0.1, 1.0),
}


@contextmanager
def with_values(values):
    """Constants of modules have these values."""
    with pytest.MonkeyPatch.context() as patch:
        for place, value in values.items():
            patch.setattr(place, value)
        yield


@pytest.fixture(scope="session", autouse=True)
def usual():
    """The values for which there are brief ones in all tests: it would take longer than the training."""
    values = {place: resolve_name(place) for place in BRIEF}
    with with_values(BRIEF):
        yield values


@pytest.fixture(scope="module")
def as_long_as_usual(usual):
    """For tests of what is looked at."""
    with with_values(usual):
        yield


SHAPES = [Path(__file__).parent / "tests" / folder for folder in ("distributions", "methods", "models")]


@pytest.fixture(scope="module", autouse=True)
def shapes(request):
    """Shapes are checked (``--jaxtyping-packages``) where models and distributions are tested: it takes as long as half
    a training.
    """
    before = jaxtyping.config.jaxtyping_disable
    jaxtyping.config.update("jaxtyping_disable", not any(map(request.path.is_relative_to, SHAPES)))
    yield
    jaxtyping.config.update("jaxtyping_disable", before)
