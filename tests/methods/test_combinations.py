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
NAMES_OF = {  # what objectives call aggregators by what they give
    "shared": tuple(name for name in AGGREGATORS if name != "none"),
    "single": tuple(name for name in AGGREGATORS if name not in ("none", "moe", "mopoe")),
}
OBJECTIVES = sorted(entry.name for entry in entries("objectives"))


@pytest.mark.parametrize("objective", OBJECTIVES)
def test_every_combination_trains_or_is_refused(objective):
    data, kind = toy_data(("vector", "counts")), load("objectives", objective)
    declared = {"aggregator": kind.aggregator, "prior": kind.prior}
    possible = {"aggregator": NAMES_OF.get(kind.aggregators, kind.aggregators), "prior": kind.priors}
    refusal = "aggregates nothing|has no prior|it can use only '|it needs one of all|it needs one distribution"
    trained = 0
    for names in itertools.product([None, *AGGREGATORS], [None, *PRIORS]):
        chosen = dict(zip(("aggregator", "prior"), names))
        absent = [part for part, name in chosen.items() if name and declared[part] is None]
        refused = [part for part, name in chosen.items() if name and name not in (possible[part] or (name,))]
        if absent or refused:
            with pytest.raises(MmgenError, match=refusal):
                make_model(objective, data, **chosen)
            continue
        aggregator, prior = names
        model = make_model(objective, data, aggregator=aggregator, prior=prior).train()
        torch.manual_seed(0)
        value = model(data.train[:8]).value(0.5)
        assert value.isfinite().all(), (aggregator, prior)
        if list(model.parameters()):  # otherwise all of it is found in closed form
            value.mean().backward()
        for name, parameter in model.named_parameters():
            assert parameter.grad is not None and parameter.grad.isfinite().all(), (aggregator, prior, name)
        if kind.prior is None:
            with pytest.raises(MmgenError, match="has no prior to generate from"):
                model.sample_prior(3)
        else:
            assert model.sample_prior(3).shape == (3, 3)
        trained += 1
    assert trained
