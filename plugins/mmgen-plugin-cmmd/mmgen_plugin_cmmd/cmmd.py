"""CMMD: a conditional prior on what is observed, an encoder of everything, and a classifier fed from the prior."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from jaxtyping import Bool, Float
from torch import Tensor, nn

from mmgen import Batch, Modality, Model, Terms
from mmgen.distributions import Gaussian, kl_gaussians, normal_noise
from mmgen.networks import Encoder, MLPTrunk

from .config import CMMDConfig
from .discriminative import Discriminative, classifier, split_modalities
from .divergences import kl_of_released_code, maximum_mean_discrepancy
from .inputs import flat_size


class CMMD(Discriminative):
    r"""CMMD (conditional multimodal discriminative model): x_O is always there, x_M not at test time, y is a label.

    .. math::
        \mathbb E_{q} \log p(x_M|x_O,z) + \alpha \log p(y|z_p)
        - \beta\omega\, \mathrm{KL}(q(z|x_O,x_M,y) \| p(z|x_O)) - (1-\omega)\lambda\, \mathrm{MMD}(q, p)

    z_p is the mean of p(z|x_O), or a draw. log p(x_M|x_O,z) is the sum of the likelihoods of all missing modalities,
    decoded from [z, x_O]; y is one of several classes (softmax; two are as good as a sigmoid) or several yes/no answers
    (sigmoids). β (``model.beta``, 1 in the paper) multiplies ω KL alone, which is posterior ‖ conditional prior. The
    MMD is that of one draw per row from q and one from p, with the same ε, over the whole batch: it compares the two
    *averages* over rows, and not each row's posterior with its prior, as the formula has it. Terms ``[B]`` beside the
    divergence, with all their factors: ``classification``, and ``negative_mmd``, the same in every row.

    Posterior in training: q. Afterwards: p(z|x_O), and N(0, I) where not all of x_O is given; its mean is decoded and
    classified. There is no prior without x_O, so nothing is generated from nothing.

    Labels: a row without one has the ``classification`` 0, and zeros in the encoder's columns of y; of several answers
    the unknown ones do not count, and are 0 in these columns. Two stages, as the paper has on MIR-Flickr:
    ``training.stages`` ``[{epochs: 50, objective: {supervision: none}}, {objective: {supervision: required}}]``. In the
    first the columns of y see zeros, so their weights, and the classifier's, stay the initial ones: the same as adding
    both, with random weights, after it. With ``required`` a batch's means are over its labelled rows.

    The encoder needs every modality, so rows that lack some cannot be trained on.

    Source: "Discriminative multimodal learning via conditional priors in generative models", Eq. 5 and Figure 1. Of
    what differs in its released code, the weight of the classifier (``alpha``), the KL (``kl``) and the initial weights
    (``initial``) are options. Not kept: dropout that scales units at test time (here the usual, inverted one, which
    scales in training; after every hidden layer of both), a softmax over several answers, batches in a fixed order,
    1e-8 in variances.
    """

    Config = CMMDConfig
    family = "supervised"
    whole_batch = True
    staged = ("supervision", "omega", "alpha", "mmd_weight")
    defaults = {"model": {"beta": 1.0}}

    def decodes(self, modalities: Mapping[str, Modality], latent_dim: int) -> dict[str, int]:
        """x_M, from z and x_O."""
        observed, missing = split_modalities(self.config, modalities)
        return dict.fromkeys(missing, latent_dim + flat_size(observed))

    def build(self, model: Model) -> None:
        """The conditional prior, the encoder and the classifier."""
        super().build(model)
        options, dim, x_o = self.config, model.config.latent_dim, self.x_o.features
        usual = (options.activation, options.dropout)
        self.conditional_prior = Encoder(MLPTrunk((x_o,), options.prior_hidden, *usual), dim)
        self.encoder = Encoder(
            MLPTrunk((x_o + self.x_m.features + self.target.size,), options.encoder_hidden, *usual), dim
        )
        self.classifier = classifier(dim, options.classifier_hidden, self.target.size, *usual)
        if options.initial == "small":
            for module in (*self.modules(), *model.decoders.modules()):
                if isinstance(module, nn.Linear):
                    nn.init.normal_(module.weight, std=1e-3)
                    nn.init.zeros_(module.bias)

    def latent(self, context: Float[Tensor, "B F"]) -> Gaussian:
        """p(z | x_O), ``[B, D]``."""
        return Gaussian(*self.conditional_prior(context))

    def codes(self, batch: Batch) -> Tensor:
        """The label's codes; −1 everywhere where labels are ignored."""
        codes = self.target.codes(batch)
        return torch.full_like(codes, -1) if self.config.supervision == "none" else codes

    def encoded(self, batch: Batch, context: Float[Tensor, "B F"], codes: Tensor) -> Gaussian:
        """q(z | x_O, x_M, y), ``[B, D]``."""
        return Gaussian(*self.encoder(torch.cat([context, self.x_m(batch), self.target.columns(codes)], 1)))

    def terms(self, model: Model, batch: Batch) -> Terms:
        """Log-likelihood ``[M, B]`` (0 for x_O), ω KL ``[B]``, and the two further terms ``[B]``."""
        options, codes, context = self.config, self.codes(batch), self.x_o(batch)
        p, q = self.latent(context), self.encoded(batch, context, codes)  # [B, D]
        noise = normal_noise(p.mean.shape, p.mean)
        z_p, z_q = p.mean + p.scale * noise, q.mean + q.scale * noise
        counts = (
            self.target.known(codes).to(noise.dtype)
            if options.supervision == "required"
            else torch.ones_like(noise[:, 0])
        )
        share = counts / counts.sum().clamp(min=1)  # [B]: sums to 1
        rows = len(batch) * share
        log_likelihood = model.log_likelihood(
            [torch.cat([z_q, context], 1)] * len(model.modalities), batch, per_modality=True
        )
        kl = kl_gaussians(q, p) if options.kl == "correct" else kl_of_released_code(q, p)
        right = self.target.log_likelihood(
            self.classifier(p.mean if options.classifier_input == "mean" else z_p), codes
        )
        mmd = (1 - options.omega) * options.mmd_weight * maximum_mean_discrepancy(z_p, z_q, share)
        others = {"classification": rows * options.alpha * right, "negative_mmd": -mmd.expand(len(batch))}
        return Terms(rows * log_likelihood, rows * options.omega * kl, others)

    def decoder_input(
        self,
        model: Model,
        z: Float[Tensor, "*lead B D"],
        target: str,
        batch: Batch | None,
        given: Bool[Tensor, "*any B M"] | None,
    ) -> Float[Tensor, "*lead B _"]:
        """[z, x_O], with zeros for x_O where not all of it is given."""
        assert batch is not None
        assert given is not None  # there is no prior to decode from: infers(()) is False
        context = torch.where(self.seen(given)[..., None], self.x_o(batch), 0.0)
        return torch.cat([z, context.expand(*z.shape[:-1], -1)], -1)

    def gaussians(self, model: Model, batch: Batch) -> dict[str, Gaussian]:
        """The conditional prior, and the encoder with the true label of each row, as the released code has it."""
        context, names = self.x_o(batch), ",".join(model.modalities)
        encoded = self.encoded(batch, context, self.codes(batch))
        return {f"p(z|{','.join(self.observed)})": self.latent(context), f"q(z|{names},{self.target.label})": encoded}
