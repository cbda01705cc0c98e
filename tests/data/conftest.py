"""What the tests of data share."""

import datasets
import pytest


@pytest.fixture(autouse=True)
def no_progress_bars():
    """Reading files writes nothing to the terminal."""
    datasets.disable_progress_bars()
