"""Which recipe is taken where none is named."""

import pytest

from mmgen import MmgenError
from mmgen.registry import entries, load, recipes
from mmgen.runs import find_recipe, layered
from mmgen.runs.config import read_recipe

PUBLISHED = ("celeba", "cub", "mirflickr", "mnist-svhn-text", "polymnist", "translated-polymnist", "xrmb")


def test_an_objective_without_a_recipe_of_its_own_takes_the_one_of_the_dataset():
    assert find_recipe("mvae", "cub") == "mvae-cub-desk"
    assert find_recipe("aggregated", "cub") == "cub-desk"
    own, shared = layered(objective="mvae", dataset="cub"), layered(objective="aggregated", dataset="cub")
    assert (own["recipe"], shared["recipe"]) == ("mvae-cub-desk", "cub-desk")
    assert own["objective"] == {"name": "mvae", "subsets": 0} and shared["objective"]["name"] == "aggregated"
    for section in ("modalities", "training", "model"):
        assert own[section] == shared[section]


@pytest.mark.parametrize("dataset", PUBLISHED)
def test_every_dataset_with_large_published_networks_has_smaller_ones_for_any_objective(dataset):
    recipe = read_recipe(f"{dataset}-desk")
    assert "name" not in recipe.objective and recipe.training["epochs"] <= 40
    named = [entry.name for entry in entries("objectives")]
    for objective in named:
        assert find_recipe(objective, dataset) in recipes()


def test_paper_scale_is_the_published_recipe_or_what_the_dataset_says_by_itself():
    assert layered(objective="elbo", dataset="cub", scale="paper")["recipe"] == "elbo-cub-paper"
    bare = layered(objective="telbo", dataset="cub", scale="paper")
    assert "recipe" not in bare and "modalities" not in bare
    assert bare["training"] == load("datasets", "cub").defaults["training"]


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ({"scale": "paper", "recipe": "mvae-cub-desk"}, "--recipe mvae-cub-desk says already what to start from"),
        ({"scale": "large"}, "--scale large: there are desk and paper"),
        ({"recipe": "cub-desk"}, "Say which objective"),
    ],
)
def test_what_cannot_be_chosen_is_a_sentence(options, sentence):
    named = {} if options.get("recipe") == "cub-desk" else {"objective": "aggregated", "dataset": "cub"}
    with pytest.raises(MmgenError, match=sentence):
        layered(**named, **options)


def test_the_command_takes_a_scale(command_line):
    code, _, err = command_line("train", "--objective", "elbo", "--dataset", "rats", "--scale", "moon")
    assert code == 2 and "--scale moon: there are desk and paper." in err


def test_another_likelihood_of_all_modalities_takes_none_of_the_options_of_the_recipes():
    def likelihood(assignment):
        return layered(objective="elbo", dataset="polymnist", assignments=[assignment])["modalities"]["all"][
            "likelihood"
        ]

    assert likelihood("modalities.all.likelihood=bernoulli") == {"name": "bernoulli"}
    assert likelihood("modalities.all.likelihood.scale=0.3") == {"name": "normal", "scale": 0.3}
    assert likelihood("modalities.all.likelihood={name: normal, scale_kind: learned}") == {
        "name": "normal",
        "scale": 0.2,
        "scale_kind": "learned",
    }


@pytest.mark.parametrize("name", [name for name in recipes() if name.endswith("-paper")])
def test_likelihoods_of_paper_recipes_are_not_those_of_a_desk(name):
    """What is chosen for minutes at a desk does not slip into a published setting by way of what it extends."""
    if not any(f"-{dataset}-" in f"-{name}" for dataset in ("polymnist", "mnist-svhn-text")):
        return
    for fields in read_recipe(name).modalities.values():
        assert "likelihood" not in fields
    assert "gradient_clip" not in read_recipe(name).training
