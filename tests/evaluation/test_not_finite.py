"""What is not finite reaches no solver of linear algebra."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch

import mmgen
from mmgen.errors import DataError
from mmgen.evaluation.frechet import frechet_distance, precision_and_recall
from mmgen.evaluation.projection import project
from mmgen.testing import make_model, raises_sentence, toy_data


@pytest.mark.parametrize("value", [math.nan, math.inf])
def test_latents_that_are_not_finite_are_a_sentence(value):
    data = toy_data(rows=20)
    model = make_model("elbo", data).float()
    with torch.no_grad():
        next(model.encoders[0].parameters()).fill_(value)
    with raises_sentence("rows are not finite, inferred from", DataError):
        mmgen.Evaluation(model, data, split="val").latents()


def test_generated_features_that_are_not_finite_are_infinitely_far():
    real = torch.randn(30, 4, generator=torch.Generator().manual_seed(0))
    generated = real.clone()
    generated[:15, 2] = math.nan
    assert frechet_distance(real, generated) == math.inf
    assert precision_and_recall(real, generated) == (0.5, pytest.approx(1.0, abs=0.5))
    assert precision_and_recall(real, torch.full_like(real, math.nan)) == (0.0, 0.0)


def test_points_that_are_not_finite_are_not_drawn():
    with raises_sentence("not finite cannot be drawn", DataError):
        project(np.full((5, 3), np.nan))
