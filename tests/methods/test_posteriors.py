"""q(z | x_S) of a trained model, for every method and every subset: which experts, how they are joined, and where N(0,
I) is one of them.
"""

import math
from itertools import combinations

import pytest
import torch

from mmgen.testing import make_model, toy_data

NAMES = ("vector", "counts", "tags")
SUBSETS = [subset for size in (1, 2, 3) for subset in combinations(range(3), size)]


def mixture(experts, subset):
    return [(1 / len(subset), *experts[m]) for m in subset]


def product(prior_in):
    def rule(experts, subset):
        with_prior = prior_in(len(subset))
        joined = []
        for d in range(len(experts[0][0])):
            precision = (1.0 if with_prior else 0.0) + sum(1 / experts[m][1][d] for m in subset)
            joined.append((sum(experts[m][0][d] / experts[m][1][d] for m in subset) / precision, 1 / precision))
        return [(1.0, [mean for mean, _ in joined], [variance for _, variance in joined])]

    return rule


def average(experts, subset):
    dims = range(len(experts[0][0]))
    return [(1.0, *[[sum(experts[m][part][d] for m in subset) / len(subset) for d in dims] for part in (0, 1)])]


ALWAYS, NEVER = product(lambda size: True), product(lambda size: False)
RULES = {
    "independent": mixture,
    "aggregated": average,
    "mvae": ALWAYS,
    "mmvae": mixture,
    "mopoe": product(lambda size: size == 3),
    "mmjsd": mixture,
    "mmjsd-poe": ALWAYS,
    "mvtcae": NEVER,
    "crmvae": ALWAYS,
    "jmvae": NEVER,  # and the joint network where everything is given
    "telbo": product(lambda size: size > 1),  # the same
    "mmvamp": mixture,
    "smvae": ALWAYS,
    "smvgon": ALWAYS,
}


@pytest.mark.parametrize("subset", SUBSETS, ids=lambda subset: "".join(map(str, subset)))
@pytest.mark.parametrize("objective", RULES)
def test_posterior_of_a_subset(objective, subset):
    data = toy_data(NAMES)
    model = make_model(objective, data)
    batch = model.prepare(data.test[:4])
    mask = torch.zeros(4, 3, dtype=torch.bool)
    mask[:, list(subset)] = True
    with torch.no_grad():
        experts, found = model.experts(batch), model.posterior(batch, mask)
        joint = model.objective.joint(batch) if objective in ("jmvae", "telbo") and len(subset) == 3 else None
    for row in range(4):
        each = [
            (experts.mean[m, row].tolist(), [math.exp(v) for v in experts.log_variance[m, row].tolist()])
            for m in range(3)
        ]
        expected = RULES[objective](each, subset)
        if joint is not None:
            expected = [(1.0, joint.mean[row].tolist(), joint.variance[row].tolist())]
        parts = zip(
            found.weights[:, row], found.components.mean[:, row], found.components.variance[:, row], strict=True
        )
        actual = [(float(weight), mean.tolist(), variance.tolist()) for weight, mean, variance in parts if weight > 0]
        assert len(actual) == len(expected)
        for (w, mean, variance), (w_, mean_, variance_) in zip(actual, expected, strict=True):
            assert w == pytest.approx(w_)
            assert mean == pytest.approx(mean_, abs=1e-9)
            assert variance == pytest.approx(variance_, rel=1e-9)
