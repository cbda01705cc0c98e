"""Points of a latent space in the plane."""

from __future__ import annotations

from dataclasses import dataclass
from importlib.util import find_spec

import numpy as np
from sklearn.decomposition import PCA
from sklearn.manifold import TSNE
from threadpoolctl import threadpool_limits

from ..errors import DataError, MmgenError, listed

# How points of more than two dimensions are seen, and what the axes are called then.
VIEWS = {"pca": "principal component", "tsne": "t-SNE", "umap": "UMAP"}


@dataclass(frozen=True)
class Projection:
    """Points in the plane.

    Attributes:
        points: ``[N, 2]``.
        view: What was done: ``pca``, ``tsne`` or ``umap``; '' where points have two dimensions or fewer, or where a
            single one has no principal components: then they are where their first two dimensions say.
        shares: The share of the variance that each axis explains, where they are principal components of several
            points that differ; NaN where they do not; nothing otherwise.
    """

    points: np.ndarray
    view: str = ""
    shares: tuple[float, ...] = ()


def check_view(view: str) -> None:
    """Refuse a view of latents that there is not, or that is not installed."""
    if view not in VIEWS:
        raise MmgenError(f"There is no view {view!r} of latents; there are {listed(VIEWS)}.")
    if view == "umap" and find_spec("umap") is None:
        raise MmgenError("The view 'umap' of latents needs the package umap-learn: pip install 'mmgen-core[umap]'.")


def project(points: np.ndarray, view: str = "pca", seed: int = 0) -> Projection:
    """Points in two dimensions: as they are, or by principal components, t-SNE or UMAP; the same each time.

    One thread only. Fewer than four points have no neighbours, and are shown by principal components.

    Args:
        points: ``[N, D]``; a single dimension is drawn along a line.
        view: ``pca``, ``tsne`` or ``umap``.
        seed: Of t-SNE and UMAP.

    Raises:
        MmgenError: A view that there is not, or that is not installed.
        DataError: Points that are not finite.

    >>> import numpy as np
    >>> projection = project(np.eye(5)[:, :3])
    >>> projection.points.shape, projection.view, len(projection.shares)
    ((5, 2), 'pca', 2)
    """
    check_view(view)
    if not np.isfinite(points).all():
        raise DataError("Latents that are not finite cannot be drawn: the model has diverged.")
    if points.shape[1] == 1:
        return Projection(np.concatenate([points, np.zeros_like(points)], 1))
    if points.shape[1] == 2 or len(points) < 2:
        return Projection(points[:, :2])
    if view == "pca" or len(points) < 4:
        pca = PCA(2, svd_solver="full")
        plane = pca.fit_transform(points)
        return Projection(plane, "pca", tuple(pca.explained_variance_ratio_.tolist()))
    neighbours = _tsne if view == "tsne" else _umap
    return Projection(neighbours(points, seed), view)


def _tsne(points: np.ndarray, seed: int) -> np.ndarray:
    perplexity = min(30, (len(points) - 1) / 3)
    with threadpool_limits(1, user_api="openmp"):  # several threads add up in any order
        return TSNE(2, init="pca", perplexity=perplexity, random_state=seed).fit_transform(points)


def _umap(points: np.ndarray, seed: int) -> np.ndarray:
    from umap import UMAP

    neighbours = min(15, len(points) - 1)
    return UMAP(n_components=2, n_neighbors=neighbours, init="pca", random_state=seed, n_jobs=1).fit_transform(points)
