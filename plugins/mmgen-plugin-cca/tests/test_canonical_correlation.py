"""CCA, DCCA and DCCAE against their equations written out, independent solvers, finite differences, and views with
known canonical correlations.
"""

import math

import numpy as np
import pytest
import scipy.linalg
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from sklearn import cross_decomposition
from torch import nn

from mmgen import Data, MmgenError, Provenance, Table, Trainer, VectorModality
from mmgen.testing import ConstantNetwork, ToyDataset, check_gradients, make_model, substitute, toy_data, toy_model
from mmgen_plugin_cca.correlation import Projection, find_projections, total_correlation

NUMBERS = st.floats(-3, 3).map(lambda x: round(x, 3))


def covariance(x, y):
    """Over N − 1, in loops."""
    n = len(x)
    means = [[sum(row[i] for row in side) / n for i in range(len(side[0]))] for side in (x, y)]
    return np.array(
        [
            [sum((a[i] - means[0][i]) * (b[j] - means[1][j]) for a, b in zip(x, y)) / (n - 1) for j in range(len(y[0]))]
            for i in range(len(x[0]))
        ]
    )


def literal(x, y, ridge):
    """Sum of the singular values of Σ_xx^{-1/2} Σ_xy Σ_yy^{-1/2}, with square roots by eigenvalues."""

    def inverse_root(matrix):
        values, vectors = np.linalg.eigh(matrix + ridge * np.eye(len(matrix)))
        return vectors @ np.diag(values**-0.5) @ vectors.T

    x, y = x.tolist(), y.tolist()
    return np.linalg.svd(
        inverse_root(covariance(x, x)) @ covariance(x, y) @ inverse_root(covariance(y, y)), compute_uv=False
    ).sum()


@given(st.data(), st.integers(2, 7), st.integers(1, 3), st.integers(1, 3), st.sampled_from([1e-3, 0.1, 2.0]))
def test_the_total_correlation_is_the_equation(data, rows, left, right, ridge):
    x, y = (data.draw(arrays(np.float64, (rows, columns), elements=NUMBERS)) for columns in (left, right))
    got = total_correlation(torch.from_numpy(x), torch.from_numpy(y), ridge)
    assert float(got) == pytest.approx(literal(x, y, ridge), rel=1e-7, abs=1e-7)


@pytest.mark.parametrize("rows", [1, 2])
def test_too_few_rows_have_a_finite_value_and_gradient(rows):
    x = torch.randn(rows, 4, dtype=torch.float64, generator=torch.Generator().manual_seed(0)).requires_grad_()
    value = total_correlation(x, x.flip(0) * 2, 1e-3)
    value.backward()
    assert x.grad.isfinite().all() and 0 <= float(value.detach()) < 4
    assert (rows == 1) == (float(value.detach()) == 0)


def test_what_is_not_a_number_stays_so():
    x = torch.full((5, 2), torch.nan, requires_grad=True)
    assert total_correlation(x, torch.rand(5, 2), 1e-3).isnan()


def equally_correlated(rows=24, count=3, correlation=0.6):
    """Two views with all variances 1 and all correlations the same: every eigenvalue and singular value is repeated."""
    random = np.random.default_rng(3).standard_normal((rows, 2 * count))
    basis = np.linalg.qr(random - random.mean(0))[0] * math.sqrt(rows - 1)
    x = basis[:, :count]
    return torch.tensor(x), torch.tensor(correlation * x + math.sqrt(1 - correlation**2) * basis[:, count:])


def unequally_correlated():
    generator = torch.Generator().manual_seed(1)
    x, noise = (torch.randn(12, 3, dtype=torch.float64, generator=generator) for _ in range(2))
    return x, x @ torch.rand(3, 2, dtype=torch.float64, generator=generator) + noise[:, :2]


@pytest.mark.parametrize("views", [unequally_correlated, equally_correlated])
def test_gradients_are_finite_differences_also_where_eigenvalues_are_repeated(views):
    x, y = (side.clone().requires_grad_() for side in views())
    total_correlation(x, y, 0.05).backward()
    check_gradients(lambda x, y: literal(x.numpy(), y.numpy(), 0.05), (x, y), absolute=1e-7)


def test_the_total_correlation_is_that_of_an_iterative_cca():
    x, y = (side.numpy() for side in unequally_correlated())
    scores = cross_decomposition.CCA(n_components=2, max_iter=100_000, tol=1e-14).fit_transform(x, y)
    expected = sum(np.corrcoef(scores[0][:, i], scores[1][:, i])[0, 1] for i in range(2))
    assert float(total_correlation(torch.from_numpy(x), torch.from_numpy(y), 1e-12)) == pytest.approx(
        expected, abs=1e-6
    )


def found(x, y, count, ridge):
    projections = [Projection(torch.zeros(side.shape[1], count)).double() for side in (x, y)]
    find_projections(projections, [x, y], ridge)
    return projections


@pytest.mark.parametrize("rows", [40, 6])
def test_projections_are_those_of_the_generalised_eigenproblem(rows):
    """Σ_xy (Σ_yy + rI)^{-1} Σ_yx w = ρ² (Σ_xx + rI) w; with 6 rows there are fewer rows than columns."""
    random, ridge, count = np.random.default_rng(0), 0.2, 3
    shared = random.standard_normal((rows, 3)) * [3, 2, 1]
    x, y = (
        shared @ random.standard_normal((3, columns)) + 0.5 * random.standard_normal((rows, columns)) + 5
        for columns in (8, 7)
    )
    one, two = found(torch.from_numpy(x), torch.from_numpy(y), count, ridge)
    joint = np.cov(x.T, y.T)
    xx, xy, yy = joint[:8, :8] + ridge * np.eye(8), joint[:8, 8:], joint[8:, 8:] + ridge * np.eye(7)
    values, vectors = scipy.linalg.eigh(xy @ np.linalg.solve(yy, xy.T), xx)
    expected = vectors[:, ::-1][:, :count]
    got = one.weight.numpy()
    np.testing.assert_allclose(got * np.sign((got * expected).sum(0)), expected, atol=1e-7)
    np.testing.assert_allclose(two.weight.numpy().T @ yy @ two.weight.numpy(), np.eye(count), atol=1e-8)
    np.testing.assert_allclose(got.T @ xy @ two.weight.numpy(), np.diag(np.sqrt(values[::-1][:count])), atol=1e-7)
    np.testing.assert_allclose(one(torch.from_numpy(x)).numpy().mean(0), 0, atol=1e-9)


def known_world(mix=0):
    """Views whose sample canonical correlations are 0.9, 0.6 and 0.3, mixed by other invertible maps for every
    ``mix``.
    """
    correlations = np.array([0.9, 0.6, 0.3])
    raw = np.random.default_rng(5).standard_normal((200, 6))
    basis = np.linalg.qr(raw - raw.mean(0))[0] * math.sqrt(199)
    views = basis[:, :3], correlations * basis[:, :3] + np.sqrt(1 - correlations**2) * basis[:, 3:]
    random = np.random.default_rng(mix)
    return [
        torch.from_numpy(view @ (random.standard_normal((3, 3)) + 2 * np.eye(3)) + random.standard_normal(3))
        for view in views
    ]


@pytest.mark.parametrize("mix", range(4))
def test_known_correlations_are_found_whatever_invertible_maps_came_before(mix):
    x, y = known_world(mix)
    one, two = found(x, y, 3, 1e-10)
    scores = one(x), two(y)
    for i, expected in enumerate((0.9, 0.6, 0.3)):
        assert float(np.corrcoef(scores[0][:, i], scores[1][:, i])[0, 1]) == pytest.approx(expected, abs=1e-6)
    assert float(total_correlation(x, y, 1e-10)) == pytest.approx(1.8, abs=1e-6)
    reference = known_world(0)
    expected = found(*reference, 3, 1e-10)[0](reference[0])
    np.testing.assert_allclose((scores[0].T @ expected / 199).abs(), torch.eye(3), atol=1e-5)


def vectors(columns, **fields):
    """A dataset of two vector modalities with these columns."""
    modalities = {
        f"v{i}": VectorModality(shape=(part.shape[1],), hidden=(8,), **fields) for i, part in enumerate(columns)
    }
    table = Table.of({f"v{i}": part.float() for i, part in enumerate(columns)})
    return Data(
        "vectors", ToyDataset(), modalities, table, table, table, {}, Provenance("simulated", "Vectors."), "vectors"
    )


def test_cca_takes_no_step_and_finds_what_correlates():
    data = vectors(known_world(2))
    model = make_model("cca", data, available="v1", ridge=1e-8).float()
    assert not list(model.parameters())
    batch = data.train[slice(None)]
    assert torch.equal(model.encode(batch).mean, model.prepare(batch).data["v1"])  # until projections are found
    Trainer(epochs=3).fit(model, data)
    z = model.encode(batch, ["v1"])
    assert float(model(batch).others["correlation"][0]) == pytest.approx(1.8, abs=1e-4)
    assert torch.equal(model.encode(batch).mean, z.mean) and (z.variance == 0).all()
    # Standardisation is an invertible map, so these are the projections of the raw values up to sign.
    expected = found(*known_world(2), 3, 1e-10)[1](known_world(2)[1])
    np.testing.assert_allclose((z.mean.double().T @ expected / 199).abs(), torch.eye(3), atol=1e-3)


def test_cca_sees_codes_one_hot_and_counts_by_their_logarithm():
    data = toy_data(("labels", "counts"))
    objective = make_model("cca", data).objective
    codes = data.train.data["labels"][:4].long()
    one_hot = objective.columns[0](codes)
    assert one_hot.tolist() == [[float(code == k) for k in range(3)] for code in codes[:, 0].tolist()]
    assert objective.columns[1](torch.tensor([[0.0, 3.0]])).tolist() == [pytest.approx([0.0, math.log(4)])]


def test_dimensions_that_the_data_do_not_have_are_zero():
    x = torch.randn(30, 4, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    x[:, 2:] = 1.0
    one, _ = found(x, x.flip(1), 3, 1e-3)
    assert (one.weight[:, :2] != 0).any(0).all() and (one.weight[:, 2] == 0).all() and one.weight.isfinite().all()


@pytest.mark.parametrize("rows", [1, 9])
def test_views_that_do_not_vary_are_refused(rows):
    data = vectors([torch.ones(rows, 3), torch.arange(3.0 * rows).reshape(rows, 3)])
    with pytest.raises(MmgenError, match="at least two training rows, and two views that vary"):
        Trainer().fit(make_model("cca", data).float(), data)


def test_more_dimensions_than_columns_are_refused():
    with pytest.raises(MmgenError, match=r"latent_dim is 3, and the modality 'v1' has 2 columns"):
        make_model("cca", vectors([torch.rand(9, 5), torch.rand(9, 2)]))


def model_of(objective, kinds, reconstruction):
    options = {} if objective == "dcca" else {"reconstruction": reconstruction, "reconstruction_weight": 0.25}
    return toy_model(objective, dict(zip(kinds, (2.0, 1.0))), ridge=0.01, **options)


def error(kind, likelihood, output, x, reconstruction):
    """−log p or the squared error of one row, with densities written out; ``output`` is the decoder's."""
    total = 0.0
    for i, value in enumerate(x):
        if kind == "labels":
            logits = [output[k][i] for k in range(3)]
            total += math.log(sum(map(math.exp, logits))) - logits[int(value)]
            continue
        o = output[0][i]
        mean = {"vector": lambda o: o, "tags": lambda o: 1 / (1 + math.exp(-o)), "counts": math.exp}[kind](o)
        if reconstruction == "squared-error":
            total += (value - mean) ** 2
        elif kind == "vector":
            total += 0.5 * math.log(2 * math.pi) + 0.5 * (value - o) ** 2
        elif kind == "tags":
            total -= value * math.log(mean) + (1 - value) * math.log(1 - mean)
        else:
            r = math.exp(float(likelihood.log_dispersion[i]))
            total -= math.lgamma(value + r) - math.lgamma(r) - math.lgamma(value + 1)
            total -= r * math.log(r / (r + mean)) + value * math.log(mean / (r + mean))
    return total


CASES = [
    ("dcca", ("vector", "tags"), ""),
    *(
        ("dccae", kinds, by)
        for kinds in [("vector", "tags"), ("labels", "counts")]
        for by in ("squared-error", "likelihood")
    ),
]


@pytest.mark.parametrize(("objective", "kinds", "reconstruction"), CASES)
@settings(max_examples=5)
@given(outputs=arrays(np.float64, (2, 5, 3), elements=NUMBERS))
def test_dcca_and_dccae_are_their_equations(objective, kinds, reconstruction, outputs):
    model, data = model_of(objective, kinds, reconstruction), toy_data(kinds)
    batch = model.prepare(data.train[:5])
    networks = nn.ModuleList(ConstantNetwork(torch.from_numpy(side)) for side in outputs)
    with substitute(model.objective, networks=networks):
        terms = model(batch)
    correlation = literal(outputs[0], outputs[1], 0.01)
    torch.testing.assert_close(
        terms.others["correlation"], torch.full((5,), correlation, dtype=torch.float64), rtol=1e-7, atol=1e-7
    )
    for m, kind in enumerate(kinds):
        for b in range(5):
            expected = 0.0
            if objective == "dccae":
                z = torch.from_numpy(outputs[m, b : b + 1])
                decoded = model.objective.decoders[m](z)[0].tolist()
                weight = 0.25 * (2.0 if m == 0 else 1.0)
                expected = -weight * error(
                    kind, model.objective.likelihoods[m], decoded, batch.data[kind][b].tolist(), reconstruction
                )
            assert float(terms.log_likelihood[m, b]) == pytest.approx(expected, rel=1e-9, abs=1e-9)
    assert terms.divergence.tolist() == [0.0] * 5


@pytest.mark.parametrize("linear", [True, False])
def test_after_training_dcca_has_the_linear_cca_of_its_features(linear):
    data = toy_data(("vector", "tags"))
    model = make_model("dcca", data, linear_cca=linear, available="tags").float()
    before = float(model(data.train[slice(None)]).others["correlation"][0].detach())
    Trainer(epochs=8, batch_size=48, learning_rate=1e-2).fit(model, data)
    batch = model.prepare(data.train[slice(None)])
    after = float(model(batch).others["correlation"][0].detach())
    assert after > before + 0.05
    with torch.no_grad():
        f, g = (model.objective.networks[m](batch.data[name]).double() for m, name in enumerate(("vector", "tags")))
    z = model.encode(batch, ["tags"]).mean.double()
    if linear:
        expected = found(g, f, 3, 1e-3)[0](g)
        torch.testing.assert_close(z, expected * (z * expected).sum(0).sign(), rtol=1e-3, atol=1e-3)
        scores = model.objective.features(model, batch, 0).detach().double()
        assert float((scores * z).sum() / 47) == pytest.approx(after, rel=1e-4)  # wᵀ Σ_fg v, summed
    else:
        torch.testing.assert_close(z, g, rtol=1e-5, atol=1e-5)
