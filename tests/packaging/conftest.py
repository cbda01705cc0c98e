"""Every distribution of the repository, built once."""

import importlib.util
from pathlib import Path

import pytest

spec = importlib.util.spec_from_file_location("build_distributions", Path(__file__).with_name("build_distributions.py"))
builder = importlib.util.module_from_spec(spec)
spec.loader.exec_module(builder)


@pytest.fixture(scope="session")
def building():
    """The functions that ``make dist`` and the check of isolation use."""
    return builder


@pytest.fixture(scope="session")
def distributions(tmp_path_factory):
    """Project folder to its sdist and wheel."""
    folder = tmp_path_factory.mktemp("distributions")
    return {project: builder.build_distributions(project, folder) for project in builder.projects()}


@pytest.fixture(scope="session")
def wheels(distributions):
    """Project folder to its wheel."""
    return {project: wheel for project, (_, wheel) in distributions.items()}


@pytest.fixture(scope="session")
def sdists(distributions):
    """Project folder to its sdist."""
    return {project: sdist for project, (sdist, _) in distributions.items()}
