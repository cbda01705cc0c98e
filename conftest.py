"""What tests share: deterministic Hypothesis, a cache folder of its own, and no more time than a test is about."""

import os
from contextlib import contextmanager
from pathlib import Path

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


@contextmanager
def looking(rows, steps, strengths):
    """What follows a training, p̂ and who infers better, looks at so many rows, and for so many steps at modes; an
    evaluation's logistic regressions are of so many strengths.
    """
    from mmgen.evaluation import imputation_baselines
    from mmgen.models import aggregated, laplace_inference
    from mmgen.training import imputed

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(aggregated, "MOST_ROWS", rows)
        patch.setattr(imputed, "MOST_ROWS", rows)
        patch.setattr(laplace_inference, "STEPS", steps)
        patch.setattr(imputation_baselines, "STRENGTHS", strengths)
        yield


@pytest.fixture(scope="session", autouse=True)
def briefly():
    """It would take longer than the training."""
    with looking(rows=15, steps=2, strengths=(0.1, 1.0)):
        yield


@pytest.fixture(scope="module")
def as_long_as_usual():
    """For tests of what is looked at."""
    with looking(rows=500, steps=20, strengths=(0.01, 0.1, 1.0, 10.0)):
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
