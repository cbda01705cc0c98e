"""The multimodal deep Boltzmann machine."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from mmgen import Batch, MmgenError, Modality, Model, Objective, Table, TagsModality, Terms
from mmgen.data import make_likelihood
from mmgen.distributions import Gaussian, Mixture

from .generation import ReplicatedSoftmax, TopDown
from .machine import Machine, Path
from .options import DBMConfig, paths_of
from .rbm import RBM

LAYERS = ("image1", "text1", "image2", "text2", "joint")


class DBM(Objective):
    r"""A deep Boltzmann machine of image features and tags: two hidden layers above each, a joint one above both.

    Image features are standardised, hidden units binary. Energy: :class:`.machine.Machine`. The image path has Gaussian
    units of variance 1, the text path a replicated softmax: as many draws as a row has tags.

    Training is greedy: each layer is the hidden side of a restricted Boltzmann machine (:class:`.rbm.RBM`) whose data
    are the probabilities of the layer below. ``layer`` says which machine learns, and belongs into ``training.stages``
    beside ``train: [objective.image1]`` and so on. F(v_k) − F(v) is maximised, the free energy of what ``cd_steps``
    Gibbs steps made of the data (a constant) less that of the data: its gradient is contrastive divergence. It is not a
    likelihood, and may rise or fall while a machine learns; ``training.select: best`` means nothing here. What a layer
    gets from its one side is doubled where the deep machine has two: bottom-up above the data, top-down below the joint
    layer, both between.

    Posterior: z are the mean-field probabilities of the joint layer given the image, the tags or both, as a point
    (log-variance −∞). A row without a single tag says nothing about its tags, and counts as one that lacks them; where
    nothing is given z is where the machine alone settles.

    Decoding z is mean-field inference of a path with the joint layer held at z, where the sweeps of inference end too.
    It gives the means of the Gaussian units, and N times the softmax; N is the mean number of tags of the training rows
    that have some, known when a training ends. Likelihoods are N(·, I) of standardised values and the replicated
    softmax, whatever the modalities say. Modalities that neither path takes are not part of the machine.

    Rows that lack a modality train the layers of the other path; the joint layer learns from rows that have both.

    Source: Srivastava and Salakhutdinov 2012, "Multimodal Learning with Deep Boltzmann Machines" (NIPS;
    https://jmlr.org/papers/v15/srivastava14b.html); doubling as in Salakhutdinov and Hinton 2009, "Deep Boltzmann
    Machines" (https://proceedings.mlr.press/v5/salakhutdinov09a.html), section 3.2. Deviations: training ends with
    the layers, as in the released code (deepnet, a belief network: it doubles nothing), where the paper goes on with
    all layers at once, by mean-field and persistent chains. Adam with ``training.schedule`` replaces momentum and rates
    of 1/t; weights decay decoupled (``training.optimizer``, AdamW). No sparsity target, which needs statistics of the
    batch. In a chain visible units are their means and hidden ones are drawn; deepnet draws tags too after 5,000
    updates, and scales every row to 100 tags, where N is the row's own here.
    """

    Config = DBMConfig
    family = "energy-based"
    aggregator, prior = None, None
    supports_missing = True
    decodes_mean = True
    staged = ("layer", "cd_steps")
    defaults = {"model": {"latent_dim": 64}}

    def encodes(self, modalities: Mapping[str, Modality], latent_dim: int) -> Mapping[str, int]:
        """None: inference is the machine's own."""
        return {}

    def decodes(self, modalities: Mapping[str, Modality], latent_dim: int) -> Mapping[str, int]:
        """What the two paths take."""
        return dict.fromkeys(paths_of(self.config, modalities), latent_dim)

    def build(self, model: Model) -> None:
        """The five machines, and what stands in the place of decoders and likelihoods.

        Raises:
            MmgenError: Covariates.
        """
        if model.told:
            raise MmgenError(
                "dataset.covariates: a machine of these units has no place for covariates; leave them out."
            )
        self.sides, options = paths_of(self.config, model.modalities), self.config
        sizes = [math.prod(model.modalities[side].shape) for side in self.sides]
        self.image1 = RBM(sizes[0], options.image_hidden[0], "gaussian", up=2)
        self.text1 = RBM(sizes[1], options.text_hidden[0], "softmax", up=2)
        self.image2 = RBM(*options.image_hidden, up=2, down=2)
        self.text2 = RBM(*options.text_hidden, up=2, down=2)
        seconds = options.image_hidden[1], options.text_hidden[1]
        self.joint = RBM(sum(seconds), model.config.latent_dim, down=2)
        image = Path(self.image1, self.image2, self.joint, slice(0, seconds[0]))
        text = Path(self.text1, self.text2, self.joint, slice(seconds[0], sum(seconds)))
        self.machine = Machine(self.joint, (image, text))
        self.columns = [list(model.modalities).index(side) for side in self.sides]
        for side, m, path in zip(self.sides, self.columns, self.machine.paths):
            shape = model.modalities[side].shape
            binary = isinstance(model.modalities[side], TagsModality)
            model.decoders[m] = TopDown(self.machine, path, shape, options.sweeps)
            model.likelihoods[m] = (
                make_likelihood("normal", shape) if path is image else ReplicatedSoftmax(shape, binary)
            )

    def terms(self, model: Model, batch: Batch) -> Terms:
        """For each layer F(v_k) − F(v) ``[B]``: 0 where it does not learn, or a row lacks what it learns from."""
        values, given = self.values(batch), self.given(batch, batch.available)
        learning = LAYERS if self.config.layer == "all" else (self.config.layer,)
        if self.training and not any(p.requires_grad for layer in learning for p in getattr(self, layer).parameters()):
            raise MmgenError(
                f"training.stages: objective.layer is {self.config.layer!r} in a stage that trains nothing of it; "
                f"its parameters are objective.{learning[0]}."
            )
        zeros = values[0].new_zeros(len(batch))
        others = dict.fromkeys(LAYERS, zeros)
        for layer in learning:
            with torch.no_grad():
                visible, rows = self.below(layer, values, given)
            divergence = getattr(self, layer).contrastive_divergence(visible, self.config.cd_steps)
            others[layer] = -divergence.where(rows, 0.0)
        return Terms(zeros.expand(len(model.modalities), -1), zeros, others)

    def below(
        self, layer: str, values: Sequence[Tensor], given: Sequence[Bool[Tensor, " B"]]
    ) -> tuple[Float[Tensor, "B V"], Bool[Tensor, " B"]]:
        """The data of one layer's machine, and which rows have them."""
        if layer == "joint":
            seconds = [path.bottom_up(v).second for path, v in zip(self.machine.paths, values)]
            return torch.cat(seconds, -1), given[0] & given[1]
        side = 0 if layer.startswith("image") else 1
        return values[side] if layer.endswith("1") else self.machine.paths[side].lower.hidden(values[side]), given[side]

    def values(self, batch: Batch) -> list[Float[Tensor, "B V"]]:
        """What the visible units of each path are, of a prepared batch: zeros where a row lacks the modality."""
        seen = [batch.available[:, m, None] for m in self.columns]
        return [torch.where(has, batch.data[side].flatten(1), 0.0) for has, side in zip(seen, self.sides)]

    def given(self, batch: Batch, given: Bool[Tensor, "*lead B M"]) -> list[Bool[Tensor, "*lead B"]]:
        """Which rows have each path's values; without a single tag a row does not have the text path's."""
        image, text = (given[..., m] for m in self.columns)
        return [image, text & (self.values(batch)[1].sum(-1) > 0)]

    def posterior(self, model: Model, batch: Batch, experts: Gaussian, given: Bool[Tensor, "*lead B M"]) -> Mixture:
        """The joint layer's mean-field probabilities, as a point ``[..., 1, B, D]``."""
        options = self.config
        z, _ = self.machine.infer(self.values(batch), self.given(batch, given), options.sweeps, options.clamp)
        return Mixture.of(Gaussian.point(z))

    def infers(self, model: Model, given: Sequence[str]) -> bool:
        """From one of its modalities, or both; there is no prior to draw z from that is not the machine itself."""
        return any(name in self.sides for name in given)

    def gaussians(self, model: Model, batch: Batch) -> Mapping[str, Gaussian]:
        """None: z are probabilities of binary units."""
        return {}

    def solve(self, model: Model, train: Table) -> None:
        """The mean number of tags of the training rows that have some."""
        sums = torch.cat([self._tags_of(batch) for batch in train.batches(4096)])
        if (sums > 0).any():
            self.text1.words.copy_(sums[sums > 0].mean())

    def _tags_of(self, batch: Batch) -> Float[Tensor, " B"]:
        """The number of tags of rows as they are in a table, 0 where they lack them."""
        sums = batch.data[self.sides[1]].flatten(1).sum(-1, dtype=torch.float64)
        return sums.where(batch.available[:, self.columns[1]], 0.0)
