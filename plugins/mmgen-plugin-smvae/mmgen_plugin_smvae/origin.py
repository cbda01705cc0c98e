"""The variational gradient origin: a joint posterior from the decoders' gradients, without an encoder."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import torch
from pydantic import Field
from torch import nn

from mmgen import Batch, MmgenError, Model, ObjectiveConfig, Prior
from mmgen.distributions import Gaussian, kl_divergence
from mmgen.networks import GaussianHead


class OriginConfig(ObjectiveConfig):
    """Options of :class:`GradientOrigin`."""

    inner_scale: float = Field(
        1.0,
        gt=0,
        description="Factor of each row's gradient: 1 is the equation; 1 over the training batch size is what "
        "released code of VGON does, by averaging over a batch.",
    )


class GradientOrigin(nn.Module):
    r"""q_{λ,ẑ0}(z|X): two linear maps of the gradient of the evidence lower bound at the origin of latent space.

    .. math::
        q_{\lambda,z_0}(z) = \mathcal N(\mu_\lambda(z_0), \sigma^2_\lambda(z_0)), \qquad
        \hat z_0 = s\, \nabla_{z_0}
        \Big\{ \mathbb E_{q_{\lambda,z_0}} \sum_m \log p(x_m|z) - \mathrm{KL}(q_{\lambda,z_0} \| p) \Big\}
        \Big|_{z_0 = 0}

    A row's gradient is that of its own bound (that of the sum over rows, which do not see each other), so its posterior
    does not depend on the rest of its batch. Released code of VGON differentiates the mean over a batch of B rows, so
    that ẑ0 is smaller by B, and a row's posterior depends on how many others there are: ``inner_scale`` s = 1/256 is
    that code at batches of 256, and is the same everywhere.

    The inner expectation is by one sample in training, with noise of its own; in evaluation its noise is off (z = μ),
    and the posterior is deterministic. The inner bound has the likelihood weights w_m, and its KL has weight 1 whatever
    β is.

    Gradients: while they are on, ẑ0 keeps its graph, so that decoders and maps learn through both passes (double
    back-propagation); decoders must not be constants for that. Where the caller has turned them off they are turned on
    for the inner pass alone, and the result has none; inside ``torch.inference_mode`` that is not possible.

    Batch normalisation in decoders takes its running statistics from the outer pass alone; in training the inner pass,
    too, normalises by the whole batch.

    Log-variances are kept within ±15, as those of encoders.

    Source: Bond-Taylor and Willcocks 2021 (https://arxiv.org/abs/2007.02798, the variational one); "Scalable multimodal
    VAEs with surrogate joint posterior", Eqs. 8 and 9.
    """

    def __init__(self, latent_dim: int, scale: float) -> None:
        super().__init__()
        self.latent_dim, self.scale = latent_dim, scale
        self.maps = GaussianHead(latent_dim, latent_dim)

    def forward(self, model: Model, batch: Batch, prior_for: Prior, *, noise: bool) -> Gaussian:
        """A prepared batch to q_{λ,ẑ0}(z|X), ``[B, D]``; with ``noise`` the inner latents are samples."""
        if any(getattr(decoder, "_compiled_call_impl", None) is not None for decoder in model.decoders):
            raise MmgenError(
                "A gradient origin needs gradients of gradients, and compiled decoders have none: leave "
                "training.compile false."
            )
        learns = torch.is_grad_enabled()
        with torch.enable_grad():
            origin = self.maps.mean.weight.new_zeros(len(batch.available), self.latent_dim).requires_grad_()
            q = Gaussian(*self.maps(origin))
            z, prior = q.rsample() if noise else q.mean, prior_for(model, q[None], batch.available)
            with _statistics_kept(model.decoders):
                log_likelihood = model.log_likelihood(z, batch).sum(0)
            bound = log_likelihood - kl_divergence(q, prior, z)
            with torch.autocast(origin.device.type, enabled=False):  # which is for forward passes alone
                (gradient,) = torch.autograd.grad(bound.sum(), origin, create_graph=learns)
        return Gaussian(*self.maps(self.scale * gradient))


@contextmanager
def _statistics_kept(networks: nn.Module) -> Iterator[None]:
    """Batch normalisation leaves its running statistics as they are, for the length of a call."""
    norms = [
        module
        for module in networks.modules()
        if isinstance(module, nn.modules.batchnorm._BatchNorm) and module.track_running_stats
    ]
    try:
        for norm in norms:
            norm.track_running_stats = (
                False  # training uses the batch's statistics, evaluation the running ones, as before
            )
        yield
    finally:
        for norm in norms:
            norm.track_running_stats = True
