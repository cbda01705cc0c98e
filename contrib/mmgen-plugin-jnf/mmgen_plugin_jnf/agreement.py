"""What projections of modalities have in common: how well those of one row belong together."""

from __future__ import annotations

from itertools import combinations

from jaxtyping import Float
from torch import Tensor, nn

from mmgen_plugin_cca.correlation import total_correlation


def contrast(features: Float[Tensor, "M B F"], temperature: float) -> Float[Tensor, " B"]:
    r"""Σ over pairs of modalities of the log-probability that a row finds itself among the rows of its batch.

    .. math::
        \sum_{i < j} \tfrac12 \Big[ \log \frac{e^{s_{bb}}}{\sum_{c} e^{s_{bc}}} + \log \frac{e^{s_{bb}}}{\sum_{c}
        e^{s_{cb}}} \Big], \qquad s_{bc} = \frac{\cos(g_i(x_i^b), g_j(x_j^c))}{\tau}

    Source: van den Oord et al. 2018 (InfoNCE, https://arxiv.org/abs/1807.03748), symmetric as in Radford et al. 2021.
    """
    directions = nn.functional.normalize(features, dim=-1)
    total = features.new_zeros(features.shape[1])
    for i, j in combinations(range(len(features)), 2):
        similarity = directions[i] @ directions[j].T / temperature
        total = total + 0.5 * (similarity.log_softmax(1) + similarity.log_softmax(0)).diagonal()
    return total


def correlation(features: Float[Tensor, "M B F"], ridge: float) -> Float[Tensor, " B"]:
    """Σ over pairs of modalities of all canonical correlations of a batch, the same in every row.

    Source: Andrew et al. 2013 (DCCA, https://proceedings.mlr.press/v28/andrew13.html), for each pair.
    """
    pairs = [total_correlation(features[i], features[j], ridge) for i, j in combinations(range(len(features)), 2)]
    return sum(pairs, features.new_zeros(())).to(features.dtype).expand(features.shape[1])
