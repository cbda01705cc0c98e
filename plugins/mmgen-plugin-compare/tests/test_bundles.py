"""Several runs that one process makes: which these are, and that they are the runs that they would be alone."""

import json
from pathlib import Path
from types import SimpleNamespace

import pytest
from hypothesis import given
from hypothesis import strategies as st

import mmgen
from mmgen import MmgenError
from mmgen.cli.app import app
from mmgen.cli.guarded import run_guarded
from mmgen_plugin_compare import ComparisonWarning, Member
from mmgen_plugin_compare.bundles import MOST, bundles


@given(
    sizes=st.lists(st.integers(1, 70), min_size=1, max_size=4),
    parallel=st.none() | st.integers(1, 9),
    together=st.sampled_from(["auto", "on", "off"]),
)
def test_every_run_is_in_one_job_of_its_objective(sizes, parallel, together):
    members = [Member(str(name), 1.0, seed, {}, Path()) for name, size in enumerate(sizes) for seed in range(size)]
    made = bundles(members, SimpleNamespace(parallel=parallel), together)
    dealt = [member.key for bundle in made for member in bundle.members]
    assert sorted(dealt) == sorted(member.key for member in members)
    assert len({bundle.job.name for bundle in made}) == len(made)
    assert all(len({member.objective for member in bundle.members}) == 1 for bundle in made)
    largest = max(len(bundle.members) for bundle in made)
    if together == "off" or (parallel is None and together == "auto"):
        assert largest == 1
    elif parallel and max(sizes) <= MOST and min(sizes) >= parallel:
        assert len(made) % parallel == 0, "all places are busy to the end"
        assert largest <= MOST
    else:
        assert largest <= MOST


def test_runs_of_one_job_are_those_of_a_process_each(home, asked, here):
    grid = {"betas": [0.1, 1], "seeds": [0, 1], **asked}
    together = mmgen.compare(["elbo"], output="together", **grid)
    apart = mmgen.compare(["elbo"], output="apart", together="off", **grid)
    assert list(Path("together/jobs").glob("*more.yaml"))
    assert not list(Path("apart/jobs").glob("*more.yaml"))
    assert sorted(here[0].done) == sorted(here[1].done)
    key = ["objective", "beta", "seed", "metric", "measure", "given", "target", "label", "split"]
    assert together[key].equals(apart[key])
    losses = together.measure == "loss"
    assert together[losses].value.tolist() == pytest.approx(apart[losses].value.tolist(), rel=1e-4)
    for run in ("elbo/beta-0.1/seed-1", "elbo/beta-1/seed-0"):
        one, other = Path("together") / run, Path("apart") / run
        assert {path.name for path in one.rglob("*")} == {path.name for path in other.rglob("*")}
        assert (one / "config.yaml").read_bytes() == (other / "config.yaml").read_bytes()
        facts = [json.loads((folder / "environment.json").read_text()) for folder in (one, other)]
        assert [each.get("in_one_pass_with") for each in facts] == [3, None]
        lines = [(folder / "history.jsonl").read_text().splitlines() for folder in (one, other)]
        for old, new in zip(*lines, strict=True):
            assert json.loads(new)["train"] == pytest.approx(json.loads(old)["train"], rel=1e-4)


def test_one_that_fails_leaves_the_others_of_its_job_alone(home, asked, here):
    with pytest.warns(ComparisonWarning, match=r"elbo, β 1e\+300, seed 0: Training stopped at step \d+: "):
        table = mmgen.compare(["elbo"], betas=[1, 1e300], seeds=[0], output="c", **asked)
    assert set(table.beta) == {1.0}
    assert len(here) == 1
    with pytest.warns(ComparisonWarning, match="is not a finite number"):
        mmgen.compare(["elbo"], betas=[1, 1e300], seeds=[0], output="c", **asked)
    assert here[1].done == ["elbo_beta-1e+300_seed-0"], "the other one is finished"


def test_large_networks_follow_one_another(home, asked, here, monkeypatch):
    monkeypatch.setattr("mmgen_plugin_compare.worker.MOST_PARAMETERS", 10)
    mmgen.compare(["elbo"], seeds=[0, 1], output="c", **asked)
    facts = [json.loads(Path(f"c/elbo/beta-1/seed-{k}/environment.json").read_text()) for k in range(2)]
    assert [each.get("in_one_pass_with") for each in facts] == [None, None]
    mmgen.compare(["elbo"], seeds=[2, 3], output="c", together="on", **asked)
    facts = [json.loads(Path(f"c/elbo/beta-1/seed-{k}/environment.json").read_text()) for k in (2, 3)]
    assert [each.get("in_one_pass_with") for each in facts] == [1, 1]


def test_another_word_is_refused(home, asked, capfd):
    with pytest.raises(MmgenError, match="together: 'yes' is not right; it should be 'auto', 'on' or 'off'"):
        mmgen.compare(["elbo"], output="c", together="yes", **asked)
    assert run_guarded(app, ["compare", "--objectives", "elbo", "--dataset", "rats", "--together", "no"]) == 2
    assert "together: 'no' is not right" in capfd.readouterr().err
