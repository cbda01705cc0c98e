"""What a distribution over z must be able to do, whatever its family.

Gaussians, Laplace distributions, mixtures and flows are such; others need no more than these methods.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Protocol, cast, runtime_checkable

from torch import Tensor

from ..errors import MmgenError


@runtime_checkable
class Posterior(Protocol):
    """Distributions over z, one per row: ``rsample(samples)`` ``[*samples, ..., B, D]``, ``mean`` and ``variance``
    ``[..., B, D]``.

    Beside these it has

    - ``log_prob(z)`` where there is a density (:class:`Reference`). One that can only be drawn from, by a Markov chain
      or a diffusion, has no such method (:func:`is_drawn`); what needs a density refuses it in a sentence.
    - ``components`` and ``weights`` where it is a mixture (:class:`.Mixture`).

    Its noise comes from :mod:`mmgen.distributions.random`, so that cutting a batch changes nothing.
    """

    if TYPE_CHECKING:  # a check at run time would compute them, in Python 3.11

        @property
        def mean(self) -> Tensor:
            """``[..., B, D]``."""

        @property
        def variance(self) -> Tensor:
            """Per dimension, ``[..., B, D]``."""

    def rsample(self, samples: tuple[int, ...] = ()) -> Tensor:
        """Samples ``[*samples, ..., B, D]``, with gradients where the family has them."""


@runtime_checkable
class Reference(Posterior, Protocol):
    """A :class:`Posterior` with a density: what a divergence can be taken to, as every prior is."""

    def log_prob(self, z: Tensor) -> Tensor:
        """The log-density of ``z`` ``[*any, ..., B, D]``, summed over D: ``[*any, ..., B]``."""


@runtime_checkable
class Component(Posterior, Protocol):
    """What a :class:`.Mixture` is made of: distributions ``[..., C, B, D]``, whose shape can be changed."""

    def map(self, change: Callable[[Tensor], Tensor]) -> Any:
        """The same change of shape (or place) for all parameters ``[..., B, _]``."""

    def __getitem__(self, index: Any) -> Any:
        """Some of them."""

    def choose(self, chosen: Tensor) -> Any:
        """Of distributions ``[..., C, B, D]`` one per row: :func:`.gaussian.choose`."""


def is_drawn(posterior: Posterior) -> bool:
    """Whether a posterior (or what it is a mixture of) can only be drawn from: it has no ``log_prob``.

    Its mean may be that of draws then, and another one each time.
    """
    return not hasattr(getattr(posterior, "components", posterior), "log_prob")


def has_density(posterior: Posterior) -> bool:
    """Whether there is a density of z: a posterior is not only drawn from, and no row is a point (a variance of 0).

    It looks at variances, and so waits for the device.
    """
    return not is_drawn(posterior) and not bool((getattr(posterior, "components", posterior).variance == 0).any())


def with_density(posterior: Posterior) -> Reference:
    """The same, for what needs ``log_prob``.

    Raises:
        MmgenError: It is only drawn from.
    """
    if is_drawn(posterior):
        name = type(getattr(posterior, "components", posterior)).__name__
        raise MmgenError(
            f"This needs the density log q(z) of a posterior, and {name} can only be drawn from: it has no log_prob."
        )
    return cast(Reference, posterior)
