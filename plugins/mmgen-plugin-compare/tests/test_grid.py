"""Which runs a comparison has, where they are, and which grids fit into one folder."""

from pathlib import Path

import pytest

from mmgen import MmgenError
from mmgen_plugin_compare import Grid, GridRequest, expand
from mmgen_plugin_compare.member import format_beta

FOLDER = Path("somewhere")


def grid(objectives=("elbo",), betas=(0.1, 1.0), seeds=(0, 1), assignments=(), metrics=("reconstruction",)):
    return expand(
        GridRequest(
            objectives=objectives,
            metrics=metrics,
            dataset="table",
            betas=betas,
            seeds=seeds,
            assignments=["dataset.config=my.yaml", *assignments],
        )
    )


def test_every_combination_once_in_a_folder_of_its_own():
    members = grid(("elbo", "moe=elbo"), (1e-5, 1.0, 0.25), (0, 1, 2), ["moe:aggregator.name=moe"]).members(FOLDER)
    assert (
        len(members)
        == 2 * 3 * 3
        == len({member.path for member in members})
        == len({member.job.name for member in members})
    )
    assert {member.path for member in members if member.seed == 2 and member.objective == "moe"} == {
        FOLDER / "moe" / f"beta-{beta}" / "seed-2" for beta in ("1e-05", "0.25", "1")
    }
    assert [member.seed for member in members] == [0] * 6 + [1] * 6 + [2] * 6, "something of everything first"
    for member in members:
        assert member.config["model"]["beta"] == member.beta
        assert member.config["training"]["seed"] == member.seed
        assert member.config["objective"] == {"name": "elbo"}
        assert member.config.get("aggregator") == ({"name": "moe"} if member.objective == "moe" else None)


def test_without_betas_and_seeds_the_configuration_has_them():
    (member,) = grid(betas=None, seeds=None, assignments=["model.beta=0.3", "training.seed=7"]).members(FOLDER)
    assert (member.beta, member.seed) == (0.3, 7)
    (usual,) = grid(betas=None, seeds=None).members(FOLDER)
    assert (usual.beta, usual.seed) == (1.0, 0)


def test_two_values_of_beta_have_two_names():
    assert format_beta(0.1) == "0.1"
    assert format_beta(1 / 3) != format_beta(1 / 3 + 1e-9)
    assert format_beta(1e-4) == "0.0001"


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"objectives": []}, "say at least one"),
        ({"objectives": ["elbo", "elbo"]}, r"'elbo' is there twice; call one of them otherwise, such as elbo-2=elbo"),
        ({"objectives": ["../x=elbo"]}, "write NAME, or CALLED=NAME"),
        ({"objectives": ["elbow"]}, "did you mean 'elbo'"),
        ({"assignments": ["elba:objective.x=1"]}, r"'elba' is not among the objectives elbo; did you mean 'elbo'"),
        ({"betas": []}, "--betas: say at least one"),
        ({"betas": [-1.0]}, r"--betas\.beta: -1.0 is not right; it should be greater than or equal to 0"),
        ({"seeds": [-1]}, r"--seeds\.seed: -1 is not right"),
        (
            {"objectives": ["a=elbo", "b=elbo"], "assignments": ["b:dataset.label=diagnosis"]},
            r"dataset\.label would be the default for a and 'diagnosis' for b",
        ),
    ],
)
def test_what_makes_no_grid_is_a_sentence(changes, sentence):
    with pytest.raises(MmgenError, match=sentence):
        grid(**changes)


def test_a_grid_is_read_back_as_it_was_written(tmp_path):
    made = grid(("elbo", "moe=elbo"), (1e-5, 0.1), (0, 3), ["moe:aggregator.name=moe", "training.epochs=3"])
    made.write(tmp_path)
    assert Grid.read(tmp_path) == made
    assert Grid.read(tmp_path / "nothing") is None
    (tmp_path / "compare.yaml").write_text("metrics: [a]\nobjectives: [b]\n")
    with pytest.raises(MmgenError, match="does not describe a comparison"):
        Grid.read(tmp_path)


def test_more_values_objectives_and_metrics_are_an_extension():
    both = grid(betas=(1.0,), seeds=(0,)).extended(
        grid(("elbo", "moe=elbo"), (0.1,), (1, 2), ["moe:aggregator.name=moe"], ("coherence", "reconstruction")), FOLDER
    )
    assert {member.key for member in both.members(FOLDER)} == {
        ("elbo", 1.0, 0),
        *((name, 0.1, s) for name in ("elbo", "moe") for s in (1, 2)),
    }
    assert both.metrics == ["reconstruction", "coherence"]


def test_other_settings_are_a_conflict_that_names_them():
    with pytest.raises(
        MmgenError,
        match=r"'somewhere' has elbo with training\.epochs='auto', and now it would be 9; choose another --output",
    ):
        grid().extended(grid(assignments=["training.epochs=9"]), FOLDER)
    with pytest.raises(
        MmgenError,
        match=r"dataset\.missing_rate would be the default for elbo and 0\.5 for moe; a comparison needs the same data",
    ):
        grid().extended(grid(("moe=elbo",), assignments=["dataset.missing_rate=0.5"]), FOLDER)
