"""Layers of configuration: what is nearer to the user wins."""

import pytest

from mmgen import MmgenError
from mmgen.runs.config import from_assignments, over


def test_what_is_said_of_all_modalities_wins_over_weaker_words_about_one():
    recipe = {"modalities": {"a": {"hidden": [9], "weight": 2.0}, "all": {"activation": "relu"}}}
    said = over(recipe, {"modalities": {"all": {"hidden": [3]}}})
    assert said["modalities"] == {"a": {"weight": 2.0}, "all": {"activation": "relu", "hidden": [3]}}
    said = over({"modalities": {"all": {"hidden": [3]}}}, recipe)
    assert said["modalities"] == {"a": {"hidden": [9], "weight": 2.0}, "all": {"activation": "relu", "hidden": [3]}}


def test_of_two_assignments_the_later_one_wins():
    later = from_assignments(["modalities.a.hidden=[9]", "modalities.all.hidden=[3]"])
    assert later == {"modalities": {"a": {}, "all": {"hidden": [3]}}}
    both = from_assignments(["modalities.all.hidden=[3]", "modalities.a.hidden=[9]"])
    assert both == {"modalities": {"all": {"hidden": [3]}, "a": {"hidden": [9]}}}


@pytest.mark.parametrize(
    "assignments",
    [
        ["modalities=3"],
        ["modalities.all=3"],
        ["modalities.a=3", "modalities.all.hidden=[3]"],
        ["modalities.a.hidden=[9]", "modalities.all=x"],
    ],
)
def test_what_is_no_mapping_ends_in_a_sentence(assignments):
    with pytest.raises(MmgenError, match=r"--set\.modalities"):
        from_assignments(assignments)
