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
def wheels(tmp_path_factory):
    """Project folder to its wheel."""
    folder = tmp_path_factory.mktemp("wheels")
    return {project: builder.build_wheel(project, folder) for project in builder.projects()}


@pytest.fixture(scope="session")
def sdists(tmp_path_factory):
    """Project folder to its sdist."""
    folder = tmp_path_factory.mktemp("sdists")
    return {project: builder.build_sdist(project, folder) for project in builder.projects()}
