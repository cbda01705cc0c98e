"""Linear canonical correlation: its value for a batch, with gradients, and its solution for a table."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

import torch
from jaxtyping import Float
from torch import Tensor, nn

from mmgen import Batch, MmgenError, Model, Table


def total_correlation(x: Float[Tensor, "B D"], y: Float[Tensor, "B E"], ridge: float) -> Float[Tensor, ""]:
    r"""Sum of all canonical correlations of two sets of columns, in float64.

    It is the nuclear norm of T = Σ_xx^{-1/2} Σ_xy Σ_yy^{-1/2}. Σ_xx and Σ_yy are sample covariances (over B − 1) plus
    ``ridge`` · I.

    T is taken as L_x^{-1} Σ_xy L_y^{-T} with Cholesky factors Σ = L Lᵀ. These differ from the square roots by a
    rotation, which the singular values do not see. The derivative of an eigendecomposition divides by differences of
    eigenvalues, which vanish for features on one scale; that of a Cholesky factor does not, nor does that of a sum of
    singular values (U Vᵀ). Eigenvalues are at least ``ridge``, so the floor under them that released code has would
    never act; a batch with fewer rows than columns, or with one row, has a finite value and gradient for the same
    reason.

    Source: Andrew et al. 2013 (https://proceedings.mlr.press/v28/andrew13.html).
    """
    x, y = (values.double() - values.double().mean(0) for values in (x, y))
    over = max(len(x) - 1, 1)

    def whitened(side: Tensor, cross: Tensor) -> Tensor:
        covariance = side.T @ side / over + ridge * torch.eye(side.shape[1], dtype=side.dtype, device=side.device)
        return torch.linalg.solve_triangular(torch.linalg.cholesky_ex(covariance).L, cross, upper=False)

    t = whitened(y, whitened(x, x.T @ y / over).T)
    if not t.isfinite().all():
        return t.sum()  # the trainer says what is wrong better than the decomposition, which refuses such numbers
    return torch.linalg.svdvals(t).sum()


class Projection(nn.Module):
    """(x − mean) W from ``[B, F]`` to ``[B, D]``: buffers, found in closed form; ``start`` ``[F, D]`` before that."""

    mean: Tensor
    weight: Tensor

    def __init__(self, start: Float[Tensor, "F D"]) -> None:
        super().__init__()
        self.register_buffer("mean", torch.zeros(len(start)))
        self.register_buffer("weight", start)

    def forward(self, x: Float[Tensor, "B F"]) -> Float[Tensor, "B D"]:
        """The projection of each row."""
        return (x - self.mean) @ self.weight


def find_projections(projections: Sequence[Projection], columns: Sequence[Float[Tensor, "N _"]], ridge: float) -> None:
    """Let two projections be the linear CCA of two sets of columns, wᵀ(Σ + ridge · I)w = 1, highest correlation first.

    The solver is RidgeCCA of cca-zoo, in closed form: singular values of the covariance of whitened columns. It has (1
    − c) Σ + c I in the place of Σ + r I, which for c = r/(1 + r) differs by the factor 1 − c. Directions in which a
    view does not vary at all are left out; where there are fewer than D, the remaining columns of W are zero.

    Source: Hotelling 1936 (https://doi.org/10.1093/biomet/28.3-4.321); with a ridge, Vinod 1976
    (https://doi.org/10.1016/0304-4076(76)90010-5).

    Raises:
        MmgenError: A view that never varies, or fewer than two rows.
    """
    from cca_zoo.linear import RidgeCCA  # it imports scikit-learn, which takes a while

    views = [values.double().cpu() for values in columns]
    if any(len(values) < 2 or not (values != values[:1]).any() for values in views):
        raise MmgenError("Canonical correlations need at least two training rows, and two views that vary over them.")
    shrinkage = ridge / (1 + ridge)
    solver = RidgeCCA(n_components=projections[0].weight.shape[1], shrinkage=shrinkage)
    solver.fit([values.numpy() for values in views])
    for projection, values, weights in zip(projections, views, solver.weights_, strict=True):
        projection.mean.copy_(values.mean(0))
        projection.weight.zero_()
        projection.weight[:, : weights.shape[1]] = torch.as_tensor(weights * (1 - shrinkage) ** 0.5).to(
            projection.weight
        )


def over_rows(
    model: Model, train: Table, columns: Callable[[Batch, int], Tensor], rows: int = 1024
) -> tuple[Float[Tensor, "N _"], Float[Tensor, "N _"]]:
    """What ``columns`` makes of each view of all rows of a table, ``rows`` at a time."""

    def prepared() -> Iterator[Batch]:
        return (model.prepare(batch.to(model.device)) for batch in train.batches(rows))

    first, second = zip(*([columns(batch, view) for view in (0, 1)] for batch in prepared()), strict=True)
    return torch.cat(first), torch.cat(second)
