"""Labels from captions."""

from __future__ import annotations

import numpy as np
import pytest

from mmgen_plugin_cub.colours import COLOURS, find_colours, label_captions
from mmgen_plugin_cub.tokens import tokens


@pytest.mark.parametrize(
    ("caption", "named"),
    [
        ("this small red bird has black and white wings.", {"colour": "red", "wings": "black"}),
        (
            "a bird with a gray crown, a long black bill and a bright yellow belly.",
            {"crown": "grey", "belly": "yellow"},
        ),
        ("this bird has wings that are brown and has a white belly", {"wings": "brown", "belly": "white"}),
        ("the bird is mostly blue in color, and its wings are greenish.", {"colour": "blue", "wings": "green"}),
        ("this bird is black with white on its chest and has a long, pointy beak.", {"colour": "black"}),
        ("bird has brown body feathers, orange breast feathers and brown beak", {"colour": "brown", "belly": "orange"}),
        ("this bird has a black bill and black feet with a white eye ring", {}),
        ("a brown crown and long wings", {"crown": "brown"}),
        ("this bird has a long bill, wings are brown", {"wings": "brown"}),
        ("a white throat, breast and belly", {}),  # whose colour is not said next to them
        ("the white wings have black wingbars and the wings are red", {"wings": "white"}),  # the first place counts
        ("this is a small bird and is red", {}),
        ("bird", {}),
    ],
)
def test_colours_next_to_their_parts(caption, named):
    assert {label: COLOURS[code] for label, code in find_colours(tokens(caption)).items()} == named


def test_most_captions_of_an_image_decide_and_only_those_that_name_the_part_have_it():
    first = ["a red bird", "a brown bird", "a brown bird", "a bird with a white crown", "a bird"]
    second = ["a blue bird", "a green bird", "a bird with a tail"]
    captions = [tokens(caption) for caption in first + second]
    labels = label_captions(captions, [0] * 5 + [7] * 3)
    brown, white, blue = (COLOURS.index(name) for name in ("brown", "white", "blue"))
    assert labels["colour"].tolist() == [brown, brown, brown, -1, -1, blue, blue, -1]  # one each: the one named first
    assert labels["crown"].tolist() == [-1, -1, -1, white, -1, -1, -1, -1]
    assert set(labels["wings"].tolist()) == {-1}
    assert all(codes.dtype == np.int64 for codes in labels.values())
