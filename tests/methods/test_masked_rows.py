"""Rows that lack modalities: every objective gives on them what it gives in a model that has only the others."""

from itertools import combinations

import pytest

from mmgen.registry import entries, load
from mmgen.testing import check_absence_in_model, make_model, toy_data

NAMES = ("vector", "counts", "tags")
NAMED = sorted(entry.name for entry in entries("objectives"))
OBJECTIVES = [
    name for name in NAMED if load("objectives", name).supports_missing
]  # the others refuse such rows, which is tested elsewhere


def options(objective):
    """Without draws of components or subsets, which no two models share."""
    kind = load("objectives", objective)
    mixes = load("aggregators", kind.aggregator).mixes
    chosen = {"mixture_sampling": "all"} if mixes and "mixture_sampling" in kind.Config.model_fields else {}
    if (
        kind.aggregator == "mopoe"
    ):  # whose N(0, I) is an expert of all M modalities only: a row that lacks one has none, the smaller model has
        chosen["aggregator"] = {"name": "mopoe", "prior_expert": "none"}
    return chosen


@pytest.mark.parametrize("kept", [kept for size in (1, 2) for kept in combinations(range(3), size)], ids=str)
@pytest.mark.parametrize("objective", OBJECTIVES)
def test_a_masked_row_is_a_row_of_the_smaller_model(objective, kept):
    def make(kinds):
        return make_model(objective, toy_data(kinds), **options(objective))

    batch = toy_data(NAMES).train[:5]
    check_absence_in_model(make(NAMES), make, batch, terms=("value", "log_likelihood"), subsets=[kept])
