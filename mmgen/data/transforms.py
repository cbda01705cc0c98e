"""From data units to what the networks see, and back.

The statistics are fitted on training rows and saved with the model.
"""

from __future__ import annotations

import math
from abc import abstractmethod
from collections.abc import Sequence
from typing import ClassVar

import torch
from torch import Tensor, nn

from ..distributions import Likelihood

CELLS = 2**23  # numbers that are float64 at any time


class Transform(nn.Module):
    """To floating point, otherwise unchanged: for data that are already in a sensible range, and for counts.

    Attributes:
        learns: Whether :meth:`fit` does anything.
        curve: What a transform that is no straight line is called: densities of what the networks see are then none of
            the data up to a constant. Empty otherwise.
    """

    learns: ClassVar[bool] = False
    curve: str = ""
    precision: Tensor  # nothing but the dtype that the model works in, which follows model.double() and the like

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("precision", torch.zeros(()), persistent=False)

    def fit(self, values: Tensor, observed: Tensor | None = None) -> None:
        """Learn statistics from the training rows ``[N, *shape]`` that have this modality.

        Where ``observed``, ``Bool[N, *shape]``, is given, from the cells that are; nothing looks at the others.
        """

    def fit_moments(self, mean: Tensor, scale: Tensor) -> bool:
        """Learn the same from the training rows' means and standard deviations ``[*shape]``, where these say
        everything; whether they do. Where they do not, rows that are sparse are made dense.
        """
        return not self.learns

    def forward(self, values: Tensor, observed: Tensor | None = None) -> Tensor:
        """Data units to model units, ``[N, *shape]``; of cells that are not ``observed`` anything."""
        return values.to(self.precision.dtype)

    def inverse(self, values: Tensor) -> Tensor:
        """Model units to data units."""
        return values

    def mean_of(self, likelihood: Likelihood, parameters: Tensor) -> Tensor:
        """The mean of p(x | parameters) in data units, ``[..., *shape]``."""
        return self.inverse(likelihood.mean(parameters))


class Pixels(Transform):
    """Pixels to [0, 1], and back to the units of the data.

    Args:
        limits: What is black and what is white. Without them bytes are from 0 to 255, and anything else is in [0, 1]
            already, as is what comes back.
    """

    def __init__(self, limits: tuple[float, float] | None = None) -> None:
        super().__init__()
        self.limits = limits

    def forward(self, values: Tensor, observed: Tensor | None = None) -> Tensor:
        """(x − black) / (white − black)."""
        pixels = super().forward(values)
        if self.limits is None:
            return pixels / 255 if values.dtype == torch.uint8 else pixels
        black, white = self.limits
        return (pixels - black) / (white - black)

    def inverse(self, values: Tensor) -> Tensor:
        """Black + (white − black) · x."""
        if self.limits is None:
            return values
        black, white = self.limits
        return black + (white - black) * values


class Codes(Transform):
    """Integer codes of any width to int64."""

    def forward(self, values: Tensor, observed: Tensor | None = None) -> Tensor:
        """Codes as int64."""
        return values.long()


def _moments(values: Tensor, observed: Tensor | None) -> tuple[Tensor, Tensor]:
    """Mean and standard deviation of columns, in float64."""
    exact = values.double()
    if observed is None:
        return exact.mean(0), exact.std(0, correction=0)
    count = observed.sum(0).clamp(min=1)
    mean = exact.where(observed, 0.0).sum(0) / count
    return mean, ((exact - mean).where(observed, 0.0).square().sum(0) / count).sqrt()


class Standardise(Transform):
    """Every value minus its training mean, over its training standard deviation.

    Values that never vary are only centred.
    """

    learns = True
    mean: Tensor
    scale: Tensor

    def __init__(self, shape: tuple[int, ...]) -> None:
        super().__init__()
        self.register_buffer("mean", torch.zeros(shape))
        self.register_buffer("scale", torch.ones(shape))

    def fit(self, values: Tensor, observed: Tensor | None = None) -> None:
        """Mean and standard deviation per value over its observed cells, in float64; 0 and 1 where there are none."""
        if len(values) == 0:
            return
        cells = values.reshape(len(values), -1)
        step = max(1, CELLS // len(values))
        parts = [
            _moments(part, None if observed is None else observed.reshape(cells.shape)[:, start : start + step])
            for start, part in zip(range(0, cells.shape[1], step), cells.split(step, 1))
        ]
        mean, scale = (torch.cat(each).reshape(values.shape[1:]) for each in zip(*parts, strict=True))
        self._take(mean, scale)

    def fit_moments(self, mean: Tensor, scale: Tensor) -> bool:
        """They are what is learned, but of what standardises something else than the values."""
        if type(self) is not Standardise:
            return False
        self._take(mean, scale)
        return True

    def _take(self, mean: Tensor, scale: Tensor) -> None:
        varies = scale > 1e-12 * mean.abs().clamp(min=1e-12)
        self.mean.copy_(mean)
        self.scale.copy_(torch.where(varies, scale, torch.ones_like(scale)))

    def forward(self, values: Tensor, observed: Tensor | None = None) -> Tensor:
        """(x − mean) / scale."""
        return (super().forward(values) - self.mean) / self.scale

    def inverse(self, values: Tensor) -> Tensor:
        """Mean + scale · x."""
        return self.mean + self.scale * values


class Relative(Transform):
    """Every positive number over its geometric mean in the training rows."""

    learns = True
    log_mean: Tensor

    def __init__(self, shape: tuple[int, ...]) -> None:
        super().__init__()
        self.register_buffer("log_mean", torch.zeros(shape))

    def fit(self, values: Tensor, observed: Tensor | None = None) -> None:
        """The mean of the logarithms over observed cells, in float64; 0 where there are none."""
        if len(values) == 0:
            return
        logs = values.double().clamp(min=torch.finfo(torch.float32).tiny).log()
        if observed is not None:
            logs = logs.where(observed, 0.0) * len(values) / observed.sum(0).clamp(min=1)
        self.log_mean.copy_(logs.mean(0))

    def forward(self, values: Tensor, observed: Tensor | None = None) -> Tensor:
        """x / exp(mean log x)."""
        return super().forward(values) / self.log_mean.exp()

    def inverse(self, values: Tensor) -> Tensor:
        """x · exp(mean log x)."""
        return self.log_mean.exp() * values


class Squeeze(Transform):
    """Numbers from 0 to 1 to numbers from ``margin`` to 1 − ``margin``."""

    def __init__(self, margin: float) -> None:
        super().__init__()
        self.margin = margin

    def forward(self, values: Tensor, observed: Tensor | None = None) -> Tensor:
        """Margin + (1 − 2 margin) x."""
        return self.margin + (1 - 2 * self.margin) * super().forward(values)

    def inverse(self, values: Tensor) -> Tensor:
        """(x − margin) / (1 − 2 margin); what is drawn from the margins is 0 or 1."""
        return ((values - self.margin) / (1 - 2 * self.margin)).clamp(0, 1)


# Curves: what heavy tails, compositions and odd distributions are straightened with -----------------------------------

KNOTS = 201  # at which quantiles are kept
COLUMNS_AT_ONCE = 1024  # whose quantiles are found at a time
NODES, FARTHEST = 25, 4.0  # points, and standard deviations up to which they reach, of means of ranked values
LARGEST_LOG = 80.0  # what exp is taken of at most: float32 ends at 88.7


class Curve(Transform):
    """A transform of each value that is no straight line, so that the way back of a mean is not the mean of the way
    back.
    """

    @abstractmethod
    def mean_on_curve(self, location: Tensor, scale: Tensor) -> Tensor:
        """E[inverse(u)], u ~ N(location, scale²), of every value ``[..., *shape]``; ``inverse(location)`` where the
        scale is 0.
        """

    def mean_of(self, likelihood: Likelihood, parameters: Tensor) -> Tensor:
        """The mean of what comes back where the likelihood is normal.

        Of others it is the inverse of their mean, which is the median of symmetric ones: e^u has no mean at all where u
        has the tails of Student's t.
        """
        return self.mean_on_curve(likelihood.mean(parameters), likelihood.normal_scale(parameters))


class InSourceUnits(Standardise):
    """Standardised values of a curve that is about numbers as their source has them: x = factor · stored + offset.

    Args:
        shape: Of a value.
        offset: One per value, or none.
        factor: One per value, or none.
    """

    offset: Tensor
    factor: Tensor

    def __init__(self, shape: tuple[int, ...], offset: Sequence[float] = (), factor: Sequence[float] = ()) -> None:
        super().__init__(shape)
        for name, numbers, otherwise in (("offset", offset, 0.0), ("factor", factor, 1.0)):
            given = torch.tensor(numbers or otherwise, dtype=torch.float32)
            self.register_buffer(name, given.reshape(shape) if numbers else given, persistent=False)

    def to_source(self, values: Tensor) -> Tensor:
        """Stored values in units of the source."""
        return values * self.factor + self.offset

    def from_source(self, values: Tensor) -> Tensor:
        """Values in units of the source as they are stored."""
        return (values - self.offset) / self.factor


class Log1p(InSourceUnits, Curve):
    """log(1 + x), standardised: for numbers from 0 on with a long tail.

    What would come back below 0 is 0. Above the training rows e^u grows beyond all sense, and one such value decides
    every mean: nothing comes back further than a standard deviation of log(1 + x) above the largest one of a column,
    and no mean beyond that one itself.
    """

    curve = "log1p"
    most: Tensor

    def __init__(self, shape: tuple[int, ...], offset: Sequence[float] = (), factor: Sequence[float] = ()) -> None:
        super().__init__(shape, offset, factor)
        self.register_buffer("most", torch.full(shape, LARGEST_LOG))

    def fit(self, values: Tensor, observed: Tensor | None = None) -> None:
        """Mean, standard deviation and maximum of log(1 + x)."""
        if len(values) == 0:
            return
        logs = self._curved(values)
        super().fit(logs, observed)
        most = (logs if observed is None else logs.where(observed, -1)).amax(0)
        self.most.copy_(torch.where(most < 0, LARGEST_LOG, most))

    def forward(self, values: Tensor, observed: Tensor | None = None) -> Tensor:
        """(log(1 + x) − mean) / scale."""
        return super().forward(self._curved(values), observed)

    def inverse(self, values: Tensor) -> Tensor:
        """exp(mean + scale · u) − 1, within its limits."""
        logs = super().inverse(values).clamp(min=0).minimum(self.most + self.scale)
        return self.from_source(logs.expm1())

    def mean_on_curve(self, location: Tensor, scale: Tensor) -> Tensor:
        r"""The mean of e^v − 1, v ~ N(a, b²) between the limits 0 and c.

        .. math:: e^{a + b^2/2} [Φ(h - b) - Φ(l - b)] - Φ(h) + Φ(l) + (e^c - 1) (1 - Φ(h)), \quad h = (c - a)/b,
            l = -a/b.

        In float64, since it is the small difference of larger numbers.
        """
        a, c = (self.mean + self.scale * location).double(), (self.most + self.scale).double()
        b = (self.scale * scale).double().clamp(min=1e-12)
        high, low = (c - a) / b, -a / b
        inside = torch.special.ndtr(high - b) - torch.special.ndtr(low - b)
        mean = (a + b.square() / 2).clamp(max=LARGEST_LOG).exp() * inside
        mean = mean - torch.special.ndtr(high) + torch.special.ndtr(low) + c.expm1() * torch.special.ndtr(-high)
        means = self.from_source(mean.clamp(min=0).minimum(self.most.double().expm1()).to(location.dtype))
        return torch.where(scale > 0, means, self.inverse(location))

    def _curved(self, values: Tensor) -> Tensor:
        return self.to_source(values.to(self.precision.dtype)).clamp(min=0).log1p()


class CentredLogRatio(InSourceUnits):
    """Centred log-ratios of compositions, standardised: u_i = log p_i − mean_j log p_j of shares p_i = x_i / Σ_j x_j.

    Sum and mean are over the observed cells of a row. A share of 0 counts as the pseudocount. What comes back are
    shares, softmax(u), times the usual total, the median total of training rows (of those with every cell, where there
    are some): a row's own total has no part in u. Shares that come back at the pseudocount are 0 again. The mean is
    the centre, the composition of the mean of u.

    Source: Aitchison 1982, "The statistical analysis of compositional data" (JRSS B 44), section 4.

    Args:
        shape: Of a value, whose numbers are the parts.
        pseudocount: The share that 0 counts as; None: half of the smallest share above 0 in the training rows, at most
            1/(2 · parts).
        offset: As of :class:`InSourceUnits`.
        factor: As of :class:`InSourceUnits`.
    """

    curve = "clr"
    total: Tensor
    least: Tensor

    def __init__(
        self,
        shape: tuple[int, ...],
        pseudocount: float | None = None,
        offset: Sequence[float] = (),
        factor: Sequence[float] = (),
    ) -> None:
        super().__init__(shape, offset, factor)
        self.dims, self.parts, self.pseudocount = tuple(range(-len(shape), 0)), math.prod(shape), pseudocount
        self.register_buffer("total", torch.ones(()))
        self.register_buffer("least", torch.tensor(pseudocount or 1e-6))

    def fit(self, values: Tensor, observed: Tensor | None = None) -> None:
        """The usual total, the pseudocount, and means and standard deviations of the log-ratios."""
        if len(values) == 0:
            return
        parts = self._parts(values.double(), observed)
        totals = parts.sum(self.dims)
        if observed is not None and (whole := observed.flatten(1).all(1)).any():
            totals = totals[whole]
        self.total.copy_(totals.median())
        if self.pseudocount is None:
            shares = parts / parts.sum(self.dims, keepdim=True).clamp(min=torch.finfo(torch.float64).tiny)
            some = shares[shares > 0]
            least = float(some.min()) / 2 if len(some) else 1.0
            self.least.fill_(min(max(least, torch.finfo(torch.float32).tiny), 1 / (2 * self.parts)))
        super().fit(self._curved(values.double(), observed), observed)

    def forward(self, values: Tensor, observed: Tensor | None = None) -> Tensor:
        """(log p − mean log p − mean) / scale."""
        return super().forward(self._curved(values.to(self.precision.dtype), observed), observed)

    def inverse(self, values: Tensor) -> Tensor:
        """Usual total · softmax(mean + scale · u), with zeros for shares at the pseudocount."""
        shares = super().inverse(values).flatten(-len(self.dims)).softmax(-1).reshape(values.shape)
        # With k zeros among them shares were divided by 1 + k · pseudocount, 3/2 at most: the smallest others, of two
        # pseudocounts, are 4/3 of one now.
        shares = torch.where(shares > 1.2 * self.least, shares, 0)
        return self.from_source(self.total * shares / shares.sum(self.dims, keepdim=True))

    def _parts(self, values: Tensor, observed: Tensor | None) -> Tensor:
        parts = self.to_source(values).clamp(min=0)
        return parts if observed is None else torch.where(observed, parts, 0)

    def _curved(self, values: Tensor, observed: Tensor | None) -> Tensor:
        parts = self._parts(values, observed)
        shares = parts / parts.sum(self.dims, keepdim=True).clamp(min=torch.finfo(parts.dtype).tiny)
        logs = torch.where(shares > 0, shares, self.least.to(shares.dtype)).log()
        if observed is None:
            return logs - logs.mean(self.dims, keepdim=True)
        count = observed.sum(self.dims, keepdim=True).clamp(min=1)
        return logs - torch.where(observed, logs, 0).sum(self.dims, keepdim=True) / count


class RankGauss(Curve):
    """Normal scores: the quantile of a value among the training rows of its column, as the same quantile of N(0, 1).

    A number that has rank r (from 0) of n has the quantile (r + ½)/n; equal numbers have the mean of their first and
    last score. Between knots, 201 scores at equal distances, both ways are straight lines. Outside of the training
    rows' range a number counts as the nearer end, and nothing comes back from there.

    Source: the scores of van der Waerden with Hazen's ranks; Beasley, Erickson and Allison 2009, "Rank-based inverse
    normal transformations are increasingly used, but are they merited?" (Behavior Genetics 39), Eq. 1 with c = ½.
    """

    learns = True
    curve = "rank-gauss"
    scores: Tensor
    knots: Tensor

    def __init__(self, shape: tuple[int, ...]) -> None:
        super().__init__()
        self.shape = shape
        scores = torch.linspace(-4, 4, KNOTS)
        self.register_buffer("scores", scores)
        self.register_buffer("knots", scores[:, None].repeat(1, math.prod(shape)))

    def fit(self, values: Tensor, observed: Tensor | None = None) -> None:
        """The quantiles of every column's observed cells at the scores."""
        if len(values) == 0:
            return
        end = float(torch.special.ndtri(torch.tensor(1 - 0.5 / max(len(values), 2), dtype=torch.float64)))
        scores = torch.linspace(-end, end, KNOTS, dtype=torch.float64)
        self.scores.copy_(scores)
        ranks = torch.special.ndtr(scores)[:, None]
        for columns in torch.arange(self.knots.shape[1]).split(COLUMNS_AT_ONCE):
            block = values.flatten(1)[:, columns].double()
            count = torch.full((block.shape[1],), len(block))
            if observed is not None:
                cells = observed.flatten(1)[:, columns]
                block, count = block.where(cells, torch.inf), cells.sum(0)
            place = (ranks * count - 0.5).clamp(min=0).minimum((count - 1).clamp(min=0))  # [knots, columns]
            low, high = place.floor().long(), place.ceil().long()
            block = block.sort(0).values
            knots = torch.lerp(block.gather(0, low), block.gather(0, high), place - low)
            self.knots[:, columns] = torch.where(count > 0, knots, scores[:, None]).to(self.knots.dtype)

    def forward(self, values: Tensor, observed: Tensor | None = None) -> Tensor:
        """The score of every value."""
        x = super().forward(values).reshape(-1, self.knots.shape[1]).T.contiguous()
        knots = self.knots.T.contiguous()
        x = x.clamp(knots[:, :1], knots[:, -1:])
        high = torch.searchsorted(knots, x).clamp(max=KNOTS - 1)  # the first knot that is not below
        low = (torch.searchsorted(knots, x, right=True) - 1).clamp(min=0)  # the last one that is not above
        width = knots.gather(1, high) - knots.gather(1, low)
        part = torch.where(width == 0, 0.5, (x - knots.gather(1, low)) / torch.where(width == 0, 1, width))
        return torch.lerp(self.scores[low], self.scores[high], part).T.reshape(values.shape)

    def inverse(self, values: Tensor) -> Tensor:
        """The number that has the score."""
        ends = float(self.scores[0]), float(self.scores[-1])
        place = (values.reshape(-1, self.knots.shape[1]).clamp(*ends) - ends[0]) / (ends[1] - ends[0]) * (KNOTS - 1)
        low = place.floor().long().clamp(max=KNOTS - 2)
        found = torch.lerp(self.knots.gather(0, low), self.knots.gather(0, low + 1), place - low)
        return found.reshape(values.shape)

    def mean_on_curve(self, location: Tensor, scale: Tensor) -> Tensor:
        r"""By the trapezoidal rule, :math:`\sum_k w_k\, \mathrm{inverse}(μ + z_k σ)` with weights of N(0, 1)."""
        scores = torch.linspace(-FARTHEST, FARTHEST, NODES, dtype=torch.float64)
        weights = (-scores.square() / 2).exp()
        total = torch.zeros_like(location)
        for score, weight in zip(scores.tolist(), (weights / weights.sum()).tolist(), strict=True):
            total += weight * self.inverse(location + score * scale)
        return torch.where(scale > 0, total, self.inverse(location))
