"""Fréchet distance, precision and recall against their definitions."""

import numpy as np
import pytest
import scipy.linalg
import torch
from hypothesis import given
from hypothesis import strategies as st

from mmgen import Evaluation, MultimodalVAE
from mmgen.evaluation.frechet import FDClassifier, FDClassifierConfig, frechet_distance, precision_and_recall
from mmgen.testing import toy_data

seeds = st.integers(0, 2**31)


def normals(seed, *shape):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


@given(seeds)
def test_the_distance_of_a_set_to_itself_is_nothing(seed):
    x = normals(seed, 40, 5)
    assert frechet_distance(x, x) == pytest.approx(0, abs=1e-5)
    assert frechet_distance(x, x + 3) == pytest.approx(45, rel=1e-6), "a shift by 3 in five dimensions: 5·9"


@given(seeds)
def test_the_distance_is_that_of_two_gaussians(seed):
    x, y = normals(seed, 60, 4) @ normals(seed + 1, 4, 4), normals(seed + 2, 50, 4)
    one, two = np.cov(x.numpy().T), np.cov(y.numpy().T)
    root = scipy.linalg.sqrtm(one @ two).real
    expected = ((x.mean(0) - y.mean(0)) ** 2).sum().item() + np.trace(one + two - 2 * root)
    assert frechet_distance(x, y) == pytest.approx(expected, rel=1e-5, abs=1e-6)


def literally(real, made, k):
    """Balls around every point up to its k-th nearest other point, one pair at a time."""

    def share(points, centres):
        inside = 0
        for p in points:
            for i, c in enumerate(centres):
                others = sorted(np.linalg.norm(c - o) for j, o in enumerate(centres) if j != i)
                if np.linalg.norm(p - c) <= others[min(k, len(others)) - 1]:
                    inside += 1
                    break
        return inside / len(points)

    return share(made, real), share(real, made)


@given(seeds, st.integers(1, 4))
def test_precision_and_recall_are_their_definitions(seed, k):
    real, made = normals(seed, 9, 2), 0.7 * normals(seed + 1, 7, 2) + 0.5
    assert precision_and_recall(real, made, k) == pytest.approx(literally(real.numpy(), made.numpy(), k))


def test_precision_and_recall_of_special_cases():
    x = normals(0, 50, 3)
    assert precision_and_recall(x, x) == (1.0, 1.0)
    assert precision_and_recall(x, x + 100) == (0.0, 0.0)
    precision, recall = precision_and_recall(x, x[:1] + 1e-3 * normals(1, 50, 3))
    assert precision == 1.0
    assert recall < 0.2, "one real point again and again: realistic, and not varied"


@pytest.fixture
def data():
    return toy_data(("image", "vector"), rows=40)


@pytest.fixture
def evaluation(data):
    return Evaluation(MultimodalVAE.create("elbo", data, latent_dim=2), data, max_rows=30)


def test_real_values_have_no_distance_to_themselves(evaluation, generating):
    generating(evaluation, lambda given, target: evaluation.latents().table.data[target] if given else None)
    rows = FDClassifier(FDClassifierConfig(classifier_steps=4)).compute(evaluation)
    found = {(row["measure"], row["given"], row["target"]): row["value"] for row in rows}
    assert {subset for _, subset, _ in found} == {"image", "vector", "image+vector", "prior", "1 of 2", "2 of 2"}
    for pair in (("image", "vector"), ("vector", "image"), ("image+vector", "image"), ("1 of 2", "mean")):
        assert found["FD-classifier", *pair] == pytest.approx(0, abs=1e-4)
        assert found["precision", *pair] == found["recall", *pair] == 1.0
    assert found["FD-classifier", "prior", "image"] > 0.01
    assert not any(measure == "FID" for measure, _, _ in found)
