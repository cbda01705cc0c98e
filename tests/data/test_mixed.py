"""Columns of different types in one modality: its density in plain formulas, its contract, its cells."""

import math

import numpy as np
import pytest
import torch
from pydantic import ValidationError
from scipy import stats

import mmgen
from mmgen import MixedModality
from mmgen.data import Columns
from mmgen.testing import ModalityContract

FIELDS = {
    "shape": (8,),
    "columns": ("age", "ward", "lesions", "smoker", "dose", "grade", "share", "bmi"),
    "likelihoods": {
        "age": {"name": "student-t", "degrees": 5},
        "ward": "categorical",
        "lesions": "poisson",
        "smoker": "bernoulli",
        "dose": "log-normal",
        "grade": "ordinal",
        "share": "beta",
        "bmi": {"name": "student-t", "degrees": 5},
    },
    "categories": {"ward": ("icu", "medicine", "surgery"), "grade": ("none", "mild", "severe", "fatal")},
}


class TestContract(ModalityContract):
    component = "mixed"
    examples = (
        {**FIELDS, "hidden": (8,)},
        {"shape": (2,), "columns": ("a", "b"), "likelihoods": {"b": "negative-binomial"}},
    )


def test_log_p_is_the_sum_of_those_of_the_columns():
    modality = MixedModality(**FIELDS)
    likelihood = modality.make_likelihood().double()
    torch.manual_seed(0)
    p = torch.randn(likelihood.outputs, 8, dtype=torch.float64)
    x = [1.3, 2.0, 4.0, 0.0, 0.7, 1.0, 0.2, -0.4]
    member = {name: i for i, name in enumerate(FIELDS["columns"])}
    ordinal = next(each for each in likelihood.members if type(each).__name__ == "Ordinal")
    thresholds = [float(t) for t in ordinal.thresholds[:, 0].detach()]
    output = {name: [float(p[k, i]) for k in range(3)] for name, i in member.items()}
    logistic = stats.logistic.cdf
    mean, concentration = logistic(output["share"][0]), math.exp(output["share"][1])
    weights = [math.exp(output["ward"][k]) for k in range(3)]
    expected = [
        stats.t.logpdf(x[0], 5, output["age"][0], 1.0),
        math.log(weights[2] / sum(weights)),
        stats.poisson.logpmf(4, math.exp(output["lesions"][0])),
        math.log(1 - logistic(output["smoker"][0])),
        stats.lognorm.logpdf(x[4], 1.0, scale=math.exp(output["dose"][0])),
        math.log(logistic(thresholds[1] - output["grade"][0]) - logistic(thresholds[0] - output["grade"][0])),
        stats.beta.logpdf(x[6], mean * concentration, (1 - mean) * concentration),
        stats.t.logpdf(x[7], 5, output["bmi"][0], 1.0),
    ]
    values = torch.tensor(x, dtype=torch.float64)
    torch.testing.assert_close(likelihood.pointwise(p, values).detach(), torch.tensor(expected, dtype=torch.float64))
    assert float(likelihood.log_prob(p, values).detach()) == pytest.approx(sum(expected))
    observed = torch.tensor([True, False, True, True, False, True, False, True])
    held = torch.where(observed, values, torch.nan)
    held[4] = 0.0  # log 0
    p.requires_grad_()
    score = likelihood.log_prob(p, held, observed)
    assert float(score.detach()) == pytest.approx(sum(e for e, seen in zip(expected, observed.tolist()) if seen))
    (gradient,) = torch.autograd.grad(score, p)
    assert gradient.isfinite().all() and not gradient[:, ~observed].any()


def test_columns_of_one_likelihood_share_a_module_and_have_scales_of_their_own():
    learned = {"name": "normal", "scale_kind": "learned"}
    likelihoods = {"a": learned, "b": "bernoulli", "c": learned}
    modality = MixedModality(shape=(3,), columns=("a", "b", "c"), likelihoods=likelihoods)
    likelihood = modality.make_likelihood()
    assert [type(member).__name__ for member in likelihood.members] == ["Normal", "Bernoulli"]
    assert likelihood.members[0].log_scale.shape == (2,)
    mean = likelihood.mean(torch.tensor([[1.0, 0.0, 3.0]]))
    assert mean.tolist() == [1.0, 0.5, 3.0]


def test_networks_see_numbers_counts_as_logarithms_and_categories_one_hot():
    modality = MixedModality(
        shape=(4,),
        columns=("n", "ward", "x", "yes"),
        likelihoods={"n": "poisson", "ward": "categorical", "yes": "bernoulli"},
        categories={"ward": ("icu", "medicine", "surgery")},
    )
    seen = Columns(modality)
    assert seen.count == 6
    x = torch.tensor([[5.0, 2.0, -1.5, 1.0], [0.0, -1.0, 0.5, 0.0]])
    expected = [[-1.5, 1.0, math.log(6), 0, 0, 1], [0.5, 0.0, 0.0, 0, 0, 0]]
    torch.testing.assert_close(seen(x), torch.tensor(expected))
    assert modality.trunk(2)(x).shape == (2, 128)


def test_numbers_are_standardised_positive_ones_relative_and_codes_stay():
    modality = MixedModality(**FIELDS, squeeze=0.1)
    raw = modality.make_likelihood().sample(torch.zeros(50, 4, 8)).detach()
    raw[:, 0] = 60 + 10 * raw[:, 0]
    raw[0, 6], raw[1, 6] = 0.0, 1.0
    transform = modality.make_transform()
    transform.fit(raw)
    seen = transform(raw)
    torch.testing.assert_close(seen[:, [0, 7]].mean(0), torch.zeros(2), atol=1e-5, rtol=0)
    torch.testing.assert_close(seen[:, [0, 7]].std(0, correction=0), torch.ones(2))
    torch.testing.assert_close(seen[:, 4].log().mean(), torch.tensor(0.0), atol=1e-5, rtol=0)
    torch.testing.assert_close(seen[:, 6], 0.1 + 0.8 * raw[:, 6])
    assert torch.equal(seen[:, [1, 2, 3, 5]], raw[:, [1, 2, 3, 5]])
    torch.testing.assert_close(transform.inverse(seen), raw)


def test_distances_are_in_standard_deviations_and_of_what_differs():
    modality = MixedModality(
        shape=(3,),
        columns=("x", "yes", "ward"),
        likelihoods={"yes": "bernoulli", "ward": "categorical"},
        categories={"ward": ("icu", "medicine", "surgery")},
        deviations=(10.0, 1.0, 1.0),
    )
    x, y = torch.tensor([[5.0, 0.9, 2.0], [5.0, 0.2, 1.0]]), torch.tensor([[25.0, 1.0, 0.0], [5.0, 1.0, 1.0]])
    torch.testing.assert_close(modality.distance(x, y), torch.tensor([(4 + 0 + 1) / 3, 1 / 3]))
    values = torch.tensor([[1.0, 1.0, 2.0], [3.0, 0.0, 2.0], [5.0, 1.0, 0.0]])
    assert modality.guess(values).tolist() == pytest.approx([3.0, 2 / 3, 2.0])


def test_cells_have_the_units_of_the_source_and_names():
    modality = MixedModality(
        shape=(2,), columns=("when", "ward"), likelihoods={"ward": "categorical"}, categories={"ward": ("icu", "er")},
        offset=(1.7e9, 0.0),
    )  # fmt: skip
    assert modality.cells(np.array([12.5, 1.0])) == [1700000012.5, "er"]
    assert modality.cells(np.array([12.5, -1.0]))[1] == ""
    assert modality.value_names("clinic") == ["when", "ward"]
    assert modality.render(np.array([0.0, 0.0])).content == "when 1.7e+09, ward icu"


def test_what_is_probable_is_shown_with_two_digits():
    modality = MixedModality(shape=(2,), columns=("smoker", "dose"), likelihoods={"smoker": "bernoulli"})
    assert modality.render(np.array([0.006724, 0.006724])).content == "smoker 0.01, dose 0.006724"


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"shape": (3,)}, "the shape is [8], the number of columns, and not [3]"),
        ({"likelihoods": {"agee": "normal"}}, "there is no column 'agee'; there are age, ward"),
        ({"likelihoods": {"age": "nrmal"}}, "age: There is no likelihood 'nrmal'"),
        ({"likelihoods": {"age": {"name": "normal", "degrees": 3}}}, "age: degrees: there is no such option"),
        ({"categories": {"ward": ("a", "b")}}, "the column 'grade' has a likelihood of categories; name them"),
        ({"categories": {**FIELDS["categories"], "age": ("a", "b")}}, "whose likelihood is of real numbers"),
        ({"deviations": (1.0,)}, "deviations are positive numbers, one for each column"),
    ],
)
def test_what_does_not_fit_is_said(change, sentence):
    with pytest.raises(ValidationError) as error:
        MixedModality(**{**FIELDS, **change})
    assert sentence in str(error.value)


def test_a_run_may_change_the_likelihood_of_one_column():
    from mmgen.data.describing import change_modalities

    declared = {"clinic": MixedModality(**FIELDS)}
    changed = change_modalities(declared, {"clinic": {"likelihoods": {"age": "laplace"}}})["clinic"]
    assert changed.choice("age").name == "laplace" and changed.choice("ward").name == "categorical"
    with pytest.raises(mmgen.MmgenError, match=r"modalities.clinic.*the column 'age' has a likelihood of categories"):
        change_modalities(declared, {"clinic": {"likelihoods": {"age": "categorical"}}})
