"""Cosines and clusters of latents that are known."""

import numpy as np
import pytest
import torch

from mmgen import Evaluation, MultimodalVAE
from mmgen.evaluation import Latents
from mmgen.evaluation.latent_geometry import Clustering, CosineSimilarity, cosine
from mmgen.testing import toy_data


@pytest.fixture
def evaluation():
    data = toy_data(("vector", "counts"), rows=90)
    return Evaluation(MultimodalVAE.create("elbo", data, latent_dim=2), data)


def put(evaluation, split, means):
    table = evaluation.rows(split)
    complete = torch.ones(len(means), len(table), dtype=torch.bool)
    evaluation._latents[split] = Latents(evaluation.subsets, means, means, None, complete, table)


def by_row(rows):
    return {(row["measure"], row["given"], row["target"]): row["value"] for row in rows}


def test_cosine_by_hand():
    x, y = np.array([[1.0, 0], [3, 4], [0, 0]]), np.array([[0.0, 2], [3, 4], [1, 1]])
    assert cosine(x, y).tolist() == pytest.approx([0, 1, 0])


def test_paired_and_shuffled(evaluation):
    rows = len(evaluation.rows("test"))
    x = torch.randn(rows, 2, generator=torch.Generator().manual_seed(0))
    put(evaluation, "test", torch.stack([x, 5 * x, x]))
    found = by_row(CosineSimilarity().compute(evaluation))
    assert found["paired", "vector", "counts"] == found["paired", "", "mean"] == pytest.approx(1.0)
    assert abs(found["shuffled", "", "mean"]) < 0.35
    put(evaluation, "test", torch.stack([torch.ones(rows, 2), torch.ones(rows, 2), x]))
    found = by_row(CosineSimilarity().compute(evaluation))
    assert found["paired", "", "mean"] == found["shuffled", "", "mean"] == pytest.approx(1.0), (
        "collapsed latents are alike whatever they belong to"
    )


def test_no_pair_of_the_shuffled_ones_is_of_one_row(evaluation):
    rows = len(evaluation.rows("test"))
    one = torch.eye(rows)
    put(evaluation, "test", torch.stack([one, one, one]))
    found = by_row(CosineSimilarity().compute(evaluation))
    assert found["paired", "", "mean"] == 1.0
    assert found["shuffled", "", "mean"] == 0.0


def test_clusters_that_are_the_classes_and_clusters_that_are_not(evaluation):
    noise = torch.Generator().manual_seed(1)
    for split in ("train", "test"):
        codes = evaluation.rows(split).labels["class"]
        good = 20.0 * torch.nn.functional.one_hot(codes, 3)[:, :2] + torch.randn(len(codes), 2, generator=noise)
        bad = torch.randn(len(codes), 2, generator=noise)
        put(evaluation, split, torch.stack([good, bad, good]))
    rows = Clustering().compute(evaluation)
    found = {(row["measure"], row["given"]): row["value"] for row in rows}
    assert found["ari", "vector"] == found["nmi", "vector"] == found["ari", "2 of 2"] == pytest.approx(1.0)
    assert abs(found["ari", "counts"]) < 0.15
    assert found["nmi", "counts"] < 0.25
    assert found["ari", "1 of 2"] == pytest.approx((found["ari", "vector"] + found["ari", "counts"]) / 2)
