"""Numbers around a location: normal, Laplace, Student's t, squared errors, and log-normal."""

from __future__ import annotations

import math
from typing import ClassVar, Literal

import torch
from pydantic import Field
from torch import Tensor, nn

from ...bounds import bounded
from .inversion import by_scipy
from .likelihood import Likelihood, LikelihoodConfig
from .supports import Support

ScaleKind = Literal["fixed", "learned", "predicted"]
PREDICTED_RANGE, LEARNED_RANGE = (-7.0, 7.0), (-20.0, 20.0)  # of log-scales
LOG_LOCATION_RANGE = (-20.0, 20.0)  # of log-normal ones, whose means would not be finite far out
LARGEST_LOG_SCALE = 1.5  # of log-normal ones too: a standard deviation of log x of 4.5 is a factor of 90
DEGREES_RANGE = (math.log(2.1), math.log(1000))  # of log ν: below 2 there is no variance, above 1000 nothing changes


class ScaleConfig(LikelihoodConfig):
    """The scale of a likelihood, in the units that the networks see."""

    only_with = {"least_scale": {"scale_kind": ("learned", "predicted")}}

    scale: float = Field(1.0, gt=0, description="The scale: a fixed one, or where a learned or predicted one starts.")
    scale_kind: ScaleKind = Field(
        "fixed", description="Whether the scale is fixed, learned per value, or predicted by the decoder."
    )
    least_scale: float = Field(
        0.0,
        ge=0,
        description="What a learned or predicted scale does not fall below, so that a column without noise does not "
        "take all of the training. In the units that the networks see: standardised ones, mostly.",
    )


class _LocationScale(Likelihood):
    """A location from the decoder, and a scale that is fixed, learned per value, or predicted."""

    Config = ScaleConfig
    learned_range: ClassVar[tuple[float, float]] = LEARNED_RANGE
    predicted_range: ClassVar[tuple[float, float]] = PREDICTED_RANGE

    def __init__(self, shape: tuple[int, ...], config: ScaleConfig | None = None) -> None:
        super().__init__(shape, config)
        scale_kind = self.config.scale_kind
        self.fitted_scale = scale_kind != "fixed"
        self.outputs = 2 if scale_kind == "predicted" else 1
        start = torch.full(self.shape if scale_kind == "learned" else (), math.log(self.config.scale))
        if scale_kind == "learned":
            self.log_scale = nn.Parameter(start)
        else:
            self.register_buffer("log_scale", start, persistent=False)

    def spread(self, parameters: Tensor) -> Tensor:
        """log of the scale of every value."""
        low, high = self.learned_range
        if self.config.least_scale:
            low = max(low, math.log(self.config.least_scale))
        if self.config.scale_kind == "predicted":
            spread = bounded(self.output(parameters, 1), *self.predicted_range) + self.log_scale
            return bounded(spread, low, high) if self.config.least_scale else spread
        return bounded(self.log_scale, low, high) if self.config.scale_kind == "learned" else self.log_scale

    def mean(self, parameters: Tensor) -> Tensor:
        """The location."""
        return self.output(parameters, 0)

    def around_location(self, x: Tensor) -> Tensor | None:
        """The values themselves."""
        return x

    def deviation(self) -> Tensor:
        """The standard deviation where the scale is 1, a number or ``[*shape]``, in float64."""
        return torch.ones((), dtype=torch.float64)

    def scatter(self, parameters: Tensor) -> Tensor:
        """Of the values, or of their logarithms."""
        location = self.output(parameters, 0)
        return ((2 * self.spread(parameters)).exp() * self.deviation().to(location).square()).expand_as(location)

    def scatter_range(self) -> tuple[Tensor, Tensor]:
        """A fixed one's own; else what the range of scales allows."""
        if self.config.scale_kind == "fixed":
            own = self._deviations(self.log_scale)
            return own, own
        low, high = self._scale_range()
        return self._deviations(torch.tensor(low)), self._deviations(torch.tensor(high))

    @torch.no_grad()
    def set_scatter(self, deviation: Tensor) -> Tensor:
        """The learned scale; or what the decoder predicts."""
        low, high = self._scale_range()
        wanted = (deviation.double() / self.deviation().to(deviation.device)).log().clamp(low, high)
        if self.config.scale_kind == "learned":
            self.log_scale.copy_(wanted)
        return (wanted - self.log_scale).expand(self.outputs - 1, *self.shape)

    def _scale_range(self) -> tuple[float, float]:
        """Of log-scales that are learned, or predicted from where they start."""
        low, high = self.learned_range
        if self.config.scale_kind == "predicted":
            start = float(self.log_scale)
            low, high = (max(low, self.predicted_range[0] + start), min(high, self.predicted_range[1] + start))
        return (max(low, math.log(self.config.least_scale)) if self.config.least_scale else low), high

    def _deviations(self, log_scale: Tensor) -> Tensor:
        """``[*shape]``."""
        return (log_scale.detach().double().cpu().exp() * self.deviation().cpu()).expand(self.shape)

    def _at(self, parameters: Tensor, distance: float | Tensor) -> Tensor:
        """μ + s · distance."""
        return self.output(parameters, 0) + self.spread(parameters).exp() * distance


class Normal(_LocationScale):
    """N(x; decoder, scale²)."""

    def pointwise(self, parameters: Tensor, x: Tensor) -> Tensor:
        """−½ [log 2π + 2 log s + (x − μ)²/s²]."""
        log_scale = self.spread(parameters)
        return (
            -0.5 * math.log(2 * math.pi)
            - log_scale
            - 0.5 * ((x - self.mean(parameters)) * torch.exp(-log_scale)).square()
        )

    def log_prob(self, parameters: Tensor, x: Tensor, observed: Tensor | None = None) -> Tensor:
        """The sum; with one scale for all values it is taken before anything else, which halves the time."""
        if self.fitted_scale or observed is not None:
            return super().log_prob(parameters, x, observed)
        squares = self.total((x - self.mean(parameters)).square())
        return -0.5 * torch.exp(-2 * self.log_scale) * squares - math.prod(self.shape) * (
            0.5 * math.log(2 * math.pi) + self.log_scale
        )

    def variance(self, parameters: Tensor) -> Tensor:
        """s²."""
        return (2 * self.spread(parameters)).exp().expand_as(self.mean(parameters))

    def sample(self, parameters: Tensor) -> Tensor:
        """μ + s ε."""
        location = self.mean(parameters)
        return location + self.spread(parameters).exp() * torch.randn_like(location)

    def normal_scale(self, parameters: Tensor) -> Tensor:
        """s."""
        return self.spread(parameters).exp().expand_as(self.mean(parameters))

    def quantile(self, parameters: Tensor, p: float) -> Tensor:
        """μ + s Φ⁻¹(p)."""
        return self._at(parameters, _normal_quantile(p))


class SquaredError(Likelihood):
    """N(x; decoder, ½) = exp(−(x − μ)²)/√π: squared errors, as for the rats of "Unity by Diversity".

    The released code leaves out the constant ½ log π of every value; here it is kept, so that numbers are densities.
    """

    def pointwise(self, parameters: Tensor, x: Tensor) -> Tensor:
        """−(x − μ)² − ½ log π."""
        return -(x - self.mean(parameters)).square() - 0.5 * math.log(math.pi)

    def log_prob(self, parameters: Tensor, x: Tensor, observed: Tensor | None = None) -> Tensor:
        """The sum of the squares, then the constant."""
        if observed is not None:
            return super().log_prob(parameters, x, observed)
        return -self.total((x - self.mean(parameters)).square()) - 0.5 * math.log(math.pi) * math.prod(self.shape)

    def mean(self, parameters: Tensor) -> Tensor:
        """The decoder's output."""
        return self.output(parameters, 0)

    def around_location(self, x: Tensor) -> Tensor | None:
        """The values themselves."""
        return x

    def scatter(self, parameters: Tensor) -> Tensor:
        """½."""
        return self.variance(parameters)

    def scatter_range(self) -> tuple[Tensor, Tensor]:
        """√½."""
        own = torch.full(self.shape, math.sqrt(0.5), dtype=torch.float64)
        return own, own

    def set_scatter(self, deviation: Tensor) -> Tensor:
        """Nothing to set."""
        return deviation.new_zeros((0, *self.shape))

    def variance(self, parameters: Tensor) -> Tensor:
        """½."""
        return torch.full_like(self.mean(parameters), 0.5)

    def sample(self, parameters: Tensor) -> Tensor:
        """A draw from N(μ, ½)."""
        location = self.mean(parameters)
        return location + math.sqrt(0.5) * torch.randn_like(location)

    def normal_scale(self, parameters: Tensor) -> Tensor:
        """√½."""
        return torch.full_like(self.mean(parameters), math.sqrt(0.5))

    def quantile(self, parameters: Tensor, p: float) -> Tensor:
        """μ + Φ⁻¹(p)/√2."""
        return self.mean(parameters) + math.sqrt(0.5) * _normal_quantile(p)


class Laplace(_LocationScale):
    """Laplace(x; decoder, b); the papers' images use b = 0.75."""

    def deviation(self) -> Tensor:
        """√2."""
        return torch.tensor(2.0, dtype=torch.float64).sqrt()

    def pointwise(self, parameters: Tensor, x: Tensor) -> Tensor:
        """−|x − μ|/b − log 2b."""
        log_scale = self.spread(parameters)
        return -(x - self.mean(parameters)).abs() * torch.exp(-log_scale) - log_scale - math.log(2)

    def log_prob(self, parameters: Tensor, x: Tensor, observed: Tensor | None = None) -> Tensor:
        """The sum; with one scale for all values it is taken before anything else, which halves the time."""
        if self.fitted_scale or observed is not None:
            return super().log_prob(parameters, x, observed)
        distances = self.total((x - self.mean(parameters)).abs())
        return -torch.exp(-self.log_scale) * distances - math.prod(self.shape) * (math.log(2) + self.log_scale)

    def variance(self, parameters: Tensor) -> Tensor:
        """2 b²."""
        return 2 * (2 * self.spread(parameters)).exp().expand_as(self.mean(parameters))

    def sample(self, parameters: Tensor) -> Tensor:
        """By inversion."""
        location = self.mean(parameters)
        u = torch.rand_like(location) - 0.5
        tail = (-2 * u.abs()).clamp(min=torch.finfo(u.dtype).eps - 1)  # u = −½ is drawn now and then, and would give −∞
        return location - self.spread(parameters).exp() * u.sign() * torch.log1p(tail)

    def quantile(self, parameters: Tensor, p: float) -> Tensor:
        """μ + b log 2p, and μ − b log 2(1 − p) above the middle."""
        return self._at(parameters, math.log(2 * p) if p < 0.5 else -math.log(2 * (1 - p)))


class StudentConfig(ScaleConfig):
    """Scale and tails of Student's t."""

    degrees: float = Field(
        4.0, gt=2, description="Degrees of freedom ν: few for heavy tails, many for normal ones; above 2."
    )
    degrees_kind: Literal["fixed", "learned"] = Field(
        "fixed", description="Whether these are fixed, or learned per value (between 2.1 and 1,000)."
    )


class StudentT(_LocationScale):
    """Student's t with the decoder's output as location: for numbers with outliers.

    p(x) = Γ((ν+1)/2) / (Γ(ν/2) √(νπ) s) · (1 + ((x − μ)/s)²/ν)^−(ν+1)/2; the variance is s² ν/(ν − 2).

    Source: Lange, Little and Taylor 1989, "Robust statistical modeling using the t distribution" (JASA 84).
    """

    Config = StudentConfig

    def __init__(self, shape: tuple[int, ...], config: StudentConfig | None = None) -> None:
        super().__init__(shape, config)
        learned = self.config.degrees_kind == "learned"
        start = torch.full(self.shape if learned else (), math.log(self.config.degrees))
        if learned:
            self.log_degrees = nn.Parameter(start)
        else:
            self.register_buffer("log_degrees", start, persistent=False)

    @property
    def degrees(self) -> Tensor:
        """ν of every value, in float64: its gamma functions lose digits in float32."""
        wanted = self.log_degrees.double()
        return (bounded(wanted, *DEGREES_RANGE) if self.config.degrees_kind == "learned" else wanted).exp()

    def deviation(self) -> Tensor:
        """√(ν/(ν − 2))."""
        nu = self.degrees.detach()
        return (nu / (nu - 2)).sqrt()

    def pointwise(self, parameters: Tensor, x: Tensor) -> Tensor:
        """log Γ((ν+1)/2)/(Γ(ν/2) √(νπ)) − log s − (ν+1)/2 log(1 + u²/ν), with u = (x − μ)/s."""
        log_scale, nu = self.spread(parameters), self.degrees
        distances = (x - self.mean(parameters)) * torch.exp(-log_scale)
        constant = torch.lgamma((nu + 1) / 2) - torch.lgamma(nu / 2) - 0.5 * (nu * math.pi).log()
        nu, constant = nu.to(distances.dtype), constant.to(distances.dtype)
        return constant - log_scale - (nu + 1) / 2 * torch.log1p(distances.square() / nu)

    def variance(self, parameters: Tensor) -> Tensor:
        """s² ν/(ν − 2)."""
        nu = self.degrees.to(parameters.dtype)
        return ((2 * self.spread(parameters)).exp() * nu / (nu - 2)).expand_as(self.mean(parameters))

    def sample(self, parameters: Tensor) -> Tensor:
        """μ + s ε/√(χ²_ν/ν)."""
        location = self.mean(parameters)
        half = (self.degrees / 2).to(location.dtype).expand_as(location)
        return self._at(parameters, torch.randn_like(location) * (half / torch._standard_gamma(half.detach())).sqrt())

    def quantile(self, parameters: Tensor, p: float) -> Tensor:
        """μ + s times that of the standard one."""
        from scipy.special import stdtrit

        return self._at(parameters, by_scipy(lambda nu: stdtrit(nu, p), self.degrees).to(parameters.dtype))


class LogNormal(_LocationScale):
    """Positive numbers whose logarithm is normal: log x ~ N(decoder, s²), for concentrations, doses, durations.

    The mean is exp(μ + s²/2). μ is kept in [−20, 20] and s at 4.5 or less, so that it is finite.
    """

    support: ClassVar[Support] = "positive"
    learned_range, predicted_range = (LEARNED_RANGE[0], LARGEST_LOG_SCALE), (PREDICTED_RANGE[0], LARGEST_LOG_SCALE)

    def around_location(self, x: Tensor) -> Tensor | None:
        """Logarithms."""
        return x.clamp(min=torch.finfo(x.dtype).tiny).log()

    def _location(self, parameters: Tensor) -> Tensor:
        return bounded(self.output(parameters, 0), *LOG_LOCATION_RANGE)

    def pointwise(self, parameters: Tensor, x: Tensor) -> Tensor:
        """−½ [log 2π + 2 log s + (log x − μ)²/s²] − log x."""
        log_scale = self.spread(parameters)
        log_x = x.to(parameters.dtype).clamp(min=torch.finfo(parameters.dtype).tiny).log()
        distances = (log_x - self._location(parameters)) * torch.exp(-log_scale)
        return -0.5 * math.log(2 * math.pi) - log_scale - 0.5 * distances.square() - log_x

    def mean(self, parameters: Tensor) -> Tensor:
        """exp(μ + s²/2)."""
        return (self._location(parameters) + (2 * self.spread(parameters)).exp() / 2).exp()

    def variance(self, parameters: Tensor) -> Tensor:
        """(exp(s²) − 1) exp(2μ + s²)."""
        squared = (2 * self.spread(parameters)).exp()
        return torch.expm1(squared) * (2 * self._location(parameters) + squared).exp()

    def sample(self, parameters: Tensor) -> Tensor:
        """exp(μ + s ε)."""
        location = self._location(parameters)
        return (location + self.spread(parameters).exp() * torch.randn_like(location)).exp()

    def quantile(self, parameters: Tensor, p: float) -> Tensor:
        """exp(μ + s Φ⁻¹(p))."""
        return (self._location(parameters) + self.spread(parameters).exp() * _normal_quantile(p)).exp()


def _normal_quantile(p: float) -> float:
    """Φ⁻¹(p)."""
    return math.sqrt(2) * float(torch.erfinv(torch.tensor(2 * p - 1, dtype=torch.float64)))
