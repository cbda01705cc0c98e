"""Rows of a metric, and models whose generations are chosen by the test."""

from dataclasses import replace

import pytest


@pytest.fixture
def generating(monkeypatch):
    """``generating(evaluation, made)``: what ``made(given, target)`` gives stands in the place of what the model
    generates (None: leave it).
    """

    def put(evaluation, made):
        original = evaluation.generation

        def generation(given, target, truth=None, **options):
            found = original(given, target, truth, **options)
            values = made(given, target)
            return found if values is None else replace(found, values=values)

        monkeypatch.setattr(evaluation, "generation", generation)

    return put
