"""Recipes that extend others."""

from __future__ import annotations

import pytest

from mmgen.errors import MmgenError
from mmgen.runs.config import read_recipe
from mmgen.testing import raises_sentence


@pytest.fixture
def read(tmp_path, monkeypatch):
    """Reads the first of recipes that are installed with the ones that they extend."""

    def read_first(**extends):
        paths = recipes(tmp_path, **extends)
        monkeypatch.setattr("mmgen.runs.config.find_recipe_file", paths.__getitem__)
        return read_recipe(next(iter(extends)))

    return read_first


def recipes(folder, **extends):
    """Recipes by name, each with the one that it extends."""
    paths = {}
    for name, parent in extends.items():
        paths[name] = folder / f"{name}.yaml"
        more = f"extends: {parent}\n" if parent else "objective: {name: elbo}\ndataset: {name: rats}\n"
        paths[name].write_text(f"description: Of {name}.\nscale: desk\nmodel: {{{name}: 1}}\n{more}")
    return paths


@pytest.mark.parametrize("extends", [{"a": "a"}, {"a": "b", "b": "c", "c": "b"}])
def test_a_recipe_that_extends_itself_is_a_sentence(read, extends):
    with raises_sentence(r"recipe a: a extends .* and so itself", MmgenError):
        read(**extends)


def test_layers_are_merged_from_the_bottom(read):
    recipe = read(a="b", b="c", c=None)
    assert recipe.description == "Of a."
    assert recipe.model == {"a": 1, "b": 1, "c": 1}
    assert recipe.objective == {"name": "elbo"}
