"""Every installed component holds its contract."""

import pytest
import torch

from mmgen.registry import entries, load_entry
from mmgen.testing import check_aggregator, check_dataset, check_objective


@pytest.mark.parametrize("entry", entries("objectives"), ids=lambda entry: entry.full_name)
def test_every_installed_objective_holds_the_contract(entry):
    check_objective(entry.full_name)


@pytest.mark.parametrize("entry", entries("aggregators"), ids=lambda entry: entry.full_name)
def test_every_installed_aggregator_holds_the_contract(entry):
    check_aggregator(load_entry(entry)())


@pytest.mark.parametrize("entry", entries("datasets"), ids=lambda entry: entry.full_name)
def test_the_toy_of_every_installed_dataset_holds_the_contract(entry):
    torch.manual_seed(0)
    check_dataset(load_entry(entry).toy())
