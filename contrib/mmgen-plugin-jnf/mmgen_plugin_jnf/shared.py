"""JNF-Shared: the flows of single modalities see only what modalities share."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

from jaxtyping import Float
from pydantic import Field
from torch import Tensor, nn

from mmgen import Batch, Modality, Model, Terms
from mmgen.distributions import Gaussian
from mmgen.models import Projections
from mmgen.networks import Encoder, MLPTrunk

from .agreement import contrast, correlation
from .jnf import JNF, JNFConfig


class JNFSharedConfig(JNFConfig):
    """Options of :class:`JNFShared`, beside those of JNF."""

    only_with = {
        **JNFConfig.only_with,
        "temperature": {"projection": ("contrastive",)},
        "ridge": {"projection": ("correlation",)},
    }

    projection: Literal["contrastive", "correlation"] = Field(
        "contrastive",
        description="What projections are learned by: contrast between rows (2025), or canonical correlations (2023).",
    )
    features: int = Field(16, ge=1, description="F, dimensions of a projection.")
    shared_weight: float = Field(1.0, ge=0, description="Factor of that term; 0 leaves it out, as in later stages.")
    temperature: float = Field(0.1, gt=0, description="Of 'contrastive': τ.")
    ridge: float = Field(1e-3, gt=0, description="Of 'correlation': added to the diagonal of covariances.")
    head_hidden: tuple[int, ...] = Field((64,), description="Hidden widths from a projection to μ_m and σ_m.")


class JNFShared(JNF):
    r"""JNF-Shared: JNF whose unimodal posteriors see a projection of their modality alone: what it shares with others.

    .. math::
        \mathbb E_{q(z|X)} \sum_m \log p(x_m|z) - \beta\, \mathrm{KL}(q(z|X) \| p)
        - \sum_m \mathrm{KL}\big( \bar q(z|X) \,\|\, q(z|\bar g_m(x_m)) \big) + \lambda\, C(g_1(x_1), \dots, g_M(x_M))

    The projections g_m are learned by C alone and are constants elsewhere (marked by bars): the contrast between rows
    (:func:`.agreement.contrast`), or canonical correlations of all pairs (:func:`.agreement.correlation`). What a
    modality has for itself cannot be told from the others; a posterior that does not see it spreads over it and is more
    coherent. μ_m and σ_m are made of a projection by a small network.

    The papers have three stages: projections, the joint VAE, flows; as no part learns from the term of another, one
    training of all moves each alike. With ``training.stages``:

    - ``{epochs: 20, train: [objective.projections], objective: {unimodal_weight: 0}}``
    - ``{epochs: 100, train: [decoders, objective.joint], objective: {unimodal_weight: 0, shared_weight:
      0}}``
    - ``{train: [objective.heads, objective.flows], objective: {shared_weight: 0}}``

    Everything else is JNF's. A batch's rows depend on each other through C, so a batch stays in one piece, and it is no
    bound.

    Source: Senellart & Allassonnière 2025 (https://arxiv.org/abs/2502.03952), and with ``projection=correlation``
    Senellart et al. 2023 (https://arxiv.org/abs/2305.11832). MultiVae has it no more. Deviations: sizes of projections
    and heads are ours; canonical correlations of several modalities are those of all pairs.
    """

    Config = JNFSharedConfig
    family = "joint-encoders"
    bound = None
    staged = ("unimodal_weight", "shared_weight")
    whole_batch = True

    def encodes(self, modalities: Mapping[str, Modality], latent_dim: int) -> Mapping[str, int]:
        """None: projections are in the place of encoders."""
        return {}

    def build(self, model: Model) -> None:
        """The joint encoder, projections, heads, and flows."""
        super().build(model)
        features, dim = self.config.features, model.config.latent_dim
        self.projections = Projections(model, features)
        self.heads = nn.ModuleList(
            Encoder(MLPTrunk((features,), self.config.head_hidden), dim) for _ in model.modalities
        )

    def bases(self, model: Model, batch: Batch, experts: Gaussian) -> list[Gaussian]:
        """N(μ_m, σ_m²) of the projections, ``[B, D]``."""
        return self._of(self.projections(batch))

    def terms(self, model: Model, batch: Batch) -> Terms:
        """Those of JNF, and ``shared`` ``[B]``, λ C."""
        terms = super().terms(model, batch)
        if self.config.shared_weight == 0:
            return terms
        features = self.projections(batch)
        if self.config.projection == "contrastive":
            shared = contrast(features, self.config.temperature)
        else:
            shared = correlation(features, self.config.ridge)
        others = {**terms.others, "shared": self.config.shared_weight * shared}
        return Terms(terms.log_likelihood, terms.divergence, others)

    def _of(self, features: Float[Tensor, "M B F"]) -> list[Gaussian]:
        return [Gaussian(*head(each.detach())) for head, each in zip(self.heads, features, strict=True)]
