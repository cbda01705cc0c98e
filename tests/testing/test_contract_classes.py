"""How contracts are used: by subclassing, by name or class, with skips that say why, and from pytest's command line."""

import subprocess
import sys

import pytest

from mmgen import MmgenError
from mmgen.models.aggregators import ProductOfExperts
from mmgen.registry import KINDS, entries
from mmgen.testing import (
    AggregatorContract,
    Contract,
    DatasetContract,
    ObjectiveContract,
    ToyDataset,
    check_aggregator,
    check_dataset,
    check_objective,
    installed_contracts,
)

TOOLS = {"capture_output": True, "text": True}


class NotNormalised(ProductOfExperts):
    def forward(self, experts, given):
        posterior = super().forward(experts, given)
        return type(posterior)(posterior.components, posterior.log_weights + 0.1)


def test_a_check_is_skipped_with_a_reason():
    made = AggregatorContract.of(
        NotNormalised, skip={"test_shapes_and_weights": "The weights of this method are not probabilities."}
    )
    with pytest.raises(Exception, match="not probabilities") as caught:
        made().test_shapes_and_weights()
    assert type(caught.value).__name__ == "SkipTest"  # which pytest reports as a skip, with its reason
    assert "test_shapes_and_weights" not in made.failures()
    assert "test_shapes_and_weights" in AggregatorContract.of(NotNormalised).failures()


@pytest.mark.parametrize("reason", ["", "  ", None, True])
def test_not_without_a_reason(reason):
    with pytest.raises(MmgenError, match="'test_shapes_and_weights' is left out without a reason"):
        AggregatorContract.of("poe", skip={"test_shapes_and_weights": reason})


def test_not_a_check_that_does_not_exist():
    with pytest.raises(MmgenError, match=r"no check 'test_shapes'; there are .*did you mean"):
        AggregatorContract.of("poe", skip={"test_shapes": "It has none."})


def test_a_check_cannot_be_replaced():
    with pytest.raises(MmgenError, match="replaces the standard check 'test_shapes_and_weights'"):

        class Mine(AggregatorContract):
            component = "poe"

            def test_shapes_and_weights(self):
                pass


def test_own_tests_may_stand_beside():
    class Mine(AggregatorContract):
        component = "poe"

        def test_mine(self):
            raise AssertionError

    assert "test_mine" not in Mine.checks()
    assert Mine.failures() == {}


def test_it_must_be_said_what_is_checked():
    with pytest.raises(MmgenError, match="does not say what it checks"):
        AggregatorContract().make()


def test_options_and_instances_can_be_checked():
    assert AggregatorContract.of("poe", options={"prior_expert": "none"}, exact=True).failures().keys() == {
        "test_exact_experts_give_the_true_posterior"
    }
    assert AggregatorContract.of(ProductOfExperts(), exact=True).failures() == {}
    with pytest.raises(MmgenError, match="there is no such option"):
        AggregatorContract.of("poe", options={"prior": "none"})().make()


def test_the_functions_name_the_checks_that_fail():
    check_aggregator(ProductOfExperts())
    with pytest.raises(
        AssertionError, match="test_shapes_and_weights: NotNormalised in training: the weights do not sum to one"
    ):
        check_aggregator(NotNormalised)
    with pytest.raises(AssertionError, match="test_no_group_is_on_two_sides: ToyDataset: "):
        check_dataset(ToyDataset())
    with pytest.raises(AssertionError, match="no objective 'elbow'"):
        check_objective("elbow")


def test_everything_installed_has_a_contract():
    found = installed_contracts()
    assert issubclass(found["TestObjective_mmgen_core_elbo"], ObjectiveContract)
    assert found["TestObjective_mmgen_core_elbo"].component == "mmgen-core:elbo"
    assert len(found) == sum(len(entries(kind)) for kind in (*KINDS, "commands"))
    only = installed_contracts(["mmgen_core"], ["datasets"])
    assert list(only) == ["TestDataset_mmgen_core_in_memory", "TestDataset_mmgen_core_table"]
    assert all(issubclass(contract, DatasetContract) for contract in only.values())


def test_every_check_says_what_it_checks():
    for contract in installed_contracts().values():
        assert issubclass(contract, Contract) and len(contract.checks()) >= (4 if contract.kind == "commands" else 6)
        assert all(getattr(contract, check).__doc__ for check in contract.checks())


def test_the_plugin_costs_nothing_until_it_is_asked():
    code = (
        "import sys, mmgen.testing.plugin; print(sorted({'torch', 'numpy', 'hypothesis', 'pydantic'} & "
        "set(sys.modules)))"
    )
    assert subprocess.run([sys.executable, "-c", code], **TOOLS).stdout.strip() == "[]"


def test_from_the_command_line(tmp_path):
    (tmp_path / "test_mine.py").write_text(
        "from mmgen.testing import AggregatorContract\n\n\nclass TestMine(AggregatorContract):\n    component = 'poe'\n"
        "    skip = {'test_extreme_experts': 'It is for tame experts.'}\n"
    )
    words = [sys.executable, "-m", "pytest", "-v", "-rs", "-p", "no:cacheprovider"]
    done = subprocess.run([*words, "test_mine.py", "--mmgen-contracts=mmgen-plugin-mfeat"], cwd=tmp_path, **TOOLS)
    assert done.returncode == 0, done.stdout
    assert "TestMine::test_shapes_and_weights PASSED" in done.stdout
    assert "TestMine::test_extreme_experts SKIPPED" in done.stdout
    assert "It is for tame experts." in done.stdout
    assert "TestDataset_mmgen_plugin_mfeat_mfeat::test_no_group_is_on_two_sides PASSED" in done.stdout
    assert "elbo" not in done.stdout
    done = subprocess.run([*words, "--mmgen-contracts", "test_mine.py"], cwd=tmp_path, **TOOLS)
    assert done.returncode == 4
    assert "no distribution 'test_mine.py' with components of mmgen is installed" in done.stderr + done.stdout
