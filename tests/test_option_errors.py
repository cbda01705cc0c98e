"""What is said of an option that is not right: one sentence about the first error, wherever it is."""

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, Literal

import pytest
from pydantic import BaseModel, ConfigDict, Field

from mmgen import MmgenError
from mmgen.errors import alternatives, nearest
from mmgen.options import validated

ROOT = Path(__file__).parents[1]


class Strict(BaseModel):
    model_config = ConfigDict(extra="forbid")


class Leaf(Strict):
    epochs: int = 1
    rate: float = 0.1


class Circle(Strict):
    kind: Literal["circle"] = "circle"
    radius: float = 1.0


class Square(Strict):
    kind: Literal["square"] = "square"
    side: float = 1.0


class Tree(Strict):
    one: Leaf = Leaf()
    maybe: Leaf | None = None
    some: tuple[Leaf, ...] = Field((), min_length=0)
    needed: tuple[Leaf, ...] = Field((Leaf(),), min_length=1)
    pair: tuple[int, Leaf] = (0, Leaf())
    many: list[Leaf] = []
    sequence: Sequence[Annotated[Leaf, Field(description="a leaf")]] = ()
    by_name: dict[str, Leaf] = {}
    by_name_many: Mapping[str, tuple[Leaf, ...]] = {}
    either: Circle | Square = Circle()
    several: list[Circle | Square | None] = []
    told_apart: Annotated[Circle | Square, Field(discriminator="kind")] = Circle()
    scalar: float | dict[str, float] = 1.0
    required: dict[str, int | Leaf] = {}


LEAF = "there is no such option; there are epochs, rate; did you mean 'epochs'?"
SHAPE = "there is no such option; there are kind, radius, side; did you mean 'radius'?"


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ({"one": {"epoch": 1}}, f"here.one.epoch: {LEAF}"),
        ({"maybe": {"epoch": 1}}, f"here.maybe.epoch: {LEAF}"),
        ({"some": [{}, {"epoch": 1}]}, f"here.some.1.epoch: {LEAF}"),
        ({"needed": [{"epoch": 1}]}, f"here.needed.0.epoch: {LEAF}"),
        ({"pair": [1, {"epoch": 1}]}, f"here.pair.1.epoch: {LEAF}"),
        ({"many": [{"epoch": 1}, {"epoch": 2}]}, f"here.many.0.epoch: {LEAF}"),
        ({"sequence": [{"epoch": 1}]}, f"here.sequence.0.epoch: {LEAF}"),
        ({"by_name": {"a": {"epoch": 1}}}, f"here.by_name.a.epoch: {LEAF}"),
        ({"by_name_many": {"a": [{}, {"epoch": 1}]}}, f"here.by_name_many.a.1.epoch: {LEAF}"),
        ({"required": {"a": {"epoch": 1}}}, f"here.required.a.epoch: {LEAF}"),
        ({"either": {"radus": 1}}, f"here.either.radus: {SHAPE}"),
        ({"several": [None, {"radus": 1}]}, f"here.several.1.radus: {SHAPE}"),
        ({"told_apart": {"kind": "circle", "radus": 1}}, f"here.told_apart.radus: {SHAPE}"),
        (
            {"scalar": "x"},
            "here.scalar: 'x' is not right; it should be number, unable to parse string as a number or dictionary.",
        ),
        (
            {"scalar": {"a": "x"}},
            "here.scalar.a: 'x' is not right; it should be number, unable to parse string as a number.",
        ),
        ({"many": {"epochs": 1}}, "here.many: {'epochs': 1} is not right; it should be list."),
        ({"needed": []}, "here.needed: []: Tuple should have at least 1 item after validation, not 0."),
    ],
)
def test_an_error_names_its_place_and_what_there_is(options, sentence):
    with pytest.raises(MmgenError) as error:
        validated(Tree, options, "here")
    assert str(error.value) == sentence


def test_a_misspelt_name_comes_before_what_is_missing_for_want_of_it():
    class Needs(Strict):
        name: str
        leaf: Leaf

    with pytest.raises(MmgenError) as error:
        validated(Needs, {"nam": "x"}, "here")
    assert str(error.value) == "here.nam: there is no such option; there are leaf, name; did you mean 'name'?"


def test_a_long_value_is_shortened():
    with pytest.raises(MmgenError) as error:
        validated(Tree, {"one": [{"epochs": number} for number in range(500)]}, "here")
    assert len(str(error.value)) < 200
    assert " … is not right; it should be " in str(error.value)


@pytest.mark.parametrize(
    "options", [{"seed": 2**63}, {"seed": -(10**30)}, {"sizes": [1, 10**5000]}, {"a": {"b": 2**64}}]
)
def test_a_number_of_more_than_64_bits_is_refused(options):
    class Numbers(BaseModel):
        seed: int = 0
        sizes: tuple[int, ...] = ()
        a: dict[str, int] = {}

    with pytest.raises(MmgenError, match=r"^training\.(seed|sizes\.1|a\.b): a number of more than 64 bits is not"):
        validated(Numbers, options, "training")
    assert validated(Numbers, {"seed": 2**63 - 1}, "training").seed == 2**63 - 1


def test_an_error_about_a_name_ends_with_one_mark():
    assert alternatives("epoch", ["epochs", "rate"]) == "epochs, rate; did you mean 'epochs'?"
    assert alternatives("seed", ["epochs", "rate"]) == "epochs, rate."
    assert alternatives("seed", []) == "none."
    assert nearest("seed", ["epochs"]) == ""


def test_no_sentence_puts_a_full_stop_behind_the_nearest_name():
    files = [*(ROOT / "mmgen").rglob("*.py"), *ROOT.glob("*/mmgen-plugin-*/mmgen_plugin_*/**/*.py")]
    assert len(files) > 200
    two_marks = [
        str(path.relative_to(ROOT))
        for path in files
        if re.search(r"\{(nearest|alternatives)\([^{}]*\)\}\.", path.read_text(encoding="utf-8"))
    ]
    assert two_marks == []


def test_a_name_of_thousands_of_letters_leaves_a_sentence():
    name = "c" + "9" * 5000
    error = MmgenError(f"There is no column {name!r} in /data/my table.csv; its columns are a, b.")
    assert str(error) == f"There is no column 'c{'9' * 98}…{'9' * 19}' in /data/my table.csv; its columns are a, b."
    path = "/".join(["folder"] * 50)
    assert str(MmgenError(f"{path} is no run.")) == f"{path} is no run."
