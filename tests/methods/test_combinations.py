"""Every aggregator with every prior, for every objective that can mean them: terms are numbers, and gradients reach
what they should.
"""

import itertools

import pytest
import torch

from mmgen.errors import MmgenError
from mmgen.registry import entries, load
from mmgen.testing import make_model, toy_data

AGGREGATORS = [entry.name for entry in entries("aggregators")]
PRIORS = [entry.name for entry in entries("priors")]
OBJECTIVES = sorted(entry.name for entry in entries("objectives"))


@pytest.mark.parametrize("objective", OBJECTIVES)
def test_every_combination_trains_or_is_refused(objective):
    data, kind = toy_data(("vector", "counts")), load("objectives", objective)
    trained = 0
    for aggregator, prior in itertools.product(AGGREGATORS, PRIORS):
        possible = all(
            chosen is None or name in chosen for chosen, name in ((kind.aggregators, aggregator), (kind.priors, prior))
        )
        if not possible:
            with pytest.raises(MmgenError, match="it can use"):
                make_model(objective, data, aggregator=aggregator, prior=prior)
            continue
        model = make_model(objective, data, aggregator=aggregator, prior=prior).train()
        torch.manual_seed(0)
        value = model(data.train[:8]).value(0.5)
        assert value.isfinite().all(), (aggregator, prior)
        if list(model.parameters()):  # otherwise all of it is found in closed form
            value.mean().backward()
        for name, parameter in model.named_parameters():
            assert parameter.grad is not None and parameter.grad.isfinite().all(), (aggregator, prior, name)
        assert model.sample_prior(3).shape == (3, 3)
        trained += 1
    assert trained
