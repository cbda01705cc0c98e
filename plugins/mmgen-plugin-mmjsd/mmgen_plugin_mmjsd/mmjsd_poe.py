"""MMJSD-PoE: the Jensen-Shannon divergence of MMJSD, with a product of experts in place of the mixture."""

from __future__ import annotations

from jaxtyping import Bool
from torch import Tensor

from mmgen.distributions import Gaussian, Mixture

from .jensen_shannon import JensenShannon, JensenShannonConfig


class MMJSDPoE(JensenShannon):
    r"""MMJSD-PoE: reconstruction from the product of experts, and the Jensen-Shannon divergence of MMJSD.

    .. math::
        \mathbb E_{q(z|X)} \sum_m \log p(x_m|z) - \beta \sum_{k=0}^M \pi_k\, \mathrm{KL}(q_k \| f), \qquad
        q(z|X) \propto p(z) \prod_m q_m(z|x_m), \quad f \propto \prod_{k=0}^M q_k^{\pi_k}

    with the prior :math:`q_0 = p(z)` and π_k = 1/(M+1) (``weights``). Everything is reconstructed from all
    that a row has: training generates nothing from a part of the data. The KL is expert ‖ dynamic prior, in closed
    form, with gradients through both arguments; the joint posterior has none of its own.

    Posterior: in training and afterwards the product of what is given and N(0, I), ``aggregator.prior_expert: all``.

    Aggregators: any that gives one shared latent can stand in the place of the product; ``moe`` is MMJSD with equal
    weights in its mixture.

    Bound: none is claimed; the divergence is not that of the posterior that is sampled.

    Missing modalities: a row is trained exactly as if those it lacks did not exist, with the π_k of what it has and of
    the prior divided by their sum.

    Source: "Mitigating the limitations of multimodal VAEs with coordination-based approach", Eq. 6 and the text after
    it. Deviations: the paper calls f the mixture of the experts in one sentence and the weighted product in another;
    here it is the product, as in MMJSD. That N(0, I) is one of the joint posterior's experts is what the paper writes
    for all its products.
    """

    Config = JensenShannonConfig
    family = "products-of-experts"
    aggregator, prior = "poe", "normal"
    aggregators = "shared"

    def mixture(self, experts: Gaussian, given: Bool[Tensor, "B M"], prior: Gaussian) -> Mixture:
        """The aggregator's posterior, one Gaussian for the product."""
        return self.aggregate(experts, given)
