"""Divergences between distributions over z, summed over the latent dimensions."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import TypeVar

from jaxtyping import Float
from torch import Tensor

from ..errors import MmgenError
from .gaussian import Gaussian, kl_gaussians
from .laplace import Laplace, kl_laplaces
from .posterior import Posterior, Reference, with_density
from .products import Products, kl_products
from .pushed import sample_like

ClosedForm = TypeVar("ClosedForm", bound=Callable[..., Tensor])

_closed_forms: dict[tuple[type, type], Callable[..., Tensor]] = {}


def register_kl(q: type, p: type) -> Callable[[ClosedForm], ClosedForm]:
    """A decorator for the closed form ``(q, p) -> [..., B]`` of KL(q ‖ p) between two families, and what derives from
    them.

    :func:`kl_divergence` uses it from then on. Of several that fit, the nearest to the class of q counts, then that to
    the class of p.

    Raises:
        MmgenError: There is one for these families already.
    """
    if (q, p) in _closed_forms:
        raise MmgenError(f"There is a closed form of KL({q.__name__} ‖ {p.__name__}) already.")

    def register(form: ClosedForm) -> ClosedForm:
        _closed_forms[q, p] = form
        _closed_form.cache_clear()
        return form

    return register


@cache
def _closed_form(q: type, p: type) -> Callable[..., Tensor] | None:
    pairs = ((one, other) for one in q.__mro__ for other in p.__mro__)
    return next((_closed_forms[pair] for pair in pairs if pair in _closed_forms), None)


register_kl(Products, Gaussian)(kl_products)
register_kl(Gaussian, Gaussian)(kl_gaussians)
register_kl(Laplace, Laplace)(kl_laplaces)


def kl_divergence(
    q: Posterior, p: Reference, z: Float[Tensor, "*samples_and_batch D"] | None = None
) -> Float[Tensor, "*batch"]:
    """KL(q ‖ p): in closed form where the two families have one (:func:`register_kl`), as Gaussians and Laplace
    distributions do within their family; else E_q[log q(z) − log p(z)] with the samples ``z``.

    Args:
        q: Any posterior with a density, ``[..., B, D]``; a mixture has no closed form.
        p: Anything with a density.
        z: Samples of ``q``, ``[..., B, D]``, or ``[K, ..., B, D]`` if there are several; one is drawn when there are
            none.

    Raises:
        MmgenError: There is no closed form, and ``q`` can only be drawn from.
    """
    closed_form = _closed_form(type(q), type(p))
    if closed_form is not None:
        return closed_form(q, p)
    q, p = with_density(q), with_density(p)
    z = q.rsample() if z is None else z
    ratio = q.log_prob(z) - p.log_prob(z)
    return ratio.mean(0) if z.dim() > sample_like(q).dim() else ratio
