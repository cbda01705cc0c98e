"""Options that would do nothing beside the others are refused in a sentence; defaults that are written out load."""

from itertools import product
from typing import Annotated, Any, Literal, get_args, get_origin

import pytest
from pydantic import Field, ValidationError

from mmgen import MmgenError
from mmgen.data import ImageModality, LabelsModality, TagsModality, TextModality, VectorModality
from mmgen.data.loading import change_modalities
from mmgen.options import Options, Unless, default_of, validated, without_idle
from mmgen.registry import entries, load_entry
from mmgen.registry.catalogue import describe
from mmgen.runs.config import layered
from mmgen.testing import make_model, toy_data


class Example(Options):
    only_with = {
        "depth": {"network": ("conv", "resnet")},
        "wide": {"network": Unless("none"), "depth": (3,)},
        "frame": {},
    }

    network: Literal["none", "conv", "resnet"] = Field("none", description="Of which kind.")
    depth: int = Field(2, description="Layers.")
    wide: bool = Field(False, description="Whether it is wide.")
    frame: str | None = Field(None, description="Around it.")


REFUSED = [
    ({"depth": 3}, "part: depth does nothing with network=none, it is for network=conv or resnet; leave it out."),
    ({"wide": True, "depth": 3, "network": "conv", "frame": "x"}, "part: frame does nothing here; leave it out."),
    ({"network": "conv", "wide": True}, "part: wide does nothing with depth=2, it is for depth=3; leave it out."),
]


@pytest.mark.parametrize(("options", "sentence"), REFUSED)
def test_what_has_no_effect_is_refused_with_a_reason(options, sentence):
    with pytest.raises(MmgenError) as error:
        validated(Example, options, "part")
    assert str(error.value) == sentence


@pytest.mark.parametrize(
    "options", [{}, {"network": "conv", "depth": 3, "wide": True}, {"depth": 2, "wide": False, "frame": None}]
)
def test_defaults_say_nothing_also_where_they_are_written_out(options):
    found = validated(Example, options, "part")
    assert validated(Example, found.model_dump(), "part") == found


def test_conditions_are_described():
    described = {name: field["description"] for name, field in Example.model_json_schema()["properties"].items()}
    assert described["depth"] == "Layers. Only with network=conv or resnet."
    assert described["wide"] == "Whether it is wide. Only with network other than none and depth=3."
    assert described["frame"] == "Around it. It does nothing here."
    (entry,) = (entry for entry in entries("objectives") if entry.name == "mmvae")
    options = {option["option"]: option["description"] for option in describe(entry)["options"]}
    assert options["objective.dreg_bound"].endswith(" Only with estimator=dreg.")


def test_a_condition_on_what_is_no_option_is_an_error_of_the_author():
    with pytest.raises(TypeError, match=r"Typo.only_with names netwrk, which are no options of it"):
        type("Typo", (Example,), {"only_with": {"depth": {"netwrk": ("conv",)}}, "__module__": __name__})


def test_what_was_said_before_goes_with_the_choice_that_it_belonged_to():
    before = {"network": "conv", "depth": 3, "wide": True}
    assert without_idle(Example, {**before, "network": "none"}, {"network"}) == {"network": "none"}
    kept = without_idle(Example, {**before, "network": "none"}, {"network", "depth"})
    with pytest.raises(MmgenError, match="depth does nothing with network=none"):
        validated(Example, kept, "part")


IMAGE = {"shape": (1, 16, 16)}
TEXT = {"shape": (8,), "alphabet": ("a", "b")}
MODALITIES = [
    (ImageModality, {**IMAGE, "network": "mlp", "bottleneck": True}),
    (ImageModality, {**IMAGE, "network": "mlp", "channels": (4, 4)}),
    (ImageModality, {**IMAGE, "network": "conv4", "residual": (1.0, 1.0)}),
    (ImageModality, {**IMAGE, "hidden": (32,)}),
    (ImageModality, {**IMAGE, "decoder_hidden": (32,)}),
    (ImageModality, {**IMAGE, "activation": "gelu"}),
    (ImageModality, {**IMAGE, "activated": True}),
    (ImageModality, {**IMAGE, "dropout": 0.3}),
    (ImageModality, {**IMAGE, "likelihood": {"least_scale": 0.5}}),
    (VectorModality, {"shape": (3,), "squeeze": 0.01}),
    (ImageModality, {**IMAGE, "display": (16, 16)}),
    (TextModality, {**TEXT, "channels": (4,)}),
    (TextModality, {**TEXT, "network": "conv", "embedding": 64}),
    (TextModality, {**TEXT, "network": "conv", "hidden": (8,)}),
    (TextModality, {**TEXT, "residual": (1.0, 1.0)}),
    (TextModality, {**TEXT, "network": "sentence", "dropout": 0.3}),
    (TagsModality, {"shape": (4,), "top": 2, "display": (2, 2)}),
    (LabelsModality, {"shape": (4,), "categories": ("x", "y"), "display": (2, 2)}),
]


@pytest.mark.parametrize(("kind", "options"), MODALITIES)
def test_modalities_refuse_what_their_network_or_likelihood_does_not_have(kind, options):
    with pytest.raises(ValidationError, match="does nothing"):
        kind(**options)


OBJECTIVES = [
    ("mmvae", {"dreg_bound": "tight"}),
    ("mmvae", {"estimator": "iwae", "mixture_sampling": "all"}),
    ("mvae", {"max_subsets": 5}),
    ("mmvamp", {"standard_normal_weight": 0.5, "initial_weight": 0.5}),
    ("mmvamp", {"annealing": "cosine"}),
    ("mmvamp", {"warmup_steps": 5}),
    ("mvtcae", {"tc_ratio": 0.5}),
    ("elbo", {"mixture_sampling": "all"}),
    ("elbo", {"mixture_sampling": "all", "aggregator": "none"}),
    ("mmjsd-poe", {"mixture_sampling": "all"}),
    ("mopoe", {"mixture_sampling": "all", "aggregator": "poe"}),
]


@pytest.mark.parametrize(("name", "options"), OBJECTIVES)
def test_objectives_refuse_what_their_other_options_leave_without_effect(name, options):
    with pytest.raises(MmgenError, match=r"^objective.* does nothing with .*; leave it out\.$"):
        make_model(name, toy_data(), **options)


ACCEPTED = [
    ("mmvae", {"estimator": "dreg", "dreg_bound": "tight"}),
    ("mmvamp", {"estimator": "mc", "warmup_steps": 5, "standard_normal_weight": 0.5}),
    ("elbo", {"mixture_sampling": "all", "aggregator": "moe"}),
    ("mmjsd-poe", {"mixture_sampling": "all", "aggregator": "mopoe"}),
]


@pytest.mark.parametrize(("name", "options"), ACCEPTED)
def test_they_take_it_where_it_has_one(name, options):
    make_model(name, toy_data(), **options)


def choices(field: Any) -> list[Any]:
    """All values of an option that can be listed."""
    annotation = field.annotation
    if get_origin(annotation) is Annotated:
        annotation = get_args(annotation)[0]
    return (
        [False, True] if annotation is bool else list(get_args(annotation)) if get_origin(annotation) is Literal else []
    )


def refusal(config: type[Options], values: dict[str, Any]) -> str:
    """Why these values are refused; '' where they are not."""
    try:
        config(**values)
    except ValidationError as error:
        return str(error)
    return ""


EVERY = [
    (kind, entry)
    for kind in ("objectives", "aggregators", "priors", "metrics", "modalities", "samplers")
    for entry in entries(kind)
]


@pytest.mark.parametrize(("kind", "entry"), EVERY, ids=lambda value: getattr(value, "name", value))
def test_whatever_is_chosen_all_other_options_can_be_written_out_with_their_defaults(kind, entry):
    """A run's configuration has every option; it must load for every choice of those that others depend on."""
    config = load_entry(entry) if kind == "modalities" else load_entry(entry).Config
    deciding = sorted({option for condition in config.only_with.values() for option in condition})
    defaults = {
        name: default_of(config, name) for name, field in config.model_fields.items() if not field.is_required()
    }
    required = {
        "shape": IMAGE["shape"] if entry.name == "image" else (8,),
        "alphabet": ("a", "b"),
        "categories": ("a", "b"),
        "columns": tuple("abcdefgh"),
    }
    given = {name: required[name] for name, field in config.model_fields.items() if field.is_required()}
    for values in product(*(choices(config.model_fields[name]) or [defaults[name]] for name in deciding)):
        chosen = {**given, **defaults, **dict(zip(deciding, values, strict=True))}
        assert "does nothing" not in refusal(config, chosen)


def test_changing_the_network_of_a_datasets_image_leaves_its_options_behind():
    declared = {
        "picture": ImageModality(shape=(1, 16, 16), bottleneck=True, channels=(4, 4)),
        "words": TextModality(**TEXT),
    }
    changed = change_modalities(declared, {"picture": {"network": "mlp", "hidden": [8]}})
    assert changed["picture"] == ImageModality(shape=(1, 16, 16), network="mlp", hidden=(8,))
    with pytest.raises(MmgenError, match=r"modalities.picture: bottleneck does nothing with network=mlp"):
        change_modalities(declared, {"picture": {"network": "mlp", "bottleneck": True}})


def test_what_is_said_of_all_modalities_holds_for_those_on_which_it_has_an_effect():
    declared = {"picture": ImageModality(shape=(1, 16, 16)), "words": TextModality(**TEXT)}
    changed = change_modalities(declared, {"all": {"hidden": [8]}})
    assert changed["words"].hidden == (8,)
    assert changed["picture"] == declared["picture"]
    with pytest.raises(MmgenError, match=r"modalities.all.residual: it has no effect on any modality, with their"):
        change_modalities(declared, {"all": {"residual": [1.0, 1.0]}})


def test_pixels_take_any_likelihood_of_images_and_answers_no_other():
    data = toy_data(("image", "tags"))
    model = make_model("elbo", data, modalities={"image": {"likelihood": "bernoulli"}})
    assert model.modalities["image"].likelihood.name == "bernoulli"
    with pytest.raises(MmgenError, match=r"modalities.tags.likelihood: 'normal' is a likelihood of real numbers"):
        make_model("elbo", data, modalities={"tags": {"likelihood": "normal"}})


def test_a_recipes_options_go_with_the_choice_that_it_made(tmp_path, monkeypatch):
    path = tmp_path / "mine.yaml"
    path.write_text(
        "{description: Mine., scale: desk, dataset: {name: rats}, objective: {name: mmvamp, estimator: mc, "
        "warmup_steps: 5}}"
    )
    monkeypatch.setattr("mmgen.runs.config.find_recipe_file", {"mine": path}.__getitem__)
    kept = layered(recipe="mine", assignments=["objective.samples=2"])
    assert kept["objective"] == {"name": "mmvamp", "estimator": "mc", "warmup_steps": 5, "samples": 2}
    left = layered(recipe="mine", assignments=["objective.estimator=pairwise"])
    assert left["objective"] == {"name": "mmvamp", "estimator": "pairwise"}
    said = layered(recipe="mine", assignments=["objective.estimator=pairwise", "objective.warmup_steps=7"])
    assert said["objective"]["warmup_steps"] == 7, "which the objective then refuses"
