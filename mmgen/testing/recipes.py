"""Recipes of a distribution: that each can be resolved, and is called what it is."""

from __future__ import annotations


def check_recipe(name: str) -> None:
    """An installed recipe is called ``OBJECTIVE-DATASET-SCALE``, or ``DATASET-SCALE`` where it names no objective, and
    its options are those of installed components.

    Args:
        name: Such as ``elbo-rats-desk``.

    Raises:
        AssertionError: It is called otherwise.
        MmgenError: It cannot be read, or has an option that there is not.
    """
    from ..models import ModelConfig
    from ..options import validated
    from ..registry import load
    from ..runs import TrainingConfig, layered
    from ..runs.config import read_recipe

    recipe = read_recipe(name)
    method = recipe.objective.get("name")
    called = "-".join(filter(None, (method, recipe.dataset["name"], recipe.scale)))
    assert name == called, f"recipes are named OBJECTIVE-DATASET-SCALE or DATASET-SCALE: {name} should be {called}"
    config = layered(recipe=name, objective=method or "elbo")
    validated(TrainingConfig, config["training"], "training")
    validated(ModelConfig, config.get("model", {}), "model")
    for section in ("objective", "aggregator", "prior", "dataset"):
        options = dict(config.get(section, {}))
        if "name" in options:
            validated(load(f"{section}s", options.pop("name")).Config, options, section)
